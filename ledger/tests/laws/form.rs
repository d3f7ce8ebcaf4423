//! The laws of form: what is refused before any balance is looked at.
#![allow(unreachable_pub)]

use crate::Engine;
use clerk::*;
use domain::Currency;
use domain::credit::{Batch, Code, Holder, Kind, Memo, RefusedBecause, Transfer, Unit};
use std::sync::Arc;

pub fn a_batch_too_large_is_refused(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let charge = post(profile(), revenue(), 1, Code::CallCharge);
    let most = batch(7, 0, vec![charge; Batch::TRANSFERS_MAX]);
    assert!(is_applied(&tell(&**ledger, most)));
    let more = batch(7, 1, vec![charge; Batch::TRANSFERS_MAX + 1]);
    assert_eq!(tell(&**ledger, more.clone()), refused(0, RefusedBecause::TooLarge));
    assert_eq!(order(&**ledger, more), refused(0, RefusedBecause::TooLarge), "a malformed batch is not remembered");
    let longest: Arc<str> = "x".repeat(Batch::MEMO_BYTES_MAX).into();
    assert!(is_applied(&tell(&**ledger, with_memo(batch(7, 2, vec![]), Memo::Note(longest)))));
    let longer: Arc<str> = "x".repeat(Batch::MEMO_BYTES_MAX + 1).into();
    let outcome = tell(&**ledger, with_memo(batch(7, 3, vec![]), Memo::Note(longer)));
    assert_eq!(outcome, refused(0, RefusedBecause::TooLarge));
}

pub fn a_foreign_account_is_refused(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let theirs = account(2, Holder::Revenue, USD);
    let pay_them = vec![post(profile(), revenue(), 1, Code::CallCharge), post(profile(), theirs, 1, Code::CallCharge)];
    assert_eq!(tell(&**ledger, batch(7, 0, pay_them)), refused(1, RefusedBecause::ForeignAccount));
    let kind = Kind::PostIfAvailableAtMost { debit: purse(), credit: profile(), amount: 1, watched: theirs, limit: 0 };
    let outcome = tell(&**ledger, batch(7, 1, vec![Transfer { kind, code: Code::AutoRecharge }]));
    assert_eq!(outcome, refused(0, RefusedBecause::ForeignAccount));
}

pub fn two_units_or_one_account_are_refused(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let pairs = [
        (profile(), profile()),
        (profile(), channels()),
        (profile(), account(1, Holder::World, Unit::Money(Currency::EUR))),
    ];
    for (sequence, (debit, credit)) in (0..).zip(pairs) {
        let outcome = tell(&**ledger, batch(7, sequence, vec![post(debit, credit, 1, Code::Adjustment)]));
        assert_eq!(outcome, refused(0, RefusedBecause::MismatchedAccounts));
    }
}

pub fn a_negative_amount_is_refused(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 10)]));
    let negative = [post(revenue(), profile(), -1, Code::Refund), hold(7, 36, profile(), -1), capture(7, 30, -1)];
    for (sequence, transfer) in (1..).zip(negative) {
        let outcome = tell(&**ledger, batch(7, sequence, vec![transfer]));
        assert_eq!(outcome, refused(0, RefusedBecause::NegativeAmount));
    }
    assert!(is_applied(&tell(&**ledger, batch(7, 9, vec![post(profile(), revenue(), 0, Code::CallCharge)]))));
}

/// Law 9.
pub fn a_balance_that_would_overflow_is_refused(ledger: &Engine) {
    let most = ledger.balance_max();
    assert!(most >= (1 << 53) - 1);
    assert!(is_applied(&order(&**ledger, batch(7, 0, vec![post(world(USD), purse(), most, Code::TopUp)]))));
    let one_more = batch(7, 1, vec![post(world(USD), purse(), 1, Code::TopUp)]);
    assert_eq!(tell(&**ledger, one_more), refused(0, RefusedBecause::Overflow));
    let to_another = batch(7, 2, vec![post(world(USD), profile(), 2, Code::TopUp)]);
    assert_eq!(tell(&**ledger, to_another), refused(0, RefusedBecause::Overflow), "the world cannot lose more");
    let hold_of_world = batch(7, 3, vec![hold(7, 1, world(USD), 2)]);
    assert_eq!(tell(&**ledger, hold_of_world), refused(0, RefusedBecause::Overflow));
    let far_more = batch(7, 4, vec![post(world(USD), profile(), i64::MAX, Code::TopUp)]);
    assert_eq!(tell(&**ledger, far_more), refused(0, RefusedBecause::Overflow));
    assert_eq!(ledger.balance(world(USD)), has(-most, 0));
}

pub fn form_is_looked_at_before_any_balance(ledger: &Engine) {
    endow(&**ledger, 10, 1);
    let transfers =
        vec![post(profile(), revenue(), 11, Code::CallCharge), post(profile(), revenue(), -1, Code::CallCharge)];
    assert_eq!(tell(&**ledger, batch(7, 0, transfers)), refused(1, RefusedBecause::NegativeAmount));
}
