//! What counts against the cap of a day: each increment, on the day in which it begins, from when it is held until it is paid or given back.
//!
//! It is counted in the ledger, in the batch that holds the increment, on an account of the profile and the day ([`Unit::Day`]): so what all
//! calls of all nodes have together never passes the cap, and a restart or a node that dies forgets nothing. Who is told, and what follows,
//! is the guard's to say (`guarding`).

use super::Profile;
use super::books::{Accounts, Books, Draft, Part};
use super::request::{Ask, Effect};
use domain::credit::{Account, Balance, Code, Holder, Kind, Transfer, Unit};
use domain::fraud::{FraudAction, SpendLimit};
use domain::{Micros, Now};
use rating::Block;

/// What a batch counts by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting {
    /// The day of now.
    today: u16,
    cap: SpendLimit,
}

/// What is known to count on a day, by the ledger's last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    day: u16,
    /// As the ledger has said it.
    said: Option<Micros>,
    /// At least so much, so that nothing is asked for in vain; none where it is to be asked.
    least: Option<Micros>,
}

impl Profile {
    /// What a draft's batch counts by, and the day of what it wants held; none where there is no cap.
    pub(super) fn counting(&self, draft: &Draft, now: Now) -> (Option<Counting>, Option<u16>) {
        let Some(entry) = self.directory.profile(self.id) else { return (None, None) };
        let Some(cap) = entry.fraud.rules.daily_cap else { return (None, None) };
        let Some(company) = self.directory.company(entry.company) else { return (None, None) };
        let (today, next) = (company.zone.day_number(now.wall), company.zone.day_number(draft.next_at));
        (Some(Counting { today, cap }), Some(next))
    }

    /// What may still be held on a day; none where no cap binds, or nothing is known.
    pub(super) fn room_on(&self, day: u16) -> Option<Micros> {
        let cap = self.directory.profile(self.id)?.fraud.rules.daily_cap?;
        let cap = Some(cap.amount).filter(|_| cap.action != FraudAction::Alert)?;
        Some(cap - self.knows(day)?.least?)
    }

    /// So much counts on a day, as the ledger has it.
    pub fn counted(&mut self, day: u16, amount: Micros) {
        self.known[usize::from(day % 2)] = Some(Known { day, said: Some(amount), least: Some(amount) });
    }

    /// What is known may be old: it is asked for again.
    pub(super) fn doubt(&mut self) {
        self.known.iter_mut().flatten().for_each(|known| known.least = None);
    }

    fn knows(&self, day: u16) -> Option<Known> {
        self.known[usize::from(day % 2)].filter(|known| known.day == day)
    }

    /// What counts on a day by the ledger's last word.
    pub(super) fn known_on(&self, day: u16) -> Option<Micros> {
        self.knows(day)?.said
    }

    /// Of what counts on a day, what calls here hold.
    pub(super) fn held_on(&self, day: u16) -> Micros {
        let held = self.calls.values().filter_map(|books| books.block).filter(|held| held.day == Some(day));
        held.map(|held| held.block.amount).sum()
    }

    /// What the balances say that counts; a cap that only tells does so here.
    pub(super) fn hear_counted(&mut self, balances: &[(Account, Balance)], now: Now, effects: &mut Vec<Effect>) {
        for (account, balance) in balances {
            if let (Unit::Day(day), Holder::Profile(_)) = (account.unit, account.holder) {
                self.counted(day, Micros::new(balance.posted));
                self.tell_beyond_cap(Micros::new(balance.posted), now, effects);
            }
        }
    }

    /// The ledger has refused what a draft wants held: at least so much counts that there is no room for it.
    pub(super) fn learn_full(&mut self, draft: &Draft) {
        let cap = self.directory.profile(self.id).and_then(|entry| entry.fraud.rules.daily_cap);
        if let (Some(cap), Some(day), Some(block)) = (cap, draft.day, wanted(draft)) {
            let least = cap.amount - block.amount + Micros::new(1);
            let Known { said, least: known, .. } = self.knows(day).unwrap_or(Known { day, said: None, least: None });
            self.known[usize::from(day % 2)] = Some(Known { day, said, least: known.max(Some(least)) });
        }
    }
}

/// What a draft wants held.
fn wanted(draft: &Draft) -> Option<Block> {
    match &draft.request.ask {
        Ask::Reserve { first, .. } => *first,
        Ask::Charge { next, .. } => next.filter(|_| draft.part != Part::Final),
        Ask::Continue { .. } | Ask::Extend { .. } | Ask::Settle { .. } => None,
    }
}

/// Counts a block that is to be held, within the cap where it binds.
pub(super) fn hold(accounts: Accounts, block: Block, day: Option<u16>, counting: Option<Counting>) -> Option<Transfer> {
    let (day, Counting { cap, .. }) = day.zip(counting)?;
    if cap.action == FraudAction::Alert {
        return more(accounts, day, block.amount);
    }
    let (debit, credit, amount) = (accounts.counted_from(day), accounts.spent_on(day), block.amount.get());
    let limit = (cap.amount - block.amount).get();
    let kind = Kind::PostIfAvailableAtMost { debit, credit, amount, watched: credit, limit };
    block.amount.is_positive().then_some(Transfer { kind, code: Code::DailyCap })
}

/// A block begins, and so much of it is paid: it counts on the day that it was held for. The first one begins when the call is answered,
/// and counts then; and so does what was held before there was a cap.
pub(super) fn begin(
    books: &Books,
    begins: Block,
    paid: Micros,
    counting: Option<Counting>,
    transfers: &mut Vec<Transfer>,
) {
    let was = books.block.filter(|held| held.block == begins).and_then(|held| held.day);
    let is_first = books.captured_s == 0;
    let day = match (was, counting) {
        (Some(day), None) => day,
        (Some(day), Some(_)) if !is_first => day,
        (_, Some(Counting { today, .. })) => today,
        (None, None) => return,
    };
    let counted = if was == Some(day) { begins.amount } else { Micros::ZERO };
    if let Some(was) = was.filter(|was| *was != day) {
        transfers.extend(less(books.accounts, was, begins.amount));
    }
    transfers.extend(more(books.accounts, day, paid - counted));
    transfers.extend(less(books.accounts, day, counted - paid));
}

/// A block that is held is given back.
pub(super) fn release(books: &Books, transfers: &mut Vec<Transfer>) {
    if let Some((day, block)) = books.block.and_then(|held| Some((held.day?, held.block))) {
        transfers.extend(less(books.accounts, day, block.amount));
    }
}

/// So much more counts; none for nothing.
fn more(accounts: Accounts, day: u16, amount: Micros) -> Option<Transfer> {
    post(accounts.counted_from(day), accounts.spent_on(day), amount)
}

/// So much less counts; none for nothing.
fn less(accounts: Accounts, day: u16, amount: Micros) -> Option<Transfer> {
    post(accounts.spent_on(day), accounts.counted_from(day), amount)
}

fn post(debit: Account, credit: Account, amount: Micros) -> Option<Transfer> {
    let kind = Kind::Post { debit, credit, amount: amount.get() };
    amount.is_positive().then_some(Transfer { kind, code: Code::DailyCap })
}
