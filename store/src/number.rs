//! Online numbers: which company has which, and where it rings.
//!
//! Their fees do not live here.

use crate::column::{parsed, parsed_option};
use crate::{Error, Result, Signed, Store, account, company, profile};
use domain::{BusinessAccountId, CompanyId, E164, NumberId, ProfileId, Wall};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A number of a company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Which.
    pub id: NumberId,
    /// The number itself; unique.
    pub number: E164,
    /// Whose.
    pub company: CompanyId,
    /// The profile, of the same company, that it rings at; calls to it are refused where there is none.
    pub profile: Option<ProfileId>,
    /// The business account, of the same company, that it belongs to: it rings where that is attached (W1). Never beside a profile.
    pub account: Option<BusinessAccountId>,
    /// Whether it may be shown as caller ID (L3).
    pub caller_id_allowed: bool,
    /// When it was added.
    pub created_at: Wall,
}

const COLUMNS: &str = "id, e164, company, profile, caller_id_allowed, created_us, account";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Number> {
    Ok(Number {
        id: parsed(row, 0)?,
        number: parsed(row, 1)?,
        company: parsed(row, 2)?,
        profile: parsed_option(row, 3)?,
        caller_id_allowed: row.get(4)?,
        created_at: Wall::from_unix_micros(row.get(5)?),
        account: parsed_option(row, 6)?,
    })
}

fn get(connection: &Connection, id: NumberId) -> Result<Number> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM numbers WHERE id = ?1"))?
        .query_row([id.to_string()], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("number", id))
}

pub(crate) fn all(connection: &Connection, company: Option<CompanyId>) -> Result<Vec<Number>> {
    let filter = if company.is_some() { "company = ?1" } else { "?1 IS NULL" };
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM numbers WHERE {filter} ORDER BY e164"))?;
    let rows = statement.query_map([company.map(|company| company.to_string())], from_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A number rings at a profile of its own company.
fn check_profile(connection: &Connection, company: CompanyId, wanted: Option<ProfileId>) -> Result<()> {
    let Some(id) = wanted else { return Ok(()) };
    let profile = profile::get(connection, id)?;
    if profile.company == company {
        return Ok(());
    }
    let problem = format!("{id} belongs to {}: expected a profile of {company}", profile.company);
    Err(Error::invalid("profile", problem))
}

impl Store {
    /// Adds a number to a company.
    ///
    /// # Errors
    /// [`Error::NotFound`] (company, profile), [`Error::Invalid`] (another company's profile), [`Error::Conflict`].
    pub fn create_number(&self, number: &Number, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "number_created", number.id, &number.number.to_string(), |transaction| {
            company::get(transaction, number.company)?;
            check_profile(transaction, number.company, number.profile)?;
            let other: Option<(String, String)> = transaction
                .prepare_cached("SELECT id, company FROM numbers WHERE e164 = ?1 OR id = ?2")?
                .query_row([number.number.to_string(), number.id.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((other, owner)) = other {
                let value = number.number.to_string();
                return Err(Error::Conflict { what: "number", value, other: format!("{other} of {owner}") });
            }
            transaction.execute(
                &format!("INSERT INTO numbers ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)"),
                params![
                    number.id.to_string(),
                    number.number.to_string(),
                    number.company.to_string(),
                    number.profile.map(|profile| profile.to_string()),
                    number.caller_id_allowed,
                    number.created_at.as_unix_micros()
                ],
            )?;
            Ok(())
        })
    }

    /// Lets a number ring at a profile of its company, or nowhere.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (another company's profile).
    pub fn assign_number(&self, id: NumberId, to: Option<ProfileId>, signed: Signed<'_>) -> Result<Number> {
        let details = to.map(|profile| profile.to_string()).unwrap_or_default();
        self.change(signed, "number_assigned", id, &details, |transaction| {
            let number = get(transaction, id)?;
            check_profile(transaction, number.company, to)?;
            transaction.execute(
                "UPDATE numbers SET profile = ?2, account = NULL WHERE id = ?1",
                params![id.to_string(), to.map(|profile| profile.to_string())],
            )?;
            Ok(Number { profile: to, account: None, ..number })
        })
    }

    /// Lets a number ring wherever a business account of its company is attached (W1).
    ///
    /// # Errors
    /// [`Error::NotFound`] (number, account; another company's account is none, W8).
    pub fn attach_number(&self, id: NumberId, to: BusinessAccountId, signed: Signed<'_>) -> Result<Number> {
        self.change(signed, "number_attached", id, &to.to_string(), |transaction| {
            let number = get(transaction, id)?;
            if account::get(transaction, to)?.company != number.company {
                return Err(Error::not_found("account", to));
            }
            transaction.execute(
                "UPDATE numbers SET profile = NULL, account = ?2 WHERE id = ?1",
                params![id.to_string(), to.to_string()],
            )?;
            Ok(Number { profile: None, account: Some(to), ..number })
        })
    }

    /// Lets a number be shown as caller ID, or not (L3).
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn permit_number(&self, id: NumberId, allowed: bool, signed: Signed<'_>) -> Result<Number> {
        let details = if allowed { "may be shown" } else { "may not be shown" };
        self.change(signed, "number_permitted", id, details, |transaction| {
            let number = get(transaction, id)?;
            transaction
                .execute("UPDATE numbers SET caller_id_allowed = ?2 WHERE id = ?1", params![id.to_string(), allowed])?;
            Ok(Number { caller_id_allowed: allowed, ..number })
        })
    }

    /// Takes a number from its company.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete_number(&self, id: NumberId, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "number_deleted", id, "", |transaction| {
            match transaction.execute("DELETE FROM numbers WHERE id = ?1", [id.to_string()])? {
                0 => Err(Error::not_found("number", id)),
                _ => Ok(()),
            }
        })
    }

    /// One number.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn number(&self, id: NumberId) -> Result<Number> {
        self.read(|connection| get(connection, id))
    }

    /// Whose number it is; none where it is nobody's.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn number_owner(&self, number: E164) -> Result<Option<CompanyId>> {
        self.read(|connection| {
            let owner = connection
                .prepare_cached("SELECT company FROM numbers WHERE e164 = ?1")?
                .query_row([number.to_string()], |row| parsed(row, 0))
                .optional()?;
            Ok(owner)
        })
    }

    /// The numbers of a company, or all; in order of digits.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn numbers(&self, company: Option<CompanyId>) -> Result<Vec<Number>> {
        self.read(|connection| all(connection, company))
    }
}
