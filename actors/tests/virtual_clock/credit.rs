//! Credit that runs out, and answers that nobody acknowledges.

use domain::{Micros, ReleaseCause};
use std::time::Duration;
use testkit::world::{Beginning, FIRST, World, ms_between};

/// R8, must-show 4.
#[test]
fn five_cents_at_two_cents_a_minute_are_150_seconds_of_talk() {
    let mut world = World::new(Beginning { credit: 50_000, rate: "0.02", ..Beginning::default() });
    world.carrier_answers(FIRST, &[(0, 100), (1_000, 180), (4_000, 200)]);
    world.dial();
    world.run_s(200);
    let caller = world.agents[0].talk().clone();
    let called = world.agents[FIRST].talk().clone();
    let answered = caller.answered_at.expect("the call was answered");
    for (side, heard) in [("the caller", caller.bye_heard_at), ("the called side", called.bye_heard_at)] {
        let after = ms_between(answered, heard.expect("a BYE came"));
        assert!((149_800..=150_200).contains(&after), "{side} hears BYE {after} ms after the answer");
    }
    assert!(caller.bye_reason.contains("credit_exhausted"), "{}", caller.bye_reason);
    assert_eq!(world.credit(), Micros::ZERO);
    let record = world.record();
    assert_eq!(record.cause, ReleaseCause::CreditExhausted);
    assert_eq!((record.billed_s, record.amount), (150, Micros::from_cents(5)));
    world.run_s(300);
    world.assert_all_is_over();
}

/// R10: the bill is what was captured.
#[test]
fn without_an_ack_both_legs_end_after_64_t1_and_charging_stops() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (2_000, 200)]);
    world.pbx().manner.acknowledges = false;
    world.dial();
    world.run_s(120);
    let caller = world.agents[0].talk().clone();
    let called = world.agents[FIRST].talk().clone();
    let answered = caller.answered_at.expect("a 200 came");
    for heard in [caller.bye_heard_at, called.bye_heard_at] {
        let after = ms_between(answered, heard.expect("both legs end with BYE"));
        assert!((31_900..=32_100).contains(&after), "BYE {after} ms after the answer");
    }
    let record = world.record();
    assert_eq!(record.cause, ReleaseCause::SessionExpired);
    assert_eq!(record.billed_s, 36, "30 s, and the increment that had begun at 30 s (R1)");
    assert_eq!(record.amount, Micros::new(20_000), "0.012 rounded up to the cent");
    let paid = world.credit();
    world.run_s(300);
    assert_eq!(world.credit(), paid, "charging has stopped");
    world.assert_all_is_over();
}

/// R8: a call that can pay nothing but its first block ends after it.
#[test]
fn a_call_that_can_pay_one_block_ends_after_30_seconds() {
    let mut world = World::new(Beginning { credit: 10_000, ..Beginning::default() });
    world.carrier_answers(FIRST, &[(0, 180), (2_000, 200)]);
    world.dial();
    world.run_for(Duration::from_secs(60));
    let caller = world.agents[0].talk().clone();
    let after = ms_between(caller.answered_at.unwrap(), caller.bye_heard_at.expect("a BYE came"));
    assert!((29_800..=30_200).contains(&after), "BYE {after} ms after the answer");
    assert_eq!(world.record().cause, ReleaseCause::CreditExhausted);
    world.run_s(300);
    world.assert_all_is_over();
}

/// R8 on a machine whose timers are 150 ms late: no second more is spoken, and nothing else is charged.
#[test]
fn late_timers_neither_stretch_the_credit_nor_shift_the_charges() {
    let mut world = World::new(Beginning { credit: 50_000, ..Beginning::default() });
    world.lateness = Duration::from_millis(150);
    world.carrier_answers(FIRST, &[(0, 100), (1_000, 180), (4_000, 200)]);
    world.dial();
    world.run_s(200);
    let caller = world.agents[0].talk().clone();
    let after = ms_between(caller.answered_at.unwrap(), caller.bye_heard_at.expect("a BYE came"));
    assert!((149_800..=150_200).contains(&after), "BYE {after} ms after the answer");
    let record = world.record();
    assert_eq!((record.cause, record.billed_s), (ReleaseCause::CreditExhausted, 150));
    assert_eq!((record.amount, world.credit()), (Micros::from_cents(5), Micros::ZERO));
    world.run_s(300);
    world.assert_all_is_over();
}

/// Timers run on monotonic time, whatever the clock on the wall is set to.
#[test]
fn a_clock_that_is_set_during_a_call_changes_neither_its_length_nor_its_bill() {
    for shift_s in [7_200, -7_200, 40, -40] {
        let mut world = World::new(Beginning { credit: 50_000, ..Beginning::default() });
        world.carrier_answers(FIRST, &[(0, 100), (1_000, 180), (4_000, 200)]);
        world.dial();
        world.run_s(65);
        let set = domain::Wall::from_unix_seconds(world.now.wall.as_unix_seconds() + shift_s);
        world.set_wall(set);
        world.run_s(135);
        let caller = world.agents[0].talk().clone();
        let after = ms_between(caller.answered_at.unwrap(), caller.bye_heard_at.expect("a BYE came"));
        assert!((149_800..=150_200).contains(&after), "BYE {after} ms after the answer, the clock set by {shift_s} s");
        let record = world.record();
        assert_eq!((record.cause, record.billed_s), (ReleaseCause::CreditExhausted, 150), "set by {shift_s} s");
        assert_eq!((record.amount, record.talked_ms), (Micros::from_cents(5), 150_000), "set by {shift_s} s");
        world.run_s(300);
        world.assert_all_is_over();
    }
}
