//! Hands out the calls of a schedule when they are due, whatever became of the calls before.
//!
//! An overdue call keeps its scheduled time: all latencies count from there, so that a generator that was held up cannot hide it.
//! Who dials is `pbx`.

use crate::clock::Clock;
use crate::figures::Latencies;
use crate::schedule::Schedule;
use domain::Monotonic;
use std::time::Duration;

/// The longest that the pacer sleeps before it looks whether it is to stop.
const SLEEP_MAX: Duration = Duration::from_millis(200);

/// Where a schedule is.
#[derive(Debug)]
pub struct Pacer<'a> {
    instants: &'a [Monotonic],
    start: Monotonic,
    next: usize,
}

/// A call that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its number in the schedule, from 0.
    pub index: usize,
    /// When it was to begin.
    pub at: Monotonic,
}

impl<'a> Pacer<'a> {
    /// The schedule begins at `start`.
    pub fn new(schedule: &'a Schedule, start: Monotonic) -> Pacer<'a> {
        Pacer { instants: schedule.instants(), start, next: 0 }
    }

    /// When the next call is due; none at the end.
    pub fn deadline(&self) -> Option<Monotonic> {
        let at = self.instants.get(self.next)?;
        Some(Monotonic::from_micros(self.start.as_micros() + at.as_micros()))
    }

    /// The next call that is due at `now`; none where all that are due were handed out.
    pub fn due(&mut self, now: Monotonic) -> Option<Due> {
        let at = self.deadline().filter(|at| *at <= now)?;
        let due = Due { index: self.next, at };
        self.next += 1;
        Some(due)
    }

    /// Hands out every call at its time on this thread, until the end or until `goes_on` says no; gives how late each was.
    pub fn run(mut self, clock: Clock, goes_on: impl Fn() -> bool, mut call: impl FnMut(Due)) -> Latencies {
        let mut lateness = Latencies::new();
        while let Some(at) = self.deadline() {
            if !goes_on() {
                break;
            }
            clock.wait_until(at.min(clock.monotonic() + SLEEP_MAX));
            let now = clock.monotonic();
            while let Some(due) = self.due(now) {
                lateness.record(now.since(due.at));
                call(due);
            }
        }
        lateness
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Arrivals;

    fn second(seconds: u64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn nothing_is_handed_out_before_its_time() {
        let schedule = Schedule::draw(Arrivals::Constant, 1.0, Duration::from_secs(3), 1).unwrap();
        let mut pacer = Pacer::new(&schedule, second(10));
        assert_eq!(pacer.due(Monotonic::from_micros(9_999_999)), None);
        assert_eq!(pacer.due(second(10)), Some(Due { index: 0, at: second(10) }));
        assert_eq!(pacer.due(second(10)), None);
        assert_eq!(pacer.deadline(), Some(second(11)));
    }

    #[test]
    fn a_generator_that_was_held_up_hands_out_all_it_missed_with_their_own_times() {
        let schedule = Schedule::draw(Arrivals::Constant, 2.0, Duration::from_secs(4), 1).unwrap();
        let mut pacer = Pacer::new(&schedule, second(0));
        assert_eq!(pacer.due(second(0)).unwrap().at, second(0));
        // Nobody looked for two seconds.
        let missed: Vec<u64> = std::iter::from_fn(|| pacer.due(second(2))).map(|due| due.at.as_micros()).collect();
        assert_eq!(missed, [500_000, 1_000_000, 1_500_000, 2_000_000]);
        assert_eq!(pacer.deadline(), Some(Monotonic::from_micros(2_500_000)));
    }
}
