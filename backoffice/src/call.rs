//! Calls: those that are up, and the records of those that are over, in one shape; hanging up; totals (R12).
//!
//! Deciding anything about a call is `switch`'s.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::page::{Page, PageAsk};
use domain::call_record::{Attempt, AttemptOutcome, CallRecord};
use domain::{CallId, CompanyId, Currency, Micros, ProfileId, ReleaseCause, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{AuditEntry, CallFilter};
use switch::call::{Live, PhaseName};
use utoipa::ToSchema;

/// Whether a call is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// It is up now.
    Live,
    /// It is over, and its record is written.
    #[default]
    Ended,
}

/// Which calls; every condition that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallAsk {
    /// Live or ended.
    pub state: CallState,
    /// This company's.
    pub company: Option<CompanyId>,
    /// This profile's.
    pub profile: Option<ProfileId>,
    /// Invited at this instant or later.
    pub from: Option<Wall>,
    /// Invited before this instant.
    pub to: Option<Wall>,
    /// Ended for this cause; not for live calls.
    pub cause: Option<ReleaseCause>,
    /// With a leg of exactly this SIP Call-ID; not for live calls.
    pub sip_call_id: Option<String>,
}

/// A call: live or ended. What is not known yet is null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Call {
    /// Which.
    #[schema(example = "call_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub id: String,
    /// Whether it is up.
    pub state: CallState,
    /// Of a live call: `reserving`, `hunting`, `talking`, `clearing`.
    pub phase: Option<String>,
    /// Whose.
    pub company: String,
    /// By which profile, or to which.
    pub profile: String,
    /// `outbound` or `inbound`.
    pub direction: String,
    /// As it came from the wire.
    pub dialled: String,
    /// The number called, where it was one.
    pub callee: Option<String>,
    /// The number shown to the called side, where one was.
    pub caller_id: Option<String>,
    /// What the deck calls the destination; empty where nothing was rated.
    pub destination: String,
    /// The carrier of the last attempt; of an inbound call the one that it came from.
    pub carrier: Option<String>,
    /// When the INVITE came; RFC 3339, as all instants here.
    pub invited_at: String,
    /// When it first rang.
    pub rang_at: Option<String>,
    /// When it was answered.
    pub answered_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Talk time, so far or in all, in milliseconds.
    pub talked_ms: u64,
    /// Seconds charged for.
    pub billed_s: Option<u32>,
    /// Price of a minute.
    pub rate_per_minute: Option<String>,
    /// Connection fee.
    pub connection_fee: Option<String>,
    /// The version of the deck that rate and fee are of: what was in force at the call's admission.
    #[schema(example = "standard 3")]
    pub deck: Option<String>,
    /// The prefix of the deck's row.
    #[schema(example = "372")]
    pub prefix: Option<String>,
    /// What was charged, so far or in all.
    #[schema(example = "0.02")]
    pub amount: String,
    /// What was spoken while the ledger was away, and could not be collected afterwards; `0.00` but for calls of profiles whose
    /// `credit_failure` is `continue`.
    pub written_off: Option<String>,
    /// Of all amounts.
    pub currency: String,
    /// Why it ended: `normal`, `busy`, `credit_exhausted` ...
    pub cause: Option<String>,
    /// The machine reason of our refusal, where we refused: `no_credit`, `channels_full` ...
    pub refusal: Option<String>,
    /// What was said to the caller, where something was.
    pub sentence: Option<String>,
    /// The final SIP status that the caller got.
    pub status: Option<u16>,
    /// The SIP Call-ID of the caller's leg.
    pub sip_call_id: Option<String>,
    /// Attempts to reach the called side, in order; empty of a live call.
    pub attempts: Vec<CallAttempt>,
    /// RTP packets from the caller's side and from the called side.
    #[schema(value_type = Vec<u64>)]
    pub packets: Option<(u64, u64)>,
    /// RTP packets that were missing, likewise.
    #[schema(value_type = Vec<u64>)]
    pub packets_lost: Option<(u64, u64)>,
    /// The other record of a call between two profiles of this switch.
    pub partner: Option<String>,
    /// The Q.850 cause that the side gave that ended or refused the call.
    pub q850: Option<u8>,
}

/// An attempt to reach the called side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallAttempt {
    /// Which carrier; null where it was the called company's own PBX.
    pub carrier: Option<String>,
    /// Its name at the time; null likewise.
    pub carrier_name: Option<String>,
    /// The SIP Call-ID of the leg.
    pub sip_call_id: String,
    /// When the INVITE was sent.
    pub invited_at: String,
    /// Milliseconds to the first provisional answer above 100.
    pub post_dial_delay_ms: Option<u32>,
    /// The final SIP status; 0 where none came.
    pub status: u16,
    /// How it ended: `answered`, `refused`, `no_response`, `no_progress`, `no_answer`, `unreachable`, `unresolved`,
    /// `insecure`, `no_media_address`, `unusable_answer`, `given_up`; or why it was not tried: `skipped_down`, `skipped_resting`, `skipped_channels`,
    /// `skipped_rate`, `skipped_loss`, `skipped_unknown`. Null in records of older versions.
    pub outcome: Option<String>,
    /// Milliseconds from its beginning to its answer or its end.
    pub ended_after_ms: Option<u32>,
    /// What it costs by the carrier's buy deck; for operators, and null where that is not known.
    pub cost: Option<CallCost>,
}

/// What an attempt costs, and what is left of what the customer paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallCost {
    /// Price of a minute.
    pub rate_per_minute: String,
    /// What the carrier is owed.
    #[schema(example = "0.011")]
    pub amount: String,
    /// Of both.
    pub currency: String,
    /// Of the attempt that answered: what the call was charged, less this cost; null in another currency, and of every other attempt.
    pub margin: Option<String>,
}

/// What many calls come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallSum {
    /// How many.
    pub count: u64,
    /// How many of them were answered.
    pub answered: u64,
    /// What they cost, by currency.
    pub amounts: BTreeMap<String, String>,
}

/// What calls come to: those that ended, and those that are up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallTotals {
    /// By their records.
    pub ended: CallSum,
    /// So far.
    pub live: CallSum,
}

const fn phase(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Reserving => "reserving",
        PhaseName::Hunting => "hunting",
        PhaseName::Talking => "talking",
        PhaseName::Clearing => "clearing",
    }
}

fn show_live(live: Live) -> Call {
    Call {
        id: live.id.to_string(),
        state: CallState::Live,
        phase: Some(phase(live.phase).to_owned()),
        company: live.company.to_string(),
        profile: live.profile.to_string(),
        direction: live.direction.as_str().to_owned(),
        dialled: live.dialled,
        callee: live.callee.map(|number| number.to_string()),
        caller_id: live.caller_id.map(|number| number.to_string()),
        destination: live.destination,
        carrier: live.carrier.map(|name| name.to_string()),
        invited_at: live.invited_at.to_string(),
        rang_at: live.rang_at.map(|at| at.to_string()),
        answered_at: live.answered_at.map(|at| at.to_string()),
        ended_at: None,
        talked_ms: u64::try_from(live.talked.as_millis()).unwrap_or(u64::MAX),
        billed_s: None,
        rate_per_minute: None,
        connection_fee: None,
        deck: None,
        prefix: None,
        amount: live.amount.to_string(),
        written_off: None,
        currency: live.currency.to_string(),
        cause: None,
        refusal: None,
        sentence: None,
        status: None,
        sip_call_id: None,
        attempts: Vec::new(),
        packets: None,
        packets_lost: None,
        partner: None,
        q850: None,
    }
}

/// The cost and the margin, where the viewer may know of them.
fn show_cost(attempt: &Attempt, charged: Option<(Micros, Currency)>) -> Option<CallCost> {
    let (cost, (amount, currency)) = attempt.cost.zip(charged)?;
    let has_margin = attempt.outcome == Some(AttemptOutcome::Answered) && cost.currency == currency;
    Some(CallCost {
        rate_per_minute: cost.rate_per_minute.to_string(),
        amount: cost.amount.to_string(),
        currency: cost.currency.to_string(),
        margin: has_margin.then(|| (amount - cost.amount).to_string()),
    })
}

fn show_attempt(attempt: Attempt, charged: Option<(Micros, Currency)>) -> CallAttempt {
    let cost = show_cost(&attempt, charged);
    let (carrier, carrier_name) = attempt.carrier.map(|named| (named.carrier.to_string(), named.carrier_name)).unzip();
    CallAttempt {
        carrier,
        carrier_name,
        sip_call_id: attempt.sip_call_id,
        invited_at: attempt.invited_at.to_string(),
        post_dial_delay_ms: attempt.post_dial_delay_ms,
        status: attempt.status,
        outcome: attempt.outcome.map(|outcome| outcome.as_str().to_owned()),
        ended_after_ms: attempt.ended_after_ms,
        cost,
    }
}

/// A record as a caller may see it: what carriers ask is the operators' business.
pub(crate) fn show_record(record: CallRecord, caller: &Caller) -> Call {
    let charged = caller.operator("see costs").is_ok().then_some((record.amount, record.currency));
    let reached = record.attempts.last().and_then(|attempt| attempt.carrier.as_ref());
    let carrier = record.came_from.as_ref().or(reached).map(|named| named.carrier_name.clone());
    Call {
        id: record.id.to_string(),
        state: CallState::Ended,
        phase: None,
        company: record.company.to_string(),
        profile: record.profile.to_string(),
        direction: record.direction.as_str().to_owned(),
        dialled: record.dialled,
        callee: record.callee.map(|number| number.to_string()),
        caller_id: record.caller_id.map(|number| number.to_string()),
        destination: record.destination,
        carrier,
        invited_at: record.invited_at.to_string(),
        rang_at: record.rang_at.map(|at| at.to_string()),
        answered_at: record.answered_at.map(|at| at.to_string()),
        ended_at: Some(record.ended_at.to_string()),
        talked_ms: record.talked_ms,
        billed_s: Some(record.billed_s),
        rate_per_minute: Some(record.rate_per_minute.to_string()),
        connection_fee: Some(record.connection_fee.to_string()),
        deck: record.priced.as_ref().map(|priced| priced.deck.to_string()),
        prefix: record.priced.as_ref().map(|priced| priced.prefix.to_string()),
        amount: record.amount.to_string(),
        written_off: Some(record.written_off.to_string()),
        currency: record.currency.to_string(),
        cause: Some(record.cause.as_str().to_owned()),
        refusal: record.refusal,
        sentence: record.sentence,
        status: Some(record.status),
        sip_call_id: Some(record.sip_call_id),
        attempts: record.attempts.into_iter().map(|attempt| show_attempt(attempt, charged)).collect(),
        packets: Some(record.packets),
        packets_lost: Some(record.packets_lost),
        partner: record.partner.map(|partner| partner.to_string()),
        q850: record.q850,
    }
}

fn texts(amounts: impl IntoIterator<Item = (Currency, Micros)>) -> BTreeMap<String, String> {
    amounts.into_iter().map(|(currency, amount)| (currency.to_string(), amount.to_string())).collect()
}

impl Office {
    /// What `ask` wants, limited to what the caller may see.
    pub(crate) fn call_filter(&self, caller: &Caller, ask: &CallAsk) -> Result<CallFilter> {
        if let Some(profile) = ask.profile {
            self.profile_row(caller, profile)?;
        }
        Ok(CallFilter {
            company: caller.limit_to(ask.company)?,
            profile: ask.profile,
            from: ask.from,
            to: ask.to,
            cause: ask.cause,
            sip_call_id: ask.sip_call_id.clone(),
        })
    }

    /// The live calls that `filter` wants, newest first. `None` where it asks what only records can answer.
    async fn live_matching(&self, filter: &CallFilter) -> Vec<Live> {
        if filter.cause.is_some() || filter.sip_call_id.is_some() {
            return Vec::new();
        }
        let mut live = self.inner.switchboard.live_calls().await;
        live.retain(|call| {
            filter.company.is_none_or(|company| company == call.company)
                && filter.profile.is_none_or(|profile| profile == call.profile)
                && filter.from.is_none_or(|from| call.invited_at >= from)
                && filter.to.is_none_or(|to| call.invited_at < to)
        });
        live
    }

    /// A page of call records, newest first. Blocks.
    ///
    /// # Errors
    /// [`Error::NotFound`] (another's company or profile), [`Error::Invalid`] (cursor).
    pub fn call_records(&self, caller: &Caller, call_ask: &CallAsk, ask: &PageAsk) -> Result<Page<Call>> {
        let filter = self.call_filter(caller, call_ask)?;
        let limit = u32::try_from(ask.limit()).unwrap_or(u32::MAX);
        let page = self.store().call_records(&filter, ask.cursor()?, limit)?;
        let items = page.records.into_iter().map(|record| show_record(record, caller)).collect();
        Ok(Page { items, has_more: page.next.is_some(), next: page.next.map(|next| next.to_string()) })
    }

    /// What the caller may see of live calls. Blocks; to be given to [`Office::live_calls`] and [`Office::live_totals`].
    ///
    /// # Errors
    /// [`Error::NotFound`] (another's company or profile).
    pub fn live_filter(&self, caller: &Caller, ask: &CallAsk) -> Result<CallFilter> {
        self.call_filter(caller, ask)
    }

    /// A page of live calls, in order of identity, which is that of their births.
    ///
    /// # Errors
    /// [`Error::Invalid`] (cursor).
    pub async fn live_calls(&self, filter: &CallFilter, ask: &PageAsk) -> Result<Page<Call>> {
        let live = self.live_matching(filter).await;
        Page::of_sorted(live, ask, |call| call.id, |call| Ok(show_live(call)))
    }

    /// What the live calls come to so far.
    pub async fn live_totals(&self, filter: &CallFilter) -> CallSum {
        let live = self.live_matching(filter).await;
        let mut amounts = BTreeMap::<Currency, Micros>::new();
        for call in &live {
            *amounts.entry(call.currency).or_default() += call.amount;
        }
        CallSum {
            count: live.len() as u64,
            answered: live.iter().filter(|call| call.answered_at.is_some()).count() as u64,
            amounts: texts(amounts),
        }
    }

    /// What the records come to. Blocks.
    ///
    /// # Errors
    /// [`Error::NotFound`] (another's company or profile).
    pub fn record_totals(&self, caller: &Caller, ask: &CallAsk) -> Result<CallSum> {
        let totals = self.store().call_totals(&self.call_filter(caller, ask)?)?;
        Ok(CallSum { count: totals.count, answered: totals.answered, amounts: texts(totals.amounts) })
    }

    /// One call while it is up; none where it is not, or is another's.
    pub async fn live_call(&self, caller: &Caller, id: CallId) -> Option<Call> {
        let live = self.inner.switchboard.live_call(id).await?;
        caller.sees(live.company).then(|| show_live(live))
    }

    /// The record of one call. Blocks.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn call_record(&self, caller: &Caller, id: CallId) -> Result<Call> {
        let record = self.store().call_record(id)?;
        caller.may_see(record.company, "call", id)?;
        Ok(show_record(record, caller))
    }

    /// Ends a live call that [`Office::live_call`] has shown to the caller; noted in the audit. Blocks.
    ///
    /// # Errors
    /// [`Error::CallEnded`].
    pub fn hang_up(&self, caller: &Caller, id: CallId) -> Result<()> {
        if !self.inner.switchboard.hang_up(id) {
            return Err(Error::CallEnded(id));
        }
        let entry = AuditEntry { action: "call_hung_up", subject: &id.to_string(), details: "" };
        Ok(self.store().note(entry, self.signed(caller))?)
    }
}
