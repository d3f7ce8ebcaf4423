//! Auto-recharge of profiles, what it may take from their company, and auto-recharge of the company itself, in HTTP.
//!
//! The answers are `backoffice::recharge`'s and `backoffice::payments`'.

use super::Desk;
use super::answers::{Change, ChangeAcknowledged, ChangeRecharge, Read};
use super::asking::Asking;
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::id;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::payments::{CompanyRecharge, NewCompanyRecharge};
use backoffice::recharge::{NewProfileRecharge, ProfileRecharge, RechargeLiabilities};
use domain::{CompanyId, ProfileId};

/// Reads how a profile is recharged, and what is recommended.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/auto-recharge", tag = "credit", params(("id" = String, Path)),
    responses((status = 200, body = ProfileRecharge), Read))]
pub(super) async fn of_profile(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.profile_recharge(&asking.0, profile)).await?)
}

/// Says how a profile is recharged; less than what is recommended is 409 `below_recommended` unless it is acknowledged.
#[utoipa::path(put, path = "/api/v1/profiles/{id}/auto-recharge", tag = "credit", params(("id" = String, Path)),
    request_body = NewProfileRecharge, responses((status = 200, body = ProfileRecharge), ChangeAcknowledged))]
pub(super) async fn set_of_profile(
    desk: Desk,
    asking: Asking,
    path: Path<String>,
    body: Body<NewProfileRecharge>,
) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.set_profile_recharge(&asking.0, profile, &body.0)).await?)
}

/// Puts a profile's auto-recharge back to the recommended amounts; one that is off stays off.
#[utoipa::path(delete, path = "/api/v1/profiles/{id}/auto-recharge", tag = "credit", params(("id" = String, Path)),
    responses((status = 200, body = ProfileRecharge), Change))]
pub(super) async fn reset_of_profile(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.reset_profile_recharge(&asking.0, profile)).await?)
}

/// What recharges of its profiles may take from a company soon, beside what it has.
#[utoipa::path(get, path = "/api/v1/companies/{id}/recharge-liabilities", tag = "credit", params(("id" = String, Path)),
    responses((status = 200, body = RechargeLiabilities), Read))]
pub(super) async fn liabilities(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.recharge_liabilities(&asking.0, company)).await?)
}

/// Reads how a company is recharged by payments.
#[utoipa::path(get, path = "/api/v1/companies/{id}/auto-recharge", tag = "payments", params(("id" = String, Path)),
    responses((status = 200, body = CompanyRecharge), Read))]
pub(super) async fn of_company(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.company_recharge(&asking.0, company)).await?)
}

/// Says how a company is recharged by payments, or that it is not; a cool-down after a decline ends with it.
#[utoipa::path(put, path = "/api/v1/companies/{id}/auto-recharge", tag = "payments", params(("id" = String, Path)),
    request_body = NewCompanyRecharge, responses((status = 200, body = CompanyRecharge), ChangeRecharge))]
pub(super) async fn set_of_company(
    desk: Desk,
    asking: Asking,
    path: Path<String>,
    body: Body<NewCompanyRecharge>,
) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.set_company_recharge(&asking.0, company, &body.0)).await?)
}
