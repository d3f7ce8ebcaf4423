//! What can be broken in a ledger. Refusals of batches are answers, not errors: `domain::credit::RefusedBecause`.

use std::path::PathBuf;

/// Why the ledger could not be opened, read or closed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two processes may not write one ledger.
    #[error(
        "the ledger {} is in use by another process: stop that one first, or give this one a store of its own (node.data_dir), \
         or, where both share a Redis, a name of its own (node.name)",
        path.display()
    )]
    InUse {
        /// The ledger's file.
        path: PathBuf,
    },
    /// A file of the ledger could not be made or opened.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("the ledger's journal could not be {doing}: {source}")]
    Journal {
        /// "opened", "read", "written".
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file was written by another version of Tandem.
    #[error(
        "the ledger's journal has format {found}, but this program reads format {expected}: start the version that wrote it"
    )]
    Format {
        /// What the file says.
        found: i64,
        /// What would be right.
        expected: i64,
    },
    /// A row of the journal cannot be understood, or does not follow from those before it.
    #[error(
        "row {sequence} of the ledger's journal is damaged ({what}): run `tandem ledger verify`, then restore a backup"
    )]
    Damaged {
        /// The row's journal sequence number.
        sequence: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Somebody else goes on with the journal, though this process had its lock: it was deleted, or its file system has forgotten it.
    #[error(
        "row {sequence} of the ledger's journal was written by another process, which has the journal now: stop this one"
    )]
    Overtaken {
        /// The row that both would have written.
        sequence: u64,
    },
    /// The archive of the journal failed, or says something else than the journal.
    #[error("the archive of the ledger's journal could not be {doing}: {what}")]
    Archive {
        /// "read", "packed", "written".
        doing: &'static str,
        /// What is wrong.
        what: String,
    },
    /// What is asked for was trimmed, and nobody said where it is archived.
    #[error("rows up to {cut} of the ledger's journal are in the archive of its store only, which is not at hand")]
    NoArchive {
        /// The last row that was trimmed.
        cut: u64,
    },
    /// An intent of the former life cannot be understood.
    #[error("intent {number} of the ledger's journal is damaged ({what}): restore a backup")]
    Intent {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The journal alone does not say what anybody has.
    #[error(
        "the ledger's journal {} is one of several nodes', whose balances are in Redis: set ledger.engine = \"redis\"",
        path.display()
    )]
    Part {
        /// The journal's file.
        path: PathBuf,
    },
    /// The nodes of the house could not be asked for or changed.
    #[error("{0}")]
    House(String),
    /// Redis does not answer.
    #[error("Redis at {address} does not answer ({source}): start it, or name another in ledger.url")]
    RedisAway {
        /// Where it should be.
        address: String,
        /// What the connection said.
        source: Box<redis::RedisError>,
    },
    /// Redis answers, and cannot be trusted with money as it is.
    #[error("Redis at {address} {what}")]
    RedisUnfit {
        /// Where it is.
        address: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// The ledger was closed, or its disk takes nothing, and it said so in the log.
    #[error("the ledger is closed, or its disk takes nothing: the log says which")]
    Closed,
    /// More listeners than the ledger keeps.
    #[error("a ledger keeps at most {0} listeners")]
    TooManyListeners(usize),
}

impl Error {
    /// Whether the same may pass later, in this life of the process: once somebody has made room on the disk, mounted it again, or let go
    /// of the file. A damaged file is none of these.
    pub(crate) fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, OutOfMemory,
            PermissionDenied, ReadOnly, SystemIoFailure,
        };
        let Error::Journal { source, .. } = self else { return false };
        matches!(
            source.sqlite_error_code(),
            Some(
                CannotOpen
                    | DatabaseBusy
                    | DatabaseLocked
                    | DiskFull
                    | FileLockingProtocolFailed
                    | OutOfMemory
                    | PermissionDenied
                    | ReadOnly
                    | SystemIoFailure
            )
        )
    }

    /// Whether trying again may help without a person doing something.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Journal { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ),
            _ => false,
        }
    }
}
