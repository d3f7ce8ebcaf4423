//! The last money of a profile among its calls: who is prolonged, who ends when, and who is not let ring on (1.16 point 4, K4).

use crate::world::*;
use domain::call_control::{LegId, LegOrder};
use domain::credit::HoldId;
use domain::refusal::RefusalKind;
use domain::{CallId, Entropy, Fact, Micros, ReleaseCause};
use std::time::Duration;

fn cents(cents: i64) -> Micros {
    Micros::from_cents(cents)
}

fn ended(world: &World, call: CallId) -> bool {
    world.records.iter().any(|record| record.id == call)
}

/// K4: a dear call has paid 30 s with 64 cents and is on its final unit; 12 cents buy six seconds more, as often as they come.
#[test]
fn a_call_on_its_final_unit_is_prolonged_by_credit_without_a_gap() {
    let mut world = World::with_credit(64);
    let call = world.answered_call(DEAR);
    let exhausted =
        |world: &World| world.facts.iter().filter(|fact| matches!(fact, Fact::CreditExhausted { .. })).count();
    assert_eq!(exhausted(&world), 1, "nothing is held after the first block");
    world.seconds(29);
    world.allocate(12);
    world.seconds(2);
    assert!(!ended(&world, call));
    world.allocate(12);
    world.seconds(10);
    assert!(!ended(&world, call), "paid are 42 s");
    world.seconds(1);
    let record = world.record(call);
    assert_eq!((record.cause, record.billed_s, record.amount), (ReleaseCause::CreditExhausted, 42, cents(88)));
    assert_eq!(record.talked_ms, 42_000);
    assert_eq!(world.credit(), (Micros::ZERO, Micros::ZERO));
    assert!(record.trace.contains("credit came in the last paid seconds"), "{}", record.trace);
    world.assert_books_closed();
}

/// K4: too little is no block, and is not lost.
#[test]
fn credit_that_does_not_pay_the_next_block_is_kept_for_the_next_credit() {
    let mut world = World::with_credit(64);
    let call = world.answered_call(DEAR);
    world.seconds(10);
    world.allocate(5);
    world.seconds(10);
    world.allocate(7);
    world.seconds(15);
    assert!(!ended(&world, call));
    world.seconds(1);
    assert_eq!((world.record(call).billed_s, world.credit().0), (36, Micros::ZERO));
    world.assert_books_closed();
}

/// K4: credit that comes while the ledger still has the final unit is seen in its answer.
#[test]
fn credit_that_comes_while_the_final_unit_is_under_way_is_not_missed() {
    let mut world = World::with_credit(64);
    let call = world.dial(DEAR);
    world.leg(call, FIRST, ringing());
    world.mood = Mood::Silent;
    world.leg(call, FIRST, answered());
    // The charge is refused, the final unit waits; in between comes credit.
    let (profile, posting) = world.waiting.pop_front().unwrap();
    world.post(profile, posting);
    world.allocate(12);
    world.ledger_recovers();
    world.seconds(35);
    assert!(!ended(&world, call));
    world.seconds(1);
    assert_eq!(world.record(call).billed_s, 36);
    world.assert_books_closed();
}

/// K6, K10: the company's money prolongs as well, where the profile recharges itself; also with less than a block and more than the
/// threshold left.
#[test]
fn a_company_that_is_topped_up_prolongs_a_call_on_its_final_unit() {
    let mut world = World::with_recharge(70, 1_000, 0, 0);
    let call = world.answered_call(DEAR);
    world.seconds(20);
    world.top_up_company(5_000);
    world.seconds(60);
    assert!(!ended(&world, call));
    assert_eq!(world.company_credit(), cents(4_000), "one recharge");
    world.leg(call, LegId::CALLER, hung_up());
    world.assert_books_closed();
}

/// What a sibling held and did not speak prolongs who would end first.
#[test]
fn what_a_sibling_gives_back_prolongs_the_call_that_ends_first() {
    let mut world = World::with_credit(2 * 64 + 12);
    let first = world.answered_call(DEAR);
    let second = world.answered_call(DEAR);
    world.seconds(5);
    world.leg(first, LegId::CALLER, hung_up());
    world.seconds(30);
    assert!(!ended(&world, second), "the six seconds that the first one held are the second one's");
    world.seconds(1);
    assert_eq!(world.record(second).billed_s, 36);
    world.assert_books_closed();
}

/// Field lesson 4, 1.16 point 4: what rings holds what it starts with, whatever its siblings spend.
#[test]
fn a_ringing_sibling_keeps_its_first_block_when_the_credit_is_spent() {
    let mut world = World::with_credit(2 * 64);
    let rings = world.dial(DEAR);
    world.leg(rings, FIRST, ringing());
    let talks = world.answered_call(DEAR);
    world.seconds(30);
    assert_eq!(world.record(talks).cause, ReleaseCause::CreditExhausted);
    world.leg(rings, FIRST, answered());
    world.seconds(30);
    let record = world.record(rings);
    assert_eq!((record.billed_s, record.amount), (30, cents(64)));
    world.assert_books_closed();
}

/// Field lesson 4, 1.16 point 4: without hold and without money it cannot start.
#[test]
fn a_ringing_sibling_that_can_no_longer_start_ends_with_402_when_the_credit_is_spent() {
    let mut world = World::with_credit(2 * 64 + 50);
    let rings = world.dial(DEAR);
    world.leg(rings, FIRST, ringing());
    // Another node took this one for dead, and what it held is spent by others.
    world.ledger.reap(HoldId { subject: rings.bits(), number: 30 });
    world.seconds(20);
    let talks = [world.answered_call(DEAR), world.answered_call(DEAR)];
    world.seconds(45);
    let record = world.record(rings);
    assert_eq!((record.status, record.cause), (402, ReleaseCause::NoCredit));
    assert!(record.trace.contains("no_credit"), "{}", record.trace);
    let LegOrder::Refuse(refusal) = world.last_to_caller(rings) else { panic!("not refused") };
    assert_eq!((refusal.kind, refusal.kind.status()), (RefusalKind::NoCredit, 402));
    assert!(world.orders.iter().any(|(id, leg, order)| *id == rings
        && *leg == FIRST
        && matches!(order, LegOrder::Release(ReleaseCause::NoCredit))));
    for call in talks {
        world.record(call);
    }
    world.assert_books_closed();
}

/// 1.16 point 4: among calls of one rate none gets two increments more than another while the money lasts.
#[test]
fn no_call_gets_two_increments_more_than_its_sibling() {
    for seed in 0..300_u64 {
        println!("seed {seed}");
        let mut chance = Entropy::from_seed(u128::from(seed).to_le_bytes());
        let calls = 2 + chance.below(8) as usize;
        let mut world = World::with_credit(calls as i64 * (64 + 8 * 12) + chance.below(200) as i64);
        let mut talking = Vec::new();
        for _ in 0..calls {
            talking.push(world.answered_call(DEAR));
            world.advance(Duration::from_millis(chance.below(5_000)));
        }
        if chance.below(2) == 0 {
            let gone = talking.swap_remove(chance.below(talking.len() as u64) as usize);
            world.leg(gone, LegId::CALLER, hung_up());
        }
        for _ in 0..40 {
            world.advance(Duration::from_millis(chance.below(3_000)));
            if talking.iter().all(|call| !ended(&world, *call)) {
                world.allocate(chance.below(20) as i64);
            }
        }
        world.seconds(600);
        let ends = talking.iter().map(|call| {
            let record = world.record(*call);
            assert_eq!(record.cause, ReleaseCause::CreditExhausted);
            record.answered_at.unwrap().as_unix_micros() + i64::from(record.billed_s) * 1_000_000
        });
        let (first, last) = (ends.clone().min().unwrap(), ends.max().unwrap());
        assert!(last - first < 12_000_000, "{} ms between the ends of siblings", (last - first) / 1_000);
        assert!(world.credit().0 < cents(12), "{:?} were left", world.credit());
        world.assert_books_closed();
    }
}

/// K4: a top-up that another node was told of, and what a call there gives back, prolongs the call here: it is asked for a second before its
/// end, once.
#[test]
fn credit_that_only_the_ledger_knows_of_prolongs_the_call_too() {
    let mut world = World::with_credit(64);
    let call = world.answered_call(DEAR);
    world.seconds(20);
    world.top_up(12);
    world.seconds(11);
    assert!(!ended(&world, call));
    world.seconds(20);
    assert_eq!((world.record(call).billed_s, world.credit().0), (36, Micros::ZERO));
    world.assert_books_closed();
}

/// The ledger is asked once for what comes after the final unit, under a number that it has not seen.
#[test]
fn credit_on_the_final_unit_costs_the_ledger_one_batch() {
    let mut world = World::with_credit(64);
    let call = world.answered_call(DEAR);
    world.mood = Mood::Silent;
    world.allocate(12);
    world.ledger_answers_one();
    assert!(world.waiting.is_empty());
    assert_eq!(world.credit(), (cents(12), cents(12)));
    world.ledger_recovers();
    world.seconds(31);
    assert!(!ended(&world, call));
}

/// What comes in the very last instant is asked for; where the ledger's word comes too late, nothing is lost by it.
#[test]
fn credit_in_the_last_instant_prolongs_the_call_or_is_kept() {
    for is_prompt in [true, false] {
        let mut world = World::with_credit(64);
        let call = world.answered_call(DEAR);
        world.advance(Duration::from_millis(29_999));
        world.mood = if is_prompt { Mood::Prompt } else { Mood::Silent };
        world.allocate(12);
        world.advance(Duration::from_millis(2));
        world.ledger_recovers();
        assert_eq!(ended(&world, call), !is_prompt);
        world.seconds(20);
        let (billed_s, left) = if is_prompt { (36, Micros::ZERO) } else { (30, cents(12)) };
        assert_eq!((world.record(call).billed_s, world.credit().0), (billed_s, left));
        world.assert_books_closed();
    }
}

/// 1.16 point 4: calls of different rates share what is left: all of it is spent that pays a block of any of them, and no more.
#[test]
fn calls_of_different_rates_spend_the_last_dollar_together_to_the_last_block() {
    for seed in 0..200_u64 {
        println!("seed {seed}");
        let mut chance = Entropy::from_seed(u128::from(seed).to_le_bytes());
        let mut world = World::with_credit(100 + chance.below(100) as i64);
        let total = world.credit().0;
        let mut calls = Vec::new();
        for dialled in [DEAR, CALLEE, CALLEE] {
            calls.push(world.dial(dialled));
            let call = *calls.last().unwrap();
            world.leg(call, FIRST, ringing());
            world.advance(Duration::from_millis(chance.below(7_000)));
            world.leg(call, FIRST, answered());
        }
        world.seconds(20_000);
        let records: Vec<_> = calls.iter().map(|call| world.record(*call).clone()).collect();
        assert!(records.iter().all(|record| record.cause == ReleaseCause::CreditExhausted));
        let spent: Micros = records.iter().map(|record| record.amount).sum();
        assert_eq!(spent + world.credit().0, total);
        assert!(
            world.credit().0 < cents(1),
            "{:?} were left, and a block of the cheap ones costs a cent at most",
            world.credit()
        );
        world.assert_books_closed();
    }
}
