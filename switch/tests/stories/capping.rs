//! What one call of a profile may cost at most (field lesson 21).

use crate::world::*;
use domain::call_control::{LegId, LegOrder};
use domain::refusal::RefusalKind;
use domain::{Caps, Micros, ReleaseCause};
use switch::directory::Profile;

fn cents(cents: i64) -> Micros {
    Micros::from_cents(cents)
}

fn world(caps: Caps) -> World {
    World::of(town().profile(Profile { caps, ..profile(profile_id(), SIP_USER) }), 10_000, 0)
}

fn refused(world: &World, call: domain::CallId) -> (RefusalKind, String) {
    let LegOrder::Refuse(refusal) = world.last_to_caller(call) else { panic!("not refused") };
    (refusal.kind, refusal.sentence.to_string())
}

#[test]
fn a_destination_that_is_dearer_a_minute_than_permitted_is_refused_before_anything_is_held() {
    let mut world = world(Caps { max_rate: Some(cents(119)), ..Caps::default() });
    let dear = world.dial(DEAR);
    let sentence = "Estonia costs 1.20 USD a minute; this profile permits 1.19 at most".to_owned();
    assert_eq!(refused(&world, dear), (RefusalKind::MaxRate, sentence));
    assert_eq!(world.record(dear).status, 402);
    assert!(world.invited(dear).is_empty());
    let cheap = world.dial(CALLEE);
    assert_eq!(world.invited(cheap), [1]);
}

#[test]
fn a_destination_that_costs_just_as_much_as_permitted_is_called() {
    let mut world = world(Caps { max_rate: Some(cents(120)), ..Caps::default() });
    let call = world.dial(DEAR);
    assert_eq!(world.invited(call), [1]);
}

#[test]
fn a_call_whose_first_block_costs_more_than_a_call_may_is_refused() {
    let mut world = world(Caps { max_call_cost: Some(cents(63)), ..Caps::default() });
    let call = world.dial(DEAR);
    let sentence = "The first 30 s of this call cost 0.64 USD; this profile permits calls of 0.63 at most".to_owned();
    assert_eq!(refused(&world, call), (RefusalKind::MaxCallCost, sentence));
}

/// R8: as with credit, what is paid is spoken, and nothing more is held.
#[test]
fn a_call_that_has_cost_as_much_as_a_call_may_ends_with_its_last_paid_second() {
    let mut world = world(Caps { max_call_cost: Some(cents(90)), ..Caps::default() });
    let call = world.answered_call(DEAR);
    world.seconds(41);
    // 64 cents for 30 s, 12 for each 6 s after them: 88 cents are 42 s.
    assert_eq!(world.credit(), (cents(10_000 - 88), Micros::ZERO), "nothing is held beyond the bound");
    world.allocate(1_000);
    world.seconds(1);
    let record = world.record(call);
    assert_eq!((record.billed_s, record.amount, record.talked_ms), (42, cents(88), 42_000));
    assert_eq!(record.cause, ReleaseCause::CreditExhausted);
    assert!(record.trace.contains("as much as a call of this profile may cost"), "{}", record.trace);
    world.assert_books_closed();
}

#[test]
fn a_call_that_ends_by_itself_before_its_bound_gives_back_what_it_did_not_speak() {
    let mut world = world(Caps { max_call_cost: Some(cents(90)), ..Caps::default() });
    let call = world.answered_call(DEAR);
    world.seconds(35);
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!(world.record(call).amount, cents(76));
    world.assert_books_closed();
}

#[test]
fn the_caller_is_warned_before_the_bound_of_his_call() {
    let mut world = world(Caps { max_call_cost: Some(cents(4)), ..Caps::default() });
    let call = world.answered_call(CALLEE);
    let answered = world.now.monotonic;
    world.seconds(200);
    assert_eq!(world.record(call).billed_s, 120);
    // The simulated answer names no codec: the trace has the warnings, and no tone is ordered.
    let trace = &world.record(call).trace;
    assert!(trace.contains("|60 s") && trace.contains("|10 s"), "{trace}");
    assert!(world.warned.iter().all(|(_, at)| *at > answered));
}
