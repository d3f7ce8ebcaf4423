//! The bytes of a segment: rows of the journal as an archive keeps them. Which rows, and when, is [`super::trimming`]'s.
//!
//! Format 1 (integers as in [`super::bytes`]), deflated (RFC 1951): `1`; rows by subject (count; subject, rows: count; each its number less
//! the one before it in the subject, its sequence less the one before it, its memo's kind, for a kind other than 0 the text's length and
//! the text, its body's length and the body). By subject, because a call's ticks are alike: they pack better than in the order
//! of time.

use super::bytes::{Garbled, Reader, checksum, put_id, put_signed, put_unsigned};
use super::journal::{self, Line, damaged, strangers_of, sum_of};
use super::places::key;
use super::row;
use super::subjects::sorts_by_birth;
use crate::archive::{Mark, Mention, Segment};
use crate::error::Error;
use domain::Wall;
use domain::credit::BatchId;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::collections::BTreeSet;
use std::io::{Read, Write};

const FORMAT: u8 = 1;
/// Rows of a segment at most: about 40 s at 10,000 calls of 6 s. Of so many, a call has several ticks side by side.
pub(super) const ROWS: u64 = 65_536;
/// Bytes of a segment's rows at most, unpacked: [`ROWS`] with the longest memos that there may be stay below.
const UNPACKED_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// A row as the journal's columns have it, but for its checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) sequence: u64,
    pub(super) id: BatchId,
    pub(super) body: Vec<u8>,
    pub(super) memo_kind: Option<i64>,
    pub(super) memo: Option<String>,
}

impl Raw {
    /// The checksum that its row has in the journal.
    pub(super) fn sum(&self) -> i64 {
        sum_of(self.sequence, &key(self.id), &self.body, self.memo_kind, self.memo.as_deref())
    }

    /// The row, understood.
    pub(super) fn line(&self) -> Result<Line, Error> {
        let row = row::decode(&self.body, self.id.subject).map_err(|garbled| damaged(self.sequence, garbled.0))?;
        Ok(journal::line_of(self.sequence, self.id, row, self.memo_kind, self.memo.as_deref()))
    }
}

/// What the chain says before a segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    pub(super) sum: i64,
    pub(super) newest: u128,
}

/// Packs rows, which follow each other without a gap.
pub(super) fn pack(before: Before, rows: &[Raw], opening: Option<Vec<u8>>) -> Result<(Segment, Vec<Mention>), Error> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Err(Error::Archive { doing: "written", what: "a segment has at least one row".to_owned() });
    };
    let mut mentions: Vec<Mention> = Vec::new();
    let mut by_others = BTreeSet::new();
    let (mut from, mut until) = (Wall::from_unix_micros(i64::MAX), Wall::from_unix_micros(i64::MIN));
    // Sorted once, and each subject a stretch of it: a tree of subjects costs more than all the rest.
    let mut by_subject: Vec<&Raw> = rows.iter().collect();
    by_subject.sort_by_key(|raw| raw.id.subject);
    for subject in by_subject.chunk_by(|one, next| one.id.subject == next.id.subject) {
        let (mut low, mut high) = (u64::MAX, 0);
        for raw in subject {
            let BatchId { subject, sequence } = raw.id;
            let decoded = row::decode(&raw.body, subject).map_err(|garbled| damaged(raw.sequence, garbled.0))?;
            (from, until) = (from.min(decoded.at), until.max(decoded.at));
            (low, high) = (low.min(sequence), high.max(sequence));
            by_others.extend(strangers_of(subject, decoded.transfers.iter().map(|(transfer, _)| transfer)));
        }
        let subject = subject[0].id.subject;
        mentions.push(Mention { subject, own: Some((low, high)), by_others: false });
    }
    let with_own = mentions.len();
    for subject in by_others {
        match mentions[..with_own].binary_search_by_key(&subject, |mention| mention.subject) {
            Ok(place) => mentions[place].by_others = true,
            Err(_) => mentions.push(Mention { subject, own: None, by_others: true }),
        }
    }
    mentions.sort_unstable_by_key(|mention| mention.subject);
    let packed = deflate(&by_subject, first.sequence)
        .map_err(|error| Error::Archive { doing: "packed", what: error.to_string() })?;
    let births = mentions.iter().map(|mention| mention.subject).filter(|subject| sorts_by_birth(*subject));
    let mut mark = Mark {
        first: first.sequence,
        last: last.sequence,
        from,
        until,
        newest: births.max().unwrap_or(0).max(before.newest),
        end: last.sum(),
        before: before.sum,
        sum: 0,
    };
    mark.sum = sum(&mark, &packed, opening.as_deref());
    Ok((Segment { mark, rows: packed, opening }, mentions))
}

fn deflate(by_subject: &[&Raw], first: u64) -> std::io::Result<Vec<u8>> {
    let subjects = || by_subject.chunk_by(|one, next| one.id.subject == next.id.subject);
    let mut bytes = vec![FORMAT];
    put_unsigned(&mut bytes, subjects().count() as u64);
    for rows in subjects() {
        put_id(&mut bytes, rows[0].id.subject);
        put_unsigned(&mut bytes, rows.len() as u64);
        let (mut number, mut sequence) = (first, 0u64);
        for raw in rows {
            put_unsigned(&mut bytes, raw.sequence - number);
            put_signed(&mut bytes, raw.id.sequence.wrapping_sub(sequence) as i64);
            (number, sequence) = (raw.sequence, raw.id.sequence);
            put_unsigned(&mut bytes, raw.memo_kind.unwrap_or(0) as u64);
            if raw.memo_kind.is_some() {
                let memo = raw.memo.as_deref().unwrap_or_default();
                put_unsigned(&mut bytes, memo.len() as u64);
                bytes.extend_from_slice(memo.as_bytes());
            }
            put_unsigned(&mut bytes, raw.body.len() as u64);
            bytes.extend_from_slice(&raw.body);
        }
    }
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::fast());
    encoder.write_all(&bytes)?;
    encoder.finish()
}

/// The checksum of a segment.
fn sum(mark: &Mark, rows: &[u8], opening: Option<&[u8]>) -> i64 {
    let Mark { first, last, from, until, newest, end, before, sum: _ } = mark;
    let times = [from.as_unix_micros().to_be_bytes(), until.as_unix_micros().to_be_bytes()];
    checksum(&[
        &before.to_be_bytes(),
        &first.to_be_bytes(),
        &last.to_be_bytes(),
        &times.concat(),
        &newest.to_be_bytes(),
        &end.to_be_bytes(),
        rows,
        opening.unwrap_or_default(),
    ])
}

/// Whether a segment is as it was packed.
pub(super) fn is_sound(segment: &Segment) -> bool {
    segment.mark.sum == sum(&segment.mark, &segment.rows, segment.opening.as_deref())
}

/// The rows of a segment in order.
pub(super) fn unpack(segment: &Segment) -> Result<Vec<Raw>, Error> {
    let Mark { first, last, .. } = segment.mark;
    let wrong = |what: &str| Error::Archive {
        doing: "read",
        what: format!("the segment of rows {first} to {last} is damaged ({what}): restore a backup of the store"),
    };
    if !is_sound(segment) {
        return Err(wrong("its checksum is wrong"));
    }
    let mut bytes = Vec::new();
    let mut inflated = DeflateDecoder::new(&segment.rows[..]).take(UNPACKED_MAX);
    inflated.read_to_end(&mut bytes).map_err(|error| wrong(&error.to_string()))?;
    let mut rows = rows_from(&bytes, first).map_err(|garbled| wrong(garbled.0))?;
    rows.sort_unstable_by_key(|raw| raw.sequence);
    let follows = rows.iter().zip(first..).all(|(raw, number)| raw.sequence == number);
    if !follows || rows.last().is_none_or(|raw| raw.sequence != last) {
        return Err(wrong("rows are missing"));
    }
    Ok(rows)
}

fn rows_from(bytes: &[u8], first: u64) -> Result<Vec<Raw>, Garbled> {
    let mut reader = Reader(bytes);
    if reader.byte()? != FORMAT {
        return Err(Garbled("its format is unknown"));
    }
    let mut rows = Vec::new();
    for _ in 0..reader.count()? {
        let subject = reader.id()?;
        let (mut number, mut sequence) = (first, 0u64);
        for _ in 0..reader.count()? {
            number = number.checked_add(reader.unsigned()?).ok_or(Garbled("a row's number is too large"))?;
            sequence = sequence.wrapping_add(reader.signed()? as u64);
            let kind = reader.unsigned()? as i64;
            let (memo_kind, memo) = match kind {
                0 => (None, None),
                _ => {
                    let text = reader.bytes()?.to_vec();
                    (Some(kind), Some(String::from_utf8(text).map_err(|_| Garbled("a memo is not text"))?))
                }
            };
            let body = reader.bytes()?.to_vec();
            rows.push(Raw { sequence: number, id: BatchId { subject, sequence }, body, memo_kind, memo });
        }
    }
    reader.end()?;
    Ok(rows)
}

/// The rows of a segment, kept to be asked again.
pub(super) struct Unpacked {
    pub(super) mark: Mark,
    pub(super) rows: Vec<Raw>,
}

impl Unpacked {
    pub(super) fn of(segment: &Segment) -> Result<Self, Error> {
        let rows = unpack(segment)?;
        Ok(Self { mark: segment.mark, rows })
    }

    /// A row of it.
    pub(super) fn row(&self, sequence: u64) -> Option<&Raw> {
        let place = usize::try_from(sequence.checked_sub(self.mark.first)?).ok()?;
        self.rows.get(place)
    }
}
