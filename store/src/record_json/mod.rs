//! Call records as JSON: the same text is the ledger's memo and the store's column. How it is written is in [`writing`], how our own
//! writing is read without a general reader in [`scanning`].
//!
//! The API's form of a record does not live here. Every version is for ever: whoever changes the form adds a version and keeps
//! reading the old ones, because journals and databases hold them.

mod scanning;
mod writing;

use domain::call_record::{Attempt, AttemptCost, AttemptOutcome, CallDirection, CallRecord, CarrierNamed, Priced};
use domain::{CallId, CarrierId, CompanyId, Currency, E164, Micros, ProfileId, ReleaseCause, Wall};
use serde::Deserialize;
use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

pub use writing::to_json;

/// The version that is written. 2 knows where an inbound call came from, and attempts without a carrier; 3 how each attempt ended,
/// when, and what it costs, the other record of a call inside, and the Q.850 cause that was given; 4 the decision trace;
/// 5 the deck's row that the call is charged by.
pub const VERSION: u32 = 5;

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

/// What a text says, before its identities, numbers, amounts and labels are understood. What can be is borrowed from the text.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    /// Read as [`Version`]; named here because unknown fields are refused.
    #[serde(rename = "v")]
    _v: u32,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    company: Cow<'a, str>,
    #[serde(borrow)]
    profile: Cow<'a, str>,
    #[serde(borrow)]
    direction: Cow<'a, str>,
    /// Absent in version 1.
    #[serde(borrow, default)]
    came_from: Option<CarrierJson<'a>>,
    #[serde(borrow)]
    dialled: Cow<'a, str>,
    callee: Option<Cow<'a, str>>,
    caller_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    destination: Cow<'a, str>,
    invited_us: i64,
    rang_us: Option<i64>,
    answered_us: Option<i64>,
    ended_us: i64,
    talked_ms: u64,
    billed_s: u32,
    #[serde(borrow)]
    rate_per_minute: Cow<'a, str>,
    #[serde(borrow)]
    connection_fee: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    cause: Cow<'a, str>,
    refusal: Option<Cow<'a, str>>,
    sentence: Option<Cow<'a, str>>,
    status: u16,
    #[serde(borrow)]
    sip_call_id: Cow<'a, str>,
    #[serde(borrow)]
    attempts: Vec<AttemptJson<'a>>,
    packets: (u64, u64),
    packets_lost: (u64, u64),
    /// Absent before version 3, like what follows.
    #[serde(default)]
    partner: Option<Cow<'a, str>>,
    #[serde(default)]
    q850: Option<u8>,
    /// Absent before version 4.
    #[serde(borrow, default)]
    trace: Cow<'a, str>,
    /// Absent before version 5.
    #[serde(borrow, default)]
    priced: Option<PricedJson<'a>>,
    /// Written only where something was written off.
    #[serde(borrow, default)]
    written_off: Option<Cow<'a, str>>,
}

/// The row of a deck; its rate and fee stand in the record itself.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PricedJson<'a> {
    #[serde(borrow)]
    deck: Cow<'a, str>,
    #[serde(borrow)]
    prefix: Cow<'a, str>,
    minimum_s: u32,
    increment_s: u32,
    #[serde(borrow)]
    rounding: Cow<'a, str>,
    scale: u32,
}

impl PricedJson<'_> {
    fn understood(&self) -> Result<Priced, NotARecord> {
        Ok(Priced {
            deck: Arc::from(&*self.deck),
            prefix: field("priced.prefix", &self.prefix)?,
            minimum_s: self.minimum_s,
            increment_s: self.increment_s,
            rounding: field("priced.rounding", &self.rounding)?,
            scale: self.scale,
        })
    }
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct CarrierJson<'a> {
    #[serde(borrow)]
    carrier: Cow<'a, str>,
    #[serde(borrow)]
    carrier_name: Cow<'a, str>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptJson<'a> {
    /// Null from version 2 on where it was a PBX; its name likewise.
    carrier: Option<Cow<'a, str>>,
    carrier_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sip_call_id: Cow<'a, str>,
    invited_us: i64,
    post_dial_delay_ms: Option<u32>,
    status: u16,
    /// Absent before version 3, like what follows.
    #[serde(borrow, default)]
    outcome: Option<Cow<'a, str>>,
    #[serde(default)]
    ended_after_ms: Option<u32>,
    #[serde(borrow, default)]
    cost: Option<CostJson<'a>>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct CostJson<'a> {
    #[serde(borrow)]
    rate_per_minute: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
}

impl<'a> Record<'a> {
    /// Our own writing at once, any other JSON of a record by the general reader, which also knows what is wrong with it.
    fn read(text: &'a str) -> Result<Self, NotARecord> {
        if let Some(record) = scanning::scan(text) {
            return Ok(record);
        }
        let Version { v } = serde_json::from_str(text)?;
        if !(1..=VERSION).contains(&v) {
            return Err(NotARecord::UnknownVersion(v));
        }
        Ok(serde_json::from_str(text)?)
    }
}

/// The fields of a [`Record`] that can be wrong by themselves.
#[derive(Debug)]
struct Understood {
    id: CallId,
    company: CompanyId,
    profile: ProfileId,
    direction: CallDirection,
    came_from: Option<CarrierId>,
    callee: Option<E164>,
    caller_id: Option<E164>,
    rate_per_minute: Micros,
    connection_fee: Micros,
    amount: Micros,
    written_off: Micros,
    currency: Currency,
    cause: ReleaseCause,
    partner: Option<CallId>,
    priced: Option<Priced>,
    attempts: Vec<UnderstoodAttempt>,
}

/// The fields of an [`AttemptJson`] that can be wrong by themselves.
#[derive(Debug)]
struct UnderstoodAttempt {
    carrier: Option<CarrierId>,
    outcome: Option<AttemptOutcome>,
    cost: Option<AttemptCost>,
}

impl UnderstoodAttempt {
    fn of(read: &AttemptJson<'_>) -> Result<Self, NotARecord> {
        let carrier = read.carrier.as_deref().map(|carrier| field::<CarrierId>("attempts.carrier", carrier));
        let outcome = |text: &str| AttemptOutcome::from_label(text).ok_or_else(|| unknown("attempts.outcome", text));
        let cost = |cost: &CostJson<'_>| {
            Ok::<_, NotARecord>(AttemptCost {
                rate_per_minute: field("attempts.cost.rate_per_minute", &cost.rate_per_minute)?,
                amount: field("attempts.cost.amount", &cost.amount)?,
                currency: field("attempts.cost.currency", &cost.currency)?,
            })
        };
        Ok(UnderstoodAttempt {
            carrier: carrier.transpose()?,
            outcome: read.outcome.as_deref().map(outcome).transpose()?,
            cost: read.cost.as_ref().map(cost).transpose()?,
        })
    }
}

impl Understood {
    fn of(read: &Record<'_>) -> Result<Self, NotARecord> {
        let number =
            |name, text: &Option<Cow<'_, str>>| text.as_deref().map(|text| field::<E164>(name, text)).transpose();
        let came_from = read.came_from.as_ref().map(|from| field::<CarrierId>("came_from.carrier", &from.carrier));
        Ok(Understood {
            id: field("id", &read.id)?,
            company: field("company", &read.company)?,
            profile: field("profile", &read.profile)?,
            direction: direction(&read.direction)?,
            came_from: came_from.transpose()?,
            callee: number("callee", &read.callee)?,
            caller_id: number("caller_id", &read.caller_id)?,
            rate_per_minute: field("rate_per_minute", &read.rate_per_minute)?,
            connection_fee: field("connection_fee", &read.connection_fee)?,
            amount: field("amount", &read.amount)?,
            written_off: read.written_off.as_deref().map_or(Ok(Micros::ZERO), |text| field("written_off", text))?,
            currency: field("currency", &read.currency)?,
            cause: ReleaseCause::from_label(&read.cause).ok_or_else(|| unknown("cause", &read.cause))?,
            partner: read.partner.as_deref().map(|text| field("partner", text)).transpose()?,
            priced: read.priced.as_ref().map(PricedJson::understood).transpose()?,
            attempts: read.attempts.iter().map(UnderstoodAttempt::of).collect::<Result<_, _>>()?,
        })
    }
}

/// The record that was written.
///
/// # Errors
/// [`NotARecord`], with the field that is wrong.
pub fn from_json(text: &str) -> Result<CallRecord, NotARecord> {
    let read = Record::read(text)?;
    let understood = Understood::of(&read)?;
    let named = |(carrier, name): (CarrierId, Cow<'_, str>)| CarrierNamed { carrier, carrier_name: name.into_owned() };
    let attempt = |(read, understood): (AttemptJson<'_>, UnderstoodAttempt)| Attempt {
        carrier: understood.carrier.zip(read.carrier_name).map(named),
        sip_call_id: read.sip_call_id.into_owned(),
        invited_at: Wall::from_unix_micros(read.invited_us),
        post_dial_delay_ms: read.post_dial_delay_ms,
        status: read.status,
        outcome: understood.outcome,
        ended_after_ms: read.ended_after_ms,
        cost: understood.cost,
    };
    Ok(CallRecord {
        id: understood.id,
        company: understood.company,
        profile: understood.profile,
        direction: understood.direction,
        came_from: understood.came_from.zip(read.came_from.map(|from| from.carrier_name)).map(named),
        dialled: read.dialled.into_owned(),
        callee: understood.callee,
        caller_id: understood.caller_id,
        destination: read.destination.into_owned(),
        invited_at: Wall::from_unix_micros(read.invited_us),
        rang_at: read.rang_us.map(Wall::from_unix_micros),
        answered_at: read.answered_us.map(Wall::from_unix_micros),
        ended_at: Wall::from_unix_micros(read.ended_us),
        talked_ms: read.talked_ms,
        billed_s: read.billed_s,
        rate_per_minute: understood.rate_per_minute,
        connection_fee: understood.connection_fee,
        priced: understood.priced,
        amount: understood.amount,
        written_off: understood.written_off,
        currency: understood.currency,
        cause: understood.cause,
        refusal: read.refusal.map(Cow::into_owned),
        sentence: read.sentence.map(Cow::into_owned),
        status: read.status,
        sip_call_id: read.sip_call_id.into_owned(),
        attempts: read.attempts.into_iter().zip(understood.attempts).map(attempt).collect(),
        partner: understood.partner,
        q850: read.q850,
        trace: read.trace.into_owned(),
        packets: read.packets,
        packets_lost: read.packets_lost,
    })
}

/// A finished record as the journal has it: its text, which [`from_json`] would read, and what the store's columns need of it.
#[derive(Debug)]
pub struct Finished<'a> {
    pub(crate) text: &'a str,
    read: Record<'a>,
    understood: Understood,
}

impl<'a> Finished<'a> {
    /// Reads a text as far as the columns need, and makes sure of the rest.
    ///
    /// # Errors
    /// As [`from_json`].
    pub fn read(text: &'a str) -> Result<Self, NotARecord> {
        let read = Record::read(text)?;
        let understood = Understood::of(&read)?;
        Ok(Finished { text, read, understood })
    }

    /// When the call ended.
    pub fn ended_at(&self) -> Wall {
        Wall::from_unix_micros(self.read.ended_us)
    }

    pub(crate) fn id(&self) -> CallId {
        self.understood.id
    }

    pub(crate) fn company(&self) -> CompanyId {
        self.understood.company
    }

    pub(crate) fn profile(&self) -> ProfileId {
        self.understood.profile
    }

    pub(crate) fn invited_at(&self) -> Wall {
        Wall::from_unix_micros(self.read.invited_us)
    }

    pub(crate) fn was_answered(&self) -> bool {
        self.read.answered_us.is_some()
    }

    pub(crate) fn cause(&self) -> ReleaseCause {
        self.understood.cause
    }

    pub(crate) fn currency(&self) -> Currency {
        self.understood.currency
    }

    pub(crate) fn amount(&self) -> Micros {
        self.understood.amount
    }

    /// The SIP Call-IDs of all legs, the caller's first.
    pub(crate) fn sip_call_ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.read.sip_call_id).chain(self.read.attempts.iter().map(|attempt| &*attempt.sip_call_id))
    }
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
