//! Whether a carrier can be reached: a circuit that opens after some failures in a row, is tried again after a while, and closes
//! with the first sign of life.
//!
//! What counts as a failure is decided in `mod`.

use domain::{Monotonic, Wall};
use std::sync::Arc;
use std::time::Duration;

/// A carrier that stays down is left alone for at most so many times the first rest.
const REST_FACTOR_MAX: u32 = 8;

/// How a carrier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It takes calls.
    Up,
    /// It does not answer: no calls, unless there is nobody else.
    Down,
    /// It was down for a while: one call, or one OPTIONS, finds out.
    Trying,
}

impl State {
    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Down => "down",
            State::Trying => "trying",
        }
    }
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Down,
    Up,
}

/// The circuit.
#[derive(Clone, Debug)]
pub(super) struct Health {
    state: State,
    failures: u32,
    rest: Duration,
    /// Down: when it may be tried again.
    again_at: Option<Monotonic>,
    pub(super) since: Wall,
    pub(super) last_error: Option<Arc<str>>,
}

impl Health {
    pub(super) fn new(now: Wall) -> Self {
        Health { state: State::Up, failures: 0, rest: Duration::ZERO, again_at: None, since: now, last_error: None }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// When a carrier that is down may be tried again.
    pub(super) fn again_at(&self) -> Option<Monotonic> {
        self.again_at
    }

    /// The rest is over: who asks next may try.
    pub(super) fn try_again(&mut self, now: Monotonic) -> bool {
        let may = self.state == State::Down && self.again_at.is_some_and(|at| at <= now);
        if may {
            self.state = State::Trying;
            self.again_at = None;
        }
        may
    }

    /// It gave a sign of life.
    pub(super) fn lives(&mut self, now: Wall) -> Option<Turn> {
        self.failures = 0;
        if self.state == State::Up {
            return None;
        }
        self.state = State::Up;
        self.again_at = None;
        self.since = now;
        Some(Turn::Up)
    }

    /// It failed.
    pub(super) fn fails(
        &mut self,
        because: &str,
        failures_max: u32,
        rest: Duration,
        now: (Monotonic, Wall),
    ) -> Option<Turn> {
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(because.into());
        match self.state {
            State::Up if self.failures >= failures_max => {
                self.state = State::Down;
                self.since = now.1;
                self.rest = rest;
                self.again_at = Some(now.0 + rest);
                Some(Turn::Down)
            }
            State::Up | State::Down => None,
            State::Trying => {
                self.state = State::Down;
                self.rest = (self.rest * 2).min(rest * REST_FACTOR_MAX);
                self.again_at = Some(now.0 + self.rest);
                None
            }
        }
    }

    /// The trial came to nothing: nobody knows more than before.
    pub(super) fn trial_lost(&mut self, now: Monotonic) {
        if self.state == State::Trying {
            self.state = State::Down;
            self.again_at = Some(now + self.rest);
        }
    }
}
