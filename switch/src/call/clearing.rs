//! Phase five: every exit path comes through here, once. Legs are released, the books are closed, the record is written.
//!
//! Why the call ended is in `ending`; what is given back, `profile` knows.

use super::ending::{Ending, Farewell};
use super::{Call, Effect, Phase, Timer, record};
use crate::carrier::Ask;
use crate::profile::{self, Request};
use domain::call_control::{LegEvent, LegId, LegOrder};
use domain::call_record::AttemptOutcome;
use domain::refusal::RefusalKind;
use domain::trace::Value;
use domain::{Fact, Micros, Now, ReleaseCause};
use std::sync::Arc;
use std::time::Duration;

/// How long a cancelled leg may still answer: 64*T1 for the CANCEL's own transaction (RFC 3261 9.1), and a second for the way.
const LATE_ANSWER_WAIT: Duration = Duration::from_secs(33);
/// After this time without an answer the profile is asked again, for as long as it takes: the record is not given up. The same
/// request is answered once, so this is for a profile machine that was lost.
const SETTLE_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The state of this phase.
#[derive(Debug)]
pub(super) struct Clearing {
    /// The machine reason, where it was our refusal.
    refusal: Option<RefusalKind>,
    /// Talk time, where it was answered.
    talked: Option<Duration>,
    /// The billed second up to which the call owes.
    owed_s: u32,
    books: Books,
}

/// How far the books are closed.
#[derive(Debug)]
enum Books {
    /// The packet counts are waited for.
    AwaitingMedia,
    /// The profile was asked to settle.
    Asked(Box<Request>),
    /// Nothing is left to do.
    Closed,
}

impl Clearing {
    /// Whether the record is written.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.books, Books::Closed)
    }
}

impl Call {
    /// The one way out.
    pub(super) fn clear(&mut self, ending: Ending, at: Now, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Clearing(_)) {
            return;
        }
        let (talked, owed_s) = self.owed(at);
        self.note_cost(talked);
        self.advise_of_end(at, effects);
        self.timers.clear();
        let report = talked.is_some() && !self.directory.settings().media_report_timeout.is_zero();
        if report {
            effects.push(Effect::ReportMedia);
        }
        self.part(&ending, talked.is_some(), at, effects);
        if let Some(kind) = ending.told().filter(|kind| talked.is_none() && !self.trace.tells(*kind)) {
            let sentence: Arc<str> = ending.sentence().unwrap_or(kind.sentence()).into();
            self.trace.failed(kind, sentence, Value::None);
        }
        record::close(&mut self.record, &ending, talked, at.wall);
        self.record.trace = self.trace.to_text();
        let refusal = ending.refusal();
        self.phase = Phase::Clearing(Clearing { refusal, talked, owed_s, books: Books::AwaitingMedia });
        if self.legs.all_over() {
            self.timers.disarm(Timer::LateAnswer);
        } else {
            self.timers.arm(Timer::LateAnswer, at.monotonic + LATE_ANSWER_WAIT);
        }
        if report {
            self.timers.arm(Timer::MediaReport, at.monotonic + self.directory.settings().media_report_timeout);
        } else {
            self.settle(at, effects);
        }
    }

    /// What the answered call costs us at its carrier, by that carrier's own deck and no other's (field lesson 17).
    fn note_cost(&mut self, talked: Option<Duration>) {
        let (Some(talked), Phase::Talking(talking), Some((_, leg))) = (talked, &self.phase, self.seat) else { return };
        let (callee, at) = (self.record.callee, self.record.invited_at);
        let Some(bought) =
            callee.zip(talking.carrier.as_ref()).and_then(|(callee, carrier)| carrier.bought(callee, at))
        else {
            return;
        };
        if let Some(cost) = record::attempt_of(&mut self.record, leg).and_then(|attempt| attempt.cost.as_mut()) {
            cost.amount = bought.tariff.price(bought.tariff.billed_seconds(talked));
        }
    }

    /// Talk time and the billed seconds owed (R1).
    fn owed(&self, at: Now) -> (Option<Duration>, u32) {
        match &self.phase {
            Phase::Talking(talking) => {
                let talked = at.monotonic.since(talking.answered);
                (Some(talked), talking.meter.as_ref().map_or(0, |meter| meter.owed_s(talked)))
            }
            Phase::Admitting | Phase::Reserving | Phase::Hunting(_) | Phase::Clearing(_) => (None, 0),
        }
    }

    /// Says good-bye to the caller, and to every other leg.
    fn part(&mut self, ending: &Ending, answered: bool, at: Now, effects: &mut Vec<Effect>) {
        if !answered && ending.farewell != Farewell::Nothing {
            self.progress(false, false, at, effects);
        }
        let outcome = match ending.cause {
            ReleaseCause::NoAnswer => AttemptOutcome::NoAnswer,
            _ => AttemptOutcome::GivenUp,
        };
        let given = self.reasons_to_pass(ending);
        if let Some(leg) = self.invited_leg() {
            give(leg, &given, effects);
        }
        self.abandon_attempt(outcome, ending.cause, at, effects);
        if let Some((carrier, leg)) = self.seat.take() {
            effects.push(Effect::AskCarrier(carrier, Ask::Left { call: self.record.id, leg }));
        }
        if self.legs.is_up(LegId::CALLER) {
            if let Some(order) = farewell(ending) {
                give(LegId::CALLER, &given, effects);
                effects.push(Effect::Leg(LegId::CALLER, order));
            }
            self.legs.close(LegId::CALLER);
        }
        let others: Vec<LegId> = self.legs.up().collect();
        for leg in others {
            give(leg, &given, effects);
            effects.push(Effect::Leg(leg, LegOrder::Release(ending.cause)));
            self.legs.close(leg);
        }
    }

    /// The causes that one side gave, by Q.850 and by SIP, are for the other, where the end is theirs and not ours, and speaks of people
    /// rather than of our business with a carrier (RFC 3326, RFC 6432).
    fn reasons_to_pass(&self, ending: &Ending) -> Vec<LegOrder> {
        let is_theirs = matches!(
            ending.cause,
            ReleaseCause::Normal
                | ReleaseCause::Cancelled
                | ReleaseCause::NoAnswer
                | ReleaseCause::Busy
                | ReleaseCause::Rejected
                | ReleaseCause::InvalidNumber
                | ReleaseCause::IncompatibleMedia
        );
        if !is_theirs || matches!(ending.farewell, Farewell::Refuse { .. }) {
            return Vec::new();
        }
        let q850 = self.record.q850.map(LegOrder::GiveReason);
        let sip = self.sip_reason.clone().map(LegOrder::GiveSipReason);
        q850.into_iter().chain(sip).collect()
    }

    /// Asks the profile to give everything back and to keep the record.
    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Clearing(clearing) = &mut self.phase else { return };
        self.timers.disarm(Timer::MediaReport);
        self.timers.arm(Timer::SettleAgain, now.monotonic + SETTLE_AGAIN_AFTER);
        let ask = profile::Ask::Settle { owed_s: clearing.owed_s, record: Arc::new(self.record.clone()) };
        let request = Box::new(Request { call: self.record.id, number: self.requests, held: self.held, ask });
        self.requests += 1;
        clearing.books = Books::Asked(request.clone());
        effects.push(Effect::AskProfile(self.record.profile, request));
    }

    /// The packet counts did not come: the record is written without.
    pub(super) fn on_media_report_overdue(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.settle(now, effects);
    }

    /// The relay told its counts.
    pub(super) fn on_media_reported(
        &mut self,
        packets: (u64, u64),
        lost: (u64, u64),
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        self.record.packets = packets;
        self.record.packets_lost = lost;
        if let Phase::Clearing(Clearing { books: Books::AwaitingMedia, .. }) = self.phase {
            self.settle(now, effects);
        }
    }

    /// The profile has not answered: it is asked the same again.
    pub(super) fn on_settle_overdue(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if let Phase::Clearing(Clearing { books: Books::Asked(request), .. }) = &self.phase {
            self.timers.arm(Timer::SettleAgain, now.monotonic + SETTLE_AGAIN_AFTER);
            effects.push(Effect::AskProfile(self.record.profile, request.clone()));
        }
    }

    /// The books are closed.
    pub(super) fn on_settled(&mut self, amount: Micros, billed_s: u32, effects: &mut Vec<Effect>) {
        let Phase::Clearing(clearing) = &mut self.phase else { return };
        if !matches!(clearing.books, Books::Asked(_)) {
            return;
        }
        clearing.books = Books::Closed;
        self.timers.disarm(Timer::SettleAgain);
        self.record.amount = amount;
        self.record.billed_s = billed_s;
        effects.push(Effect::Tell(Fact::CallEnded {
            call: self.record.id,
            profile: self.record.profile,
            direction: self.record.direction,
            cause: self.record.cause,
            refusal: clearing.refusal,
            status: self.record.status,
            talked: clearing.talked,
            amount,
            currency: self.record.currency,
            sip_call_id: self.sip_call_id.clone(),
            called_sip_call_id: self.record.attempts.last().map(|attempt| attempt.sip_call_id.as_str().into()),
        }));
    }

    /// A leg told something after it was given up. A 2xx that crossed our CANCEL has set up a call that nobody wants.
    pub(super) fn on_abandoned_leg(&mut self, leg: LegId, event: &LegEvent, effects: &mut Vec<Effect>) {
        if !self.legs.is_abandoned(leg) {
            return;
        }
        match event {
            LegEvent::Answered { .. } => {
                effects.push(Effect::Leg(leg, LegOrder::Release(ReleaseCause::Cancelled)));
                self.on_leg_closed(leg);
            }
            LegEvent::Refused { .. } | LegEvent::RefusedInside { .. } | LegEvent::Failed(_) | LegEvent::Released(_) => {
                self.on_leg_closed(leg)
            }
            LegEvent::Trying
            | LegEvent::Ringing { .. }
            | LegEvent::Cancelled
            | LegEvent::ReasonGiven(_)
            | LegEvent::SipReasonGiven(_)
            | LegEvent::Accompanied { .. }
            | LegEvent::Session(_) => {}
        }
    }

    /// Nothing more is to come of this leg.
    pub(super) fn on_leg_closed(&mut self, leg: LegId) {
        if self.legs.is_abandoned(leg) {
            self.legs.close(leg);
            if self.legs.all_over() {
                self.timers.disarm(Timer::LateAnswer);
            }
        }
    }

    /// Whoever has not answered by now never will.
    pub(super) fn on_late_answer_wait_over(&mut self) {
        self.legs.close_all();
    }

    /// The caller told something before it was answered.
    pub(super) fn on_unanswered_caller(&mut self, event: LegEvent, now: Now, effects: &mut Vec<Effect>) {
        match event {
            LegEvent::Cancelled => self.clear(Ending::released(ReleaseCause::Cancelled), now, effects),
            LegEvent::Released(cause) => self.clear(Ending::by_caller(cause), now, effects),
            LegEvent::Failed(_) => self.clear(Ending::by_caller(ReleaseCause::Cancelled), now, effects),
            LegEvent::ReasonGiven(q850) => self.record.q850 = Some(q850),
            LegEvent::SipReasonGiven(reason) => self.sip_reason = Some(reason),
            LegEvent::Trying
            | LegEvent::Ringing { .. }
            | LegEvent::Answered { .. }
            | LegEvent::Refused { .. }
            | LegEvent::RefusedInside { .. }
            | LegEvent::Accompanied { .. }
            | LegEvent::Session(_) => {}
        }
    }

    /// Somebody of ours ends the call.
    pub(super) fn on_hang_up_ordered(&mut self, cause: ReleaseCause, now: Now, effects: &mut Vec<Effect>) {
        let ending = match self.phase {
            Phase::Talking(_) => Ending::released(cause),
            Phase::Admitting | Phase::Reserving | Phase::Hunting(_) | Phase::Clearing(_) => Ending::ordered(cause),
        };
        self.clear(ending, now, effects);
    }
}

/// Tells a leg why the other side ends the call.
fn give(leg: LegId, reasons: &[LegOrder], effects: &mut Vec<Effect>) {
    effects.extend(reasons.iter().map(|reason| Effect::Leg(leg, reason.clone())));
}

fn farewell(ending: &Ending) -> Option<LegOrder> {
    match &ending.farewell {
        Farewell::Refuse { refusal, status } if *status == refusal.kind.status() => {
            Some(LegOrder::Refuse(refusal.clone()))
        }
        Farewell::Refuse { refusal, status } => {
            let (kind, sentence) = (refusal.kind, Some(refusal.sentence.clone()));
            Some(LegOrder::RefuseAs { status: *status, cause: ending.cause, kind, sentence })
        }
        Farewell::RefuseAs { status, kind, sentence } => {
            let (kind, sentence) = (*kind, sentence.clone());
            Some(LegOrder::RefuseAs { status: *status, cause: ending.cause, kind, sentence })
        }
        Farewell::Release => Some(LegOrder::Release(ending.cause)),
        Farewell::Nothing => None,
    }
}
