//! `/decks`, in HTTP; for operators.
//!
//! The answers are `backoffice::deck`'s.

use super::answers::{Change, Import, Read};
use super::asking::Asking;
use super::{Desk, PageQuery};
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::{Query, id};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::deck::{CheckedDeck, Deck, NewDeck};
use store::DeckId;

/// Imports a deck from CSV (operators); not yet in force.
#[utoipa::path(post, path = "/api/v1/decks", tag = "decks", request_body = NewDeck,
    responses((status = 201, body = Deck), Import))]
pub(super) async fn import(desk: Desk, asking: Asking, body: Body<NewDeck>) -> Answer {
    json(StatusCode::CREATED, &desk.ask(move |office| office.import_deck(&asking.0, &body.0)).await?)
}

/// Reads a CSV file as importing it would, and imports nothing (operators).
#[utoipa::path(post, path = "/api/v1/decks/check", tag = "decks", request_body = NewDeck,
    responses((status = 200, body = CheckedDeck), Import))]
pub(super) async fn check(desk: Desk, asking: Asking, body: Body<NewDeck>) -> Answer {
    json(StatusCode::OK, &desk.ask(move |office| office.check_deck(&asking.0, &body.0)).await?)
}

/// Lists every version of every deck (operators).
#[utoipa::path(get, path = "/api/v1/decks", tag = "decks", params(PageQuery),
    responses((status = 200, body = Page<Deck>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<PageQuery>) -> Answer {
    let ask = query.0.page()?;
    json(StatusCode::OK, &desk.ask(move |office| office.decks(&asking.0, &ask)).await?)
}

/// Reads a version of a deck (operators).
#[utoipa::path(get, path = "/api/v1/decks/{id}", tag = "decks", params(("id" = String, Path)),
    responses((status = 200, body = Deck), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let deck: DeckId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.deck(&asking.0, deck)).await?)
}

/// Puts a version in force (operators); new calls are charged by it at once.
#[utoipa::path(post, path = "/api/v1/decks/{id}/activate", tag = "decks", params(("id" = String, Path)),
    responses((status = 200, body = Deck), Change))]
pub(super) async fn activate(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let deck: DeckId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.activate_deck(&asking.0, deck)).await?)
}

/// Removes a version that is not in force (operators).
#[utoipa::path(delete, path = "/api/v1/decks/{id}", tag = "decks", params(("id" = String, Path)),
    responses((status = 204, description = "Removed"), Change))]
pub(super) async fn remove(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let deck: DeckId = id(&path)?;
    desk.ask(move |office| office.delete_deck(&asking.0, deck)).await?;
    Ok(HttpResponse::NoContent().finish())
}
