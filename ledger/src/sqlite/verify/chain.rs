//! The audit of what a journal has in its archive: every segment from row 1 on, each following from the one before it, and each opening
//! from the rows before it. What is done with a row is the parent's.

use super::{Audit, Kept};
use crate::archive::{Mark, Segment};
use crate::error::Error;
use crate::sqlite::books::Books;
use crate::sqlite::opening::{self, Opening};
use crate::sqlite::past::{Past, Shelf};
use crate::sqlite::segment::{self, Raw};
use crate::sqlite::{snapshot, trimming};
use rusqlite::Connection;

impl Audit {
    /// Goes through everything up to where the journal is cut; tells where that is. Without an archive the balances are taken as they stand
    /// there.
    pub(super) fn begin(&mut self, past: Past<'_>, until: u64) -> Result<u64, Error> {
        let cut = opening::cut(past.connection)?;
        let opening = match opening::load(past.connection) {
            Err(error @ Error::Damaged { .. }) => {
                self.found.fault(error.to_string());
                None
            }
            loaded => loaded?,
        };
        let books = opening.as_ref().map(Opening::books).transpose()?;
        match past.shelf {
            Some(shelf) => {
                let is_whole = self.on_archive(past.connection, shelf, cut, until)?;
                if let Some(books) = &books {
                    match is_whole {
                        true => self.compare_with(&Kept::of(books), "what the journal begins with: "),
                        false => self.go_on_from(books),
                    }
                }
            }
            None => {
                self.found.unread = cut;
                books.iter().for_each(|books| self.go_on_from(books));
            }
        }
        self.sequence = cut;
        Ok(cut)
    }

    /// Takes balances as they stand: what led to them is not known.
    fn go_on_from(&mut self, books: &Books) {
        self.accounts.clear();
        for slot in books.existing() {
            let recount = self.accounts.entry(slot.account).or_default();
            (recount.posted, recount.held) = (slot.balance.posted.into(), slot.balance.held.into());
            recount.line = slot.line;
        }
        self.companies = books.companies.iter().map(|(company, line)| (*company, *line)).collect();
        self.open = Kept::of(books).open.into_iter().collect();
    }

    /// Whether every row up to the cut was there.
    fn on_archive(&mut self, connection: &Connection, shelf: &Shelf, cut: u64, until: u64) -> Result<bool, Error> {
        let (mut last, mut sum, mut is_whole) = (0, 0, true);
        loop {
            let segment = match shelf.archive.having(&shelf.name, last + 1) {
                Ok(Some(segment)) => segment,
                Ok(None) => break,
                Err(what) => {
                    self.found.fault(format!("the archive cannot be read: {what}"));
                    break;
                }
            };
            let mark @ Mark { first, before, .. } = segment.mark;
            if mark.last > until {
                // It was written after this reading began.
                break;
            }
            if first != last + 1 || before != sum {
                self.found
                    .fault(format!("the segment of rows {first} to {} does not follow the one before it", mark.last));
            }
            (last, sum) = (mark.last, mark.sum);
            match segment::unpack(&segment) {
                Ok(rows) if mark.last <= cut => self.on_archived(&segment, &rows),
                Ok(rows) => self.on_copied(connection, mark, &rows)?,
                Err(error) => {
                    self.found.fault(error.to_string());
                    is_whole &= mark.last > cut;
                }
            }
        }
        if last < cut {
            self.found.fault(format!("the archive ends with row {last}, and the journal begins after row {cut}"));
        }
        Ok(is_whole && last >= cut)
    }

    /// Rows that are nowhere else.
    fn on_archived(&mut self, segment: &Segment, rows: &[Raw]) {
        let Mark { last, .. } = segment.mark;
        for raw in rows {
            self.on_row(raw.sequence);
            self.found.archived += 1;
            match raw.line() {
                Ok(line) => self.on_line(&line),
                Err(error) => self.found.fault(error.to_string()),
            }
        }
        match segment.opening.as_deref().map(snapshot::decode) {
            None => {}
            Some(Ok(books)) => self.compare_with(&Kept::of(&books), &format!("what is archived after row {last}: ")),
            Some(Err(garbled)) => self.found.fault(format!("what is archived after row {last}: {}", garbled.0)),
        }
    }

    /// Rows that the journal has too.
    fn on_copied(&mut self, connection: &Connection, mark: Mark, rows: &[Raw]) -> Result<(), Error> {
        match trimming::rows(connection, mark.first, mark.last) {
            Ok(here) if here == rows => Ok(()),
            Ok(_) => {
                let Mark { first, last, .. } = mark;
                self.found.fault(format!("rows {first} to {last} are otherwise in the archive than in the journal"));
                Ok(())
            }
            // The journal's own audit tells it.
            Err(Error::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
