//! The executable specification: every law in the plainest words, for tests and simulation. Nothing here is fast, and nothing
//! survives the process. It shares no code with the sqlite engine's books, so that comparing the two means something.

mod audit;
mod reading;

use crate::api::{
    ClosedHold, EndedListener, LISTENERS_MAX, Ledger, LineKind, MemoKind, OpenHold, Reply, StatementLine,
    StatementPage, StatementQuery, Totals, Unfinished, Verification,
};
use crate::error::Error;
use domain::CompanyId;
use domain::credit::{
    Account, Balance, Batch, BatchId, BatchRefusal, Durability, HoldId, Holder, Kind, Memo, Outcome, RefusedBecause,
    Transfer, Unit,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The ledger in memory.
#[derive(Default)]
pub struct MemoryLedger {
    world: Mutex<World>,
    listeners: Mutex<Vec<EndedListener>>,
}

/// What a batch may change; cloned before it is tried, and thrown away when it is refused.
#[derive(Clone, Default)]
struct Tables {
    /// None for the range of `i64`.
    balance_max: Option<i64>,
    balances: BTreeMap<Account, Balance>,
    open: BTreeMap<(CompanyId, HoldId), OpenHold>,
}

#[derive(Default)]
struct World {
    tables: Tables,
    closed: BTreeMap<(CompanyId, HoldId), i64>,
    known: BTreeMap<BatchId, Known>,
    /// Of these, the refusals that are remembered only while their subject is live.
    fleeting: BTreeSet<BatchId>,
    journal: Vec<Entry>,
    is_closed: bool,
}

/// A batch that is remembered, and the outcome that it had.
struct Known {
    company: CompanyId,
    transfers: Vec<Transfer>,
    outcome: Outcome,
}

/// A journalled batch: entry 0 has journal sequence number 1.
struct Entry {
    company: CompanyId,
    id: BatchId,
    memo: Option<Memo>,
    lines: Vec<StatementLine>,
}

impl MemoryLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty ledger whose balances go no further than this, as those of an engine with smaller integers.
    pub fn with_balance_max(max: i64) -> Self {
        let ledger = Self::default();
        ledger.world.lock().tables.balance_max = Some(max);
        ledger
    }
}

impl World {
    fn post(&mut self, batch: &Batch, durability: Durability) -> Outcome {
        if self.is_closed {
            return Outcome::Unavailable;
        }
        let refused = |transfer, because| Outcome::Refused(BatchRefusal { transfer, because });
        if let Some(known) = self.known.get(&batch.id) {
            return match known.company == batch.company && known.transfers == batch.transfers {
                true => Outcome::Replayed(Box::new(known.outcome.clone())),
                false => refused(0, RefusedBecause::DifferentBody),
            };
        }
        if batch.transfers.len() > Batch::TRANSFERS_MAX || memo_bytes(batch) > Batch::MEMO_BYTES_MAX {
            return refused(0, RefusedBecause::TooLarge);
        }
        for (index, transfer) in batch.transfers.iter().enumerate() {
            if let Err(because) = well_formed(batch.company, transfer.kind) {
                return refused(index, because);
            }
        }
        let mut attempt = self.tables.clone();
        let mut closed = BTreeMap::new();
        let mut lines = Vec::new();
        let mut touched: Vec<Account> = Vec::new();
        for (index, transfer) in batch.transfers.iter().enumerate() {
            match self.step(&mut attempt, &mut closed, batch.company, *transfer) {
                Ok(step) => {
                    for account in [Some(step.debit), step.credit_moves.then_some(step.credit)].into_iter().flatten() {
                        if !touched.contains(&account) {
                            touched.push(account);
                        }
                    }
                    lines.push(StatementLine {
                        journal_sequence: self.journal.len() as u64 + 1,
                        transfer: index,
                        batch: batch.id,
                        at: batch.at,
                        code: transfer.code,
                        kind: step.kind,
                        hold: step.hold,
                        debit: step.debit,
                        credit: step.credit,
                        amount: step.amount,
                        debit_after: attempt.balance(step.debit),
                        credit_after: step.credit_moves.then(|| attempt.balance(step.credit)),
                        memo: batch.memo.as_ref().map(MemoKind::of),
                        note: match &batch.memo {
                            Some(Memo::Note(text)) => Some(text.clone()),
                            _ => None,
                        },
                    });
                }
                Err(because) => {
                    let outcome = refused(index, because);
                    let is_journalled = durability == Durability::BeforeAnswer;
                    if is_journalled {
                        self.journal.push(Entry {
                            company: batch.company,
                            id: batch.id,
                            memo: None,
                            lines: Vec::new(),
                        });
                    }
                    if is_journalled || self.is_live(batch.company, batch.id.subject) {
                        self.remember(batch, &outcome, is_journalled);
                    }
                    return outcome;
                }
            }
        }
        self.tables = attempt;
        self.closed.extend(closed);
        let balances: Vec<_> = touched.into_iter().map(|account| (account, self.tables.balance(account))).collect();
        // An account of a day is forgotten once nothing is on it.
        let is_kept =
            |account: &Account, balance: &Balance| !account.unit.is_passing() || *balance != Balance::default();
        self.tables.balances.retain(|account, balance| is_kept(account, balance));
        let outcome = Outcome::Applied(balances);
        self.journal.push(Entry { company: batch.company, id: batch.id, memo: batch.memo.clone(), lines });
        self.remember(batch, &outcome, true);
        self.forget_refusals_of_the_dead();
        outcome
    }

    fn remember(&mut self, batch: &Batch, outcome: &Outcome, is_journalled: bool) {
        let known = Known { company: batch.company, transfers: batch.transfers.clone(), outcome: outcome.clone() };
        self.known.insert(batch.id, known);
        if !is_journalled {
            self.fleeting.insert(batch.id);
        }
    }

    fn is_live(&self, company: CompanyId, subject: u128) -> bool {
        let first = (company, HoldId { subject, number: 0 });
        let last = (company, HoldId { subject, number: u32::MAX });
        self.tables.open.range(first..=last).next().is_some()
    }

    fn forget_refusals_of_the_dead(&mut self) {
        for id in std::mem::take(&mut self.fleeting) {
            let company = self.known.get(&id).map(|known| known.company);
            if company.is_some_and(|company| self.is_live(company, id.subject)) {
                self.fleeting.insert(id);
            } else {
                self.known.remove(&id);
            }
        }
    }

    /// One transfer, tried on `tables`.
    fn step(
        &self,
        tables: &mut Tables,
        closed: &mut BTreeMap<(CompanyId, HoldId), i64>,
        company: CompanyId,
        transfer: Transfer,
    ) -> Result<Step, RefusedBecause> {
        match transfer.kind {
            Kind::Post { debit, credit, amount } => tables.post(debit, credit, amount, None),
            Kind::PostIfAvailableAtMost { debit, credit, amount, watched, limit } => {
                tables.post(debit, credit, amount, Some((watched, limit)))
            }
            Kind::Hold { hold, debit, credit, amount, until } => {
                let name = (company, hold);
                if tables.open.contains_key(&name) || closed.contains_key(&name) || self.closed.contains_key(&name) {
                    return Err(RefusedBecause::HoldExists);
                }
                let before = tables.balance(debit);
                let after = Balance { held: tables.add(before.held, amount)?, ..before };
                tables.add(after.posted, -after.held)?;
                let available = before.available();
                if debit.holder.is_customer() && available < amount {
                    return Err(RefusedBecause::InsufficientFunds { account: debit, available });
                }
                tables.balances.insert(debit, after);
                tables.open.insert(name, OpenHold { hold, debit, credit, amount, until, code: transfer.code });
                Ok(Step { kind: LineKind::Hold, hold: Some(hold), debit, credit, amount, credit_moves: false })
            }
            Kind::Capture { hold, amount } => {
                let open = *tables.open.get(&(company, hold)).ok_or(RefusedBecause::HoldNotOpen)?;
                if amount > open.amount {
                    return Err(RefusedBecause::CaptureExceedsHold);
                }
                let (debit, credit) = (tables.balance(open.debit), tables.balance(open.credit));
                let debit = Balance { posted: tables.add(debit.posted, -amount)?, held: debit.held - open.amount };
                let credit = Balance { posted: tables.add(credit.posted, amount)?, ..credit };
                tables.add(debit.posted, -debit.held)?;
                tables.add(credit.posted, -credit.held)?;
                tables.balances.insert(open.debit, debit);
                tables.balances.insert(open.credit, credit);
                tables.open.remove(&(company, hold));
                closed.insert((company, hold), amount);
                Ok(Step {
                    kind: LineKind::Capture,
                    hold: Some(hold),
                    debit: open.debit,
                    credit: open.credit,
                    amount,
                    credit_moves: true,
                })
            }
            Kind::Release { hold } => {
                let open = tables.open.remove(&(company, hold)).ok_or(RefusedBecause::HoldNotOpen)?;
                let before = tables.balance(open.debit);
                tables.balances.insert(open.debit, Balance { held: before.held - open.amount, ..before });
                closed.insert((company, hold), 0);
                Ok(Step::on_hold(LineKind::Release, &open))
            }
            Kind::Extend { hold, until } => {
                let open = tables.open.get_mut(&(company, hold)).ok_or(RefusedBecause::HoldNotOpen)?;
                open.until = until;
                Ok(Step::on_hold(LineKind::Extend, open))
            }
        }
    }
}

/// What one transfer did.
struct Step {
    kind: LineKind,
    hold: Option<HoldId>,
    debit: Account,
    credit: Account,
    amount: i64,
    credit_moves: bool,
}

impl Step {
    fn on_hold(kind: LineKind, open: &OpenHold) -> Self {
        Self {
            kind,
            hold: Some(open.hold),
            debit: open.debit,
            credit: open.credit,
            amount: open.amount,
            credit_moves: false,
        }
    }
}

impl Tables {
    fn add(&self, one: i64, other: i64) -> Result<i64, RefusedBecause> {
        let max = self.balance_max.unwrap_or(i64::MAX);
        one.checked_add(other).filter(|sum| (-max..=max).contains(sum)).ok_or(RefusedBecause::Overflow)
    }

    fn balance(&self, account: Account) -> Balance {
        self.balances.get(&account).copied().unwrap_or_default()
    }

    fn post(
        &mut self,
        debit: Account,
        credit: Account,
        amount: i64,
        watch: Option<(Account, i64)>,
    ) -> Result<Step, RefusedBecause> {
        let (from, to) = (self.balance(debit), self.balance(credit));
        let from_after = Balance { posted: self.add(from.posted, -amount)?, ..from };
        let to_after = Balance { posted: self.add(to.posted, amount)?, ..to };
        self.add(from_after.posted, -from_after.held)?;
        self.add(to_after.posted, -to_after.held)?;
        if let Some((watched, limit)) = watch
            && self.balance(watched).available() > limit
        {
            return Err(RefusedBecause::AboveLimit);
        }
        let may_fall_short = !debit.holder.is_customer() || debit.unit.may_fall_short();
        if !may_fall_short && from.available() < amount {
            return Err(RefusedBecause::InsufficientFunds { account: debit, available: from.available() });
        }
        self.balances.insert(debit, from_after);
        self.balances.insert(credit, to_after);
        Ok(Step { kind: LineKind::Post, hold: None, debit, credit, amount, credit_moves: true })
    }
}

fn memo_bytes(batch: &Batch) -> usize {
    match &batch.memo {
        Some(Memo::CallOpened(text) | Memo::CallEnded(text) | Memo::Note(text)) => text.len(),
        None => 0,
    }
}

/// What can be said of a transfer without knowing any balance.
fn well_formed(company: CompanyId, kind: Kind) -> Result<(), RefusedBecause> {
    let (accounts, amount) = match kind {
        Kind::Post { debit, credit, amount } | Kind::Hold { debit, credit, amount, .. } => {
            (vec![debit, credit], amount)
        }
        Kind::PostIfAvailableAtMost { debit, credit, amount, watched, .. } => (vec![debit, credit, watched], amount),
        Kind::Capture { amount, .. } => (Vec::new(), amount),
        Kind::Release { .. } | Kind::Extend { .. } => (Vec::new(), 0),
    };
    if accounts.iter().any(|account| account.company != company) {
        return Err(RefusedBecause::ForeignAccount);
    }
    if accounts.iter().any(|account| account.unit != accounts[0].unit)
        || (accounts.len() > 1 && accounts[0] == accounts[1])
    {
        return Err(RefusedBecause::MismatchedAccounts);
    }
    if amount < 0 { Err(RefusedBecause::NegativeAmount) } else { Ok(()) }
}

impl Ledger for MemoryLedger {
    fn submit(&self, batch: Batch, durability: Durability, reply: Reply) {
        let (outcome, ended) = {
            let mut world = self.world.lock();
            let outcome = world.post(&batch, durability);
            let ended = matches!((&outcome, &batch.memo), (Outcome::Applied(_), Some(Memo::CallEnded(_))))
                .then_some(world.journal.len() as u64);
            (outcome, ended)
        };
        reply(outcome);
        if let Some(sequence) = ended {
            self.listeners.lock().iter().for_each(|listener| listener(sequence));
        }
    }

    fn balance(&self, account: Account) -> Balance {
        self.world.lock().tables.balance(account)
    }

    fn balances(&self, company: CompanyId) -> Vec<(Account, Balance)> {
        let world = self.world.lock();
        let of_company = world.tables.balances.iter().filter(|(account, _)| account.company == company);
        of_company.map(|(account, balance)| (*account, *balance)).collect()
    }

    fn statement(&self, query: &StatementQuery) -> Result<StatementPage, Error> {
        Ok(self.world.lock().page(query))
    }

    fn history(&self, subject: u128) -> Result<Vec<StatementLine>, Error> {
        Ok(self.world.lock().history(subject))
    }

    fn open_holds(&self, company: Option<CompanyId>, limit: usize) -> Vec<OpenHold> {
        let world = self.world.lock();
        let wanted = world.tables.open.iter().filter(|((owner, _), _)| company.is_none_or(|company| company == *owner));
        wanted.map(|(_, open)| *open).take(limit).collect()
    }

    fn totals(&self) -> Totals {
        let world = self.world.lock();
        let journalled = world.journal.len() as u64;
        let mut totals = Totals {
            open_holds: world.tables.open.len() as u64,
            accounts: world.tables.balances.len() as u64,
            applied: journalled,
            journalled,
            ..Totals::default()
        };
        totals.open_money_holds =
            world.tables.open.values().filter(|open| matches!(open.debit.unit, Unit::Money(_))).count() as u64;
        for (account, balance) in &world.tables.balances {
            let sums = totals.units.entry(account.unit).or_default();
            sums.imbalance += i128::from(balance.posted);
            sums.held += i128::from(balance.held);
            if account.holder.is_customer() {
                sums.overdraft += (i128::from(balance.held) - i128::from(balance.posted)).max(0);
                sums.below_zero += u64::from(balance.available() < 0);
            }
            match account.holder {
                Holder::Company => sums.companies += i128::from(balance.posted),
                Holder::Profile(_) => sums.profiles += i128::from(balance.posted),
                Holder::BusinessAccount(_) => sums.business_accounts += i128::from(balance.posted),
                Holder::Revenue => sums.revenue += i128::from(balance.posted),
                Holder::World => {}
            }
        }
        totals
    }

    fn unfinished(&self) -> Result<Vec<Unfinished>, Error> {
        let world = self.world.lock();
        let mut found: BTreeMap<(CompanyId, u128), Vec<OpenHold>> = BTreeMap::new();
        for ((company, hold), open) in &world.tables.open {
            found.entry((*company, hold.subject)).or_default().push(*open);
        }
        let about = |((company, subject), open_holds): ((CompanyId, u128), Vec<OpenHold>)| Unfinished {
            subject,
            company,
            open_holds,
            closed_holds: world
                .closed
                .iter()
                .filter(|((owner, hold), _)| *owner == company && hold.subject == subject)
                .map(|((_, hold), captured)| ClosedHold { hold: *hold, captured: *captured })
                .collect(),
            opened: world.journal.iter().rev().find_map(|entry| match &entry.memo {
                Some(Memo::CallOpened(text)) if entry.id.subject == subject => Some(text.clone()),
                _ => None,
            }),
            last_sequence: world
                .journal
                .iter()
                .filter(|entry| entry.id.subject == subject)
                .map(|entry| entry.id.sequence)
                .max()
                .unwrap_or(0),
        };
        Ok(found.into_iter().map(about).collect())
    }

    fn ended_after(&self, journal_sequence: u64, limit: usize) -> Result<Vec<(u64, Arc<str>)>, Error> {
        let world = self.world.lock();
        let ended = world.journal.iter().zip(1u64..).filter_map(|(entry, sequence)| match &entry.memo {
            Some(Memo::CallEnded(text)) if sequence > journal_sequence => Some((sequence, text.clone())),
            _ => None,
        });
        Ok(ended.take(limit).collect())
    }

    fn on_journalled(&self, listener: EndedListener) -> Result<(), Error> {
        let mut listeners = self.listeners.lock();
        if listeners.len() >= LISTENERS_MAX {
            return Err(Error::TooManyListeners(LISTENERS_MAX));
        }
        listeners.push(listener);
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }

    fn verify(&self) -> Result<Verification, Error> {
        Ok(self.world.lock().audit())
    }

    fn balance_max(&self) -> i64 {
        self.world.lock().tables.balance_max.unwrap_or(i64::MAX)
    }

    fn is_healthy(&self) -> bool {
        !self.world.lock().is_closed
    }

    fn close(&self) -> Result<(), Error> {
        self.world.lock().is_closed = true;
        Ok(())
    }
}
