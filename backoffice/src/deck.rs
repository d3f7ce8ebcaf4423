//! Rate decks: imported from CSV as versions of a name, put in force now or from an instant on; by operators.
//!
//! Their rows, and what differs between two versions, are in [`rows`]; decks that are rated
//! beside others, in [`shadow`]; what a row means is `rating`'s; asking for a price is in
//! [`crate::rate`].

pub mod rows;
pub mod shadow;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::text::{Instant, Text};
use domain::{Currency, Wall};
use serde::{Deserialize, Serialize};
use store::{DeckId, DeckRow, Signed};
use utoipa::ToSchema;

/// A deck to be imported; it becomes the next version of its name, not yet in force.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeck {
    /// What all its versions are called, 1 to 100 characters.
    #[schema(example = "standard")]
    pub name: String,
    /// ISO 4217 code of all its prices; every version of a name has the same.
    #[schema(value_type = String, example = "USD")]
    pub currency: Text<Currency>,
    /// The file. Its first row names the columns: `prefix`, `destination`, `rate_per_minute`, and where wanted `connection_fee`,
    /// `minimum_s`, `increment_s`, `rounding`.
    #[schema(example = "prefix,destination,rate_per_minute\n1,United States,0.008\n")]
    pub csv: String,
    /// RFC 3339: from when on it is in force; it comes into force by itself. Where nothing is said, when it is activated.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "2026-12-01T00:00:00Z")]
    pub effective_from: Option<Text<Instant>>,
}

/// Whether calls are charged by a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeckState {
    /// It is imported, and nothing more.
    Imported,
    /// It will be in force by itself.
    Upcoming,
    /// New calls are charged by it.
    InForce,
    /// It was in force: calls that began then are charged by it, and proven.
    Former,
}

/// A time of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeckTurn {
    /// From when on it is in force, until another version is; RFC 3339, as all instants here.
    pub from: String,
    /// When that was ordered.
    pub ordered_at: String,
    /// By whom.
    pub ordered_by: String,
}

/// A version of a deck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deck {
    /// Which.
    #[schema(example = "deck_12")]
    pub id: String,
    /// What all its versions are called.
    pub name: String,
    /// Of all its prices.
    pub currency: String,
    /// Counted from 1 within the name.
    pub version: u32,
    /// Whether it is in force; at most one of a name is.
    pub active: bool,
    /// How many prefixes it has.
    pub rows: u64,
    /// When it was imported; RFC 3339.
    pub created_at: String,
    /// By whom.
    pub imported_by: String,
    /// Whether calls are charged by it.
    pub state: DeckState,
    /// When its next turn begins, or else when its last one began; null where it never was in force and is not to be.
    pub effective_from: Option<String>,
    /// Every turn of it, in the order in which they were ordered.
    pub turns: Vec<DeckTurn>,
    /// SHA-256 of what was imported: the same content has the same.
    pub content: String,
}

/// A file that could be imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckedDeck {
    /// The deck that it would be the next version of.
    pub name: String,
    /// Of all its prices.
    pub currency: String,
    /// How many prefixes it has.
    pub rows: u64,
}

fn show(known: store::DeckInTime, now: Wall) -> Deck {
    let store::DeckInTime { deck, turns, is_in_force } = known;
    let coming = turns.iter().map(|turn| turn.from).filter(|from| *from > now).min();
    let state = match (is_in_force, coming, turns.is_empty()) {
        (true, _, _) => DeckState::InForce,
        (false, Some(_), _) => DeckState::Upcoming,
        (false, None, false) => DeckState::Former,
        (false, None, true) => DeckState::Imported,
    };
    let last = turns.iter().map(|turn| turn.from).max();
    Deck {
        id: deck.id.to_string(),
        name: deck.name,
        currency: deck.currency.to_string(),
        version: deck.version,
        active: is_in_force,
        rows: deck.row_count,
        created_at: deck.created_at.to_string(),
        imported_by: deck.imported_by,
        state,
        effective_from: coming.or(last).map(|from| from.to_string()),
        turns: turns.into_iter().map(show_turn).collect(),
        content: deck.content,
    }
}

fn show_turn(turn: store::Turn) -> DeckTurn {
    let (from, ordered_at) = (turn.from.to_string(), turn.ordered_at.to_string());
    DeckTurn { from, ordered_at, ordered_by: turn.ordered_by }
}

fn row(rate: &rating::Rate) -> DeckRow {
    let terms = rate.tariff.terms();
    DeckRow {
        prefix: rate.prefix,
        destination: rate.destination.to_string(),
        rate: terms.rate_per_minute,
        fee: terms.connection_fee,
        minimum_s: terms.minimum_s,
        increment_s: terms.increment_s,
        rounding: terms.rounding.to_string(),
        scale: terms.scale,
    }
}

fn rows(new: &NewDeck) -> Result<Vec<DeckRow>> {
    let deck = rating::Deck::parse_csv(new.csv.as_bytes(), new.currency.0, &new.name).map_err(Error::DeckFaulty)?;
    Ok(deck.rates().iter().map(row).collect())
}

impl Office {
    /// Imports a deck, whole or not at all; where an instant is named, it is in force from then on.
    ///
    /// # Errors
    /// Operators only; [`Error::DeckFaulty`] with every fault by line; [`Error::Invalid`] (an instant that has passed),
    /// [`Error::Conflict`] (another currency than the name's).
    pub fn import_deck(&self, caller: &Caller, new: &NewDeck) -> Result<Deck> {
        caller.operator("import decks")?;
        let rows = rows(new)?;
        let signed = self.signed(caller);
        let effective_from = new.effective_from.map(|from| from.0.0);
        if let Some(from) = effective_from.filter(|from| *from < signed.at) {
            return Err(Error::field("/effective_from", format!("{from} has passed: expected an instant to come")));
        }
        let wanted = store::NewDeck { name: new.name.clone(), currency: new.currency.0 };
        let deck = self.store().import_deck(&wanted, rows, |_| {}, signed)?;
        match effective_from {
            Some(from) => self.activate(deck.id, Some(from), signed),
            None => Ok(show(self.store().deck(deck.id, signed.at)?, signed.at)),
        }
    }

    /// Reads a file as [`Office::import_deck`] would, and imports nothing.
    ///
    /// # Errors
    /// Operators only; [`Error::DeckFaulty`] with every fault by line; [`Error::Invalid`].
    pub fn check_deck(&self, caller: &Caller, new: &NewDeck) -> Result<CheckedDeck> {
        caller.operator("import decks")?;
        let rows = rows(new)?.len() as u64;
        Ok(CheckedDeck { name: new.name.clone(), currency: new.currency.0.to_string(), rows })
    }

    /// Puts a version in force instead of the one of the same name that would be: at once, or from an instant on that is still to come.
    /// Calls that are up keep the version that they began with.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::Invalid`] (an instant that has passed).
    pub fn activate_deck(&self, caller: &Caller, id: DeckId, from: Option<Instant>) -> Result<Deck> {
        caller.operator("put decks in force")?;
        self.activate(id, from.map(|from| from.0), self.signed(caller))
    }

    fn activate(&self, id: DeckId, from: Option<Wall>, signed: Signed<'_>) -> Result<Deck> {
        let deck = self.store().activate_deck(id, from, signed)?;
        self.reload()?;
        Ok(show(deck, signed.at))
    }

    /// Takes back that a version is to come into force.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::Invalid`] (nothing of it is to come).
    pub fn withdraw_deck(&self, caller: &Caller, id: DeckId) -> Result<Deck> {
        caller.operator("put decks in force")?;
        let signed = self.signed(caller);
        let deck = self.store().withdraw_deck(id, signed)?;
        self.reload()?;
        Ok(show(deck, signed.at))
    }

    /// Removes a version by which no call can have been charged.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::InUse`] where it is in force or was.
    pub fn delete_deck(&self, caller: &Caller, id: DeckId) -> Result<()> {
        caller.operator("remove decks")?;
        self.store().delete_deck(id, self.signed(caller))?;
        self.reload()
    }

    /// One version.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn deck(&self, caller: &Caller, id: DeckId) -> Result<Deck> {
        caller.operator("see decks")?;
        let now = self.wall();
        Ok(show(self.store().deck(id, now)?, now))
    }

    /// Every version of every deck, oldest first.
    ///
    /// # Errors
    /// Operators only; [`Error::Invalid`] (cursor).
    pub fn decks(&self, caller: &Caller, ask: &PageAsk) -> Result<Page<Deck>> {
        caller.operator("see decks")?;
        let now = self.wall();
        Page::of_sorted(self.store().decks(now)?, ask, |known| known.deck.id, |known| Ok(show(known, now)))
    }
}
