//! What the PBX that pays is told while it pays (3GPP TS 24.647, field lesson 46), and what events are told of money (K3).

use crate::world::*;
use domain::advice::{Advice, AdviceOfCharge, Quote};
use domain::call_control::{LegId, LegOrder};
use domain::{CallId, Currency, Fact, Micros};
use std::time::Duration;

fn cents(cents: i64) -> Micros {
    Micros::from_cents(cents)
}

fn world(advice: AdviceOfCharge, credit: i64) -> World {
    let told = switch::directory::Profile { advice, ..profile(profile_id(), SIP_USER) };
    World::of(town().profile(told), credit, 0)
}

/// What the caller was told since the last time: sums, and whether they were final.
fn told(world: &mut World, call: CallId) -> Vec<(Micros, bool)> {
    let orders = world.ordered(call).into_iter();
    orders
        .filter_map(|(leg, order)| match order {
            LegOrder::Advise(Advice { total, currency, is_final }) => {
                assert_eq!((leg, currency), (LegId::CALLER, Currency::USD));
                Some((total, is_final))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_pbx_that_wants_it_is_told_each_sum_as_it_is_charged_and_the_bill_at_the_end() {
    let mut world = world(AdviceOfCharge::During, 100);
    let call = world.answered_call(CALLEE);
    assert_eq!(told(&mut world, call), [(cents(1), false)], "the first 30 s are owed at once");
    world.seconds(61);
    let sums: Vec<Micros> = told(&mut world, call).into_iter().map(|(sum, _)| sum).collect();
    assert_eq!(sums, [2, 2, 2, 2, 2, 3].map(cents), "30, 36, 42, 48, 54 and 60 s");
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!(told(&mut world, call), [(cents(3), true)]);
    assert_eq!(world.record(call).amount, cents(3));
}

#[test]
fn who_wants_the_end_only_hears_once_and_who_wants_nothing_hears_nothing() {
    for (advice, expected) in [(AdviceOfCharge::End, vec![(cents(2), true)]), (AdviceOfCharge::Off, vec![])] {
        let mut world = world(advice, 100);
        let call = world.answered_call(CALLEE);
        world.seconds(40);
        world.leg(call, FIRST, hung_up());
        assert_eq!(told(&mut world, call), expected, "{advice}");
    }
}

/// R8: the final unit, and the end with the last paid second.
#[test]
fn the_last_word_is_the_bill_also_where_the_credit_ends() {
    let mut world = world(AdviceOfCharge::During, 5);
    let call = world.answered_call(CALLEE);
    world.advance(Duration::from_secs(150));
    let heard = told(&mut world, call);
    assert_eq!(heard.last(), Some(&(cents(5), true)));
    assert_eq!(world.record(call).amount, cents(5));
    assert!(heard.windows(2).all(|pair| pair[0].0 <= pair[1].0), "sums never fall: {heard:?}");
}

/// R8, decision 106: that nothing comes after it is known an instant before it is paid.
#[test]
fn the_sum_of_the_final_unit_is_told_when_it_is_paid_and_not_before() {
    let mut world = world(AdviceOfCharge::During, 1);
    world.mood = Mood::Silent;
    let call = world.dial(CALLEE);
    let answer_one = |world: &mut World| {
        let (profile, posting) = world.waiting.pop_front().expect("a batch is asked for");
        world.post(profile, posting);
    };
    answer_one(&mut world);
    world.leg(call, FIRST, answered());
    assert_eq!(told(&mut world, call), [], "nothing is answered");
    answer_one(&mut world);
    assert_eq!(told(&mut world, call), [], "the next increment is refused, the first is not paid yet");
    answer_one(&mut world);
    assert_eq!(told(&mut world, call), [(cents(1), false)]);
    world.ledger_recovers();
    world.seconds(31);
    assert_eq!(told(&mut world, call), [(cents(1), true)]);
    assert_eq!(world.record(call).amount, cents(1));
}

/// A hang-up in the same instant as a boundary, before its timer: what begins then is not owed; a moment later it is.
#[test]
fn the_last_word_counts_what_has_begun_though_no_charge_was_asked_for_it() {
    for (after, bill) in [(Duration::from_secs(30), 1), (Duration::from_micros(30_000_001), 2)] {
        let mut world = world(AdviceOfCharge::End, 100);
        let call = world.answered_call(CALLEE);
        world.advance(Duration::from_millis(29_999));
        world.stall(after - Duration::from_millis(29_999));
        world.leg(call, LegId::CALLER, hung_up());
        assert_eq!(told(&mut world, call), [(cents(bill), true)], "{after:?}");
        assert_eq!(world.record(call).amount, cents(bill));
    }
}

#[test]
fn a_tick_says_what_the_call_has_cost_for_how_long_and_what_is_left() {
    let mut world = world(AdviceOfCharge::Off, 1_000);
    let call = world.answered_call(CALLEE);
    world.seconds(31);
    let ticks: Vec<_> = world
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::ChargeTicked { call: of, total, until_s, available, amount, .. } if *of == call => {
                Some((*amount, *total, *until_s, *available))
            }
            _ => None,
        })
        .collect();
    // What comes next is held: it is no longer available.
    assert_eq!(
        ticks,
        [(cents(1), cents(1), 30, Some(cents(998))), (cents(1), cents(2), 36, Some(cents(998)))],
        "36 s cost what 42 s cost"
    );
}

/// K3, K7: once per crossing.
#[test]
fn low_credit_is_told_once_and_again_after_it_was_above() {
    let low = |world: &World| world.facts.iter().filter(|fact| matches!(fact, Fact::CreditLow { .. })).count();
    let mut world = world(AdviceOfCharge::Off, 501);
    let call = world.answered_call(CALLEE);
    assert_eq!(low(&world), 1, "one cent is captured and one held: 499 are left");
    world.seconds(100);
    assert_eq!(low(&world), 1);
    world.top_up(1_000);
    world.seconds(100);
    assert_eq!(low(&world), 1, "there is enough");
    world.leg(call, LegId::CALLER, hung_up());
    let mut recharged = World::with_recharge(400, 100, 300, 10_000);
    recharged.answered_call(CALLEE);
    assert_eq!(low(&recharged), 0, "who is recharged by itself is told of that instead");
}

/// R1, R4: the terms that the deck has, once, before the first sum; nobody else hears them.
#[test]
fn who_wants_it_is_told_with_the_answer_by_which_terms_the_call_is_charged() {
    let quotes = |world: &mut World, call: CallId| {
        let told = world.ordered(call).into_iter().filter_map(|(leg, order)| match order {
            LegOrder::Quote(quote) => Some((leg, quote)),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let mut world = world(AdviceOfCharge::Throughout, 100);
    let call = world.answered_call(CALLEE);
    let told = quotes(&mut world, call);
    let [(LegId::CALLER, Quote::Rates(rates))] = told[..] else { panic!("{told:?}") };
    assert_eq!((rates.per_minute, rates.connection_fee, rates.currency), (cents(2), cents(0), Currency::USD));
    assert_eq!((rates.minimum_s, rates.increment_s, rates.scale), (30, 6, 2));
    world.seconds(61);
    assert!(quotes(&mut world, call).is_empty(), "a call keeps its terms");
    for advice in [AdviceOfCharge::Off, AdviceOfCharge::End, AdviceOfCharge::During] {
        let mut world = self::world(advice, 100);
        let call = world.answered_call(CALLEE);
        assert!(quotes(&mut world, call).is_empty(), "{advice}");
    }
}
