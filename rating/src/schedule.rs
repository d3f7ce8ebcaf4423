//! A [`Schedule`]: which version of a deck is in force when. Versions that were are not here; whoever re-rates an old call has its deck.
//!
//! Who orders a version, and from when on, is `store`'s.

use crate::deck::Deck;
use domain::Wall;
use std::sync::Arc;

/// Versions of decks with the instants from which each is in force. A version that is still to come comes into force by itself.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Ascending.
    turns: Arc<[(Wall, Arc<Deck>)]>,
}

impl Schedule {
    /// Each version from its instant until the next one's; of those with one instant the last counts.
    pub fn new(mut turns: Vec<(Wall, Arc<Deck>)>) -> Schedule {
        // Stable: of equals the last stays last.
        turns.sort_by_key(|(from, _)| *from);
        Schedule { turns: turns.into() }
    }

    /// One version, always.
    pub fn always(deck: Arc<Deck>) -> Schedule {
        Schedule::new(vec![(Wall::from_unix_micros(i64::MIN), deck)])
    }

    /// The version that is in force at this instant, its first included.
    pub fn at(&self, at: Wall) -> Option<&Arc<Deck>> {
        // Nearly always there is one turn.
        self.turns.iter().rev().find(|(from, _)| *from <= at).map(|(_, deck)| deck)
    }

    /// Every turn, ascending.
    pub fn turns(&self) -> &[(Wall, Arc<Deck>)] {
        &self.turns
    }
}

impl From<Deck> for Schedule {
    fn from(deck: Deck) -> Schedule {
        Schedule::always(Arc::new(deck))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;

    fn deck(version: &str) -> Arc<Deck> {
        Arc::new(Deck::from_rates(Vec::new(), Currency::USD, version))
    }

    #[test]
    fn a_version_is_in_force_from_its_first_instant_until_the_next_ones() {
        let at = Wall::from_unix_micros;
        let schedule = Schedule::new(vec![(at(20), deck("2")), (at(10), deck("1")), (at(20), deck("3"))]);
        let version = |micros| schedule.at(at(micros)).map(|deck| deck.version().to_string());
        let expected = [(9, None), (10, Some("1")), (19, Some("1")), (20, Some("3")), (i64::MAX, Some("3"))];
        for (micros, expected) in expected {
            assert_eq!(version(micros).as_deref(), expected, "at {micros}");
        }
        assert!(Schedule::default().at(at(0)).is_none());
        assert!(Schedule::always(deck("1")).at(at(i64::MIN)).is_some());
    }
}
