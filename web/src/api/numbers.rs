//! `/numbers`, in HTTP.
//!
//! The answers are `backoffice::number`'s.

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
use backoffice::number::{NewNumber, Number, NumberPatch};
use domain::NumberId;

/// Adds a number to a company (operators).
#[utoipa::path(post, path = "/api/v1/numbers", tag = "numbers", request_body = NewNumber,
    responses((status = 201, body = Number), ChangeByBody))]
pub(super) async fn create(desk: Desk, asking: Asking, body: Body<NewNumber>) -> Answer {
    json(StatusCode::CREATED, &desk.ask(move |office| office.create_number(&asking.0, &body.0)).await?)
}

/// Lists numbers.
#[utoipa::path(get, path = "/api/v1/numbers", tag = "numbers", params(OwnedQuery),
    responses((status = 200, body = Page<Number>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<OwnedQuery>) -> Answer {
    let OwnedQuery { company, limit, after } = query.0;
    let (company, ask) = (parameter("company", company.as_deref())?, page(limit.as_deref(), after)?);
    json(StatusCode::OK, &desk.ask(move |office| office.numbers(&asking.0, company, &ask)).await?)
}

/// Reads a number.
#[utoipa::path(get, path = "/api/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    responses((status = 200, body = Number), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let number: NumberId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.number(&asking.0, number)).await?)
}

/// Lets a number ring at another profile of its company, or nowhere.
#[utoipa::path(patch, path = "/api/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    request_body = NumberPatch, responses((status = 200, body = Number), ChangeByBody))]
pub(super) async fn update(desk: Desk, asking: Asking, path: Path<String>, body: Body<NumberPatch>) -> Answer {
    let number: NumberId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.update_number(&asking.0, number, &body.0)).await?)
}

/// Takes a number from its company (operators).
#[utoipa::path(delete, path = "/api/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    responses((status = 204, description = "Removed"), Change))]
pub(super) async fn remove(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let number: NumberId = id(&path)?;
    desk.ask(move |office| office.delete_number(&asking.0, number)).await?;
    Ok(HttpResponse::NoContent().finish())
}
