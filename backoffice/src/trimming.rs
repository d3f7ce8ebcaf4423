//! The journal's old rows, told to go now.
//!
//! Which may go, and where to, is the ledger's; that they go by themselves is the switch's.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use ledger::Trim;
use serde::Serialize;
use utoipa::ToSchema;

/// What a trimming did, and how the journal stands after it. All zero where the ledger's engine has no journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct JournalTrimmed {
    /// Rows copied to the archive now.
    pub archived: u64,
    /// Rows deleted from the journal now.
    pub deleted: u64,
    /// Rows that the journal has.
    pub kept: u64,
    /// The archive has all rows up to this one.
    pub in_archive: u64,
    /// The journal begins after this row; 0 where it begins with its first.
    pub cut: u64,
    /// Why rows stay that could go; null where none does.
    pub waits: Option<String>,
}

impl Office {
    /// Archives the journal up to now, and trims it. Blocks until it is done.
    ///
    /// # Errors
    /// Operators only; [`Error::Conflict`] where the archive contradicts the journal, [`Error::Ledger`] where the disk fails: nothing is lost.
    pub fn trim_journal(&self, caller: &Caller) -> Result<JournalTrimmed> {
        caller.operator("trim the journal")?;
        // What was decided at this very instant goes too.
        let now = self.now().wall;
        let before = domain::Wall::from_unix_micros(now.as_unix_micros().saturating_add(1));
        let trimmed = self.inner.ledger.trim(&Trim::all(before)).map_err(|error| match error {
            error @ ledger::Error::Archive { .. } => Error::Conflict(error.to_string()),
            error => Error::Ledger(error),
        })?;
        Ok(JournalTrimmed {
            archived: trimmed.archived,
            deleted: trimmed.deleted,
            kept: trimmed.kept,
            in_archive: trimmed.in_archive,
            cut: trimmed.cut,
            waits: trimmed.waits,
        })
    }
}
