//! The sqlite engine against the memory engine: the same random batches, many of them wrong, with restarts, crashes and trimmings in between.
//! The memory engine is never trimmed, and has the same answers, statements and histories.
//!
//! `OPERATIONS` is the number of batches (default 50,000; the long form takes 1,000,000), `SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::ask;
use clerk::comparing::{Journal, is_journalled, is_promise, replay, row_of};
use clerk::posting::{Poster, chance_of, label, number};
use domain::credit::Durability;
use domain::{Entropy, Wall};
use ledger::memory::MemoryLedger;
use ledger::sqlite::{Settings, SqliteLedger, verify, verify_with};
use ledger::{Archive, Ledger, MemoryArchive, Trim};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Batches on one file; then both engines begin anew, so that the model's history stays short enough to be replayed.
const EPOCH: u64 = 10_000;
/// One file in so many is trimmed: its answers come out of many small segments, which takes its time.
const TRIMMED_ONE_IN: u64 = 5;

#[test]
fn the_sqlite_engine_does_what_the_specification_does() {
    let operations = number("OPERATIONS", 50_000);
    let seed = number("SEED", 0x7a6e_64f0_1e06_e200);
    println!("SEED={seed} OPERATIONS={operations}");
    let mut left = operations;
    let (mut restarts, mut crashes, mut lost, mut trimmed) = (0, 0, 0, 0);
    let mut tally = std::collections::BTreeMap::new();
    for epoch in 0.. {
        if left == 0 {
            break;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut pair = Pair::new(folder.path(), chance_of(seed, epoch), epoch % TRIMMED_ONE_IN == 0);
        for _ in 0..left.min(EPOCH) {
            *tally.entry(pair.one_operation()).or_insert(0u64) += 1;
        }
        left -= left.min(EPOCH);
        pair.restart();
        pair.compare_everything();
        restarts += pair.restarts;
        crashes += pair.crashes;
        lost += pair.lost;
        trimmed += pair.trimmed;
    }
    println!("{tally:?}");
    println!("{restarts} restarts, {crashes} crashes that lost {lost} batches which nobody was promised");
    println!("{trimmed} rows were trimmed");
    println!("{operations} operations, 0 differences");
    assert!(operations < 10_000 || (crashes > 3 && lost > 0), "the run must have crashed and lost something");
    assert!(operations < 50_000 || trimmed > 1_000, "the run must have trimmed something");
}

/// Both engines, and what was posted to them.
struct Pair {
    poster: Poster,
    settings: Settings,
    path: PathBuf,
    sqlite: Option<SqliteLedger>,
    memory: MemoryLedger,
    /// What either journal must hold.
    journal: Journal,
    /// Rows up to this one were answered as durable.
    promised: u64,
    /// One batch in so many waits for the disk, and takes all before it along.
    orders_one_in: u64,
    restarts: u64,
    crashes: u64,
    lost: u64,
    trimmed: u64,
}

impl Pair {
    fn new(folder: &Path, mut chance: Entropy, is_trimmed: bool) -> Self {
        let path = folder.join("ledger.db");
        let settings = Settings {
            group_after: Duration::from_millis(chance.below(4)),
            group_batches: 1 + chance.below(300) as usize,
            remembered_subjects: 1 + chance.below(40) as usize,
            snapshot_every: 1 + chance.below(3_000),
            archive: is_trimmed.then(|| Arc::new(MemoryArchive::default()) as Arc<dyn Archive>),
            placed_together: 1 + chance.below(500) as usize,
            ..Settings::new(&path)
        };
        let sqlite = Some(SqliteLedger::open(settings.clone()).unwrap());
        let memory = MemoryLedger::new();
        let mut pair = Self {
            poster: Poster::new(chance),
            settings,
            path,
            sqlite,
            memory,
            journal: Vec::new(),
            promised: 0,
            orders_one_in: 8,
            restarts: 0,
            crashes: 0,
            lost: 0,
            trimmed: 0,
        };
        // A third of the runs keep the disk far behind, so that crashes lose much.
        if pair.poster.chance.below(3) == 0 {
            pair.settings.group_after = Duration::from_secs(3_600);
            pair.settings.group_batches = 100_000;
            pair.orders_one_in = 300;
            pair.reopen();
        }
        pair
    }

    fn sqlite(&self) -> &SqliteLedger {
        self.sqlite.as_ref().unwrap()
    }

    fn one_operation(&mut self) -> &'static str {
        match self.poster.chance.below(3_000) {
            0 => self.restart(),
            1..3 => self.crash(),
            3..8 => self.compare_balances(),
            8 => self.compare_everything(),
            9..12 => self.trim(),
            _ => {}
        }
        let batch = self.poster.next_batch();
        let durability = match self.poster.chance.below(self.orders_one_in) {
            0 => Durability::BeforeAnswer,
            _ => Durability::WithNextGroup,
        };
        let theirs = ask(self.sqlite(), batch.clone(), durability);
        let ours = ask(&self.memory, batch.clone(), durability);
        assert_eq!(
            theirs,
            ours,
            "sqlite and memory differ on {batch:#?} ({durability:?}) after {} rows",
            self.journal.len()
        );
        if is_journalled(&ours, durability) {
            self.journal.push((batch.clone(), durability, ours.clone()));
        }
        if is_promise(&ours, durability) {
            // A replayed answer is a promise for the row that it replays, which may be any before this.
            self.promised = self.promised.max(row_of(&self.journal, &batch).unwrap_or(0));
        }
        self.poster.posted.push(batch);
        label(&ours)
    }

    fn reopen(&mut self) {
        self.sqlite.take().unwrap().close().unwrap();
        self.sqlite = Some(SqliteLedger::open(self.settings.clone()).unwrap());
    }

    /// A clean stop and start: nothing is lost but refusals that were not journalled.
    fn restart(&mut self) {
        self.restarts += 1;
        self.sqlite.take().unwrap().close().unwrap();
        let with_all = verify_with(&self.path, self.settings.archive.as_ref()).unwrap();
        for audit in [verify(&self.path).unwrap(), with_all] {
            assert!(audit.is_clean(), "{audit}");
            assert_eq!(audit.unread + audit.batches, self.journal.len() as u64);
        }
        self.sqlite = Some(SqliteLedger::open(self.settings.clone()).unwrap());
        assert_eq!(self.sqlite().totals().journalled, self.journal.len() as u64);
        self.rewind(self.journal.len());
    }

    /// Some or all of the rows go, as far as so many steps lead; or they are archived only.
    fn trim(&mut self) {
        let chance = &mut self.poster.chance;
        let before = if chance.below(4) == 0 { i64::MIN } else { i64::MAX };
        let steps = if chance.below(2) == 0 { usize::MAX } else { 1 + chance.below(6) as usize };
        let order = Trim { before: Wall::from_unix_micros(before), to_the_end: chance.below(3) == 0, steps };
        self.trimmed += self.sqlite().trim(&order).unwrap().deleted;
    }

    /// The process dies: the state is that after some prefix, which has everything that was promised.
    fn crash(&mut self) {
        self.crashes += 1;
        self.sqlite.take().unwrap().abandon();
        self.sqlite = Some(SqliteLedger::open(self.settings.clone()).unwrap());
        let kept = self.sqlite().totals().journalled;
        assert!(kept >= self.promised, "row {} was promised, and only {kept} are there", self.promised);
        assert!(kept <= self.journal.len() as u64);
        self.lost += self.journal.len() as u64 - kept;
        self.rewind(kept as usize);
    }

    /// The model again, after its first `rows` rows.
    fn rewind(&mut self, rows: usize) {
        self.memory = MemoryLedger::new();
        replay(&mut self.journal, rows, &self.memory);
        self.compare_balances();
        self.compare_unfinished();
    }

    fn compare_balances(&self) {
        clerk::comparing::compare_balances(self.sqlite(), &self.memory);
        assert_eq!(self.sqlite().totals().applied, self.memory.totals().applied);
    }

    fn compare_unfinished(&self) {
        clerk::comparing::compare_unfinished(self.sqlite(), &self.memory);
    }

    fn compare_everything(&mut self) {
        self.compare_balances();
        self.sqlite().flush().unwrap();
        self.compare_unfinished();
        let sqlite = self.sqlite.as_ref().unwrap();
        clerk::comparing::compare_readings(sqlite, &self.memory, &mut self.poster, self.journal.len() as u64);
        for audit in [sqlite.verify().unwrap(), self.memory.verify().unwrap()] {
            assert!(audit.is_clean(), "{audit}");
            assert_eq!(audit.batches, self.journal.len() as u64);
            assert_eq!(audit.open_holds, self.memory.totals().open_holds);
        }
    }
}
