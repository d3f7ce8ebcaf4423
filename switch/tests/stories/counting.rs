//! What counts against the cap of a day: each increment, on the day in which it begins, in the ledger, whoever places the calls.

use crate::fraud::{capped, cents, guarded, limit, refused_with, standing, swap};
use crate::world::*;
use domain::call_control::LegId;
use domain::credit::{Account, Holder, Unit};
use domain::fraud::{FraudAction, FraudRules, FraudTerms};
use domain::refusal::RefusalKind;
use domain::{CallId, Micros, ReleaseCause, Zone};
use std::sync::Arc;
use std::time::Duration;
use switch::directory::Company;
use switch::fraud::Memory;

/// The worlds begin so long before it: 2027-01-15T08:00Z is ten in the evening in Kiritimati.
const UNTIL_MIDNIGHT: Duration = Duration::from_hours(2);

/// A world with a cap in a zone that is near its midnight, so long before it.
fn before_midnight(most: i64, before: Duration) -> World {
    let rules = FraudRules { daily_cap: limit(most, FraudAction::Refuse), ..FraudRules::default() };
    let town = town().company(Company { zone: Zone::new(vec![(0, 14 * 3_600)]), ..company() });
    let mut world = World::of(town.profile(guarded(FraudTerms { rules, ..FraudTerms::default() })), 10_000, 0);
    world.stall(UNTIL_MIDNIGHT - before);
    world
}

fn counted_on(world: &World, day: u16) -> Micros {
    let holder = Holder::Profile(profile_id());
    Micros::new(world.ledger.balance(Account { company: company_id(), holder, unit: Unit::Day(day) }).posted)
}

/// What counts today in UTC, and what was charged in all.
fn counted(world: &World) -> Micros {
    counted_on(world, Zone::utc().day_number(world.now.wall))
}

fn last_day(world: &World) -> u16 {
    Zone::new(vec![(0, 14 * 3_600)]).day_number(world.now.wall)
}

#[test]
fn what_is_held_counts_and_what_is_given_back_does_not() {
    let mut world = capped(900, FraudAction::Refuse);
    let unanswered = world.dial(DEAR);
    assert_eq!(counted(&world), cents(64), "the first block");
    world.leg(unanswered, LegId::CALLER, hung_up());
    assert_eq!(counted(&world), Micros::ZERO);
    let call = world.answered_call(DEAR);
    world.seconds(33);
    let (posted, held) = world.credit();
    assert_eq!(counted(&world), cents(10_000) - posted + held);
    assert_eq!(standing(&mut world).spent, cents(10_000) - posted);
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!(counted(&world), world.record(call).amount);
    world.assert_books_closed();
}

#[test]
fn a_profile_without_a_cap_asks_nothing_more_of_the_ledger() {
    let mut world = World::with_credit(1_000);
    world.answered_call(DEAR);
    world.seconds(100);
    assert_eq!(counted(&world), Micros::ZERO);
}

#[test]
fn the_next_day_of_the_company_begins_with_an_empty_cap() {
    let mut world = before_midnight(90, UNTIL_MIDNIGHT);
    let call = world.answered_call(DEAR);
    world.seconds(60);
    assert_eq!(world.record(call).amount, cents(88));
    let same_day = world.dial(DEAR);
    assert_eq!(refused_with(&world, same_day), RefusalKind::DailyCap);
    world.stall(UNTIL_MIDNIGHT - Duration::from_secs(60));
    let next_day = world.dial(DEAR);
    assert_eq!(world.invited(next_day), [1]);
}

/// Each increment is charged to the day in which it begins, and a call that would end with today's cap goes on with tomorrow's, without a gap.
#[test]
fn a_call_over_midnight_is_charged_to_both_days_and_goes_on() {
    let mut world = before_midnight(70, Duration::from_secs(20));
    let (day, call) = (last_day(&world), world.answered_call(DEAR));
    assert_eq!((counted_on(&world, day), counted_on(&world, day + 1)), (cents(64), cents(12)), "held for the next day");
    world.seconds(32);
    assert!(world.records.is_empty() && world.warned.is_empty(), "it talks on and nobody was warned");
    world.leg(call, LegId::CALLER, hung_up());
    let record = world.record(call);
    assert_eq!((record.billed_s, record.amount), (36, cents(76)));
    assert_eq!((counted_on(&world, day), counted_on(&world, day + 1)), (cents(64), cents(12)));
    let again = world.dial(DEAR);
    assert_eq!(refused_with(&world, again), RefusalKind::DailyCap, "64 more do not fit beside 12");
}

/// The first block begins with the answer.
#[test]
fn a_call_that_is_answered_after_midnight_is_charged_to_the_new_day() {
    let mut world = before_midnight(90, Duration::from_secs(5));
    let (day, call) = (last_day(&world), world.dial(DEAR));
    assert_eq!(counted_on(&world, day), cents(64));
    world.leg(call, FIRST, ringing());
    world.seconds(6);
    world.leg(call, FIRST, answered());
    assert_eq!((counted_on(&world, day), counted_on(&world, day + 1)), (Micros::ZERO, cents(76)));
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!(counted_on(&world, day + 1), cents(64));
    world.assert_books_closed();
}

#[test]
fn what_was_spent_before_a_restart_still_counts() {
    let mut world = capped(90, FraudAction::Refuse);
    let call = world.answered_call(DEAR);
    world.leg(call, LegId::CALLER, hung_up());
    let today = Zone::utc().day_number(world.now.wall);
    let memory = Memory { counted: Some((today, counted_on(&world, today))), ..Memory::default() };
    let machine = switch::Profile::new(profile_id(), Arc::clone(&world.directory)).remembering(&memory, world.now);
    world.profiles.insert(profile_id(), machine);
    assert_eq!(standing(&mut world).spent, cents(64));
    let call = world.dial(DEAR);
    assert_eq!(refused_with(&world, call), RefusalKind::DailyCap);
}

/// What another node counts is not known here before the ledger refuses.
#[test]
fn what_other_nodes_spend_counts_too() {
    let mut world = capped(139, FraudAction::Refuse);
    let here = world.answered_call(DEAR);
    let mine = world.profiles.insert(profile_id(), switch::Profile::new(profile_id(), Arc::clone(&world.directory)));
    let there = world.dial(DEAR);
    assert_eq!(refused_with(&world, there), RefusalKind::DailyCap, "64 and 12 are taken, 64 would be 140");
    world.profiles.insert(profile_id(), mine.unwrap());
    world.leg(here, LegId::CALLER, hung_up());
    world.assert_books_closed();
}

/// A cap that comes while a call is up counts what begins from then on.
#[test]
fn a_cap_that_is_set_while_a_call_is_up_counts_what_begins_from_then_on() {
    let mut world = World::of(town().profile(guarded(FraudTerms::default())), 10_000, 0);
    let call = world.answered_call(DEAR);
    let rules = FraudRules { daily_cap: limit(24, FraudAction::Refuse), ..FraudRules::default() };
    swap(&mut world, FraudTerms { rules, ..FraudTerms::default() });
    world.seconds(31);
    assert_eq!(counted(&world), cents(24), "what was held before, and the next");
    world.seconds(20);
    assert_eq!((world.record(call).billed_s, world.record(call).cause), (42, ReleaseCause::CreditExhausted));
    assert_eq!(counted(&world), cents(24));
    world.assert_books_closed();
}

/// A cap that is taken away prolongs a call that has come to it.
#[test]
fn a_cap_that_is_taken_away_lets_the_call_go_on() {
    let mut world = capped(90, FraudAction::Refuse);
    let call: CallId = world.answered_call(DEAR);
    world.seconds(40);
    swap(&mut world, FraudTerms::default());
    world.seconds(18);
    assert!(world.records.is_empty(), "it talks on");
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!(world.record(call).billed_s, 60);
    world.assert_books_closed();
}
