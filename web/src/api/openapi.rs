//! The OpenAPI document: made from the handlers' own descriptions.
//!
//! Which routes there are is in the parent; a test holds the two against each other.

use super::answers::Public;
use super::{
    accounts, bans, calls, carriers, companies, credit, decks, doctors, events, frauds, identities, landlines, ledgers,
    numbers, payments, problems, profiles, rates, recharges, shadows, tokens, webhooks,
};
use crate::failure::{Answer, json};
use actix_web::http::StatusCode;
use backoffice::problem::Problem;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// Says that a bearer token is needed, unless a route says otherwise.
struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut Document) {
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tandem",
        version = "1",
        description = "Companies, SIP profiles, credit, carriers, rate decks, numbers and calls of a Tandem switch. Amounts are decimal \
                       strings. Errors are application/problem+json (RFC 9457)."
    ),
    paths(
        read,
        problems::list, problems::read,
        companies::create, companies::list, companies::read, companies::update, companies::spending, companies::add_credit, companies::statement,
        credit::house, ledgers::trim,
        profiles::create, profiles::list, profiles::registrations, profiles::read, profiles::update, profiles::spending, profiles::allocate, profiles::take_back,
        recharges::of_profile, recharges::set_of_profile, recharges::reset_of_profile, recharges::liabilities,
        recharges::of_company, recharges::set_of_company,
        payments::list, payments::create, payments::read, payments::cancel, payments::close, payments::retry, payments::notice,
        profiles::statement, profiles::reveal_password, profiles::renew_password,
        carriers::create, carriers::list, carriers::read, carriers::update, carriers::remove,
        carriers::account, carriers::set_account, carriers::remove_account,
        decks::import, decks::check, decks::list, decks::read, decks::activate, decks::withdraw, decks::remove, decks::rows,
        decks::diff,
        shadows::list, shadows::report, shadows::set, shadows::clear,
        numbers::create, numbers::list, numbers::read, numbers::update, numbers::remove,
        accounts::create, accounts::list, accounts::read, accounts::update, accounts::remove,
        landlines::create, landlines::list, landlines::read, landlines::renew_pin, landlines::verify, landlines::remove,
        identities::of_profile, identities::set_of_profile, identities::of_carrier, identities::set_of_carrier,
        identities::verification, identities::set_verification,
        calls::list, calls::totals, calls::export, calls::read, calls::explain, calls::hang_up,
        events::all, events::of_call, events::of_profile,
        rates::read,
        doctors::trace, doctors::of_profile, doctors::of_strangers, doctors::simulate,
        webhooks::create, webhooks::list, webhooks::read, webhooks::update, webhooks::remove,
        webhooks::rotate, webhooks::test, webhooks::deliveries, webhooks::replay,
        tokens::create, tokens::list, tokens::revoke,
        bans::list, bans::lift,
        frauds::of_profile, frauds::set_of_profile, frauds::release, frauds::breakers, frauds::release_breaker, frauds::keep_breaker,
        frauds::company_breaker, frauds::set_company_breaker, frauds::reset_company_breaker,
    ),
    components(schemas(Problem)),
    security(("token" = [])),
    modifiers(&BearerToken),
    tags(
        (name = "companies", description = "Who pays"),
        (name = "profiles", description = "How PBXs connect: six elements each"),
        (name = "credit", description = "Money: every POST needs an Idempotency-Key"),
        (name = "payments", description = "Money that companies pay in through a payment provider"),
        (name = "carriers", description = "Who calls are handed to and taken from"),
        (name = "decks", description = "What calls cost"),
        (name = "accounts", description = "Business accounts: names with extensions"),
        (name = "landlines", description = "Numbers elsewhere that may be shown as caller ID"),
        (name = "numbers", description = "Online numbers"),
        (name = "calls", description = "Live calls and call records"),
        (name = "events", description = "What happens, as it happens"),
        (name = "webhooks", description = "Whom events are delivered to"),
        (name = "doctor", description = "Why something was refused, or would be"),
        (name = "tokens", description = "Who may ask"),
        (name = "fraud", description = "Rules against fraud, releases, breakers"),
        (name = "bans", description = "Sources whose messages are dropped unread"),
        (name = "problems", description = "What can go wrong"),
        (name = "document", description = "This document"),
    )
)]
struct Api;

/// The OpenAPI document of the API.
pub fn document() -> Document {
    Api::openapi()
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "document", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value), Public))]
pub(super) async fn read() -> Answer {
    json(StatusCode::OK, &document())
}
