//! Phase four: answered. Sound flows, the meter runs, and either side, the clock or the money ends it.
//!
//! The meter itself is in `metering`; what follows the end, in `clearing`.

use super::ending::Ending;
use super::metering::{Boundary, Charge, Meter, PLEA_WITHIN};
use super::warning::Warnings;
use super::{Call, Effect, Phase, Timer};
use crate::directory::Carrier;
use crate::profile::Ask;
use domain::advice::AdviceOfCharge;
use domain::call_control::{LegEvent, LegId, LegOrder, SessionWord};
use domain::credit_failure::CreditFailure;
use domain::media::MediaDescription;
use domain::trace::{Rule, Step, Value, Verdict};
use domain::{Fact, Micros, Monotonic, Now, ReleaseCause};
use rating::{Block, Tariff};
use std::sync::Arc;

/// The state of this phase.
#[derive(Debug)]
pub(super) struct Talking {
    /// When the 2xx to the caller was ordered (R10).
    pub(super) answered: Monotonic,
    /// The carrier that it goes to or came from; none for the echo test.
    pub(super) carrier: Option<Arc<Carrier>>,
    /// None for a free call.
    pub(super) meter: Option<Meter>,
    /// How its caller is warned before the credit ends.
    pub(super) warnings: Warnings,
    /// Whether its caller is told what it costs.
    pub(super) advice: AdviceOfCharge,
}

impl Call {
    /// The called side answered: so is the caller, and where the call costs, the first block is owed at once.
    pub(super) fn talk(
        &mut self,
        carrier: Option<Arc<Carrier>>,
        tariff: Option<Tariff>,
        media: MediaDescription,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Leg(LegId::CALLER, LegOrder::Answer { media: media.clone() }));
        match tariff {
            Some(tariff) => {
                let (meter, charge) = Meter::start(tariff, self.max_cost());
                self.answered(carrier, Some(meter), now, effects);
                self.note_codec(&media);
                self.on_end_foreseen(None, now);
                self.charge(charge, now, effects);
            }
            None => self.answered_free(carrier, now, effects),
        }
    }

    /// The caller is to hear itself (O2). It is answered once there are ports for that.
    pub(super) fn echo(&mut self, now: Now, effects: &mut Vec<Effect>) {
        effects.push(Effect::Tell(Fact::CallAdmitted {
            direction: self.record.direction,
            after: self.since_invited(now),
        }));
        effects.push(Effect::AnswerWithEcho);
        self.timers.arm(Timer::MaxDuration, now.monotonic + self.directory.settings().max_duration);
    }

    /// The caller hears itself: free, so nothing but the lease is to be renewed.
    pub(super) fn on_echo_answered(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Reserving) {
            return;
        }
        self.answered_free(None, now, effects);
    }

    /// Nothing is charged: only the answer is to be kept, should the switch die now.
    fn answered_free(&mut self, carrier: Option<Arc<Carrier>>, now: Now, effects: &mut Vec<Effect>) {
        self.answered(carrier, None, now, effects);
        let opened = Some(Arc::new(self.record.clone()));
        self.ask(Ask::Extend { opened }, effects);
    }

    fn answered(&mut self, carrier: Option<Arc<Carrier>>, meter: Option<Meter>, now: Now, effects: &mut Vec<Effect>) {
        self.record.answered_at = Some(now.wall);
        self.record.status = 200;
        self.progress(true, false, now, effects);
        effects.push(Effect::Tell(Fact::CallAnswered {
            call: self.id(),
            profile: self.record.profile,
            direction: self.record.direction,
        }));
        // Armed before the first boundary, so that a boundary in the same instant does not begin a block that cannot be talked.
        self.timers.arm(Timer::MaxDuration, now.monotonic + self.directory.settings().max_duration);
        let (warnings, advice) = (Warnings::default(), self.caller_advice());
        self.phase = Phase::Talking(Talking { answered: now.monotonic, carrier, meter, warnings, advice });
        self.advise_of_rates(effects);
    }

    /// Asks for a charge. It extends the leases too.
    fn charge(&mut self, charge: Charge, now: Now, effects: &mut Vec<Effect>) {
        let Charge { sequence, begins, next, tariff } = charge;
        self.timers.arm(Timer::Lease, now.monotonic + self.directory.settings().lease_extension_interval());
        self.arm_boundary();
        let opened = (sequence == 0).then(|| Arc::new(self.record.clone()));
        self.ask(Ask::Charge { sequence, begins, next, tariff, opened }, effects);
    }

    fn arm_boundary(&mut self) {
        if let Phase::Talking(Talking { answered, meter: Some(meter), .. }) = &self.phase {
            self.timers.arm(Timer::Boundary, *answered + meter.boundary());
        }
    }

    /// The block that had begun has ended; `now` is the boundary itself or later.
    pub(super) fn on_boundary(&mut self, due: Now, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Talking(talking) = &mut self.phase else { return };
        let Some(meter) = &mut talking.meter else { return };
        match meter.cross(now.monotonic.since(talking.answered)) {
            Boundary::Begin(charge) => self.charge(charge, now, effects),
            Boundary::Exhausted => self.clear(Ending::released(ReleaseCause::CreditExhausted), due, effects),
            // What was granted is spoken, and nothing is guessed (design 5, point 8).
            Boundary::Unknown { sequence, next } => self.plead(sequence, next, now, effects),
            Boundary::Unanswered => self.clear(Ending::released(ReleaseCause::Overload), now, effects),
            Boundary::GivenUp => self.clear(Ending::released(ReleaseCause::Overload), due, effects),
            Boundary::WaitUntil(elapsed) => self.timers.arm(Timer::Boundary, talking.answered + elapsed),
        }
    }

    /// The ledger is away: only the profile may say that the call goes on unpaid (RFC 8506 5.7), where it does so at all.
    fn plead(&mut self, sequence: u32, next: Block, now: Now, effects: &mut Vec<Effect>) {
        let policy = self.directory.profile(self.record.profile).map(|profile| profile.credit_failure);
        if !matches!(policy, Some(CreditFailure::Continue { .. })) {
            return self.clear(Ending::released(ReleaseCause::Overload), now, effects);
        }
        self.timers.arm(Timer::Boundary, now.monotonic + PLEA_WITHIN);
        self.ask(Ask::Continue { sequence, next }, effects);
    }

    /// What comes next begins although the ledger has not granted it.
    pub(super) fn on_risk_taken(&mut self, sequence: u32, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Talking(Talking { meter: Some(meter), answered, .. }) = &mut self.phase else { return };
        if let Some(charge) = meter.dare(sequence, now.monotonic.since(*answered)) {
            self.charge(charge, now, effects);
        }
    }

    /// What is paid is spoken.
    pub(super) fn on_risk_refused(&mut self, sequence: u32, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Talking(Talking { meter: Some(meter), .. }) = &self.phase else { return };
        if meter.is_pleading(sequence) {
            self.clear(Ending::released(ReleaseCause::Overload), now, effects);
        }
    }

    /// The ledger cannot answer, and is not waited for: the call ends at the boundary.
    pub(super) fn on_charge_unanswered(&mut self, sequence: u32) {
        if let Phase::Talking(Talking { meter: Some(meter), .. }) = &mut self.phase {
            meter.give_up(sequence);
        }
    }

    /// What has begun is paid, what comes next is held.
    pub(super) fn on_charge_granted(&mut self, sequence: u32, captured: Micros, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Talking(Talking { meter: Some(meter), answered, .. }) = &mut self.phase else { return };
        if meter.grant(sequence) {
            self.held = meter.held();
            effects.push(charge_answered(meter, *answered, now));
            let is_capped = meter.is_capped();
            self.arm_boundary();
            self.advise_of_tick(captured, effects);
            if is_capped {
                self.note_credit(Verdict::Warned, "as much as a call of this profile may cost");
            }
        } else if meter.prolong(sequence) {
            self.held = meter.held();
            self.note_credit(Verdict::Passed, "credit came in the last paid seconds");
        }
    }

    /// What has begun is the last (R8): the call ends with it. Whether it is paid is not known yet.
    pub(super) fn on_charge_refused(&mut self, sequence: u32, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Talking(Talking { meter: Some(meter), answered, .. }) = &mut self.phase else { return };
        if meter.refuse(sequence) {
            self.held = meter.held();
            effects.push(charge_answered(meter, *answered, now));
            effects.push(Effect::Tell(Fact::CreditExhausted { call: self.record.id, profile: self.record.profile }));
            self.note_credit(Verdict::Warned, "too little for the next seconds");
            self.arm_boundary();
        }
    }

    /// What the call may cost at most.
    fn max_cost(&self) -> Option<Micros> {
        self.directory.profile(self.record.profile)?.caps.max_call_cost
    }

    /// What becomes of the credit stands in the trace; of a call that lives from one cent to the next the first few times.
    fn note_credit(&mut self, verdict: Verdict, seen: &'static str) {
        let (rule, seen, wanted) = (Rule::Credit, seen.into(), Value::None);
        self.on_noted(Step { rule, verdict, seen, wanted, refusal: None });
    }

    /// A leg told something while people talk.
    pub(super) fn on_leg_while_talking(&mut self, leg: LegId, event: LegEvent, now: Now, effects: &mut Vec<Effect>) {
        match event {
            event if !self.legs.is_up(leg) => self.on_abandoned_leg(leg, &event, effects),
            LegEvent::Released(cause) => {
                self.legs.close(leg);
                let ending = if leg == LegId::CALLER { Ending::by_caller(cause) } else { Ending::released(cause) };
                self.clear(ending, now, effects);
            }
            LegEvent::ReasonGiven(q850) => self.record.q850 = Some(q850),
            LegEvent::SipReasonGiven(reason) => self.sip_reason = Some(reason),
            LegEvent::Failed(_) => {
                self.legs.close(leg);
                self.clear(Ending::released(ReleaseCause::InternalError), now, effects);
            }
            LegEvent::Session(word) => {
                if let SessionWord::Accepted(answer) = &word {
                    self.note_codec(answer);
                }
                self.pass_to_partner(leg, word, effects);
            }
            // A CANCEL that crossed our 2xx changes nothing (RFC 3261 9.2), nor does a late provisional answer.
            LegEvent::Trying
            | LegEvent::Ringing { .. }
            | LegEvent::Answered { .. }
            | LegEvent::Refused { .. }
            | LegEvent::RefusedInside { .. }
            | LegEvent::Accompanied { .. }
            | LegEvent::Cancelled => {}
        }
    }

    /// Hold, resume and other codecs are the legs' to agree on.
    fn pass_to_partner(&self, leg: LegId, word: SessionWord, effects: &mut Vec<Effect>) {
        if let Some(partner) = self.legs.up().find(|other| *other != leg) {
            effects.push(Effect::Leg(partner, LegOrder::Session(word)));
        }
    }

    /// Nobody sends sound any more.
    pub(super) fn on_media_silent(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Talking(_)) {
            self.clear(Ending::released(ReleaseCause::MediaTimeout), now, effects);
        }
    }
}

/// The fact that the charge of the block that has begun was answered now. It counts from the boundary, not from when it was asked: a
/// node that is late with its timers is late with its charges.
fn charge_answered(meter: &Meter, answered: Monotonic, now: Now) -> Effect {
    Effect::Tell(Fact::ChargeAnswered { after: now.monotonic.since(answered + meter.due_at()) })
}
