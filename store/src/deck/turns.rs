//! When which version of a deck is in force. Of the versions of one name it is the one whose turn began last; a turn that is still to come
//! begins by itself. Turns that have begun stay for ever.
//!
//! Which company is charged by which name is in `snapshot`.

use super::shadow::is_shadow;
use super::{COLUMNS, Deck, DeckId, from_row, get};
use crate::{Error, Result, Signed, Store};
use domain::Wall;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// A version is in force from an instant on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// From when on, until the next turn of the name begins.
    pub from: Wall,
    /// When that was ordered.
    pub ordered_at: Wall,
    /// By whom.
    pub ordered_by: String,
}

/// A version with its turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeckInTime {
    /// Which.
    pub deck: Deck,
    /// Its turns, in the order in which they were ordered.
    pub turns: Vec<Turn>,
    /// Whether it is the one of its name that is in force.
    pub is_in_force: bool,
}

/// The turns of a name that matter from an instant on: the one that is in force then, and those that are still to come; ascending.
pub(crate) fn from(connection: &Connection, at: Wall) -> Result<Vec<(Wall, Deck)>> {
    let columns = COLUMNS.replace("id, ", "decks.id, ");
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {columns}, from_us FROM decks JOIN deck_turns ON deck_turns.deck = decks.id
         ORDER BY name, from_us, deck_turns.id"
    ))?;
    let turn = |row: &rusqlite::Row<'_>| Ok((Wall::from_unix_micros(row.get(8)?), from_row(row)?));
    let mut turns: Vec<(Wall, Deck)> = Vec::new();
    for turn in statement.query_map([], turn)? {
        let (from, deck) = turn?;
        // Of one name's turns that have begun, or begin together, the last counts.
        let is_over = |(before, other): &(Wall, Deck)| other.name == deck.name && (from <= at || *before == from);
        if turns.last().is_some_and(is_over) {
            turns.pop();
        }
        turns.push((from, deck));
    }
    Ok(turns)
}

/// The turns of each version.
fn all(connection: &Connection) -> Result<BTreeMap<DeckId, Vec<Turn>>> {
    let mut statement =
        connection.prepare_cached("SELECT deck, from_us, ordered_us, ordered_by FROM deck_turns ORDER BY id")?;
    let mut turns = BTreeMap::<DeckId, Vec<Turn>>::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (from, ordered_at) = (Wall::from_unix_micros(row.get(1)?), Wall::from_unix_micros(row.get(2)?));
        turns.entry(DeckId(row.get(0)?)).or_default().push(Turn { from, ordered_at, ordered_by: row.get(3)? });
    }
    Ok(turns)
}

/// The version of a name that is in force at an instant.
fn in_force(connection: &Connection, name: &str, at: Wall) -> Result<Option<DeckId>> {
    let mut statement = connection.prepare_cached(
        "SELECT deck FROM deck_turns JOIN decks ON deck_turns.deck = decks.id
         WHERE name = ?1 AND from_us <= ?2 ORDER BY from_us DESC, deck_turns.id DESC LIMIT 1",
    )?;
    let mut rows = statement.query(params![name, at.as_unix_micros()])?;
    Ok(rows.next()?.map(|row| row.get(0).map(DeckId)).transpose()?)
}

fn with_turns(connection: &Connection, deck: Deck, turns: Vec<Turn>, at: Wall) -> Result<DeckInTime> {
    let is_in_force = in_force(connection, &deck.name, at)? == Some(deck.id);
    Ok(DeckInTime { deck, turns, is_in_force })
}

fn one(connection: &Connection, id: DeckId, at: Wall) -> Result<DeckInTime> {
    let turns = all(connection)?.remove(&id).unwrap_or_default();
    with_turns(connection, get(connection, id)?, turns, at)
}

impl Store {
    /// Puts a version in force from an instant on, instead of the one of the same name that would be; at once where none is given. A turn
    /// of it that was still to come is forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for an instant that has passed: calls were charged by what was in force then.
    pub fn activate_deck(&self, id: DeckId, from: Option<Wall>, signed: Signed<'_>) -> Result<DeckInTime> {
        let from = from.unwrap_or(signed.at);
        if from < signed.at {
            let problem = format!("{from} has passed: expected an instant that is still to come, or none for at once");
            return Err(Error::invalid("from", problem));
        }
        self.change(signed, "deck_activated", id, &format!("from {from}"), |transaction| {
            get(transaction, id)?;
            forget_coming(transaction, id, signed.at)?;
            transaction.execute(
                "INSERT INTO deck_turns (deck, from_us, ordered_us, ordered_by) VALUES (?1, ?2, ?3, ?4)",
                params![id.0, from.as_unix_micros(), signed.at.as_unix_micros(), signed.by],
            )?;
            one(transaction, id, signed.at)
        })
    }

    /// Takes back that a version is to come into force.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] where nothing of it is still to come.
    pub fn withdraw_deck(&self, id: DeckId, signed: Signed<'_>) -> Result<DeckInTime> {
        self.change(signed, "deck_withdrawn", id, "", |transaction| {
            get(transaction, id)?;
            if forget_coming(transaction, id, signed.at)? == 0 {
                let problem = "expected a version that is still to come into force; put another one in force instead";
                return Err(Error::invalid("id", problem.to_owned()));
            }
            one(transaction, id, signed.at)
        })
    }

    /// Removes a version by which no call can have been charged.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InUse`] where it is in force or was.
    pub fn delete_deck(&self, id: DeckId, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "deck_deleted", id, "", |transaction| {
            let DeckInTime { turns, is_in_force, .. } = one(transaction, id, signed.at)?;
            let by = if is_in_force {
                "it is in force; activate another version of it first"
            } else {
                "it was in force, and proves what calls were charged"
            };
            if turns.iter().any(|turn| turn.from <= signed.at) {
                return Err(Error::InUse { what: "deck", id: id.to_string(), by: by.to_owned() });
            }
            if is_shadow(transaction, id)? {
                let by = "it is the shadow of a deck, or was; reports are made by it".to_owned();
                return Err(Error::InUse { what: "deck", id: id.to_string(), by });
            }
            transaction.execute("DELETE FROM decks WHERE id = ?1", [id.0])?;
            Ok(())
        })
    }

    /// One version of a deck, as it stands at an instant.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn deck(&self, id: DeckId, at: Wall) -> Result<DeckInTime> {
        self.read(|connection| one(connection, id, at))
    }

    /// Every version of every deck, by name, newest version first, as they stand at an instant.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn decks(&self, at: Wall) -> Result<Vec<DeckInTime>> {
        self.read(|connection| {
            let mut turns = all(connection)?;
            let mut statement =
                connection.prepare_cached(&format!("SELECT {COLUMNS} FROM decks ORDER BY name, version DESC"))?;
            let decks: Vec<Deck> = statement.query_map([], from_row)?.collect::<rusqlite::Result<_>>()?;
            let known = decks.into_iter().map(|deck| {
                let turns = turns.remove(&deck.id).unwrap_or_default();
                with_turns(connection, deck, turns, at)
            });
            known.collect()
        })
    }

    /// The version that call records name so ([`Deck::label`]); none where there is no such.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn deck_labelled(&self, label: &str) -> Result<Option<Deck>> {
        let Some((name, version)) = label.rsplit_once(' ') else { return Ok(None) };
        let Ok(version) = version.parse::<u32>() else { return Ok(None) };
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {COLUMNS} FROM decks WHERE name = ?1 AND version = ?2"))?;
            let mut rows = statement.query(params![name, version])?;
            Ok(rows.next()?.map(from_row).transpose()?)
        })
    }
}

/// How many turns of it were still to come.
fn forget_coming(connection: &Connection, id: DeckId, at: Wall) -> Result<usize> {
    let sql = "DELETE FROM deck_turns WHERE deck = ?1 AND from_us > ?2";
    Ok(connection.execute(sql, params![id.0, at.as_unix_micros()])?)
}
