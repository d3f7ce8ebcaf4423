//! The landline book of a company (L4): numbers of its own elsewhere that its calls may show once it has proven to have them; and
//! whether the company itself is verified, without which none of them is shown (A7).
//!
//! | State | Until |
//! |---|---|
//! | pending | the PIN, which somebody of ours tells over that very line, is said back: verified; or said wrongly too often: locked |
//! | locked | a new PIN is asked for: pending |
//! | verified, vouched | it is removed; a vouched one an operator answers for |
//!
//! Calling the line is done by a person; what calls show is `switch`'s.

use crate::column::{parsed, unreadable};
use crate::{Error, Result, Signed, Store, company};
use domain::{CompanyId, E164, LandlineId, Wall};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

/// Digits of a PIN.
pub const PIN_DIGITS: usize = 6;
/// How long a PIN is good.
pub const PIN_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// Wrong PINs until a landline is locked: with six digits one guess in 200,000 gets through.
pub const TRIES_MAX: u8 = 5;
/// Landlines of a company at most.
pub const LANDLINES_MAX: u32 = 1_000;

/// How far a landline has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LandlineState {
    /// Its PIN is to be said.
    Pending,
    /// The company has it.
    Verified,
    /// The PIN was said wrongly too often.
    Locked,
    /// An operator answers for it.
    Vouched,
}

impl LandlineState {
    const ALL: [LandlineState; 4] =
        [LandlineState::Pending, LandlineState::Verified, LandlineState::Locked, LandlineState::Vouched];

    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            LandlineState::Pending => "pending",
            LandlineState::Verified => "verified",
            LandlineState::Locked => "locked",
            LandlineState::Vouched => "vouched",
        }
    }
}

/// Whether a company is verified (A7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verification {
    /// Nobody has asked.
    #[default]
    None,
    /// Somebody of ours is to look.
    Pending,
    /// It is who it says it is.
    Verified,
    /// It is not, or has not shown it.
    Rejected,
}

impl Verification {
    const ALL: [Verification; 4] =
        [Verification::None, Verification::Pending, Verification::Verified, Verification::Rejected];

    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verification::None => "none",
            Verification::Pending => "pending",
            Verification::Verified => "verified",
            Verification::Rejected => "rejected",
        }
    }
}

/// A word in a column that should be one of ours.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not known here")]
struct UnknownWord(String);

/// A landline of a company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landline {
    /// Which.
    pub id: LandlineId,
    /// Whose.
    pub company: CompanyId,
    /// The number; unique in its company.
    pub number: E164,
    /// How far it has come.
    pub state: LandlineState,
    /// The PIN and until when it is good, while it is pending: for operators, who tell it over the line.
    pub pin: Option<(String, Wall)>,
    /// How often a wrong PIN was said.
    pub tries: u8,
    /// When it was added.
    pub created_at: Wall,
}

/// What became of a PIN that was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinSaid {
    /// The right one: the landline is verified.
    Right,
    /// A wrong one; so many more may be said.
    Wrong(u8),
    /// There is no PIN to be said: too late, too often, or already verified.
    NotNow(LandlineState),
}

impl Landline {
    /// Hears a PIN.
    pub fn hear(&mut self, said: &str, now: Wall) -> PinSaid {
        let Some((pin, until)) = &self.pin else { return PinSaid::NotNow(self.state) };
        if self.state != LandlineState::Pending || now >= *until {
            return PinSaid::NotNow(self.state);
        }
        if said == pin {
            (self.state, self.pin) = (LandlineState::Verified, None);
            return PinSaid::Right;
        }
        self.tries += 1;
        if self.tries >= TRIES_MAX {
            (self.state, self.pin) = (LandlineState::Locked, None);
        }
        PinSaid::Wrong(TRIES_MAX.saturating_sub(self.tries))
    }

    /// A new PIN, where there may be one: a verified landline needs none.
    pub fn renew(&mut self, pin: String, now: Wall) -> bool {
        let may = matches!(self.state, LandlineState::Pending | LandlineState::Locked);
        if may {
            (self.state, self.pin, self.tries) = (LandlineState::Pending, Some((pin, now + PIN_LIFE)), 0);
        }
        may
    }
}

const COLUMNS: &str = "id, company, e164, state, pin, pin_until_us, tries, created_us";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Landline> {
    let word = row.get_ref(3)?.as_str()?;
    let state = LandlineState::ALL.into_iter().find(|state| state.as_str() == word);
    let until: Option<i64> = row.get(5)?;
    Ok(Landline {
        id: parsed(row, 0)?,
        company: parsed(row, 1)?,
        number: parsed(row, 2)?,
        state: state.ok_or_else(|| unreadable(3, UnknownWord(word.to_owned())))?,
        pin: row.get::<_, Option<String>>(4)?.zip(until.map(Wall::from_unix_micros)),
        tries: row.get(6)?,
        created_at: Wall::from_unix_micros(row.get(7)?),
    })
}

fn get(connection: &Connection, id: LandlineId) -> Result<Landline> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM landlines WHERE id = ?1"))?
        .query_row([id.to_string()], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("landline", id))
}

pub(crate) fn all(connection: &Connection, company: Option<CompanyId>) -> Result<Vec<Landline>> {
    let filter = if company.is_some() { "company = ?1" } else { "?1 IS NULL" };
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM landlines WHERE {filter} ORDER BY id"))?;
    let rows = statement.query_map([company.map(|company| company.to_string())], from_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn put(connection: &Connection, landline: &Landline) -> Result<()> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO landlines ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET state = ?4, pin = ?5, pin_until_us = ?6, tries = ?7"
        ))?
        .execute(params![
            landline.id.to_string(),
            landline.company.to_string(),
            landline.number.to_string(),
            landline.state.as_str(),
            landline.pin.as_ref().map(|(pin, _)| pin),
            landline.pin.as_ref().map(|(_, until)| until.as_unix_micros()),
            landline.tries,
            landline.created_at.as_unix_micros()
        ])?;
    Ok(())
}

fn of_number(connection: &Connection, company: CompanyId, number: E164) -> Result<Option<Landline>> {
    let found = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM landlines WHERE company = ?1 AND e164 = ?2"))?
        .query_row([company.to_string(), number.to_string()], from_row)
        .optional()?;
    Ok(found)
}

/// Notes that an operator lets a company show a number that is none of its own: he answers for it (L5).
pub(crate) fn vouch(
    connection: &Connection,
    company: CompanyId,
    number: E164,
    id: LandlineId,
    now: Wall,
) -> Result<()> {
    let is_own: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM numbers WHERE company = ?1 AND e164 = ?2)")?
        .query_row([company.to_string(), number.to_string()], |row| row.get(0))?;
    if is_own || of_number(connection, company, number)?.is_some() {
        return Ok(());
    }
    let state = LandlineState::Vouched;
    put(connection, &Landline { id, company, number, state, pin: None, tries: 0, created_at: now })
}

pub(crate) fn verifications(connection: &Connection) -> Result<Vec<(CompanyId, Verification)>> {
    let mut statement = connection.prepare_cached("SELECT company, state FROM verifications ORDER BY company")?;
    let rows = statement.query_map([], |row| Ok((parsed(row, 0)?, verification(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn verification(row: &Row<'_>, index: usize) -> rusqlite::Result<Verification> {
    let word = row.get_ref(index)?.as_str()?;
    let state = Verification::ALL.into_iter().find(|state| state.as_str() == word);
    state.ok_or_else(|| unreadable(index, UnknownWord(word.to_owned())))
}

impl Store {
    /// Adds a landline to a company's book, to be verified by its PIN.
    ///
    /// # Errors
    /// [`Error::NotFound`] (the company), [`Error::Invalid`] (too many), [`Error::Conflict`] (there already).
    pub fn create_landline(&self, landline: &Landline, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "landline_created", landline.id, &landline.number.to_string(), |transaction| {
            company::get(transaction, landline.company)?;
            if let Some(other) = of_number(transaction, landline.company, landline.number)? {
                let value = landline.number.to_string();
                return Err(Error::Conflict { what: "landline", value, other: other.id.to_string() });
            }
            let found: u32 = transaction
                .prepare_cached("SELECT count(*) FROM landlines WHERE company = ?1")?
                .query_row([landline.company.to_string()], |row| row.get(0))?;
            if found >= LANDLINES_MAX {
                return Err(Error::invalid("number", format!("{found} landlines: expected at most {LANDLINES_MAX}")));
            }
            put(transaction, landline)
        })
    }

    /// Changes a landline as `change` says, and returns it as it is now with what `change` found.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn update_landline<T>(
        &self,
        id: LandlineId,
        action: &str,
        signed: Signed<'_>,
        change: impl FnOnce(&mut Landline) -> T,
    ) -> Result<(Landline, T)> {
        self.change(signed, action, id, "", |transaction| {
            let mut landline = get(transaction, id)?;
            let found = change(&mut landline);
            put(transaction, &landline)?;
            Ok((landline, found))
        })
    }

    /// Takes a landline out of its company's book.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete_landline(&self, id: LandlineId, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "landline_deleted", id, "", |transaction| {
            match transaction.execute("DELETE FROM landlines WHERE id = ?1", [id.to_string()])? {
                0 => Err(Error::not_found("landline", id)),
                _ => Ok(()),
            }
        })
    }

    /// One landline.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn landline(&self, id: LandlineId) -> Result<Landline> {
        self.read(|connection| get(connection, id))
    }

    /// The landlines of a company, or all; oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn landlines(&self, company: Option<CompanyId>) -> Result<Vec<Landline>> {
        self.read(|connection| all(connection, company))
    }

    /// Whether a company is verified.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn verification(&self, id: CompanyId) -> Result<Verification> {
        self.read(|connection| {
            company::get(connection, id)?;
            let found = connection
                .prepare_cached("SELECT state FROM verifications WHERE company = ?1")?
                .query_row([id.to_string()], |row| verification(row, 0))
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Says whether a company is verified.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn set_verification(&self, id: CompanyId, state: Verification, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "company_verification_set", id, state.as_str(), |transaction| {
            company::get(transaction, id)?;
            transaction.execute(
                "INSERT INTO verifications VALUES (?1, ?2) ON CONFLICT (company) DO UPDATE SET state = ?2",
                params![id.to_string(), state.as_str()],
            )?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall::from_unix_seconds(1_800_000_000);

    fn pending() -> Landline {
        let mut landline = Landline {
            id: LandlineId::from_bits(1),
            company: CompanyId::from_bits(1),
            number: "+442079460123".parse().unwrap(),
            state: LandlineState::Locked,
            pin: None,
            tries: TRIES_MAX,
            created_at: NOON,
        };
        assert!(landline.renew("271828".to_owned(), NOON));
        landline
    }

    /// L4.
    #[test]
    fn a_landline_is_verified_by_the_pin_that_was_told_over_it() {
        let mut landline = pending();
        assert_eq!(landline.hear("000000", NOON), PinSaid::Wrong(4));
        assert_eq!(landline.hear("271828", NOON), PinSaid::Right);
        assert_eq!((landline.state, &landline.pin), (LandlineState::Verified, &None));
        assert_eq!(landline.hear("271828", NOON), PinSaid::NotNow(LandlineState::Verified));
        assert!(!landline.renew("1".to_owned(), NOON), "what is verified needs no PIN");
    }

    /// L4.
    #[test]
    fn a_pin_cannot_be_guessed_nor_said_a_day_later() {
        let mut landline = pending();
        for left in (0..TRIES_MAX).rev() {
            assert_eq!(landline.hear("000000", NOON), PinSaid::Wrong(left));
        }
        assert_eq!(landline.hear("271828", NOON), PinSaid::NotNow(LandlineState::Locked));
        assert!(landline.renew("314159".to_owned(), NOON));
        assert_eq!(landline.hear("314159", NOON + PIN_LIFE), PinSaid::NotNow(LandlineState::Pending));
        assert_eq!(landline.hear("314159", NOON + PIN_LIFE - Duration::from_secs(1)), PinSaid::Right);
    }
}
