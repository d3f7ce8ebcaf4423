//! `/landlines`, in HTTP.
//!
//! The answers are `backoffice::landline`'s.

use super::answers::{Change, ChangeByBody, Read};
use super::asking::Asking;
use super::{Desk, OwnedQuery};
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::{Query, id, page, parameter};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::landline::{Landline, NewLandline, SaidPin};
use domain::LandlineId;

/// Adds a landline to the book of a verified company.
#[utoipa::path(post, path = "/api/v1/landlines", tag = "landlines", request_body = NewLandline,
    responses((status = 201, body = Landline), ChangeByBody))]
pub(super) async fn create(desk: Desk, asking: Asking, body: Body<NewLandline>) -> Answer {
    json(StatusCode::CREATED, &desk.ask(move |office| office.create_landline(&asking.0, &body.0)).await?)
}

/// Lists landlines.
#[utoipa::path(get, path = "/api/v1/landlines", tag = "landlines", params(OwnedQuery),
    responses((status = 200, body = Page<Landline>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<OwnedQuery>) -> Answer {
    let OwnedQuery { company, limit, after } = query.0;
    let (company, ask) = (parameter("company", company.as_deref())?, page(limit.as_deref(), after)?);
    json(StatusCode::OK, &desk.ask(move |office| office.landlines(&asking.0, company, &ask)).await?)
}

/// Reads a landline; operators see its PIN.
#[utoipa::path(get, path = "/api/v1/landlines/{id}", tag = "landlines", params(("id" = String, Path)),
    responses((status = 200, body = Landline), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let landline: LandlineId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.landline(&asking.0, landline)).await?)
}

/// Makes a new PIN, to be told over the line.
#[utoipa::path(post, path = "/api/v1/landlines/{id}/renew-pin", tag = "landlines", params(("id" = String, Path)),
    responses((status = 200, body = Landline), Change))]
pub(super) async fn renew_pin(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let landline: LandlineId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.renew_landline_pin(&asking.0, landline)).await?)
}

/// Verifies a landline by the PIN that was told over it.
#[utoipa::path(post, path = "/api/v1/landlines/{id}/verify", tag = "landlines", params(("id" = String, Path)),
    request_body = SaidPin, responses((status = 200, body = Landline), ChangeByBody))]
pub(super) async fn verify(desk: Desk, asking: Asking, path: Path<String>, body: Body<SaidPin>) -> Answer {
    let landline: LandlineId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.verify_landline(&asking.0, landline, &body.0)).await?)
}

/// Takes a landline out of the book.
#[utoipa::path(delete, path = "/api/v1/landlines/{id}", tag = "landlines", params(("id" = String, Path)),
    responses((status = 204, description = "Removed"), Change))]
pub(super) async fn remove(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let landline: LandlineId = id(&path)?;
    desk.ask(move |office| office.delete_landline(&asking.0, landline)).await?;
    Ok(HttpResponse::NoContent().finish())
}
