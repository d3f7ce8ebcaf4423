//! One call as a machine, from the invitation to the call record.
//!
//! | Phase | File | What it waits for |
//! |---|---|---|
//! | admitting | `admitting`, `receiving`, `inside`, `caller_id`, `capping`, `manners` | nothing: the call is refused or goes on at birth |
//! | reserving | `reserving` | the profile: a channel and the first block |
//! | hunting | `hunting` | a carrier that rings and answers, or the called PBX |
//! | talking | `talking`, `metering`, `warning`, `advising` | the end; charges as each increment begins |
//! | clearing | `clearing`, `ending` | the profile: everything returned, the record written |
//!
//! Batches, credit and channels are [`crate::profile`]'s; SIP and SDP are the legs'.

mod admitting;
mod advising;
mod caller_id;
mod capping;
mod clearing;
mod ending;
mod event;
mod hunting;
mod inside;
mod legs;
mod manners;
mod metering;
mod offering;
mod receiving;
mod record;
mod reserving;
mod talking;
mod warning;

pub use admitting::{is_emergency, proof_of_source, turned_away};
pub use event::{Effect, Event, Live, LiveTrace, Opening, PhaseName};
pub use inside::opening_inside;

use crate::directory::{Carrier, Directory};
use crate::profile::{Ask, Held, Request};
use admitting::Errand;
use clearing::Clearing;
use domain::call_control::{CallerId, Invitation, LegEvent, LegId, Proof};
use domain::call_record::CallRecord;
use domain::dtmf::DtmfPolicy;
use domain::fax::FaxPolicy;
use domain::srtp::SrtpPolicy;
use domain::trace::Step;
use domain::{
    CallId, CarrierId, Fact, Machine, Micros, Monotonic, Now, ProfileId, Refusal, SipReason, TimerTable, Trace,
};
use hunting::Hunting;
use legs::Legs;
use rating::Rate;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use talking::Talking;

/// Steps in the trace at most that legs told: a PBX that asks for the same in vain all day says nothing new.
const NOTES_MAX: usize = 8;

/// One call. Born by [`Call::open`]; everything that it knows and others may read later is in its record.
#[derive(Debug)]
pub struct Call {
    directory: Arc<Directory>,
    /// Filled in as things happen.
    record: CallRecord,
    sip_call_id: Arc<str>,
    /// Where its INVITE came from.
    source: IpAddr,
    invited: Monotonic,
    /// What is wanted, until everything for it is held.
    errand: Option<Errand>,
    /// The carrier that an inbound call came from.
    came_from: Option<Arc<Carrier>>,
    /// The channel that it has at a carrier, once it is answered.
    seat: Option<(CarrierId, LegId)>,
    legs: Legs,
    /// What the profile holds for the call, as far as it is known here.
    held: Held,
    /// Requests to the profile so far.
    requests: u32,
    /// Whether the first sign of life above 100 went to the caller.
    progressed: bool,
    /// The SIP cause that one side gave for the end (RFC 3326).
    sip_reason: Option<SipReason>,
    /// Which rule saw what, so far.
    trace: Trace,
    /// Steps of it that legs have told.
    notes: usize,
    timers: TimerTable<Timer>,
    phase: Phase,
}

/// Who is no caller of ours: there is no call and no record of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// What its leg is to be refused with.
    pub refusal: Refusal,
    /// Which rule saw what.
    pub trace: Trace,
}

#[derive(Debug)]
enum Phase {
    Admitting,
    Reserving,
    Hunting(Hunting),
    Talking(Talking),
    Clearing(Clearing),
}

/// What a call waits for. Of timers due at one instant, the one armed first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Reserving: the ledger is too slow.
    Reservation,
    /// From the reservation on: leases are to be extended.
    Lease,
    /// Hunting: the carrier does not say whether it may be tried.
    Seizure,
    /// Hunting: the carrier gives no response at all.
    Response,
    /// Hunting: the carrier gives no 18x, or the PBX no sign of life.
    Progress,
    /// Hunting: nobody picks up.
    Ring,
    /// Talking: the longest permitted call.
    MaxDuration,
    /// Talking: the block that has begun ends.
    Boundary,
    /// Talking: the caller is to be warned that the credit ends.
    Warning,
    /// Clearing: the packet counts do not come.
    MediaReport,
    /// Clearing: the profile does not answer.
    SettleAgain,
    /// Clearing: a cancelled leg may still answer.
    LateAnswer,
}

/// The profile whose number an invitation calls, whose PBX is to be looked for ([`Opening::binding`]); none where it calls no number of
/// ours.
pub fn called_profile(directory: &Directory, invitation: &Invitation) -> Option<ProfileId> {
    receiving::assigned(directory, invitation)
}

impl Call {
    /// Opens the call of a proven caller, and does at once whatever needs no answer from others: an unwelcome call is refused, a
    /// welcome one asks its profile for a channel and the first block.
    ///
    /// # Errors
    /// Where the directory knows nobody of whom the proof names, there is no call and no record: the caller's leg is to be
    /// refused with this.
    pub fn open(opening: Opening, now: Now, effects: &mut Vec<Effect>) -> Result<Call, Stranger> {
        let mut trace = Trace::new();
        let owner = match admitting::identify(&opening.directory, &opening.invitation, &mut trace) {
            Ok(owner) => owner,
            Err(refusal) => return Err(Stranger { refusal, trace }),
        };
        let came_from = match &opening.invitation.proof {
            Proof::Carrier(carrier) => opening.directory.carrier(*carrier).cloned(),
            Proof::Credentials(_) | Proof::Source(_) | Proof::Inside(_) => None,
        };
        let sip_call_id: Arc<str> = opening.invitation.sip_call_id.as_str().into();
        let record = record::open(&opening, &owner, came_from.as_ref(), now);
        effects.push(Effect::Tell(Fact::CallAttempted {
            call: opening.id,
            profile: record.profile,
            direction: record.direction,
            sip_call_id: sip_call_id.clone(),
        }));
        let verdict = admitting::admit(&opening, &owner, now.wall, &mut trace);
        let mut call = Call {
            directory: opening.directory,
            record,
            sip_call_id,
            source: opening.invitation.source.ip(),
            invited: now.monotonic,
            errand: None,
            came_from,
            seat: None,
            legs: Legs::of_caller(),
            held: Held::default(),
            requests: 0,
            progressed: false,
            sip_reason: None,
            trace,
            notes: 0,
            timers: TimerTable::new(),
            phase: Phase::Admitting,
        };
        match verdict {
            Ok(errand) => {
                if let Errand::Dial(dial) = &errand {
                    record::dial(&mut call.record, dial);
                    if let Some(change) = dial.change {
                        let anonymous = dial.caller_id == CallerId::Anonymous;
                        let (call, profile) = (opening.id, call.record.profile);
                        effects.push(Effect::Tell(Fact::CallerIdChanged { call, profile, change, anonymous }));
                    }
                }
                call.errand = Some(errand);
                call.reserve(now, effects);
            }
            Err(ending) => {
                if ending.refusal() == Some(domain::refusal::RefusalKind::EmergencyNotCarried) {
                    effects.push(Effect::Tell(Fact::EmergencyRefused {
                        call: opening.id,
                        profile: call.record.profile,
                        dialled: call.record.dialled.as_str().into(),
                    }));
                }
                call.clear(ending, now, effects);
            }
        }
        Ok(call)
    }

    /// Which call.
    pub fn id(&self) -> CallId {
        self.record.id
    }

    /// The record as far as it is known; final once [`Machine::is_finished`].
    pub fn record(&self) -> &CallRecord {
        &self.record
    }

    /// What it costs, where it has come so far; none for a free call.
    pub fn rate(&self) -> Option<&Rate> {
        self.dial().and_then(|dial| Some(&dial.rate.as_ref()?.rate))
    }

    /// The carriers that are still to be tried, in order.
    pub fn carriers_left(&self) -> impl Iterator<Item = &Arc<Carrier>> {
        self.dial().into_iter().flat_map(|dial| dial.places.iter()).filter_map(|place| place.carrier())
    }

    fn dial(&self) -> Option<&admitting::Dial> {
        match (&self.phase, &self.errand) {
            (Phase::Hunting(hunting), _) => Some(&hunting.dial),
            (_, Some(Errand::Dial(dial))) => Some(dial),
            (_, Some(Errand::Echo) | None) => None,
        }
    }

    /// Which rule saw what, so far; as it stands in the record once the call is over.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// How much the caller's sound is to be secured.
    pub fn caller_srtp(&self) -> SrtpPolicy {
        match &self.came_from {
            Some(carrier) => carrier.srtp,
            None => self.profile_srtp(),
        }
    }

    /// What the caller's side does about fax over T.38.
    pub fn caller_t38(&self) -> FaxPolicy {
        match &self.came_from {
            Some(carrier) => carrier.t38,
            None => self.directory.profile(self.record.profile).map(|profile| profile.t38).unwrap_or_default(),
        }
    }

    /// How the caller's side hears keys.
    pub fn caller_dtmf(&self) -> DtmfPolicy {
        match &self.came_from {
            Some(carrier) => carrier.dtmf,
            None => self.directory.profile(self.record.profile).map(|profile| profile.dtmf).unwrap_or_default(),
        }
    }

    fn profile_srtp(&self) -> SrtpPolicy {
        self.directory.profile(self.record.profile).map(|profile| profile.srtp).unwrap_or_default()
    }

    /// Where in its life it is.
    pub fn phase(&self) -> PhaseName {
        match &self.phase {
            Phase::Admitting | Phase::Reserving => PhaseName::Reserving,
            Phase::Hunting(_) => PhaseName::Hunting,
            Phase::Talking(_) => PhaseName::Talking,
            Phase::Clearing(_) => PhaseName::Clearing,
        }
    }

    /// Whether the called side rings, and nobody has answered.
    pub fn is_ringing(&self) -> bool {
        matches!(self.phase, Phase::Hunting(_)) && self.record.rang_at.is_some()
    }

    /// The carrier at which it rings or is answered now, or from which it came. After the first 18x no other one is tried.
    pub fn carrier(&self) -> Option<&Arc<Carrier>> {
        match &self.phase {
            Phase::Hunting(hunting) if self.is_ringing() => self.came_from.as_ref().or_else(|| hunting.carrier()),
            Phase::Talking(talking) => talking.carrier.as_ref(),
            Phase::Admitting | Phase::Reserving | Phase::Hunting(_) | Phase::Clearing(_) => None,
        }
    }

    /// What can be said of it now, for lists of live calls (R12); none once its books are closed.
    pub fn live(&self, now: Now) -> Option<Live> {
        let carrier = match &self.phase {
            Phase::Hunting(hunting) => self.came_from.as_ref().or_else(|| hunting.carrier()),
            Phase::Clearing(clearing) if clearing.is_settled() => return None,
            Phase::Admitting | Phase::Reserving | Phase::Talking(_) | Phase::Clearing(_) => self.carrier(),
        };
        let (talked, amount) = match &self.phase {
            Phase::Talking(talking) => (
                now.monotonic.since(talking.answered),
                talking.meter.as_ref().map_or(Micros::ZERO, |meter| meter.amount()),
            ),
            _ => (Duration::from_millis(self.record.talked_ms), self.held.captured),
        };
        let (ungranted_s, ungranted) = self.ungranted();
        Some(Live {
            id: self.record.id,
            company: self.record.company,
            profile: self.record.profile,
            direction: self.record.direction,
            phase: self.phase(),
            dialled: self.record.dialled.clone(),
            callee: self.record.callee,
            caller_id: self.record.caller_id,
            destination: self.record.destination.clone(),
            carrier: carrier.map(|carrier| carrier.name.clone()),
            invited_at: self.record.invited_at,
            rang_at: self.record.rang_at,
            answered_at: self.record.answered_at,
            talked,
            amount,
            rate_per_minute: self.record.rate_per_minute,
            ungranted_s,
            ungranted,
            currency: self.record.currency,
        })
    }

    /// The seconds that have begun and that the ledger has not granted yet, and what they cost.
    pub fn ungranted(&self) -> (u32, Micros) {
        match &self.phase {
            Phase::Talking(Talking { meter: Some(meter), .. }) => meter.ungranted(),
            _ => (0, Micros::ZERO),
        }
    }

    fn on_leg(&mut self, leg: LegId, event: LegEvent, now: Now, effects: &mut Vec<Effect>) {
        if let LegEvent::Accompanied { lines, event } = event {
            let first = effects.len();
            self.on_leg(leg, *event, now, effects);
            return manners::accompany(leg, &lines, &mut effects[first..]);
        }
        match &self.phase {
            Phase::Admitting => {}
            Phase::Reserving => self.on_leg_while_reserving(leg, event, now, effects),
            Phase::Hunting(_) => self.on_leg_while_hunting(leg, event, now, effects),
            Phase::Talking(_) => self.on_leg_while_talking(leg, event, now, effects),
            Phase::Clearing(_) => self.on_abandoned_leg(leg, &event, effects),
        }
    }

    fn on_leg_named(&mut self, leg: LegId, sip_call_id: &str) {
        if let Some(attempt) = record::attempt_of(&mut self.record, leg) {
            attempt.sip_call_id = sip_call_id.to_owned();
        }
    }

    /// What is told from inside the call; of what is told again and again the first few, so that the decisions keep their place.
    fn on_noted(&mut self, step: Step) {
        if self.notes < NOTES_MAX && !matches!(self.phase, Phase::Clearing(_)) {
            self.notes += 1;
            self.trace.push(step);
        }
    }

    /// Without ports nobody would hear anything: the call is refused while its caller can still go elsewhere.
    fn on_sound_refused(&mut self, refusal: Refusal, now: Now, effects: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Admitting | Phase::Reserving | Phase::Hunting(_) => {
                self.clear(ending::Ending::refused(refusal), now, effects);
            }
            // Ports are opened before anybody is answered.
            Phase::Talking(_) | Phase::Clearing(_) => {}
        }
    }

    /// Leases are extended by every call, free ones too.
    fn on_lease_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.timers.arm(Timer::Lease, now.monotonic + self.directory.settings().lease_extension_interval());
        self.ask(Ask::Extend { opened: None }, effects);
    }

    fn on_timer(&mut self, timer: Timer, due: Now, now: Now, effects: &mut Vec<Effect>) {
        match timer {
            Timer::Reservation => self.on_reservation_overdue(now, effects),
            Timer::Lease => self.on_lease_due(now, effects),
            Timer::Seizure => self.on_seizure_overdue(now, effects),
            Timer::Response => self.on_no_response(now, effects),
            Timer::Progress => self.on_no_progress(now, effects),
            Timer::Ring => self.on_ring_timeout(now, effects),
            Timer::MaxDuration => self.clear(ending::Ending::released(domain::ReleaseCause::MaxDuration), due, effects),
            Timer::Boundary => self.on_boundary(due, now, effects),
            Timer::Warning => self.on_warning_due(now, effects),
            Timer::MediaReport => self.on_media_report_overdue(now, effects),
            Timer::SettleAgain => self.on_settle_overdue(now, effects),
            Timer::LateAnswer => self.on_late_answer_wait_over(),
        }
    }

    fn ask(&mut self, ask: Ask, effects: &mut Vec<Effect>) {
        let request = Request { call: self.record.id, number: self.requests, held: self.held, ask };
        self.requests += 1;
        effects.push(Effect::AskProfile(self.record.profile, Box::new(request)));
    }

    /// The first sign of life above 100 goes to the caller (RFC 6076).
    fn progress(&mut self, successful: bool, ringing: bool, now: Now, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.progressed, true) {
            let (direction, after) = (self.record.direction, self.since_invited(now));
            effects.push(Effect::Tell(Fact::CallProgressed { direction, successful, ringing, after }));
        }
    }

    fn since_invited(&self, now: Now) -> Duration {
        now.monotonic.since(self.invited)
    }
}

impl Machine for Call {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Leg(leg, event) => self.on_leg(leg, event, now, effects),
            Event::LegNamed { leg, sip_call_id } => self.on_leg_named(leg, &sip_call_id),
            Event::Joined(partner) => self.record.partner = Some(partner),
            Event::Noted(step) => self.on_noted(*step),
            Event::LegClosed(leg) => self.on_leg_closed(leg),
            Event::CarrierSeized { leg } => self.on_seized(leg, now, effects),
            Event::CarrierSkipped { leg, why } => self.on_skipped(leg, why, now, effects),
            Event::Reserved => self.on_reserved(now, effects),
            Event::ReservationRefused(refusal) => self.on_reservation_refused(refusal, now, effects),
            Event::ChargeGranted { sequence, captured } => self.on_charge_granted(sequence, captured, now, effects),
            Event::ChargeRefused { sequence } => self.on_charge_refused(sequence, now, effects),
            Event::FinalUnitPaid { captured } => self.advise_of_tick(captured, effects),
            Event::ChargeUnanswered { sequence } => self.on_charge_unanswered(sequence),
            Event::RiskTaken { sequence } => self.on_risk_taken(sequence, now, effects),
            Event::RiskRefused { sequence } => self.on_risk_refused(sequence, now, effects),
            Event::EndForeseen { until_s } => self.on_end_foreseen(until_s, now),
            Event::CreditAdded => self.on_credit_added(),
            Event::Settled { amount, billed_s } => self.on_settled(amount, billed_s, effects),
            Event::EchoAnswered => self.on_echo_answered(now, effects),
            Event::SoundRefused(refusal) => self.on_sound_refused(refusal, now, effects),
            Event::MediaSilent { leg: _ } => self.on_media_silent(now, effects),
            Event::MediaReported { packets, lost } => self.on_media_reported(packets, lost, now, effects),
            Event::HangUpOrdered(cause) => self.on_hang_up_ordered(cause, now, effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(due) = self.timers.deadline().filter(|due| *due <= now.monotonic) {
            let late = now.monotonic.since(due);
            let due = Now { monotonic: due, wall: now.wall - late };
            if let Some(timer) = self.timers.pop_due(now.monotonic) {
                self.on_timer(timer, due, now, effects);
            }
        }
    }

    fn is_finished(&self) -> bool {
        matches!(&self.phase, Phase::Clearing(clearing) if clearing.is_settled()) && self.legs.all_over()
    }
}
