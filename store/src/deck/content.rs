//! What the content of a deck is called: a SHA-256 over its rows, taken at its import. Whoever changes a row in the database later does
//! not change that name, so `tandem ledger verify --month` finds it.
//!
//! The text that is hashed: `name`, tab, `currency`, newline; then for each row in order of prefix its prefix, destination, rate, fee,
//! minimum, increment, rounding and scale, with tabs between and a newline behind. A deck's texts have neither.

use super::{COLUMNS, Deck, DeckId, from_row, get, rows};
use crate::{Result, Store};
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The name of what the rows say now.
pub(super) fn of(connection: &Connection, deck: &Deck) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut text = format!("{}\t{}\n", deck.name, deck.currency);
    for row in rows(connection, deck.id)? {
        let (prefix, destination, rate, fee) = (row.prefix, &row.destination, row.rate, row.fee);
        let (minimum_s, increment_s, rounding, scale) = (row.minimum_s, row.increment_s, &row.rounding, row.scale);
        // Writing to memory does not fail.
        let _ =
            writeln!(text, "{prefix}\t{destination}\t{rate}\t{fee}\t{minimum_s}\t{increment_s}\t{rounding}\t{scale}");
        hasher.update(text.as_bytes());
        text.clear();
    }
    hasher.update(text.as_bytes());
    let mut digits = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(digits)
}

/// Names the contents of decks that were imported before contents had names.
pub(crate) fn name_contents(connection: &Connection) -> Result<()> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM decks WHERE content IS NULL"))?;
    let nameless: Vec<Deck> = statement.query_map([], from_row)?.collect::<rusqlite::Result<_>>()?;
    for deck in nameless {
        let content = of(connection, &deck)?;
        connection.execute("UPDATE decks SET content = ?2 WHERE id = ?1", params![deck.id.0, content])?;
    }
    Ok(())
}

impl Store {
    /// The SHA-256 of what a deck's rows say now; another one than [`Deck::content`] where somebody changed a row in the database.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn deck_content(&self, id: DeckId) -> Result<String> {
        self.read(|connection| of(connection, &get(connection, id)?))
    }
}
