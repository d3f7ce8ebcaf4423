//! The timers of one machine as a small table: which are armed, and which are due.

use crate::time::Monotonic;

/// The armed timers of one machine, at most one per `K`. Meant for a handful of kinds: look-ups are linear.
#[derive(Clone, Debug)]
pub struct TimerTable<K> {
    armed: Vec<(K, Monotonic)>,
}

impl<K> Default for TimerTable<K> {
    fn default() -> Self {
        Self { armed: Vec::new() }
    }
}

impl<K: Copy + PartialEq> TimerTable<K> {
    /// A table with nothing armed. Allocates on the first [`TimerTable::arm`].
    pub const fn new() -> Self {
        Self { armed: Vec::new() }
    }

    /// Arms `timer` for `at`, replacing what it was armed for.
    pub fn arm(&mut self, timer: K, at: Monotonic) {
        match self.armed.iter_mut().find(|(armed, _)| *armed == timer) {
            Some(entry) => entry.1 = at,
            None => self.armed.push((timer, at)),
        }
    }

    /// Disarms `timer`; nothing happens where it was not armed.
    pub fn disarm(&mut self, timer: K) {
        self.armed.retain(|(armed, _)| *armed != timer);
    }

    /// Disarms every timer.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// When `timer` is due, if it is armed.
    pub fn due(&self, timer: K) -> Option<Monotonic> {
        self.armed.iter().find(|(armed, _)| *armed == timer).map(|(_, at)| *at)
    }

    /// The earliest instant for which a timer is armed.
    pub fn deadline(&self) -> Option<Monotonic> {
        self.armed.iter().map(|(_, at)| *at).min()
    }

    /// Disarms and returns the earliest timer that is due at `now`; of timers due at one instant, the one armed first.
    pub fn pop_due(&mut self, now: Monotonic) -> Option<K> {
        let (index, _) = self
            .armed
            .iter()
            .enumerate()
            .filter(|(_, (_, at))| *at <= now)
            .min_by_key(|(index, (_, at))| (*at, *index))?;
        Some(self.armed.remove(index).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_once_and_in_order() {
        let mut table = TimerTable::new();
        table.arm('b', Monotonic::from_micros(20));
        table.arm('a', Monotonic::from_micros(10));
        table.arm('c', Monotonic::from_micros(30));
        table.arm('c', Monotonic::from_micros(15));
        assert_eq!(table.deadline(), Some(Monotonic::from_micros(10)));
        assert_eq!(table.pop_due(Monotonic::from_micros(9)), None);
        let fired: Vec<_> = std::iter::from_fn(|| table.pop_due(Monotonic::from_micros(100))).collect();
        assert_eq!(fired, ['a', 'c', 'b']);
    }
}
