//! Auto-recharge (K6, D-08): once per crossing, in time, not too often, and again when the company has money.

use crate::world::*;
use domain::call_control::LegOrder;
use domain::credit::Code;
use domain::fact::RechargeOutcome;
use domain::{Fact, Machine, Micros, ReleaseCause};
use std::time::Duration;
use switch::profile::RECHARGES_PER_HOUR_MAX;

fn cents(cents: i64) -> Micros {
    Micros::from_cents(cents)
}

fn recharges(world: &World) -> usize {
    let all = world.ledger.applied.iter().flat_map(|posting| &posting.batch.transfers);
    all.filter(|transfer| transfer.code == Code::AutoRecharge).count()
}

fn said(world: &World, wanted: RechargeOutcome) -> usize {
    let is = |fact: &&Fact| matches!(fact, Fact::AutoRecharged { outcome, .. } if *outcome == wanted);
    world.facts.iter().filter(is).count()
}

/// K6: 100 debits at once across the threshold.
#[test]
fn a_hundred_debits_at_once_across_the_threshold_recharge_once() {
    let wide = switch::directory::Profile {
        channels: 200,
        auto_recharge: Some(switch::directory::AutoRecharge { amount: cents(1_000), threshold: cents(500) }),
        ..profile(profile_id(), SIP_USER)
    };
    let mut world = World::of(town().profile(wide), 550, 100_000);
    world.mood = Mood::Silent;
    for _ in 0..100 {
        world.dial(CALLEE);
    }
    world.ledger_recovers();
    assert_eq!(recharges(&world), 1);
    assert_eq!(said(&world, RechargeOutcome::Ok), 1);
    assert_eq!(world.credit().0, cents(1_550));
    assert_eq!(world.company_credit(), cents(99_000));
}

/// K6, D-08: reached is enough.
#[test]
fn it_happens_when_the_threshold_is_reached_and_not_before() {
    let mut world = World::with_recharge(502, 1_000, 500, 10_000);
    world.dial(CALLEE);
    assert_eq!(recharges(&world), 0);
    world.dial(CALLEE);
    assert_eq!(recharges(&world), 1);
}

#[test]
fn it_is_repeated_while_still_at_the_threshold() {
    let mut world = World::with_recharge(2, 200, 500, 10_000);
    world.dial(CALLEE);
    assert_eq!(recharges(&world), 3);
    assert_eq!(world.credit(), (cents(602), cents(1)));
}

/// Design 5, point 5: the recharge in front of the hold that was refused.
#[test]
fn a_refused_hold_is_tried_once_more_with_the_recharge_in_front() {
    let mut world = World::with_recharge(0, 1_000, 500, 10_000);
    let call = world.dial(CALLEE);
    assert_eq!(world.invited(call), [1]);
    assert_eq!(recharges(&world), 1);
    assert_eq!((world.credit(), said(&world, RechargeOutcome::Ok)), ((cents(1_000), cents(1)), 1));
}

/// A threshold smaller than one increment still keeps calls up.
#[test]
fn a_call_is_not_cut_off_while_a_recharge_with_a_tiny_threshold_can_pay_it() {
    let mut world = World::with_recharge(70, 100, 0, 10_000);
    let call = world.answered_call(DEAR);
    world.seconds(299);
    assert!(world.records.is_empty(), "{:?}", world.records);
    world.leg(call, FIRST, hung_up());
    assert_eq!(world.record(call).amount, cents(604));
    world.assert_books_closed();
}

/// K6, D-08, K10.
#[test]
fn a_company_without_money_lets_the_call_end_and_says_so() {
    let mut world = World::with_recharge(5, 1_000, 0, 9);
    let call = world.answered_call(CALLEE);
    world.seconds(200);
    assert_eq!((world.record(call).cause, world.record(call).billed_s), (ReleaseCause::CreditExhausted, 150));
    assert_eq!(recharges(&world), 0);
    assert!(said(&world, RechargeOutcome::CompanyEmpty) >= 1);
    let refused = world.dial(CALLEE);
    assert!(matches!(world.last_to_caller(refused), LegOrder::Refuse(refusal) if refusal.kind.status() == 402));
    world.assert_books_closed();
}

/// K6: retried on the company's top-up, by itself.
#[test]
fn a_failed_recharge_is_made_up_for_when_the_company_is_topped_up() {
    let mut world = World::with_recharge(100, 1_000, 500, 9);
    let call = world.dial(CALLEE);
    assert_eq!((said(&world, RechargeOutcome::CompanyEmpty), recharges(&world)), (1, 0));
    world.leg(call, FIRST, refused(486));
    assert!(!world.profiles[&profile_id()].is_finished());
    world.top_up_company(5_000);
    assert_eq!(recharges(&world), 1);
    assert_eq!(world.credit().0, cents(1_100));
    world.top_up_company(5_000);
    assert_eq!(recharges(&world), 1);
}

/// K6: what a restart forgot, the ledger knows.
#[test]
fn a_top_up_recharges_a_profile_that_was_low_before_a_restart() {
    let mut world = World::with_recharge(100, 1_000, 500, 0);
    assert_eq!(recharges(&world), 0);
    world.top_up_company(5_000);
    assert_eq!((recharges(&world), world.credit().0), (1, cents(1_100)));
}

/// K6: an empty company is not asked again for every debit.
#[test]
fn an_empty_company_is_not_asked_again_at_every_tick() {
    let mut world = World::with_recharge(100, 1_000, 500, 9);
    world.answered_call(CALLEE);
    world.seconds(60);
    let failures = said(&world, RechargeOutcome::CompanyEmpty);
    assert!((2..=7).contains(&failures), "{failures} failures in a minute");
}

/// K6: at most k an hour.
#[test]
fn recharges_are_limited_to_so_many_an_hour() {
    let mut world = World::with_recharge(0, 13, 0, 1_000_000);
    world.top_up(64);
    let call = world.answered_call(DEAR);
    world.seconds(3_500);
    assert_eq!(world.record(call).cause, ReleaseCause::CreditExhausted);
    assert_eq!(recharges(&world), RECHARGES_PER_HOUR_MAX);
    // An hour after the last one, there is room again.
    world.seconds(600);
    world.top_up(60);
    let again = world.answered_call(DEAR);
    world.seconds(60);
    assert!(world.records.iter().all(|record| record.id != again));
    assert!(recharges(&world) > RECHARGES_PER_HOUR_MAX);
}

/// K8.
#[test]
fn without_auto_recharge_nothing_is_taken_from_the_company() {
    let mut world = World::of(town().profile(profile(profile_id(), SIP_USER)), 1, 10_000);
    let call = world.answered_call(CALLEE);
    world.seconds(100);
    assert_eq!(world.record(call).billed_s, 30);
    assert_eq!(world.company_credit(), cents(10_000));
}

#[test]
fn a_ledger_that_is_away_does_not_make_two_recharges_of_one() {
    let mut world = World::with_recharge(100, 1_000, 500, 10_000);
    let call = world.answered_call(CALLEE);
    // The first recharge is done; spend down to the threshold again while the ledger comes and goes.
    for _ in 0..200 {
        world.mood = Mood::Away;
        world.advance(Duration::from_millis(2_500));
        world.mood = Mood::Prompt;
        world.advance(Duration::from_millis(3_500));
    }
    world.leg(call, FIRST, hung_up());
    world.seconds(5);
    assert_eq!(recharges(&world), 1);
    world.assert_books_closed();
}

/// K6: an answer that is older than the recharge still says that little is available; the ledger knows better.
#[test]
fn an_answer_that_was_overtaken_by_the_recharge_does_not_recharge_again() {
    let mut world = World::with_recharge(501, 1_000, 500, 10_000);
    world.mood = Mood::Silent;
    world.dial(CALLEE);
    world.dial(CALLEE);
    let waiting: Vec<_> = world.waiting.drain(..).collect();
    let judged: Vec<_> =
        waiting.into_iter().map(|(_, posting)| (posting.batch.id, world.ledger.post(posting))).collect();
    world.mood = Mood::Prompt;
    for (batch, outcome) in judged {
        world.tell_profile(profile_id(), switch::profile::Event::LedgerAnswered { batch, outcome });
    }
    assert_eq!((recharges(&world), said(&world, RechargeOutcome::Ok)), (1, 1));
    assert_eq!(world.company_credit(), cents(9_000));
}
