//! The call record while the call lives: opened at birth, filled in as things happen.
//!
//! What was charged is put in by the profile, which knows what the ledger captured; the text form is the store's.

use super::Opening;
use super::admitting::{Dial, Owner, Sold};
use super::ending::Ending;
use crate::directory::Carrier;
use domain::call_control::{CallerId, LegId};
use domain::call_record::{Attempt, AttemptCost, CallRecord, CarrierNamed};
use domain::{Micros, Now, ReleaseCause, Wall};
use std::sync::Arc;
use std::time::Duration;

/// Characters kept of what was dialled.
const DIALLED_MAX: usize = 64;

/// The record of a call that has just been asked for.
pub(super) fn open(opening: &Opening, owner: &Owner, came_from: Option<&Arc<Carrier>>, now: Now) -> CallRecord {
    CallRecord {
        id: opening.id,
        company: owner.company.id,
        profile: owner.profile.id,
        direction: opening.invitation.proof.direction(),
        came_from: came_from.map(|carrier| named(carrier)),
        dialled: opening.invitation.dialled.chars().take(DIALLED_MAX).collect(),
        callee: None,
        caller_id: None,
        destination: String::new(),
        invited_at: now.wall,
        rang_at: None,
        answered_at: None,
        ended_at: now.wall,
        talked_ms: 0,
        billed_s: 0,
        rate_per_minute: Micros::ZERO,
        connection_fee: Micros::ZERO,
        priced: None,
        amount: Micros::ZERO,
        written_off: Micros::ZERO,
        currency: owner.company.currency,
        // What is true should the switch die before it can say better.
        cause: ReleaseCause::SwitchRestarted,
        refusal: None,
        sentence: None,
        status: 0,
        sip_call_id: opening.invitation.sip_call_id.clone(),
        attempts: Vec::new(),
        trace: String::new(),
        partner: opening.partner,
        q850: None,
        packets: (0, 0),
        packets_lost: (0, 0),
    }
}

fn named(carrier: &Carrier) -> CarrierNamed {
    CarrierNamed { carrier: carrier.id, carrier_name: carrier.name.to_string() }
}

/// It is known who is called, who is shown and what it costs.
pub(super) fn dial(record: &mut CallRecord, dial: &Dial) {
    record.callee = Some(dial.callee);
    record.caller_id = match dial.caller_id {
        CallerId::Number(number) => Some(number),
        CallerId::Anonymous => None,
    };
    if let Some(Sold { rate, deck }) = &dial.rate {
        record.priced = Some(rate.tariff.priced(Arc::clone(deck), rate.prefix));
        record.destination = rate.destination.to_string();
        record.rate_per_minute = rate.tariff.rate_per_minute();
        record.connection_fee = rate.tariff.connection_fee();
    }
}

/// The called side is about to hear of it; none for a PBX.
pub(super) fn attempt(record: &mut CallRecord, carrier: Option<&Arc<Carrier>>, now: Now) {
    let mut attempt = Attempt::begun(carrier.map(|carrier| named(carrier)), now.wall);
    let bought = record.callee.zip(carrier).and_then(|(callee, carrier)| carrier.bought(callee, record.invited_at));
    attempt.cost = bought.map(|rate| AttemptCost {
        rate_per_minute: rate.tariff.rate_per_minute(),
        amount: Micros::ZERO,
        currency: rate.tariff.currency(),
    });
    record.attempts.push(attempt);
}

/// The attempt that this leg is.
pub(super) fn attempt_of(record: &mut CallRecord, leg: LegId) -> Option<&mut Attempt> {
    record.attempts.get_mut(usize::from(leg.0).checked_sub(1)?)
}

/// It is over.
pub(super) fn close(record: &mut CallRecord, ending: &Ending, talked: Option<Duration>, ended_at: Wall) {
    record.ended_at = ended_at;
    record.talked_ms = talked.map_or(0, millis_begun);
    record.cause = ending.cause;
    record.refusal = ending.refusal().map(|kind| kind.as_str().to_owned());
    record.sentence = ending.sentence().map(str::to_owned);
    record.status = if talked.is_some() { 200 } else { ending.status() };
}

/// Milliseconds of an attempt.
pub(super) fn short_millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Milliseconds that have begun: so a record is rated as its call was, whose seconds are rounded up (R1).
fn millis_begun(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
