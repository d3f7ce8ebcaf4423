//! Phase three: carriers are invited in order until one rings; then that one has the call (O1, field lessons 18 and 47).
//!
//! The next carrier is tried on a transport error, on a timeout, without an 18x in time, and on a status of the failover set;
//! never after an 18x or a 2xx. Who the carriers are is `routing`'s; what a refusal means to the caller, `ending`'s.

use super::admitting::Dial;
use super::ending::Ending;
use super::{Call, Effect, Phase, Timer, record};
use crate::directory::Carrier;
use domain::call_control::{CarrierInvitation, LegEvent, LegFailure, LegId, LegOrder};
use domain::fact::AttemptResult;
use domain::media::MediaDescription;
use domain::{Fact, Monotonic, Now, ReleaseCause};
use std::sync::Arc;
use std::time::Duration;

/// The state of this phase.
#[derive(Debug)]
pub(super) struct Hunting {
    pub(super) dial: Box<Dial>,
    /// The present attempt; none only between two.
    attempt: Option<Attempt>,
}

/// One carrier being tried.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) leg: LegId,
    pub(super) carrier: Arc<Carrier>,
    invited: Monotonic,
    /// To the first 18x.
    rang_after: Option<Duration>,
}

impl Hunting {
    /// The carrier of the present attempt.
    pub(super) fn carrier(&self) -> Option<&Arc<Carrier>> {
        self.attempt.as_ref().map(|attempt| &attempt.carrier)
    }
}

impl Call {
    /// Everything is held: the first carrier may hear of it.
    pub(super) fn hunt(&mut self, dial: Dial, now: Now, effects: &mut Vec<Effect>) {
        effects.push(Effect::Tell(Fact::CallAdmitted {
            direction: self.record.direction,
            after: self.since_invited(now),
        }));
        self.phase = Phase::Hunting(Hunting { dial: Box::new(dial), attempt: None });
        self.try_next_carrier(now, effects);
    }

    fn try_next_carrier(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(hunting) = &mut self.phase else { return };
        let Some(carrier) = hunting.dial.carriers.pop_front() else {
            return self.clear(Ending::carriers_failed(), now, effects);
        };
        let leg = self.legs.open();
        let patience = carrier.progress_timeout.unwrap_or(self.directory.settings().carrier_progress_timeout);
        self.timers.arm(Timer::CarrierProgress, now.monotonic + patience);
        record::attempt(&mut self.record, &carrier, now);
        let invitation = CarrierInvitation {
            carrier: carrier.id,
            caller_id: hunting.dial.caller_id.clone(),
            callee: hunting.dial.callee,
            offer: hunting.dial.offer.clone(),
        };
        hunting.attempt = Some(Attempt { leg, carrier, invited: now.monotonic, rang_after: None });
        effects.push(Effect::Leg(leg, LegOrder::Invite(Box::new(invitation))));
    }

    /// A leg told something while nobody has answered.
    pub(super) fn on_leg_while_hunting(&mut self, leg: LegId, event: LegEvent, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(hunting) = &self.phase else { return };
        match event {
            event if leg == LegId::CALLER => self.on_unanswered_caller(event, now, effects),
            event if hunting.attempt.as_ref().is_none_or(|attempt| attempt.leg != leg) => {
                self.on_abandoned_leg(leg, &event, effects);
            }
            LegEvent::Trying | LegEvent::Cancelled => {}
            LegEvent::Ringing { status, media } => self.on_ringing(status, media, now, effects),
            LegEvent::Answered { media } => self.on_answered(media, now, effects),
            LegEvent::Refused { status, q850 } => self.on_carrier_refused(status, q850, now, effects),
            LegEvent::Failed(failure) => self.on_carrier_failed(failure, now, effects),
            LegEvent::Released(_) => self.on_carrier_failed(LegFailure::Transport, now, effects),
        }
    }

    /// An 18x: from now on this carrier has the call. What is no 18x (RFC 3261 21.1) is no progress.
    fn on_ringing(&mut self, status: u16, media: Option<MediaDescription>, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &mut self.phase else { return };
        if !(180..=189).contains(&status) {
            return;
        }
        if attempt.rang_after.is_none() {
            let delay = now.monotonic.since(attempt.invited);
            attempt.rang_after = Some(delay);
            if let Some(attempt) = record::attempt_of(&mut self.record, attempt.leg) {
                attempt.post_dial_delay_ms = Some(u32::try_from(delay.as_millis()).unwrap_or(u32::MAX));
            }
            self.record.rang_at = Some(now.wall);
            self.timers.disarm(Timer::CarrierProgress);
            self.timers.arm(Timer::Ring, now.monotonic + self.directory.settings().ring_timeout);
        }
        self.progress(true, matches!(status, 180 | 183), now, effects);
        effects.push(Effect::Leg(LegId::CALLER, LegOrder::Ring { status, media }));
    }

    /// A 2xx: the caller is answered, and the clock starts (R10).
    fn on_answered(&mut self, media: MediaDescription, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(hunting) = &mut self.phase else { return };
        let tariff = hunting.dial.rate.tariff;
        let Some(attempt) = self.conclude(200, AttemptResult::Answered, effects) else { return };
        self.talk(attempt, tariff, media, now, effects);
    }

    fn on_carrier_refused(&mut self, status: u16, q850: Option<u8>, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return };
        let failover = attempt.carrier.failover.as_ref().unwrap_or(&self.directory.settings().failover);
        let next = attempt.rang_after.is_none() && failover.contains(status);
        let ending = Ending::passed_on(status, q850);
        let result = match ending.cause {
            _ if next && status == 408 => AttemptResult::Timeout,
            _ if next => AttemptResult::NetworkFailure,
            ReleaseCause::CarrierFailure | ReleaseCause::IncompatibleMedia => AttemptResult::NetworkFailure,
            _ => AttemptResult::UserFailure,
        };
        self.close_attempt(status, result, effects);
        if next { self.try_next_carrier(now, effects) } else { self.clear(ending, now, effects) }
    }

    fn on_carrier_failed(&mut self, failure: LegFailure, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return };
        let rang = attempt.rang_after.is_some();
        let result = match failure {
            LegFailure::Timeout => AttemptResult::Timeout,
            LegFailure::Transport | LegFailure::UnusableAnswer => AttemptResult::NetworkFailure,
        };
        self.close_attempt(0, result, effects);
        match failure {
            // It was a 2xx, so somebody had picked up.
            LegFailure::UnusableAnswer => self.clear(Ending::unusable_answer(), now, effects),
            LegFailure::Timeout | LegFailure::Transport if rang => self.clear(Ending::carriers_failed(), now, effects),
            LegFailure::Timeout | LegFailure::Transport => self.try_next_carrier(now, effects),
        }
    }

    /// No 18x in time: this carrier is cancelled, the next one tried.
    pub(super) fn on_carrier_silent(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.abandon_attempt(AttemptResult::Timeout, ReleaseCause::CarrierFailure, effects);
        self.try_next_carrier(now, effects);
    }

    /// It rang for too long.
    pub(super) fn on_ring_timeout(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.clear(Ending::unanswered(), now, effects);
    }

    /// Gives the present attempt up, where there is one: its leg is cancelled, and may still answer.
    pub(super) fn abandon_attempt(&mut self, result: AttemptResult, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        if let Some(attempt) = self.conclude(0, result, effects) {
            self.legs.abandon(attempt.leg);
            effects.push(Effect::Leg(attempt.leg, LegOrder::Release(cause)));
        }
    }

    /// The present attempt has ended by itself.
    fn close_attempt(&mut self, status: u16, result: AttemptResult, effects: &mut Vec<Effect>) {
        if let Some(attempt) = self.conclude(status, result, effects) {
            self.legs.close(attempt.leg);
        }
    }

    fn conclude(&mut self, status: u16, result: AttemptResult, effects: &mut Vec<Effect>) -> Option<Attempt> {
        let Phase::Hunting(hunting) = &mut self.phase else { return None };
        let attempt = hunting.attempt.take()?;
        self.timers.disarm(Timer::CarrierProgress);
        self.timers.disarm(Timer::Ring);
        if let Some(attempt) = record::attempt_of(&mut self.record, attempt.leg) {
            attempt.status = status;
        }
        effects.push(Effect::Tell(Fact::CarrierAttempted {
            carrier: attempt.carrier.name.clone(),
            result,
            post_dial_delay: attempt.rang_after,
        }));
        Some(attempt)
    }
}
