//! The life of a call's money when the ledger is slow, away or has reaped (design 5, points 3, 7, 8).

use crate::world::*;
use domain::call_control::{LegId, LegOrder};
use domain::credit::HoldId;
use domain::refusal::RefusalKind;
use domain::{Machine, Micros, ReleaseCause};
use std::time::Duration;
use switch::profile::Papers;

fn cents(cents: i64) -> Micros {
    Micros::from_cents(cents)
}

/// Design 5, point 8: what is granted is spoken, then the call ends; nothing is guessed and nothing is lost.
#[test]
fn when_the_ledger_does_not_answer_a_charge_the_granted_time_is_spoken_and_then_the_call_ends() {
    for mood in [Mood::Silent, Mood::Away] {
        let mut world = World::with_credit(100);
        let call = world.answered_call(CALLEE);
        world.advance(Duration::from_secs(29));
        world.mood = mood;
        world.ordered(call);
        world.advance(Duration::from_micros(6_999_999));
        assert!(world.ordered(call).is_empty());
        world.advance(Duration::from_micros(1));
        assert_eq!(world.ordered(call)[0], (LegId::CALLER, LegOrder::Release(ReleaseCause::Overload)));
        assert!(!world.calls[&call].is_finished());
        world.ledger_recovers();
        world.seconds(2);
        let record = world.record(call);
        assert_eq!((record.billed_s, record.amount, record.talked_ms), (36, cents(2), 36_000), "{mood:?}");
        assert!(world.calls[&call].is_finished());
        world.assert_books_closed();
    }
}

#[test]
fn a_ledger_that_is_slow_for_less_than_an_increment_delays_nothing() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.seconds(29);
    world.mood = Mood::Silent;
    world.seconds(6);
    world.ledger_recovers();
    world.seconds(20);
    world.leg(call, FIRST, hung_up());
    assert_eq!((world.record(call).cause, world.record(call).billed_s), (ReleaseCause::Normal, 60));
    world.assert_books_closed();
}

/// Design 5, point 8: a new call gets 503 with Retry-After, and what the ledger held after all is given back.
#[test]
fn when_the_ledger_does_not_answer_a_reservation_the_call_is_refused_and_nothing_stays_held() {
    let mut world = World::with_credit(100);
    world.mood = Mood::Silent;
    let slow = world.dial(CALLEE);
    world.seconds(3);
    let LegOrder::Refuse(refusal) = world.last_to_caller(slow) else { panic!("not refused") };
    assert_eq!((refusal.kind, refusal.retry_after_s), (RefusalKind::LedgerUnavailable, Some(5)));
    world.ledger_recovers();
    assert!(world.invited(slow).is_empty());
    world.assert_books_closed();
    world.mood = Mood::Away;
    let away = world.dial(CALLEE);
    let LegOrder::Refuse(refusal) = world.last_to_caller(away) else { panic!("not refused") };
    assert_eq!(refusal.kind, RefusalKind::LedgerUnavailable);
    world.mood = Mood::Prompt;
    world.seconds(1);
    world.assert_books_closed();
}

/// Design 5, point 3: leases are extended at least every 20 s, while it rings and on free calls too.
#[test]
fn no_hold_of_a_living_call_ever_reaches_its_lease() {
    let mut world = World::with_credit(10_000);
    let ringing_call = world.dial(CALLEE);
    world.leg(ringing_call, FIRST, ringing());
    world.dial("*43");
    world.answered_call(CALLEE);
    for _ in 0..170 {
        world.seconds(1);
        for (id, hold) in world.ledger.holds() {
            assert!(hold.until.since(world.now.wall) >= Duration::from_secs(40), "{id:?} runs out");
        }
    }
}

/// Design 5, point 7: a node takes a lapsed hold of its living call again.
#[test]
fn a_living_call_whose_holds_were_reaped_takes_them_again_and_pays_what_it_speaks() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    let hold = |number| HoldId { subject: call.bits(), number };
    world.seconds(10);
    world.ledger.reap(hold(0));
    world.ledger.reap(hold(36));
    assert_eq!((world.channels_taken(), world.credit().1), (0, Micros::ZERO));
    world.seconds(25);
    assert_eq!(world.channels_taken(), 1);
    world.leg(call, FIRST, hung_up());
    assert_eq!((world.record(call).billed_s, world.record(call).amount), (36, cents(2)));
    world.assert_books_closed();
}

#[test]
fn holds_that_were_reaped_at_the_very_end_do_not_lose_the_record() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.seconds(10);
    world.ledger.reap(HoldId { subject: call.bits(), number: 0 });
    world.ledger.reap(HoldId { subject: call.bits(), number: 36 });
    world.leg(call, FIRST, hung_up());
    assert_eq!(world.record(call).amount, cents(1));
    world.assert_books_closed();
}

/// Design 5, point 7: what a crash is billed by.
#[test]
fn the_record_travels_with_the_reservation_and_again_with_the_answer() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    assert_eq!(world.opened.len(), 1);
    assert_eq!((world.opened[0].cause, world.opened[0].answered_at), (ReleaseCause::SwitchRestarted, None));
    world.leg(call, FIRST, answered());
    assert_eq!(world.opened.len(), 2);
    let opened = &world.opened[1];
    assert_eq!((opened.id, opened.status, opened.amount, opened.billed_s), (call, 200, cents(1), 30));
    assert!(opened.answered_at.is_some() && opened.attempts.len() == 1);
    assert!(world.ledger.applied.iter().all(|posting| posting.batch.memo.is_none()));
    let with_papers = world.ledger.applied.iter().filter(|posting| posting.papers != Papers::None).count();
    assert_eq!(with_papers, 2);
}
