//! Companies: the customers who pay (A1, A4).
//!
//! Their balances do not live here: money is the ledger's.

use crate::checks;
use crate::column::parsed;
use crate::{Error, Result, Signed, Store};
use domain::{CompanyId, Currency, Wall};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub use crate::country::{Country, NotACountry};

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
}

const COLUMNS: &str = "id, name, country, currency, timezone, created_us";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Company> {
    Ok(Company {
        id: parsed(row, 0)?,
        name: row.get(1)?,
        country: parsed(row, 2)?,
        currency: parsed(row, 3)?,
        timezone: row.get(4)?,
        created_at: Wall::from_unix_micros(row.get(5)?),
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

fn check(company: &Company) -> Result<()> {
    checks::name("name", &company.name)?;
    checks::timezone(&company.timezone)
}

impl Store {
    /// Adds a company; `created_at` of the argument is kept as given.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] where the id is taken.
    pub fn create_company(&self, company: &Company, signed: Signed<'_>) -> Result<()> {
        check(company)?;
        self.change(signed, "company_created", company.id, &company.name, |transaction| {
            if let Ok(other) = get(transaction, company.id) {
                return Err(Error::Conflict { what: "id", value: company.id.to_string(), other: other.name });
            }
            transaction.execute(
                "INSERT INTO companies (id, name, country, currency, timezone, created_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    company.id.to_string(),
                    company.name,
                    company.country.as_str(),
                    company.currency.as_str(),
                    company.timezone,
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
            check(&company)?;
            transaction.execute(
                "UPDATE companies SET name = ?2, country = ?3, timezone = ?4 WHERE id = ?1",
                params![id.to_string(), company.name, company.country.as_str(), company.timezone],
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
