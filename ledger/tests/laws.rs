//! The laws of the ledger, one conformance suite run against every engine. What is particular to the journal on disk is in
//! `journal.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "laws/form.rs"]
mod form;
#[path = "laws/reading.rs"]
mod reading;

use clerk::server::RedisServer;
use clerk::*;
use domain::credit::{Batch, Code, Durability, HoldId, Holder, Kind, Memo, Outcome, RefusedBecause, Transfer, Unit};
use domain::{BusinessAccountId, Currency};
use form::*;
use ledger::Ledger;
use ledger::memory::MemoryLedger;
use ledger::redis::RedisLedger;
use reading::*;
use std::sync::{Arc, Barrier};

/// Runs each law against each engine, and verifies the books after it. The last test prints the table.
macro_rules! laws {
    ($($law:ident),* $(,)?) => {
        mod memory { $(#[test] fn $law() { super::on_memory(super::$law); })* }
        mod sqlite { $(#[test] fn $law() { super::on_sqlite(super::$law); })* }
        mod redis { $(#[test] fn $law() { super::on_redis(super::$law); })* }

        const LAWS: &[(&str, Law)] = &[$((stringify!($law), $law)),*];
    };
}

type Law = fn(&Engine);
type Run = fn(Law);

fn on_memory(law: Law) {
    let ledger: Engine = Arc::new(MemoryLedger::new());
    law(&ledger);
    assert_sound(&*ledger);
}

fn on_sqlite(law: Law) {
    let folder = tempfile::tempdir().unwrap();
    let ledger: Engine = Arc::new(open_in(folder.path()));
    law(&ledger);
    assert_sound(&*ledger);
}

fn on_redis(law: Law) {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let ledger = Arc::new(RedisLedger::open(server.settings(folder.path())).unwrap());
    let engine: Engine = ledger.clone();
    law(&engine);
    if !ledger.is_healthy() {
        // The law has closed it: the journal is judged without it, and Redis with it.
        drop(engine);
        Arc::into_inner(ledger).unwrap().close().unwrap();
        let (verification, compared) = ledger::redis::verify(&server.settings(folder.path())).unwrap();
        assert!(verification.is_clean(), "{verification}");
        assert!(compared.companies > 0);
        return;
    }
    assert_sound(&*ledger);
    assert_eq!(ledger.disagreements(), 0, "the function and the journal decide alike");
}

/// Every law on every engine once more, as one table: a law that is not on all three does not stand.
#[test]
fn the_laws_hold_on_every_engine() {
    let engines: [(&str, Run); 3] = [("memory", on_memory), ("sqlite", on_sqlite), ("redis", on_redis)];
    let held = |run: Run, law: Law| std::panic::catch_unwind(|| run(law)).is_ok();
    println!("{:<74} {:>7} {:>7} {:>7}", "law", "memory", "sqlite", "redis");
    let mut broken = Vec::new();
    for (name, law) in LAWS {
        let found = engines.map(|(engine, run)| (engine, held(run, *law)));
        let word = |is_held: bool| if is_held { "holds" } else { "BROKEN" };
        println!("{name:<74} {:>7} {:>7} {:>7}", word(found[0].1), word(found[1].1), word(found[2].1));
        broken.extend(found.iter().filter(|(_, is_held)| !is_held).map(|(engine, _)| format!("{name} on {engine}")));
    }
    println!("{} laws on {} engines, {} broken", LAWS.len(), engines.len(), broken.len());
    assert!(broken.is_empty(), "{broken:?}");
}

laws!(
    a_batch_is_applied_whole_or_not_at_all,
    each_transfer_sees_the_ones_before_it,
    the_outcome_tells_every_touched_account_once_in_order_of_first_touch,
    a_customer_never_has_less_than_zero_available,
    every_unit_of_a_company_sums_to_zero,
    a_hold_takes_from_what_is_available_and_not_from_what_is_posted,
    no_more_counts_on_a_day_than_its_cap,
    a_day_on_which_nothing_counts_is_forgotten,
    a_capture_posts_its_amount_and_gives_the_rest_back,
    a_capture_of_more_than_is_held_is_refused,
    a_release_gives_everything_back,
    a_hold_ends_once,
    the_name_of_a_hold_is_used_once_for_ever,
    a_hold_of_another_company_is_not_open,
    an_extended_lease_passes_even_below_zero,
    the_same_batch_again_is_answered_with_its_first_outcome,
    a_refused_order_is_answered_with_its_first_refusal,
    another_body_under_a_known_id_is_refused,
    a_later_decision_time_or_memo_is_no_other_body,
    a_refused_batch_of_a_live_call_is_remembered_until_the_call_ends,
    channels_may_be_cut_below_what_is_in_use_and_then_no_call_starts,
    the_third_call_is_refused_when_two_channels_are_taken,
    thirty_reservations_on_credit_for_one_admit_one,
    a_hundred_debits_across_the_threshold_recharge_once,
    a_conditional_post_needs_its_account_at_or_below_the_limit,
    a_recharge_linked_in_front_pays_for_the_hold_behind_it,
    take_back_never_touches_what_is_held,
    account_credit_and_profile_credit_never_mix,
    a_batch_too_large_is_refused,
    a_foreign_account_is_refused,
    two_units_or_one_account_are_refused,
    a_negative_amount_is_refused,
    a_balance_that_would_overflow_is_refused,
    form_is_looked_at_before_any_balance,
    a_batch_without_transfers_keeps_its_memo,
    an_ended_call_is_handed_on_once_and_in_order,
    a_dead_call_is_found_with_what_it_paid_and_what_it_holds,
    a_statement_reads_backwards_with_the_balance_after_each_line,
    a_statement_pages_without_losing_or_repeating_a_line,
    totals_count_what_is_held_and_by_whom_money_is_owned,
    a_closed_ledger_answers_unavailable,
);

type Engine = Arc<dyn Ledger>;

fn a_batch_is_applied_whole_or_not_at_all(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let transfers = vec![
        post(profile(), revenue(), 60, Code::CallCharge),
        hold(7, 1, profile(), 40),
        capture(7, 1, 40),
        post(profile(), revenue(), 1, Code::CallCharge),
    ];
    assert_eq!(tell(&**ledger, batch(7, 0, transfers)), refused(3, too_little(profile(), 0)));
    assert_eq!(ledger.balance(profile()), has(100, 0));
    assert_eq!(ledger.balance(revenue()), has(0, 0));
    assert!(ledger.open_holds(None, 10).is_empty());
    assert!(is_applied(&tell(&**ledger, batch(7, 1, vec![hold(7, 1, profile(), 40)]))), "the name is still free");
    assert!(!ledger.balances(company(1)).iter().any(|(account, _)| *account == revenue()), "never used: not there");
}

fn each_transfer_sees_the_ones_before_it(ledger: &Engine) {
    endow(&**ledger, 10, 1);
    let transfers = vec![hold(7, 1, profile(), 10), capture(7, 1, 4), hold(7, 2, profile(), 6), release(7, 2)];
    assert!(is_applied(&tell(&**ledger, batch(7, 0, transfers))));
    assert_eq!(ledger.balance(profile()), has(6, 0));
    assert_eq!(ledger.balance(revenue()), has(4, 0));
}

fn the_outcome_tells_every_touched_account_once_in_order_of_first_touch(ledger: &Engine) {
    endow(&**ledger, 10, 2);
    let transfers = vec![
        hold(7, 0, channels(), 1),
        hold(7, 30, profile(), 3),
        capture(7, 30, 2),
        extend(7, 0, at(90)),
        post(profile(), purse(), 1, Code::TakeBack),
    ];
    let expected = vec![(channels(), has(2, 1)), (profile(), has(7, 0)), (revenue(), has(2, 0)), (purse(), has(1, 0))];
    assert_eq!(tell(&**ledger, batch(7, 0, transfers)), Outcome::Applied(expected));
}

/// R8, field lesson 13.
fn a_customer_never_has_less_than_zero_available(ledger: &Engine) {
    endow(&**ledger, 50, 1);
    let outcome = tell(&**ledger, batch(7, 0, vec![post(profile(), revenue(), 51, Code::CallCharge)]));
    assert_eq!(outcome, refused(0, too_little(profile(), 50)));
    assert!(is_applied(&tell(&**ledger, batch(7, 1, vec![hold(7, 1, profile(), 30)]))));
    let outcome = tell(&**ledger, batch(7, 2, vec![post(profile(), revenue(), 21, Code::CallCharge)]));
    assert_eq!(outcome, refused(0, too_little(profile(), 20)));
    assert_eq!(tell(&**ledger, batch(7, 3, vec![hold(7, 2, profile(), 21)])), refused(0, too_little(profile(), 20)));
    assert!(is_applied(&tell(&**ledger, batch(7, 4, vec![post(profile(), revenue(), 20, Code::CallCharge)]))));
    assert_eq!(ledger.balance(profile()), has(30, 30));
}

/// K1.
fn every_unit_of_a_company_sums_to_zero(ledger: &Engine) {
    endow(&**ledger, 50, 3);
    let euro = Unit::Money(Currency::EUR);
    let transfers = vec![
        post(account(1, Holder::World, euro), account(1, Holder::Company, euro), 9, Code::TopUp),
        hold(7, 1, profile(), 30),
        capture(7, 1, 11),
    ];
    assert!(is_applied(&order(&**ledger, batch(7, 0, transfers))));
    for unit in [USD, euro, Unit::Channels] {
        let balances = ledger.balances(company(1));
        let sum: i64 = balances.iter().filter(|(account, _)| account.unit == unit).map(|(_, has)| has.posted).sum();
        assert_eq!(sum, 0, "{unit:?}");
        assert_eq!(ledger.totals().units[&unit].imbalance, 0);
    }
}

fn a_hold_takes_from_what_is_available_and_not_from_what_is_posted(ledger: &Engine) {
    endow(&**ledger, 50, 1);
    let outcome = tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 20)]));
    assert_eq!(outcome, Outcome::Applied(vec![(profile(), has(50, 20))]));
    assert_eq!(ledger.balance(profile()).available(), 30);
    let open = ledger.open_holds(Some(company(1)), 10);
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].hold, open[0].amount), (HoldId { subject: 7, number: 30 }, 20));
    assert_eq!((open[0].debit, open[0].credit, open[0].until), (profile(), revenue(), at(60)));
    assert!(ledger.open_holds(Some(company(2)), 10).is_empty());
}

fn a_capture_posts_its_amount_and_gives_the_rest_back(ledger: &Engine) {
    endow(&**ledger, 50, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 20)]));
    let outcome = tell(&**ledger, batch(7, 1, vec![capture(7, 30, 12)]));
    assert_eq!(outcome, Outcome::Applied(vec![(profile(), has(38, 0)), (revenue(), has(12, 0))]));
    tell(&**ledger, batch(7, 2, vec![hold(7, 36, profile(), 5)]));
    let outcome = tell(&**ledger, batch(7, 3, vec![capture(7, 36, 0)]));
    assert_eq!(outcome, Outcome::Applied(vec![(profile(), has(38, 0)), (revenue(), has(12, 0))]));
}

fn a_capture_of_more_than_is_held_is_refused(ledger: &Engine) {
    endow(&**ledger, 50, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 20)]));
    let outcome = tell(&**ledger, batch(7, 1, vec![capture(7, 30, 21)]));
    assert_eq!(outcome, refused(0, RefusedBecause::CaptureExceedsHold));
    assert_eq!(ledger.balance(profile()), has(50, 20));
}

/// R9, field lesson 9.
fn a_release_gives_everything_back(ledger: &Engine) {
    endow(&**ledger, 50, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 20)]));
    let outcome = tell(&**ledger, batch(7, 1, vec![release(7, 30), release(7, 0)]));
    assert_eq!(outcome, Outcome::Applied(vec![(profile(), has(50, 0)), (channels(), has(1, 0))]));
    assert_eq!(ledger.totals().open_holds, 0);
}

/// Field lesson 12.
fn a_hold_ends_once(ledger: &Engine) {
    endow(&**ledger, 50, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 20), hold(7, 36, profile(), 20)]));
    assert!(is_applied(&tell(&**ledger, batch(7, 1, vec![capture(7, 30, 20), release(7, 36)]))));
    for (sequence, ending) in
        [(2, capture(7, 30, 20)), (3, release(7, 30)), (4, capture(7, 36, 0)), (5, release(7, 36))]
    {
        assert_eq!(tell(&**ledger, batch(7, sequence, vec![ending])), refused(0, RefusedBecause::HoldNotOpen));
    }
    let late = tell(&**ledger, batch(7, 6, vec![extend(7, 30, at(90))]));
    assert_eq!(late, refused(0, RefusedBecause::HoldNotOpen));
    assert_eq!(ledger.balance(revenue()), has(20, 0));
}

fn the_name_of_a_hold_is_used_once_for_ever(ledger: &Engine) {
    endow(&**ledger, 50, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 1)]));
    let again = hold(7, 30, profile(), 1);
    assert_eq!(tell(&**ledger, batch(7, 1, vec![again])), refused(0, RefusedBecause::HoldExists));
    tell(&**ledger, batch(7, 2, vec![release(7, 30)]));
    assert_eq!(tell(&**ledger, batch(7, 3, vec![again])), refused(0, RefusedBecause::HoldExists));
    // A batch about something else may not use the name either, nor may one batch use it twice.
    assert_eq!(tell(&**ledger, batch(8, 0, vec![again])), refused(0, RefusedBecause::HoldExists));
    let twice = vec![hold(9, 1, profile(), 1), release(9, 1), hold(9, 1, profile(), 1)];
    assert_eq!(tell(&**ledger, batch(9, 0, twice)), refused(2, RefusedBecause::HoldExists));
}

fn a_hold_of_another_company_is_not_open(ledger: &Engine) {
    endow(&**ledger, 50, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 20)]));
    let theirs = Batch { company: company(2), ..batch(8, 0, vec![capture(7, 30, 20)]) };
    assert_eq!(tell(&**ledger, theirs), refused(0, RefusedBecause::HoldNotOpen));
    let purse_of_theirs = account(2, Holder::Company, USD);
    let top_up = post(account(2, Holder::World, USD), purse_of_theirs, 5, Code::TopUp);
    let same_name = Batch { company: company(2), ..batch(8, 1, vec![top_up, hold(7, 30, purse_of_theirs, 5)]) };
    assert!(is_applied(&tell(&**ledger, same_name)), "names belong to a company");
    assert_eq!(ledger.open_holds(None, 10).len(), 2);
}

fn an_extended_lease_passes_even_below_zero(ledger: &Engine) {
    endow(&**ledger, 0, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 0, channels(), 1)]));
    let fewer = post(channels(), world(Unit::Channels), 1, Code::Subscription);
    assert!(is_applied(&order(&**ledger, batch(8, 0, vec![fewer]))));
    let outcome = tell(&**ledger, batch(7, 1, vec![extend(7, 0, at(120))]));
    assert_eq!(outcome, Outcome::Applied(vec![(channels(), has(0, 1))]));
    assert_eq!(ledger.open_holds(None, 1)[0].until, at(120));
}

/// Field lesson 3.
fn the_same_batch_again_is_answered_with_its_first_outcome(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let charge = batch(7, 0, vec![post(profile(), revenue(), 10, Code::CallCharge)]);
    let first = tell(&**ledger, charge.clone());
    assert!(is_applied(&first));
    tell(&**ledger, batch(7, 1, vec![post(profile(), revenue(), 5, Code::CallCharge)]));
    for durability in [Durability::WithNextGroup, Durability::BeforeAnswer] {
        let again = ask(&**ledger, charge.clone(), durability);
        assert_eq!(again, Outcome::Replayed(Box::new(first.clone())));
    }
    assert_eq!(ledger.balance(revenue()), has(15, 0));
}

fn a_refused_order_is_answered_with_its_first_refusal(ledger: &Engine) {
    endow(&**ledger, 10, 1);
    let too_dear = batch(7, 0, vec![post(profile(), purse(), 11, Code::TakeBack)]);
    let first = order(&**ledger, too_dear.clone());
    assert_eq!(first, refused(0, too_little(profile(), 10)));
    assert!(is_applied(&order(&**ledger, batch(8, 0, vec![post(world(USD), profile(), 90, Code::Adjustment)]))));
    assert_eq!(order(&**ledger, too_dear), Outcome::Replayed(Box::new(first)));
    assert_eq!(ledger.balance(profile()), has(100, 0));
}

fn another_body_under_a_known_id_is_refused(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let charge = batch(7, 0, vec![post(profile(), revenue(), 10, Code::CallCharge)]);
    tell(&**ledger, charge.clone());
    let bodies = [
        vec![post(profile(), revenue(), 11, Code::CallCharge)],
        vec![post(profile(), revenue(), 10, Code::Number)],
        vec![post(profile(), purse(), 10, Code::CallCharge)],
        vec![],
        vec![post(profile(), revenue(), -1, Code::CallCharge); Batch::TRANSFERS_MAX + 1],
    ];
    for body in bodies {
        assert_eq!(tell(&**ledger, batch(7, 0, body)), refused(0, RefusedBecause::DifferentBody));
    }
    let theirs = Batch { company: company(2), ..charge.clone() };
    assert_eq!(tell(&**ledger, theirs), refused(0, RefusedBecause::DifferentBody));
    assert!(matches!(tell(&**ledger, charge), Outcome::Replayed(_)), "the first outcome stays");
}

fn a_later_decision_time_or_memo_is_no_other_body(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let charge = batch(7, 0, vec![post(profile(), revenue(), 10, Code::CallCharge)]);
    tell(&**ledger, charge.clone());
    let later = Batch { at: at(99), memo: Some(Memo::Note("again".into())), ..charge };
    assert!(matches!(tell(&**ledger, later), Outcome::Replayed(_)));
}

fn a_refused_batch_of_a_live_call_is_remembered_until_the_call_ends(ledger: &Engine) {
    endow(&**ledger, 10, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 0, channels(), 1)]));
    let tick = batch(7, 1, vec![hold(7, 30, profile(), 11)]);
    let first = tell(&**ledger, tick.clone());
    assert_eq!(because(&first), too_little(profile(), 10));
    order(&**ledger, batch(8, 0, vec![post(world(USD), profile(), 90, Code::TopUp)]));
    assert_eq!(tell(&**ledger, tick.clone()), Outcome::Replayed(Box::new(first)));
    let other = batch(7, 1, vec![hold(7, 30, profile(), 12)]);
    assert_eq!(because(&tell(&**ledger, other)), RefusedBecause::DifferentBody);
    tell(&**ledger, batch(7, 2, vec![release(7, 0)]));
    assert!(is_applied(&tell(&**ledger, tick)), "it had no effect, so it may be decided anew");
}

/// C11.
fn channels_may_be_cut_below_what_is_in_use_and_then_no_call_starts(ledger: &Engine) {
    endow(&**ledger, 0, 4);
    for call in 1..=4 {
        assert!(is_applied(&tell(&**ledger, batch(call, 0, vec![hold(call, 0, channels(), 1)]))));
    }
    let cut = post(channels(), world(Unit::Channels), 2, Code::Subscription);
    assert!(is_applied(&order(&**ledger, batch(9, 0, vec![cut]))));
    assert_eq!(ledger.balance(channels()), has(2, 4));
    for call in 1..=3 {
        let fifth = batch(5, call, vec![hold(5, 0, channels(), 1)]);
        assert_eq!(tell(&**ledger, fifth), refused(0, too_little(channels(), call as i64 - 3)));
        assert!(is_applied(&tell(&**ledger, batch(u128::from(call), 1, vec![release(u128::from(call), 0)]))));
    }
    assert!(is_applied(&tell(&**ledger, batch(5, 4, vec![hold(5, 0, channels(), 1)]))));
}

/// C1.
fn the_third_call_is_refused_when_two_channels_are_taken(ledger: &Engine) {
    endow(&**ledger, 0, 2);
    assert!(is_applied(&tell(&**ledger, batch(1, 0, vec![hold(1, 0, channels(), 1)]))));
    assert!(is_applied(&tell(&**ledger, batch(2, 0, vec![hold(2, 0, channels(), 1)]))));
    let third = batch(3, 0, vec![hold(3, 0, channels(), 1)]);
    assert_eq!(tell(&**ledger, third), refused(0, too_little(channels(), 0)));
}

/// Field lesson 1.
fn thirty_reservations_on_credit_for_one_admit_one(ledger: &Engine) {
    endow(&**ledger, 100, 30);
    let start = Arc::new(Barrier::new(30));
    let calls: Vec<_> = (1..=30u128)
        .map(|call| {
            let (ledger, start) = (ledger.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                let transfers = vec![hold(call, 0, channels(), 1), hold(call, 30, profile(), 60)];
                tell(&*ledger, batch(call, 0, transfers))
            })
        })
        .collect();
    let outcomes: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| is_applied(outcome)).count(), 1);
    let poor = refused(1, too_little(profile(), 40));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == poor).count(), 29);
    assert_eq!((ledger.balance(channels()), ledger.balance(profile())), (has(30, 1), has(100, 60)));
}

/// K6.
fn a_hundred_debits_across_the_threshold_recharge_once(ledger: &Engine) {
    endow(&**ledger, 1_000, 1);
    order(&**ledger, batch(900, 0, vec![post(world(USD), purse(), 10_000, Code::TopUp)]));
    let start = Arc::new(Barrier::new(100));
    let debits: Vec<_> = (1..=100u128)
        .map(|call| {
            let (ledger, start) = (ledger.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                let debit = batch(call, 0, vec![post(profile(), revenue(), 8, Code::CallCharge)]);
                assert!(is_applied(&tell(&*ledger, debit)));
                let kind = Kind::PostIfAvailableAtMost {
                    debit: purse(),
                    credit: profile(),
                    amount: 5_000,
                    watched: profile(),
                    limit: 500,
                };
                tell(&*ledger, batch(call, 1, vec![Transfer { kind, code: Code::AutoRecharge }]))
            })
        })
        .collect();
    let outcomes: Vec<_> = debits.into_iter().map(|debit| debit.join().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| is_applied(outcome)).count(), 1);
    assert!(
        outcomes
            .iter()
            .filter(|outcome| !is_applied(outcome))
            .all(|outcome| because(outcome) == RefusedBecause::AboveLimit)
    );
    assert_eq!(ledger.balance(profile()), has(1_000 - 800 + 5_000, 0));
    assert_eq!(ledger.balance(purse()), has(5_000, 0));
}

fn a_conditional_post_needs_its_account_at_or_below_the_limit(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    order(&**ledger, batch(900, 0, vec![post(world(USD), purse(), 50, Code::TopUp)]));
    let recharge = |sequence, limit, amount| {
        let kind = Kind::PostIfAvailableAtMost { debit: purse(), credit: profile(), amount, watched: profile(), limit };
        batch(8, sequence, vec![Transfer { kind, code: Code::AutoRecharge }])
    };
    assert_eq!(tell(&**ledger, recharge(0, 99, 10)), refused(0, RefusedBecause::AboveLimit));
    assert!(is_applied(&tell(&**ledger, recharge(1, 100, 10))));
    tell(&**ledger, batch(7, 0, vec![hold(7, 1, profile(), 60)]));
    assert!(is_applied(&tell(&**ledger, recharge(2, 50, 10))), "what is held is not available");
    assert_eq!(tell(&**ledger, recharge(3, 60, 31)), refused(0, too_little(purse(), 30)));
    assert_eq!(tell(&**ledger, recharge(4, 59, 31)), refused(0, RefusedBecause::AboveLimit), "precedence");
}

/// Design 5, step 5 of a call's money.
fn a_recharge_linked_in_front_pays_for_the_hold_behind_it(ledger: &Engine) {
    endow(&**ledger, 5, 1);
    order(&**ledger, batch(900, 0, vec![post(world(USD), purse(), 50, Code::TopUp)]));
    let kind =
        Kind::PostIfAvailableAtMost { debit: purse(), credit: profile(), amount: 20, watched: profile(), limit: 5 };
    let linked = vec![Transfer { kind, code: Code::AutoRecharge }, hold(7, 30, profile(), 10)];
    let outcome = tell(&**ledger, batch(7, 0, linked));
    assert_eq!(outcome, Outcome::Applied(vec![(purse(), has(30, 0)), (profile(), has(25, 10))]));
}

/// K5.
fn take_back_never_touches_what_is_held(ledger: &Engine) {
    endow(&**ledger, 1_000, 1);
    tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 50)]));
    let take = |sequence, amount| batch(8, sequence, vec![post(profile(), purse(), amount, Code::TakeBack)]);
    assert!(is_applied(&order(&**ledger, take(0, 500))));
    assert_eq!(order(&**ledger, take(1, 500)), refused(0, too_little(profile(), 450)));
    assert!(is_applied(&order(&**ledger, take(2, 450))));
    assert_eq!(ledger.balance(profile()), has(50, 50));
    assert!(is_applied(&tell(&**ledger, batch(7, 1, vec![capture(7, 30, 50)]))), "the call is paid in full");
}

/// K11.
fn account_credit_and_profile_credit_never_mix(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let business = account(1, Holder::BusinessAccount(BusinessAccountId::from_bits(1)), USD);
    assert_eq!(tell(&**ledger, batch(7, 0, vec![hold(7, 30, business, 1)])), refused(0, too_little(business, 0)));
    order(&**ledger, batch(8, 0, vec![post(world(USD), business, 7, Code::Allocate)]));
    assert!(is_applied(&tell(&**ledger, batch(7, 1, vec![hold(7, 30, business, 7)]))));
    assert_eq!(ledger.balance(profile()), has(100, 0));
    assert_eq!(ledger.totals().money(Currency::USD).business_accounts, 7);
}

fn a_batch_without_transfers_keeps_its_memo(ledger: &Engine) {
    let opened = with_memo(batch(7, 0, vec![]), Memo::CallOpened("{}".into()));
    assert_eq!(tell(&**ledger, opened.clone()), Outcome::Applied(vec![]));
    assert_eq!(tell(&**ledger, opened), Outcome::Replayed(Box::new(Outcome::Applied(vec![]))));
}

fn a_closed_ledger_answers_unavailable(ledger: &Engine) {
    endow(&**ledger, 100, 2);
    assert!(ledger.is_healthy());
    ledger.close().unwrap();
    assert!(!ledger.is_healthy());
    for durability in [Durability::WithNextGroup, Durability::BeforeAnswer] {
        let late = batch(7, 0, vec![post(profile(), purse(), 1, Code::TakeBack)]);
        assert_eq!(ask(&**ledger, late, durability), Outcome::Unavailable);
    }
    ledger.close().unwrap();
}
