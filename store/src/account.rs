//! Business accounts (W1-W11): names of a company that may be called, each attached to one profile at most, with an extension or none.
//!
//! Signing in does not live here yet; which user part a PBX is called by is `switch`'s.

use crate::column::{parsed, parsed_option};
use crate::{Error, Result, Signed, Store, checks, company, profile};
use domain::{BusinessAccountId, CompanyId, ProfileId, Wall};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Characters of an account's name at most.
pub const ACCOUNT_NAME_MAX: usize = 32;
/// Characters of an extension at most (W6).
pub const EXTENSION_MAX: usize = 20;

/// A business account: `name@company`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub id: BusinessAccountId,
    /// Whose (W8).
    pub company: CompanyId,
    /// Unique in its company: letters, digits, `.`, `-` and `_`, the first a letter.
    pub name: String,
    /// The profile, of the same company, at whose PBX its calls ring (W2).
    pub profile: Option<ProfileId>,
    /// What the PBX is called by: 1 to 20 of `0-9*#+` (W6); none for the user of its Contact (I3).
    pub extension: Option<String>,
    /// When it was created.
    pub created_at: Wall,
}

/// What may be changed of an account; `None` leaves it, the inner `None` empties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountPatch {
    /// Where its calls ring. One that is attached elsewhere is to be detached first (W2).
    pub profile: Option<Option<ProfileId>>,
    /// What the PBX is called by.
    pub extension: Option<Option<String>>,
}

const COLUMNS: &str = "id, company, name, profile, extension, created_us";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: parsed(row, 0)?,
        company: parsed(row, 1)?,
        name: row.get(2)?,
        profile: parsed_option(row, 3)?,
        extension: row.get(4)?,
        created_at: Wall::from_unix_micros(row.get(5)?),
    })
}

pub(crate) fn get(connection: &Connection, id: BusinessAccountId) -> Result<Account> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM business_accounts WHERE id = ?1"))?
        .query_row([id.to_string()], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("account", id))
}

pub(crate) fn all(connection: &Connection, company: Option<CompanyId>) -> Result<Vec<Account>> {
    let filter = if company.is_some() { "company = ?1" } else { "?1 IS NULL" };
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM business_accounts WHERE {filter} ORDER BY id"))?;
    let rows = statement.query_map([company.map(|company| company.to_string())], from_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn check(connection: &Connection, account: &Account) -> Result<()> {
    checks::name("name", &account.name)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let starts = account.name.starts_with(|first: char| first.is_ascii_alphabetic());
    if !starts || account.name.len() > ACCOUNT_NAME_MAX || !account.name.bytes().all(plain) {
        let problem = format!(
            "expected a letter and then letters, digits, dots, hyphens or underscores, at most {ACCOUNT_NAME_MAX} in all"
        );
        return Err(Error::invalid("name", problem));
    }
    if let Some(extension) = &account.extension {
        let dialled = |byte: u8| byte.is_ascii_digit() || b"*#+".contains(&byte);
        if extension.is_empty() || extension.len() > EXTENSION_MAX || !extension.bytes().all(dialled) {
            let problem = format!("expected 1 to {EXTENSION_MAX} of the digits, *, # and +");
            return Err(Error::invalid("extension", problem));
        }
    }
    if let Some(id) = account.profile {
        let profile = profile::get(connection, id)?;
        if profile.company != account.company {
            // Another company's profile is none (W8).
            return Err(Error::not_found("profile", id));
        }
    }
    Ok(())
}

impl Store {
    /// Adds an account to a company.
    ///
    /// # Errors
    /// [`Error::NotFound`] (company, profile), [`Error::Invalid`], [`Error::Conflict`] (its name).
    pub fn create_account(&self, account: &Account, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "account_created", account.id, &account.name, |transaction| {
            company::get(transaction, account.company)?;
            check(transaction, account)?;
            let other: Option<String> = transaction
                .prepare_cached("SELECT id FROM business_accounts WHERE (company = ?1 AND name = ?2) OR id = ?3")?
                .query_row([account.company.to_string(), account.name.clone(), account.id.to_string()], |row| {
                    row.get(0)
                })
                .optional()?;
            if let Some(other) = other {
                return Err(Error::Conflict { what: "account name", value: account.name.clone(), other });
            }
            transaction.execute(
                &format!("INSERT INTO business_accounts ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
                params![
                    account.id.to_string(),
                    account.company.to_string(),
                    account.name,
                    account.profile.map(|profile| profile.to_string()),
                    account.extension,
                    account.created_at.as_unix_micros()
                ],
            )?;
            Ok(())
        })
    }

    /// Changes what is given of an account and returns it as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`] (attached to another profile, W2).
    pub fn update_account(&self, id: BusinessAccountId, patch: &AccountPatch, signed: Signed<'_>) -> Result<Account> {
        self.change(signed, "account_changed", id, &format!("{patch:?}"), |transaction| {
            let mut account = get(transaction, id)?;
            if let (Some(Some(wanted)), Some(present)) = (patch.profile, account.profile)
                && wanted != present
            {
                return Err(Error::Conflict { what: "account", value: account.name, other: present.to_string() });
            }
            account.profile = patch.profile.unwrap_or(account.profile);
            account.extension = patch.extension.clone().unwrap_or(account.extension);
            check(transaction, &account)?;
            transaction.execute(
                "UPDATE business_accounts SET profile = ?2, extension = ?3 WHERE id = ?1",
                params![id.to_string(), account.profile.map(|profile| profile.to_string()), account.extension],
            )?;
            Ok(account)
        })
    }

    /// Removes an account. Its numbers stay the company's and ring nowhere.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete_account(&self, id: BusinessAccountId, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "account_deleted", id, "", |transaction| {
            transaction.execute("UPDATE numbers SET account = NULL WHERE account = ?1", [id.to_string()])?;
            match transaction.execute("DELETE FROM business_accounts WHERE id = ?1", [id.to_string()])? {
                0 => Err(Error::not_found("account", id)),
                _ => Ok(()),
            }
        })
    }

    /// One account.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn account(&self, id: BusinessAccountId) -> Result<Account> {
        self.read(|connection| get(connection, id))
    }

    /// The accounts of a company, or all; oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn accounts(&self, company: Option<CompanyId>) -> Result<Vec<Account>> {
        self.read(|connection| all(connection, company))
    }
}
