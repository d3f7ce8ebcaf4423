//! What calls cost, as the store has it: decks made of their rows, each once, and by whom each is used from when on.
//!
//! Looking a price up is `rating`'s.

use domain::Wall;
use rating::{Deck, Schedule};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{DeckId, Everything};

/// Every deck that is in force or to come.
pub(super) struct Decks(BTreeMap<DeckId, Arc<Deck>>);

impl Decks {
    /// Makes them. A deck with a row that no import lets in is left out, and said to be.
    pub(super) fn read(everything: &Everything, faults: &mut Vec<String>) -> Decks {
        let mut decks = BTreeMap::new();
        for (_, deck, rows) in &everything.decks {
            if decks.contains_key(&deck.id) {
                continue;
            }
            match deck.with_rows(rows) {
                Ok(read) => _ = decks.insert(deck.id, Arc::new(read)),
                Err(fault) => faults.push(format!("deck {}: {fault}; it was left out", deck.name)),
            }
        }
        Decks(decks)
    }

    /// These versions, each from its instant on.
    pub(super) fn schedule(&self, versions: &[(Wall, &store::Deck)]) -> Schedule {
        let known = versions.iter().filter_map(|(from, deck)| Some((*from, Arc::clone(self.0.get(&deck.id)?))));
        Schedule::new(known.collect())
    }
}
