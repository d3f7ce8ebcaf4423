//! What can be broken about sound at start.
//!
//! Refusals of single sessions are values of their own: [`crate::OpenRefused`].

use crate::settings::{MediaSettings, PortRange};
use std::io;

/// Why media did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too few ports to hide in.
    #[error(
        "the RTP ports {first} to {last} are too few: give a range of at least {min} ports above 0, such as 10000 to 29999",
        min = PortRange::PORTS_MIN
    )]
    PortRangeTooSmall {
        /// The lowest port given.
        first: u16,
        /// The highest port given.
        last: u16,
    },
    /// No threads, or too many.
    #[error("{threads} media threads were asked for: give 1 to {max}", max = MediaSettings::THREADS_MAX)]
    ThreadsOutOfRange {
        /// The number given.
        threads: usize,
    },
    /// No session would ever be admitted.
    #[error("a limit of 0 media sessions admits none: give at least 1")]
    NoSessions,
    /// The operating system refused a poller or a thread.
    #[error("media thread {thread} could not start: {source}")]
    Thread {
        /// Counted from 0.
        thread: usize,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    /// Whether the same start may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Thread { .. })
    }
}
