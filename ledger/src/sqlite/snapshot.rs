//! A snapshot: all balances and live subjects after one row, so that a start need not read the journal from its beginning. It is
//! never the only record of anything. One that was archived with the rows before it is what the journal begins with once they are gone
//! ([`super::opening`]).
//!
//! Format 1, and 2 of a journal with rows of format 2 (integers as in [`super::bytes`]): `1`; companies (count; id, last row, accounts: count; account, posted, held, last
//! row); live subjects (count; id, highest sequence + 1 or 0, company, open holds: count; number, debit, credit, amount, lease, code;
//! ended holds: count; number, captured).

use super::books::{Books, Slot};
use super::bytes::{Garbled, Reader, checksum, code_byte, put_account, put_id, put_signed, put_unsigned};
use super::journal::{read, written};
use super::opening;
use super::subjects::Holds;
use crate::error::Error;
use domain::credit::{Account, Balance};
use domain::{CompanyId, Wall};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

const FORMAT: u8 = 1;
/// Of a journal that is one of several nodes'.
const FORMAT_OF_PART: u8 = 2;
/// Snapshots kept: the newest, and one more should it be damaged.
const KEPT: i64 = 2;

pub(super) fn encode(books: &Books) -> Vec<u8> {
    // One with no account left has its last row all the same.
    let mut companies: BTreeMap<CompanyId, Vec<&Slot>> =
        books.companies.keys().map(|company| (*company, Vec::new())).collect();
    for slot in books.existing() {
        companies.entry(slot.account.company).or_default().push(slot);
    }
    let mut bytes = vec![if books.is_part { FORMAT_OF_PART } else { FORMAT }];
    put_unsigned(&mut bytes, companies.len() as u64);
    for (company, slots) in &companies {
        put_id(&mut bytes, company.bits());
        put_unsigned(&mut bytes, books.companies.get(company).copied().unwrap_or(0));
        put_unsigned(&mut bytes, slots.len() as u64);
        for slot in slots {
            put_account(&mut bytes, &slot.account);
            put_signed(&mut bytes, slot.balance.posted);
            put_signed(&mut bytes, slot.balance.held);
            put_unsigned(&mut bytes, slot.line);
        }
    }
    let live = books.subjects.with_past();
    put_unsigned(&mut bytes, live.len() as u64);
    for (id, subject, holds) in live {
        put_id(&mut bytes, id);
        put_unsigned(&mut bytes, u64::from(subject.highest.is_some()));
        put_unsigned(&mut bytes, subject.highest.unwrap_or(0));
        put_id(&mut bytes, holds.company.bits());
        put_unsigned(&mut bytes, holds.open.len() as u64);
        for (number, held) in &holds.open {
            put_unsigned(&mut bytes, u64::from(*number));
            put_account(&mut bytes, &books.slots[held.debit as usize].account);
            put_account(&mut bytes, &books.slots[held.credit as usize].account);
            put_signed(&mut bytes, held.amount);
            put_signed(&mut bytes, held.until.as_unix_micros());
            bytes.push(code_byte(held.code));
        }
        put_unsigned(&mut bytes, holds.closed.len() as u64);
        for (number, captured) in &holds.closed {
            put_unsigned(&mut bytes, u64::from(*number));
            put_signed(&mut bytes, *captured);
        }
    }
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Books, Garbled> {
    let mut reader = Reader(bytes);
    let is_part = match reader.byte()? {
        FORMAT => false,
        FORMAT_OF_PART => true,
        _ => return Err(Garbled("its format is unknown")),
    };
    let mut books = Books::default();
    books.is_part = is_part;
    for _ in 0..reader.count()? {
        let company = CompanyId::from_bits(reader.id()?);
        let line = reader.unsigned()?;
        if line > 0 {
            books.companies.insert(company, line);
        }
        for _ in 0..reader.count()? {
            let account = reader.account(company)?;
            let balance = Balance { posted: reader.signed()?, held: reader.signed()? };
            books.restore_account(account, balance, reader.unsigned()?);
        }
    }
    for _ in 0..reader.count()? {
        let id = reader.id()?;
        let has_highest = reader.unsigned()? == 1;
        let highest = Some(reader.unsigned()?).filter(|_| has_highest);
        let company = CompanyId::from_bits(reader.id()?);
        let mut holds = Holds { company, open: Vec::new(), closed: Vec::new() };
        for _ in 0..reader.count()? {
            let number = number(&mut reader)?;
            let (debit, credit): (Account, Account) = (reader.account(company)?, reader.account(company)?);
            let (amount, until) = (reader.signed()?, Wall::from_unix_micros(reader.signed()?));
            holds.open.push((number, books.restore_hold(debit, credit, amount, until, reader.code()?)));
        }
        for _ in 0..reader.count()? {
            holds.closed.push((number(&mut reader)?, reader.signed()?));
        }
        books.subjects.restore(id, highest, holds);
    }
    reader.end()?;
    Ok(books)
}

fn number(reader: &mut Reader<'_>) -> Result<u32, Garbled> {
    u32::try_from(reader.unsigned()?).map_err(|_| Garbled("a hold's number is too large"))
}

/// Keeps a snapshot after row `sequence`, and drops those before the last two.
pub(super) fn store(connection: &Connection, sequence: u64, body: &[u8]) -> Result<(), Error> {
    let sum = checksum(&[&sequence.to_be_bytes(), body]);
    connection
        .execute(
            "INSERT OR REPLACE INTO snapshot (seq, body, sum) VALUES (?1, ?2, ?3)",
            params![sequence as i64, body, sum],
        )
        .map_err(written)?;
    connection
        .execute("DELETE FROM snapshot WHERE seq NOT IN (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?1)", [KEPT])
        .map_err(written)?;
    Ok(())
}

/// The newest sound snapshot: its row, and the balances after it. Where there is none, the balances at the journal's beginning: empty
/// books at row 0, or what it was cut at.
pub(super) fn load(connection: &Connection) -> Result<(u64, Books), Error> {
    let cut = opening::cut(connection)?;
    let mut below = i64::MAX;
    while let Some((sequence, body)) = newest(connection, cut, below)? {
        if let Some(books) = body.and_then(|body| decode(&body).ok()) {
            return Ok((sequence, books));
        }
        tracing::warn!(journal.sequence = sequence, "a ledger snapshot is damaged; an older one is used");
        below = sequence as i64;
    }
    Ok((cut, opening::load(connection)?.map_or_else(|| Ok(Books::default()), |opening| opening.books())?))
}

/// A snapshot: its row, and what it says if its checksum is right.
pub(super) type Found = (u64, Option<Vec<u8>>);

/// The newest snapshot from row `from` on and below another.
fn newest(connection: &Connection, from: u64, below: i64) -> Result<Option<Found>, Error> {
    let sql = "SELECT seq, body, sum FROM snapshot WHERE seq >= ?1 AND seq < ?2 ORDER BY seq DESC LIMIT 1";
    found(connection, sql, [from as i64, below])
}

/// The oldest snapshot behind a row.
pub(super) fn after(connection: &Connection, row: u64) -> Result<Option<Found>, Error> {
    let sql = "SELECT seq, body, sum FROM snapshot WHERE seq > ?1 AND ?2 >= 0 ORDER BY seq LIMIT 1";
    found(connection, sql, [row as i64, 0])
}

fn found(connection: &Connection, sql: &str, rows: [i64; 2]) -> Result<Option<Found>, Error> {
    let found: Option<(i64, Vec<u8>, i64)> =
        connection.query_row(sql, rows, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional().map_err(read)?;
    Ok(found.map(|(sequence, body, sum)| {
        let sequence = sequence as u64;
        (sequence, (sum == checksum(&[&sequence.to_be_bytes(), &body])).then_some(body))
    }))
}
