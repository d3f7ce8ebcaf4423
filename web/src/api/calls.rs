//! `/calls`: live calls and call records, in HTTP.
//!
//! The answers are `backoffice::call`'s.

use super::Desk;
use super::answers::{End, Read};
use super::asking::Asking;
use crate::failure::{Answer, Failure, json};
use crate::query::{Query, id, page, parameter};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::call::{Call, CallAsk, CallState, CallTotals};
use backoffice::explain::Explanation;
use backoffice::export::{self, Format};
use backoffice::text::Instant;
use backoffice::{Error, Page};
use domain::{CallId, ReleaseCause};
use serde::Deserialize;
use std::str::FromStr;
use utoipa::IntoParams;

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallsQuery {
    /// `ended` or `live`; `ended` where nothing is said. Ended calls come newest first, live ones oldest first.
    state: Option<String>,
    /// This company's.
    company: Option<String>,
    /// This profile's.
    profile: Option<String>,
    /// Invited at this instant or later; RFC 3339.
    from: Option<String>,
    /// Invited before this instant; RFC 3339.
    to: Option<String>,
    /// Ended for this cause.
    cause: Option<String>,
    /// With a leg, on either side, of exactly this SIP Call-ID. Not for live calls.
    sip_call_id: Option<String>,
    /// Entries at most, 1 to 500; 50 where nothing is said.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Which calls to sum up.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TotalsQuery {
    /// This company's.
    company: Option<String>,
    /// This profile's.
    profile: Option<String>,
    /// Invited at this instant or later; RFC 3339.
    from: Option<String>,
    /// Invited before this instant; RFC 3339.
    to: Option<String>,
    /// Ended for this cause.
    cause: Option<String>,
    /// With a leg, on either side, of exactly this SIP Call-ID.
    sip_call_id: Option<String>,
}

/// Words of the query.
struct StateWord(CallState);

impl FromStr for StateWord {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "live" => Ok(StateWord(CallState::Live)),
            "ended" => Ok(StateWord(CallState::Ended)),
            _ => Err("expected live or ended"),
        }
    }
}

struct CauseWord(ReleaseCause);

impl FromStr for CauseWord {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let words = || ReleaseCause::ALL.iter().map(|cause| cause.as_str()).collect::<Vec<_>>().join(", ");
        ReleaseCause::from_label(text).map(CauseWord).ok_or_else(|| format!("expected one of {}", words()))
    }
}

impl TotalsQuery {
    fn ask(self, state: CallState) -> Result<CallAsk, Failure> {
        Ok(CallAsk {
            state,
            company: parameter("company", self.company.as_deref())?,
            profile: parameter("profile", self.profile.as_deref())?,
            from: parameter::<Instant>("from", self.from.as_deref())?.map(|at| at.0),
            to: parameter::<Instant>("to", self.to.as_deref())?.map(|at| at.0),
            cause: parameter::<CauseWord>("cause", self.cause.as_deref())?.map(|word| word.0),
            sip_call_id: self.sip_call_id,
        })
    }
}

/// Lists call records, or the calls that are up.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", params(CallsQuery),
    responses((status = 200, body = Page<Call>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<CallsQuery>) -> Answer {
    let CallsQuery { state, company, profile, from, to, cause, sip_call_id, limit, after } = query.0;
    let state = parameter::<StateWord>("state", state.as_deref())?.map(|word| word.0).unwrap_or_default();
    let calls = TotalsQuery { company, profile, from, to, cause, sip_call_id }.ask(state)?;
    let page = page(limit.as_deref(), after)?;
    match state {
        CallState::Ended => {
            json(StatusCode::OK, &desk.ask(move |office| office.call_records(&asking.0, &calls, &page)).await?)
        }
        CallState::Live => {
            let filter = desk.ask(move |office| office.live_filter(&asking.0, &calls)).await?;
            json(StatusCode::OK, &desk.office.live_calls(&filter, &page).await?)
        }
    }
}

/// What calls come to: those that ended, and those that are up.
#[utoipa::path(get, path = "/api/v1/calls/totals", tag = "calls", params(TotalsQuery),
    responses((status = 200, body = CallTotals), Read))]
pub(super) async fn totals(desk: Desk, asking: Asking, query: Query<TotalsQuery>) -> Answer {
    let calls = query.0.ask(CallState::Ended)?;
    let question = move |office: &backoffice::Office| {
        Ok((office.record_totals(&asking.0, &calls)?, office.live_filter(&asking.0, &calls)?))
    };
    let (ended, filter) = desk.ask(question).await?;
    json(StatusCode::OK, &CallTotals { ended, live: desk.office.live_totals(&filter).await })
}

/// Which records leave, in which shape, and from where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// `csv` or `jsonl`; `jsonl` where nothing is said.
    format: Option<String>,
    /// This company's.
    company: Option<String>,
    /// This profile's.
    profile: Option<String>,
    /// Invited at this instant or later; RFC 3339.
    from: Option<String>,
    /// Invited before this instant; RFC 3339.
    to: Option<String>,
    /// The `Tandem-Next` of the answer before; from the beginning where nothing is said.
    after: Option<String>,
}

struct FormatWord(Format);

impl FromStr for FormatWord {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "csv" => Ok(FormatWord(Format::Csv)),
            "jsonl" => Ok(FormatWord(Format::JsonLines)),
            _ => Err("expected csv or jsonl"),
        }
    }
}

/// Call records for other systems, in the order in which they were written, at most 1000: CSV or JSON lines, each with the version
/// of its schema. `Tandem-Next` is where the next answer begins: who asks again with it, a moment or a month later, misses none and
/// gets none twice. `Tandem-Records` says how many there are; 0 where nothing is left.
#[utoipa::path(get, path = "/api/v1/calls/export", tag = "calls", params(ExportQuery),
    responses((status = 200, description = "Records", content_type = "application/jsonl", body = String), Read))]
pub(super) async fn export(desk: Desk, asking: Asking, query: Query<ExportQuery>) -> Answer {
    let ExportQuery { format, company, profile, from, to, after } = query.0;
    let format = parameter::<FormatWord>("format", format.as_deref())?.map(|word| word.0).unwrap_or_default();
    let after: u64 = parameter("after", after.as_deref())?.unwrap_or_default();
    let asked = TotalsQuery { company, profile, from, to, cause: None, sip_call_id: None }.ask(CallState::Ended)?;
    let left = desk.ask(move |office| office.export_calls(&asking.0, &asked, format, after)).await?;
    let content_type = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::JsonLines => "application/jsonl",
    };
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header(("Tandem-Schema", export::SCHEMA.to_string()))
        .insert_header(("Tandem-Next", left.next.to_string()))
        .insert_header(("Tandem-Records", left.records.to_string()))
        .body(left.body))
}

/// Reads a call, live or ended. For some milliseconds after its end it is neither.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = Call), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let call: CallId = id(&path)?;
    match desk.office.live_call(&asking.0, call).await {
        Some(live) => json(StatusCode::OK, &live),
        None => json(StatusCode::OK, &desk.ask(move |office| office.call_record(&asking.0, call)).await?),
    }
}

/// Why a call that has ended cost what it cost: which row of which deck, every step of the price, every charge with its instants, and
/// whether record, journal and deck say the same; as data and in sentences.
#[utoipa::path(get, path = "/api/v1/calls/{id}/explain", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = Explanation), Read))]
pub(super) async fn explain(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let call: CallId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.explain_call(&asking.0, call)).await?)
}

/// Ends a live call. Answered when the order is given; the call ends a moment later.
#[utoipa::path(delete, path = "/api/v1/calls/{id}", tag = "calls", params(("id" = String, Path)),
    responses((status = 202, body = Call), End))]
pub(super) async fn hang_up(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let call: CallId = id(&path)?;
    let Some(live) = desk.office.live_call(&asking.0, call).await else {
        desk.ask(move |office| office.call_record(&asking.0, call)).await?;
        return Err(Error::CallEnded(call).into());
    };
    desk.ask(move |office| office.hang_up(&asking.0, call)).await?;
    json(StatusCode::ACCEPTED, &live)
}
