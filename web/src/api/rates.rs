//! `/rates`: what a call would cost (R13), in HTTP.
//!
//! The answer is `backoffice::rate`'s.

use super::Desk;
use super::answers::ReadRate;
use super::asking::Asking;
use crate::failure::{Answer, json};
use crate::query::{Query, parameter};
use actix_web::http::StatusCode;
use backoffice::Error;
use backoffice::rate::Rate;
use domain::E164;
use serde::Deserialize;
use utoipa::IntoParams;

/// For which number, and who would pay.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RateQuery {
    /// The full international number; `+` is written `%2B` in a query, or left out.
    #[param(value_type = String, required)]
    number: Option<String>,
    /// The company that would pay; must be given with an operator's token.
    company: Option<String>,
}

/// The price of calls to a number: what the next call is charged.
#[utoipa::path(get, path = "/api/v1/rates", tag = "decks", params(RateQuery),
    responses((status = 200, body = Rate), ReadRate))]
pub(super) async fn read(desk: Desk, asking: Asking, query: Query<RateQuery>) -> Answer {
    // A plus that was not escaped arrives as a space.
    let number = query.0.number.as_deref().map(str::trim_start);
    let missing = || Error::field("?number", "expected a full international number such as %2B12025550123");
    let number: E164 = parameter("number", number)?.ok_or_else(missing)?;
    let company = parameter("company", query.0.company.as_deref())?;
    json(StatusCode::OK, &desk.ask(move |office| office.rate(&asking.0, number, company)).await?)
}
