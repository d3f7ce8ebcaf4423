//! When new work is refused (design 1, 1.16): a token bucket of calls a second, and a maximum of calls at one time.
//!
//! Plain values; who owns one (a node, a shard, a profile) decides. Calls that are up are never touched by it.

use domain::refusal::RefusalKind;
use domain::{Monotonic, Refusal};

/// The limits of a [`Gate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// New calls a second on average; 0 for no limit.
    pub calls_per_second: u32,
    /// New calls at once after a quiet time; at least 1 where there is a limit.
    pub burst: u32,
    /// Calls at one time; 0 for no limit.
    pub calls_max: u32,
}

/// Admits calls within [`Limits`].
#[derive(Clone, Debug)]
pub struct Gate {
    limits: Limits,
    calls: u32,
    bucket: Bucket,
}

impl Gate {
    /// A gate through which nothing has gone yet.
    pub fn new(limits: Limits, now: Monotonic) -> Self {
        Gate { limits, calls: 0, bucket: Bucket::new(limits.calls_per_second, limits.burst, now) }
    }

    /// Lets one call in, or says why not, with a `Retry-After`. Each success is to be followed by one [`Gate::leave`].
    pub fn enter(&mut self, now: Monotonic) -> Result<(), Refusal> {
        if self.limits.calls_max > 0 && self.calls >= self.limits.calls_max {
            return Err(Refusal::new(RefusalKind::Overloaded).retry_after_s(RETRY_AFTER_FULL_S));
        }
        if self.limits.calls_per_second > 0 {
            self.bucket.take(now).map_err(|wait_s| Refusal::new(RefusalKind::CpsExceeded).retry_after_s(wait_s))?;
        }
        self.calls += 1;
        Ok(())
    }

    /// A call that was let in is over.
    pub fn leave(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    /// Calls that are in.
    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Changes the limits; calls that are in stay in.
    pub fn set_limits(&mut self, limits: Limits, now: Monotonic) {
        self.limits = limits;
        self.bucket = Bucket::new(limits.calls_per_second, limits.burst, now);
    }
}

/// What `Retry-After` says where every place is taken: about the time in which some of many calls end.
const RETRY_AFTER_FULL_S: u32 = 5;
/// Millionths of a token, so that no microsecond is lost at any rate.
const TOKEN: u64 = 1_000_000;

/// A token bucket in integers: `per_second` tokens a second, at most `burst` saved up.
#[derive(Clone, Debug)]
pub struct Bucket {
    per_second: u32,
    burst: u32,
    /// In millionths of a token.
    level: u64,
    refilled_at: Monotonic,
}

impl Bucket {
    /// A full bucket. Both numbers are taken as at least 1.
    pub fn new(per_second: u32, burst: u32, now: Monotonic) -> Self {
        let (per_second, burst) = (per_second.max(1), burst.max(1));
        Bucket { per_second, burst, level: u64::from(burst) * TOKEN, refilled_at: now }
    }

    /// Takes one token, or says in how many seconds (rounded up) there will be one.
    pub fn take(&mut self, now: Monotonic) -> Result<(), u32> {
        self.refill(now);
        if self.level >= TOKEN {
            self.level -= TOKEN;
            return Ok(());
        }
        let wait_us = (TOKEN - self.level).div_ceil(u64::from(self.per_second));
        Err(u32::try_from(wait_us.div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1))
    }

    /// One microsecond brings `per_second` millionths of a token.
    fn refill(&mut self, now: Monotonic) {
        let elapsed_us = now.as_micros().saturating_sub(self.refilled_at.as_micros());
        let gained = elapsed_us.saturating_mul(u64::from(self.per_second));
        self.level = self.level.saturating_add(gained).min(u64::from(self.burst) * TOKEN);
        self.refilled_at = self.refilled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const START: Monotonic = Monotonic::from_micros(1_000_000);

    #[test]
    fn a_burst_passes_and_then_only_the_average() {
        let mut bucket = Bucket::new(10, 3, START);
        assert_eq!((0..4).map(|_| bucket.take(START)).collect::<Vec<_>>(), [Ok(()), Ok(()), Ok(()), Err(1)]);
        assert_eq!(bucket.take(START + Duration::from_micros(99_999)), Err(1));
        assert_eq!(bucket.take(START + Duration::from_micros(100_000)), Ok(()));
        assert_eq!(bucket.take(START + Duration::from_micros(100_000)), Err(1));
    }

    /// Whatever the pattern of asking, no fraction of a token is lost or invented.
    #[test]
    fn seven_calls_a_second_are_seven_calls_a_second() {
        let mut bucket = Bucket::new(7, 1, START);
        let admitted = (0..1_000_000u64).filter(|n| bucket.take(START + Duration::from_micros(n * 10)).is_ok()).count();
        assert_eq!(admitted, 70);
    }

    #[test]
    fn the_gate_says_why_and_when_to_try_again_and_lets_the_next_in_after_one_left() {
        let mut gate = Gate::new(Limits { calls_per_second: 1, burst: 2, calls_max: 2 }, START);
        assert_eq!((gate.enter(START), gate.enter(START)), (Ok(()), Ok(())));
        let full = gate.enter(START).unwrap_err();
        assert_eq!((full.kind, full.retry_after_s), (RefusalKind::Overloaded, Some(RETRY_AFTER_FULL_S)));
        gate.leave();
        let fast = gate.enter(START).unwrap_err();
        assert_eq!((fast.kind, fast.retry_after_s), (RefusalKind::CpsExceeded, Some(1)));
        assert_eq!(gate.enter(START + Duration::from_secs(1)), Ok(()));
        assert_eq!(gate.calls(), 2);
    }

    #[test]
    fn a_gate_without_limits_lets_everybody_in() {
        let mut gate = Gate::new(Limits { calls_per_second: 0, burst: 0, calls_max: 0 }, START);
        assert!((0..10_000).all(|_| gate.enter(START).is_ok()));
    }
}
