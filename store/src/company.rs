//! Companies: the customers who pay (A1, A4).
//!
//! Their balances do not live here: money is the ledger's.

use crate::checks;
use crate::column::parsed;
use crate::{Error, Result, Signed, Store};
use domain::{CompanyId, Currency, Wall};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub use domain::country::{Country, NotACountry};

/// A company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// Which.
    pub id: CompanyId,
    /// 1 to 100 characters.
    pub name: String,
    /// Where its branch is (A4: one company per country).
    pub country: Country,
    /// Of all its money; cannot be changed later.
    pub currency: Currency,
    /// An IANA time zone name, such as `Europe/Tallinn`: months of reports begin by it.
    pub timezone: String,
    /// Whether an operator has stopped it: its profiles neither register nor call.
    pub suspended: bool,
    /// The name of the deck that its calls are charged by; none for the first one in force, by name, in its currency.
    pub deck: Option<String>,
    /// When it was created.
    pub created_at: Wall,
}

/// What may be changed of a company; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompanyPatch {
    /// A new name.
    pub name: Option<String>,
    /// Another country.
    pub country: Option<Country>,
    /// Another time zone.
    pub timezone: Option<String>,
    /// Whether it is stopped.
    pub suspended: Option<bool>,
    /// Another deck; the inner `None` for the default.
    pub deck: Option<Option<String>>,
}

const COLUMNS: &str = "id, name, country, currency, timezone, suspended, deck, created_us";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Company> {
    Ok(Company {
        id: parsed(row, 0)?,
        name: row.get(1)?,
        country: parsed(row, 2)?,
        currency: parsed(row, 3)?,
        timezone: row.get(4)?,
        suspended: row.get(5)?,
        deck: row.get(6)?,
        created_at: Wall::from_unix_micros(row.get(7)?),
    })
}

pub(crate) fn get(connection: &Connection, id: CompanyId) -> Result<Company> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM companies WHERE id = ?1"))?
        .query_row([id.to_string()], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("company", id))
}

pub(crate) fn all(connection: &Connection) -> Result<Vec<Company>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM companies ORDER BY id"))?;
    let rows = statement.query_map([], from_row)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

fn check(connection: &Connection, company: &Company) -> Result<()> {
    checks::name("name", &company.name)?;
    checks::timezone(&company.timezone)?;
    let Some(deck) = &company.deck else { return Ok(()) };
    let currency: Option<String> = connection
        .prepare_cached("SELECT currency FROM decks WHERE name = ?1 LIMIT 1")?
        .query_row([deck], |row| row.get(0))
        .optional()?;
    match currency {
        None => Err(Error::not_found("deck named", deck)),
        Some(currency) if currency != company.currency.as_str() => Err(Error::invalid(
            "deck",
            format!("{deck} is in {currency}: expected a deck in the company's currency, {}", company.currency),
        )),
        Some(_) => Ok(()),
    }
}

impl Store {
    /// Adds a company; `created_at` of the argument is kept as given.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] where the id is taken.
    pub fn create_company(&self, company: &Company, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "company_created", company.id, &company.name, |transaction| {
            check(transaction, company)?;
            if let Ok(other) = get(transaction, company.id) {
                return Err(Error::Conflict { what: "id", value: company.id.to_string(), other: other.name });
            }
            transaction.execute(
                &format!("INSERT INTO companies ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
                params![
                    company.id.to_string(),
                    company.name,
                    company.country.as_str(),
                    company.currency.as_str(),
                    company.timezone,
                    company.suspended,
                    company.deck,
                    company.created_at.as_unix_micros()
                ],
            )?;
            Ok(())
        })
    }

    /// Changes what is given of a company and returns it as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub fn update_company(&self, id: CompanyId, patch: &CompanyPatch, signed: Signed<'_>) -> Result<Company> {
        self.change(signed, "company_changed", id, &format!("{patch:?}"), |transaction| {
            let mut company = get(transaction, id)?;
            company.name = patch.name.clone().unwrap_or(company.name);
            company.country = patch.country.unwrap_or(company.country);
            company.timezone = patch.timezone.clone().unwrap_or(company.timezone);
            company.suspended = patch.suspended.unwrap_or(company.suspended);
            company.deck = patch.deck.clone().unwrap_or(company.deck);
            check(transaction, &company)?;
            transaction.execute(
                "UPDATE companies SET name = ?2, country = ?3, timezone = ?4, suspended = ?5, deck = ?6 WHERE id = ?1",
                params![
                    id.to_string(),
                    company.name,
                    company.country.as_str(),
                    company.timezone,
                    company.suspended,
                    company.deck
                ],
            )?;
            Ok(company)
        })
    }

    /// One company.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn company(&self, id: CompanyId) -> Result<Company> {
        self.read(|connection| get(connection, id))
    }

    /// Every company, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn companies(&self) -> Result<Vec<Company>> {
        self.read(all)
    }
}
