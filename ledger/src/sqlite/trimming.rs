//! Old rows leave the journal: first they are archived, then the journal is cut, then they are deleted. Each step is decided anew from what
//! is durable, so whoever is killed between two goes on where he was: nothing is archived twice, and nothing goes that is not archived.
//!
//! 1. A segment is kept in the archive: the rows behind the last one, up to a snapshot at most. It is the same whenever it is made.
//! 2. The journal is cut behind a segment that ends with a snapshot, which becomes its opening ([`super::opening`]): once all its batches are
//!    old enough, the records of its ended calls are copied, and it was read back from the archive as it was written.
//! 3. Rows up to the cut are deleted, and before them what leads to them: of a segment's length of them at a time, a slice with each group of
//!    the writer.
//!
//! Steps 2 and 3 are the writer's own; who decides has only read.

use super::journal::{self, damaged, read, written};
use super::opening::{self, Opening};
use super::past::{Shelf, unread};
use super::places::{id_of, key};
use super::row;
use super::segment::{self, Before, Raw};
use super::snapshot;
use crate::archive::{Mark, Mention, Segment, Trimmed};
use crate::error::Error;
use domain::Wall;
use rusqlite::{Connection, OptionalExtension, params};

/// What is deleted with one group at most, so that no group waits for long: a millisecond or two.
const SLICE: usize = 4_096;

/// What is to be done next.
pub(super) enum Next {
    /// A segment is archived.
    Keep(Box<Segment>, Vec<Mention>),
    /// These are done one after the other, each with a group.
    Slices(Vec<Slice>),
    /// Nothing; perhaps something keeps rows that are old enough.
    Nothing(Option<String>),
}

/// What the writer does with a group.
pub(super) enum Slice {
    /// From now on the journal begins so.
    Cut(Opening),
    /// Where batches stand, of rows that go: their keys.
    Places(Vec<[u8; 24]>),
    /// Whom rows that go name besides their own subject: each, and the row.
    Strangers(Vec<(u128, u64)>),
    /// These rows go: from, to.
    Rows(u64, u64),
}

/// Does it, within the transaction of a group.
pub(super) fn write(connection: &Connection, slice: &Slice) -> Result<(), Error> {
    match slice {
        Slice::Cut(opening) => opening::store(connection, opening),
        Slice::Places(ids) => {
            let mut statement = connection.prepare_cached("DELETE FROM place WHERE id = ?1").map_err(written)?;
            ids.iter().try_for_each(|id| statement.execute([id]).map(drop)).map_err(written)
        }
        Slice::Strangers(strangers) => {
            let sql = "DELETE FROM stranger WHERE subject = ?1 AND seq = ?2";
            let mut statement = connection.prepare_cached(sql).map_err(written)?;
            let mut delete =
                |(subject, row): &(u128, u64)| statement.execute(params![subject.to_be_bytes(), *row as i64]).map(drop);
            strangers.iter().try_for_each(&mut delete).map_err(written)
        }
        Slice::Rows(from, to) => {
            let sql = "DELETE FROM journal WHERE seq >= ?1 AND seq <= ?2";
            let mut statement = connection.prepare_cached(sql).map_err(written)?;
            statement.execute(params![*from as i64, *to as i64]).map(drop).map_err(written)
        }
    }
}

/// All that goes with these rows, which are in the archive: first what leads to them, in the order of its tables, so that each page is changed
/// once; they themselves last, for who is killed in between begins anew with those that are left. What the disk has made of them
/// meanwhile does not matter any more.
fn slices(connection: &Connection, from: u64, to: u64) -> Result<Vec<Slice>, Error> {
    let (mut ids, mut strangers) = (Vec::new(), Vec::new());
    let sql = "SELECT seq, id, body FROM journal WHERE seq >= ?1 AND seq <= ?2";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let mut found = statement.query(params![from as i64, to as i64]).map_err(read)?;
    while let Some(row) = found.next().map_err(read)? {
        let sequence = row.get::<_, i64>(0).map_err(read)? as u64;
        let id = row.get_ref(1).map_err(read)?.as_blob().ok().and_then(id_of);
        let body = row.get_ref(2).map_err(read)?.as_blob().unwrap_or_default();
        let Some(id) = id else { continue };
        ids.push(key(id));
        let Ok(row) = row::decode(body, id.subject) else { continue };
        let others = journal::strangers_of(id.subject, row.transfers.iter().map(|(transfer, _)| transfer));
        strangers.extend(others.into_iter().map(|subject| (subject, sequence)));
    }
    ids.sort_unstable();
    strangers.sort_unstable();
    let places = ids.chunks(SLICE).map(|some| Slice::Places(some.to_vec()));
    let strangers = strangers.chunks(SLICE).map(|some| Slice::Strangers(some.to_vec()));
    let rows = (from..=to).step_by(SLICE).map(|first| Slice::Rows(first, to.min(first + SLICE as u64 - 1)));
    Ok(places.chain(strangers).chain(rows).collect())
}

/// What is to be done next, where rows may go that were decided before this instant.
pub(super) fn next(connection: &Connection, shelf: &Shelf, before: Wall) -> Result<Next, Error> {
    let cut = opening::cut(connection)?;
    let last = shelf.archive.last(&shelf.name).map_err(unread)?;
    agree(connection, cut, last)?;
    if let Some((segment, mentions)) = next_segment(connection, last)? {
        return Ok(Next::Keep(Box::new(segment), mentions));
    }
    match oldest(connection)? {
        Some(first) if first <= cut => slices(connection, first, cut.min(first + segment::ROWS - 1)).map(Next::Slices),
        _ => next_cut(connection, shelf, cut, before),
    }
}

/// The number of the first row.
fn oldest(connection: &Connection) -> Result<Option<u64>, Error> {
    let first: Option<i64> =
        connection.query_row("SELECT min(seq) FROM journal", [], |row| row.get(0)).map_err(read)?;
    Ok(first.map(|first| first as u64))
}

/// The archive has what is gone, and what it has besides is this journal's.
fn agree(connection: &Connection, cut: u64, last: Option<Mark>) -> Result<(), Error> {
    let archived = last.map_or(0, |mark| mark.last);
    if archived < cut {
        return Err(unread(format!(
            "it ends with row {archived}, and the journal begins after row {cut}: the store is older than the journal, restore both from one \
             backup"
        )));
    }
    let Some(Mark { last, end, .. }) = last.filter(|mark| mark.last > cut) else { return Ok(()) };
    let sql = "SELECT sum FROM journal WHERE seq = ?1";
    let sum: Option<i64> = connection.query_row(sql, [last as i64], |row| row.get(0)).optional().map_err(read)?;
    if sum != Some(end) {
        return Err(unread(format!(
            "row {last} is another there, or the journal does not have it: the journal is older than the store, or not the one that was \
             archived; restore both from one backup"
        )));
    }
    Ok(())
}

/// The rows behind the last segment, up to the next snapshot.
fn next_segment(connection: &Connection, last: Option<Mark>) -> Result<Option<(Segment, Vec<Mention>)>, Error> {
    let archived = last.map_or(0, |mark| mark.last);
    let Some((snapshot, body)) = snapshot::after(connection, archived)? else { return Ok(None) };
    let until = snapshot.min(archived + segment::ROWS);
    let rows = rows(connection, archived + 1, until)?;
    let opening = body.filter(|body| until == snapshot && snapshot::decode(body).is_ok());
    let before = last.map_or_else(Before::default, |mark| Before { sum: mark.sum, newest: mark.newest });
    segment::pack(before, &rows, opening).map(Some)
}

/// These rows, each whole and sound.
pub(super) fn rows(connection: &Connection, from: u64, to: u64) -> Result<Vec<Raw>, Error> {
    let sql = "SELECT seq, id, body, memo_kind, memo, sum FROM journal WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql).map_err(read)?;
    let mut found = statement.query(params![from as i64, to as i64]).map_err(read)?;
    let mut rows = Vec::with_capacity(usize::try_from(to + 1 - from).unwrap_or(0));
    for sequence in from..=to {
        let row = found.next().map_err(read)?.filter(|row| row.get::<_, i64>(0).is_ok_and(|at| at as u64 == sequence));
        let row = row.ok_or_else(|| damaged(sequence, "it is missing"))?;
        let garbled = |source: rusqlite::Error| damaged(sequence, source.to_string());
        let key: Vec<u8> = row.get(1).map_err(garbled)?;
        let id = id_of(&key).ok_or_else(|| damaged(sequence, "its id is not 24 bytes long"))?;
        let raw = Raw {
            sequence,
            id,
            body: row.get(2).map_err(garbled)?,
            memo_kind: row.get(3).map_err(garbled)?,
            memo: row.get(4).map_err(garbled)?,
        };
        if raw.sum() != row.get::<_, i64>(5).map_err(garbled)? {
            return Err(damaged(sequence, "its checksum is wrong: it is not archived, and stays"));
        }
        rows.push(raw);
    }
    Ok(rows)
}

/// Where the journal may be cut next.
fn next_cut(connection: &Connection, shelf: &Shelf, cut: u64, before: Wall) -> Result<Next, Error> {
    let Shelf { archive, name, .. } = shelf;
    let mark = archive.next_cut(name, cut).map_err(unread)?.filter(|mark| mark.until < before);
    let Some(Mark { last, newest, .. }) = mark else { return Ok(Next::Nothing(None)) };
    let copied = archive.records_copied_to(name).map_err(unread)?;
    if copied < last
        && let Some((row, _)) = journal::ended_after(connection, copied, 1)?.first().filter(|(row, _)| *row <= last)
    {
        return Ok(Next::Nothing(Some(format!("the call record in row {row} of {name} is not in the store yet"))));
    }
    // What is about to be the only copy is read once more from where it is.
    let mut body = None;
    let mut row = cut + 1;
    while row <= last {
        let segment = archive.having(name, row).map_err(unread)?.filter(segment::is_sound);
        let segment = segment.ok_or_else(|| unread(format!("the segment of row {row} is damaged: the row stays")))?;
        row = segment.mark.last + 1;
        body = segment.opening;
    }
    let body = body.ok_or_else(|| unread(format!("the segment up to row {last} has lost its balances")))?;
    Ok(Next::Slices(vec![Slice::Cut(Opening { cut: last, newest, body: body.into() })]))
}

/// How the journal and its archive stand.
pub(super) fn stand(connection: &Connection, shelf: &Shelf, trimmed: &mut Trimmed) -> Result<(), Error> {
    trimmed.cut = opening::cut(connection)?;
    trimmed.in_archive = shelf.archive.last(&shelf.name).map_err(unread)?.map_or(0, |mark| mark.last);
    let sql = "SELECT seq, id, body FROM journal ORDER BY seq LIMIT 1";
    let first: Option<(i64, Vec<u8>, Vec<u8>)> =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional().map_err(read)?;
    let Some((first, key, body)) = first else { return Ok(()) };
    trimmed.kept = journal::last(connection)? + 1 - first as u64;
    let subject = id_of(&key).map_or(0, |id| id.subject);
    trimmed.oldest = row::decode(&body, subject).ok().map(|row| row.at);
    Ok(())
}
