//! The client transaction of every request but INVITE and ACK: RFC 3261 17.1.2.
//!
//! Nothing about the meaning of a method lives here.
//!
//! | Phase | Entered by | Holds | Left by |
//! |---|---|---|---|
//! | Trying | birth | the request | any response, timer F, transport |
//! | Proceeding | 1xx | the request | final response, timer F, transport |
//! | Completed | final response | nothing | timer K |
//! | Terminated | | nothing | |

use super::{Effect, Expiry, Failure, Reliability, Timing};
use bytes::Bytes;
use domain::{Machine, Monotonic, Now, TimerTable};
use std::time::Duration;

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The request is sent, nothing has come back.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// A final response came; it may come again.
    Completed,
    /// Nothing more can come.
    Terminated,
}

/// What happened to the transaction.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A response with this status arrived.
    ResponseReceived {
        /// The status code.
        status: u16,
    },
    /// The transport could not deliver.
    TransportFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Retransmits: T1, doubling up to T2; T2 in Proceeding.
    E,
    /// Gives up: 64*T1.
    F,
    /// Ends Completed: T4 over UDP, at once otherwise.
    K,
}

/// One non-INVITE client transaction.
#[derive(Debug)]
pub struct ClientOther {
    phase: Phase,
    /// The request as sent, until a final response came.
    held: Bytes,
    timing: Timing,
    reliability: Reliability,
    interval: Duration,
    timers: TimerTable<Timer>,
}

impl ClientOther {
    /// Sends `request`, the whole request with its Via.
    pub fn new(
        request: Bytes,
        reliability: Reliability,
        timing: Timing,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> ClientOther {
        let mut timers = TimerTable::new();
        if reliability == Reliability::Unreliable {
            timers.arm(Timer::E, now.monotonic + timing.t1);
        }
        timers.arm(Timer::F, now.monotonic + timing.patience());
        effects.push(Effect::Transmit(request.clone()));
        ClientOther { phase: Phase::Trying, held: request, timing, reliability, interval: timing.t1, timers }
    }

    /// Where the transaction stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The request as it was sent; `None` once a final response came.
    pub fn request(&self) -> Option<&Bytes> {
        matches!(self.phase, Phase::Trying | Phase::Proceeding).then_some(&self.held)
    }

    fn on_response(&mut self, status: u16, now: Now, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Trying | Phase::Proceeding => {
                effects.push(Effect::DeliverResponse);
                if status < 200 { self.phase = Phase::Proceeding } else { self.complete(now) }
            }
            Phase::Completed | Phase::Terminated => {}
        }
    }

    fn complete(&mut self, now: Now) {
        match self.reliability {
            Reliability::Unreliable => {
                self.phase = Phase::Completed;
                self.held = Bytes::new();
                self.timers.clear();
                self.timers.arm(Timer::K, now.monotonic + self.timing.t4);
            }
            Reliability::Reliable => self.terminate(),
        }
    }

    fn on_transport_failed(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Trying | Phase::Proceeding) {
            self.terminate();
            effects.push(Effect::ReportFailure(Failure::Transport));
        }
    }

    fn on_timer_e(&mut self, now: Now, effects: &mut Vec<Effect>) {
        effects.push(Effect::Retransmit(self.held.clone()));
        self.interval = match self.phase {
            Phase::Proceeding => self.timing.t2,
            Phase::Trying | Phase::Completed | Phase::Terminated => self.interval.saturating_mul(2).min(self.timing.t2),
        };
        self.timers.arm(Timer::E, now.monotonic + self.interval);
    }

    fn on_timer_f(&mut self, effects: &mut Vec<Effect>) {
        self.terminate();
        effects.push(Effect::ReportFailure(Failure::Timeout(Expiry::F)));
    }

    fn terminate(&mut self) {
        self.phase = Phase::Terminated;
        self.held = Bytes::new();
        self.timers.clear();
    }
}

impl Machine for ClientOther {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::ResponseReceived { status } => self.on_response(status, now, effects),
            Event::TransportFailed => self.on_transport_failed(effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::E => self.on_timer_e(now, effects),
                Timer::F => self.on_timer_f(effects),
                Timer::K => self.terminate(),
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Terminated
    }
}
