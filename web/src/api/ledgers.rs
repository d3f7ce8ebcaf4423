//! `/ledger/trim`: the journal's old rows, in HTTP.
//!
//! The answer is `backoffice::trimming`'s.

use super::Desk;
use super::answers::Change;
use super::asking::Asking;
use crate::failure::{Answer, json};
use actix_web::http::StatusCode;
use backoffice::trimming::JournalTrimmed;

/// Copies all of this node's journal to the store's archive and takes it out of the journal, however young it is; what the switch needs stays
/// known (operators). Rows older than `ledger.keep_days` go by themselves.
#[utoipa::path(post, path = "/api/v1/ledger/trim", tag = "credit", responses((status = 200, body = JournalTrimmed), Change))]
pub(super) async fn trim(desk: Desk, asking: Asking) -> Answer {
    json(StatusCode::OK, &desk.ask(move |office| office.trim_journal(&asking.0)).await?)
}
