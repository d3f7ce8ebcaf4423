//! What is posted in the differential tests: calls as calls are, payments, repeats, and much that is wrong on purpose. Who it is posted
//! to is in the tests themselves.

use crate::{account, at, company};
use domain::credit::{
    Account, Batch, BatchId, Code, Durability, HoldId, Holder, Kind, Memo, Outcome, RefusedBecause, Transfer, Unit,
};
use domain::{BusinessAccountId, CompanyId, Currency, Entropy, ProfileId};

/// Companies that are posted for: 1, 2 and 3.
pub const COMPANIES: u128 = 3;

/// What the generator knows of a call; often it errs on purpose.
struct Call {
    subject: u128,
    company: u128,
    sequence: u64,
    number: u32,
    open: Vec<(u32, i64)>,
}

/// Posts by chance.
pub struct Poster {
    /// By which it posts; tests draw from it as well, so that one seed is one run.
    pub chance: Entropy,
    /// Everything that was posted.
    pub posted: Vec<Batch>,
    calls: Vec<Call>,
    second: i64,
}

impl Poster {
    /// One who has posted nothing yet.
    pub fn new(chance: Entropy) -> Self {
        Self { chance, posted: Vec::new(), calls: Vec::new(), second: 1_000_000 }
    }

    /// The next batch, a second later.
    pub fn next_batch(&mut self) -> Batch {
        self.second += 1;
        self.any_batch()
    }

    /// One batch in eight waits for the disk, as people's do.
    pub fn any_durability(&mut self) -> Durability {
        match self.chance.below(8) {
            0 => Durability::BeforeAnswer,
            _ => Durability::WithNextGroup,
        }
    }

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
        let unit =
            [money(), money(), Unit::Channels, Unit::BundleSeconds, Unit::Day(20_779)][self.chance.below(5) as usize];
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

    /// A subject that something was posted about.
    pub(crate) fn any_subject(&mut self) -> u128 {
        let place = self.chance.below(self.posted.len().max(1) as u64) as usize;
        self.posted.get(place).map_or(0, |batch| batch.id.subject)
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

    /// An account of this company, and now and then of another one.
    pub fn any_account(&mut self, number: u128) -> Account {
        let number =
            if self.chance.below(60) == 0 { 1 + u128::from(self.chance.below(COMPANIES as u64)) } else { number };
        let day = Unit::Day(20_779 + self.chance.below(2) as u16);
        let unit = [money(), money(), money(), Unit::Money(Currency::EUR), Unit::Channels, Unit::BundleSeconds, day]
            [self.chance.below(7) as usize];
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

/// The chance of one epoch of a seed.
pub fn chance_of(seed: u64, epoch: u64) -> Entropy {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..].copy_from_slice(&epoch.to_le_bytes());
    Entropy::from_seed(bytes)
}

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn money() -> Unit {
    Unit::Money(Currency::USD)
}

/// Whether a refusal depends on the books, and is therefore remembered.
pub fn is_of_state(because: RefusedBecause) -> bool {
    because > RefusedBecause::NegativeAmount
}

/// A word for the tally.
pub fn label(outcome: &Outcome) -> &'static str {
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
