//! REST API v1: which path and method is which question to the back office.
//!
//! Handlers are in the files beside, by noun; what they ask is `backoffice`'s.

mod accounts;
mod answers;
mod asking;
mod bans;
mod calls;
mod carriers;
mod companies;
mod credit;
mod decks;
mod doctors;
mod events;
mod frauds;
mod identities;
mod landlines;
mod ledgers;
mod numbers;
mod openapi;
mod payments;
mod problems;
mod profiles;
mod rates;
mod recharges;
mod shadows;
mod tokens;
mod webhooks;

use crate::failure;
use crate::query;
use crate::services::Services;
use actix_web::{HttpRequest, middleware, web};
use backoffice::PageAsk;
use serde::Deserialize;
use utoipa::IntoParams;

pub use openapi::document;

/// Where the API lies.
pub const BASE: &str = "/api/v1";

type Desk = web::Data<Services>;

macro_rules! route_table {
    ($table:ident, $register:ident; $($path:literal, $allow:literal: $($method:ident $handler:path),+;)*) => {
        /// Method and path of each, under [`BASE`].
        pub const $table: &[(&str, &str)] = &[$($((stringify!($method), $path)),+),*];

        fn $register(app: &mut web::ServiceConfig) {
            $(
                app.service(
                    web::resource($path)
                        $(.route(web::$method().to($handler)))+
                        .default_service(web::to(async |request: HttpRequest| {
                            failure::no_such_method(&request, $allow)
                        })),
                );
            )*
        }
    };
}

route_table! { PUBLIC_ROUTES, public_routes;
    "/openapi.json", "GET": get openapi::read;
    "/problems", "GET": get problems::list;
    "/problems/{code}", "GET": get problems::read;
    "/payments/webhook", "POST": post payments::notice;
}

route_table! { ROUTES, token_routes;
    "/companies", "GET, POST": get companies::list, post companies::create;
    "/companies/{id}", "GET, PATCH": get companies::read, patch companies::update;
    "/companies/{id}/credit", "GET, POST": get companies::spending, post companies::add_credit;
    "/companies/{id}/statement", "GET": get companies::statement;
    "/companies/{id}/auto-recharge", "GET, PUT": get recharges::of_company, put recharges::set_of_company;
    "/companies/{id}/payments", "GET, POST": get payments::list, post payments::create;
    "/companies/{id}/payments/{payment}", "GET": get payments::read;
    "/companies/{id}/payments/{payment}/cancel", "POST": post payments::cancel;
    "/companies/{id}/payments/{payment}/close", "POST": post payments::close;
    "/companies/{id}/payments/{payment}/retry", "POST": post payments::retry;
    "/companies/{id}/breaker", "DELETE, GET, PUT": get frauds::company_breaker, put frauds::set_company_breaker, delete frauds::reset_company_breaker;
    "/companies/{id}/recharge-liabilities", "GET": get recharges::liabilities;
    "/companies/{id}/verification", "GET, PUT": get identities::verification, put identities::set_verification;
    "/credit", "GET": get credit::house;
    "/ledger/trim", "POST": post ledgers::trim;
    "/profiles", "GET, POST": get profiles::list, post profiles::create;
    "/registrations", "GET": get profiles::registrations;
    "/profiles/{id}", "GET, PATCH": get profiles::read, patch profiles::update;
    "/profiles/{id}/credit", "GET, POST": get profiles::spending, post profiles::allocate;
    "/profiles/{id}/credit/take-back", "POST": post profiles::take_back;
    "/profiles/{id}/auto-recharge", "DELETE, GET, PUT": get recharges::of_profile, put recharges::set_of_profile, delete recharges::reset_of_profile;
    "/profiles/{id}/fraud", "GET, PUT": get frauds::of_profile, put frauds::set_of_profile;
    "/profiles/{id}/release", "POST": post frauds::release;
    "/profiles/{id}/statement", "GET": get profiles::statement;
    "/profiles/{id}/reveal-password", "POST": post profiles::reveal_password;
    "/profiles/{id}/renew-password", "POST": post profiles::renew_password;
    "/profiles/{id}/identity", "GET, PUT": get identities::of_profile, put identities::set_of_profile;
    "/profiles/{id}/attempts", "GET": get doctors::of_profile;
    "/accounts", "GET, POST": get accounts::list, post accounts::create;
    "/accounts/{id}", "DELETE, GET, PATCH": get accounts::read, patch accounts::update, delete accounts::remove;
    "/landlines", "GET, POST": get landlines::list, post landlines::create;
    "/landlines/{id}", "DELETE, GET": get landlines::read, delete landlines::remove;
    "/landlines/{id}/renew-pin", "POST": post landlines::renew_pin;
    "/landlines/{id}/verify", "POST": post landlines::verify;
    "/carriers", "GET, POST": get carriers::list, post carriers::create;
    "/carriers/{id}", "DELETE, GET, PATCH": get carriers::read, patch carriers::update, delete carriers::remove;
    "/carriers/{id}/account", "DELETE, GET, PUT": get carriers::account, put carriers::set_account, delete carriers::remove_account;
    "/carriers/{id}/identity", "GET, PUT": get identities::of_carrier, put identities::set_of_carrier;
    "/decks", "GET, POST": get decks::list, post decks::import;
    "/decks/check", "POST": post decks::check;
    "/decks/shadows", "GET": get shadows::list;
    "/decks/shadows/report", "GET": get shadows::report;
    "/decks/{id}", "DELETE, GET": get decks::read, delete decks::remove;
    "/decks/{id}/activate", "POST": post decks::activate;
    "/decks/{id}/diff", "GET": get decks::diff;
    "/decks/{id}/rows", "GET": get decks::rows;
    "/decks/{id}/shadow", "DELETE, PUT": put shadows::set, delete shadows::clear;
    "/decks/{id}/withdraw", "POST": post decks::withdraw;
    "/numbers", "GET, POST": get numbers::list, post numbers::create;
    "/numbers/{id}", "DELETE, GET, PATCH": get numbers::read, patch numbers::update, delete numbers::remove;
    "/calls", "GET": get calls::list;
    "/calls/totals", "GET": get calls::totals;
    "/calls/export", "GET": get calls::export;
    "/calls/{id}", "DELETE, GET": get calls::read, delete calls::hang_up;
    "/calls/{id}/explain", "GET": get calls::explain;
    "/calls/{id}/trace", "GET": get doctors::trace;
    "/attempts", "GET": get doctors::of_strangers;
    "/simulate", "POST": post doctors::simulate;
    "/calls/{id}/events", "GET": get events::of_call;
    "/profiles/{id}/events", "GET": get events::of_profile;
    "/events", "GET": get events::all;
    "/rates", "GET": get rates::read;
    "/breakers", "GET": get frauds::breakers;
    "/breakers/{circuit}/keep", "POST": post frauds::keep_breaker;
    "/breakers/{circuit}/release", "POST": post frauds::release_breaker;
    "/bans", "GET": get bans::list;
    "/bans/{source}", "DELETE": delete bans::lift;
    "/webhooks", "GET, POST": get webhooks::list, post webhooks::create;
    "/webhooks/{id}", "DELETE, GET, PATCH": get webhooks::read, patch webhooks::update, delete webhooks::remove;
    "/webhooks/{id}/deliveries", "GET": get webhooks::deliveries;
    "/webhooks/{id}/replay", "POST": post webhooks::replay;
    "/webhooks/{id}/rotate-secret", "POST": post webhooks::rotate;
    "/webhooks/{id}/test", "POST": post webhooks::test;
    "/tokens", "GET, POST": get tokens::list, post tokens::create;
    "/tokens/{id}", "DELETE": delete tokens::revoke;
}

/// Hangs the API into an app.
pub(crate) fn routes(app: &mut web::ServiceConfig) {
    let scope = web::scope(BASE).configure(public_routes).service(
        web::scope("")
            .wrap(middleware::from_fn(asking::authenticated))
            .configure(token_routes)
            .default_service(web::to(failure::no_such_path)),
    );
    app.service(scope);
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// Entries at most, 1 to 500; 50 where nothing is said.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
}

impl PageQuery {
    fn page(self) -> Result<PageAsk, failure::Failure> {
        query::page(self.limit.as_deref(), self.after)
    }
}

/// Whose, and which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OwnedQuery {
    /// This company's only.
    company: Option<String>,
    /// Entries at most, 1 to 500; 50 where nothing is said.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Which lines of a statement.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StatementQuery {
    /// `posted` (what moved) or `all` (holds, releases and prolonged leases too); `posted` where nothing is said.
    lines: Option<String>,
    /// Entries at most, 1 to 500; 50 where nothing is said. A batch is never cut in two, so a page may be a few longer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
}
