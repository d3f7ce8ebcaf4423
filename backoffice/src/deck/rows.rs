//! The rows of a version of a deck, page by page, and what differs between two versions.
//!
//! When a version is in force does not live here.

use crate::caller::Caller;
use crate::error::Result;
use crate::office::Office;
use crate::page::{Page, PageAsk};
use domain::{Micros, Prefix};
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;
use store::DeckId;
use utoipa::ToSchema;

/// Rows at most of one answer about differences; the counts tell of all.
pub const DIFFERENCES_MAX: usize = 1_000;

/// A row of a deck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeckRow {
    /// The numbers that it is for, where no longer prefix of the deck is.
    #[schema(example = "372")]
    pub prefix: String,
    /// For people.
    pub destination: String,
    /// Price of a minute.
    #[schema(example = "0.02")]
    pub rate_per_minute: String,
    /// Owed once by every answered call.
    pub connection_fee: String,
    /// Seconds charged at least.
    pub minimum_s: u32,
    /// Seconds charged at a time after that.
    pub increment_s: u32,
    /// How the whole call is rounded: `up` or `half_up`.
    pub rounding: String,
    /// Decimal places that it is rounded to.
    pub scale: u32,
}

/// A row that is another one in the newer version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedRow {
    /// As it was.
    pub before: DeckRow,
    /// As it is.
    pub after: DeckRow,
}

/// What differs between two versions, in order of prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeckDifference {
    /// The older side.
    pub before: String,
    /// The newer side.
    pub after: String,
    /// Rows that only the newer side has.
    pub added: Vec<DeckRow>,
    /// Rows that only the older side has.
    pub removed: Vec<DeckRow>,
    /// Rows of which anything differs.
    pub changed: Vec<ChangedRow>,
    /// How many rows were added, removed and changed; of each kind the first 1000 are listed.
    #[schema(value_type = Vec<u64>)]
    pub counts: (u64, u64, u64),
}

/// As amounts are written; what is finer than a millionth, which no import lets in, as it stands there.
fn price(value: Decimal) -> String {
    Micros::from_decimal(value).map_or_else(|| value.to_string(), |micros| micros.to_string())
}

fn show(row: store::DeckRow) -> DeckRow {
    DeckRow {
        prefix: row.prefix.to_string(),
        destination: row.destination,
        rate_per_minute: price(row.rate),
        connection_fee: price(row.fee),
        minimum_s: row.minimum_s,
        increment_s: row.increment_s,
        rounding: row.rounding,
        scale: row.scale,
    }
}

impl Office {
    /// The rows of a version, in order of prefix.
    ///
    /// # Errors
    /// Operators only; [`crate::Error::NotFound`], [`crate::Error::Invalid`] (cursor).
    pub fn deck_rows(&self, caller: &Caller, id: DeckId, ask: &PageAsk) -> Result<Page<DeckRow>> {
        caller.operator("see decks")?;
        Page::of_sorted(self.store().deck_rows(id)?, ask, |row| row.prefix, |row| Ok(show(row)))
    }

    /// What differs in `after` from `before`; two versions of one name, or two decks.
    ///
    /// # Errors
    /// Operators only; [`crate::Error::NotFound`].
    pub fn deck_difference(&self, caller: &Caller, before: DeckId, after: DeckId) -> Result<DeckDifference> {
        caller.operator("see decks")?;
        let (old, new) = (self.store().deck_rows(before)?, self.store().deck_rows(after)?);
        let mut old: BTreeMap<Prefix, store::DeckRow> = old.into_iter().map(|row| (row.prefix, row)).collect();
        let (mut added, mut changed) = (Vec::new(), Vec::new());
        for row in new {
            match old.remove(&row.prefix) {
                None => added.push(row),
                Some(was) if was != row => changed.push((was, row)),
                Some(_) => {}
            }
        }
        let counts = (added.len() as u64, old.len() as u64, changed.len() as u64);
        let changed = changed.into_iter().take(DIFFERENCES_MAX);
        Ok(DeckDifference {
            before: before.to_string(),
            after: after.to_string(),
            added: added.into_iter().take(DIFFERENCES_MAX).map(show).collect(),
            removed: old.into_values().take(DIFFERENCES_MAX).map(show).collect(),
            changed: changed.map(|(before, after)| ChangedRow { before: show(before), after: show(after) }).collect(),
            counts,
        })
    }
}
