//! Opening the store: directory, file, key, connections.
//!
//! Tables do not live here but in `schema`, and changes go through `write`.

use crate::sealing::SealingKey;
use crate::{Error, Result, SipUserPrefix, schema};
use domain::Wall;
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Fills a buffer with unpredictable bytes: the operating system's in production.
pub type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// The database within the data directory.
pub const FILE_NAME: &str = "tandem.db";
/// The key that seals SIP passwords, within the data directory.
pub const KEY_NAME: &str = "sealing.key";
/// How long a statement waits for another process before it fails as busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Reading connections that are kept for reuse; more are opened when more threads read at once, and closed again.
const READERS_KEPT_MAX: usize = 8;
/// Prepared statements kept by each connection: more than there are texts in this crate.
const STATEMENTS_KEPT_MAX: usize = 128;

/// How to open the store.
pub struct Opening<'a> {
    /// The data directory; created (mode 0700) where it is missing.
    pub directory: &'a Path,
    /// What new SIP users begin with (P3).
    pub sip_user_prefix: SipUserPrefix,
    /// The time of opening, noted beside each migration.
    pub now: Wall,
    /// Makes passwords, the sealing key and its nonces; must be the operating system's in production.
    pub random: Random,
}

/// The store: one writing connection behind a mutex, and as many reading ones as threads read at once (WAL).
pub struct Store {
    pub(crate) writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    path: PathBuf,
    pub(crate) key: SealingKey,
    pub(crate) random: Mutex<Random>,
    pub(crate) sip_user_prefix: SipUserPrefix,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

impl Store {
    /// Opens the store in a directory, creates or migrates it.
    ///
    /// # Errors
    /// [`Error::NewerSchema`], [`Error::SealingKey`], [`Error::File`], [`Error::Database`].
    pub fn open(opening: Opening<'_>) -> Result<Store> {
        let Opening { directory, sip_user_prefix, now, mut random } = opening;
        create_directory(directory)?;
        let path = directory.join(FILE_NAME);
        let mut writer = Connection::open(&path)?;
        prepare(&writer)?;
        schema::migrate(&mut writer, &path, now)?;
        let key = SealingKey::open(&directory.join(KEY_NAME), &mut writer, &mut random)?;
        Ok(Store {
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            path,
            key,
            random: Mutex::new(random),
            sip_user_prefix,
        })
    }

    /// Opens a store that another process may have open, to read: nothing is created and nothing migrated.
    ///
    /// # Errors
    /// [`Error::File`] where there is none; [`Error::OtherSchema`] where another version of the program wrote it; [`Error::SealingKey`],
    /// [`Error::Database`].
    pub fn open_beside(opening: Opening<'_>) -> Result<Store> {
        let Opening { directory, sip_user_prefix, mut random, .. } = opening;
        let path = directory.join(FILE_NAME);
        if let Err(source) = std::fs::metadata(&path) {
            return Err(Error::File { path, source });
        }
        let mut writer = Connection::open(&path)?;
        prepare(&writer)?;
        schema::check(&writer, &path)?;
        let key = SealingKey::open(&directory.join(KEY_NAME), &mut writer, &mut random)?;
        let (writer, readers, random) = (Mutex::new(writer), Mutex::new(Vec::new()), Mutex::new(random));
        Ok(Store { writer, readers, path, key, random, sip_user_prefix })
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads in one transaction, beside any writer.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let kept = self.readers.lock().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.path, flags)?;
                connection.busy_timeout(BUSY_TIMEOUT)?;
                connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT_MAX);
                connection
            }
        };
        let transaction = connection.transaction()?;
        let answer = read(&transaction);
        transaction.finish()?;
        let mut readers = self.readers.lock();
        if readers.len() < READERS_KEPT_MAX {
            readers.push(connection);
        }
        answer
    }
}

fn prepare(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT_MAX);
    connection.pragma_update(None, "journal_mode", "wal")?;
    // FULL: what the API has acknowledged survives a power cut. The drain writes one transaction a batch, so it is cheap.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

fn create_directory(directory: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| Error::File { path: directory.to_owned(), source })
}
