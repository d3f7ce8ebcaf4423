//! The INVITE client transaction: RFC 3261 17.1.1 with the Accepted state of RFC 6026 7.2.
//!
//! The ACK to a 2xx is not built here: it belongs to the dialog ([`crate::dialog`]).
//!
//! | Phase | Entered by | Holds | Left by |
//! |---|---|---|---|
//! | Calling | birth | the INVITE | any response, timer B, transport |
//! | Proceeding | 1xx | the INVITE | final response, wait after CANCEL |
//! | Accepted | 2xx | nothing | timer M |
//! | Completed | 300-699 | the ACK | timer D, transport |
//! | Terminated | | nothing | |

use super::{Effect, Expiry, Failure, Reliability, Timing};
use crate::transaction::ack;
use bytes::Bytes;
use domain::{Machine, Monotonic, Now, TimerTable};
use std::time::Duration;

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The INVITE is sent, nothing has come back.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A 2xx came; more of them may.
    Accepted,
    /// A refusal came and was acknowledged; it may come again.
    Completed,
    /// Nothing more can come.
    Terminated,
}

/// What happened to the transaction.
#[derive(Clone, Debug)]
pub enum Event {
    /// A response with this status and this value of its To header (needed for the ACK) arrived.
    ResponseReceived {
        /// The status code.
        status: u16,
        /// The whole value of the To header, tag included.
        to: Bytes,
    },
    /// The CANCEL was sent: the final response is awaited for 64*T1 and not for ever (RFC 3261 9.1).
    CancelSent,
    /// The transport could not deliver.
    TransportFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Retransmits the INVITE: T1, doubling each time.
    A,
    /// Gives up: 64*T1 after the INVITE.
    B,
    /// Ends Completed: 64*T1 (at least 32 s) over UDP, at once otherwise.
    D,
    /// Ends Accepted: 64*T1 (RFC 6026).
    M,
    /// Gives up after a CANCEL: 64*T1.
    Cancelled,
}

/// One INVITE client transaction.
#[derive(Debug)]
pub struct ClientInvite {
    phase: Phase,
    /// The INVITE as sent; the ACK in Completed; empty after that.
    held: Bytes,
    timing: Timing,
    reliability: Reliability,
    interval: Duration,
    timers: TimerTable<Timer>,
}

impl ClientInvite {
    /// Sends `request`, the whole INVITE with its Via.
    pub fn new(
        request: Bytes,
        reliability: Reliability,
        timing: Timing,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> ClientInvite {
        let mut timers = TimerTable::new();
        if reliability == Reliability::Unreliable {
            timers.arm(Timer::A, now.monotonic + timing.t1);
        }
        timers.arm(Timer::B, now.monotonic + timing.patience());
        effects.push(Effect::Transmit(request.clone()));
        ClientInvite { phase: Phase::Calling, held: request, timing, reliability, interval: timing.t1, timers }
    }

    /// Where the transaction stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The INVITE as it was sent, for building the CANCEL; `None` once a final response came.
    pub fn request(&self) -> Option<&Bytes> {
        matches!(self.phase, Phase::Calling | Phase::Proceeding).then_some(&self.held)
    }

    fn on_response(&mut self, status: u16, to: &[u8], now: Now, effects: &mut Vec<Effect>) {
        match (self.phase, status) {
            (Phase::Calling | Phase::Proceeding, 100..=199) => self.on_provisional(effects),
            (Phase::Calling | Phase::Proceeding, 200..=299) => self.on_success(now, effects),
            (Phase::Calling | Phase::Proceeding, _) => self.on_refusal(to, now, effects),
            (Phase::Accepted, 200..=299) => effects.push(Effect::DeliverResponse),
            (Phase::Completed, 300..=699) => effects.push(Effect::Retransmit(self.held.clone())),
            (Phase::Accepted | Phase::Completed | Phase::Terminated, _) => {}
        }
    }

    fn on_provisional(&mut self, effects: &mut Vec<Effect>) {
        self.phase = Phase::Proceeding;
        self.timers.disarm(Timer::A);
        self.timers.disarm(Timer::B);
        effects.push(Effect::DeliverResponse);
    }

    fn on_success(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.phase = Phase::Accepted;
        self.held = Bytes::new();
        self.timers.clear();
        self.timers.arm(Timer::M, now.monotonic + self.timing.patience());
        effects.push(Effect::DeliverResponse);
    }

    fn on_refusal(&mut self, to: &[u8], now: Now, effects: &mut Vec<Effect>) {
        self.held = ack::for_refusal(&self.held, to);
        self.timers.clear();
        effects.push(Effect::Transmit(self.held.clone()));
        effects.push(Effect::DeliverResponse);
        match self.reliability {
            Reliability::Unreliable => {
                self.phase = Phase::Completed;
                self.timers.arm(Timer::D, now.monotonic + self.timing.patience());
            }
            Reliability::Reliable => self.terminate(),
        }
    }

    fn on_cancel_sent(&mut self, now: Now) {
        if self.phase == Phase::Proceeding {
            self.timers.arm(Timer::Cancelled, now.monotonic + self.timing.patience());
        }
    }

    fn on_transport_failed(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Calling | Phase::Proceeding | Phase::Completed => {
                self.terminate();
                effects.push(Effect::ReportFailure(Failure::Transport));
            }
            // RFC 6026: the ACK is the dialog's, and so is its loss.
            Phase::Accepted | Phase::Terminated => {}
        }
    }

    fn on_timer_a(&mut self, now: Now, effects: &mut Vec<Effect>) {
        effects.push(Effect::Retransmit(self.held.clone()));
        self.interval = self.interval.saturating_mul(2);
        self.timers.arm(Timer::A, now.monotonic + self.interval);
    }

    fn on_timer_b(&mut self, effects: &mut Vec<Effect>) {
        self.terminate();
        effects.push(Effect::ReportFailure(Failure::Timeout(Expiry::B)));
    }

    fn terminate(&mut self) {
        self.phase = Phase::Terminated;
        self.held = Bytes::new();
        self.timers.clear();
    }
}

impl Machine for ClientInvite {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::ResponseReceived { status, to } => self.on_response(status, &to, now, effects),
            Event::CancelSent => self.on_cancel_sent(now),
            Event::TransportFailed => self.on_transport_failed(effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::A => self.on_timer_a(now, effects),
                Timer::B | Timer::Cancelled => self.on_timer_b(effects),
                Timer::D | Timer::M => self.terminate(),
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Terminated
    }
}
