//! That the room of what is forgotten is used again. What the books say is proved by the laws.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::Books;
use domain::credit::{
    Account, Balance, Batch, BatchId, BatchRefusal, Code, HoldId, Holder, Kind, RefusedBecause, Transfer, Unit,
};
use domain::{CompanyId, Currency, ProfileId, Wall};

const COMPANY: CompanyId = CompanyId::from_bits(1);

fn of(holder: Holder, unit: Unit) -> Account {
    Account { company: COMPANY, holder, unit }
}

fn profile(unit: Unit) -> Account {
    of(Holder::Profile(ProfileId::from_bits(2)), unit)
}

fn moves(debit: Account, credit: Account, amount: i64) -> Kind {
    Kind::Post { debit, credit, amount }
}

/// So much counts on a day, or is taken off it.
fn counts(day: u16, amount: i64) -> Kind {
    moves(of(Holder::World, Unit::Day(day)), profile(Unit::Day(day)), amount)
}

fn counts_no_more(day: u16, amount: i64) -> Kind {
    moves(profile(Unit::Day(day)), of(Holder::World, Unit::Day(day)), amount)
}

/// Applies them as one row, in order.
struct Keeper {
    books: Books,
    row: u64,
}

impl Keeper {
    fn new() -> Self {
        Keeper { books: Books::default(), row: 0 }
    }

    fn apply(&mut self, kinds: &[Kind]) -> Result<(), BatchRefusal> {
        let transfers = kinds.iter().map(|kind| Transfer { kind: *kind, code: Code::DailyCap }).collect();
        let id = BatchId { subject: 9, sequence: self.row + 1 };
        let batch = Batch { id, company: COMPANY, at: Wall::from_unix_seconds(1), transfers, memo: None };
        self.books.apply(&batch, self.row + 1)?;
        self.row += 1;
        Ok(())
    }

    /// Accounts that have room, forgotten ones too.
    fn room(&self) -> usize {
        self.books.slots.len()
    }
}

#[test]
fn a_hundred_years_of_days_take_the_room_of_two() {
    let mut keeper = Keeper::new();
    let money = Unit::Money(Currency::USD);
    keeper.apply(&[moves(of(Holder::World, money), profile(money), 500)]).unwrap();
    for day in 1..36_500 {
        keeper.apply(&[counts(day, 100)]).unwrap();
        // The day before is closed while the new one counts.
        keeper.apply(&[counts_no_more(day - 1, 100)][..usize::from(day > 1)]).unwrap();
    }
    assert_eq!(keeper.room(), 2 + 2 * 2);
    assert_eq!(keeper.books.index.len(), 2 + 2);
    assert_eq!(keeper.books.balance(&profile(Unit::Day(36_499))).posted, 100);
    assert_eq!(keeper.books.balance(&profile(Unit::Day(36_498))), Balance::default());
    assert_eq!(keeper.books.balance(&profile(money)).posted, 500);
}

#[test]
fn refused_batches_about_accounts_that_nobody_knows_take_the_room_of_one() {
    let mut keeper = Keeper::new();
    let money = Unit::Money(Currency::USD);
    for day in 1..1_000 {
        let spends = moves(profile(money), of(Holder::Revenue, money), 1);
        let refusal = keeper.apply(&[counts(day, 100), spends]).unwrap_err();
        assert!(matches!(refusal.because, RefusedBecause::InsufficientFunds { available: 0, .. }), "{refusal:?}");
    }
    assert_eq!((keeper.room(), keeper.books.index.len()), (4, 0));
}

/// A hold of nothing leaves no trace in a balance, and is open all the same.
#[test]
fn an_account_that_an_open_hold_names_keeps_its_place() {
    let mut keeper = Keeper::new();
    let hold = HoldId { subject: 9, number: 30 };
    let (debit, credit, until) = (profile(Unit::Day(7)), of(Holder::Revenue, Unit::Day(7)), Wall::from_unix_seconds(9));
    keeper.apply(&[Kind::Hold { hold, debit, credit, amount: 0, until }]).unwrap();
    keeper.apply(&[counts(7, 100)]).unwrap();
    keeper.apply(&[counts_no_more(7, 100)]).unwrap();
    keeper.apply(&[counts(8, 5)]).unwrap();
    let held = *keeper.books.subjects.held(COMPANY, hold).unwrap();
    let shown = keeper.books.show(hold, &held);
    assert_eq!((shown.debit, shown.credit), (debit, credit));
    keeper.apply(&[Kind::Release { hold }]).unwrap();
    assert!(!keeper.books.index.contains_key(&debit), "once it is closed it is forgotten too");
}
