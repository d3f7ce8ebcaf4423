//! Which version of a deck is the shadow of another deck: calls that are charged by the one are rated by the other too, for comparison.
//!
//! What a call costs by either is `rating`'s. No call is charged by a shadow, so it is no configuration of calls.

use super::{Deck, DeckId, get};
use crate::{Error, Result, Signed, Store, audit};
use domain::Wall;
use rusqlite::{OptionalExtension, params};

/// A shadow, from an instant on, until the next one of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The deck whose calls have it, by name.
    pub of: String,
    /// The version that they are rated by too; none where they have no shadow any more.
    pub shadow: Option<Deck>,
    /// From when on.
    pub from: Wall,
    /// By whom.
    pub by: String,
}

impl Store {
    /// From now on, calls that are charged by the deck of this name are rated by a version too; by none any more where none is given.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a name without a deck, or a version in another currency.
    pub fn set_deck_shadow(&self, of: &str, shadow: Option<DeckId>, signed: Signed<'_>) -> Result<()> {
        self.write(|transaction| {
            let currency: Option<String> = transaction
                .prepare_cached("SELECT currency FROM decks WHERE name = ?1 LIMIT 1")?
                .query_row([of], |row| row.get(0))
                .optional()?;
            let known = currency.ok_or_else(|| Error::invalid("of", format!("there is no deck \"{of}\"")))?;
            let label = match shadow {
                Some(id) => {
                    let deck = get(transaction, id)?;
                    if deck.currency.as_str() != known {
                        let problem = format!("{} is in {}: expected a deck in {known}", deck.label(), deck.currency);
                        return Err(Error::invalid("of", problem));
                    }
                    deck.label()
                }
                None => "none".to_owned(),
            };
            transaction.execute(
                "INSERT INTO deck_shadows (of_name, shadow, from_us, ordered_by) VALUES (?1, ?2, ?3, ?4)",
                params![of, shadow.map(|id| id.0), signed.at.as_unix_micros(), signed.by],
            )?;
            audit::write(transaction, signed, "deck_shadow_set", of, &label)
        })
    }

    /// Every shadow that there ever was, in the order in which they were ordered.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn deck_shadows(&self) -> Result<Vec<Shadow>> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT of_name, shadow, from_us, ordered_by FROM deck_shadows ORDER BY id")?;
            let rows = statement.query_map([], |row| {
                let shadow: Option<i64> = row.get(1)?;
                Ok((row.get::<_, String>(0)?, shadow.map(DeckId), row.get::<_, i64>(2)?, row.get::<_, String>(3)?))
            })?;
            let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
            let with_deck = |(of, shadow, from, by): (String, Option<DeckId>, i64, String)| {
                let shadow = shadow.map(|id| get(connection, id)).transpose()?;
                Ok(Shadow { of, shadow, from: Wall::from_unix_micros(from), by })
            };
            rows.into_iter().map(with_deck).collect()
        })
    }
}

/// Whether a version is a shadow, or was one.
pub(super) fn is_shadow(connection: &rusqlite::Connection, id: DeckId) -> Result<bool> {
    let found = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM deck_shadows WHERE shadow = ?1)")?
        .query_row([id.0], |row| row.get(0))?;
    Ok(found)
}
