//! The journal's file: its tables, its lock, and the questions that are put to it. What a row says is in [`super::row`]; who
//! writes is [`super::writer`].
//!
//! - `journal`: one row for each journalled batch. `seq` counts from 1 without a gap. `id` is the batch's subject (16 bytes) and
//!   sequence (8 bytes), both big-endian, so that a subject's batches stand together. `memo_kind` is 1 for `CallOpened`, 2 for
//!   `CallEnded`, 3 for `Note`. `sum` is a checksum over all of these.
//! - `stranger`: rows that make or end a hold whose subject is not the batch's; without it such a name could not be found again.
//! - `snapshot`: all balances and live subjects after row `seq`, made from the same balances that answered. Only the start uses it.
//!
//! The journal is never shortened: every balance can be recomputed from its first row.

use super::bytes::checksum;
use super::row::{self, Row};
use super::settings::BUSY;
use super::subjects::{BIRTHS_END, Findings, Question, Recent, sorts_by_birth};
use crate::api::MemoKind;
use crate::error::Error;
use domain::CompanyId;
use domain::credit::{Batch, BatchId, HoldId, Kind, Memo};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The tables' version, in SQLite's `user_version`.
const FORMAT: i64 = 2;
/// Pages of the write-ahead log before they are copied home: 16 MB, so that a busy page is copied once for many groups.
const CHECKPOINT_PAGES: u32 = 4_096;
/// Prepared statements that a connection keeps: all that there are.
const STATEMENTS: usize = 32;
/// Ids looked at, from above, for the newest subject that sorts by birth.
const NEWEST_LOOKED_AT: usize = 100_000;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS journal (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
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
    if version == 0 {
        connection
            .execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;"))
            .map_err(opened)?;
    } else if version != FORMAT {
        return Err(Error::Format { found: version, expected: FORMAT });
    }
    Ok(connection)
}

/// Opens the journal for reading only.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, Error> {
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

/// A batch's id as the journal's key.
pub(super) fn key(id: BatchId) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&id.subject.to_be_bytes());
    key[16..].copy_from_slice(&id.sequence.to_be_bytes());
    key
}

pub(super) fn id_of(key: &[u8]) -> Option<BatchId> {
    let (subject, sequence) = key.split_first_chunk::<16>()?;
    let sequence: [u8; 8] = sequence.try_into().ok()?;
    Some(BatchId { subject: u128::from_be_bytes(*subject), sequence: u64::from_be_bytes(sequence) })
}

/// The journal's number and text of a memo.
pub(super) fn memo_columns(memo: Option<&Memo>) -> (Option<i64>, Option<&str>) {
    match memo {
        None => (None, None),
        Some(Memo::CallOpened(text)) => (Some(1), Some(text)),
        Some(Memo::CallEnded(text)) => (Some(2), Some(text)),
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

/// The sequence number of the last row; 0 where there is none.
pub(super) fn last(connection: &Connection) -> Result<u64, Error> {
    let last: Option<i64> = connection.query_row("SELECT max(seq) FROM journal", [], |row| row.get(0)).map_err(read)?;
    Ok(last.unwrap_or(0) as u64)
}

/// The keys of all batches of a subject: from, to.
fn keys(subject: u128) -> ([u8; 24], [u8; 24]) {
    (key(BatchId { subject, sequence: 0 }), key(BatchId { subject, sequence: u64::MAX }))
}

/// Answers what the books no longer remember.
pub(super) fn consult(connection: &Connection, question: Question) -> Result<Findings, Error> {
    let (from, to) = keys(question.subject);
    let mut findings = Findings::default();
    let sql = "SELECT id FROM journal WHERE id >= ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let highest: Option<Vec<u8>> = statement.query_row([from, to], |row| row.get(0)).optional().map_err(read)?;
    findings.highest = highest.and_then(|key| id_of(&key)).map(|id| id.sequence);
    if let Some(sequence) = question.sequence {
        let mut statement = connection.prepare_cached("SELECT seq, body FROM journal WHERE id = ?1").map_err(read)?;
        let id = key(BatchId { subject: question.subject, sequence });
        let found: Option<(i64, Vec<u8>)> =
            statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(read)?;
        findings.recent = found.map(|(line, body)| Recent { sequence, line: line as u64, row: body.into() });
    }
    if question.names {
        findings.names = Some(names(connection, question.subject)?);
    }
    Ok(findings)
}

/// The ended holds of a subject: company, number, what was captured.
fn names(connection: &Connection, subject: u128) -> Result<Vec<(CompanyId, u32, i64)>, Error> {
    let mut names = Vec::new();
    each_line_about(connection, subject, |line| {
        for (transfer, _) in &line.row.transfers {
            match transfer.kind {
                Kind::Capture { hold, amount } if hold.subject == subject => {
                    names.push((line.row.company, hold.number, amount));
                }
                Kind::Release { hold } if hold.subject == subject => names.push((line.row.company, hold.number, 0)),
                _ => {}
            }
        }
    })?;
    names.sort_unstable();
    Ok(names)
}

/// How often the journal makes a hold of this name.
pub(super) fn times_made(connection: &Connection, company: CompanyId, name: HoldId) -> Result<usize, Error> {
    let mut times = 0;
    each_line_about(connection, name.subject, |line| {
        let makes = |kind: Kind| matches!(kind, Kind::Hold { hold, .. } if hold == name);
        times += line.row.transfers.iter().filter(|(transfer, _)| makes(transfer.kind)).count()
            * usize::from(line.row.company == company);
    })?;
    Ok(times)
}

/// Reads every applied row that makes or ends holds of a subject, its own batches' and others'.
pub(super) fn each_line_about(
    connection: &Connection,
    subject: u128,
    mut each: impl FnMut(&Line),
) -> Result<(), Error> {
    let (from, to) = keys(subject);
    let own = "SELECT seq, id, body, memo_kind, NULL, sum FROM journal WHERE id >= ?1 AND id <= ?2";
    let others = "SELECT seq, id, body, memo_kind, NULL, sum FROM journal WHERE seq IN \
                  (SELECT seq FROM stranger WHERE subject >= ?1 AND subject <= ?2)";
    for (sql, from, to) in [(own, &from[..], &to[..]), (others, &from[..16], &to[..16])] {
        let mut statement = connection.prepare_cached(sql).map_err(read)?;
        let mut rows = statement.query([from, to]).map_err(read)?;
        while let Some(row) = rows.next().map_err(read)? {
            let line = line(row, Texts::Notes)?;
            if line.row.refusal.is_none() {
                each(&line);
            }
        }
    }
    Ok(())
}

/// The subjects of holds in a batch that are not the batch's own.
pub(super) fn strangers(batch: &Batch) -> Vec<u128> {
    let mut strangers: Vec<u128> = Vec::new();
    for transfer in &batch.transfers {
        if let Kind::Hold { hold: HoldId { subject, .. }, .. }
        | Kind::Capture { hold: HoldId { subject, .. }, .. }
        | Kind::Release { hold: HoldId { subject, .. } } = transfer.kind
            && subject != batch.id.subject
            && !strangers.contains(&subject)
        {
            strangers.push(subject);
        }
    }
    strangers
}

/// The newest subject that sorts by birth, of all that are in the journal; [`BIRTHS_END`] where it cannot be found quickly: then every
/// subject is looked up.
pub(super) fn newest_subject(connection: &Connection) -> Result<u128, Error> {
    let mut newest = 0;
    for sql in [
        "SELECT id FROM journal WHERE id < ?1 ORDER BY id DESC",
        "SELECT subject FROM stranger WHERE subject < ?1 ORDER BY subject DESC",
    ] {
        let mut statement = connection.prepare_cached(sql).map_err(read)?;
        let mut rows = statement.query([BIRTHS_END.to_be_bytes()]).map_err(read)?;
        let mut looked_at = 0;
        while let Some(row) = rows.next().map_err(read)? {
            let bytes: Vec<u8> = row.get(0).map_err(read)?;
            let subject = bytes.first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes));
            if sorts_by_birth(subject) {
                newest = newest.max(subject);
                break;
            }
            looked_at += 1;
            if looked_at >= NEWEST_LOOKED_AT {
                return Ok(BIRTHS_END);
            }
        }
    }
    Ok(newest)
}

/// The latest [`Memo::CallOpened`] of a subject's batches.
pub(super) fn opened_memo(connection: &Connection, subject: u128) -> Result<Option<Arc<str>>, Error> {
    let (from, to) = keys(subject);
    let sql = "SELECT memo FROM journal WHERE id >= ?1 AND id <= ?2 AND memo_kind = 1 ORDER BY seq DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let memo: Option<String> = statement.query_row([from, to], |row| row.get(0)).optional().map_err(read)?;
    Ok(memo.map(Arc::from))
}

/// The [`Memo::CallEnded`] of a subject's batches.
pub(super) fn ended_memo(connection: &Connection, subject: u128) -> Result<Option<(u64, Arc<str>)>, Error> {
    let (from, to) = keys(subject);
    let sql = "SELECT seq, memo FROM journal WHERE id >= ?1 AND id <= ?2 AND memo_kind = 2 ORDER BY seq LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let memo: Option<(i64, String)> =
        statement.query_row([from, to], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(read)?;
    Ok(memo.map(|(sequence, text)| (sequence as u64, Arc::from(text))))
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
