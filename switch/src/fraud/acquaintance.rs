//! What was seen before, and when last: countries that were called, networks that were called from.
//!
//! What follows from something new is `watch`'s to say.

use domain::Wall;
use std::collections::BTreeMap;
use std::time::Duration;

/// Countries of one profile at most: there are some 250, with islands that are told apart.
pub const DESTINATIONS_MAX: usize = 300;
/// Networks of one profile at most; then the one that was not seen for longest is forgotten.
pub const NETWORKS_MAX: usize = 64;
/// What is seen again is written down at most so often.
const NOTED_EVERY: Duration = Duration::from_hours(24);

/// Things of one kind, each with when it was seen last.
#[derive(Clone, Debug)]
pub struct Acquaintance<T> {
    seen: BTreeMap<T, Wall>,
    most: usize,
}

impl<T: Ord + Copy> Acquaintance<T> {
    /// Nothing is known; at most so many things will be.
    pub fn new(most: usize) -> Self {
        Acquaintance { seen: BTreeMap::new(), most }
    }

    /// Whether nothing at all was ever seen.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Whether it was seen within so many days.
    pub fn knows(&self, what: T, days: u16, now: Wall) -> bool {
        let within = Duration::from_hours(24 * u64::from(days));
        self.seen.get(&what).is_some_and(|at| now.since(*at) <= within)
    }

    /// It was seen. Whether that is worth being written down: it is new, or was seen for the last time a day ago.
    pub fn see(&mut self, what: T, at: Wall) -> bool {
        let noted = self.seen.get(&what).copied();
        if noted.is_some_and(|noted| at.since(noted) < NOTED_EVERY) {
            return false;
        }
        if noted.is_none() && self.seen.len() >= self.most {
            let oldest = self.seen.iter().min_by_key(|(_, at)| **at).map(|(what, _)| *what);
            oldest.map(|oldest| self.seen.remove(&oldest));
        }
        self.seen.insert(what, at);
        true
    }

    /// Everything, with when it was seen last.
    pub fn iter(&self) -> impl Iterator<Item = (T, Wall)> + '_ {
        self.seen.iter().map(|(what, at)| (*what, *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const NOON: Wall = Wall::from_unix_seconds(1_800_000_000);

    #[test]
    fn what_was_not_seen_for_the_days_of_the_rule_is_new_again() {
        let mut known = Acquaintance::new(3);
        assert!(!known.knows(1, 90, NOON));
        assert!(known.see(1, NOON), "new");
        assert!(!known.see(1, NOON + DAY / 2), "not written down twice a day");
        assert!(known.knows(1, 90, NOON + DAY * 90));
        assert!(!known.knows(1, 90, NOON + DAY * 91));
        assert!(known.see(1, NOON + DAY * 91));
    }

    #[test]
    fn where_there_is_no_room_what_was_not_seen_for_longest_is_forgotten() {
        let mut known = Acquaintance::new(2);
        assert!([(7, 2), (8, 1), (9, 3)].into_iter().all(|(what, day)| known.see(what, NOON + DAY * day)));
        assert_eq!(known.iter().map(|(what, _)| what).collect::<Vec<_>>(), [7, 9]);
    }
}
