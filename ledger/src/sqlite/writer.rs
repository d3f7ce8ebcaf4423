//! The writer thread: takes what is pending, journals it as one group, then answers. What may be pending is decided in
//! [`super::engine`].

use super::engine::{Shared, Stop, Taken};
use super::intents::{self, Step};
use super::journal::{memo_columns, sum_of, written};
use super::places::{Placing, key};
use super::settings::Group;
use super::snapshot;
use crate::api::Reply;
use crate::error::Error;
use domain::credit::{BatchId, Memo, Outcome};
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::time::Duration;

/// A row that waits for the disk.
pub(super) struct PendingRow {
    pub(super) sequence: u64,
    pub(super) id: BatchId,
    pub(super) body: Arc<[u8]>,
    pub(super) memo: Option<Memo>,
    pub(super) strangers: Vec<u128>,
}

impl PendingRow {
    /// About how much memory it holds.
    pub(super) fn bytes(&self) -> usize {
        let (_, text) = memo_columns(self.memo.as_ref());
        self.body.len() + text.map_or(0, str::len) + 128
    }
}

/// What waits for the disk: a row, an answer, or both.
pub(super) struct Pending {
    pub(super) row: Option<PendingRow>,
    pub(super) answer: Option<(Reply, Outcome)>,
}

/// Runs until the ledger is closed, abandoned or dead. What the disk does not take now is kept and tried again, before anything newer, so
/// that rows stay in order and each is there once.
pub(super) fn run(shared: &Shared, connection: Connection, mut placing: Placing) {
    let mut owed = Owed::default();
    loop {
        let group = shared.take_group(!owed.is_empty());
        let stop = group.stop;
        if stop == Stop::Abandoned || group.has_failed {
            answer_unavailable(owed.pending.drain(..).chain(group.pending));
            owed = Owed::default();
            if stop != Stop::No {
                break;
            }
            continue;
        }
        owed.add(group);
        let now = || shared.settings.clock.as_ref().map(|clock| clock());
        let began = now();
        match commit(&connection, &owed, &placing) {
            Ok(is_written) => {
                let took = match (began, now()) {
                    (Some(began), Some(ended)) => ended.since(began),
                    _ => Duration::ZERO,
                };
                let Owed { pending, .. } = std::mem::take(&mut owed);
                if is_written {
                    // Before anybody is told: what the books forget from now on must be found.
                    let rows = pending.iter().filter_map(|pending| pending.row.as_ref());
                    placing.on_committed(rows.map(|row| (key(row.id), row.sequence)));
                }
                on_committed(shared, pending, took);
            }
            Err(error) => {
                let is_final = !shared.on_refused(&error) || stop != Stop::No;
                // Who waits is not kept waiting for room on the disk. The row stays: asked again under its id, it is known.
                owed.answer_unavailable();
                if is_final {
                    shared.fail();
                    owed = Owed::default();
                }
            }
        }
        if stop != Stop::No {
            break;
        }
    }
    // Leaves one file behind instead of three; where it fails, the next start reads the log all the same.
    if !shared.has_failed() && connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").is_err() {
        tracing::debug!("the ledger's log was not copied home at the end");
    }
}

/// What is taken and not on the disk: a group, and those before it that the disk did not take.
#[derive(Default)]
struct Owed {
    pending: Vec<Pending>,
    intents: Vec<Step>,
    snapshot: Option<(u64, Vec<u8>)>,
}

impl Owed {
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.intents.is_empty() && self.snapshot.is_none()
    }

    fn add(&mut self, group: Taken) {
        let Taken { pending, intents, snapshot, .. } = group;
        self.pending.extend(pending);
        self.intents.extend(intents);
        self.snapshot = snapshot.or(self.snapshot.take());
    }

    fn has_nothing_to_write(&self) -> bool {
        self.intents.is_empty() && self.snapshot.is_none() && self.pending.iter().all(|pending| pending.row.is_none())
    }

    fn answer_unavailable(&mut self) {
        for (reply, _) in self.pending.iter_mut().filter_map(|pending| pending.answer.take()) {
            reply(Outcome::Unavailable);
        }
        self.pending.retain(|pending| pending.row.is_some());
    }
}

/// Whether there was anything to write.
fn commit(connection: &Connection, owed: &Owed, placing: &Placing) -> Result<bool, Error> {
    if owed.has_nothing_to_write() {
        return Ok(false);
    }
    if !connection.is_autocommit() {
        // The group before could not even be rolled back.
        execute(connection, "ROLLBACK")?;
    }
    // Not `Connection::transaction`: that parses BEGIN and COMMIT anew for each group.
    execute(connection, "BEGIN IMMEDIATE")?;
    let inserted = insert(connection, &owed.pending, owed.snapshot.as_ref())
        .and_then(|()| intents::write(connection, &owed.intents))
        .and_then(|()| placing.write(connection));
    let done = inserted.and_then(|()| execute(connection, "COMMIT"));
    if done.is_err() && !connection.is_autocommit() && execute(connection, "ROLLBACK").is_err() {
        tracing::debug!("the ledger's group could not be rolled back; the next try does");
    }
    done.map(|()| true)
}

/// A row that is there already is somebody else's: this process writes each once.
fn overtaken(sequence: u64, source: rusqlite::Error) -> Error {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => Error::Overtaken { sequence },
        _ => written(source),
    }
}

fn execute(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(sql).map_err(written)?;
    statement.execute([]).map(drop).map_err(written)
}

fn insert(connection: &Connection, pending: &[Pending], snapshot: Option<&(u64, Vec<u8>)>) -> Result<(), Error> {
    let sql = "INSERT INTO journal (seq, id, body, memo_kind, memo, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = connection.prepare_cached(sql).map_err(written)?;
    for row in pending.iter().filter_map(|pending| pending.row.as_ref()) {
        let key = key(row.id);
        let (kind, memo) = memo_columns(row.memo.as_ref());
        let sum = sum_of(row.sequence, &key, &row.body, kind, memo);
        insert
            .execute(params![row.sequence as i64, key, &*row.body, kind, memo, sum])
            .map_err(|source| overtaken(row.sequence, source))?;
        for subject in &row.strangers {
            connection
                .prepare_cached("INSERT OR IGNORE INTO stranger (subject, seq) VALUES (?1, ?2)")
                .and_then(|mut insert| insert.execute(params![subject.to_be_bytes(), row.sequence as i64]))
                .map_err(written)?;
        }
    }
    if let Some((sequence, body)) = snapshot {
        snapshot::store(connection, *sequence, body)?;
    }
    Ok(())
}

fn on_committed(shared: &Shared, pending: Vec<Pending>, took: Duration) {
    let batches = pending.iter().filter(|pending| pending.row.is_some()).count();
    let last = pending.iter().rev().find_map(|pending| pending.row.as_ref()).map(|row| row.sequence);
    let ended = pending.iter().rev().find_map(|pending| match &pending.row {
        Some(PendingRow { sequence, memo: Some(Memo::CallEnded(_)), .. }) => Some(*sequence),
        _ => None,
    });
    shared.set_journalled(last);
    for (reply, outcome) in pending.into_iter().filter_map(|pending| pending.answer) {
        reply(outcome);
    }
    if let Some(ended) = ended {
        shared.listeners.lock().iter().for_each(|listener| listener(ended));
    }
    if let (Some(on_group), true) = (&shared.settings.on_group, batches > 0) {
        on_group(Group { batches, took });
    }
}

fn answer_unavailable(pending: impl Iterator<Item = Pending>) {
    for (reply, _) in pending.filter_map(|pending| pending.answer) {
        reply(Outcome::Unavailable);
    }
}
