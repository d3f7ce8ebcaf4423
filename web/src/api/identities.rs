//! `/profiles/{id}/identity`, `/carriers/{id}/identity` and `/companies/{id}/verification`, in HTTP.
//!
//! The answers are `backoffice::identity`'s and `backoffice::landline`'s.

use super::Desk;
use super::answers::{ChangeByBody, Read};
use super::asking::Asking;
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::id;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::identity::{CarrierIdentity, NewProfileIdentity, ProfileIdentity};
use backoffice::landline::CompanyVerification;
use domain::{CarrierId, CompanyId, ProfileId};

/// Reads how a profile's PBX is spoken to, whose numbers its calls show, and which they could.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/identity", tag = "profiles", params(("id" = String, Path)),
    responses((status = 200, body = ProfileIdentity), Read))]
pub(super) async fn of_profile(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.profile_identity(&asking.0, profile)).await?)
}

/// Says how a profile's PBX is spoken to; what is left out is as usual.
#[utoipa::path(put, path = "/api/v1/profiles/{id}/identity", tag = "profiles", params(("id" = String, Path)),
    request_body = NewProfileIdentity, responses((status = 200, body = ProfileIdentity), ChangeByBody))]
pub(super) async fn set_of_profile(
    desk: Desk,
    asking: Asking,
    path: Path<String>,
    body: Body<NewProfileIdentity>,
) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.set_profile_identity(&asking.0, profile, body.0)).await?)
}

/// Reads how a carrier is spoken to (operators).
#[utoipa::path(get, path = "/api/v1/carriers/{id}/identity", tag = "carriers", params(("id" = String, Path)),
    responses((status = 200, body = CarrierIdentity), Read))]
pub(super) async fn of_carrier(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let carrier: CarrierId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.carrier_identity(&asking.0, carrier)).await?)
}

/// Says how a carrier is spoken to; what is left out is as usual (operators).
#[utoipa::path(put, path = "/api/v1/carriers/{id}/identity", tag = "carriers", params(("id" = String, Path)),
    request_body = CarrierIdentity, responses((status = 200, body = CarrierIdentity), ChangeByBody))]
pub(super) async fn set_of_carrier(
    desk: Desk,
    asking: Asking,
    path: Path<String>,
    body: Body<CarrierIdentity>,
) -> Answer {
    let carrier: CarrierId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.set_carrier_identity(&asking.0, carrier, body.0)).await?)
}

/// Reads whether a company is verified.
#[utoipa::path(get, path = "/api/v1/companies/{id}/verification", tag = "companies", params(("id" = String, Path)),
    responses((status = 200, body = CompanyVerification), Read))]
pub(super) async fn verification(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.verification(&asking.0, company)).await?)
}

/// Says whether a company is verified; a company itself may only ask for it.
#[utoipa::path(put, path = "/api/v1/companies/{id}/verification", tag = "companies", params(("id" = String, Path)),
    request_body = CompanyVerification, responses((status = 200, body = CompanyVerification), ChangeByBody))]
pub(super) async fn set_verification(
    desk: Desk,
    asking: Asking,
    path: Path<String>,
    body: Body<CompanyVerification>,
) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.set_verification(&asking.0, company, body.0)).await?)
}
