//! How the configuration changes: one transaction with the change, its audit row and the next configuration version.
//!
//! What changes does not live here. Call records, answers and token use are no configuration and go past this.

use crate::{Result, Store, audit};
use domain::Wall;
use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Who changes something, and when: both stand in the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// Who: the name of an API token, `operator`, `demo` ...; at most 100 characters are kept.
    pub by: &'a str,
    /// When.
    pub at: Wall,
}

impl Store {
    /// Changes configuration. Where `change` fails, nothing has happened.
    pub(crate) fn change<T>(
        &self,
        signed: Signed<'_>,
        action: &str,
        subject: impl ToString,
        details: &str,
        change: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write(|transaction| {
            let answer = change(transaction)?;
            audit::write(transaction, signed, action, &subject.to_string(), details)?;
            transaction
                .prepare_cached("UPDATE meta SET value = value + 1 WHERE name = 'config_version'")?
                .execute([])?;
            Ok(answer)
        })
    }

    /// Writes in one transaction, without audit.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writer = self.writer.lock();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = write(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// Grows with every change of configuration; who sees a number that it does not know takes a new [`Store::snapshot`].
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn config_version(&self) -> Result<u64> {
        self.read(config_version)
    }
}

pub(crate) fn config_version(connection: &Connection) -> Result<u64> {
    meta_number(connection, "config_version")
}

/// A number of the table `meta`.
pub(crate) fn meta_number(connection: &Connection, name: &str) -> Result<u64> {
    let value: i64 =
        connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?.query_row([name], |row| row.get(0))?;
    Ok(value.unsigned_abs())
}
