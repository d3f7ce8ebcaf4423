//! Phase three: carriers are invited in order until one rings; then that one has the call (O1, field lessons 18 and 47).
//!
//! The next carrier is tried on a transport error, on a timeout, without an 18x in time, and on a status of the failover set;
//! never after an 18x or a 2xx. Who the carriers are is `routing`'s; what a refusal means to the caller, `ending`'s.
//!
//! An inbound call is a hunt with one place to try, the called PBX. Its 100 is progress enough: what rings behind it may take long.

use super::admitting::{Dial, Place};
use super::ending::Ending;
use super::{Call, Effect, Phase, Timer, record};
use crate::directory::Carrier;
use domain::call_control::{LegEvent, LegFailure, LegId, LegOrder, OutgoingInvitation};
use domain::fact::AttemptResult;
use domain::media::MediaDescription;
use domain::{Fact, Monotonic, Now, ReleaseCause};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The state of this phase.
#[derive(Debug)]
pub(super) struct Hunting {
    pub(super) dial: Box<Dial>,
    /// The present attempt; none only between two.
    attempt: Option<Attempt>,
}

/// One place being tried.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) leg: LegId,
    pub(super) place: Place,
    invited: Monotonic,
    /// To the first 18x.
    rang_after: Option<Duration>,
}

impl Hunting {
    /// The carrier of the present attempt.
    pub(super) fn carrier(&self) -> Option<&Arc<Carrier>> {
        self.attempt.as_ref().and_then(|attempt| attempt.place.carrier())
    }
}

impl Call {
    /// Everything is held: the called side may hear of it.
    pub(super) fn hunt(&mut self, dial: Dial, now: Now, effects: &mut Vec<Effect>) {
        effects.push(Effect::Tell(Fact::CallAdmitted {
            direction: self.record.direction,
            after: self.since_invited(now),
        }));
        self.phase = Phase::Hunting(Hunting { dial: Box::new(dial), attempt: None });
        self.try_next_place(now, effects);
    }

    fn try_next_place(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let profile_srtp = self.profile_srtp();
        let Phase::Hunting(hunting) = &mut self.phase else { return };
        let Some(place) = hunting.dial.places.pop_front() else {
            return self.clear(Ending::carriers_failed(), now, effects);
        };
        let leg = self.legs.open();
        let patience = place.carrier().and_then(|carrier| carrier.progress_timeout);
        let patience = patience.unwrap_or(self.directory.settings().carrier_progress_timeout);
        // Inside, the second call has patience of its own.
        if !matches!(place, Place::Inside) {
            self.timers.arm(Timer::Progress, now.monotonic + patience);
        }
        record::attempt(&mut self.record, place.carrier(), now);
        let invitation = OutgoingInvitation {
            whereto: place.whereto(),
            caller_id: hunting.dial.caller_id.clone(),
            callee: hunting.dial.callee,
            offer: hunting.dial.offer.clone(),
            manner: hunting.dial.manner_towards(&place),
            srtp: place.carrier().map_or(profile_srtp, |carrier| carrier.srtp),
        };
        hunting.attempt = Some(Attempt { leg, place, invited: now.monotonic, rang_after: None });
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
            // Only the legs of an answered call have a session in common.
            LegEvent::Cancelled | LegEvent::Session(_) => {}
            LegEvent::Trying => self.on_trying(now),
            LegEvent::Ringing { status, media } => self.on_ringing(status, media, now, effects),
            LegEvent::Answered { media } => self.on_answered(media, now, effects),
            LegEvent::Refused { status, q850 } => self.on_refused(status, q850, now, effects),
            LegEvent::RefusedInside { status, cause, sentence } => {
                self.on_refused_inside(status, cause, sentence, now, effects);
            }
            LegEvent::ReasonGiven(q850) => self.record.q850 = Some(q850),
            LegEvent::Failed(failure) => self.on_failed(failure, now, effects),
            LegEvent::Released(_) => self.on_failed(LegFailure::Transport, now, effects),
        }
    }

    /// A 100 of a PBX: it lives. A carrier's says only that its front door does.
    fn on_trying(&mut self, now: Now) {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return };
        if matches!(attempt.place, Place::Pbx { .. }) && attempt.rang_after.is_none() {
            self.timers.disarm(Timer::Progress);
            self.timers.arm(Timer::Ring, now.monotonic + self.directory.settings().ring_timeout);
        }
    }

    /// An 18x: from now on this place has the call. What is no 18x (RFC 3261 21.1) is no progress.
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
            self.timers.disarm(Timer::Progress);
            if !matches!(attempt.place, Place::Inside) {
                self.timers.arm(Timer::Ring, now.monotonic + self.directory.settings().ring_timeout);
            }
        }
        self.progress(true, matches!(status, 180 | 183), now, effects);
        effects.push(Effect::Leg(LegId::CALLER, LegOrder::Ring { status, media }));
    }

    /// A 2xx: the caller is answered, and the clock starts (R10).
    fn on_answered(&mut self, media: MediaDescription, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(hunting) = &mut self.phase else { return };
        let tariff = hunting.dial.rate.as_ref().map(|rate| rate.tariff);
        let Some(attempt) = self.conclude(200, AttemptResult::Answered, effects) else { return };
        let carrier = self.came_from.as_ref().or(attempt.place.carrier()).cloned();
        self.talk(carrier, tariff, media, now, effects);
    }

    fn on_refused(&mut self, status: u16, q850: Option<u8>, now: Now, effects: &mut Vec<Effect>) {
        self.record.q850 = q850;
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return };
        let Place::Carrier(carrier) = &attempt.place else {
            self.close_attempt(status, AttemptResult::UserFailure, effects);
            return self.clear(Ending::refused_by_pbx(status, q850), now, effects);
        };
        let failover = carrier.failover.as_ref().unwrap_or(&self.directory.settings().failover);
        let next = attempt.rang_after.is_none() && failover.contains(status);
        let ending = Ending::passed_on(status, q850);
        let result = match ending.cause {
            _ if next && status == 408 => AttemptResult::Timeout,
            _ if next => AttemptResult::NetworkFailure,
            ReleaseCause::CarrierFailure | ReleaseCause::IncompatibleMedia => AttemptResult::NetworkFailure,
            _ => AttemptResult::UserFailure,
        };
        self.close_attempt(status, result, effects);
        if next { self.try_next_place(now, effects) } else { self.clear(ending, now, effects) }
    }

    /// The second call has decided what its caller is told.
    fn on_refused_inside(
        &mut self,
        status: u16,
        cause: ReleaseCause,
        sentence: Option<Cow<'static, str>>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        self.close_attempt(status, AttemptResult::UserFailure, effects);
        self.clear(Ending::refused_inside(status, cause, sentence), now, effects);
    }

    fn on_failed(&mut self, failure: LegFailure, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return };
        let (rang, is_pbx) = (attempt.rang_after.is_some(), !matches!(attempt.place, Place::Carrier(_)));
        let result = match failure {
            LegFailure::Timeout => AttemptResult::Timeout,
            LegFailure::Transport | LegFailure::UnusableAnswer | LegFailure::Insecure => AttemptResult::NetworkFailure,
        };
        self.close_attempt(0, result, effects);
        match failure {
            // It was a 2xx, so somebody had picked up.
            LegFailure::UnusableAnswer => self.clear(Ending::unusable_answer(), now, effects),
            LegFailure::Insecure if is_pbx => self.clear(Ending::pbx_insecure(), now, effects),
            LegFailure::Insecure => self.try_next_place(now, effects),
            LegFailure::Timeout | LegFailure::Transport if is_pbx => self.clear(Ending::pbx_silent(), now, effects),
            LegFailure::Timeout | LegFailure::Transport if rang => self.clear(Ending::carriers_failed(), now, effects),
            LegFailure::Timeout | LegFailure::Transport => self.try_next_place(now, effects),
        }
    }

    /// No progress in time: this place is cancelled, the next one tried.
    pub(super) fn on_no_progress(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.is_at_pbx() {
            return self.clear(Ending::pbx_silent(), now, effects);
        }
        self.abandon_attempt(AttemptResult::Timeout, ReleaseCause::CarrierFailure, effects);
        self.try_next_place(now, effects);
    }

    fn is_at_pbx(&self) -> bool {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return false };
        matches!(attempt.place, Place::Pbx { .. })
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
        self.timers.disarm(Timer::Progress);
        self.timers.disarm(Timer::Ring);
        if let Some(attempt) = record::attempt_of(&mut self.record, attempt.leg) {
            attempt.status = status;
        }
        if let Some(carrier) = attempt.place.carrier() {
            effects.push(Effect::Tell(Fact::CarrierAttempted {
                carrier: carrier.name.clone(),
                result,
                post_dial_delay: attempt.rang_after,
            }));
        }
        Some(attempt)
    }
}
