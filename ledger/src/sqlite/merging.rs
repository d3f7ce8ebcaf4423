//! The statement of a company that several nodes post to: their journals read backwards side by side, newest first by the time at which
//! each batch was decided. One journal by itself is [`super::statement`]'s.
//!
//! A line's number is here its time in microseconds: rows of different journals have nothing else in common. Where a clock was set back, a
//! row counts as decided no later than the one after it, so that each journal keeps its own order.

use super::journal::{self, damaged};
use super::past::{Past, Shelf};
use super::places::Reading;
use super::start::rebuild;
use super::statement::{is_wanted, lines_of, newest, older};
use crate::api::{StatementLine, StatementPage, StatementQuery};
use crate::archive::Archive;
use crate::error::Error;
use std::path::Path;
use std::sync::Arc;

/// One journal, read backwards.
struct Walk {
    connection: Reading,
    shelf: Option<Shelf>,
    /// The row to be read next; 0 for none.
    row: u64,
    /// The time of the row read last.
    time: u64,
    /// What was read, and not yet taken.
    ahead: Option<(u64, Vec<StatementLine>)>,
}

impl Walk {
    /// From the newest row of what is asked for.
    fn open(path: &Path, archive: Option<&Arc<dyn Archive>>, query: &StatementQuery) -> Result<Self, Error> {
        let connection = journal::open_to_read(path)?;
        // One transaction: its node may write on meanwhile.
        connection.execute_batch("BEGIN").map_err(journal::read)?;
        let books = rebuild(&connection)?.books;
        let row = newest(&books, query);
        let mut walk = Self { connection, shelf: Shelf::of(archive, path), row, time: u64::MAX, ahead: None };
        walk.advance(query)?;
        Ok(walk)
    }

    /// Reads until there is something to show.
    fn advance(&mut self, query: &StatementQuery) -> Result<(), Error> {
        self.ahead = None;
        while self.ahead.is_none() && self.row > 0 {
            let at = self.row;
            let past = Past { connection: &self.connection, shelf: self.shelf.as_ref() };
            let line = past.line_at(at)?.ok_or_else(|| damaged(at, "it is missing"))?;
            let next = older(&line, query).filter(|older| *older < at);
            self.row = next.ok_or_else(|| damaged(at, "it does not lead to the row before it"))?;
            self.time = self.time.min(u64::try_from(line.row.at.as_unix_micros()).unwrap_or(0));
            if self.time <= query.after {
                self.row = 0;
            } else if query.before.is_none_or(|before| self.time < before) {
                let mut lines = lines_of(&line);
                lines.retain(|line| is_wanted(query, line));
                lines.iter_mut().for_each(|line| line.journal_sequence = self.time);
                if !lines.is_empty() {
                    self.ahead = Some((self.time, lines));
                }
            }
        }
        Ok(())
    }
}

/// The newest page of what is asked for, of all these journals. Rows of one time are never on two pages.
pub(crate) fn merged_page(
    journals: &[&Path],
    archive: Option<&Arc<dyn Archive>>,
    query: &StatementQuery,
) -> Result<StatementPage, Error> {
    let mut walks = journals.iter().map(|path| Walk::open(path, archive, query)).collect::<Result<Vec<_>, _>>()?;
    let mut page = StatementPage { lines: Vec::new(), next: None };
    loop {
        let newest = walks.iter_mut().filter(|walk| walk.ahead.is_some());
        let Some(walk) = newest.max_by_key(|walk| walk.ahead.as_ref().map(|(time, _)| *time)) else { return Ok(page) };
        let Some((time, lines)) = walk.ahead.take() else { return Ok(page) };
        let last = page.lines.last().map(|line| line.journal_sequence);
        if page.lines.len() >= query.limit.max(1) && last != Some(time) {
            page.next = last;
            return Ok(page);
        }
        page.lines.extend(lines.into_iter().rev());
        walk.advance(query)?;
    }
}
