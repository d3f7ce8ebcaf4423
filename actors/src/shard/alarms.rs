//! When a shard is woken for its timers: on a grid, and by the runtime only as often as it must be.
//!
//! What is due then is the endpoint's to know.

use domain::Monotonic;

/// Timers of transactions fire on this grid: a busy shard is then woken a hundred times a second by its timers, and not once for
/// each transaction that ends. The shortest of them is T1, 500 ms, and a network delays more than this.
const GRAIN_US: u64 = 10_000;

/// Alarms of the runtime that are set, and not rung yet: one for the deadline, and while timers are frequent a second one a grain
/// behind it.
///
/// tokio interrupts its own poller (an eventfd written, a poll that finds nothing else) whenever a timer is set that is earlier
/// than all that are known to it. With the second alarm there always is an earlier one, for the timers of calls too.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    /// On the grid, each once, so at most as many as the grid has places up to the longest timer.
    set: Vec<Monotonic>,
}

impl Alarms {
    /// Sees to it that an alarm rings at `deadline` or before: `ring_at` is asked for those that are missing.
    pub(super) fn set(&mut self, deadline: Monotonic, now: Monotonic, mut ring_at: impl FnMut(Monotonic)) {
        let deadline = on_grid(deadline);
        if self.earliest().is_none_or(|earliest| deadline < earliest) {
            self.set.push(deadline);
            ring_at(deadline);
        }
        let soon = now.as_micros().saturating_add(2 * GRAIN_US);
        if let [only] = self.set[..]
            && only.as_micros() <= soon
        {
            let second = Monotonic::from_micros(only.as_micros().saturating_add(GRAIN_US));
            self.set.push(second);
            ring_at(second);
        }
    }

    /// The alarm of this instant has rung.
    pub(super) fn rang(&mut self, at: Monotonic) {
        self.set.retain(|set| *set != at);
    }

    fn earliest(&self) -> Option<Monotonic> {
        self.set.iter().min().copied()
    }
}

/// The next instant of the grid.
fn on_grid(deadline: Monotonic) -> Monotonic {
    let micros = deadline.as_micros();
    Monotonic::from_micros(micros.checked_next_multiple_of(GRAIN_US).unwrap_or(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Monotonic {
        Monotonic::from_micros(ms * 1_000)
    }

    fn asked(alarms: &mut Alarms, deadline: Monotonic, now: Monotonic) -> Vec<Monotonic> {
        let mut asked = Vec::new();
        alarms.set(deadline, now, |at| asked.push(at));
        asked
    }

    #[test]
    fn a_far_deadline_has_one_alarm_on_the_grid() {
        let mut alarms = Alarms::default();
        assert_eq!(asked(&mut alarms, ms(32_003), ms(0)), [ms(32_010)]);
        assert_eq!(asked(&mut alarms, ms(40_000), ms(1)), []);
    }

    #[test]
    fn while_timers_are_frequent_there_always_is_an_earlier_alarm_when_one_is_set() {
        let mut alarms = Alarms::default();
        assert_eq!(asked(&mut alarms, ms(15), ms(0)), [ms(20), ms(30)]);
        for tick in 2..100 {
            alarms.rang(ms(tick * 10));
            let asked = asked(&mut alarms, ms(tick * 10 + 7), ms(tick * 10));
            assert_eq!(asked, [ms(tick * 10 + 20)], "the one at {} stands", tick * 10 + 10);
        }
    }

    #[test]
    fn a_deadline_that_moves_earlier_has_its_alarm_and_the_shard_falls_silent_when_none_is_left() {
        let mut alarms = Alarms::default();
        assert_eq!(asked(&mut alarms, ms(5_000), ms(0)), [ms(5_000)]);
        assert_eq!(asked(&mut alarms, ms(500), ms(1)), [ms(500)]);
        alarms.rang(ms(500));
        assert_eq!(asked(&mut alarms, ms(5_000), ms(500)), []);
        alarms.rang(ms(5_000));
        assert!(alarms.set.is_empty());
    }
}
