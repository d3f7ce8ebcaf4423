//! API tokens: who may ask what, known by their hash only.
//!
//! Tokens in the clear do not live here, nor the check of what a scope permits: that is `backoffice`'s.

use crate::column::parsed_option;
use crate::{Error, Result, Signed, Store, checks, company};
use domain::{CompanyId, Wall};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::fmt;
use std::str::FromStr;

/// A token: `tokn_7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(i64);

/// Why a text names no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a token's identity: expected \"tokn_\" and a number, such as tokn_7")]
pub struct NotAToken(pub String);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tokn_{}", self.0)
    }
}

impl FromStr for TokenId {
    type Err = NotAToken;
    fn from_str(text: &str) -> std::result::Result<Self, NotAToken> {
        let digits = text.strip_prefix("tokn_").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(TokenId).ok_or_else(|| NotAToken(text.chars().take(64).collect()))
    }
}

impl TokenId {
    pub(crate) const fn number(self) -> i64 {
        self.0
    }
}

/// Whose rows a token may see and change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everybody's.
    Operator,
    /// One company's.
    Company(CompanyId),
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Which.
    pub id: TokenId,
    /// For people, and for the audit.
    pub name: String,
    /// Whose rows it may see and change.
    pub scope: Scope,
    /// When it was created.
    pub created_at: Wall,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Wall>,
    /// Since when it is worthless.
    pub revoked_at: Option<Wall>,
}

const COLUMNS: &str = "id, name, company, created_us, last_used_us, revoked_us";

fn from_row(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    let company: Option<CompanyId> = parsed_option(row, 2)?;
    Ok(ApiToken {
        id: TokenId(row.get(0)?),
        name: row.get(1)?,
        scope: company.map_or(Scope::Operator, Scope::Company),
        created_at: Wall::from_unix_micros(row.get(3)?),
        last_used_at: row.get::<_, Option<i64>>(4)?.map(Wall::from_unix_micros),
        revoked_at: row.get::<_, Option<i64>>(5)?.map(Wall::from_unix_micros),
    })
}

fn get(connection: &Connection, id: TokenId) -> Result<ApiToken> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM api_tokens WHERE id = ?1"))?
        .query_row([id.0], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("token", id))
}

impl Store {
    /// Adds a token by the SHA-256 of its secret.
    ///
    /// # Errors
    /// [`Error::NotFound`] (company), [`Error::Invalid`] (name), [`Error::Conflict`] (the same secret).
    pub fn create_token(&self, name: &str, scope: Scope, sha256: [u8; 32], signed: Signed<'_>) -> Result<ApiToken> {
        checks::name("name", name)?;
        self.change(signed, "token_created", name, &format!("{scope:?}"), |transaction| {
            let company = match scope {
                Scope::Operator => None,
                Scope::Company(id) => Some(company::get(transaction, id)?.id.to_string()),
            };
            let other: Option<String> = transaction
                .prepare_cached("SELECT 'tokn_' || id FROM api_tokens WHERE sha256 = ?1")?
                .query_row([sha256], |row| row.get(0))
                .optional()?;
            if let Some(other) = other {
                return Err(Error::Conflict { what: "token secret", value: "(hidden)".to_owned(), other });
            }
            transaction.execute(
                "INSERT INTO api_tokens (name, sha256, company, created_us) VALUES (?1, ?2, ?3, ?4)",
                params![name, sha256, company, signed.at.as_unix_micros()],
            )?;
            get(transaction, TokenId(transaction.last_insert_rowid()))
        })
    }

    /// The token with this SHA-256, unless it is revoked or unknown.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn find_token(&self, sha256: [u8; 32]) -> Result<Option<ApiToken>> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM api_tokens WHERE sha256 = ?1 AND revoked_us IS NULL"))?
                .query_row([sha256], from_row)
                .optional()?)
        })
    }

    /// Notes that a token was used; writes at most once a minute and token, so it may be called for every request.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn note_token_used(&self, token: &ApiToken, at: Wall) -> Result<()> {
        const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);
        if token.last_used_at.is_some_and(|last| at.since(last) < MINUTE) {
            return Ok(());
        }
        self.write(|transaction| {
            transaction
                .prepare_cached("UPDATE api_tokens SET last_used_us = ?2 WHERE id = ?1")?
                .execute(params![token.id.0, at.as_unix_micros()])?;
            Ok(())
        })
    }

    /// Makes a token worthless; doing so again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn revoke_token(&self, id: TokenId, signed: Signed<'_>) -> Result<ApiToken> {
        self.change(signed, "token_revoked", id, "", |transaction| {
            transaction.execute(
                "UPDATE api_tokens SET revoked_us = coalesce(revoked_us, ?2) WHERE id = ?1",
                params![id.0, signed.at.as_unix_micros()],
            )?;
            get(transaction, id)
        })
    }

    /// Every token, revoked ones too, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn tokens(&self) -> Result<Vec<ApiToken>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM api_tokens ORDER BY id"))?;
            let rows = statement.query_map([], from_row)?.collect::<rusqlite::Result<_>>()?;
            Ok(rows)
        })
    }
}
