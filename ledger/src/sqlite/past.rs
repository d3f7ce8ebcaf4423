//! The journal and its archive asked together, as if nothing had ever been trimmed. What each of them says by itself is in
//! [`super::journal`] and [`super::segment`].
//!
//! A row that goes from the journal is in the archive before. So the journal is asked first, then up to where it is cut, then the archive for
//! what is up to there: whatever is trimmed meanwhile is found in one of them, and what is found in both counts once.

use super::journal::{self, Line};
use super::opening;
use super::places::Reading;
use super::segment::{self, Raw, Unpacked};
use super::subjects::{Findings, Question, Recent};
use crate::archive::Archive;
use crate::error::Error;
use domain::CompanyId;
use domain::credit::{HoldId, Kind};
use parking_lot::Mutex;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// Rows of segments that were read lately and are kept: two full segments, about 30 MB.
const READ_ROWS: usize = 2 * segment::ROWS as usize;

/// The archive of one journal.
pub(super) struct Shelf {
    pub(super) archive: Arc<dyn Archive>,
    /// By what name the archive knows the journal.
    pub(super) name: String,
    /// The segments that were read last, the newest in front: a statement reads on in one.
    read: Mutex<VecDeque<Arc<Unpacked>>>,
}

/// The name by which a store knows a journal: its file's.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| "ledger.db".to_owned(), |name| name.to_string_lossy().into_owned())
}

pub(super) fn unread(what: String) -> Error {
    Error::Archive { doing: "read", what }
}

impl Shelf {
    pub(super) fn of(archive: Option<&Arc<dyn Archive>>, path: &Path) -> Option<Self> {
        archive.map(|archive| Self { archive: Arc::clone(archive), name: name_of(path), read: Mutex::default() })
    }

    /// The segment that has a row.
    pub(super) fn having(&self, row: u64) -> Result<Arc<Unpacked>, Error> {
        let mut read = self.read.lock();
        if let Some(kept) = read.iter().find(|kept| kept.row(row).is_some()) {
            return Ok(Arc::clone(kept));
        }
        let found = self.archive.having(&self.name, row).map_err(unread)?;
        let found = found.ok_or_else(|| unread(format!("it has no row {row} of {}", self.name)))?;
        let unpacked = Arc::new(Unpacked::of(&found)?);
        read.push_front(Arc::clone(&unpacked));
        while read.len() > 1 && read.iter().map(|kept| kept.rows.len()).sum::<usize>() > READ_ROWS {
            read.pop_back();
        }
        Ok(unpacked)
    }

    /// Reads the rows about a subject up to row `until`, oldest first: its own batches', and others' that make or end its holds.
    fn each_about(
        &self,
        subject: u128,
        until: u64,
        wanted: impl Fn(Option<(u64, u64)>) -> bool,
        mut each: impl FnMut(&Raw, &Line) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (first, mention) in self.archive.about(&self.name, subject).map_err(unread)? {
            if first > until || !wanted(mention.own) {
                continue;
            }
            for raw in self.having(first)?.rows.iter().take_while(|raw| raw.sequence <= until) {
                let is_own = raw.id.subject == subject;
                let may_name = mention.by_others && has_bytes(&raw.body, subject);
                if !is_own && !may_name {
                    continue;
                }
                let line = raw.line()?;
                let transfers = line.row.transfers.iter().map(|(transfer, _)| transfer);
                if is_own || journal::strangers_of(raw.id.subject, transfers).contains(&subject) {
                    each(raw, &line)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether the bytes of a subject occur in a row's: a hold of another subject is written with all of them.
fn has_bytes(body: &[u8], subject: u128) -> bool {
    body.windows(16).any(|window| window == subject.to_be_bytes())
}

/// A journal with its archive.
#[derive(Clone, Copy)]
pub(super) struct Past<'a> {
    pub(super) connection: &'a Reading,
    pub(super) shelf: Option<&'a Shelf>,
}

impl Past<'_> {
    /// The archive, up to where the journal is cut; none where it is not.
    fn archived(&self) -> Result<Option<(&Shelf, u64)>, Error> {
        match (opening::cut(self.connection)?, self.shelf) {
            (0, _) => Ok(None),
            (cut, Some(shelf)) => Ok(Some((shelf, cut))),
            (cut, None) => Err(Error::NoArchive { cut }),
        }
    }

    /// Reads one row.
    pub(super) fn line_at(&self, sequence: u64) -> Result<Option<Line>, Error> {
        if let Some(line) = journal::line_at(self.connection, sequence)? {
            return Ok(Some(line));
        }
        match self.archived()? {
            Some((shelf, cut)) if sequence <= cut && sequence > 0 => {
                shelf.having(sequence)?.row(sequence).map(Raw::line).transpose()
            }
            _ => Ok(None),
        }
    }

    /// As [`journal::each_line`].
    pub(super) fn each_line(
        &self,
        after: u64,
        until: u64,
        mut each: impl FnMut(u64, Result<Line, Error>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut next = after + 1;
        if let Some((shelf, cut)) = self.archived().or_else(|error| if_behind(error, after))? {
            while next <= cut.min(until) {
                let segment = shelf.having(next)?;
                let mut rows = segment.rows.iter().filter(|raw| raw.sequence >= next && raw.sequence <= cut.min(until));
                rows.try_for_each(|raw| each(raw.sequence, raw.line()))?;
                next = segment.mark.last + 1;
            }
            next = next.min(cut + 1).max(after + 1);
        }
        journal::each_line(self.connection, next - 1, until, each)
    }

    /// As [`journal::each_line_about`], in the journal's order.
    pub(super) fn each_line_about(&self, subject: u128, mut each: impl FnMut(&Line)) -> Result<(), Error> {
        let mut here = Vec::new();
        journal::each_line_about(self.connection, subject, |line| here.push(line.clone()))?;
        let mut seen = BTreeSet::new();
        if let Some((shelf, cut)) = self.archived()? {
            shelf.each_about(
                subject,
                cut,
                |_| true,
                |raw, line| {
                    seen.insert(raw.sequence);
                    if line.row.refusal.is_none() {
                        each(line);
                    }
                    Ok(())
                },
            )?;
        }
        here.sort_unstable_by_key(|line| line.sequence);
        here.iter().filter(|line| !seen.contains(&line.sequence)).for_each(each);
        Ok(())
    }

    /// Answers what the books no longer remember: a batch is known for ever, wherever its row is.
    pub(super) fn consult(&self, question: Question) -> Result<Findings, Error> {
        let mut findings = journal::consult(self.connection, question)?;
        let Some((shelf, cut)) = self.archived()? else { return Ok(findings) };
        let mentions = shelf.archive.about(&shelf.name, question.subject).map_err(unread)?;
        let own = mentions.iter().filter(|(first, _)| *first <= cut).filter_map(|(_, mention)| mention.own);
        findings.highest = findings.highest.max(own.map(|(_, highest)| highest).max());
        let may_be_there = |own: Option<(u64, u64)>| {
            let is_within = |sequence| own.is_some_and(|(low, high)| low <= sequence && sequence <= high);
            question.names || question.sequence.is_some_and(is_within)
        };
        let mut names: Vec<(CompanyId, u32, i64)> = Vec::new();
        shelf.each_about(question.subject, cut, may_be_there, |raw, line| {
            if raw.id.subject == question.subject && Some(raw.id.sequence) == question.sequence {
                let row = Arc::from(&raw.body[..]);
                findings.recent = Some(Recent { sequence: raw.id.sequence, line: raw.sequence, row });
            }
            if line.row.refusal.is_none() {
                journal::names_of(line, question.subject, &mut names);
            }
            Ok(())
        })?;
        if let Some(known) = &mut findings.names {
            known.extend(names);
            known.sort_unstable();
            known.dedup();
        }
        Ok(findings)
    }

    /// How often a hold of this name is made, as far as there are rows to tell.
    pub(super) fn times_made(&self, company: CompanyId, name: HoldId) -> Result<usize, Error> {
        let mut times = 0;
        let mut count = |line: &Line| {
            let makes = |kind: Kind| matches!(kind, Kind::Hold { hold, .. } if hold == name);
            times += line.row.transfers.iter().filter(|(transfer, _)| makes(transfer.kind)).count()
                * usize::from(line.row.company == company);
        };
        match self.shelf {
            Some(_) => self.each_line_about(name.subject, count)?,
            None => journal::each_line_about(self.connection, name.subject, &mut count)?,
        }
        Ok(times)
    }

    /// As [`journal::ended_after`]. Where the archive does not reach, as with a store that is new, what is left is all there is.
    pub(super) fn ended_after(&self, sequence: u64, limit: usize) -> Result<Vec<(u64, Arc<str>)>, Error> {
        let mut ended = Vec::new();
        let mut next = sequence.saturating_add(1);
        let archived = match self.archived() {
            Err(Error::NoArchive { .. }) => None,
            archived => archived?.filter(|(_, cut)| next <= *cut),
        };
        if let Some((shelf, cut)) = archived {
            let reach = shelf.archive.last(&shelf.name).map_err(unread)?.map_or(0, |mark| mark.last);
            while next <= cut.min(reach) && ended.len() < limit {
                let segment = shelf.having(next)?;
                let rows = segment.rows.iter().filter(|raw| raw.sequence >= next && raw.sequence <= cut);
                let memos = rows.filter(|raw| raw.memo_kind == Some(journal::ENDED));
                let found = memos.filter_map(|raw| Some((raw.sequence, Arc::from(raw.memo.as_deref()?))));
                ended.extend(found.take(limit - ended.len()));
                next = segment.mark.last + 1;
            }
            next = next.max(cut + 1);
        }
        if ended.len() < limit {
            ended.extend(journal::ended_after(self.connection, next - 1, limit - ended.len())?);
        }
        Ok(ended)
    }

    /// The latest memo with which a call of this subject was opened.
    pub(super) fn opened_memo(&self, subject: u128) -> Result<Option<Arc<str>>, Error> {
        if let Some(memo) = journal::opened_memo(self.connection, subject)? {
            return Ok(Some(memo));
        }
        Ok(self.archived_memo(subject, journal::OPENED)?.map(|(_, memo)| memo))
    }

    /// The memo with which a call of this subject ended, and its row.
    pub(super) fn ended_memo(&self, subject: u128) -> Result<Option<(u64, Arc<str>)>, Error> {
        match journal::ended_memo(self.connection, subject)? {
            Some(found) => Ok(Some(found)),
            None => self.archived_memo(subject, journal::ENDED),
        }
    }

    /// The last memo of this kind that the archive has of a subject.
    fn archived_memo(&self, subject: u128, kind: i64) -> Result<Option<(u64, Arc<str>)>, Error> {
        let Some((shelf, cut)) = self.archived()? else { return Ok(None) };
        let mut found = None;
        shelf.each_about(
            subject,
            cut,
            |own| own.is_some(),
            |raw, _| {
                if let (Some(text), true) = (&raw.memo, raw.memo_kind == Some(kind) && raw.id.subject == subject) {
                    found = Some((raw.sequence, Arc::from(text.as_str())));
                }
                Ok(())
            },
        )?;
        Ok(found)
    }
}

/// Who reads only what is behind the cut needs no archive.
fn if_behind<'a>(error: Error, after: u64) -> Result<Option<(&'a Shelf, u64)>, Error> {
    match error {
        Error::NoArchive { cut } if after >= cut => Ok(None),
        error => Err(error),
    }
}
