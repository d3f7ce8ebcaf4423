//! Rows that no engine writes, planted: what a journal would say if an order had been done twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::verify;
use crate::api::Ledger;
use crate::sqlite::places::key;
use crate::sqlite::{Settings, SqliteLedger, journal};
use domain::credit::{Account, Batch, BatchId, Code, Durability, Holder, Kind, Transfer, Unit};
use domain::{CompanyId, Currency, Wall};

const ORDERS: u128 = 5;

fn top_up(sequence: u64) -> Batch {
    let of = |holder| Account { company: CompanyId::from_bits(1), holder, unit: Unit::Money(Currency::USD) };
    let kind = Kind::Post { debit: of(Holder::World), credit: of(Holder::Company), amount: 100 };
    Batch {
        id: BatchId { subject: ORDERS, sequence },
        company: CompanyId::from_bits(1),
        at: Wall::from_unix_seconds(1),
        transfers: vec![Transfer { kind, code: Code::TopUp }],
        memo: None,
    }
}

/// Decision 130: no index refuses the second row. Both are sound, follow each other and balance.
#[test]
fn an_order_that_stands_in_two_rows_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = SqliteLedger::open(Settings::new(&path)).unwrap();
    for sequence in [7, 8] {
        ledger.submit(top_up(sequence), Durability::WithNextGroup, Box::new(drop));
    }
    ledger.close().unwrap();
    assert!(verify(&path).unwrap().is_clean());
    let raw = rusqlite::Connection::open(&path).unwrap();
    let body: Vec<u8> = raw.query_row("SELECT body FROM journal WHERE seq = 2", [], |row| row.get(0)).unwrap();
    let id = key(BatchId { subject: ORDERS, sequence: 7 });
    let sum = journal::sum_of(2, &id, &body, None, None);
    raw.execute("UPDATE journal SET id = ?1, sum = ?2 WHERE seq = 2", rusqlite::params![id, sum]).unwrap();
    assert_eq!(
        verify(&path).unwrap().faults,
        ["row 2 does batch 7 of subject 00000000000000000000000000000005 again: row 1 did it"]
    );
}
