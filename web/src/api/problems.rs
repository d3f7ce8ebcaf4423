//! `/problems`: where the `type` of a problem leads; no token is asked.
//!
//! The catalogue is `backoffice::problem`'s.

use super::answers::Public;
use crate::failure::{Answer, Failure, json};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::problem::{ProblemEntry, ProblemKind};

/// Every kind of problem that the API answers.
#[utoipa::path(get, path = "/api/v1/problems", tag = "problems", security(()),
    responses((status = 200, body = Vec<ProblemEntry>), Public))]
pub(super) async fn list() -> Answer {
    let entries: Vec<ProblemEntry> = ProblemKind::ALL.iter().copied().map(ProblemEntry::from).collect();
    json(StatusCode::OK, &entries)
}

/// One kind of problem.
#[utoipa::path(get, path = "/api/v1/problems/{code}", tag = "problems", security(()), params(("code" = String, Path)),
    responses((status = 200, body = ProblemEntry), Public))]
pub(super) async fn read(path: Path<String>) -> Answer {
    let unknown =
        || Failure::Door(ProblemKind::NotFound, "no problem has this code; GET /problems lists all".to_owned());
    json(StatusCode::OK, &ProblemEntry::from(ProblemKind::from_label(&path).ok_or_else(unknown)?))
}
