//! Whether the wall clock has stepped beside the monotonic one.
//!
//! Nothing is decided by it: charges run on the monotonic clock. An operator wants to know why times in records jump.

use domain::Now;

/// A difference between two looks that is no drift: a clock that is slewed is off by 0.5 ms a second.
const STEP_US: i128 = 1_000_000;

/// How far apart both clocks are.
pub(super) struct Clocks {
    apart_us: i128,
}

impl Clocks {
    /// As they stand now.
    pub(super) fn read(now: Now) -> Self {
        Self { apart_us: apart(now) }
    }

    /// By how many milliseconds the wall clock has stepped since the last look; none where it has not.
    pub(super) fn step(&mut self, now: Now) -> Option<i64> {
        let step_us = apart(now) - std::mem::replace(&mut self.apart_us, apart(now));
        (step_us.abs() >= STEP_US).then(|| i64::try_from(step_us / 1_000).unwrap_or(i64::MAX))
    }
}

fn apart(now: Now) -> i128 {
    i128::from(now.wall.as_unix_micros()) - i128::from(now.monotonic.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Monotonic, Wall};

    #[test]
    fn a_step_is_told_once_and_drift_is_none() {
        let at = |monotonic_ms: u64, wall_ms: i64| Now {
            monotonic: Monotonic::from_micros(monotonic_ms * 1_000),
            wall: Wall::from_unix_micros(wall_ms * 1_000),
        };
        let mut clocks = Clocks::read(at(0, 1_000_000));
        assert_eq!(clocks.step(at(5_000, 1_005_003)), None, "drift");
        assert_eq!(clocks.step(at(10_000, 4_610_003)), Some(3_600_000), "an hour ahead");
        assert_eq!(clocks.step(at(15_000, 4_615_003)), None);
        assert_eq!(clocks.step(at(20_000, 1_020_003)), Some(-3_600_000), "and back");
    }
}
