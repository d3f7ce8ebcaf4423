//! One carrier as a machine: whether it has room, whether it is up, and how long it wants to be left alone.
//!
//! | File | Holds |
//! |---|---|
//! | `capacity` | channels and calls a second |
//! | `health` | the circuit: up, down, trying |
//!
//! In which order carriers are tried is `routing`'s; what an answer means to a call, `call::hunting`'s. Calls that come from a
//! carrier take no channel here: its limit is on what it is handed.

mod capacity;
mod health;

pub use health::State;

use crate::call;
use crate::directory::{self, Directory};
use capacity::Capacity;
use domain::call_control::LegId;
use domain::call_record::AttemptOutcome;
use domain::{CallId, CarrierId, Fact, Machine, Monotonic, Now, TimerTable, Wall};
use health::{Health, Turn};
use std::sync::Arc;
use std::time::Duration;

/// A carrier is left alone for at most so long, whatever its `Retry-After` says: it may be a slip of the pen.
pub const REST_ASKED_MAX: Duration = Duration::from_secs(3_600);
/// How long an OPTIONS may take (as a first response, `calls.carrier_response_timeout_s`).
const PROBE_PATIENCE: Duration = Duration::from_secs(4);

/// What a call asks of a carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A channel; answered by [`call::Event::CarrierSeized`] or [`call::Event::CarrierSkipped`].
    Seize {
        /// Whose.
        call: CallId,
        /// For which attempt.
        leg: LegId,
        /// Whether nobody else is left: a carrier that is down, or wants to be left alone, is tried all the same.
        is_last_resort: bool,
    },
    /// An attempt showed how the carrier is. Its channel is free again, unless it answered.
    Concluded {
        /// Whose.
        call: CallId,
        /// Which attempt.
        leg: LegId,
        /// How.
        outcome: AttemptOutcome,
        /// Whether any response came.
        was_heard: bool,
        /// The SIP status, 0 for none.
        status: u16,
        /// Its `Retry-After`.
        retry_after_s: Option<u32>,
    },
    /// An answered call is over: its channel is free.
    Left {
        /// Whose.
        call: CallId,
        /// Which attempt.
        leg: LegId,
    },
}

/// What a carrier hears.
#[derive(Clone, Debug)]
pub enum Event {
    /// A call asks.
    Asked(Ask),
    /// The OPTIONS with this number was answered.
    ProbeAnswered {
        /// Which.
        number: u64,
        /// With this status.
        status: u16,
    },
    /// The OPTIONS with this number could not be sent, or was never answered.
    ProbeFailed {
        /// Which.
        number: u64,
        /// In words.
        because: Arc<str>,
    },
    /// What is decided by has changed.
    DirectorySwapped(Arc<Directory>),
}

/// What a carrier orders.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Tell a call.
    TellCall(CallId, call::Event),
    /// Ask it by OPTIONS whether it lives; answered by [`Event::ProbeAnswered`] or [`Event::ProbeFailed`].
    Probe {
        /// To be given back.
        number: u64,
    },
    /// It stands so now.
    Publish(Standing),
    /// Say what happened.
    Tell(Fact),
}

/// How a carrier stands, for those who look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Up or not.
    pub state: State,
    /// Since when.
    pub since: Wall,
    /// Until when it wants to be left alone (`Retry-After`), where it does.
    pub resting_until: Option<Wall>,
    /// Why it last failed, in words.
    pub last_error: Option<Arc<str>>,
    /// Calls that it was handed and has now.
    pub channels_in_use: u32,
    /// Of the last OPTIONS that was answered.
    pub round_trip: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// The next OPTIONS.
    Probe,
    /// The OPTIONS that was sent is not answered.
    ProbeOverdue,
}

/// One carrier. A copy is for [`crate::rehearsal`].
#[derive(Clone, Debug)]
pub struct Carrier {
    id: CarrierId,
    directory: Arc<Directory>,
    capacity: Capacity,
    health: Health,
    /// It wants to be left alone until then.
    resting: Option<(Monotonic, Wall)>,
    /// The call that finds out whether it lives again.
    trial: Option<(CallId, LegId)>,
    probes: u64,
    probed_at: Option<Monotonic>,
    round_trip: Option<Duration>,
    timers: TimerTable<Timer>,
}

impl Carrier {
    /// A carrier that is taken to be up. It is asked at once, where it is to be asked at all.
    pub fn new(id: CarrierId, directory: Arc<Directory>, now: Now) -> Self {
        let mut carrier = Carrier {
            id,
            directory,
            capacity: Capacity::default(),
            health: Health::new(now.wall),
            resting: None,
            trial: None,
            probes: 0,
            probed_at: None,
            round_trip: None,
            timers: TimerTable::new(),
        };
        if carrier.probe_every().is_some() {
            carrier.timers.arm(Timer::Probe, now.monotonic);
        }
        carrier
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing {
            state: self.health.state(),
            since: self.health.since,
            resting_until: self.resting.map(|(_, wall)| wall),
            last_error: self.health.last_error.clone(),
            channels_in_use: self.capacity.in_use(),
            round_trip: self.round_trip,
        }
    }

    fn entry(&self) -> Option<&Arc<directory::Carrier>> {
        self.directory.carrier(self.id).filter(|carrier| carrier.enabled)
    }

    fn probe_every(&self) -> Option<Duration> {
        self.entry().and_then(|carrier| carrier.probe_every)
    }

    fn on_asked(&mut self, ask: Ask, now: Now, effects: &mut Vec<Effect>) {
        match ask {
            Ask::Seize { call, leg, is_last_resort } => self.on_seize(call, leg, is_last_resort, now, effects),
            Ask::Concluded { call, leg, outcome, was_heard, status, retry_after_s } => {
                if outcome != AttemptOutcome::Answered {
                    self.capacity.leave((call, leg));
                }
                if let Some(seconds) = retry_after_s.filter(|_| status == 503) {
                    self.rest_for(Duration::from_secs(seconds.into()).min(REST_ASKED_MAX), now);
                }
                self.judge((call, leg), outcome, was_heard, now, effects);
                effects.push(Effect::Publish(self.standing()));
            }
            Ask::Left { call, leg } => {
                if self.capacity.leave((call, leg)) {
                    effects.push(Effect::Publish(self.standing()));
                }
            }
        }
    }

    fn on_seize(&mut self, call: CallId, leg: LegId, is_last_resort: bool, now: Now, effects: &mut Vec<Effect>) {
        let event = match self.seize((call, leg), is_last_resort, now) {
            Ok(()) => {
                effects.push(Effect::Publish(self.standing()));
                call::Event::CarrierSeized { leg }
            }
            Err(why) => call::Event::CarrierSkipped { leg, why },
        };
        effects.push(Effect::TellCall(call, event));
    }

    fn seize(&mut self, seat: (CallId, LegId), is_last_resort: bool, now: Now) -> Result<(), AttemptOutcome> {
        if self.resting.is_some_and(|(until, _)| until <= now.monotonic) {
            self.resting = None;
        }
        if !is_last_resort {
            if self.resting.is_some() {
                return Err(AttemptOutcome::SkippedResting);
            }
            // One that is asked by OPTIONS is found out so; otherwise one call has to.
            let may_try = self.probe_every().is_none() && self.health.try_again(now.monotonic);
            if self.health.state() != State::Up && !may_try {
                return Err(AttemptOutcome::SkippedDown);
            }
        }
        let (channels, calls_per_second) =
            self.entry().map_or((None, None), |carrier| (carrier.channels, carrier.calls_per_second));
        let settings = self.directory.settings();
        let until = now.monotonic + settings.max_duration + settings.ring_timeout + settings.ring_timeout;
        let entered = self.capacity.enter(seat, channels, calls_per_second, until, now.monotonic);
        if self.health.state() == State::Trying && self.probed_at.is_none() && self.trial.is_none() {
            match entered {
                Ok(()) => self.trial = Some(seat),
                Err(_) => self.health.trial_lost(now.monotonic),
            }
        }
        entered
    }

    /// What an attempt says about the carrier: any response is a sign of life, silence and unreachability are failures, and who was
    /// given up too early has shown nothing.
    fn judge(
        &mut self,
        seat: (CallId, LegId),
        outcome: AttemptOutcome,
        was_heard: bool,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let was_trial = self.trial.take_if(|trial| *trial == seat).is_some();
        let because = match outcome {
            AttemptOutcome::NoResponse => "it did not answer an INVITE in time",
            AttemptOutcome::NoProgress => "it neither rang nor refused in time",
            AttemptOutcome::Unreachable => "nothing can be sent to its address",
            AttemptOutcome::Unresolved => "its name cannot be resolved",
            _ if was_heard => return self.lives(now, effects),
            _ => {
                if was_trial {
                    self.health.trial_lost(now.monotonic);
                }
                return;
            }
        };
        self.fails(because, now, effects);
    }

    fn lives(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.health.lives(now.wall) == Some(Turn::Up) {
            self.say(true, "it answers again", effects);
        }
    }

    fn fails(&mut self, because: &str, now: Now, effects: &mut Vec<Effect>) {
        let settings = *self.directory.settings();
        let (failures_max, rest) = (settings.carrier_failures_max, settings.carrier_rest);
        if self.health.fails(because, failures_max, rest, (now.monotonic, now.wall)) == Some(Turn::Down) {
            self.say(false, because, effects);
        }
        self.arm_probe(now);
    }

    fn say(&self, is_up: bool, because: &str, effects: &mut Vec<Effect>) {
        if let Some(carrier) = self.directory.carrier(self.id) {
            let (carrier, because) = (Arc::clone(&carrier.name), because.into());
            effects.push(Effect::Tell(Fact::CarrierTurned { carrier, is_up, because }));
        }
    }

    fn rest_for(&mut self, rest: Duration, now: Now) {
        self.resting = Some((now.monotonic + rest, now.wall + rest));
    }

    /// The next OPTIONS: at its interval while the carrier is up, when it may be tried again while it is down.
    fn arm_probe(&mut self, now: Now) {
        if self.probed_at.is_some() {
            return;
        }
        match self.probe_every() {
            Some(every) => self.timers.arm(Timer::Probe, self.health.again_at().unwrap_or(now.monotonic + every)),
            None => self.timers.disarm(Timer::Probe),
        }
    }

    fn on_probe_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.probe_every().is_none() {
            return;
        }
        self.health.try_again(now.monotonic);
        self.probes += 1;
        self.probed_at = Some(now.monotonic);
        self.timers.arm(Timer::ProbeOverdue, now.monotonic + PROBE_PATIENCE);
        effects.push(Effect::Probe { number: self.probes });
    }

    /// Any answer is a sign of life but 503, by which a carrier says that it wants no calls (RFC 3261 21.5.4).
    fn on_probe_answered(&mut self, number: u64, status: u16, now: Now, effects: &mut Vec<Effect>) {
        let Some(sent) = self.take_probe(number) else { return };
        let round_trip = now.monotonic.since(sent);
        self.round_trip = Some(round_trip);
        if let Some(carrier) = self.directory.carrier(self.id) {
            effects.push(Effect::Tell(Fact::CarrierProbed { carrier: Arc::clone(&carrier.name), round_trip }));
        }
        match status {
            503 => self.fails("it answered OPTIONS with 503", now, effects),
            _ => self.lives(now, effects),
        }
        self.arm_probe(now);
        effects.push(Effect::Publish(self.standing()));
    }

    fn on_probe_failed(&mut self, number: u64, because: &str, now: Now, effects: &mut Vec<Effect>) {
        if self.take_probe(number).is_none() {
            return;
        }
        self.fails(because, now, effects);
        effects.push(Effect::Publish(self.standing()));
    }

    fn take_probe(&mut self, number: u64) -> Option<Monotonic> {
        if number != self.probes {
            return None;
        }
        self.timers.disarm(Timer::ProbeOverdue);
        self.probed_at.take()
    }

    fn on_directory_swapped(&mut self, directory: Arc<Directory>, now: Now, effects: &mut Vec<Effect>) {
        let before = self.probe_every();
        self.directory = directory;
        if self.probe_every() != before {
            self.timers.disarm(Timer::Probe);
            if self.probe_every().is_some() && self.probed_at.is_none() {
                self.timers.arm(Timer::Probe, now.monotonic);
            }
        }
        effects.push(Effect::Publish(self.standing()));
    }
}

impl Machine for Carrier {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Asked(ask) => self.on_asked(ask, now, effects),
            Event::ProbeAnswered { number, status } => self.on_probe_answered(number, status, now, effects),
            Event::ProbeFailed { number, because } => self.on_probe_failed(number, &because, now, effects),
            Event::DirectorySwapped(directory) => self.on_directory_swapped(directory, now, effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::Probe => self.on_probe_due(now, effects),
                Timer::ProbeOverdue => {
                    self.on_probe_failed(self.probes, "it did not answer OPTIONS in time", now, effects)
                }
            }
        }
    }

    /// A carrier is never finished: others hold its address.
    fn is_finished(&self) -> bool {
        false
    }
}
