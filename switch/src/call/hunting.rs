//! Phase three: carriers are invited in order until one rings; then that one has the call (O1, field lessons 17, 18 and 47).
//!
//! Each carrier is asked first whether it may be tried ([`crate::carrier`]): who is full, down or wants to be left alone is skipped,
//! and the attempt says so. The next one is tried on a transport error, without any response or an 18x in time, and on a status of
//! the failover set; never after an 18x or a 2xx. Where all are down, the first of them are tried all the same. Who the carriers
//! are is `routing`'s; what a refusal means to the caller, `ending`'s.
//!
//! An inbound call is a hunt with one place to try, the called PBX. Its 100 is progress enough: what rings behind it may take long.

use super::admitting::{Dial, Place};
use super::ending::Ending;
use super::{Call, Effect, Phase, Timer, record};
use crate::carrier::Ask;
use crate::directory::Carrier;
use domain::call_control::{LegEvent, LegFailure, LegId, LegOrder, OutgoingInvitation};
use domain::call_record::AttemptOutcome;
use domain::fact::AttemptResult;
use domain::media::MediaDescription;
use domain::trace::{Rule, Value};
use domain::{Fact, Monotonic, Now, ReleaseCause};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Carriers that are tried although they are down, at most: nobody waits for more.
const LAST_RESORTS_MAX: usize = 4;
/// How long a carrier may take to say whether it may be tried: it is a thread of ours that is asked.
const SEIZURE_TIMEOUT: Duration = Duration::from_secs(1);
/// What speaks of our business with the carrier and not of the call: it does not believe who we are (our answer to its challenge among
/// it), or sends us elsewhere, and that is not followed. The next one is tried, whatever the settings.
const OF_THE_TRUNK: [std::ops::RangeInclusive<u16>; 3] = [300..=399, 401..=401, 407..=407];
/// What the called person says: never a reason to ring another carrier, whatever the settings (field lesson 18).
const OF_A_PERSON: [u16; 4] = [480, 486, 600, 603];

/// The state of this phase.
#[derive(Debug)]
pub(super) struct Hunting {
    pub(super) dial: Box<Dial>,
    /// The present attempt; none only between two.
    attempt: Option<Attempt>,
    /// Those that are down or want to be left alone: tried where nobody else could be.
    held_back: VecDeque<Place>,
    is_last_resort: bool,
    /// Whether anybody was invited.
    was_invited: bool,
    /// Whether anybody was full.
    was_full: bool,
}

/// One place being tried.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) leg: LegId,
    pub(super) place: Place,
    begun: Monotonic,
    /// Whether the INVITE was ordered.
    is_invited: bool,
    /// Whether any response came.
    was_heard: bool,
    /// To the first 18x.
    rang_after: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
struct Conclusion {
    outcome: AttemptOutcome,
    result: AttemptResult,
    status: u16,
    retry_after_s: Option<u32>,
}

impl Conclusion {
    /// Without a final answer.
    const fn of(outcome: AttemptOutcome) -> Self {
        let result = match outcome {
            AttemptOutcome::Answered => AttemptResult::Answered,
            AttemptOutcome::NoResponse | AttemptOutcome::NoProgress => AttemptResult::Timeout,
            AttemptOutcome::Unreachable
            | AttemptOutcome::Unresolved
            | AttemptOutcome::UnusableAnswer
            | AttemptOutcome::Insecure
            | AttemptOutcome::NoMediaAddress => AttemptResult::NetworkFailure,
            // A caller that gives up, or an operator, says nothing about the carrier.
            AttemptOutcome::Refused | AttemptOutcome::NoAnswer | AttemptOutcome::GivenUp => AttemptResult::UserFailure,
            AttemptOutcome::SkippedDown
            | AttemptOutcome::SkippedResting
            | AttemptOutcome::SkippedChannels
            | AttemptOutcome::SkippedRate
            | AttemptOutcome::SkippedLoss
            | AttemptOutcome::SkippedUnknown => AttemptResult::Skipped,
        };
        Conclusion { outcome, result, status: 0, retry_after_s: None }
    }
}

impl Hunting {
    /// The carrier of the present attempt.
    pub(super) fn carrier(&self) -> Option<&Arc<Carrier>> {
        self.attempt.as_ref().and_then(|attempt| attempt.place.carrier())
    }

    /// Where nobody else could be tried, those that were held back are.
    fn next_place(&mut self) -> Option<Place> {
        if let Some(place) = self.dial.places.pop_front() {
            return Some(place);
        }
        if self.was_invited || self.is_last_resort {
            return None;
        }
        self.is_last_resort = true;
        self.dial.places = self.held_back.drain(..).take(LAST_RESORTS_MAX).collect();
        self.dial.places.pop_front()
    }
}

impl Call {
    /// Everything is held: the called side may hear of it.
    pub(super) fn hunt(&mut self, mut dial: Dial, now: Now, effects: &mut Vec<Effect>) {
        effects.push(Effect::Tell(Fact::CallAdmitted {
            direction: self.record.direction,
            after: self.since_invited(now),
        }));
        let losses = std::mem::take(&mut dial.losses);
        self.phase = Phase::Hunting(Hunting {
            dial: Box::new(dial),
            attempt: None,
            held_back: VecDeque::new(),
            is_last_resort: false,
            was_invited: false,
            was_full: false,
        });
        for carrier in losses {
            self.begin_attempt(Place::Carrier(carrier), now);
            self.conclude(Conclusion::of(AttemptOutcome::SkippedLoss), now, effects);
        }
        self.try_next_place(now, effects);
    }

    /// Notes the attempt; nobody has heard of it yet.
    fn begin_attempt(&mut self, place: Place, now: Now) -> LegId {
        let leg = self.legs.open();
        record::attempt(&mut self.record, place.carrier(), now);
        if let Phase::Hunting(hunting) = &mut self.phase {
            let (begun, is_invited, was_heard) = (now.monotonic, false, false);
            hunting.attempt = Some(Attempt { leg, place, begun, is_invited, was_heard, rang_after: None });
        }
        leg
    }

    fn try_next_place(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(hunting) = &mut self.phase else { return };
        let Some(place) = hunting.next_place() else {
            let ending = if hunting.was_invited || !hunting.was_full {
                Ending::carriers_failed()
            } else {
                Ending::carriers_full()
            };
            return self.clear(ending, now, effects);
        };
        let is_last_resort = hunting.is_last_resort;
        let carrier = place.carrier().map(|carrier| carrier.id);
        let leg = self.begin_attempt(place, now);
        match carrier {
            Some(carrier) => {
                self.timers.arm(Timer::Seizure, now.monotonic + SEIZURE_TIMEOUT);
                effects.push(Effect::AskCarrier(carrier, Ask::Seize { call: self.id(), leg, is_last_resort }));
            }
            None => self.invite_place(now, effects),
        }
    }

    /// The carrier has a channel for the present attempt.
    pub(super) fn on_seized(&mut self, leg: LegId, now: Now, effects: &mut Vec<Effect>) {
        if self.is_asking(leg) {
            self.timers.disarm(Timer::Seizure);
            self.invite_place(now, effects);
        }
    }

    /// The carrier is not to be tried.
    pub(super) fn on_skipped(&mut self, leg: LegId, why: AttemptOutcome, now: Now, effects: &mut Vec<Effect>) {
        if !self.is_asking(leg) {
            return;
        }
        let Phase::Hunting(hunting) = &mut self.phase else { return };
        match why {
            AttemptOutcome::SkippedDown | AttemptOutcome::SkippedResting => {
                hunting.held_back.extend(hunting.attempt.as_ref().map(|attempt| attempt.place.clone()));
            }
            AttemptOutcome::SkippedChannels | AttemptOutcome::SkippedRate => hunting.was_full = true,
            _ => {}
        }
        self.conclude(Conclusion::of(why), now, effects);
        self.try_next_place(now, effects);
    }

    /// It did not say whether it may be tried.
    pub(super) fn on_seizure_overdue(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.conclude(Conclusion::of(AttemptOutcome::SkippedUnknown), now, effects);
        self.try_next_place(now, effects);
    }

    fn is_asking(&self, leg: LegId) -> bool {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return false };
        attempt.leg == leg && !attempt.is_invited
    }

    fn invite_place(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let settings = *self.directory.settings();
        let profile_srtp = self.profile_srtp();
        let Phase::Hunting(hunting) = &mut self.phase else { return };
        let Some(attempt) = &mut hunting.attempt else { return };
        hunting.was_invited = true;
        attempt.is_invited = true;
        // What the one before said is of no account any more.
        self.record.q850 = None;
        self.sip_reason = None;
        attempt.begun = now.monotonic;
        let carrier = attempt.place.carrier();
        let patience = carrier.and_then(|carrier| carrier.progress_timeout);
        // Inside, the second call has patience of its own.
        if !matches!(attempt.place, Place::Inside) {
            self.timers.arm(Timer::Progress, now.monotonic + patience.unwrap_or(settings.carrier_progress_timeout));
        }
        if let Some(carrier) = carrier {
            let patience = carrier.response_timeout.unwrap_or(settings.carrier_response_timeout);
            self.timers.arm(Timer::Response, now.monotonic + patience);
        }
        let invitation = OutgoingInvitation {
            whereto: attempt.place.whereto(),
            caller_id: hunting.dial.caller_id.clone(),
            callee: hunting.dial.callee,
            offer: hunting.dial.offer.clone(),
            manner: hunting.dial.manner_towards(&attempt.place),
            srtp: carrier.map_or(profile_srtp, |carrier| carrier.srtp),
        };
        effects.push(Effect::Leg(attempt.leg, LegOrder::Invite(Box::new(invitation))));
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
            LegEvent::Cancelled | LegEvent::Session(_) | LegEvent::Accompanied { .. } => {}
            LegEvent::Trying => self.on_trying(now),
            LegEvent::Ringing { status, media } => self.on_ringing(status, media, now, effects),
            LegEvent::Answered { media } => self.on_answered(media, now, effects),
            LegEvent::Refused { status, q850, retry_after_s } => {
                self.on_refused(status, q850, retry_after_s, now, effects);
            }
            LegEvent::RefusedInside { status, cause, kind, sentence } => {
                self.on_refused_inside(status, Ending::refused_inside(status, cause, kind, sentence), now, effects);
            }
            LegEvent::ReasonGiven(q850) => self.record.q850 = Some(q850),
            LegEvent::SipReasonGiven(reason) => self.sip_reason = Some(reason),
            LegEvent::Failed(failure) => self.on_failed(failure, now, effects),
            LegEvent::Released(_) => self.on_failed(LegFailure::Transport, now, effects),
        }
    }

    /// A 100 of a PBX: it lives. A carrier's says only that its front door does.
    fn on_trying(&mut self, now: Now) {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &mut self.phase else { return };
        attempt.was_heard = true;
        self.timers.disarm(Timer::Response);
        if matches!(attempt.place, Place::Pbx { .. }) && attempt.rang_after.is_none() {
            self.timers.disarm(Timer::Progress);
            self.timers.arm(Timer::Ring, now.monotonic + self.directory.settings().ring_timeout);
        }
    }

    /// An 18x: from now on this place has the call. What is no 18x (RFC 3261 21.1) is no progress.
    fn on_ringing(&mut self, status: u16, media: Option<MediaDescription>, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &mut self.phase else { return };
        attempt.was_heard = true;
        self.timers.disarm(Timer::Response);
        if !(180..=189).contains(&status) {
            return;
        }
        if attempt.rang_after.is_none() {
            let delay = now.monotonic.since(attempt.begun);
            attempt.rang_after = Some(delay);
            if let Some(attempt) = record::attempt_of(&mut self.record, attempt.leg) {
                attempt.post_dial_delay_ms = Some(record::short_millis(delay));
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
        let tariff = hunting.dial.rate.as_ref().map(|sold| sold.rate.tariff);
        let conclusion = Conclusion { status: 200, ..Conclusion::of(AttemptOutcome::Answered) };
        let Some(attempt) = self.conclude(conclusion, now, effects) else { return };
        self.seat = attempt.place.carrier().map(|carrier| (carrier.id, attempt.leg));
        let carrier = self.came_from.as_ref().or(attempt.place.carrier()).cloned();
        self.talk(carrier, tariff, media, now, effects);
    }

    fn on_refused(
        &mut self,
        status: u16,
        q850: Option<u8>,
        retry_after_s: Option<u32>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        self.record.q850 = q850;
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &mut self.phase else { return };
        attempt.was_heard = true;
        let refused = Conclusion { status, retry_after_s, ..Conclusion::of(AttemptOutcome::Refused) };
        let Place::Carrier(carrier) = &attempt.place else {
            self.close_attempt(refused, now, effects);
            return self.clear(Ending::refused_by_pbx(status, q850), now, effects);
        };
        let failover = carrier.failover.as_ref().unwrap_or(&self.directory.settings().failover);
        let is_of_the_trunk = OF_THE_TRUNK.iter().any(|statuses| statuses.contains(&status));
        let may_differ = is_of_the_trunk || failover.contains(status) && !OF_A_PERSON.contains(&status);
        let next = attempt.rang_after.is_none() && may_differ;
        let ending = Ending::passed_on(status, q850);
        let result = match ending.cause {
            _ if next && status == 408 => AttemptResult::Timeout,
            _ if next => AttemptResult::NetworkFailure,
            ReleaseCause::CarrierFailure | ReleaseCause::IncompatibleMedia => AttemptResult::NetworkFailure,
            _ => AttemptResult::UserFailure,
        };
        self.close_attempt(Conclusion { result, ..refused }, now, effects);
        if next { self.try_next_place(now, effects) } else { self.clear(ending, now, effects) }
    }

    /// The second call has decided what its caller is told.
    fn on_refused_inside(&mut self, status: u16, ending: Ending, now: Now, effects: &mut Vec<Effect>) {
        let refused = Conclusion { status, ..Conclusion::of(AttemptOutcome::Refused) };
        self.close_attempt(refused, now, effects);
        self.clear(ending, now, effects);
    }

    fn on_failed(&mut self, failure: LegFailure, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return };
        let (rang, is_pbx) = (attempt.rang_after.is_some(), !matches!(attempt.place, Place::Carrier(_)));
        let outcome = match failure {
            LegFailure::Timeout if attempt.was_heard => AttemptOutcome::NoProgress,
            LegFailure::Timeout => AttemptOutcome::NoResponse,
            LegFailure::Transport => AttemptOutcome::Unreachable,
            LegFailure::Unresolved => AttemptOutcome::Unresolved,
            LegFailure::UnusableAnswer => AttemptOutcome::UnusableAnswer,
            LegFailure::Insecure => AttemptOutcome::Insecure,
            LegFailure::NoMediaAddress => AttemptOutcome::NoMediaAddress,
        };
        self.close_attempt(Conclusion::of(outcome), now, effects);
        match failure {
            // It was a 2xx, so somebody had picked up.
            LegFailure::UnusableAnswer => self.clear(Ending::unusable_answer(), now, effects),
            LegFailure::Insecure if is_pbx => self.clear(Ending::pbx_insecure(), now, effects),
            LegFailure::NoMediaAddress if is_pbx => self.clear(Ending::pbx_of_another_family(), now, effects),
            LegFailure::Insecure | LegFailure::NoMediaAddress => self.try_next_place(now, effects),
            _ if is_pbx => self.clear(Ending::pbx_silent(), now, effects),
            _ if rang => self.clear(Ending::carriers_failed(), now, effects),
            LegFailure::Timeout | LegFailure::Transport | LegFailure::Unresolved => self.try_next_place(now, effects),
        }
    }

    /// Not one response in time: this place is cancelled, the next one tried.
    pub(super) fn on_no_response(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.abandon_attempt(AttemptOutcome::NoResponse, ReleaseCause::CarrierFailure, now, effects);
        self.try_next_place(now, effects);
    }

    /// No progress in time: this place is cancelled, the next one tried.
    pub(super) fn on_no_progress(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.is_at_pbx() {
            return self.clear(Ending::pbx_silent(), now, effects);
        }
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return };
        let outcome = if attempt.was_heard { AttemptOutcome::NoProgress } else { AttemptOutcome::NoResponse };
        self.abandon_attempt(outcome, ReleaseCause::CarrierFailure, now, effects);
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
    pub(super) fn abandon_attempt(
        &mut self,
        outcome: AttemptOutcome,
        cause: ReleaseCause,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(attempt) = self.conclude(Conclusion::of(outcome), now, effects)
            && attempt.is_invited
        {
            self.legs.abandon(attempt.leg);
            effects.push(Effect::Leg(attempt.leg, LegOrder::Release(cause)));
        }
    }

    /// The leg of the present attempt, where it was invited.
    pub(super) fn invited_leg(&self) -> Option<LegId> {
        let Phase::Hunting(Hunting { attempt: Some(attempt), .. }) = &self.phase else { return None };
        attempt.is_invited.then_some(attempt.leg)
    }

    /// The present attempt has ended by itself.
    fn close_attempt(&mut self, conclusion: Conclusion, now: Now, effects: &mut Vec<Effect>) {
        if let Some(attempt) = self.conclude(conclusion, now, effects) {
            self.legs.close(attempt.leg);
        }
    }

    /// How an attempt ended, in the trace.
    fn note_attempt(&mut self, attempt: &Attempt, conclusion: Conclusion) {
        let whom = match &attempt.place {
            Place::Carrier(carrier) => Value::Text(Arc::clone(&carrier.name)),
            Place::Pbx { pbx, .. } => super::receiving::place_of(pbx),
            Place::Inside => Value::Words("the called profile"),
        };
        let rule = if attempt.place.carrier().is_some() { Rule::Carrier } else { Rule::CalledSide };
        let Conclusion { outcome, status, .. } = conclusion;
        let seen = if outcome == AttemptOutcome::Refused { Value::Status(status) } else { outcome.as_str().into() };
        match outcome {
            AttemptOutcome::Answered => self.trace.passed(rule, whom, seen),
            _ => self.trace.skipped(rule, whom, seen),
        }
    }

    /// Ends the present attempt in the record, at its carrier and in the metrics. A leg that was never invited is over.
    fn conclude(&mut self, conclusion: Conclusion, now: Now, effects: &mut Vec<Effect>) -> Option<Attempt> {
        let Phase::Hunting(hunting) = &mut self.phase else { return None };
        let attempt = hunting.attempt.take()?;
        for timer in [Timer::Seizure, Timer::Response, Timer::Progress, Timer::Ring] {
            self.timers.disarm(timer);
        }
        if !attempt.is_invited {
            self.legs.close(attempt.leg);
        }
        let Conclusion { outcome, result, status, retry_after_s } = conclusion;
        if let Some(noted) = record::attempt_of(&mut self.record, attempt.leg) {
            noted.status = status;
            noted.outcome = Some(outcome);
            noted.ended_after_ms = Some(record::short_millis(now.monotonic.since(attempt.begun)));
        }
        self.note_attempt(&attempt, conclusion);
        if let Some(carrier) = attempt.place.carrier() {
            if !outcome.is_skipped() || outcome == AttemptOutcome::SkippedUnknown {
                let (call, leg, was_heard) = (self.record.id, attempt.leg, attempt.was_heard);
                let concluded = Ask::Concluded { call, leg, outcome, was_heard, status, retry_after_s };
                effects.push(Effect::AskCarrier(carrier.id, concluded));
            }
            effects.push(Effect::Tell(Fact::CarrierAttempted {
                carrier: carrier.name.clone(),
                result,
                post_dial_delay: attempt.rang_after,
            }));
        }
        Some(attempt)
    }
}
