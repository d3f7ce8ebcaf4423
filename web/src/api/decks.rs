//! `/decks`, in HTTP; for operators.
//!
//! The answers are `backoffice::deck`'s.

use super::answers::{Change, Import, Read};
use super::asking::Asking;
use super::{Desk, PageQuery};
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::{Query, id, parameter};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Error;
use backoffice::Page;
use backoffice::deck::rows::{DeckDifference, DeckRow};
use backoffice::deck::{CheckedDeck, Deck, NewDeck};
use backoffice::text::Instant;
use serde::Deserialize;
use store::DeckId;
use utoipa::IntoParams;

/// Imports a deck from CSV (operators); in force from `effective_from` on, or not before it is activated.
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

/// From when on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ActivationQuery {
    /// RFC 3339, still to come; at once where nothing is said.
    from: Option<String>,
}

/// Puts a version in force (operators), at once or from an instant on. New calls are charged by it; calls that are up keep theirs.
#[utoipa::path(post, path = "/api/v1/decks/{id}/activate", tag = "decks",
    params(("id" = String, Path), ActivationQuery), responses((status = 200, body = Deck), Change))]
pub(super) async fn activate(desk: Desk, asking: Asking, path: Path<String>, query: Query<ActivationQuery>) -> Answer {
    let deck: DeckId = id(&path)?;
    let from: Option<Instant> = parameter("from", query.0.from.as_deref())?;
    json(StatusCode::OK, &desk.ask(move |office| office.activate_deck(&asking.0, deck, from)).await?)
}

/// Takes back that a version is to come into force (operators).
#[utoipa::path(post, path = "/api/v1/decks/{id}/withdraw", tag = "decks", params(("id" = String, Path)),
    responses((status = 200, body = Deck), Change))]
pub(super) async fn withdraw(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let deck: DeckId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.withdraw_deck(&asking.0, deck)).await?)
}

/// The rows of a version, in order of prefix (operators).
#[utoipa::path(get, path = "/api/v1/decks/{id}/rows", tag = "decks", params(("id" = String, Path), PageQuery),
    responses((status = 200, body = Page<DeckRow>), Read))]
pub(super) async fn rows(desk: Desk, asking: Asking, path: Path<String>, query: Query<PageQuery>) -> Answer {
    let deck: DeckId = id(&path)?;
    let ask = query.0.page()?;
    json(StatusCode::OK, &desk.ask(move |office| office.deck_rows(&asking.0, deck, &ask)).await?)
}

/// With which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DifferenceQuery {
    /// The older side: `deck_3`.
    #[param(value_type = String, required)]
    before: Option<String>,
}

/// What differs in a version from another one (operators).
#[utoipa::path(get, path = "/api/v1/decks/{id}/diff", tag = "decks",
    params(("id" = String, Path), DifferenceQuery), responses((status = 200, body = DeckDifference), Read))]
pub(super) async fn diff(desk: Desk, asking: Asking, path: Path<String>, query: Query<DifferenceQuery>) -> Answer {
    let deck: DeckId = id(&path)?;
    let missing = || Error::field("?before", "expected a version of a deck, such as deck_12");
    let before: DeckId = parameter("before", query.0.before.as_deref())?.ok_or_else(missing)?;
    json(StatusCode::OK, &desk.ask(move |office| office.deck_difference(&asking.0, before, deck)).await?)
}

/// Removes a version that is not in force (operators).
#[utoipa::path(delete, path = "/api/v1/decks/{id}", tag = "decks", params(("id" = String, Path)),
    responses((status = 204, description = "Removed"), Change))]
pub(super) async fn remove(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let deck: DeckId = id(&path)?;
    desk.ask(move |office| office.delete_deck(&asking.0, deck)).await?;
    Ok(HttpResponse::NoContent().finish())
}
