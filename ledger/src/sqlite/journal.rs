//! The journal's file: its tables, its lock, and the questions that are put to it. What a row says is in [`super::row`]; who
//! writes is [`super::writer`].
//!
//! - `journal`: one row for each journalled batch. `seq` counts from 1 without a gap. `id` is the batch's subject (16 bytes) and
//!   sequence (8 bytes), both big-endian. `memo_kind` is 1 for `CallOpened`, 2 for
//!   `CallEnded`, 3 for `Note`. `sum` is a checksum over all of these.
//! - `place`, `placed`: the row of an id; see [`super::places`].
//! - `stranger`: rows that make, extend or end a hold whose subject is not the batch's; without it such a name could not be found again.
//! - `snapshot`: all balances and live subjects after row `seq`, made from the same balances that answered. Only the start uses it.
//!
//! - `opening`: what the journal begins with where it was cut ([`super::opening`]). What is gone is in the archive ([`super::past`] asks both),
//!   so that every balance can be recomputed from the very first row.

use super::bytes::checksum;
use super::opening;
use super::places::{self, Reading, Tail, id_of, key, keys};
use super::row::{self, Row};
use super::settings::BUSY;
use super::subjects::{BIRTHS_END, Findings, Question, Recent, sorts_by_birth};
use crate::api::MemoKind;
use crate::error::Error;
use domain::CompanyId;
use domain::credit::{Batch, BatchId, HoldId, Kind, Memo, Transfer};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The tables' version, in SQLite's `user_version`.
const FORMAT: i64 = 4;
/// The version before: there was no `opening`, for nothing was ever trimmed.
const FORMAT_WHOLE: i64 = 3;
/// The version before that: `id` had an index of its own, kept row by row.
const FORMAT_INDEXED: i64 = 2;
/// Pages of the write-ahead log before they are copied home: 16 MB, so that a busy page is copied once for many groups.
const CHECKPOINT_PAGES: u32 = 4_096;
/// Prepared statements that a connection keeps: all that there are.
const STATEMENTS: usize = 32;
/// Ids looked at, from above, for the newest subject that sorts by birth.
const NEWEST_LOOKED_AT: usize = 100_000;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS journal (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  body BLOB NOT NULL,
  memo_kind INTEGER,
  memo TEXT,
  sum INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS stranger (subject BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (subject, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (seq INTEGER PRIMARY KEY, body BLOB NOT NULL, sum INTEGER NOT NULL);
";

pub(super) fn written(source: rusqlite::Error) -> Error {
    Error::Journal { doing: "written", source }
}

pub(super) fn read(source: rusqlite::Error) -> Error {
    Error::Journal { doing: "read", source }
}

fn opened(source: rusqlite::Error) -> Error {
    Error::Journal { doing: "opened", source }
}

pub(super) fn damaged(sequence: u64, what: impl Into<String>) -> Error {
    Error::Damaged { sequence, what: what.into() }
}

/// Holds the ledger for this process until dropped; the operating system lets go when the process dies.
pub(super) struct Lock(#[expect(dead_code, reason = "kept open, for the lock is the file's")] File);

/// How often the lock is asked for before it is taken by another. A former process that was told to end may still write; and where
/// a process starts another program, that one holds its files, this one among them, for a moment.
const LOCK_TRIES: u32 = 100;
/// The pause between two of them.
const LOCK_ASKED_EVERY: Duration = Duration::from_millis(10);

/// Takes the lock beside the ledger's file.
pub(super) fn lock(path: &Path) -> Result<Lock, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let failed = |source| Error::File { path: lock.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock).map_err(failed)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_ASKED_EVERY),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
    Err(Error::InUse { path: path.to_path_buf() })
}

/// Whether no process has the journal at this moment. Where it cannot be told it counts as taken.
pub(crate) fn is_free(path: &Path) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    // A journal that never was is nobody's.
    let Ok(file) = OpenOptions::new().write(true).open(&name) else { return path.exists() };
    file.try_lock().is_ok()
}

/// Opens the journal for writing, made where there is none.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open(path).map_err(opened)?;
    connection.busy_timeout(BUSY).map_err(opened)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL").map_err(opened)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(opened)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(opened)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(opened)?;
    match version {
        FORMAT => {}
        0 => connection
            .execute_batch(&format!(
                "BEGIN; {TABLES} {} {} PRAGMA user_version = {FORMAT}; COMMIT;",
                places::TABLES,
                opening::TABLE
            ))
            .map_err(opened)?,
        FORMAT_INDEXED => bring_over(&connection)?,
        FORMAT_WHOLE => connection
            .execute_batch(&format!("BEGIN; {} PRAGMA user_version = {FORMAT}; COMMIT;", opening::TABLE))
            .map_err(opened)?,
        found => return Err(Error::Format { found, expected: FORMAT }),
    }
    Ok(connection)
}

/// Copies a journal whose ids have an index of their own into one where that is a table, and is filled late.
fn bring_over(connection: &Connection) -> Result<(), Error> {
    tracing::info!("the ledger's journal is brought over to format {FORMAT}: its rows are copied once");
    let placed = "INSERT INTO place (id, seq) SELECT id, seq FROM former ORDER BY id;
      UPDATE placed SET until = (SELECT coalesce(max(seq), 0) FROM former);";
    let columns = "seq, id, body, memo_kind, memo, sum";
    connection
        .execute_batch(&format!(
            "BEGIN; ALTER TABLE journal RENAME TO former; {TABLES} {} {}
             INSERT INTO journal ({columns}) SELECT {columns} FROM former ORDER BY seq; {placed}
             DROP TABLE former; PRAGMA user_version = {FORMAT}; COMMIT;",
            places::TABLES,
            opening::TABLE
        ))
        .map_err(opened)
}

/// Opens the journal for reading only.
pub(super) fn open_to_read(path: &Path) -> Result<Reading, Error> {
    Ok(Reading::new(connect_to_read(path)?))
}

/// The same, for who shares what the writer has not put into the table of places.
pub(super) fn open_beside(path: &Path, tail: Tail) -> Result<Reading, Error> {
    Ok(Reading::beside(connect_to_read(path)?, tail))
}

fn connect_to_read(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(opened)?;
    connection.busy_timeout(BUSY).map_err(opened)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(opened)?;
    if version != FORMAT {
        return Err(Error::Format { found: version, expected: FORMAT });
    }
    Ok(connection)
}

/// The journal's number of [`Memo::CallOpened`].
pub(super) const OPENED: i64 = 1;
/// The journal's number of [`Memo::CallEnded`].
pub(super) const ENDED: i64 = 2;

/// The journal's number and text of a memo.
pub(super) fn memo_columns(memo: Option<&Memo>) -> (Option<i64>, Option<&str>) {
    match memo {
        None => (None, None),
        Some(Memo::CallOpened(text)) => (Some(OPENED), Some(text)),
        Some(Memo::CallEnded(text)) => (Some(ENDED), Some(text)),
        Some(Memo::Note(text)) => (Some(3), Some(text)),
    }
}

/// The memo of these columns.
pub(super) fn memo_of(kind: Option<i64>, text: Arc<str>) -> Option<Memo> {
    match memo_kind(kind?)? {
        MemoKind::CallOpened => Some(Memo::CallOpened(text)),
        MemoKind::CallEnded => Some(Memo::CallEnded(text)),
        MemoKind::Note => Some(Memo::Note(text)),
    }
}

fn memo_kind(number: i64) -> Option<MemoKind> {
    match number {
        1 => Some(MemoKind::CallOpened),
        2 => Some(MemoKind::CallEnded),
        3 => Some(MemoKind::Note),
        _ => None,
    }
}

/// The checksum of a row.
pub(super) fn sum_of(sequence: u64, key: &[u8], body: &[u8], memo_kind: Option<i64>, memo: Option<&str>) -> i64 {
    let kind = memo_kind.unwrap_or(0).to_be_bytes();
    checksum(&[&sequence.to_be_bytes(), key, body, &kind, memo.unwrap_or("").as_bytes()])
}

/// A row with what stands beside its body.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) sequence: u64,
    pub(super) id: BatchId,
    pub(super) row: Row,
    pub(super) memo: Option<MemoKind>,
    /// The text of a note, where it was asked for.
    pub(super) note: Option<Arc<str>>,
    /// Whether the checksum is right; only where the whole memo was read.
    pub(super) is_sound: bool,
}

/// Which texts of memos to read with a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// Those of notes.
    Notes,
    /// All; the checksum is checked.
    All,
}

fn line(row: &rusqlite::Row<'_>, texts: Texts) -> Result<Line, Error> {
    let sequence = row.get::<_, i64>(0).map_err(read)? as u64;
    let unreadable = |source: rusqlite::types::FromSqlError| damaged(sequence, source.to_string());
    let key = row.get_ref(1).map_err(read)?.as_blob().map_err(unreadable)?;
    let body = row.get_ref(2).map_err(read)?.as_blob().map_err(unreadable)?;
    let kind: Option<i64> = row.get(3).map_err(|source| damaged(sequence, source.to_string()))?;
    let memo = row.get_ref(4).map_err(read)?.as_str_or_null().map_err(unreadable)?;
    let sum: i64 = row.get(5).map_err(|source| damaged(sequence, source.to_string()))?;
    let is_sound = texts == Texts::Notes || sum == sum_of(sequence, key, body, kind, memo);
    let id = id_of(key).ok_or_else(|| damaged(sequence, "its id is not 24 bytes long"))?;
    let decoded = row::decode(body, id.subject).map_err(|garbled| damaged(sequence, garbled.0))?;
    let note = memo.filter(|_| kind == Some(3)).map(Arc::from);
    Ok(Line { sequence, id, row: decoded, memo: kind.and_then(memo_kind), note, is_sound })
}

/// A row that was kept elsewhere than in the journal, with what stood beside its body; who kept it has checked it.
pub(super) fn line_of(sequence: u64, id: BatchId, row: Row, kind: Option<i64>, memo: Option<&str>) -> Line {
    let note = memo.filter(|_| kind == Some(3)).map(Arc::from);
    Line { sequence, id, row, memo: kind.and_then(memo_kind), note, is_sound: true }
}

/// Reads one row.
pub(super) fn line_at(connection: &Connection, sequence: u64) -> Result<Option<Line>, Error> {
    let sql = "SELECT seq, id, body, memo_kind, CASE memo_kind WHEN 3 THEN memo END, sum FROM journal WHERE seq = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let mut rows = statement.query([sequence as i64]).map_err(read)?;
    rows.next().map_err(read)?.map(|row| line(row, Texts::Notes)).transpose()
}

/// Reads every row after `after` and up to `until`, oldest first. `each` also hears of rows that cannot be understood, and ends
/// the reading by returning an error.
pub(super) fn each_line(
    connection: &Connection,
    after: u64,
    until: u64,
    mut each: impl FnMut(u64, Result<Line, Error>) -> Result<(), Error>,
) -> Result<(), Error> {
    let sql = "SELECT seq, id, body, memo_kind, memo, sum FROM journal WHERE seq > ?1 AND seq <= ?2 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let until = i64::try_from(until).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![after as i64, until]).map_err(read)?;
    while let Some(row) = rows.next().map_err(read)? {
        let sequence = row.get::<_, i64>(0).map_err(read)? as u64;
        each(sequence, line(row, Texts::All))?;
    }
    Ok(())
}

/// The sequence number of the last row, whether it is still here or not; 0 where there never was one.
pub(super) fn last(connection: &Connection) -> Result<u64, Error> {
    let last: Option<i64> = connection.query_row("SELECT max(seq) FROM journal", [], |row| row.get(0)).map_err(read)?;
    Ok((last.unwrap_or(0) as u64).max(opening::cut(connection)?))
}

/// Answers what the books no longer remember.
pub(super) fn consult(reading: &Reading, question: Question) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let highest = reading.highest(keys(question.subject), usize::MAX, |_| true)?;
    findings.highest = highest.ok().flatten().map(|id| id.sequence);
    if let Some(sequence) = question.sequence {
        let id = BatchId { subject: question.subject, sequence };
        if let Some(line) = reading.row_of(id)? {
            findings.recent = body_at(reading, line)?.map(|row| Recent { sequence, line, row });
        }
    }
    if question.names {
        findings.names = Some(names(reading, question.subject)?);
    }
    Ok(findings)
}

/// None where the row was trimmed.
fn body_at(connection: &Connection, sequence: u64) -> Result<Option<Arc<[u8]>>, Error> {
    let mut statement = connection.prepare_cached("SELECT body FROM journal WHERE seq = ?1").map_err(read)?;
    let body: Option<Vec<u8>> = statement.query_row([sequence as i64], |row| row.get(0)).optional().map_err(read)?;
    match body {
        Some(body) => Ok(Some(Arc::from(body))),
        None => expect_trimmed(connection, sequence).map(|()| None),
    }
}

/// A row that is known of and not there was trimmed, or the journal is damaged.
fn expect_trimmed(connection: &Connection, sequence: u64) -> Result<(), Error> {
    if sequence <= opening::cut(connection)? { Ok(()) } else { Err(damaged(sequence, "it is missing")) }
}

/// The ended holds of a subject: company, number, what was captured.
fn names(reading: &Reading, subject: u128) -> Result<Vec<(CompanyId, u32, i64)>, Error> {
    let mut names = Vec::new();
    each_line_about(reading, subject, |line| names_of(line, subject, &mut names))?;
    names.sort_unstable();
    Ok(names)
}

/// Adds the holds of a subject that a row ends.
pub(super) fn names_of(line: &Line, subject: u128, names: &mut Vec<(CompanyId, u32, i64)>) {
    for (transfer, _) in &line.row.transfers {
        match transfer.kind {
            Kind::Capture { hold, amount } if hold.subject == subject => {
                names.push((line.row.company, hold.number, amount));
            }
            Kind::Release { hold } if hold.subject == subject => names.push((line.row.company, hold.number, 0)),
            _ => {}
        }
    }
}

/// Reads every applied row that makes or ends holds of a subject, its own batches' and others'.
pub(super) fn each_line_about(reading: &Reading, subject: u128, mut each: impl FnMut(&Line)) -> Result<(), Error> {
    let mut rows = reading.rows_of(subject)?;
    rows.extend(rows_of_strangers(reading, subject)?);
    for sequence in rows {
        match line_at(reading, sequence)? {
            Some(line) if line.row.refusal.is_none() => each(&line),
            Some(_) => {}
            None => expect_trimmed(reading, sequence)?,
        }
    }
    Ok(())
}

/// The rows that make or end holds of a subject and are not its own.
fn rows_of_strangers(connection: &Connection, subject: u128) -> Result<Vec<u64>, Error> {
    let sql = "SELECT seq FROM stranger WHERE subject = ?1 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let rows = statement.query_map([subject.to_be_bytes()], |row| row.get::<_, i64>(0)).map_err(read)?;
    rows.map(|row| row.map(|row| row as u64).map_err(read)).collect()
}

/// The subjects of holds in a batch that are not the batch's own.
pub(super) fn strangers(batch: &Batch) -> Vec<u128> {
    strangers_of(batch.id.subject, batch.transfers.iter())
}

/// The subjects of holds in the transfers of a batch about a subject that are not its own.
pub(super) fn strangers_of<'a>(own: u128, transfers: impl Iterator<Item = &'a Transfer>) -> Vec<u128> {
    let mut strangers: Vec<u128> = Vec::new();
    for transfer in transfers {
        if let Kind::Hold { hold: HoldId { subject, .. }, .. }
        | Kind::Capture { hold: HoldId { subject, .. }, .. }
        | Kind::Release { hold: HoldId { subject, .. } }
        | Kind::Extend { hold: HoldId { subject, .. }, .. } = transfer.kind
            && subject != own
            && !strangers.contains(&subject)
        {
            strangers.push(subject);
        }
    }
    strangers
}

/// The newest subject that sorts by birth, of all that are in the journal; [`BIRTHS_END`] where it cannot be found quickly: then every
/// subject is looked up.
pub(super) fn newest_subject(reading: &Reading) -> Result<u128, Error> {
    let births =
        (key(BatchId { subject: 0, sequence: 0 }), key(BatchId { subject: BIRTHS_END - 1, sequence: u64::MAX }));
    let Ok(own) = reading.highest(births, NEWEST_LOOKED_AT, |id| sorts_by_birth(id.subject))? else {
        return Ok(BIRTHS_END);
    };
    let sql = "SELECT subject FROM stranger WHERE subject < ?1 ORDER BY subject DESC";
    let mut statement = reading.prepare_cached(sql).map_err(read)?;
    let mut rows = statement.query([BIRTHS_END.to_be_bytes()]).map_err(read)?;
    let mut newest = own.map_or(0, |id| id.subject).max(opening::newest(reading)?);
    let mut looked_at = 0;
    while let Some(row) = rows.next().map_err(read)? {
        let subject = u128::from_be_bytes(row.get(0).map_err(read)?);
        if sorts_by_birth(subject) {
            newest = newest.max(subject);
            break;
        }
        looked_at += 1;
        if looked_at >= NEWEST_LOOKED_AT {
            return Ok(BIRTHS_END);
        }
    }
    Ok(newest)
}

/// The latest [`Memo::CallOpened`] of a subject's batches.
pub(super) fn opened_memo(reading: &Reading, subject: u128) -> Result<Option<Arc<str>>, Error> {
    let mut rows = reading.rows_of(subject)?;
    rows.sort_unstable_by(|one, other| other.cmp(one));
    Ok(first_memo(reading, &rows, OPENED)?.map(|(_, text)| text))
}

/// The [`Memo::CallEnded`] of a subject's batches.
pub(super) fn ended_memo(reading: &Reading, subject: u128) -> Result<Option<(u64, Arc<str>)>, Error> {
    let mut rows = reading.rows_of(subject)?;
    rows.sort_unstable();
    first_memo(reading, &rows, ENDED)
}

/// The first of these rows that has a memo of this kind.
fn first_memo(connection: &Connection, rows: &[u64], kind: i64) -> Result<Option<(u64, Arc<str>)>, Error> {
    let sql = "SELECT memo FROM journal WHERE seq = ?1 AND memo_kind = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    for row in rows {
        let memo: Option<String> =
            statement.query_row(params![*row as i64, kind], |row| row.get(0)).optional().map_err(read)?;
        if let Some(memo) = memo {
            return Ok(Some((*row, Arc::from(memo))));
        }
    }
    Ok(None)
}

/// The records of ended calls after a row. They have no index: who asks has had all up to that row, and what follows is mostly the
/// batches of the very calls that ended, so reading on costs less than an entry in an index for each call.
pub(super) fn ended_after(connection: &Connection, sequence: u64, limit: usize) -> Result<Vec<(u64, Arc<str>)>, Error> {
    let sql = "SELECT seq, memo FROM journal WHERE memo_kind = 2 AND seq > ?1 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let mut rows = statement.query([i64::try_from(sequence).unwrap_or(i64::MAX)]).map_err(read)?;
    let mut ended = Vec::new();
    while ended.len() < limit
        && let Some(row) = rows.next().map_err(read)?
    {
        let sequence = row.get::<_, i64>(0).map_err(read)? as u64;
        let memo = row.get_ref(1).map_err(read)?.as_str().map_err(|source| damaged(sequence, source.to_string()))?;
        ended.push((sequence, Arc::from(memo)));
    }
    Ok(ended)
}
