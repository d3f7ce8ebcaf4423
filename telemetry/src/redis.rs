//! The Redis of a ledger that keeps its balances there: whether it answers, how fast, and how it fails.
//!
//! Who talks to it does not live here. Where the ledger is not in Redis, all of it stays 0.

use crate::error::Error;
use crate::families::{Counters, Gauges, Histograms, Maker};
use crate::labels::{RedisErrorKind, RedisOp};
use crate::telemetry::Telemetry;
use std::time::Duration;

pub(crate) struct RedisHandles {
    up: Gauges<()>,
    command: Histograms<(RedisOp,)>,
    errors: Counters<(RedisErrorKind,)>,
}

impl RedisHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            up: maker.gauges("tandem_redis_up")?,
            command: maker.histograms("tandem_redis_command_seconds")?,
            errors: maker.counters("tandem_redis_errors_total")?,
        })
    }
}

impl Telemetry {
    /// Whether Redis answers.
    pub fn set_redis_up(&self, is_up: bool) {
        self.redis.up.at(()).set(f64::from(u8::from(is_up)));
    }

    /// Redis answered everything that was sent to it at once.
    pub fn observe_redis_command(&self, op: RedisOp, took: Duration) {
        self.redis.command.at((op,)).record(took.as_secs_f64());
    }

    /// Redis failed.
    pub fn count_redis_error(&self, kind: RedisErrorKind) {
        self.redis.errors.at((kind,)).increment(1);
    }
}
