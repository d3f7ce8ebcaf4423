//! A journal that is opened to be read only, beside a running switch or without one: for proofs and exports.
//!
//! Balances are not recomputed here: that is [`super::verify`]'s.

use super::past::{Past, Shelf, name_of};
use super::places::Reading;
use super::{journal, statement};
use crate::api::{StatementLine, StatementPage, StatementQuery};
use crate::archive::Archive;
use crate::error::Error;
use domain::credit::Account;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A journal as it is at the moment of its opening: a running switch may write on meanwhile.
pub struct Journal {
    connection: Reading,
    shelf: Option<Shelf>,
    last: u64,
    name: String,
}

impl Journal {
    /// Opens it, without its archive: what was trimmed cannot be read.
    ///
    /// # Errors
    /// Where it cannot be read, or is of another format.
    pub fn open(path: &Path) -> Result<Journal, Error> {
        Self::open_with(path, None)
    }

    /// Opens it with its archive, as if nothing had ever been trimmed.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_with(path: &Path, archive: Option<&Arc<dyn Archive>>) -> Result<Journal, Error> {
        let connection = journal::open_to_read(path)?;
        connection.execute_batch("BEGIN").map_err(journal::read)?;
        let last = journal::last(&connection)?;
        Ok(Journal { connection, shelf: Shelf::of(archive, path), last, name: name_of(path) })
    }

    fn past(&self) -> Past<'_> {
        Past { connection: &self.connection, shelf: self.shelf.as_ref() }
    }

    /// As [`crate::Ledger::journal`]: by this name a store knows how far it was copied.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its last row; 0 where it is empty.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// As [`crate::Ledger::history`].
    ///
    /// # Errors
    /// [`Error::Journal`], [`Error::Damaged`].
    pub fn history(&self, subject: u128) -> Result<Vec<StatementLine>, Error> {
        statement::history(self.past(), subject)
    }

    /// The record with which a call ended, and its row; none where it has not, or another node's journal has it.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub fn ended(&self, subject: u128) -> Result<Option<(u64, Arc<str>)>, Error> {
        self.past().ended_memo(subject)
    }

    /// Every movement after row `after`, oldest first. `each` ends the reading by returning an error.
    ///
    /// # Errors
    /// [`Error::Journal`]; [`Error::Damaged`] for a row that cannot be understood, or was changed after it was written.
    pub fn each_line(&self, after: u64, mut each: impl FnMut(StatementLine) -> Result<(), Error>) -> Result<(), Error> {
        self.past().each_line(after, self.last, |sequence, line| {
            let line = line?;
            if !line.is_sound {
                return Err(journal::damaged(sequence, "its checksum is wrong: it was changed after it was written"));
            }
            if line.row.refusal.is_some() {
                return Ok(());
            }
            statement::lines_of(&line).into_iter().try_for_each(&mut each)
        })
    }

    /// The row that touched each account last: where its statement begins.
    ///
    /// # Errors
    /// As [`Journal::each_line`].
    pub fn newest_of_accounts(&self) -> Result<BTreeMap<Account, u64>, Error> {
        let mut newest = BTreeMap::new();
        self.each_line(0, |line| {
            newest.insert(line.debit, line.journal_sequence);
            if line.credit_after.is_some() {
                newest.insert(line.credit, line.journal_sequence);
            }
            Ok(())
        })?;
        Ok(newest)
    }

    /// As [`crate::Ledger::statement`], of an account whose last row is known.
    ///
    /// # Errors
    /// [`Error::Journal`], [`Error::Damaged`].
    pub fn statement(&self, query: &StatementQuery, newest: u64) -> Result<StatementPage, Error> {
        statement::page(self.past(), query, newest)
    }
}
