//! `/profiles`: what is asked of a profile, in HTTP.
//!
//! The answers are `backoffice::profile`'s and `backoffice::credit`'s.

use super::answers::{Change, ChangeByBody, Move, Read};
use super::asking::Asking;
use super::companies::statement_lines;
use super::{Desk, OwnedQuery, StatementQuery};
use crate::body::{Body, OrderBody, given};
use crate::failure::{Answer, json};
use crate::query::{Query, id, page, parameter};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::credit::{Allocation, Moved, TakeBack};
use backoffice::profile::{CreatedProfile, NewProfile, Profile, ProfilePatch, Registered, RevealedPassword};
use backoffice::spending::Spending;
use backoffice::statement::Entry;
use domain::ProfileId;

/// Creates a profile with SIP user and password of our making.
#[utoipa::path(post, path = "/api/v1/profiles", tag = "profiles", request_body = NewProfile,
    responses((status = 201, body = CreatedProfile), ChangeByBody))]
pub(super) async fn create(desk: Desk, asking: Asking, body: Body<NewProfile>) -> Answer {
    let profile = desk.ask(move |office| office.create_profile(&asking.0, body.0)).await?;
    json(StatusCode::CREATED, &profile)
}

/// Lists profiles.
#[utoipa::path(get, path = "/api/v1/profiles", tag = "profiles", params(OwnedQuery),
    responses((status = 200, body = Page<Profile>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<OwnedQuery>) -> Answer {
    let OwnedQuery { company, limit, after } = query.0;
    let (company, ask) = (parameter("company", company.as_deref())?, page(limit.as_deref(), after)?);
    json(StatusCode::OK, &desk.ask(move |office| office.profiles(&asking.0, company, &ask)).await?)
}

/// Lists the PBXs that are registered, at whichever node of the house, with the node of each.
#[utoipa::path(get, path = "/api/v1/registrations", tag = "profiles", params(OwnedQuery),
    responses((status = 200, body = Page<Registered>), Read))]
pub(super) async fn registrations(desk: Desk, asking: Asking, query: Query<OwnedQuery>) -> Answer {
    let OwnedQuery { company, limit, after } = query.0;
    let (company, ask) = (parameter("company", company.as_deref())?, page(limit.as_deref(), after)?);
    json(StatusCode::OK, &desk.ask(move |office| office.registrations(&asking.0, company, &ask)).await?)
}

/// Reads the six elements of a profile.
#[utoipa::path(get, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = String, Path)),
    responses((status = 200, body = Profile), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.profile(&asking.0, profile)).await?)
}

/// Changes a profile; calls that are up go on.
#[utoipa::path(patch, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = String, Path)),
    request_body = ProfilePatch, responses((status = 200, body = Profile), ChangeByBody))]
pub(super) async fn update(desk: Desk, asking: Asking, path: Path<String>, body: Body<ProfilePatch>) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.update_profile(&asking.0, profile, body.0)).await?)
}

/// Says how fast a profile's credit is being spent.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/credit", tag = "credit", params(("id" = String, Path)),
    responses((status = 200, body = Spending), Read))]
pub(super) async fn spending(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    let purse = desk.ask(move |office| office.purse_of_profile(&asking.0, profile)).await?;
    json(StatusCode::OK, &desk.office.spending(purse).await)
}

/// Moves credit from the company to a profile.
#[utoipa::path(post, path = "/api/v1/profiles/{id}/credit", tag = "credit",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header, description = "New for each order, the same for each repetition")),
    request_body = Allocation, responses((status = 200, body = Moved), Move))]
pub(super) async fn allocate(desk: Desk, asking: Asking, path: Path<String>, body: OrderBody<Allocation>) -> Answer {
    let profile: ProfileId = id(&path)?;
    let done = desk.ask(move |office| office.allocate_credit(&asking.0, profile, &body.value, &body.order)).await?;
    Ok(given(done))
}

/// Moves credit from a profile back to the company, never what is held.
#[utoipa::path(post, path = "/api/v1/profiles/{id}/credit/take-back", tag = "credit",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header, description = "New for each order, the same for each repetition")),
    request_body = TakeBack, responses((status = 200, body = Moved), Move))]
pub(super) async fn take_back(desk: Desk, asking: Asking, path: Path<String>, body: OrderBody<TakeBack>) -> Answer {
    let profile: ProfileId = id(&path)?;
    let done = desk.ask(move |office| office.take_back_credit(&asking.0, profile, &body.value, &body.order)).await?;
    Ok(given(done))
}

/// The statement of a profile's credit, newest first.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/statement", tag = "credit",
    params(("id" = String, Path), StatementQuery), responses((status = 200, body = Page<Entry>), Read))]
pub(super) async fn statement(desk: Desk, asking: Asking, path: Path<String>, query: Query<StatementQuery>) -> Answer {
    let profile: ProfileId = id(&path)?;
    let StatementQuery { lines, limit, after } = query.0;
    let (lines, ask) = (statement_lines(lines.as_deref())?, page(limit.as_deref(), after)?);
    json(StatusCode::OK, &desk.ask(move |office| office.profile_statement(&asking.0, profile, lines, &ask)).await?)
}

/// Shows the password; noted in the audit.
#[utoipa::path(post, path = "/api/v1/profiles/{id}/reveal-password", tag = "profiles", params(("id" = String, Path)),
    responses((status = 200, body = RevealedPassword), Read))]
pub(super) async fn reveal_password(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.reveal_password(&asking.0, profile)).await?)
}

/// Gives the profile a new password of our making.
#[utoipa::path(post, path = "/api/v1/profiles/{id}/renew-password", tag = "profiles", params(("id" = String, Path)),
    responses((status = 200, body = RevealedPassword), Change))]
pub(super) async fn renew_password(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.renew_password(&asking.0, profile)).await?)
}
