//! The sqlite engine against the memory engine: the same random batches, many of them wrong, with restarts and crashes in between.
//!
//! `OPERATIONS` is the number of batches (default 50,000; the long form takes 1,000,000), `SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::{account, ask, at, company};
use domain::credit::{Account, Batch, BatchId, Code, Durability, HoldId, Holder, Kind, Memo, Outcome, RefusedBecause};
use domain::credit::{Transfer, Unit};
use domain::{BusinessAccountId, CompanyId, Currency, Entropy, ProfileId};
use ledger::memory::MemoryLedger;
use ledger::sqlite::{Settings, SqliteLedger, verify};
use ledger::{Ledger, Lines, StatementQuery};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Batches on one file; then both engines begin anew, so that the model's history stays short enough to be replayed.
const EPOCH: u64 = 10_000;
const COMPANIES: u128 = 3;

#[test]
fn the_sqlite_engine_does_what_the_specification_does() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let operations = number("OPERATIONS", 50_000);
    let seed = number("SEED", 0x7a6e_64f0_1e06_e200);
    println!("SEED={seed} OPERATIONS={operations}");
    let mut left = operations;
    let (mut restarts, mut crashes, mut lost) = (0, 0, 0);
    let mut tally = std::collections::BTreeMap::new();
    for epoch in 0.. {
        if left == 0 {
            break;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..].copy_from_slice(&u64::to_le_bytes(epoch));
        let mut pair = Pair::new(folder.path(), Entropy::from_seed(bytes));
        for _ in 0..left.min(EPOCH) {
            *tally.entry(pair.one_operation()).or_insert(0u64) += 1;
        }
        left -= left.min(EPOCH);
        pair.restart();
        pair.compare_everything();
        restarts += pair.restarts;
        crashes += pair.crashes;
        lost += pair.lost;
    }
    println!("{tally:?}");
    println!("{restarts} restarts, {crashes} crashes that lost {lost} batches which nobody was promised");
    println!("{operations} operations, 0 differences");
    assert!(operations < 10_000 || (crashes > 3 && lost > 0), "the run must have crashed and lost something");
}

/// Both engines, and what was posted to them.
struct Pair {
    chance: Entropy,
    settings: Settings,
    path: PathBuf,
    sqlite: Option<SqliteLedger>,
    memory: MemoryLedger,
    /// What either journal must hold, in order: the batch of row n is at n - 1.
    journal: Vec<(Batch, Durability, Outcome)>,
    /// Rows up to this one were answered as durable.
    promised: u64,
    posted: Vec<Batch>,
    calls: Vec<Call>,
    second: i64,
    /// One batch in so many waits for the disk, and takes all before it along.
    orders_one_in: u64,
    restarts: u64,
    crashes: u64,
    lost: u64,
}

/// What the generator knows of a call; often it errs on purpose.
struct Call {
    subject: u128,
    company: u128,
    sequence: u64,
    number: u32,
    open: Vec<(u32, i64)>,
}

impl Pair {
    fn new(folder: &Path, mut chance: Entropy) -> Self {
        let path = folder.join("ledger.db");
        let settings = Settings {
            group_after: Duration::from_millis(chance.below(4)),
            group_batches: 1 + chance.below(300) as usize,
            remembered_subjects: 1 + chance.below(40) as usize,
            snapshot_every: 1 + chance.below(3_000),
            ..Settings::new(&path)
        };
        let sqlite = Some(SqliteLedger::open(settings.clone()).unwrap());
        let memory = MemoryLedger::new();
        let mut pair = Self {
            chance,
            settings,
            path,
            sqlite,
            memory,
            journal: Vec::new(),
            promised: 0,
            posted: Vec::new(),
            calls: Vec::new(),
            second: 1_000_000,
            orders_one_in: 8,
            restarts: 0,
            crashes: 0,
            lost: 0,
        };
        // A third of the runs keep the disk far behind, so that crashes lose much.
        if pair.chance.below(3) == 0 {
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
        match self.chance.below(3_000) {
            0 => self.restart(),
            1..3 => self.crash(),
            3..8 => self.compare_balances(),
            8 => self.compare_everything(),
            _ => {}
        }
        self.second += 1;
        let batch = self.any_batch();
        let durability = match self.chance.below(self.orders_one_in) {
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
        let is_journalled = match &ours {
            Outcome::Applied(_) => true,
            Outcome::Refused(refusal) => durability == Durability::BeforeAnswer && is_of_state(refusal.because),
            Outcome::Replayed(_) | Outcome::Unavailable => false,
        };
        if is_journalled {
            self.journal.push((batch.clone(), durability, ours.clone()));
        }
        if durability == Durability::BeforeAnswer
            && !matches!(&ours, Outcome::Refused(refusal) if !is_of_state(refusal.because))
        {
            // A replayed answer is a promise for the row that it replays, which may be any before this.
            self.promised = self.promised.max(self.row_of(&batch).unwrap_or(0));
        }
        self.posted.push(batch);
        label(&ours)
    }

    fn row_of(&self, batch: &Batch) -> Option<u64> {
        let found = self.journal.iter().rposition(|(known, _, _)| known.id == batch.id)?;
        Some(found as u64 + 1)
    }

    fn reopen(&mut self) {
        self.sqlite.take().unwrap().close().unwrap();
        self.sqlite = Some(SqliteLedger::open(self.settings.clone()).unwrap());
    }

    /// A clean stop and start: nothing is lost but refusals that were not journalled.
    fn restart(&mut self) {
        self.restarts += 1;
        self.sqlite.take().unwrap().close().unwrap();
        let audit = verify(&self.path).unwrap();
        assert!(audit.is_clean(), "{audit}");
        self.sqlite = Some(SqliteLedger::open(self.settings.clone()).unwrap());
        assert_eq!(self.sqlite().totals().journalled, self.journal.len() as u64);
        self.rewind(self.journal.len());
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
        self.journal.truncate(rows);
        self.memory = MemoryLedger::new();
        for (batch, durability, outcome) in &self.journal {
            assert_eq!(ask(&self.memory, batch.clone(), *durability), *outcome);
        }
        self.compare_balances();
        self.compare_unfinished();
    }

    fn compare_balances(&mut self) {
        for number in 1..=COMPANIES {
            assert_eq!(self.sqlite().balances(company(number)), self.memory.balances(company(number)));
        }
        assert_eq!(self.sqlite().open_holds(None, usize::MAX), self.memory.open_holds(None, usize::MAX));
        let (theirs, ours) = (self.sqlite().totals(), self.memory.totals());
        assert_eq!((&theirs.units, theirs.open_holds), (&ours.units, ours.open_holds));
        assert_eq!((theirs.open_money_holds, theirs.accounts), (ours.open_money_holds, ours.accounts));
        assert_eq!(theirs.applied, ours.applied);
        assert!(theirs.units.values().all(|sums| sums.imbalance == 0));
    }

    fn compare_unfinished(&self) {
        let (theirs, ours) = (self.sqlite().unfinished().unwrap(), self.memory.unfinished().unwrap());
        for (theirs, ours) in theirs.iter().zip(&ours) {
            assert_eq!(theirs, ours);
        }
        assert_eq!(theirs.len(), ours.len());
    }

    fn compare_everything(&mut self) {
        self.compare_balances();
        self.sqlite().flush().unwrap();
        self.compare_unfinished();
        let after = self.chance.below(self.journal.len() as u64 + 1);
        assert_eq!(self.sqlite().ended_after(after, 50).unwrap(), self.memory.ended_after(after, 50).unwrap());
        for _ in 0..4 {
            let number = 1 + u128::from(self.chance.below(COMPANIES as u64));
            let query = StatementQuery {
                company: company(number),
                account: (self.chance.below(2) == 0).then(|| self.any_account(number)),
                lines: if self.chance.below(2) == 0 { Lines::All } else { Lines::Posted },
                before: (self.chance.below(2) == 0).then(|| 1 + self.chance.below(self.journal.len() as u64 + 2)),
                after: if self.chance.below(3) == 0 { after } else { 0 },
                limit: 1 + self.chance.below(200) as usize,
            };
            assert_eq!(self.sqlite().statement(&query).unwrap(), self.memory.statement(&query).unwrap(), "{query:?}");
        }
        for audit in [self.sqlite().verify().unwrap(), self.memory.verify().unwrap()] {
            assert!(audit.is_clean(), "{audit}");
            assert_eq!(audit.batches, self.journal.len() as u64);
            assert_eq!(audit.open_holds, self.memory.totals().open_holds);
        }
    }

    // What is posted.

    fn any_batch(&mut self) -> Batch {
        match self.chance.below(100) {
            0..8 if !self.posted.is_empty() => self.any_posted(200),
            8..10 if !self.posted.is_empty() => self.any_posted(usize::MAX),
            10..13 if !self.posted.is_empty() => self.altered(),
            13..30 => self.new_call(),
            30..65 if !self.calls.is_empty() => self.next_of_a_call(),
            65..80 => self.payment(),
            _ => self.nonsense(),
        }
    }

    /// A batch again, from the latest so many.
    fn any_posted(&mut self, latest: usize) -> Batch {
        let many = self.posted.len().min(latest);
        let back = self.chance.below(many as u64) as usize;
        self.posted[self.posted.len() - 1 - back].clone()
    }

    /// A known id with another body, or the same body decided later.
    fn altered(&mut self) -> Batch {
        let mut batch = self.any_posted(300);
        match self.chance.below(4) {
            0 => batch.company = company(1 + u128::from(self.chance.below(COMPANIES as u64))),
            1 => batch.transfers.truncate(1),
            2 => batch.at = at(self.second),
            _ => {
                let number = batch.company.bits();
                batch.transfers.push(self.any_transfer(number, batch.id.subject));
            }
        }
        batch
    }

    fn new_call(&mut self) -> Batch {
        let number = 1 + u128::from(self.chance.below(COMPANIES as u64));
        // Most subjects sort by birth, a few of them late; some are hashes.
        let born = (self.second - if self.chance.below(8) == 0 { 30 } else { 0 }) as u128 * 1_000;
        let chance = self.chance.next_u128() >> 64;
        let subject = match self.chance.below(6) {
            0 => self.chance.next_u128(),
            _ => born << 80 | 0x7 << 76 | 0b10 << 62 | (chance & 0x3fff_ffff_ffff_ffff),
        };
        let first = self.amount();
        let mut call = Call { subject, company: number, sequence: 0, number: 30, open: vec![(0, 1), (30, first)] };
        let payer = self.customer(number, money());
        let channel = self.customer(number, Unit::Channels);
        let transfers = vec![self.hold(subject, 0, channel, 1), self.hold(subject, 30, payer, first)];
        let memo = (self.chance.below(2) == 0).then(|| Memo::CallOpened(format!("opened at {}", self.second).into()));
        if self.calls.len() >= 60 {
            self.calls.remove(0);
        }
        call.sequence = 1;
        self.calls.push(call);
        self.batch(subject, 0, number, transfers, memo)
    }

    fn next_of_a_call(&mut self) -> Batch {
        let place = self.chance.below(self.calls.len() as u64) as usize;
        let mut call = self.calls.swap_remove(place);
        let (subject, number, sequence) = (call.subject, call.company, call.sequence);
        call.sequence += 1;
        let is_end = self.chance.below(5) == 0;
        let mut transfers = Vec::new();
        if is_end {
            for (hold, amount) in std::mem::take(&mut call.open) {
                let kind = match self.chance.below(3) {
                    0 => Kind::Capture { hold: HoldId { subject, number: hold }, amount },
                    _ => Kind::Release { hold: HoldId { subject, number: hold } },
                };
                transfers.push(Transfer { kind, code: Code::CallCharge });
            }
            let memo = Some(Memo::CallEnded(format!("ended at {}", self.second).into()));
            // Some calls are heard of again after their end.
            if self.chance.below(4) == 0 {
                self.calls.push(call);
            }
            return self.batch(subject, sequence, number, transfers, memo);
        }
        if let Some((hold, amount)) = call.open.pop() {
            let amount = if self.chance.below(6) == 0 { amount / 2 } else { amount };
            let kind = Kind::Capture { hold: HoldId { subject, number: hold }, amount };
            transfers.push(Transfer { kind, code: Code::CallCharge });
        }
        call.number += if self.chance.below(20) == 0 { 0 } else { 6 };
        let amount = self.amount();
        let payer = self.customer(number, money());
        transfers.push(self.hold(subject, call.number, payer, amount));
        call.open.push((call.number, amount));
        let until = at(self.second + 60);
        let channel = HoldId { subject, number: 0 };
        if self.chance.below(3) > 0 {
            transfers.push(Transfer { kind: Kind::Extend { hold: channel, until }, code: Code::ChannelUse });
        }
        self.calls.push(call);
        self.batch(subject, sequence, number, transfers, None)
    }

    fn payment(&mut self) -> Batch {
        let number = 1 + u128::from(self.chance.below(COMPANIES as u64));
        let unit = [money(), money(), Unit::Channels, Unit::BundleSeconds][self.chance.below(4) as usize];
        let amount = self.chance.below(400) as i64;
        let customer = self.customer(number, unit);
        let world = account(number, Holder::World, unit);
        let (debit, credit) = if self.chance.below(4) == 0 { (customer, world) } else { (world, customer) };
        let subject = match self.chance.below(3) {
            0 => u128::from(self.chance.below(20)),
            _ => self.chance.next_u128(),
        };
        let memo = (self.chance.below(3) == 0).then(|| Memo::Note("paid".into()));
        let post = Transfer { kind: Kind::Post { debit, credit, amount }, code: Code::TopUp };
        let sequence = self.chance.below(50);
        self.batch(subject, sequence, number, vec![post], memo)
    }

    fn nonsense(&mut self) -> Batch {
        let number = 1 + u128::from(self.chance.below(COMPANIES as u64));
        let subject = match self.chance.below(3) {
            0 if !self.calls.is_empty() => self.calls[self.chance.below(self.calls.len() as u64) as usize].subject,
            1 => self.chance.next_u128(),
            _ => u128::from(self.chance.below(12)),
        };
        let count = if self.chance.below(100) == 0 { 33 } else { self.chance.below(5) };
        let transfers = (0..count).map(|_| self.any_transfer(number, subject)).collect();
        let sequence = self.chance.below(40);
        self.batch(subject, sequence, number, transfers, None)
    }

    fn any_transfer(&mut self, number: u128, subject: u128) -> Transfer {
        let subject = match self.chance.below(4) {
            0 => u128::from(self.chance.below(12)),
            1 if !self.calls.is_empty() => self.calls[self.chance.below(self.calls.len() as u64) as usize].subject,
            _ => subject,
        };
        let hold = HoldId { subject, number: 6 * self.chance.below(12) as u32 };
        let (debit, credit) = (self.any_account(number), self.any_account(number));
        // Mostly of one unit, or hardly any would pass.
        let credit = if self.chance.below(8) == 0 { credit } else { Account { unit: debit.unit, ..credit } };
        let amount = self.amount();
        let until = at(self.second + 60);
        let kind = match self.chance.below(9) {
            0..3 => Kind::Post { debit, credit, amount },
            3 => {
                let watched = Account { unit: debit.unit, ..self.any_account(number) };
                let limit = self.chance.below(100) as i64;
                Kind::PostIfAvailableAtMost { debit, credit, amount, watched, limit }
            }
            4..6 => Kind::Hold { hold, debit, credit, amount, until },
            6 => Kind::Capture { hold, amount },
            7 => Kind::Release { hold },
            _ => Kind::Extend { hold, until },
        };
        let code = Code::ALL[self.chance.below(Code::ALL.len() as u64) as usize];
        Transfer { kind, code }
    }

    fn any_account(&mut self, number: u128) -> Account {
        let number =
            if self.chance.below(60) == 0 { 1 + u128::from(self.chance.below(COMPANIES as u64)) } else { number };
        let unit = [money(), money(), money(), Unit::Money(Currency::EUR), Unit::Channels, Unit::BundleSeconds]
            [self.chance.below(6) as usize];
        match self.chance.below(4) {
            0 => account(number, Holder::World, unit),
            1 => account(number, Holder::Revenue, unit),
            _ => self.customer(number, unit),
        }
    }

    fn customer(&mut self, number: u128, unit: Unit) -> Account {
        let which = u128::from(self.chance.below(3));
        let holder = match self.chance.below(5) {
            0 => Holder::Company,
            1 => Holder::BusinessAccount(BusinessAccountId::from_bits(which)),
            _ => Holder::Profile(ProfileId::from_bits(which)),
        };
        account(number, holder, unit)
    }

    fn hold(&mut self, subject: u128, number: u32, debit: Account, amount: i64) -> Transfer {
        let holder = if debit.unit == money() { Holder::Revenue } else { Holder::World };
        let (hold, credit, until) = (HoldId { subject, number }, Account { holder, ..debit }, at(self.second + 60));
        Transfer { kind: Kind::Hold { hold, debit, credit, amount, until }, code: Code::CallCharge }
    }

    fn amount(&mut self) -> i64 {
        match self.chance.below(200) {
            0 => i64::MAX,
            1 => -1,
            2 => i64::MIN,
            3..20 => 0,
            _ => self.chance.below(60) as i64,
        }
    }

    fn batch(
        &mut self,
        subject: u128,
        sequence: u64,
        number: u128,
        transfers: Vec<Transfer>,
        memo: Option<Memo>,
    ) -> Batch {
        let id = BatchId { subject, sequence };
        let company: CompanyId = company(number);
        Batch { id, company, at: at(self.second), transfers, memo }
    }
}

fn money() -> Unit {
    Unit::Money(Currency::USD)
}

/// Whether a refusal depends on the books, and is therefore remembered.
fn is_of_state(because: RefusedBecause) -> bool {
    because > RefusedBecause::NegativeAmount
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Applied(_) => "applied",
        Outcome::Replayed(_) => "replayed",
        Outcome::Unavailable => "unavailable",
        Outcome::Refused(refusal) => match refusal.because {
            RefusedBecause::DifferentBody => "different body",
            RefusedBecause::TooLarge => "too large",
            RefusedBecause::ForeignAccount => "foreign account",
            RefusedBecause::MismatchedAccounts => "mismatched accounts",
            RefusedBecause::NegativeAmount => "negative amount",
            RefusedBecause::HoldExists => "hold exists",
            RefusedBecause::HoldNotOpen => "hold not open",
            RefusedBecause::CaptureExceedsHold => "capture exceeds hold",
            RefusedBecause::Overflow => "overflow",
            RefusedBecause::AboveLimit => "above limit",
            RefusedBecause::InsufficientFunds { .. } => "insufficient funds",
        },
    }
}
