//! Rate decks: versions of price lists, kept exactly as they were imported, for as long as a call may have been charged by them.
//!
//! When which version is in force is in [`turns`], what its content is called in [`content`]. What a price means does not live here:
//! `rating` reads files and computes; here rows are kept and given back.

pub(crate) mod content;
pub(crate) mod shadow;
pub(crate) mod turns;

use crate::column::parsed;
use crate::{Error, Result, Signed, Store, checks};
use domain::{Currency, Prefix, Wall};
use rating::tariff::SCALE_MAX;
use rating::{Rate, Rounding, Tariff, Terms};
use rusqlite::{Connection, OptionalExtension, Row, params};
use rust_decimal::Decimal;
use std::fmt;
use std::str::FromStr;

pub(crate) use content::name_contents;

/// Rows of a deck at most.
pub const ROWS_MAX: u64 = 2_000_000;
/// Progress is told after so many rows.
const PROGRESS_EVERY: u64 = 5_000;

/// One version of a deck: `deck_12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeckId(i64);

/// Why a text names no deck.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a deck: expected \"deck_\" and a number, such as deck_12")]
pub struct NotADeck(pub String);

impl fmt::Display for DeckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deck_{}", self.0)
    }
}

impl FromStr for DeckId {
    type Err = NotADeck;
    fn from_str(text: &str) -> std::result::Result<Self, NotADeck> {
        let digits = text.strip_prefix("deck_").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(DeckId).ok_or_else(|| NotADeck(text.chars().take(64).collect()))
    }
}

/// A version of a deck, without its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deck {
    /// Which.
    pub id: DeckId,
    /// What all its versions are called.
    pub name: String,
    /// Of all its prices.
    pub currency: Currency,
    /// Counted from 1 within the name.
    pub version: u32,
    /// How many rows it has.
    pub row_count: u64,
    /// When it was imported.
    pub created_at: Wall,
    /// By whom.
    pub imported_by: String,
    /// SHA-256 of what was imported, 64 hexadecimal digits: [`Store::deck_content`] says the same for as long as nobody changes a row.
    pub content: String,
}

impl Deck {
    /// As call records and quotes name it: `standard 3`.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// The deck that calls are rated by, made of these rows.
    ///
    /// # Errors
    /// A sentence where a row is none that an import lets in.
    pub fn with_rows(&self, rows: &[DeckRow]) -> std::result::Result<rating::Deck, String> {
        let rates = rows.iter().map(|row| row.rate(self.currency)).collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(rating::Deck::from_rates(rates, self.currency, self.label()))
    }
}

/// A deck to be imported; it becomes the next version of its name, not yet active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDeck {
    /// What all its versions are called.
    pub name: String,
    /// Of all its prices; every version of a name has the same.
    pub currency: Currency,
}

/// One row of a deck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeckRow {
    /// The numbers that it is for; unique within the deck.
    pub prefix: Prefix,
    /// For people.
    pub destination: String,
    /// Price a minute; keeps the digits that the deck wrote.
    pub rate: Decimal,
    /// Connection fee (R4).
    pub fee: Decimal,
    /// Seconds billed at least (R1).
    pub minimum_s: u32,
    /// Seconds billed at a time after that (R1); at least 1.
    pub increment_s: u32,
    /// How the whole call is rounded (R6), as `rating` writes and reads it.
    pub rounding: String,
    /// Decimal places that it is rounded to (R6).
    pub scale: u32,
}

impl DeckRow {
    /// A row as it was kept; the import has checked it.
    fn rate(&self, currency: Currency) -> std::result::Result<Rate, String> {
        let wrong = |fault: &dyn fmt::Display| format!("prefix {}: {fault}", self.prefix);
        let terms = Terms {
            rate_per_minute: self.rate,
            connection_fee: self.fee,
            currency,
            minimum_s: self.minimum_s,
            increment_s: self.increment_s,
            rounding: self.rounding.parse::<Rounding>().map_err(|fault| wrong(&fault))?,
            scale: self.scale,
        };
        let tariff = Tariff::new(terms).map_err(|fault| wrong(&fault))?;
        Ok(Rate { prefix: self.prefix, destination: self.destination.as_str().into(), tariff })
    }
}

const COLUMNS: &str = "id, name, currency, version, row_count, created_us, imported_by, coalesce(content, '')";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Deck> {
    Ok(Deck {
        id: DeckId(row.get(0)?),
        name: row.get(1)?,
        currency: parsed(row, 2)?,
        version: row.get(3)?,
        row_count: row.get::<_, i64>(4)?.unsigned_abs(),
        created_at: Wall::from_unix_micros(row.get(5)?),
        imported_by: row.get(6)?,
        content: row.get(7)?,
    })
}

fn deck_row(row: &Row<'_>) -> rusqlite::Result<DeckRow> {
    Ok(DeckRow {
        prefix: parsed(row, 0)?,
        destination: row.get(1)?,
        rate: parsed(row, 2)?,
        fee: parsed(row, 3)?,
        minimum_s: row.get(4)?,
        increment_s: row.get(5)?,
        rounding: row.get(6)?,
        scale: row.get(7)?,
    })
}

fn get(connection: &Connection, id: DeckId) -> Result<Deck> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM decks WHERE id = ?1"))?
        .query_row([id.0], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("deck", id))
}

pub(crate) fn rows(connection: &Connection, id: DeckId) -> Result<Vec<DeckRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT prefix, destination, rate, fee, minimum_s, increment_s, rounding, scale FROM deck_rows WHERE deck = ?1 ORDER BY prefix",
    )?;
    let rows = statement.query_map([id.0], deck_row)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

impl Store {
    /// Imports a deck in one transaction, calling `progress` with the number of rows written, every 5,000 and at the end.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] (a prefix that stands twice, another currency than the name's); nothing is
    /// written then.
    pub fn import_deck(
        &self,
        new: &NewDeck,
        rows: impl IntoIterator<Item = DeckRow>,
        mut progress: impl FnMut(u64),
        signed: Signed<'_>,
    ) -> Result<Deck> {
        checks::name("name", &new.name)?;
        self.change(signed, "deck_imported", &new.name, new.currency.as_str(), |transaction| {
            let mut deck = next_version(transaction, new, signed)?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO deck_rows (deck, prefix, destination, rate, fee, minimum_s, increment_s, rounding, scale)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            for row in rows {
                check_row(&row)?;
                if deck.row_count == ROWS_MAX {
                    return Err(Error::invalid("rows", format!("expected at most {ROWS_MAX}")));
                }
                let prefix = row.prefix.to_string();
                let inserted = insert.execute(params![
                    deck.id.0,
                    prefix,
                    row.destination,
                    row.rate.to_string(),
                    row.fee.to_string(),
                    row.minimum_s,
                    row.increment_s,
                    row.rounding,
                    row.scale
                ]);
                match inserted {
                    Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                        return Err(twice(transaction, deck.id, &prefix)?);
                    }
                    inserted => inserted?,
                };
                deck.row_count += 1;
                if deck.row_count.is_multiple_of(PROGRESS_EVERY) {
                    progress(deck.row_count);
                }
            }
            if !deck.row_count.is_multiple_of(PROGRESS_EVERY) || deck.row_count == 0 {
                progress(deck.row_count);
            }
            deck.content = content::of(transaction, &deck)?;
            transaction.execute(
                "UPDATE decks SET row_count = ?2, content = ?3 WHERE id = ?1",
                params![deck.id.0, deck.row_count as i64, deck.content],
            )?;
            Ok(deck)
        })
    }

    /// The rows of a deck, in order of prefix.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn deck_rows(&self, id: DeckId) -> Result<Vec<DeckRow>> {
        self.read(|connection| {
            get(connection, id)?;
            rows(connection, id)
        })
    }
}

fn next_version(connection: &Connection, new: &NewDeck, signed: Signed<'_>) -> Result<Deck> {
    let newest: Option<Deck> = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM decks WHERE name = ?1 ORDER BY version DESC LIMIT 1"))?
        .query_row([&new.name], from_row)
        .optional()?;
    if let Some(newest) = newest.as_ref().filter(|newest| newest.currency != new.currency) {
        let other = format!("{} ({}, in {})", newest.id, newest.name, newest.currency);
        return Err(Error::Conflict { what: "deck name", value: new.name.clone(), other });
    }
    let version = newest.map_or(1, |newest| newest.version + 1);
    connection.execute(
        "INSERT INTO decks (name, currency, version, row_count, created_us, imported_by) VALUES (?1, ?2, ?3, 0, ?4, ?5)",
        params![new.name, new.currency.as_str(), version, signed.at.as_unix_micros(), signed.by],
    )?;
    let id = DeckId(connection.last_insert_rowid());
    Ok(Deck {
        id,
        name: new.name.clone(),
        currency: new.currency,
        version,
        row_count: 0,
        created_at: signed.at,
        imported_by: signed.by.to_owned(),
        content: String::new(),
    })
}

fn check_row(row: &DeckRow) -> Result<()> {
    let refused = |what: &str| Err(Error::invalid("rows", format!("prefix {}: {what}", row.prefix)));
    if row.destination.chars().count() > checks::NAME_CHARS_MAX {
        return refused("the destination has more than 100 characters");
    }
    if row.rate.is_sign_negative() && !row.rate.is_zero() || row.fee.is_sign_negative() && !row.fee.is_zero() {
        return refused("a price is below zero: expected 0 or more");
    }
    if row.increment_s == 0 {
        return refused("increment 0: expected at least 1 second");
    }
    if row.scale > SCALE_MAX {
        return refused("the scale is finer than 6 decimals");
    }
    if row.rounding.len() > 16 {
        return refused("the rounding has more than 16 characters");
    }
    Ok(())
}

fn twice(connection: &Connection, deck: DeckId, prefix: &str) -> Result<Error> {
    let destination: String = connection
        .prepare_cached("SELECT destination FROM deck_rows WHERE deck = ?1 AND prefix = ?2")?
        .query_row(params![deck.0, prefix], |row| row.get(0))?;
    Ok(Error::Conflict { what: "prefix", value: prefix.to_owned(), other: format!("an earlier row ({destination})") })
}
