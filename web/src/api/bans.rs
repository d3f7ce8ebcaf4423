//! `/bans`, in HTTP.
//!
//! The answers are `backoffice::ban`'s.

use super::answers::{Change, Read};
use super::asking::Asking;
use super::{Desk, PageQuery};
use crate::failure::{Answer, json};
use crate::query::{Query, id};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::ban::{Ban, Source};

/// Lists the sources whose messages are dropped unread (operators).
#[utoipa::path(get, path = "/api/v1/bans", tag = "bans", params(PageQuery),
    responses((status = 200, body = Page<Ban>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<PageQuery>) -> Answer {
    let ask = query.0.page()?;
    json(StatusCode::OK, &desk.ask(move |office| office.bans(&asking.0, &ask)).await?)
}

/// Ends the ban of a source, named by any of its addresses (operators).
#[utoipa::path(delete, path = "/api/v1/bans/{source}", tag = "bans", params(("source" = String, Path)),
    responses((status = 204, description = "Ended"), Change))]
pub(super) async fn lift(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    // A slash stays escaped in a path.
    let source: Source = id(&path.replace("%2F", "/").replace("%2f", "/"))?;
    desk.ask(move |office| office.lift_ban(&asking.0, source)).await?;
    Ok(HttpResponse::NoContent().finish())
}
