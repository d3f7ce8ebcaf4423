//! What the ledger sees of its Redis, told to the metrics.
//!
//! What is seen, and when, is the ledger's; where the ledger is not in Redis nothing is ever told.

use ledger::redis::{Failure, Op, Seen};
use telemetry::Telemetry;
use telemetry::labels::{RedisErrorKind, RedisOp};

/// Tells one thing that was seen.
pub(super) fn tell(telemetry: &Telemetry, seen: Seen) {
    match seen {
        Seen::Up(is_up) => telemetry.set_redis_up(is_up),
        Seen::Answered { op, took } => telemetry.observe_redis_command(op_of(op), took),
        Seen::Failed(failure) => telemetry.count_redis_error(kind_of(failure)),
        Seen::Disagreed => telemetry.count_ledger_disagreement(),
        Seen::Rebuilt => telemetry.count_ledger_rebuilt(),
    }
}

fn op_of(op: Op) -> RedisOp {
    match op {
        Op::Get => RedisOp::Get,
        Op::Set => RedisOp::Set,
        Op::Script => RedisOp::Script,
        Op::Ping => RedisOp::Ping,
    }
}

fn kind_of(failure: Failure) -> RedisErrorKind {
    match failure {
        Failure::Timeout => RedisErrorKind::Timeout,
        Failure::Connection => RedisErrorKind::Connection,
        Failure::Script => RedisErrorKind::Script,
        Failure::Refused => RedisErrorKind::Refused,
    }
}
