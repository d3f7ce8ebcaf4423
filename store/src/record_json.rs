//! Call records as JSON: the same text is the ledger's memo and the store's column.
//!
//! The API's form of a record does not live here. Every version is for ever: whoever changes the form adds a version and keeps
//! reading the old ones, because journals and databases hold them.

use domain::call_record::{Attempt, CallDirection, CallRecord, CarrierNamed};
use domain::{CallId, CarrierId, CompanyId, Currency, E164, Micros, ProfileId, ReleaseCause, Wall};
use serde::{Deserialize, Serialize, Serializer};
use std::str::FromStr;

/// The version that is written. 2 knows where an inbound call came from, and attempts without a carrier.
pub const VERSION: u32 = 2;

/// Why a text is no call record.
#[derive(Debug, thiserror::Error)]
pub enum NotARecord {
    /// Not the JSON of a record.
    #[error("this is no call record: {0}")]
    NotJson(#[from] serde_json::Error),
    /// Written by a newer program.
    #[error("this call record has version {0}, but this program reads version {VERSION}: use the newer program")]
    UnknownVersion(u32),
    /// A field that cannot be read.
    #[error("this call record's {field} cannot be read: {problem}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// Read before the rest, so that a newer version is named as such and not as a missing field.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// Read as [`Version`]; named here because unknown fields are refused.
    #[serde(rename = "v")]
    _v: u32,
    id: String,
    company: String,
    profile: String,
    direction: String,
    #[serde(default)]
    came_from: Option<CarrierJson>,
    dialled: String,
    callee: Option<String>,
    caller_id: Option<String>,
    destination: String,
    invited_us: i64,
    rang_us: Option<i64>,
    answered_us: Option<i64>,
    ended_us: i64,
    talked_ms: u64,
    billed_s: u32,
    rate_per_minute: String,
    connection_fee: String,
    amount: String,
    currency: String,
    cause: String,
    refusal: Option<String>,
    sentence: Option<String>,
    status: u16,
    sip_call_id: String,
    attempts: Vec<AttemptJson>,
    packets: (u64, u64),
    packets_lost: (u64, u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CarrierJson {
    carrier: String,
    carrier_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptJson {
    carrier: Option<String>,
    carrier_name: Option<String>,
    sip_call_id: String,
    invited_us: i64,
    post_dial_delay_ms: Option<u32>,
    status: u16,
}

/// The record as one line of JSON; nothing is lost. Amounts are decimal texts, times microseconds of UTC since 1970.
pub fn to_json(record: &CallRecord) -> String {
    let written = Written {
        v: VERSION,
        id: Shown(record.id),
        company: Shown(record.company),
        profile: Shown(record.profile),
        direction: record.direction.as_str(),
        came_from: record
            .came_from
            .as_ref()
            .map(|carrier| WrittenCarrier { carrier: Shown(carrier.carrier), carrier_name: &carrier.carrier_name }),
        dialled: &record.dialled,
        callee: record.callee.map(Shown),
        caller_id: record.caller_id.map(Shown),
        destination: &record.destination,
        invited_us: record.invited_at.as_unix_micros(),
        rang_us: record.rang_at.map(Wall::as_unix_micros),
        answered_us: record.answered_at.map(Wall::as_unix_micros),
        ended_us: record.ended_at.as_unix_micros(),
        talked_ms: record.talked_ms,
        billed_s: record.billed_s,
        rate_per_minute: Shown(record.rate_per_minute),
        connection_fee: Shown(record.connection_fee),
        amount: Shown(record.amount),
        currency: Shown(record.currency),
        cause: record.cause.as_str(),
        refusal: record.refusal.as_deref(),
        sentence: record.sentence.as_deref(),
        status: record.status,
        sip_call_id: &record.sip_call_id,
        attempts: Attempts(&record.attempts),
        packets: record.packets,
        packets_lost: record.packets_lost,
    };
    let mut text = Vec::with_capacity(TEXT_BYTES);
    // Cannot fail: no map, no float, no file. An empty text would be refused by the reader.
    match serde_json::to_writer(&mut text, &written) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// Bytes of a usual record, to begin with.
const TEXT_BYTES: usize = 1_024;

/// [`Record`] while it is written: nothing is copied, for every call is written twice. The same fields in the same order.
#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    id: Shown<CallId>,
    company: Shown<CompanyId>,
    profile: Shown<ProfileId>,
    direction: &'a str,
    came_from: Option<WrittenCarrier<'a>>,
    dialled: &'a str,
    callee: Option<Shown<E164>>,
    caller_id: Option<Shown<E164>>,
    destination: &'a str,
    invited_us: i64,
    rang_us: Option<i64>,
    answered_us: Option<i64>,
    ended_us: i64,
    talked_ms: u64,
    billed_s: u32,
    rate_per_minute: Shown<Micros>,
    connection_fee: Shown<Micros>,
    amount: Shown<Micros>,
    currency: Shown<Currency>,
    cause: &'a str,
    refusal: Option<&'a str>,
    sentence: Option<&'a str>,
    status: u16,
    sip_call_id: &'a str,
    attempts: Attempts<'a>,
    packets: (u64, u64),
    packets_lost: (u64, u64),
}

/// A value as the text that it prints.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Attempts<'a>(&'a [Attempt]);

impl Serialize for Attempts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|attempt| WrittenAttempt {
            carrier: attempt.carrier.as_ref().map(|carrier| Shown(carrier.carrier)),
            carrier_name: attempt.carrier.as_ref().map(|carrier| carrier.carrier_name.as_str()),
            sip_call_id: &attempt.sip_call_id,
            invited_us: attempt.invited_at.as_unix_micros(),
            post_dial_delay_ms: attempt.post_dial_delay_ms,
            status: attempt.status,
        }))
    }
}

#[derive(Serialize)]
struct WrittenCarrier<'a> {
    carrier: Shown<CarrierId>,
    carrier_name: &'a str,
}

#[derive(Serialize)]
struct WrittenAttempt<'a> {
    carrier: Option<Shown<CarrierId>>,
    carrier_name: Option<&'a str>,
    sip_call_id: &'a str,
    invited_us: i64,
    post_dial_delay_ms: Option<u32>,
    status: u16,
}

/// The record that was written.
///
/// # Errors
/// [`NotARecord`], with the field that is wrong.
pub fn from_json(text: &str) -> Result<CallRecord, NotARecord> {
    let Version { v } = serde_json::from_str(text)?;
    if !(1..=VERSION).contains(&v) {
        return Err(NotARecord::UnknownVersion(v));
    }
    let read: Record = serde_json::from_str(text)?;
    Ok(CallRecord {
        id: field("id", &read.id)?,
        company: field("company", &read.company)?,
        profile: field("profile", &read.profile)?,
        direction: direction(&read.direction)?,
        came_from: read.came_from.map(|carrier| named(&carrier.carrier, carrier.carrier_name)).transpose()?,
        dialled: read.dialled,
        callee: read.callee.map(|number| field::<E164>("callee", &number)).transpose()?,
        caller_id: read.caller_id.map(|number| field::<E164>("caller_id", &number)).transpose()?,
        destination: read.destination,
        invited_at: Wall::from_unix_micros(read.invited_us),
        rang_at: read.rang_us.map(Wall::from_unix_micros),
        answered_at: read.answered_us.map(Wall::from_unix_micros),
        ended_at: Wall::from_unix_micros(read.ended_us),
        talked_ms: read.talked_ms,
        billed_s: read.billed_s,
        rate_per_minute: field::<Micros>("rate_per_minute", &read.rate_per_minute)?,
        connection_fee: field::<Micros>("connection_fee", &read.connection_fee)?,
        amount: field::<Micros>("amount", &read.amount)?,
        currency: field("currency", &read.currency)?,
        cause: ReleaseCause::from_label(&read.cause).ok_or_else(|| unknown("cause", &read.cause))?,
        refusal: read.refusal,
        sentence: read.sentence,
        status: read.status,
        sip_call_id: read.sip_call_id,
        attempts: read.attempts.into_iter().map(read_attempt).collect::<Result<_, _>>()?,
        packets: read.packets,
        packets_lost: read.packets_lost,
    })
}

fn read_attempt(read: AttemptJson) -> Result<Attempt, NotARecord> {
    Ok(Attempt {
        carrier: match (read.carrier, read.carrier_name) {
            (Some(carrier), Some(name)) => Some(named(&carrier, name)?),
            _ => None,
        },
        sip_call_id: read.sip_call_id,
        invited_at: Wall::from_unix_micros(read.invited_us),
        post_dial_delay_ms: read.post_dial_delay_ms,
        status: read.status,
    })
}

fn named(carrier: &str, carrier_name: String) -> Result<CarrierNamed, NotARecord> {
    Ok(CarrierNamed { carrier: field::<CarrierId>("carrier", carrier)?, carrier_name })
}

fn field<T>(field: &'static str, text: &str) -> Result<T, NotARecord>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|problem: T::Err| NotARecord::Field { field, problem: problem.to_string() })
}

fn direction(text: &str) -> Result<CallDirection, NotARecord> {
    let both = [CallDirection::Outbound, CallDirection::Inbound];
    both.into_iter().find(|direction| direction.as_str() == text).ok_or_else(|| unknown("direction", text))
}

fn unknown(field: &'static str, text: &str) -> NotARecord {
    NotARecord::Field { field, problem: format!("\"{text}\" is not known here") }
}
