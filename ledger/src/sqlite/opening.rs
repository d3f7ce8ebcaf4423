//! What a journal that was cut begins with: all balances and live subjects after its last row that is gone. A journal that has all its rows
//! begins with nothing. Where and when it is cut is [`super::trimming`]'s.

use super::books::Books;
use super::bytes::checksum;
use super::journal::{damaged, read, written};
use super::snapshot;
use crate::error::Error;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

/// At most one row. `seq` is the last row that is gone, `newest` the newest subject that sorts by birth of all that are.
pub(super) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS opening (seq INTEGER PRIMARY KEY, body BLOB NOT NULL, newest BLOB NOT NULL, sum INTEGER NOT NULL);
";

/// The beginning of a journal that was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// The last row that is gone, or about to be: what is up to here is in the archive.
    pub(super) cut: u64,
    /// The newest subject that sorts by birth, of the rows up to there.
    pub(super) newest: u128,
    /// As [`snapshot`] writes it.
    pub(super) body: Arc<[u8]>,
}

impl Opening {
    fn sum(&self) -> i64 {
        checksum(&[&self.cut.to_be_bytes(), &self.newest.to_be_bytes(), &self.body])
    }

    /// The balances that it says.
    pub(super) fn books(&self) -> Result<Books, Error> {
        snapshot::decode(&self.body).map_err(|garbled| damaged(self.cut, format!("its opening: {}", garbled.0)))
    }
}

/// The row up to which a journal was cut; 0 where it never was.
pub(super) fn cut(connection: &Connection) -> Result<u64, Error> {
    let mut statement = connection.prepare_cached("SELECT seq FROM opening").map_err(read)?;
    let cut: Option<i64> = statement.query_row([], |row| row.get(0)).optional().map_err(read)?;
    Ok(cut.unwrap_or(0) as u64)
}

/// The newest subject that sorts by birth of the rows that are gone; 0 where none is.
pub(super) fn newest(connection: &Connection) -> Result<u128, Error> {
    let found: Option<Vec<u8>> =
        connection.query_row("SELECT newest FROM opening", [], |row| row.get(0)).optional().map_err(read)?;
    Ok(found.and_then(|bytes| bytes.try_into().ok()).map_or(0, u128::from_be_bytes))
}

/// What the journal begins with; none where it never was cut.
pub(super) fn load(connection: &Connection) -> Result<Option<Opening>, Error> {
    let found: Option<(i64, Vec<u8>, Vec<u8>, i64)> = connection
        .query_row("SELECT seq, body, newest, sum FROM opening", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()
        .map_err(read)?;
    let Some((cut, body, newest, sum)) = found else { return Ok(None) };
    let newest = newest.try_into().map_or(0, u128::from_be_bytes);
    let opening = Opening { cut: cut as u64, newest, body: body.into() };
    match opening.sum() == sum {
        true => Ok(Some(opening)),
        false => Err(damaged(opening.cut, "what the journal begins with after it has a wrong checksum")),
    }
}

/// From now on the journal begins after this. Snapshots of before say nothing that could be gone on from.
pub(super) fn store(connection: &Connection, opening: &Opening) -> Result<(), Error> {
    connection.execute("DELETE FROM opening", []).map_err(written)?;
    connection
        .execute(
            "INSERT INTO opening (seq, body, newest, sum) VALUES (?1, ?2, ?3, ?4)",
            params![opening.cut as i64, &opening.body[..], opening.newest.to_be_bytes(), opening.sum()],
        )
        .map_err(written)?;
    connection.execute("DELETE FROM snapshot WHERE seq < ?1", [opening.cut as i64]).map_err(written)?;
    Ok(())
}
