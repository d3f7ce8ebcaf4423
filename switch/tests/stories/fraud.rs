//! Rules against fraud: the cap of a day, spending too fast, dear calls, new countries and new networks; what stops a profile, and what a
//! release does.

use crate::world::*;
use domain::call_control::{LegId, LegOrder};
use domain::fraud::{FraudAction, FraudRule, FraudRules, FraudTerms, HighCost, Newness, SpendLimit, Suspension};
use domain::refusal::RefusalKind;
use domain::{CallId, Fact, Micros, ReleaseCause};
use std::sync::Arc;
use switch::directory::Profile;
use switch::fraud::Memo;
use switch::profile;

const ISLAND: &str = "+442079460199";

pub(crate) fn cents(cents: i64) -> Micros {
    Micros::from_cents(cents)
}

pub(crate) fn limit(most: i64, action: FraudAction) -> Option<SpendLimit> {
    Some(SpendLimit { amount: cents(most), action })
}

pub(crate) fn guarded(fraud: FraudTerms) -> Profile {
    Profile { fraud, ..profile(profile_id(), SIP_USER) }
}

fn world(rules: FraudRules) -> World {
    World::of(town().profile(guarded(FraudTerms { rules, ..FraudTerms::default() })), 10_000, 0)
}

pub(crate) fn capped(most: i64, action: FraudAction) -> World {
    world(FraudRules { daily_cap: limit(most, action), ..FraudRules::default() })
}

pub(crate) fn refused_with(world: &World, call: CallId) -> RefusalKind {
    let LegOrder::Refuse(refusal) = world.last_to_caller(call) else { panic!("not refused") };
    refusal.kind
}

fn sentence(world: &World, call: CallId) -> String {
    let LegOrder::Refuse(refusal) = world.last_to_caller(call) else { panic!("not refused") };
    refusal.sentence.to_string()
}

fn told(world: &World) -> Vec<(FraudRule, FraudAction)> {
    let told = world.facts.iter().filter_map(|fact| match fact {
        Fact::FraudSeen { rule, action, .. } => Some((*rule, *action)),
        _ => None,
    });
    told.collect()
}

/// The directory as it is once somebody has released the profile.
fn release(world: &mut World) {
    let mut fraud = world.directory.profile(profile_id()).unwrap().fraud.clone();
    fraud.suspension = None;
    fraud.released_at = Some(world.now.wall);
    swap(world, fraud);
}

pub(crate) fn swap(world: &mut World, fraud: FraudTerms) {
    let (directory, faults) = town().profile(guarded(fraud)).build();
    assert!(faults.is_empty());
    world.directory = Arc::new(directory);
    world.tell_profile(profile_id(), profile::Event::DirectorySwapped(Arc::clone(&world.directory)));
}

pub(crate) fn standing(world: &mut World) -> switch::fraud::Standing {
    world.profiles.get_mut(&profile_id()).unwrap().standing(world.now).unwrap()
}

/// D-16, field lesson 21.
#[test]
fn a_call_that_would_pass_the_cap_of_the_day_is_refused_before_anything_is_held() {
    let mut world = capped(63, FraudAction::Refuse);
    let call = world.dial(DEAR);
    assert_eq!(refused_with(&world, call), RefusalKind::DailyCap);
    let said =
        "This profile may spend 0.63 USD a day, and less is left of it than the 0.64 that this call needs at once";
    assert_eq!(sentence(&world, call), said);
    assert_eq!(world.record(call).status, 402);
    assert_eq!(world.credit(), (cents(10_000), Micros::ZERO));
    let cheap = world.dial(CALLEE);
    assert_eq!(world.invited(cheap), [1]);
    assert_eq!(told(&world), [(FraudRule::DailyCap, FraudAction::Refuse)]);
}

/// What calls hold counts: of many at once so many are let in as the cap pays for.
#[test]
fn of_many_calls_at_once_so_many_are_let_in_as_the_cap_has_room_for() {
    let mut world = capped(5, FraudAction::Refuse);
    world.mood = Mood::Silent;
    let calls: Vec<CallId> = (0..9).map(|_| world.dial(CALLEE)).collect();
    world.ledger_recovers();
    let invited = calls.iter().filter(|call| !world.invited(**call).is_empty()).count();
    assert_eq!(invited, 5, "a first block costs a cent");
    assert_eq!(standing(&mut world).held, cents(5));
}

#[test]
fn a_call_that_comes_to_the_cap_ends_with_its_last_paid_second_whatever_credit_there_is() {
    let mut world = capped(90, FraudAction::Refuse);
    let call = world.answered_call(DEAR);
    world.seconds(41);
    assert_eq!(world.credit(), (cents(10_000 - 88), Micros::ZERO), "nothing is held beyond the cap");
    world.allocate(1_000);
    world.seconds(2);
    let record = world.record(call);
    assert_eq!((record.billed_s, record.amount), (42, cents(88)));
    assert_eq!(record.cause, ReleaseCause::CreditExhausted);
    assert!(record.trace.contains("as much as the profile may spend today"), "{}", record.trace);
    assert_eq!(standing(&mut world).spent, cents(88));
    world.assert_books_closed();
}

#[test]
fn a_cap_that_is_raised_prolongs_the_call_that_has_come_to_it() {
    let mut world = capped(90, FraudAction::Refuse);
    let call = world.answered_call(DEAR);
    world.seconds(40);
    let rules = FraudRules { daily_cap: limit(900, FraudAction::Refuse), ..FraudRules::default() };
    swap(&mut world, FraudTerms { rules, ..FraudTerms::default() });
    world.seconds(18);
    assert!(world.records.is_empty(), "it talks on");
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!(world.record(call).billed_s, 60);
    world.assert_books_closed();
}

#[test]
fn a_cap_that_only_tells_lets_calls_pass_and_tells_once_a_day() {
    let mut world = capped(1, FraudAction::Alert);
    for _ in 0..3 {
        let call = world.answered_call(DEAR);
        world.seconds(40);
        world.leg(call, LegId::CALLER, hung_up());
    }
    assert_eq!(told(&world), [(FraudRule::DailyCap, FraudAction::Alert)]);
}

#[test]
fn a_profile_that_spends_too_fast_is_stopped_and_its_calls_go_on_until_they_end() {
    let rules = FraudRules { spend_per_minute: limit(100, FraudAction::Suspend), ..FraudRules::default() };
    let mut world = world(rules);
    let call = world.answered_call(DEAR);
    world.seconds(20);
    let second = world.dial(DEAR);
    assert_eq!(refused_with(&world, second), RefusalKind::SpendPerMinute);
    assert!(
        matches!(&world.memos[..], [Memo::CameFrom(..) | Memo::Called(..), .., Memo::Suspended(_)]),
        "{:?}",
        world.memos
    );
    let third = world.dial(CALLEE);
    assert_eq!(refused_with(&world, third), RefusalKind::ProfileSuspended);
    world.seconds(30);
    assert_eq!(world.credit().0, cents(10_000 - 64 - 12 * 4), "the first talks on");
    world.seconds(61);
    let later = world.dial(CALLEE);
    assert_eq!(refused_with(&world, later), RefusalKind::ProfileSuspended, "until somebody releases it");
    release(&mut world);
    let released = world.dial(CALLEE);
    assert_eq!(world.invited(released), [1]);
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!(told(&world).iter().filter(|told| told.0 == FraudRule::Velocity).count(), 1);
}

#[test]
fn a_rule_that_refuses_lets_calls_pass_again_when_the_minute_is_over() {
    let rules = FraudRules { spend_per_minute: limit(70, FraudAction::Refuse), ..FraudRules::default() };
    let mut world = world(rules);
    let call = world.answered_call(DEAR);
    world.leg(call, LegId::CALLER, hung_up());
    let soon = world.dial(DEAR);
    assert_eq!(refused_with(&world, soon), RefusalKind::SpendPerMinute);
    world.seconds(61);
    let later = world.dial(DEAR);
    assert_eq!(world.invited(later), [1]);
}

#[test]
fn a_profile_that_the_store_says_is_stopped_places_no_calls_and_takes_those_that_come() {
    let because = "somebody is stealing".into();
    let at = domain::Wall::from_unix_seconds(1_700_000_000);
    let suspension = Some(Suspension { at, rule: FraudRule::IpChange, because });
    let terms = FraudTerms { suspension, ..FraudTerms::default() };
    let mut world = World::of(town().profile(guarded(terms)), 10_000, 0);
    for dialled in [CALLEE, "*43"] {
        let call = world.dial(dialled);
        assert_eq!(refused_with(&world, call), RefusalKind::ProfileSuspended);
        assert_eq!(sentence(&world, call), "This profile was stopped: somebody is stealing");
    }
    let emergency = world.dial("911");
    let refusal = world.record(emergency).refusal.as_deref();
    assert_eq!(refusal, Some("emergency_not_carried"), "O3: emergency numbers are looked at before anything else");
}

#[test]
fn a_dear_destination_is_refused_and_a_call_that_becomes_dear_is_told_of_and_goes_on() {
    let high_cost = Some(HighCost { rate: Some(cents(100)), call: None, action: FraudAction::Refuse });
    let mut by_rate = world(FraudRules { high_cost, ..FraudRules::default() });
    let call = by_rate.dial(DEAR);
    assert_eq!(refused_with(&by_rate, call), RefusalKind::HighCost);
    assert_eq!(sentence(&by_rate, call), "Estonia costs 1.20 USD a minute and is dear beyond 1.00");

    let high_cost = Some(HighCost { rate: None, call: Some(cents(80)), action: FraudAction::Suspend });
    let mut by_cost = world(FraudRules { high_cost, ..FraudRules::default() });
    let call = by_cost.answered_call(DEAR);
    by_cost.seconds(60);
    assert!(by_cost.records.is_empty(), "it goes on");
    assert_eq!(told(&by_cost), [(FraudRule::HighCost, FraudAction::Suspend)]);
    by_cost.leg(call, LegId::CALLER, hung_up());
    let next = by_cost.dial(CALLEE);
    assert_eq!(refused_with(&by_cost, next), RefusalKind::ProfileSuspended);
}

#[test]
fn a_country_that_was_never_called_waits_for_a_release_and_the_own_country_does_not() {
    let new_destination = Some(Newness { days: 90, action: FraudAction::Refuse });
    let mut world = world(FraudRules { new_destination, ..FraudRules::default() });
    let home = world.dial("+12025550123");
    assert_eq!(world.invited(home), [1], "the company is in the United States");
    let abroad = world.dial(CALLEE);
    assert_eq!(refused_with(&world, abroad), RefusalKind::NewDestination);
    assert_eq!(sentence(&world, abroad), "This profile has not called +44 for 90 days; release it to permit that");
    assert_eq!(standing(&mut world).waiting_destinations.len(), 1);
    world.seconds(1);
    release(&mut world);
    let permitted = world.dial(ISLAND);
    assert_eq!(world.invited(permitted), [1]);
    let another = world.dial(DEAR);
    assert_eq!(refused_with(&world, another), RefusalKind::NewDestination, "Estonia was not asked for before");
    assert_eq!(told(&world).len(), 2, "once for each country");
}

#[test]
fn a_call_from_another_network_than_the_usual_stops_the_profile() {
    let ip_change = Some(Newness { days: 30, action: FraudAction::Suspend });
    let mut world = world(FraudRules { ip_change, ..FraudRules::default() });
    let usual = world.dial(CALLEE);
    assert_eq!(world.invited(usual), [1]);
    let mut elsewhere = invitation(CALLEE);
    elsewhere.source = "203.0.113.9:5060".parse().unwrap();
    let stolen = world.invite(elsewhere.clone());
    assert_eq!(refused_with(&world, stolen), RefusalKind::IpChange);
    let own = world.dial(CALLEE);
    assert_eq!(refused_with(&world, own), RefusalKind::ProfileSuspended);
    world.seconds(1);
    release(&mut world);
    let moved = world.invite(elsewhere);
    assert_eq!(world.invited(moved), [1], "whoever releases has looked");
}

#[test]
fn a_registration_from_another_network_is_told_of_before_it_calls() {
    let ip_change = Some(Newness { days: 30, action: FraudAction::Alert });
    let mut world = world(FraudRules { ip_change, ..FraudRules::default() });
    let register = |world: &mut World, from: &str| {
        world.tell_profile(profile_id(), profile::Event::RegisteredFrom(from.parse().unwrap()));
    };
    register(&mut world, "192.0.2.7");
    register(&mut world, "192.0.2.200");
    assert_eq!(told(&world), [], "the same network");
    register(&mut world, "198.51.100.4");
    register(&mut world, "198.51.100.4");
    assert_eq!(told(&world), [(FraudRule::IpChange, FraudAction::Alert)]);
}

#[test]
fn while_a_breaker_is_open_no_new_paid_call_is_placed_and_those_that_are_up_go_on() {
    let mut world = World::with_credit(10_000);
    let up = world.answered_call(CALLEE);
    world.breaker = Some(RefusalKind::SpendBreaker.into());
    let paid = world.dial(CALLEE);
    assert_eq!(refused_with(&world, paid), RefusalKind::SpendBreaker);
    assert_eq!(world.record(paid).status, 503);
    let free = world.dial("+33140000000");
    assert_eq!(world.invited(free), [1], "it costs nobody anything");
    world.seconds(58);
    assert!(world.records.iter().all(|record| record.id != up), "it never cuts");
    world.leg(up, LegId::CALLER, hung_up());
    assert_eq!(world.record(up).billed_s, 60);
}
