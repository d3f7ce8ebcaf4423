//! `/carriers`, in HTTP; for operators.
//!
//! The answers are `backoffice::carrier`'s.

use super::answers::{Change, ChangeByBody, Read};
use super::asking::Asking;
use super::{Desk, PageQuery};
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::{Query, id};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::carrier::{Carrier, CarrierAccount, CarrierPatch, NewCarrier, NewCarrierAccount};
use domain::CarrierId;

/// Creates a carrier (operators).
#[utoipa::path(post, path = "/api/v1/carriers", tag = "carriers", request_body = NewCarrier,
    responses((status = 201, body = Carrier), ChangeByBody))]
pub(super) async fn create(desk: Desk, asking: Asking, body: Body<NewCarrier>) -> Answer {
    let carrier = desk.ask(move |office| office.create_carrier(&asking.0, body.0)).await?;
    json(StatusCode::CREATED, &carrier)
}

/// Lists carriers (operators).
#[utoipa::path(get, path = "/api/v1/carriers", tag = "carriers", params(PageQuery),
    responses((status = 200, body = Page<Carrier>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<PageQuery>) -> Answer {
    let ask = query.0.page()?;
    json(StatusCode::OK, &desk.ask(move |office| office.carriers(&asking.0, &ask)).await?)
}

/// Reads a carrier (operators).
#[utoipa::path(get, path = "/api/v1/carriers/{id}", tag = "carriers", params(("id" = String, Path)),
    responses((status = 200, body = Carrier), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let carrier: CarrierId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.carrier(&asking.0, carrier)).await?)
}

/// Changes a carrier (operators).
#[utoipa::path(patch, path = "/api/v1/carriers/{id}", tag = "carriers", params(("id" = String, Path)),
    request_body = CarrierPatch, responses((status = 200, body = Carrier), ChangeByBody))]
pub(super) async fn update(desk: Desk, asking: Asking, path: Path<String>, body: Body<CarrierPatch>) -> Answer {
    let carrier: CarrierId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.update_carrier(&asking.0, carrier, body.0)).await?)
}

/// Removes a carrier (operators); calls that it carries go on.
#[utoipa::path(delete, path = "/api/v1/carriers/{id}", tag = "carriers", params(("id" = String, Path)),
    responses((status = 204, description = "Removed"), Change))]
pub(super) async fn remove(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let carrier: CarrierId = id(&path)?;
    desk.ask(move |office| office.delete_carrier(&asking.0, carrier)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reads who we are to a carrier that asks, and how our registration there stands (operators).
#[utoipa::path(get, path = "/api/v1/carriers/{id}/account", tag = "carriers", params(("id" = String, Path)),
    responses((status = 200, body = CarrierAccount), Read))]
pub(super) async fn account(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let carrier: CarrierId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.carrier_account(&asking.0, carrier)).await?)
}

/// Says who we are to a carrier from now on; the password is never shown (operators).
#[utoipa::path(put, path = "/api/v1/carriers/{id}/account", tag = "carriers", params(("id" = String, Path)),
    request_body = NewCarrierAccount, responses((status = 200, body = CarrierAccount), ChangeByBody))]
pub(super) async fn set_account(
    desk: Desk,
    asking: Asking,
    path: Path<String>,
    body: Body<NewCarrierAccount>,
) -> Answer {
    let carrier: CarrierId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.set_carrier_account(&asking.0, carrier, body.0)).await?)
}

/// A carrier asks no more, and we register there no more (operators).
#[utoipa::path(delete, path = "/api/v1/carriers/{id}/account", tag = "carriers", params(("id" = String, Path)),
    responses((status = 204, description = "Removed"), Change))]
pub(super) async fn remove_account(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let carrier: CarrierId = id(&path)?;
    desk.ask(move |office| office.delete_carrier_account(&asking.0, carrier)).await?;
    Ok(HttpResponse::NoContent().finish())
}
