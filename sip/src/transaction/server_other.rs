//! The server transaction of every request but INVITE and ACK: RFC 3261 17.2.2.
//!
//! Nothing about the meaning of a method lives here.
//!
//! | Phase | Entered by | Holds | Left by |
//! |---|---|---|---|
//! | Trying | birth | nothing | any response, transport |
//! | Proceeding | 1xx | the last provisional | final response, transport |
//! | Completed | final response | the response | timer J, transport |
//! | Terminated | | nothing | |

use super::{Effect, Failure, Reliability, Timing};
use bytes::Bytes;
use domain::{Machine, Monotonic, Now, TimerTable};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was answered yet.
    Trying,
    /// A provisional response was sent.
    Proceeding,
    /// A final response was sent: it answers every repetition of the request.
    Completed,
    /// Nothing more can come.
    Terminated,
}

/// What happened to the transaction.
#[derive(Clone, Debug)]
pub enum Event {
    /// The request arrived once more.
    RequestRepeated,
    /// The user ordered a response.
    ResponseOrdered {
        /// The status code.
        status: u16,
        /// The whole response.
        response: Bytes,
    },
    /// The transport could not deliver a response.
    TransportFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// Ends Completed: 64*T1 over UDP, at once otherwise.
    J,
}

/// One non-INVITE server transaction.
#[derive(Debug)]
pub struct ServerOther {
    phase: Phase,
    /// The last response sent; empty before the first.
    held: Bytes,
    timing: Timing,
    reliability: Reliability,
    timers: TimerTable<Timer>,
}

impl ServerOther {
    /// A transaction for a request that just arrived.
    pub fn new(reliability: Reliability, timing: Timing) -> ServerOther {
        ServerOther { phase: Phase::Trying, held: Bytes::new(), timing, reliability, timers: TimerTable::new() }
    }

    /// Where the transaction stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    fn on_request_repeated(&self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Proceeding | Phase::Completed => effects.push(Effect::Retransmit(self.held.clone())),
            Phase::Trying | Phase::Terminated => {}
        }
    }

    fn on_response(&mut self, status: u16, response: Bytes, now: Now, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Trying | Phase::Proceeding => {
                effects.push(Effect::Transmit(response.clone()));
                if status < 200 {
                    self.phase = Phase::Proceeding;
                    self.held = response;
                } else {
                    self.complete(response, now);
                }
            }
            // A second final response is the user's mistake; the first one stands (RFC 3261 17.2.2).
            Phase::Completed | Phase::Terminated => {}
        }
    }

    fn complete(&mut self, response: Bytes, now: Now) {
        match self.reliability {
            Reliability::Unreliable => {
                self.phase = Phase::Completed;
                self.held = response;
                self.timers.arm(Timer::J, now.monotonic + self.timing.patience());
            }
            Reliability::Reliable => self.terminate(),
        }
    }

    fn on_transport_failed(&mut self, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Terminated {
            self.terminate();
            effects.push(Effect::ReportFailure(Failure::Transport));
        }
    }

    fn terminate(&mut self) {
        self.phase = Phase::Terminated;
        self.held = Bytes::new();
        self.timers.clear();
    }
}

impl Machine for ServerOther {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::RequestRepeated => self.on_request_repeated(effects),
            Event::ResponseOrdered { status, response } => self.on_response(status, response, now, effects),
            Event::TransportFailed => self.on_transport_failed(effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    fn expire(&mut self, now: Now, _effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::J => self.terminate(),
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Terminated
    }
}
