//! A ledger for the simulated world: the laws of credit in the plainest form, checked after every batch.
//!
//! Slow and forgetful of nothing; the engines are elsewhere.

use domain::credit::{
    Account, Balance, Batch, BatchId, BatchRefusal, Code, HoldId, Kind, Outcome, RefusedBecause, Transfer, Unit,
};
use domain::{Micros, Wall};
use std::collections::{BTreeMap, BTreeSet};
use switch::profile::{Papers, Posting};

/// An open hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) debit: Account,
    pub(crate) credit: Account,
    pub(crate) amount: i64,
    pub(crate) until: Wall,
}

#[derive(Clone, Debug, Default)]
struct Books {
    balances: BTreeMap<Account, Balance>,
    holds: BTreeMap<HoldId, Hold>,
    names: BTreeSet<HoldId>,
}

/// The whole ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    books: Books,
    answered: BTreeMap<BatchId, (Vec<Transfer>, Outcome)>,
    /// Everything that was applied, in order.
    pub(crate) applied: Vec<Posting>,
}

impl Ledger {
    pub(crate) fn balance(&self, account: Account) -> Balance {
        self.books.balances.get(&account).copied().unwrap_or_default()
    }

    pub(crate) fn holds(&self) -> &BTreeMap<HoldId, Hold> {
        &self.books.holds
    }

    /// Moves money from nowhere, as an operator would.
    pub(crate) fn fund(&mut self, from: Account, to: Account, amount: i64) {
        self.books.balances.entry(from).or_default().posted -= amount;
        self.books.balances.entry(to).or_default().posted += amount;
        self.check();
    }

    /// Another node closes a hold whose lease is over.
    pub(crate) fn reap(&mut self, hold: HoldId) {
        self.books.close(hold);
    }

    pub(crate) fn post(&mut self, posting: Posting) -> Outcome {
        if let Some((transfers, outcome)) = self.answered.get(&posting.batch.id) {
            if *transfers != posting.batch.transfers {
                return Outcome::Refused(BatchRefusal { transfer: 0, because: RefusedBecause::DifferentBody });
            }
            return Outcome::Replayed(Box::new(outcome.clone()));
        }
        let mut books = self.books.clone();
        let outcome = match books.apply(&posting.batch) {
            Ok(touched) => {
                self.books = books;
                self.check();
                Outcome::Applied(touched.into_iter().map(|account| (account, self.balance(account))).collect())
            }
            Err(refusal) => Outcome::Refused(refusal),
        };
        self.answered.insert(posting.batch.id, (posting.batch.transfers.clone(), outcome.clone()));
        if matches!(outcome, Outcome::Applied(_)) {
            self.applied.push(posting);
        }
        outcome
    }

    /// The sum of what batches about this subject captured or posted as a call's charge.
    pub(crate) fn charged(&self, subject: u128) -> Micros {
        let charge = |transfer: &Transfer| match transfer.kind {
            Kind::Capture { amount, .. } | Kind::Post { amount, .. } if transfer.code == Code::CallCharge => amount,
            _ => 0,
        };
        let about = self.applied.iter().filter(|posting| posting.batch.id.subject == subject);
        Micros::new(about.flat_map(|posting| &posting.batch.transfers).map(charge).sum())
    }

    /// How many records were kept about this subject.
    pub(crate) fn records(&self, subject: u128) -> usize {
        let about = self.applied.iter().filter(|posting| posting.batch.id.subject == subject);
        about.filter(|posting| matches!(posting.papers, Papers::Ended(_))).count()
    }

    /// Laws 2 and 3.
    fn check(&self) {
        let mut sums: BTreeMap<_, i64> = BTreeMap::new();
        for (account, balance) in &self.books.balances {
            *sums.entry((account.company, account.unit)).or_default() += balance.posted;
            if account.holder.is_customer() {
                assert!(balance.available() >= 0, "{account:?} is overdrawn: {balance:?}");
            }
            let held: i64 =
                self.books.holds.values().filter(|hold| hold.debit == *account).map(|hold| hold.amount).sum();
            assert_eq!(held, balance.held, "{account:?}");
        }
        assert!(sums.values().all(|sum| *sum == 0), "a unit does not sum to zero: {sums:?}");
    }
}

impl Books {
    fn apply(&mut self, batch: &Batch) -> Result<Vec<Account>, BatchRefusal> {
        let mut touched = Vec::new();
        for (index, transfer) in batch.transfers.iter().enumerate() {
            let accounts = self.transfer(transfer.kind).map_err(|because| BatchRefusal { transfer: index, because })?;
            for account in accounts {
                assert_eq!(account.company, batch.company, "an account of another company");
                if !touched.contains(&account) {
                    touched.push(account);
                }
            }
        }
        Ok(touched)
    }

    fn transfer(&mut self, kind: Kind) -> Result<Vec<Account>, RefusedBecause> {
        match kind {
            Kind::Post { debit, credit, amount } => self.move_money(debit, credit, amount),
            Kind::PostIfAvailableAtMost { debit, credit, amount, watched, limit } => {
                if self.balances.entry(watched).or_default().available() > limit {
                    return Err(RefusedBecause::AboveLimit);
                }
                self.move_money(debit, credit, amount)
            }
            Kind::Hold { hold, debit, credit, amount, until } => {
                if !self.names.insert(hold) {
                    return Err(RefusedBecause::HoldExists);
                }
                self.demand(debit, amount)?;
                self.balances.entry(debit).or_default().held += amount;
                self.holds.insert(hold, Hold { debit, credit, amount, until });
                Ok(vec![debit])
            }
            Kind::Capture { hold, amount } => {
                let closed = self.close(hold).ok_or(RefusedBecause::HoldNotOpen)?;
                if amount > closed.amount {
                    return Err(RefusedBecause::CaptureExceedsHold);
                }
                self.move_money(closed.debit, closed.credit, amount)
            }
            Kind::Release { hold } => Ok(vec![self.close(hold).ok_or(RefusedBecause::HoldNotOpen)?.debit]),
            Kind::Extend { hold, until } => {
                let open = self.holds.get_mut(&hold).ok_or(RefusedBecause::HoldNotOpen)?;
                open.until = until;
                Ok(vec![open.debit])
            }
        }
    }

    fn demand(&mut self, account: Account, amount: i64) -> Result<(), RefusedBecause> {
        assert!(amount >= 0, "a negative amount");
        let available = self.balances.entry(account).or_default().available();
        if account.holder.is_customer() && available < amount {
            return Err(RefusedBecause::InsufficientFunds { account, available });
        }
        Ok(())
    }

    fn move_money(&mut self, debit: Account, credit: Account, amount: i64) -> Result<Vec<Account>, RefusedBecause> {
        assert_ne!(debit.unit, Unit::Channels, "channels are only held");
        self.demand(debit, amount)?;
        self.balances.entry(debit).or_default().posted -= amount;
        self.balances.entry(credit).or_default().posted += amount;
        Ok(vec![debit, credit])
    }

    fn close(&mut self, hold: HoldId) -> Option<Hold> {
        let closed = self.holds.remove(&hold)?;
        self.balances.entry(closed.debit).or_default().held -= closed.amount;
        Some(closed)
    }
}
