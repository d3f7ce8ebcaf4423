//! Old rows of the nodes' journals, kept in segments for ever: each once, in one chain for each journal.
//!
//! What a segment says, and when a journal may do without it, does not live here.

use crate::{Error, Result, Store};
use domain::Wall;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What is known of a segment without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentMark {
    /// The number of its first row.
    pub first: u64,
    /// The number of its last row.
    pub last: u64,
    /// When the earliest of its batches was decided.
    pub from: Wall,
    /// When the latest of its batches was decided.
    pub until: Wall,
    /// The newest subject that sorts by birth, up to its last row.
    pub newest: u128,
    /// The checksum of its last row.
    pub end: i64,
    /// The checksum of the segment before it; 0 of the first.
    pub before: i64,
    /// The checksum of all that it says.
    pub sum: i64,
}

/// A segment as the ledger made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSegment {
    /// What is known of it without reading it.
    pub mark: SegmentMark,
    /// Its rows, packed.
    pub rows: Vec<u8>,
    /// The balances after its last row, where a journal can be cut there.
    pub opening: Option<Vec<u8>>,
}

/// That a segment has rows about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentMention {
    /// Whom.
    pub subject: u128,
    /// The lowest and the highest sequence of its own batches.
    pub own: Option<(u64, u64)>,
    /// Whether batches of others name its holds.
    pub by_others: bool,
}

const MARK: &str = "first_row, last_row, from_us, until_us, newest, end_sum, before_sum, sum";

fn mark(row: &Row<'_>) -> rusqlite::Result<SegmentMark> {
    Ok(SegmentMark {
        first: row.get::<_, i64>(0)? as u64,
        last: row.get::<_, i64>(1)? as u64,
        from: Wall::from_unix_micros(row.get(2)?),
        until: Wall::from_unix_micros(row.get(3)?),
        newest: u128::from_be_bytes(row.get(4)?),
        end: row.get(5)?,
        before: row.get(6)?,
        sum: row.get(7)?,
    })
}

/// The segment that begins at the last possible row up to this one.
fn up_to(connection: &Connection, journal: &str, row: u64) -> Result<Option<JournalSegment>> {
    let sql = format!(
        "SELECT {MARK}, rows, opening FROM journal_segments WHERE journal = ?1 AND first_row <= ?2
         ORDER BY first_row DESC LIMIT 1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row(params![journal, row as i64], |row| {
        Ok(JournalSegment { mark: mark(row)?, rows: row.get(8)?, opening: row.get(9)? })
    });
    Ok(found.optional()?)
}

fn last(connection: &Connection, journal: &str) -> Result<Option<SegmentMark>> {
    let sql = format!("SELECT {MARK} FROM journal_segments WHERE journal = ?1 ORDER BY first_row DESC LIMIT 1");
    Ok(connection.prepare_cached(&sql)?.query_row([journal], mark).optional()?)
}

impl Store {
    /// Keeps a segment of a journal, with whom it is about (each once); durable when it returns. The same again changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] where another begins at its first row, and where it does not follow the last one; [`Error::Database`].
    pub fn keep_segment(&self, journal: &str, segment: &JournalSegment, mentions: &[SegmentMention]) -> Result<()> {
        let SegmentMark { first, last: end, from, until, newest, end: end_sum, before, sum } = segment.mark;
        self.write(|transaction| {
            if let Some(known) = up_to(transaction, journal, first)?.filter(|known| known.mark.last >= first) {
                if known == *segment {
                    return Ok(());
                }
                let sentence = format!("row {first} of {journal} is in the archive already, and was another");
                return Err(Error::invalid("segment", sentence));
            }
            let (row, chained) = last(transaction, journal)?.map_or((0, 0), |mark| (mark.last, mark.sum));
            if first != row + 1 || before != chained {
                let sentence = format!("the segment from row {first} of {journal} does not follow row {row} in the archive");
                return Err(Error::invalid("segment", sentence));
            }
            transaction
                .prepare_cached(
                    "INSERT INTO journal_segments (journal, first_row, last_row, from_us, until_us, newest, end_sum, before_sum, sum,
                       rows, opening) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    journal,
                    first as i64,
                    end as i64,
                    from.as_unix_micros(),
                    until.as_unix_micros(),
                    newest.to_be_bytes(),
                    end_sum,
                    before,
                    sum,
                    segment.rows,
                    segment.opening
                ])?;
            let id = transaction.last_insert_rowid();
            let mut insert = transaction.prepare_cached("INSERT INTO journal_subjects VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for SegmentMention { subject, own, by_others } in mentions {
                let (lowest, highest) = own.map(|(lowest, highest)| (lowest as i64, highest as i64)).unzip();
                insert.execute(params![subject.to_be_bytes(), id, lowest, highest, by_others])?;
            }
            Ok(())
        })
    }

    /// The last segment of a journal.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn last_segment(&self, journal: &str) -> Result<Option<SegmentMark>> {
        self.read(|connection| last(connection, journal))
    }

    /// The segment that has this row of a journal.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn segment_having(&self, journal: &str, row: u64) -> Result<Option<JournalSegment>> {
        let found = self.read(|connection| up_to(connection, journal, row))?;
        Ok(found.filter(|segment| segment.mark.last >= row))
    }

    /// The first segment behind this row that has an opening.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn next_cut(&self, journal: &str, after: u64) -> Result<Option<SegmentMark>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {MARK} FROM journal_segments WHERE journal = ?1 AND last_row > ?2 AND opening IS NOT NULL
                 ORDER BY last_row LIMIT 1"
            );
            Ok(connection.prepare_cached(&sql)?.query_row(params![journal, after as i64], mark).optional()?)
        })
    }

    /// The segments of a journal that have rows about a subject, oldest first: the first row of each, and what it has.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn segments_about(&self, journal: &str, subject: u128) -> Result<Vec<(u64, SegmentMention)>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT first_row, lowest, highest, by_others FROM journal_subjects
                 JOIN journal_segments ON journal_segments.id = segment
                 WHERE subject = ?1 AND journal = ?2 ORDER BY first_row",
            )?;
            let found = statement.query_map(params![subject.to_be_bytes(), journal], |row| {
                let (lowest, highest): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
                let own = lowest.zip(highest).map(|(lowest, highest)| (lowest as u64, highest as u64));
                let mention = SegmentMention { subject, own, by_others: row.get(3)? };
                Ok((row.get::<_, i64>(0)? as u64, mention))
            })?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }
}
