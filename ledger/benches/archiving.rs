//! What a row of the journal costs the processor when it is old: packed into a segment, kept, and deleted from the journal; beside what it
//! cost to be written. All threads of the process, by its own clock of CPU time (a hundredth of a second).
//!
//! The archive is memory: what the store does with a segment (one row of it in 65,536 of the journal's) is not in here, and is in
//! `loadtest/cpu_per_tick`, where the switch archives as it runs.
//!
//! `cargo bench -p ledger --bench archiving`; `ROWS` is how many (default 400000).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use clerk::{batch, channels, endow, hold, is_applied, profile, tell_when_there_is_room, tick};
use domain::Wall;
use ledger::sqlite::{Settings, SqliteLedger};
use ledger::{Archive, Ledger, MemoryArchive, Trim};
use std::sync::Arc;

/// Calls that tick in turns.
const CALLS: u128 = 10_000;

fn main() {
    let rows: u128 = std::env::var("ROWS").map_or(400_000, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let archive: Arc<dyn Archive> = Arc::new(MemoryArchive::default());
    let settings = Settings { archive: Some(archive), ..Settings::new(folder.path().join("ledger.db")) };
    let ledger = SqliteLedger::open(settings).expect("a ledger");
    endow(&ledger, 1 << 40, 1 << 20);
    for call in 1..=CALLS {
        let begin = vec![hold(call, 0, channels(), 1), hold(call, 1, profile(), 1)];
        assert!(is_applied(&tell_when_there_is_room(&ledger, batch(call, 0, begin))));
    }
    ledger.flush().expect("a healthy ledger");
    let before = cpu_us();
    for row in 0..rows {
        assert!(is_applied(&tell_when_there_is_room(&ledger, tick(1 + row % CALLS, (1 + row / CALLS) as u32))));
    }
    ledger.flush().expect("a healthy ledger");
    let written = cpu_us();
    let bytes = u128::from(std::fs::metadata(folder.path().join("ledger.db")).expect("a journal").len());
    let kept = ledger.trim(&Trim::all(Wall::from_unix_micros(i64::MIN))).expect("a healthy ledger");
    let archived = cpu_us();
    let trimmed = ledger.trim(&Trim::all(Wall::from_unix_micros(i64::MAX))).expect("a healthy ledger");
    let deleted = cpu_us();
    assert!(trimmed.is_done && trimmed.kept == 0 && kept.archived == trimmed.deleted, "{kept:?} {trimmed:?}");
    let old = u128::from(trimmed.deleted);
    let (write, keep, delete) =
        (per_row(written - before, rows), per_row(archived - written, old), per_row(deleted - archived, old));
    println!("{rows} ticks of {CALLS} calls, ns of CPU a row: written {write}, archived {keep}, deleted {delete}");
    println!("a row takes {} bytes of the journal's file, its index included", bytes / rows);
    println!("so an old row costs {} % of what a new one does", (keep + delete) * 100 / write.max(1));
}

fn per_row(us: u128, rows: u128) -> u128 {
    us * 1_000 / rows.max(1)
}

/// User and system time of this process so far.
fn cpu_us() -> u128 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("the name ends");
    let ticks = |place: usize| fields.split_whitespace().nth(place).and_then(|text| text.parse().ok()).unwrap_or(0u128);
    // Fields 14 and 15 of proc(5), in hundredths of a second.
    (ticks(11) + ticks(12)) * 10_000
}
