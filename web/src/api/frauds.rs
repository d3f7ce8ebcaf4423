//! Rules against fraud, releases and breakers, in HTTP.
//!
//! The answers are `backoffice::fraud`'s.

use super::Desk;
use super::answers::{Change, ChangeByBody, Read};
use super::asking::Asking;
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::id;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::breaker::{CompanyBreaker, Limits};
use backoffice::fraud::{Breakers, Circuit, ProfileFraud, Rules};
use domain::{CompanyId, ProfileId};

/// Reads a profile's rules against fraud, how full they are, and what stopped it.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/fraud", tag = "fraud", params(("id" = String, Path)),
    responses((status = 200, body = ProfileFraud), Read))]
pub(super) async fn of_profile(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    let kept = desk.ask(move |office| office.profile_fraud(&asking.0, profile)).await?;
    json(StatusCode::OK, &desk.office.standing_of(profile, kept).await)
}

/// Sets all of a profile's rules against fraud; one that is left out is off.
#[utoipa::path(put, path = "/api/v1/profiles/{id}/fraud", tag = "fraud", params(("id" = String, Path)),
    request_body = Rules, responses((status = 200, body = ProfileFraud), ChangeByBody))]
pub(super) async fn set_of_profile(desk: Desk, asking: Asking, path: Path<String>, body: Body<Rules>) -> Answer {
    let profile: ProfileId = id(&path)?;
    let kept = desk.ask(move |office| office.set_profile_fraud(&asking.0, profile, &body.0)).await?;
    json(StatusCode::OK, &desk.office.standing_of(profile, kept).await)
}

/// Lets a profile that a rule has stopped call again, and permits the countries and networks that were refused.
#[utoipa::path(post, path = "/api/v1/profiles/{id}/release", tag = "fraud", params(("id" = String, Path)),
    responses((status = 200, body = ProfileFraud), Change))]
pub(super) async fn release(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    let kept = desk.ask(move |office| office.release_profile(&asking.0, profile)).await?;
    json(StatusCode::OK, &desk.office.standing_of(profile, kept).await)
}

/// Lists the breakers that are open (operators).
#[utoipa::path(get, path = "/api/v1/breakers", tag = "fraud", responses((status = 200, body = Breakers), Read))]
pub(super) async fn breakers(desk: Desk, asking: Asking) -> Answer {
    json(StatusCode::OK, &desk.ask(move |office| office.breakers(&asking.0)).await?)
}

/// Closes a breaker, named by a company's identity, or a currency for all together: new paid calls are placed again (operators).
#[utoipa::path(post, path = "/api/v1/breakers/{circuit}/release", tag = "fraud", params(("circuit" = String, Path)),
    responses((status = 204, description = "Closed"), Change))]
pub(super) async fn release_breaker(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let circuit: Circuit = id(&path)?;
    desk.ask(move |office| office.release_breaker(&asking.0, circuit)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Keeps a breaker open, and asks no more (operators).
#[utoipa::path(post, path = "/api/v1/breakers/{circuit}/keep", tag = "fraud", params(("circuit" = String, Path)),
    responses((status = 204, description = "Kept"), Change))]
pub(super) async fn keep_breaker(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let circuit: Circuit = id(&path)?;
    desk.ask(move |office| office.keep_breaker(&asking.0, circuit)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reads when the breaker of a company opens, and whether it is open.
#[utoipa::path(get, path = "/api/v1/companies/{id}/breaker", tag = "fraud", params(("id" = String, Path)),
    responses((status = 200, body = CompanyBreaker), Read))]
pub(super) async fn company_breaker(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.company_breaker(&asking.0, company)).await?)
}

/// Gives the breaker of a company limits of its own, all of them; one that is left out is off (operators).
#[utoipa::path(put, path = "/api/v1/companies/{id}/breaker", tag = "fraud", params(("id" = String, Path)),
    request_body = Limits, responses((status = 200, body = CompanyBreaker), ChangeByBody))]
pub(super) async fn set_company_breaker(desk: Desk, asking: Asking, path: Path<String>, body: Body<Limits>) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.set_company_breaker(&asking.0, company, &body.0)).await?)
}

/// Gives the breaker of a company the limits of the settings again (operators).
#[utoipa::path(delete, path = "/api/v1/companies/{id}/breaker", tag = "fraud", params(("id" = String, Path)),
    responses((status = 200, body = CompanyBreaker), Change))]
pub(super) async fn reset_company_breaker(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.reset_company_breaker(&asking.0, company)).await?)
}
