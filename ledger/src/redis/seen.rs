//! What can be seen of Redis from here: whether it answers, how long a round trip takes, how it fails. What is made of it, such as
//! metrics, is the listener's.

use crate::sqlite::Clock;
use domain::Monotonic;
use redis::RedisError;
use std::sync::Arc;
use std::time::Duration;

/// What was asked in one round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads.
    Get,
    /// Writes that decide nothing.
    Set,
    /// The function, for a round of batches; or its text.
    Script,
    /// Whether it is still there.
    Ping,
}

/// How Redis failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It did not answer within [`super::REPLY_TIMEOUT`].
    Timeout,
    /// No connection could be made, or it broke.
    Connection,
    /// The function failed, or said what it cannot say.
    Script,
    /// It answered, and did not do it: loading, read-only, out of memory, not set up for money.
    Refused,
}

impl Failure {
    pub(super) fn of(error: &RedisError) -> Self {
        if error.is_timeout() { Failure::Timeout } else { Failure::Connection }
    }
}

/// Something seen of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It answers, or it does not, and batches are [`domain::credit::Outcome::Unavailable`]. Told at the start and when it changes.
    Up(bool),
    /// Everything that was sent at once was answered.
    Answered {
        /// What it was.
        op: Op,
        /// How long that took, by the journal's clock; zero without one.
        took: Duration,
    },
    /// It failed once.
    Failed(Failure),
    /// It said what does not follow from the journal.
    Disagreed,
    /// A company was made in it what the journal says.
    Rebuilt,
}

/// Hears what is seen, on the ledger's threads; must be quick.
pub type SeenListener = Arc<dyn Fn(Seen) + Send + Sync>;

/// The listener and its clock.
#[derive(Clone, Default)]
pub(super) struct Watch {
    pub(super) clock: Option<Clock>,
    pub(super) listener: Option<SeenListener>,
}

impl Watch {
    pub(super) fn now(&self) -> Option<Monotonic> {
        self.clock.as_ref().map(|clock| clock())
    }

    pub(super) fn answered(&self, op: Op, began: Option<Monotonic>) {
        let took = began.zip(self.now()).map_or(Duration::ZERO, |(began, ended)| ended.since(began));
        self.tell(Seen::Answered { op, took });
    }

    pub(super) fn failed(&self, failure: Failure) {
        self.tell(Seen::Failed(failure));
    }

    pub(super) fn tell(&self, seen: Seen) {
        if let Some(listener) = &self.listener {
            listener(seen);
        }
    }
}
