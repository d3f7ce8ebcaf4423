//! Intents: batches that somebody else decides, written down before he is asked, so that a crash in between loses no money that
//! moved. Only an engine that has its balances elsewhere writes them; rows of decided batches are [`super::journal`]'s.
//!
//! An intent is taken away with the group that comes after its outcome. What is left at a start was asked and not heard: the batch
//! is done where its id is in the journal, and its decider must be asked otherwise.

use super::journal::{memo_columns, memo_of, read, sum_of, written};
use super::places::{id_of, key};
use super::row::{self, Scribe};
use super::trimming::{self, Slice};
use crate::error::Error;
use domain::credit::{Batch, Durability};
use rusqlite::{Connection, params};
use std::sync::Arc;

/// `number` counts the intents of one life of the node, from 1; the other columns are those of the journal.
const TABLE: &str = "
CREATE TABLE IF NOT EXISTS intent (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  body BLOB NOT NULL,
  memo_kind INTEGER,
  memo TEXT,
  is_order INTEGER NOT NULL,
  sum INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS node (id BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS start (count INTEGER NOT NULL);
";

/// A step in the life of intents, or of the journal's end, done with the next group.
pub(super) enum Step {
    /// Writes one down.
    Open {
        /// Its number.
        number: u64,
        /// What is intended.
        batch: Batch,
        /// How its answer is to be.
        durability: Durability,
    },
    /// Takes away every one up to this number.
    Settle(u64),
    /// No intent, but done with a group all the same: a piece of trimming.
    Trim(Slice),
}

/// Who this node is, for ever and for this life; chance is SQLite's, which has it from the operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Of the journal, 32 hexadecimal digits: who has it is this node.
    pub(crate) node: String,
    /// Of this start, 24 hexadecimal digits: how many starts the journal has seen, and chance, for a copy of it has seen as many.
    pub(crate) life: String,
}

impl Identity {
    /// Whether that life of this node began before this one. Of two that began from copies of one journal neither did.
    pub(crate) fn is_after(&self, life: &str) -> bool {
        let count = |life: &str| life.get(..STARTS).filter(|_| life.len() == LIFE).map(str::to_owned);
        count(life) < count(&self.life)
    }
}

/// Digits of a life.
const LIFE: usize = 24;
/// Digits of them that count starts.
const STARTS: usize = 8;

/// Makes the tables where there are none, and tells who this node is.
pub(super) fn prepare(connection: &Connection) -> Result<Identity, Error> {
    connection.execute_batch(TABLE).map_err(written)?;
    let sql = "INSERT INTO node (id) SELECT randomblob(16) WHERE NOT EXISTS (SELECT 1 FROM node)";
    connection.execute(sql, []).map_err(written)?;
    connection
        .execute("INSERT INTO start (count) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM start)", [])
        .map_err(written)?;
    connection.execute("UPDATE start SET count = count + 1", []).map_err(written)?;
    let sql = "SELECT lower(hex(id)), printf('%08x', (SELECT count FROM start)) || lower(hex(randomblob(8))) FROM node LIMIT 1";
    connection.query_row(sql, [], |row| Ok(Identity { node: row.get(0)?, life: row.get(1)? })).map_err(read)
}

/// Does the steps, within the transaction of a group.
pub(super) fn write(connection: &Connection, steps: &[Step]) -> Result<(), Error> {
    let mut scribe = Scribe::default();
    for step in steps {
        match step {
            Step::Open { number, batch, durability } => {
                let (id, body) = (key(batch.id), scribe.write(batch, 0, &[], &[], None, false));
                let (kind, memo) = memo_columns(batch.memo.as_ref());
                let sum = sum_of(*number, &id, body, kind, memo);
                let is_order = *durability == Durability::BeforeAnswer;
                let sql = "INSERT INTO intent (number, id, body, memo_kind, memo, is_order, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                let mut insert = connection.prepare_cached(sql).map_err(written)?;
                insert.execute(params![*number as i64, id, body, kind, memo, is_order, sum]).map_err(written)?;
            }
            Step::Trim(slice) => trimming::write(connection, slice)?,
            Step::Settle(until) => {
                let mut delete = connection.prepare_cached("DELETE FROM intent WHERE number <= ?1").map_err(written)?;
                delete.execute([*until as i64]).map_err(written)?;
            }
        }
    }
    Ok(())
}

/// What was intended and not settled, in order.
pub(super) fn open(connection: &Connection) -> Result<Vec<(u64, Batch, Durability)>, Error> {
    let sql = "SELECT number, id, body, memo_kind, memo, is_order, sum FROM intent ORDER BY number";
    let mut statement = connection.prepare(sql).map_err(read)?;
    let mut rows = statement.query([]).map_err(read)?;
    let mut found = Vec::new();
    while let Some(columns) = rows.next().map_err(read)? {
        let number = columns.get::<_, i64>(0).map_err(read)? as u64;
        let id: Vec<u8> = columns.get(1).map_err(read)?;
        let body: Vec<u8> = columns.get(2).map_err(read)?;
        let kind: Option<i64> = columns.get(3).map_err(read)?;
        let memo: Option<String> = columns.get(4).map_err(read)?;
        let is_order: bool = columns.get(5).map_err(read)?;
        let sum: i64 = columns.get(6).map_err(read)?;
        let garbled = |what: &str| Error::Intent { number, what: what.to_owned() };
        if sum != sum_of(number, &id, &body, kind, memo.as_deref()) {
            return Err(garbled("its checksum is wrong"));
        }
        let id = id_of(&id).ok_or_else(|| garbled("its id is not 24 bytes long"))?;
        let row = row::decode(&body, id.subject).map_err(|reason| garbled(reason.0))?;
        let transfers = row.transfers.into_iter().map(|(transfer, _)| transfer).collect();
        let memo = memo.and_then(|text| memo_of(kind, Arc::from(text)));
        let durability = if is_order { Durability::BeforeAnswer } else { Durability::WithNextGroup };
        found.push((number, Batch { id, company: row.company, at: row.at, transfers, memo }, durability));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(life: &str) -> Identity {
        Identity { node: "ab".to_owned(), life: life.to_owned() }
    }

    #[test]
    fn a_later_start_of_a_node_knows_that_it_is_later_and_a_copy_does_not() {
        let connection = Connection::open_in_memory().unwrap();
        let [first, second] = [(); 2].map(|()| prepare(&connection).unwrap());
        assert_eq!(first.node, second.node);
        assert!(second.is_after(&first.life) && !first.is_after(&second.life) && !first.is_after(&first.life));
        let here = identity("0000000aaaaaaaaaaaaaaaaa");
        let of_a_copy = "0000000abbbbbbbbbbbbbbbb";
        assert!(!here.is_after(of_a_copy) && !identity(of_a_copy).is_after(&here.life));
        assert!(here.is_after("ffffffffffffffff"), "a life of before starts were counted");
    }
}
