//! When new work is refused (design 1, 1.16): so many calls in any second, and so many at one time, both exact.
//!
//! Plain values; who owns one (a node, a profile, a carrier) decides. Calls that are up are never touched by it.

use domain::refusal::RefusalKind;
use domain::{Monotonic, Refusal};
use std::collections::VecDeque;
use std::time::Duration;

/// The limits of a [`Gate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// New calls in any second; 0 for no limit.
    pub calls_per_second: u32,
    /// Calls at one time; 0 for no limit.
    pub calls_max: u32,
}

/// Admits calls within [`Limits`].
#[derive(Clone, Debug)]
pub struct Gate {
    limits: Limits,
    calls: u32,
    window: Window,
}

impl Gate {
    /// A gate through which nothing has gone yet.
    pub fn new(limits: Limits) -> Self {
        Gate { limits, calls: 0, window: Window::default() }
    }

    /// Lets one call in, or says why not, with a `Retry-After`. Each success is to be followed by one [`Gate::leave`].
    pub fn enter(&mut self, now: Monotonic) -> Result<(), Refusal> {
        if self.limits.calls_max > 0 && self.calls >= self.limits.calls_max {
            return Err(Refusal::new(RefusalKind::NodeFull).retry_after_s(RETRY_AFTER_FULL_S));
        }
        if self.limits.calls_per_second > 0 && !self.window.enter(self.limits.calls_per_second, now) {
            return Err(Refusal::new(RefusalKind::CpsExceeded).retry_after_s(RETRY_AFTER_RATE_S));
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
}

/// What `Retry-After` says where every place is taken: about the time in which some of many calls end.
const RETRY_AFTER_FULL_S: u32 = 5;
/// What `Retry-After` says where as many calls came as may in a second: a second later none of them counts any more.
pub const RETRY_AFTER_RATE_S: u32 = 1;
/// The time in which calls are counted.
const SECOND: Duration = Duration::from_secs(1);
/// Calls a second at most that a limit may name: so many instants are remembered at most.
pub const CALLS_PER_SECOND_MAX: u32 = 100_000;

/// The instants of the calls that were let in during the last second: never more than the limit in any second, and never one fewer
/// than asked for and allowed. A token bucket would let in twice the limit in the first second of a storm.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// Oldest first; at most as many as the limit, which is at most [`CALLS_PER_SECOND_MAX`].
    lately: VecDeque<Monotonic>,
}

impl Window {
    /// Whether one more may come in now; it is counted then. Who is refused is not.
    pub fn enter(&mut self, calls_per_second: u32, now: Monotonic) -> bool {
        while self.lately.front().is_some_and(|at| now.since(*at) >= SECOND) {
            self.lately.pop_front();
        }
        let is_free = self.lately.len() < calls_per_second.min(CALLS_PER_SECOND_MAX) as usize;
        if is_free {
            self.lately.push_back(now);
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic::from_micros(1_000_000);

    fn at(micros: u64) -> Monotonic {
        START + Duration::from_micros(micros)
    }

    #[test]
    fn the_limit_passes_at_once_and_the_next_when_the_first_is_a_second_old() {
        let mut window = Window::default();
        assert_eq!([0, 1, 2, 3].map(|micros| window.enter(3, at(micros))), [true, true, true, false]);
        assert!(!window.enter(3, at(999_999)));
        assert!(window.enter(3, at(1_000_000)));
        assert!(!window.enter(3, at(1_000_000)), "the second of them came a microsecond later");
        assert!(window.enter(3, at(1_000_001)));
    }

    /// Five hundred a second offered for ten seconds, evenly: a hundred a second come in, in the first second too.
    #[test]
    fn of_five_hundred_a_second_exactly_a_hundred_come_in() {
        let mut window = Window::default();
        let admitted: Vec<u64> =
            (0..5_000).map(|n| n * 2_000).filter(|micros| window.enter(100, at(*micros))).collect();
        assert_eq!(admitted.len(), 1_000);
        for second in 0..10 {
            let of_second = admitted.iter().filter(|micros| **micros / 1_000_000 == second);
            assert_eq!(of_second.count(), 100, "second {second}");
        }
    }

    /// Whatever the pattern of asking, no second holds more than the limit.
    #[test]
    fn no_second_ever_holds_more_than_the_limit() {
        let seed = 7;
        println!("seed {seed}");
        let mut chance = domain::Entropy::from_seed([seed; 16]);
        let mut window = Window::default();
        let (mut micros, mut admitted) = (0, Vec::new());
        for _ in 0..20_000 {
            micros += chance.below(40_000);
            if window.enter(25, at(micros)) {
                admitted.push(micros);
            }
        }
        for (index, first) in admitted.iter().enumerate() {
            assert!(admitted.get(index + 25).is_none_or(|later| later - first >= 1_000_000), "from {first}");
        }
        assert!(admitted.len() > 5_000);
    }

    #[test]
    fn the_gate_says_why_and_when_to_try_again_and_lets_the_next_in_after_one_left() {
        let mut gate = Gate::new(Limits { calls_per_second: 2, calls_max: 2 });
        assert_eq!((gate.enter(START), gate.enter(START)), (Ok(()), Ok(())));
        let full = gate.enter(START).unwrap_err();
        assert_eq!((full.kind, full.retry_after_s), (RefusalKind::NodeFull, Some(RETRY_AFTER_FULL_S)));
        gate.leave();
        let fast = gate.enter(START).unwrap_err();
        assert_eq!((fast.kind, fast.retry_after_s), (RefusalKind::CpsExceeded, Some(RETRY_AFTER_RATE_S)));
        assert_eq!(gate.enter(START + SECOND), Ok(()));
        assert_eq!(gate.calls(), 2);
    }

    #[test]
    fn a_gate_without_limits_lets_everybody_in() {
        let mut gate = Gate::new(Limits { calls_per_second: 0, calls_max: 0 });
        assert!((0..10_000).all(|_| gate.enter(START).is_ok()));
    }
}
