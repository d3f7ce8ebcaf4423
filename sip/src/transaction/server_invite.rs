//! The INVITE server transaction: RFC 3261 17.2.1 with the Accepted state of RFC 6026 7.1.
//!
//! Repeating a 2xx until its ACK is not done here: that is [`crate::dialog::repeating`].
//!
//! | Phase | Entered by | Holds | Left by |
//! |---|---|---|---|
//! | Proceeding | birth (100 is sent at once) | the last provisional | final response |
//! | Accepted | 2xx | nothing | timer L |
//! | Completed | 300-699 | the response | ACK, timer H |
//! | Confirmed | ACK | nothing | timer I |
//! | Terminated | | nothing | |
//!
//! A transport failure is reported and ends nothing: the transaction stays to absorb retransmissions, so that a repeated
//! INVITE is never taken for a second call.

use super::{Effect, Expiry, Failure, Reliability, Timing};
use bytes::Bytes;
use domain::{Machine, Monotonic, Now, TimerTable};
use std::time::Duration;

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No final response was sent yet.
    Proceeding,
    /// A 2xx was sent: retransmitted INVITEs are absorbed, ACKs handed up.
    Accepted,
    /// A refusal was sent: it is repeated until its ACK comes.
    Completed,
    /// The ACK to the refusal came: repeated ACKs are absorbed.
    Confirmed,
    /// Nothing more can come.
    Terminated,
}

/// What happened to the transaction.
#[derive(Clone, Debug)]
pub enum Event {
    /// The INVITE arrived once more.
    RequestRepeated,
    /// The user ordered a response: provisional, final, or a 2xx once more.
    ResponseOrdered {
        /// The status code.
        status: u16,
        /// The whole response.
        response: Bytes,
    },
    /// An ACK arrived that belongs to this transaction.
    AckReceived,
    /// The transport could not deliver a response.
    TransportFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Repeats the refusal: T1, doubling up to T2 (UDP only).
    G,
    /// Gives up on the ACK: 64*T1.
    H,
    /// Ends Confirmed: T4 over UDP, at once otherwise.
    I,
    /// Ends Accepted: 64*T1 (RFC 6026).
    L,
}

/// One INVITE server transaction.
#[derive(Debug)]
pub struct ServerInvite {
    phase: Phase,
    /// The last response sent while it may have to be sent again.
    held: Bytes,
    timing: Timing,
    reliability: Reliability,
    interval: Duration,
    timers: TimerTable<Timer>,
}

impl ServerInvite {
    /// Answers the INVITE with `trying`, the whole 100 response.
    pub fn new(trying: Bytes, reliability: Reliability, timing: Timing, effects: &mut Vec<Effect>) -> ServerInvite {
        effects.push(Effect::Transmit(trying.clone()));
        ServerInvite {
            phase: Phase::Proceeding,
            held: trying,
            timing,
            reliability,
            interval: timing.t1,
            timers: TimerTable::new(),
        }
    }

    /// Where the transaction stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    fn on_request_repeated(&self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Proceeding | Phase::Completed => effects.push(Effect::Retransmit(self.held.clone())),
            Phase::Accepted | Phase::Confirmed | Phase::Terminated => {}
        }
    }

    fn on_response(&mut self, status: u16, response: Bytes, now: Now, effects: &mut Vec<Effect>) {
        match (self.phase, status) {
            (Phase::Proceeding, 100..=199) => {
                self.held = response.clone();
                effects.push(Effect::Transmit(response));
            }
            (Phase::Proceeding, 200..=299) => {
                self.phase = Phase::Accepted;
                self.held = Bytes::new();
                self.timers.arm(Timer::L, now.monotonic + self.timing.patience());
                effects.push(Effect::Transmit(response));
            }
            (Phase::Proceeding, _) => {
                self.phase = Phase::Completed;
                self.held = response.clone();
                if self.reliability == Reliability::Unreliable {
                    self.timers.arm(Timer::G, now.monotonic + self.timing.t1);
                }
                self.timers.arm(Timer::H, now.monotonic + self.timing.patience());
                effects.push(Effect::Transmit(response));
            }
            (Phase::Accepted, 200..=299) => effects.push(Effect::Retransmit(response)),
            (Phase::Accepted | Phase::Completed | Phase::Confirmed | Phase::Terminated, _) => {}
        }
    }

    fn on_ack(&mut self, now: Now, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Accepted => effects.push(Effect::DeliverAck),
            Phase::Completed => self.confirm(now),
            Phase::Proceeding | Phase::Confirmed | Phase::Terminated => {}
        }
    }

    fn confirm(&mut self, now: Now) {
        self.timers.clear();
        match self.reliability {
            Reliability::Unreliable => {
                self.phase = Phase::Confirmed;
                self.held = Bytes::new();
                self.timers.arm(Timer::I, now.monotonic + self.timing.t4);
            }
            Reliability::Reliable => self.terminate(),
        }
    }

    fn on_transport_failed(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Proceeding | Phase::Accepted | Phase::Completed => {
                effects.push(Effect::ReportFailure(Failure::Transport));
            }
            Phase::Confirmed | Phase::Terminated => {}
        }
    }

    fn on_timer_g(&mut self, now: Now, effects: &mut Vec<Effect>) {
        effects.push(Effect::Retransmit(self.held.clone()));
        self.interval = self.interval.saturating_mul(2).min(self.timing.t2);
        self.timers.arm(Timer::G, now.monotonic + self.interval);
    }

    fn on_timer_h(&mut self, effects: &mut Vec<Effect>) {
        self.terminate();
        effects.push(Effect::ReportFailure(Failure::Timeout(Expiry::H)));
    }

    fn terminate(&mut self) {
        self.phase = Phase::Terminated;
        self.held = Bytes::new();
        self.timers.clear();
    }
}

impl Machine for ServerInvite {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::RequestRepeated => self.on_request_repeated(effects),
            Event::ResponseOrdered { status, response } => self.on_response(status, response, now, effects),
            Event::AckReceived => self.on_ack(now, effects),
            Event::TransportFailed => self.on_transport_failed(effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::G => self.on_timer_g(now, effects),
                Timer::H => self.on_timer_h(effects),
                Timer::I | Timer::L => self.terminate(),
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Terminated
    }
}
