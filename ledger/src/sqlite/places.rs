//! Where each batch stands: the row of an id. The table that says so is filled late, many rows at once and in order of their ids; what
//! it lacks is kept in memory, where the writer and who asks share it. What is asked is in [`super::journal`].
//!
//! An index that is kept row by row costs each tick a page of its own, for the ticks of ten thousand calls lie ten thousand
//! places apart: that page, twice written (log and file), was half of what a journalled tick cost. Sixty thousand rows together
//! have several of each call, which lie side by side.

use super::journal::{read, written};
use super::opening;
use crate::error::Error;
use domain::credit::BatchId;
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use std::cell::OnceCell;
use std::sync::Arc;

/// Rows that are put into the table together go with so many groups: of 65,536 there are 2,048 with each, about 2 ms, so that none waits
/// for all.
const GROUPS_OF_A_RUN: usize = 32;

/// The tables: `place` says in which row a batch is; `placed` up to which row it does so. Between the two of a run that has begun,
/// `place` may know rows that `placed` does not tell of.
pub(super) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS place (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS placed (until INTEGER NOT NULL);
INSERT INTO placed (until) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM placed);
";

/// An id as the journal has it ([`key`]), and its row.
type Place = ([u8; 24], u64);

/// A batch's id as the journal's key.
pub(super) fn key(id: BatchId) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&id.subject.to_be_bytes());
    key[16..].copy_from_slice(&id.sequence.to_be_bytes());
    key
}

/// The batch of a key; none where it is not 24 bytes long.
pub(super) fn id_of(key: &[u8]) -> Option<BatchId> {
    let (subject, sequence) = key.split_first_chunk::<16>()?;
    let sequence: [u8; 8] = sequence.try_into().ok()?;
    Some(BatchId { subject: u128::from_be_bytes(*subject), sequence: u64::from_be_bytes(sequence) })
}

/// The keys of all batches of a subject: from, to.
pub(super) fn keys(subject: u128) -> ([u8; 24], [u8; 24]) {
    (key(BatchId { subject, sequence: 0 }), key(BatchId { subject, sequence: u64::MAX }))
}

/// What the table does not have yet: every journalled row after `placed`, in order of rows.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<Vec<Place>>>);

impl Tail {
    /// Reads it, of a journal that has it in nobody's memory.
    pub(super) fn load(connection: &Connection) -> Result<Self, Error> {
        let sql = "SELECT id, seq FROM journal WHERE seq > (SELECT max(until) FROM placed) ORDER BY seq";
        let mut statement = connection.prepare(sql).map_err(read)?;
        let mut rows = statement.query([]).map_err(read)?;
        let mut places = Vec::new();
        while let Some(row) = rows.next().map_err(read)? {
            let sequence = row.get::<_, i64>(1).map_err(read)? as u64;
            let key = row.get_ref(0).map_err(read)?.as_blob().ok().and_then(|id| id.try_into().ok());
            // A row without a right id is found and told by who reads it.
            places.extend(key.map(|key: [u8; 24]| (key, sequence)));
        }
        Ok(Self(Arc::new(Mutex::new(places))))
    }

    /// Those from key to key, in order of keys.
    fn between(&self, from: &[u8; 24], to: &[u8; 24]) -> Vec<Place> {
        let places = self.0.lock();
        let mut found: Vec<Place> = places.iter().filter(|(key, _)| from <= key && key <= to).copied().collect();
        found.sort_unstable();
        found
    }

    fn rows_of(&self, connection: &Connection, subject: u128) -> Result<Vec<u64>, Error> {
        let (from, to) = keys(subject);
        // The memory first: what leaves it meanwhile is in the table.
        let mut places = self.between(&from, &to);
        let sql = "SELECT id, seq FROM place WHERE id >= ?1 AND id <= ?2 ORDER BY id";
        let mut statement = connection.prepare_cached(sql).map_err(read)?;
        let rows =
            statement.query_map([from, to], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))).map_err(read)?;
        for row in rows {
            places.push(row.map_err(read)?);
        }
        places.sort_unstable();
        places.dedup();
        Ok(places.into_iter().map(|(_, row)| row).collect())
    }

    fn row_of(&self, connection: &Connection, id: BatchId) -> Result<Option<u64>, Error> {
        let key = key(id);
        if let Some((_, row)) = self.between(&key, &key).first() {
            return Ok(Some(*row));
        }
        let mut statement = connection.prepare_cached("SELECT seq FROM place WHERE id = ?1").map_err(read)?;
        let mut rows = statement.query([key]).map_err(read)?;
        rows.next().map_err(read)?.map(|row| row.get::<_, i64>(0).map(|row| row as u64).map_err(read)).transpose()
    }

    fn highest(
        &self,
        connection: &Connection,
        (from, to): ([u8; 24], [u8; 24]),
        most: usize,
        is_wanted: impl Fn(BatchId) -> bool,
    ) -> Result<Result<Option<BatchId>, TooMany>, Error> {
        let wanted = |key: &[u8]| id_of(key).filter(|id| is_wanted(*id));
        let unplaced =
            self.0.lock().iter().filter(|(key, _)| from <= *key && *key <= to).filter_map(|(key, _)| wanted(key)).max();
        let mut statement = connection
            .prepare_cached("SELECT id FROM place WHERE id >= ?1 AND id <= ?2 ORDER BY id DESC")
            .map_err(read)?;
        let mut rows = statement.query([from, to]).map_err(read)?;
        let mut looked_at = 0;
        while let Some(row) = rows.next().map_err(read)? {
            let placed = row.get_ref(0).map_err(read)?.as_blob().map(wanted);
            if let Ok(Some(placed)) = placed {
                return Ok(Ok(unplaced.max(Some(placed))));
            }
            looked_at += 1;
            if looked_at >= most {
                return Ok(Err(TooMany));
            }
        }
        Ok(Ok(unplaced))
    }
}

/// A connection that only reads, and what it must know to find batches.
pub(super) struct Reading {
    connection: Connection,
    tail: OnceCell<Tail>,
}

impl std::ops::Deref for Reading {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Reading {
    /// Of a journal that somebody else may write on: it finds the rows that are there when it is asked first.
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, tail: OnceCell::new() }
    }

    /// Beside the writer who keeps this tail.
    pub(super) fn beside(connection: Connection, tail: Tail) -> Self {
        Self { connection, tail: tail.into() }
    }

    fn tail(&self) -> Result<&Tail, Error> {
        if let Some(tail) = self.tail.get() {
            return Ok(tail);
        }
        let tail = Tail::load(self)?;
        Ok(self.tail.get_or_init(|| tail))
    }

    /// The rows of a subject's own batches, in order of their numbers.
    pub(super) fn rows_of(&self, subject: u128) -> Result<Vec<u64>, Error> {
        self.tail()?.rows_of(self, subject)
    }

    /// The row of a batch.
    pub(super) fn row_of(&self, id: BatchId) -> Result<Option<u64>, Error> {
        self.tail()?.row_of(self, id)
    }

    /// The batch with the highest id of those from key to key that are wanted. At most `most` of them are looked at.
    pub(super) fn highest(
        &self,
        (from, to): ([u8; 24], [u8; 24]),
        most: usize,
        is_wanted: impl Fn(BatchId) -> bool,
    ) -> Result<Result<Option<BatchId>, TooMany>, Error> {
        self.tail()?.highest(self, (from, to), most, is_wanted)
    }
}

/// More was to be looked at than may be.
#[derive(Debug)]
pub(super) struct TooMany;

/// The writer's side: puts what the tail has into the table.
pub(super) struct Placing {
    tail: Tail,
    /// What is being put, in order of keys, and how much of it has been.
    run: Vec<Place>,
    done: usize,
    /// The last row of the run.
    until: u64,
    /// As many as wait are put together.
    together: usize,
}

impl Placing {
    pub(super) fn new(tail: Tail, together: usize) -> Self {
        Self { tail, run: Vec::new(), done: 0, until: 0, together: together.max(1) }
    }

    /// Writes the next part of a run, within the transaction of a group.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), Error> {
        let part = self.part();
        if part.is_empty() {
            return Ok(());
        }
        let sql = "INSERT OR IGNORE INTO place (id, seq) VALUES (?1, ?2)";
        let mut insert = connection.prepare_cached(sql).map_err(written)?;
        // What was trimmed meanwhile needs no place here: the archive has it.
        let cut = opening::cut(connection)?;
        for (key, row) in part.iter().filter(|(_, row)| *row > cut) {
            insert.execute(params![key, *row as i64]).map_err(written)?;
        }
        if self.done + part.len() == self.run.len() {
            let mut update = connection.prepare_cached("UPDATE placed SET until = ?1").map_err(written)?;
            update.execute([self.until as i64]).map_err(written)?;
        }
        Ok(())
    }

    fn part(&self) -> &[Place] {
        &self.run[self.done..self.run.len().min(self.done + self.together.div_ceil(GROUPS_OF_A_RUN))]
    }

    /// The group with that part is on the disk, and these rows with it.
    pub(super) fn on_committed(&mut self, rows: impl Iterator<Item = Place>) {
        self.done += self.part().len();
        let mut tail = self.tail.0.lock();
        tail.extend(rows);
        if self.done < self.run.len() {
            return;
        }
        let placed = self.run.len();
        tail.drain(..placed);
        (self.run, self.done) = (Vec::new(), 0);
        if tail.len() >= self.together {
            self.run.clone_from(&tail);
            self.until = tail.last().map_or(0, |(_, row)| *row);
            drop(tail);
            self.run.sort_unstable();
        }
    }
}
