//! The audit: who did what to whom, and when.
//!
//! Call records do not live here, nor the ledger's statement of money.

use crate::{Result, Signed, Store};
use domain::Wall;
use rusqlite::{Connection, Row, params};

/// Characters at most of each text of an audit row; the rest is cut.
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Characters at most of who signed.
const BY_CHARS_MAX: usize = 100;
/// Rows at most in one answer.
pub const ROWS_MAX: u32 = 1_000;

/// Something to be noted, beside the changes that note themselves: a hung-up call, a refused emergency call (O3), money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditEntry<'a> {
    /// A word of ours in the past: `call_hung_up`.
    pub action: &'a str,
    /// To whom: the printed form of an identity.
    pub subject: &'a str,
    /// Whatever a person should know; may be empty.
    pub details: &'a str,
}

/// A row of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number, growing with time.
    pub id: u64,
    /// When.
    pub at: Wall,
    /// Who.
    pub by: String,
    /// What.
    pub action: String,
    /// To whom.
    pub subject: String,
    /// Whatever a person should know.
    pub details: String,
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        at: Wall::from_unix_micros(row.get(1)?),
        by: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        details: row.get(5)?,
    })
}

pub(crate) fn write(
    connection: &Connection,
    signed: Signed<'_>,
    action: &str,
    subject: &str,
    details: &str,
) -> Result<()> {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    connection
        .prepare_cached("INSERT INTO audit (at_us, by, action, subject, details) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
        signed.at.as_unix_micros(),
        cut(signed.by, BY_CHARS_MAX),
        action,
        cut(subject, TEXT_CHARS_MAX),
        cut(details, TEXT_CHARS_MAX)
    ])?;
    Ok(())
}

impl Store {
    /// Notes something.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn note(&self, entry: AuditEntry<'_>, signed: Signed<'_>) -> Result<()> {
        self.write(|transaction| write(transaction, signed, entry.action, entry.subject, entry.details))
    }

    /// The audit, newest first: of one subject or of all, older than the row `before`, at most `limit` (and [`ROWS_MAX`]).
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn audit(&self, subject: Option<&str>, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>> {
        self.read(|connection| {
            let subject_is = if subject.is_some() { "subject = ?1" } else { "?1 IS NULL" };
            let mut statement = connection.prepare_cached(&format!(
                "SELECT id, at_us, by, action, subject, details FROM audit
                 WHERE {subject_is} AND id < ?2 ORDER BY id DESC LIMIT ?3"
            ))?;
            let before = before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![subject, before, limit.min(ROWS_MAX)], from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
