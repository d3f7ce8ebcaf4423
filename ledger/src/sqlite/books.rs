//! The balances and holds in memory, changed in place; a batch that is refused is undone step by step. What was answered to whom
//! is remembered in [`super::subjects`]; nothing here knows the journal.

use super::Quick;
use super::row::{OnHold, Touched};
use super::subjects::{Held, Holds, Subjects};
use crate::api::OpenHold;
use domain::credit::{
    Account, Balance, Batch, BatchRefusal, Code, HoldId, Kind, Memo, Outcome, RefusedBecause, Transfer,
};
use domain::{CompanyId, Wall};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

#[cfg(test)]
mod tests;

/// An account's place in [`Books::slots`].
pub(super) type Place = u32;

/// An account and what it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) account: Account,
    pub(super) balance: Balance,
    /// The journal sequence number of the row that touched it last; 0 for never: the account does not exist yet.
    pub(super) line: u64,
    /// Open holds that name it: it keeps its place while there are any.
    holds: u32,
}

impl Slot {
    fn new(account: Account) -> Self {
        Slot { account, balance: Balance::default(), line: 0, holds: 0 }
    }

    /// Whether the account exists: it was touched, and is not a day's on which nothing is left.
    fn exists(&self) -> bool {
        self.line > 0 && !(self.account.unit.is_passing() && self.balance == Balance::default())
    }
}

/// How to take back one step.
enum Undo {
    Balance(Place, Balance),
    Created(Place),
    SubjectMade(u128),
    HoldMade(CompanyId, HoldId, Held),
    HoldEnded(CompanyId, HoldId, Held),
    Extended(CompanyId, HoldId, Wall),
}

/// Every balance and every open hold.
#[derive(Default)]
pub(super) struct Books {
    index: HashMap<Account, Place, Quick>,
    pub(super) slots: Vec<Slot>,
    /// Places of accounts that are forgotten: the next ones get them, so that days that pass leave no room behind.
    free: Vec<Place>,
    /// What a balance may be at most, either way; none for the range of its integer.
    pub(super) balance_max: Option<i64>,
    /// The last row of each company that moved something.
    pub(super) companies: HashMap<CompanyId, u64, Quick>,
    pub(super) subjects: Subjects,
    /// Whether these are one node's share of what several have: some row of the journal was decided elsewhere for all of them.
    pub(super) is_part: bool,
    /// The batch at hand was decided elsewhere: who has enough, and how much is watched, is not asked here.
    is_decided: bool,
    undo: Vec<Undo>,
    /// What the last applied batch touched, in order of first touch.
    pub(super) touched: Vec<Touched>,
    touched_places: Vec<Place>,
    /// What the last applied batch's transfers found under the names of holds.
    pub(super) on_holds: Vec<Option<OnHold>>,
}

/// What can be said of a batch without knowing any balance: from [`RefusedBecause::TooLarge`] to
/// [`RefusedBecause::NegativeAmount`].
pub(super) fn check_form(batch: &Batch) -> Result<(), BatchRefusal> {
    let memo_bytes = match &batch.memo {
        Some(Memo::CallOpened(text) | Memo::CallEnded(text) | Memo::Note(text)) => text.len(),
        None => 0,
    };
    if batch.transfers.len() > Batch::TRANSFERS_MAX || memo_bytes > Batch::MEMO_BYTES_MAX {
        return Err(BatchRefusal { transfer: 0, because: RefusedBecause::TooLarge });
    }
    for (index, transfer) in batch.transfers.iter().enumerate() {
        let because = match transfer.kind {
            Kind::Post { debit, credit, amount } | Kind::Hold { debit, credit, amount, .. } => {
                check_pair(batch.company, debit, credit, debit, amount)
            }
            Kind::PostIfAvailableAtMost { debit, credit, amount, watched, .. } => {
                check_pair(batch.company, debit, credit, watched, amount)
            }
            Kind::Capture { amount, .. } if amount < 0 => Err(RefusedBecause::NegativeAmount),
            Kind::Capture { .. } | Kind::Release { .. } | Kind::Extend { .. } => Ok(()),
        };
        because.map_err(|because| BatchRefusal { transfer: index, because })?;
    }
    Ok(())
}

fn check_pair(
    company: CompanyId,
    debit: Account,
    credit: Account,
    watched: Account,
    amount: i64,
) -> Result<(), RefusedBecause> {
    if debit.company != company || credit.company != company || watched.company != company {
        Err(RefusedBecause::ForeignAccount)
    } else if debit.unit != credit.unit || debit.unit != watched.unit || debit.holder == credit.holder {
        Err(RefusedBecause::MismatchedAccounts)
    } else if amount < 0 {
        Err(RefusedBecause::NegativeAmount)
    } else {
        Ok(())
    }
}

impl Books {
    /// The balance with `posted` and `held` moved, unless it or what is available leaves the range.
    fn moved(&self, balance: Balance, posted: i64, held: i64) -> Result<Balance, RefusedBecause> {
        let max = self.balance_max.unwrap_or(i64::MAX);
        let checked = |value: Option<i64>| value.filter(|value| *value <= max && *value >= -max);
        let posted = checked(balance.posted.checked_add(posted)).ok_or(RefusedBecause::Overflow)?;
        let held = checked(balance.held.checked_add(held)).ok_or(RefusedBecause::Overflow)?;
        checked(posted.checked_sub(held)).ok_or(RefusedBecause::Overflow)?;
        Ok(Balance { posted, held })
    }

    /// What an account has; nothing where it does not exist.
    pub(super) fn balance(&self, account: &Account) -> Balance {
        self.index.get(account).map(|place| self.slots[*place as usize].balance).unwrap_or_default()
    }

    /// The row that touched an account last; 0 for none.
    pub(super) fn last_line(&self, account: &Account) -> u64 {
        self.index.get(account).map_or(0, |place| self.slots[*place as usize].line)
    }

    /// The accounts that exist.
    pub(super) fn existing(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.exists())
    }

    /// Puts an account in, as a snapshot has it.
    pub(super) fn restore_account(&mut self, account: Account, balance: Balance, line: u64) {
        let place = self.place_of(account);
        let slot = &mut self.slots[place as usize];
        (slot.balance, slot.line) = (balance, line);
    }

    /// The hold that a snapshot has, between two accounts.
    pub(super) fn restore_hold(
        &mut self,
        debit: Account,
        credit: Account,
        amount: i64,
        until: Wall,
        code: Code,
    ) -> Held {
        let held = Held { debit: self.place_of(debit), credit: self.place_of(credit), amount, until, code };
        self.pin(&held);
        held
    }

    fn place_of(&mut self, account: Account) -> Place {
        let place = self.place(account);
        self.undo.clear();
        place
    }

    /// Applies a well-formed batch as journal row `sequence`, or changes nothing. What it touched and found is left in
    /// [`Books::touched`] and [`Books::on_holds`] until the next call.
    pub(super) fn apply(&mut self, batch: &Batch, sequence: u64) -> Result<(), BatchRefusal> {
        self.steps(batch)?;
        for place in &self.touched_places {
            let slot = &mut self.slots[*place as usize];
            self.touched.push(Touched { account: slot.account, after: slot.balance, before: slot.line });
            slot.line = sequence;
            if !slot.exists() {
                // Forgotten here as a snapshot forgets it: what a row says of the row before must not depend on a start in between.
                slot.line = 0;
                if slot.holds == 0 {
                    self.index.remove(&slot.account);
                    self.free.push(*place);
                }
            }
        }
        Ok(())
    }

    /// Applies a batch that was decided elsewhere, where the totals of several nodes are: only what does not depend on them is checked.
    pub(super) fn apply_decided(&mut self, batch: &Batch, sequence: u64) -> Result<(), BatchRefusal> {
        (self.is_part, self.is_decided) = (true, true);
        let applied = self.apply(batch, sequence);
        self.is_decided = false;
        applied
    }

    /// Why a batch would be refused whatever anybody has; nothing is changed.
    pub(super) fn refusal_of_form(&mut self, batch: &Batch) -> Option<BatchRefusal> {
        self.is_decided = true;
        let refusal = self.steps(batch).err();
        self.take_back();
        self.is_decided = false;
        refusal
    }

    fn steps(&mut self, batch: &Batch) -> Result<(), BatchRefusal> {
        self.undo.clear();
        self.touched.clear();
        self.touched_places.clear();
        self.on_holds.clear();
        for (index, transfer) in batch.transfers.iter().enumerate() {
            match self.step(batch.company, transfer) {
                Ok(on_hold) => self.on_holds.push(on_hold),
                Err(because) => {
                    self.take_back();
                    return Err(BatchRefusal { transfer: index, because });
                }
            }
        }
        Ok(())
    }

    /// The company's row before this one; this one becomes its last.
    pub(super) fn chain(&mut self, company: CompanyId, sequence: u64) -> u64 {
        self.companies.insert(company, sequence).unwrap_or(0)
    }

    /// The outcome of the batch that was applied last.
    pub(super) fn outcome(&self) -> Outcome {
        Outcome::Applied(self.touched.iter().map(|touched| (touched.account, touched.after)).collect())
    }

    fn step(&mut self, company: CompanyId, transfer: &Transfer) -> Result<Option<OnHold>, RefusedBecause> {
        match transfer.kind {
            Kind::Post { debit, credit, amount } => self.on_post(debit, credit, amount, None).map(|()| None),
            Kind::PostIfAvailableAtMost { debit, credit, amount, watched, limit } => {
                self.on_post(debit, credit, amount, Some((watched, limit))).map(|()| None)
            }
            Kind::Hold { hold, debit, credit, amount, until } => {
                let open = OpenHold { hold, debit, credit, amount, until, code: transfer.code };
                self.on_hold(company, &open).map(|()| None)
            }
            Kind::Capture { hold, amount } => self.on_capture(company, hold, amount).map(Some),
            Kind::Release { hold } => self.on_release(company, hold).map(Some),
            Kind::Extend { hold, until } => self.on_extend(company, hold, until).map(Some),
        }
    }

    fn on_post(
        &mut self,
        debit: Account,
        credit: Account,
        amount: i64,
        watch: Option<(Account, i64)>,
    ) -> Result<(), RefusedBecause> {
        let (from, to) = (self.place(debit), self.place(credit));
        let (before, gaining) = (self.slots[from as usize].balance, self.slots[to as usize].balance);
        let losing = self.moved(before, -amount, 0)?;
        let gaining = self.moved(gaining, amount, 0)?;
        if let Some((watched, limit)) = watch.filter(|_| !self.is_decided)
            && self.balance(&watched).available() > limit
        {
            return Err(RefusedBecause::AboveLimit);
        }
        // C11: a change of subscription may take channels below what is in use; only a new hold needs a free one.
        let must_have = debit.holder.is_customer() && !debit.unit.may_fall_short() && !self.is_decided;
        if must_have && before.available() < amount {
            return Err(RefusedBecause::InsufficientFunds { account: debit, available: before.available() });
        }
        self.set(from, losing);
        self.set(to, gaining);
        Ok(())
    }

    fn on_hold(&mut self, company: CompanyId, open: &OpenHold) -> Result<(), RefusedBecause> {
        if self.subjects.is_name_taken(company, open.hold) {
            return Err(RefusedBecause::HoldExists);
        }
        let (place, credit) = (self.place(open.debit), self.place(open.credit));
        let before = self.slots[place as usize].balance;
        let after = self.moved(before, 0, open.amount)?;
        if open.debit.holder.is_customer() && !self.is_decided && before.available() < open.amount {
            let available = before.available();
            return Err(RefusedBecause::InsufficientFunds { account: open.debit, available });
        }
        self.set(place, after);
        let held = Held { debit: place, credit, amount: open.amount, until: open.until, code: open.code };
        if self.subjects.open(company, open.hold, held) {
            self.undo.push(Undo::SubjectMade(open.hold.subject));
        }
        self.pin(&held);
        self.undo.push(Undo::HoldMade(company, open.hold, held));
        Ok(())
    }

    fn on_capture(&mut self, company: CompanyId, hold: HoldId, amount: i64) -> Result<OnHold, RefusedBecause> {
        let held = *self.subjects.held(company, hold).ok_or(RefusedBecause::HoldNotOpen)?;
        if amount > held.amount {
            return Err(RefusedBecause::CaptureExceedsHold);
        }
        let losing = self.moved(self.slots[held.debit as usize].balance, -amount, -held.amount)?;
        let gaining = self.moved(self.slots[held.credit as usize].balance, amount, 0)?;
        self.set(held.debit, losing);
        self.set(held.credit, gaining);
        self.end(company, hold, amount);
        Ok(self.found(&held))
    }

    fn on_release(&mut self, company: CompanyId, hold: HoldId) -> Result<OnHold, RefusedBecause> {
        let held = *self.subjects.held(company, hold).ok_or(RefusedBecause::HoldNotOpen)?;
        let after = self.moved(self.slots[held.debit as usize].balance, 0, -held.amount)?;
        self.set(held.debit, after);
        self.end(company, hold, 0);
        Ok(self.found(&held))
    }

    fn on_extend(&mut self, company: CompanyId, hold: HoldId, until: Wall) -> Result<OnHold, RefusedBecause> {
        let held = self.subjects.held_mut(company, hold).ok_or(RefusedBecause::HoldNotOpen)?;
        let before = std::mem::replace(&mut held.until, until);
        let held = *held;
        self.undo.push(Undo::Extended(company, hold, before));
        self.touch(held.debit);
        Ok(self.found(&held))
    }

    fn end(&mut self, company: CompanyId, hold: HoldId, captured: i64) {
        if let Some(held) = self.subjects.end(company, hold, captured) {
            self.unpin(&held);
            self.undo.push(Undo::HoldEnded(company, hold, held));
        }
    }

    fn found(&self, held: &Held) -> OnHold {
        OnHold {
            debit: self.slots[held.debit as usize].account,
            credit: self.slots[held.credit as usize].account,
            amount: held.amount,
        }
    }

    /// The accounts of an open hold keep their places.
    fn pin(&mut self, held: &Held) {
        [held.debit, held.credit].iter().for_each(|place| self.slots[*place as usize].holds += 1);
    }

    fn unpin(&mut self, held: &Held) {
        [held.debit, held.credit].iter().for_each(|place| self.slots[*place as usize].holds -= 1);
    }

    /// The account's place, made where it has none.
    fn place(&mut self, account: Account) -> Place {
        match self.index.entry(account) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let place = self.free.pop().unwrap_or(self.slots.len() as Place);
                match self.slots.get_mut(place as usize) {
                    Some(slot) => *slot = Slot::new(account),
                    None => self.slots.push(Slot::new(account)),
                }
                self.undo.push(Undo::Created(place));
                *vacant.insert(place)
            }
        }
    }

    fn touch(&mut self, place: Place) {
        if !self.touched_places.contains(&place) {
            self.touched_places.push(place);
        }
    }

    fn set(&mut self, place: Place, balance: Balance) {
        let slot = &mut self.slots[place as usize];
        self.undo.push(Undo::Balance(place, std::mem::replace(&mut slot.balance, balance)));
        self.touch(place);
    }

    /// Undoes the steps of the batch, last first.
    fn take_back(&mut self) {
        self.touched_places.clear();
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Balance(place, before) => self.slots[place as usize].balance = before,
                Undo::Created(place) => {
                    self.index.remove(&self.slots[place as usize].account);
                    self.free.push(place);
                }
                Undo::SubjectMade(subject) => self.subjects.unmake(subject),
                Undo::HoldMade(company, hold, held) => {
                    self.unpin(&held);
                    self.subjects.unopen(company, hold);
                }
                Undo::HoldEnded(company, hold, held) => {
                    self.pin(&held);
                    self.subjects.reopen(company, hold, held);
                }
                Undo::Extended(company, hold, before) => {
                    if let Some(held) = self.subjects.held_mut(company, hold) {
                        held.until = before;
                    }
                }
            }
        }
    }

    /// An open hold as others see it.
    pub(super) fn show(&self, hold: HoldId, held: &Held) -> OpenHold {
        let OnHold { debit, credit, amount } = self.found(held);
        OpenHold { hold, debit, credit, amount, until: held.until, code: held.code }
    }

    /// The open holds of a subject in one company as others see them, in order of number.
    pub(super) fn show_all(&self, subject: u128, holds: &Holds) -> Vec<OpenHold> {
        let open = holds.open.iter().map(|(number, held)| self.show(HoldId { subject, number: *number }, held));
        let mut shown: Vec<_> = open.collect();
        shown.sort_unstable_by_key(|open| open.hold);
        shown
    }
}
