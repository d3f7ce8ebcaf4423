//! What can go wrong between the switch and its store, in sentences for the person who reads them.
//!
//! Refusals of calls do not live here: they are `domain::Refusal`.

use std::path::PathBuf;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that must be unique is taken.
    #[error("{what} {value} is taken by {other}")]
    Conflict {
        /// What must be unique: `SIP user`, `number`, `carrier name` ...
        what: &'static str,
        /// The value wanted.
        value: String,
        /// Who has it.
        other: String,
    },
    /// There is no such row.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was looked for: `company`, `profile` ...
        what: &'static str,
        /// By which name.
        id: String,
    },
    /// A field has a value that it may not have.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field, as the API names it.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// It may not be removed, because something leans on it.
    #[error("{what} {id} is in use: {by}")]
    InUse {
        /// What was to be removed.
        what: &'static str,
        /// Which.
        id: String,
        /// What leans on it, and what would be right.
        by: String,
    },
    /// The database was written by a newer version of the program.
    #[error(
        "{path} has schema version {found}, but this program knows versions up to {known}: start the newer version again, or restore a backup from before its first start"
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The database was written by another version of the program, and is only to be read.
    #[error(
        "{path} has schema version {found}, and this program reads version {known}: use the program that the switch runs"
    )]
    OtherSchema {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version known here.
        known: i64,
    },
    /// The key that seals passwords is missing, unreadable or another database's.
    #[error("sealing key {path}: {problem}")]
    SealingKey {
        /// The key file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The same `Idempotency-Key` came with another request.
    #[error("Idempotency-Key {key} was used for another request: use a new key for a new request")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// A text is no call record.
    #[error(transparent)]
    NotARecord(#[from] crate::record_json::NotARecord),
    /// A file or directory could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite failed: the disk is full, the file damaged, or another process held it for longer than five seconds.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
}

impl Error {
    /// Whether the same request may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ),
            _ => false,
        }
    }

    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Error::NotFound { what, id: id.to_string() }
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Error::Invalid { field, problem: problem.into() }
    }
}

/// What the store answers.
pub type Result<T> = std::result::Result<T, Error>;
