//! `/attempts`, `/simulate` and traces of calls: why something was refused, or would be, in HTTP.
//!
//! The answers are `backoffice::doctor`'s and `backoffice::simulation`'s.

use super::Desk;
use super::answers::{Ask, Read};
use super::asking::Asking;
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::id;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::doctor::{Attempt, CallTrace};
use backoffice::simulation::{Simulate, Simulated};
use domain::{CallId, ProfileId};

/// Which rule saw what of a call, live or ended, refused or not. For some milliseconds after its end it is neither.
#[utoipa::path(get, path = "/api/v1/calls/{id}/trace", tag = "doctor", params(("id" = String, Path)),
    responses((status = 200, body = CallTrace), Read))]
pub(super) async fn trace(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let call: CallId = id(&path)?;
    match desk.office.live_trace(&asking.0, call).await {
        Some(live) => json(StatusCode::OK, &live),
        None => json(StatusCode::OK, &desk.ask(move |office| office.call_trace(&asking.0, call)).await?),
    }
}

/// Registrations and calls that were tried lately by a profile's PBX, to it, or in its name; newest first, all that this node remembers.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/attempts", tag = "doctor", params(("id" = String, Path)),
    responses((status = 200, body = Page<Attempt>), Read))]
pub(super) async fn of_profile(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let profile: ProfileId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.profile_attempts(&asking.0, profile)).await?)
}

/// What strangers tried lately: wrong user names, unknown addresses. For operators.
#[utoipa::path(get, path = "/api/v1/attempts", tag = "doctor", responses((status = 200, body = Page<Attempt>), Read))]
pub(super) async fn of_strangers(desk: Desk, asking: Asking) -> Answer {
    json(StatusCode::OK, &desk.ask(move |office| office.strangers_attempts(&asking.0)).await?)
}

/// What would become of a call: it is admitted dry by the machines that admit real ones. Nothing is held, nobody is dialled, nothing is
/// counted.
#[utoipa::path(post, path = "/api/v1/simulate", tag = "doctor", request_body = Simulate,
    responses((status = 200, body = Simulated), Ask))]
pub(super) async fn simulate(desk: Desk, asking: Asking, body: Body<Simulate>) -> Answer {
    let caller = asking.0.clone();
    let hypothesis = desk.ask(move |office| office.hypothesis(&caller, body.0)).await?;
    json(StatusCode::OK, &desk.office.simulate(&asking.0, hypothesis).await)
}
