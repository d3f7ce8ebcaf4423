//! Rate decks: imported from CSV as versions of a name, put in force, removed; by operators.
//!
//! What a row means is `rating`'s; asking for a price is in [`crate::rate`].

use crate::caller::Caller;
use crate::error::{Error, FieldFault, Result};
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::text::Text;
use domain::Currency;
use rating::tariff::SCALE_DEFAULT;
use serde::{Deserialize, Serialize};
use store::{DeckId, DeckRow};
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
    /// RFC 3339.
    pub created_at: String,
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

fn show(deck: store::Deck) -> Deck {
    Deck {
        id: deck.id.to_string(),
        name: deck.name,
        currency: deck.currency.to_string(),
        version: deck.version,
        active: deck.active,
        rows: deck.row_count,
        created_at: deck.created_at.to_string(),
    }
}

/// A store's row keeps no scale, so only the default can be imported.
fn row(rate: &rating::Rate) -> Result<DeckRow> {
    let terms = rate.tariff.terms();
    if terms.scale != SCALE_DEFAULT {
        let detail = format!(
            "prefix {}: scale {} cannot be imported: expected {SCALE_DEFAULT}, or no such column",
            rate.prefix, terms.scale
        );
        return Err(Error::Invalid(vec![FieldFault::new("/csv", detail)]));
    }
    Ok(DeckRow {
        prefix: rate.prefix,
        destination: rate.destination.to_string(),
        rate: terms.rate_per_minute,
        fee: terms.connection_fee,
        minimum_s: terms.minimum_s,
        increment_s: terms.increment_s,
        rounding: terms.rounding.to_string(),
    })
}

fn rows(new: &NewDeck) -> Result<Vec<DeckRow>> {
    let deck = rating::Deck::parse_csv(new.csv.as_bytes(), new.currency.0, &new.name).map_err(Error::DeckFaulty)?;
    deck.rates().iter().map(row).collect()
}

impl Office {
    /// Imports a deck, whole or not at all.
    ///
    /// # Errors
    /// Operators only; [`Error::DeckFaulty`] with every fault by line; [`Error::Invalid`], [`Error::Conflict`] (another currency
    /// than the name's).
    pub fn import_deck(&self, caller: &Caller, new: &NewDeck) -> Result<Deck> {
        caller.operator("import decks")?;
        let rows = rows(new)?;
        let wanted = store::NewDeck { name: new.name.clone(), currency: new.currency.0 };
        Ok(show(self.store().import_deck(&wanted, rows, |_| {}, self.signed(caller))?))
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

    /// Puts a version in force instead of the one of the same name that was; new calls are charged by it at once.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn activate_deck(&self, caller: &Caller, id: DeckId) -> Result<Deck> {
        caller.operator("put decks in force")?;
        let deck = self.store().activate_deck(id, self.signed(caller))?;
        self.reload()?;
        Ok(show(deck))
    }

    /// Removes a version that is not in force.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::InUse`].
    pub fn delete_deck(&self, caller: &Caller, id: DeckId) -> Result<()> {
        caller.operator("remove decks")?;
        Ok(self.store().delete_deck(id, self.signed(caller))?)
    }

    /// One version.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn deck(&self, caller: &Caller, id: DeckId) -> Result<Deck> {
        caller.operator("see decks")?;
        Ok(show(self.store().deck(id)?))
    }

    /// Every version of every deck, oldest first.
    ///
    /// # Errors
    /// Operators only; [`Error::Invalid`] (cursor).
    pub fn decks(&self, caller: &Caller, ask: &PageAsk) -> Result<Page<Deck>> {
        caller.operator("see decks")?;
        Page::of_sorted(self.store().decks()?, ask, |deck| deck.id, |deck| Ok(show(deck)))
    }
}
