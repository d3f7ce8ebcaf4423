//! Which nonce counts were seen: a bounded table of nonces in use, each with a sliding window of 64 counts.
//!
//! Whether a nonce is genuine or has expired is not decided here.
//!
//! Only a nonce that came back with the right password enters the table, so strangers cannot fill it. **When it is full**, the
//! nonce issued longest ago leaves, and everything issued up to that instant is forgotten with it: it counts as stale from
//! then on. Forgetting so can cost a client one more challenge; it can never let a count through twice.

use super::nonce::Nonce;
use domain::Wall;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the table says to a nonce count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Not seen before; it is now.
    Fresh,
    /// Seen before, or too far behind the highest to know.
    Replayed,
    /// The nonce is older than what the table remembers.
    Forgotten,
}

/// How a client counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// `nc` of RFC 7616.
    Numbered(u32),
    /// No `nc` (RFC 2069): the nonce is good for one request.
    Once,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    highest: u32,
    /// Bit `i`: the count `highest - i` was seen.
    recent: u64,
    /// Used without a count: nothing more is accepted.
    spent: bool,
}

/// The nonces in use at one issuer.
#[derive(Debug)]
pub struct Window {
    seen: BTreeMap<(Wall, u64), Seen>,
    nonces_max: usize,
    /// What was issued up to here and is not in the table is not known any more.
    forgotten: Wall,
}

impl Window {
    /// An empty table for at most `nonces_max` (at least 1) nonces; what was issued before `born` is forgotten already, since
    /// a former life of this issuer may have seen it.
    pub fn new(nonces_max: usize, born: Wall) -> Window {
        Window { seen: BTreeMap::new(), nonces_max: nonces_max.max(1), forgotten: born }
    }

    /// Records one use of a nonce.
    pub fn record(&mut self, nonce: &Nonce, count: Count) -> Use {
        let key = (nonce.issued, nonce.random);
        if let Some(seen) = self.seen.get_mut(&key) {
            return seen.record(count);
        }
        if nonce.issued < self.forgotten {
            return Use::Forgotten;
        }
        if self.seen.len() >= self.nonces_max
            && let Some(oldest) = self.seen.first_entry()
        {
            if key < *oldest.key() {
                return Use::Forgotten;
            }
            // One microsecond on: of two nonces of one microsecond, the one that left must not come back.
            self.forgotten = self.forgotten.max(oldest.key().0 + Duration::from_micros(1));
            oldest.remove();
            if nonce.issued < self.forgotten {
                return Use::Forgotten;
            }
        }
        self.seen.insert(key, Seen::first(count));
        Use::Fresh
    }

    /// Drops every nonce issued before `horizon`; they are expired anyway.
    pub fn forget_before(&mut self, horizon: Wall) {
        while let Some(entry) = self.seen.first_entry() {
            if entry.key().0 >= horizon {
                break;
            }
            entry.remove();
        }
        self.forgotten = self.forgotten.max(horizon);
    }

    /// Nonces in use.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether no nonce is in use.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

impl Seen {
    fn first(count: Count) -> Seen {
        match count {
            Count::Numbered(highest) => Seen { highest, recent: 1, spent: false },
            Count::Once => Seen { highest: 0, recent: 0, spent: true },
        }
    }

    fn record(&mut self, count: Count) -> Use {
        let Count::Numbered(count) = count else { return Use::Replayed };
        if self.spent {
            return Use::Replayed;
        }
        if count > self.highest {
            self.recent = self.recent.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return Use::Fresh;
        }
        match 1u64.checked_shl(self.highest - count) {
            Some(bit) if self.recent & bit == 0 => {
                self.recent |= bit;
                Use::Fresh
            }
            _ => Use::Replayed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::nonce::Issuer;
    use super::*;
    use Count::{Numbered, Once};

    fn nonce(seconds: i64) -> Nonce {
        Nonce { issued: Wall::from_unix_seconds(seconds), issuer: Issuer(1), random: 9 }
    }

    #[test]
    fn each_count_passes_once_even_out_of_order() {
        let mut window = Window::new(8, Wall::default());
        let uses = [1, 3, 2, 2, 3, 1, 70, 7, 6, 70].map(|count| window.record(&nonce(5), Numbered(count)));
        use Use::{Fresh, Replayed};
        // 7 is 63 behind 70: the last one that the window knows; 6 is too far behind to know.
        assert_eq!(uses, [Fresh, Fresh, Fresh, Replayed, Replayed, Replayed, Fresh, Fresh, Replayed, Replayed]);
        assert_eq!(window.record(&nonce(5), Numbered(u32::MAX)), Fresh);
    }

    #[test]
    fn a_nonce_used_without_count_is_spent_and_a_counted_one_cannot_be_used_without() {
        let mut window = Window::new(8, Wall::default());
        assert_eq!(window.record(&nonce(5), Once), Use::Fresh);
        assert_eq!(window.record(&nonce(5), Once), Use::Replayed);
        assert_eq!(window.record(&nonce(5), Numbered(9)), Use::Replayed);
        assert_eq!(window.record(&nonce(6), Numbered(1)), Use::Fresh);
        assert_eq!(window.record(&nonce(6), Once), Use::Replayed);
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_never_lets_it_back() {
        let mut window = Window::new(2, Wall::default());
        for seconds in [10, 20, 30] {
            assert_eq!(window.record(&nonce(seconds), Numbered(1)), Use::Fresh);
        }
        assert_eq!(window.len(), 2);
        assert_eq!(window.record(&nonce(10), Numbered(1)), Use::Forgotten);
        assert_eq!(window.record(&nonce(5), Numbered(1)), Use::Forgotten);
        assert_eq!(window.record(&nonce(20), Numbered(1)), Use::Replayed);
        assert_eq!(window.record(&nonce(15), Numbered(1)), Use::Forgotten, "it would have to push out a younger one");
        assert_eq!(window.record(&nonce(20), Numbered(2)), Use::Fresh, "which it did not");
    }

    #[test]
    fn of_two_nonces_of_one_microsecond_the_one_that_left_does_not_come_back() {
        let mut window = Window::new(1, Wall::default());
        let [first, second] = [1, 2].map(|random| Nonce { random, ..nonce(10) });
        assert_eq!(window.record(&first, Numbered(1)), Use::Fresh);
        assert_eq!(window.record(&second, Numbered(1)), Use::Forgotten);
        assert_eq!(window.record(&first, Numbered(1)), Use::Forgotten);
    }

    #[test]
    fn what_a_former_life_issued_is_forgotten() {
        let mut window = Window::new(2, Wall::from_unix_seconds(100));
        assert_eq!(window.record(&nonce(99), Numbered(1)), Use::Forgotten);
        assert_eq!(window.record(&nonce(100), Numbered(1)), Use::Fresh);
        window.forget_before(Wall::from_unix_seconds(101));
        assert!(window.is_empty());
        assert_eq!(window.record(&nonce(100), Numbered(2)), Use::Forgotten);
    }
}
