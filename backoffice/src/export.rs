//! Call records as they leave for other systems: CSV or JSON lines, oldest first, page by page, resumable.
//!
//! The shape of a call in the API is `call`'s; JSON lines have it, with the version of the schema in front.

pub mod books;

use crate::call::{Call, CallAsk};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use serde::Serialize;

/// The version of both shapes: raised when a column or field changes its meaning or goes; new ones come at the end.
pub const SCHEMA: u32 = 1;
/// Records of one answer at most.
pub const RECORDS_MAX: u32 = 1_000;

/// In which shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a row of names in every answer that begins at the beginning.
    Csv,
    /// One JSON object a line.
    #[default]
    JsonLines,
}

/// What leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// In the shape that was asked for.
    pub body: String,
    /// Where the next answer begins; the same as was asked where nothing was left.
    pub next: u64,
    /// Records in the body.
    pub records: usize,
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    #[serde(flatten)]
    call: &'a Call,
}

/// The columns of the CSV, in order.
const COLUMNS: [&str; 29] = [
    "schema",
    "id",
    "company",
    "profile",
    "direction",
    "dialled",
    "callee",
    "caller_id",
    "destination",
    "carrier",
    "invited_at",
    "rang_at",
    "answered_at",
    "ended_at",
    "talked_ms",
    "billed_s",
    "rate_per_minute",
    "connection_fee",
    "amount",
    "currency",
    "cause",
    "refusal",
    "status",
    "sip_call_id",
    "attempts",
    "cost",
    "margin",
    "deck",
    "prefix",
];

fn row(call: &Call) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let attempts: Vec<String> = call
        .attempts
        .iter()
        .map(|attempt| {
            let named = attempt.carrier_name.as_deref().unwrap_or("pbx");
            format!("{named}:{}:{}", attempt.outcome.as_deref().unwrap_or("-"), attempt.status)
        })
        .collect();
    let cost = call.attempts.iter().find_map(|attempt| attempt.cost.as_ref().filter(|cost| cost.margin.is_some()));
    let fields = [
        SCHEMA.to_string(),
        call.id.clone(),
        call.company.clone(),
        call.profile.clone(),
        call.direction.clone(),
        call.dialled.clone(),
        text(&call.callee),
        text(&call.caller_id),
        call.destination.clone(),
        text(&call.carrier),
        call.invited_at.clone(),
        text(&call.rang_at),
        text(&call.answered_at),
        text(&call.ended_at),
        call.talked_ms.to_string(),
        number(call.billed_s.map(u64::from)),
        text(&call.rate_per_minute),
        text(&call.connection_fee),
        call.amount.clone(),
        call.currency.clone(),
        text(&call.cause),
        text(&call.refusal),
        number(call.status.map(u64::from)),
        text(&call.sip_call_id),
        attempts.join(" "),
        cost.map(|cost| cost.amount.clone()).unwrap_or_default(),
        cost.and_then(|cost| cost.margin.clone()).unwrap_or_default(),
        text(&call.deck),
        text(&call.prefix),
    ];
    fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",")
}

/// A field (RFC 4180 2.6, 2.7). What a spreadsheet would take for a formula gets an apostrophe in front: callers choose some of
/// these texts. A `+` and digits are a telephone number.
pub(crate) fn quoted(field: &str) -> String {
    let is_number = field
        .strip_prefix(['+', '-'])
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number;
    let guarded = if is_formula { format!("'{field}") } else { field.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

impl Office {
    /// The records behind `after` (0 for all), oldest first, at most [`RECORDS_MAX`]. Blocks.
    ///
    /// # Errors
    /// [`Error::NotFound`] (another's company or profile).
    pub fn export_calls(&self, caller: &Caller, ask: &CallAsk, format: Format, after: u64) -> Result<Export> {
        let filter = self.call_filter(caller, ask)?;
        let records = self.store().leaving_records(&filter, after, RECORDS_MAX)?;
        let next = records.last().map_or(after, |(place, _)| *place);
        let mut body = String::new();
        if format == Format::Csv && after == 0 {
            body = COLUMNS.join(",") + "\r\n";
        }
        let count = records.len();
        for (_, record) in records {
            let call = crate::call::show_record(record, caller);
            match format {
                Format::Csv => body += &(row(&call) + "\r\n"),
                Format::JsonLines => {
                    let line = serde_json::to_string(&Line { schema: SCHEMA, call: &call });
                    body += &(line.map_err(|error| Error::Internal(error.to_string()))? + "\n");
                }
            }
        }
        Ok(Export { body, next, records: count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_caller_is_quoted_and_never_a_formula() {
        for (field, written) in [
            ("plain", "plain"),
            ("+12025550123", "+12025550123"),
            ("-0.01", "-0.01"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("+cmd|1", "'+cmd|1"),
            ("@x", "'@x"),
        ] {
            assert_eq!(quoted(field), written, "{field}");
        }
    }
}
