//! The writer thread: takes what is pending, journals it as one group, then answers. What may be pending is decided in
//! [`super::engine`].

use super::engine::{Shared, Stop};
use super::intents::{self, Step};
use super::journal::{self, memo_columns, sum_of, written};
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

/// Runs until the ledger is closed, abandoned or dead. Gives the connection back for the last checkpoint.
pub(super) fn run(shared: &Shared, connection: Connection) {
    loop {
        let taken = shared.take_group();
        let Some(group) = taken else { break };
        if group.stop == Stop::Abandoned || group.has_failed {
            answer_unavailable(group.pending);
            if group.stop != Stop::No {
                break;
            }
            continue;
        }
        let now = || shared.settings.clock.as_ref().map(|clock| clock());
        let began = now();
        match commit(&connection, &group.pending, &group.intents, group.snapshot.as_ref()) {
            Ok(()) => {
                let took = match (began, now()) {
                    (Some(began), Some(ended)) => ended.since(began),
                    _ => Duration::ZERO,
                };
                on_committed(shared, group.pending, took);
            }
            Err(error) => {
                shared.fail(&error);
                answer_unavailable(group.pending);
            }
        }
        if group.stop != Stop::No {
            break;
        }
    }
    // Leaves one file behind instead of three; where it fails, the next start reads the log all the same.
    if !shared.has_failed() && connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").is_err() {
        tracing::debug!("the ledger's log was not copied home at the end");
    }
}

fn commit(
    connection: &Connection,
    pending: &[Pending],
    intents: &[Step],
    snapshot: Option<&(u64, Vec<u8>)>,
) -> Result<(), Error> {
    if pending.iter().all(|pending| pending.row.is_none()) && intents.is_empty() && snapshot.is_none() {
        return Ok(());
    }
    // Not `Connection::transaction`: that parses BEGIN and COMMIT anew for each group.
    execute(connection, "BEGIN IMMEDIATE")?;
    let inserted = insert(connection, pending, snapshot).and_then(|()| intents::write(connection, intents));
    let done = inserted.and_then(|()| execute(connection, "COMMIT"));
    if done.is_err() && !connection.is_autocommit() && execute(connection, "ROLLBACK").is_err() {
        tracing::debug!("the ledger's group could not be rolled back; the next start finds it unfinished");
    }
    done
}

fn execute(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(sql).map_err(written)?;
    statement.execute([]).map(drop).map_err(written)
}

fn insert(connection: &Connection, pending: &[Pending], snapshot: Option<&(u64, Vec<u8>)>) -> Result<(), Error> {
    let sql = "INSERT INTO journal (seq, id, body, memo_kind, memo, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = connection.prepare_cached(sql).map_err(written)?;
    for row in pending.iter().filter_map(|pending| pending.row.as_ref()) {
        let key = journal::key(row.id);
        let (kind, memo) = memo_columns(row.memo.as_ref());
        let sum = sum_of(row.sequence, &key, &row.body, kind, memo);
        insert.execute(params![row.sequence as i64, key, &*row.body, kind, memo, sum]).map_err(written)?;
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
    if let Some(last) = last {
        shared.set_journalled(last);
    }
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

fn answer_unavailable(pending: Vec<Pending>) {
    for (reply, _) in pending.into_iter().filter_map(|pending| pending.answer) {
        reply(Outcome::Unavailable);
    }
}
