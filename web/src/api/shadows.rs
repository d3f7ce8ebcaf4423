//! `/decks/shadows` and `/decks/{id}/shadow`, in HTTP; for operators.
//!
//! The answers are `backoffice::deck::shadow`'s.

use super::Desk;
use super::answers::{Change, ChangeByBody, Read};
use super::asking::Asking;
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::{Query, id, parameter};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::deck::shadow::report::{By, Report, ReportAsk};
use backoffice::deck::shadow::{NewShadow, Shadow};
use backoffice::text::Instant;
use serde::Deserialize;
use std::str::FromStr;
use store::DeckId;
use utoipa::IntoParams;

/// Makes a version the shadow of a deck (operators): calls that begin from now on are rated by both, and charged by the deck alone.
#[utoipa::path(put, path = "/api/v1/decks/{id}/shadow", tag = "decks", params(("id" = String, Path)), request_body = NewShadow,
    responses((status = 200, body = Shadow), ChangeByBody))]
pub(super) async fn set(desk: Desk, asking: Asking, path: Path<String>, body: Body<NewShadow>) -> Answer {
    let deck: DeckId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.set_deck_shadow(&asking.0, deck, &body.0)).await?)
}

/// From now on the version is nobody's shadow (operators). Reports of the time before have it as before.
#[utoipa::path(delete, path = "/api/v1/decks/{id}/shadow", tag = "decks", params(("id" = String, Path)),
    responses((status = 204, description = "Cleared"), Change))]
pub(super) async fn clear(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let deck: DeckId = id(&path)?;
    desk.ask(move |office| office.clear_deck_shadow(&asking.0, deck)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Every shadow that there ever was, oldest first (operators).
#[utoipa::path(get, path = "/api/v1/decks/shadows", tag = "decks", responses((status = 200, body = Vec<Shadow>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking) -> Answer {
    json(StatusCode::OK, &desk.ask(move |office| office.deck_shadows(&asking.0)).await?)
}

/// Which calls, put together how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportQuery {
    /// Of this deck alone, by name.
    of: Option<String>,
    /// Of calls that began then or later; RFC 3339.
    from: Option<String>,
    /// Of calls that began before then; RFC 3339.
    to: Option<String>,
    /// `prefix` or `destination`; `prefix` where nothing is said.
    by: Option<String>,
    /// `json` or `csv`; `json` where nothing is said.
    format: Option<String>,
}

struct ByWord(By);

impl FromStr for ByWord {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "prefix" => Ok(ByWord(By::Prefix)),
            "destination" => Ok(ByWord(By::Destination)),
            _ => Err("expected prefix or destination".to_owned()),
        }
    }
}

struct IsCsv(bool);

impl FromStr for IsCsv {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(IsCsv(false)),
            "csv" => Ok(IsCsv(true)),
            _ => Err("expected json or csv".to_owned()),
        }
    }
}

/// Revenue and refusals of decks and of their shadows, side by side (operators): from the records of calls that have ended, each with the
/// shadow that its deck had when it began. As CSV its rows alone.
#[utoipa::path(get, path = "/api/v1/decks/shadows/report", tag = "decks", params(ReportQuery),
    responses((status = 200, body = Report), Read))]
pub(super) async fn report(desk: Desk, asking: Asking, query: Query<ReportQuery>) -> Answer {
    let ReportQuery { of, from, to, by, format } = query.0;
    let instant = |name, text: Option<String>| {
        let read: Option<Instant> = parameter(name, text.as_deref())?;
        Ok::<_, crate::failure::Failure>(read.map(|instant| instant.0))
    };
    let by = parameter::<ByWord>("by", by.as_deref())?.map(|word| word.0).unwrap_or_default();
    let is_csv = parameter::<IsCsv>("format", format.as_deref())?.is_some_and(|word| word.0);
    let ask = ReportAsk { of, from: instant("from", from)?, to: instant("to", to)?, by };
    let report = desk.ask(move |office| office.shadow_report(&asking.0, &ask)).await?;
    if is_csv {
        return Ok(HttpResponse::Ok().content_type("text/csv; charset=utf-8").body(report.to_csv()));
    }
    json(StatusCode::OK, &report)
}
