//! The clock of the media threads: read once per round of the poller, and where an order waits for its thread without waking it.
//!
//! Instants from here are compared only among themselves: they have another start than those of the actors.

use domain::Monotonic;
use std::time::Instant;

/// A monotonic clock that starts when it is made; its copies count from the same start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one clock of the media threads, whose decisions take time as an argument"
    )]
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The present instant.
    pub(crate) fn now(&self) -> Monotonic {
        Monotonic::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
