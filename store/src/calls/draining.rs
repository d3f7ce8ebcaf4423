//! Copying finished records from the ledger's journal, exactly once each.
//!
//! The journal does not live here: who drains it says how far it has come.

use crate::record_json::{Finished, to_json};
use crate::{Result, Store};
use domain::call_record::CallRecord;
use rusqlite::{OptionalExtension, Transaction, params};

/// The journal of a node that has the store to itself: its file's name. Every other journal has a watermark of its own.
pub const JOURNAL: &str = "ledger.db";

/// The row of `meta` that says how far a journal is drained.
fn watermark(journal: &str) -> String {
    if journal == JOURNAL { "drained_to".to_owned() } else { format!("drained_to:{journal}") }
}

/// What became of a batch of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// Written now.
    pub written: u64,
    /// Were there already, and were left as they are.
    pub known: u64,
}

impl Store {
    /// Writes a batch of records, each with its sequence number in the journal of this name, and moves the watermark of
    /// [`Store::drained_to`] to the highest of them, in one transaction. A record whose call is known is left as it is, so a
    /// batch may be written again. Each text is kept as the journal had it.
    ///
    /// # Errors
    /// [`crate::Error::Database`]; nothing is written then, and the watermark stays.
    pub fn insert_finished(&self, journal: &str, batch: &[(u64, Finished<'_>)]) -> Result<Inserted> {
        self.write(|transaction| {
            let mut inserted = Inserted::default();
            for (sequence, record) in batch {
                if insert(transaction, *sequence, record)? {
                    inserted.written += 1;
                } else {
                    inserted.known += 1;
                }
            }
            if let Some(highest) = batch.iter().map(|(sequence, _)| *sequence).max() {
                advance(transaction, journal, highest)?;
            }
            Ok(inserted)
        })
    }

    /// As [`Store::insert_finished`], for records that no journal has written.
    ///
    /// # Errors
    /// As [`Store::insert_finished`].
    pub fn insert_records(&self, batch: &[(u64, CallRecord)]) -> Result<Inserted> {
        let texts: Vec<(u64, String)> = batch.iter().map(|(sequence, record)| (*sequence, to_json(record))).collect();
        let finished = texts.iter().map(|(sequence, text)| Ok((*sequence, Finished::read(text)?)));
        self.insert_finished(JOURNAL, &finished.collect::<Result<Vec<_>>>()?)
    }

    /// The highest sequence number of a journal up to which every record is here; 0 at first.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn drained_to(&self, journal: &str) -> Result<u64> {
        self.read(|connection| {
            let sql = "SELECT value FROM meta WHERE name = ?1";
            let value = connection.prepare_cached(sql)?.query_row([watermark(journal)], |row| row.get::<_, i64>(0));
            Ok(value.optional()?.unwrap_or(0).unsigned_abs())
        })
    }

    /// Moves the watermark over a part of the journal that holds no records. It never moves back.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn advance_drained_to(&self, journal: &str, sequence: u64) -> Result<()> {
        self.write(|transaction| advance(transaction, journal, sequence))
    }
}

/// Writes one record; false where its call is known. Whoever reads on from the last number that he has seen must see every record:
/// so one of another journal, with numbers of its own, takes the next one here.
fn insert(transaction: &Transaction<'_>, sequence: u64, record: &Finished<'_>) -> Result<bool> {
    let id = record.id().to_string();
    let written = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO call_records
             (id, company, profile, invited_us, answered, cause, currency, amount, journal_sequence, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                     max(?9, (SELECT coalesce(max(journal_sequence), 0) + 1 FROM call_records)), ?10)",
        )?
        .execute(params![
            id,
            record.company().to_string(),
            record.profile().to_string(),
            record.invited_at().as_unix_micros(),
            record.was_answered(),
            record.cause().as_str(),
            record.currency().as_str(),
            record.amount().get(),
            clamped(sequence),
            record.text
        ])?;
    if written == 0 {
        return Ok(false);
    }
    let mut leg = transaction.prepare_cached("INSERT OR IGNORE INTO call_legs (sip_call_id, call) VALUES (?1, ?2)")?;
    for sip_call_id in record.sip_call_ids() {
        leg.execute(params![sip_call_id, id])?;
    }
    Ok(true)
}

fn advance(transaction: &Transaction<'_>, journal: &str, sequence: u64) -> Result<()> {
    let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
    transaction.prepare_cached(sql)?.execute(params![watermark(journal), clamped(sequence)])?;
    Ok(())
}

/// SQLite's integers are signed; 2^63 journal entries are beyond any journal.
fn clamped(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
