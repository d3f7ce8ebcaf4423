//! What talking calls do while the ledger cannot answer, by the policy of their profile (RFC 8506 5.7, design 5 point 8).

use crate::world::*;
use domain::call_control::LegId;
use domain::credit_failure::CreditFailure;
use domain::fact::RiskOutcome;
use domain::{CallId, Fact, Micros, ReleaseCause};
use rating::Block;
use std::time::Duration;
use switch::profile::{self, Ask, Held, Request};

// Estonia: 0.039 and 1.20 a minute; the first 30 s cost 0.64, each 6 s after them 0.12.

fn cents(cents: i64) -> Micros {
    Micros::from_cents(cents)
}

fn world(policy: CreditFailure, credit: i64) -> World {
    World::of(
        town().profile(switch::directory::Profile { credit_failure: policy, ..profile(profile_id(), SIP_USER) }),
        credit,
        0,
    )
}

fn continuing(for_s: u32, risk_cents: i64, credit: i64) -> World {
    world(CreditFailure::Continue { for_s, risk: cents(risk_cents) }, credit)
}

/// What was taken as risk, covered later, and written off.
fn risks(world: &World) -> [Micros; 3] {
    [RiskOutcome::Taken, RiskOutcome::Covered, RiskOutcome::WrittenOff].map(|wanted| {
        let amounts = world.facts.iter().filter_map(|fact| match fact {
            Fact::CreditRisked { outcome, amount, .. } if *outcome == wanted => Some(*amount),
            _ => None,
        });
        amounts.sum()
    })
}

/// A call whose ledger is so from its 33rd second on, when it has paid or holds 42, so many seconds later.
fn cut_off(world: &mut World, mood: Mood, seconds: u64) -> CallId {
    let call = world.answered_call(DEAR);
    world.seconds(33);
    world.mood = mood;
    world.seconds(seconds);
    call
}

fn is_up(world: &mut World, call: CallId) -> bool {
    !world.records.iter().any(|record| record.id == call)
        && !world.ordered(call).iter().any(|(_, order)| matches!(order, domain::call_control::LegOrder::Release(_)))
}

fn ends_with_the_last_paid_second(mut world: World, away_at_s: u64, back_at_s: u64) {
    let call = world.answered_call(DEAR);
    world.ordered(call);
    world.seconds(away_at_s);
    world.mood = Mood::Away;
    world.seconds(back_at_s - away_at_s);
    world.ledger_recovers();
    world.advance(Duration::from_micros((42 - back_at_s) * 1_000_000 - 1));
    assert!(is_up(&mut world, call), "what is paid is spoken");
    world.advance(Duration::from_micros(1));
    world.seconds(2);
    let record = world.record(call);
    assert_eq!((record.cause, record.talked_ms), (ReleaseCause::Overload, 42_000));
    assert_eq!((record.billed_s, record.amount, record.written_off), (42, cents(88), Micros::ZERO));
    assert_eq!(world.credit(), (cents(1_000 - 88), Micros::ZERO));
    world.assert_books_closed();
}

#[test]
fn a_call_that_terminates_ends_with_the_last_paid_second_even_if_the_ledger_is_back() {
    ends_with_the_last_paid_second(world(CreditFailure::Terminate, 1_000), 33, 40);
}

#[test]
fn a_call_that_retries_goes_on_when_the_ledger_is_back_before_what_is_held_is_spoken() {
    let mut world = world(CreditFailure::Retry, 1_000);
    let call = cut_off(&mut world, Mood::Away, 7);
    world.ledger_recovers();
    world.seconds(19);
    assert!(is_up(&mut world, call));
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!((world.record(call).billed_s, world.record(call).amount), (60, cents(124)));
    assert_eq!(risks(&world), [Micros::ZERO; 3]);
    world.assert_books_closed();
}

#[test]
fn a_call_that_retries_in_vain_ends_with_the_last_paid_second() {
    let mut world = world(CreditFailure::default(), 1_000);
    let call = cut_off(&mut world, Mood::Away, 20);
    assert!(!is_up(&mut world, call));
    world.ledger_recovers();
    world.seconds(2);
    let record = world.record(call);
    assert_eq!((record.cause, record.talked_ms), (ReleaseCause::Overload, 42_000));
    assert_eq!((record.billed_s, record.amount), (42, cents(88)));
    world.assert_books_closed();
}

/// The ledger is back while people talk: nobody notices, and every second is paid.
#[test]
fn a_call_that_continues_is_charged_afterwards_for_all_that_it_spoke() {
    for mood in [Mood::Away, Mood::Silent] {
        let mut world = continuing(30, 100, 1_000);
        let call = cut_off(&mut world, mood, 27);
        assert!(is_up(&mut world, call), "60 s, of which 42 were paid");
        assert_eq!(risks(&world), [cents(48), Micros::ZERO, Micros::ZERO], "until 48, 54, 60 and 66");
        world.ledger_recovers();
        world.seconds(5);
        assert_eq!(risks(&world), [cents(48), cents(48), Micros::ZERO]);
        world.leg(call, LegId::CALLER, hung_up());
        let record = world.record(call);
        assert_eq!((record.cause, record.talked_ms), (ReleaseCause::Normal, 65_000));
        assert_eq!((record.billed_s, record.amount, record.written_off), (66, cents(136), Micros::ZERO));
        assert_eq!(world.credit(), (cents(1_000 - 136), Micros::ZERO));
        world.assert_books_closed();
    }
}

/// It hangs up while the ledger is away: the record waits, and says what was spoken.
#[test]
fn a_call_that_ended_at_risk_is_charged_when_the_ledger_is_back() {
    let mut world = continuing(30, 100, 1_000);
    let call = cut_off(&mut world, Mood::Away, 22);
    world.leg(call, LegId::CALLER, hung_up());
    assert!(world.records.is_empty());
    world.seconds(600);
    world.ledger_recovers();
    world.seconds(2);
    let record = world.record(call);
    assert_eq!((record.talked_ms, record.billed_s, record.amount), (55_000, 60, cents(124)));
    assert_eq!(risks(&world), [cents(36), cents(36), Micros::ZERO]);
    world.assert_books_closed();
}

#[test]
fn a_call_speaks_on_for_whole_increments_within_its_seconds() {
    for (for_s, until_s) in [(30, 72), (29, 66), (6, 48), (5, 42)] {
        let mut world = continuing(for_s, 1_000, 1_000);
        let call = cut_off(&mut world, Mood::Away, 90);
        assert!(!is_up(&mut world, call));
        world.ledger_recovers();
        world.seconds(2);
        let record = world.record(call);
        assert_eq!((record.talked_ms, record.billed_s), (until_s * 1_000, until_s as u32), "for {for_s} s");
        assert_eq!(record.amount, cents(64 + 2 * (until_s as i64 - 30)), "for {for_s} s");
        world.assert_books_closed();
    }
}

/// The risk is the profile's: its calls share it, and nobody takes more.
#[test]
fn the_calls_of_a_profile_share_its_risk_to_the_cent() {
    let mut world = continuing(300, 60, 1_000);
    let calls = [world.answered_call(DEAR), world.answered_call(DEAR), world.answered_call(DEAR)];
    world.seconds(33);
    world.mood = Mood::Away;
    world.seconds(60);
    assert_eq!(risks(&world)[0], cents(60), "five increments of 0.12, whoever had them");
    assert!(calls.iter().all(|call| !is_up(&mut world, *call)));
    world.ledger_recovers();
    world.seconds(2);
    let billed: u32 = calls.iter().map(|call| world.record(*call).billed_s).sum();
    assert_eq!(billed, 3 * 42 + 5 * 6);
    assert_eq!(risks(&world), [cents(60), cents(60), Micros::ZERO]);
    world.assert_books_closed();
}

/// K3: the balance ends at zero, and what is missing stands in the record.
#[test]
fn what_was_spoken_at_risk_without_credit_is_taken_as_far_as_there_is_any_and_written_off() {
    // 0.64, 0.12 and 0.12 are paid or held; 0.07 are left.
    let mut world = continuing(60, 1_000, 64 + 24 + 7);
    let call = cut_off(&mut world, Mood::Away, 24);
    assert!(is_up(&mut world, call));
    world.ledger_recovers();
    world.seconds(4);
    assert!(!is_up(&mut world, call), "at 60 s: what had begun was spoken");
    let record = world.record(call);
    assert_eq!((record.cause, record.talked_ms), (ReleaseCause::CreditExhausted, 60_000));
    assert_eq!((record.billed_s, record.amount, record.written_off), (60, cents(95), cents(29)));
    assert_eq!(world.credit(), (Micros::ZERO, Micros::ZERO), "never below");
    assert_eq!(risks(&world), [cents(36), cents(7), cents(29)]);
    world.assert_books_closed();
}

/// Found by the simulation: a charge whose next increment was refused is asked for again when money comes, though that increment has long been spoken.
#[test]
fn a_top_up_after_what_was_spoken_at_risk_was_written_off_is_not_held_for_it_again() {
    let mut world = continuing(60, 1_000, 64 + 24 + 7);
    let call = cut_off(&mut world, Mood::Away, 24);
    world.ledger_recovers();
    world.seconds(1);
    assert!(is_up(&mut world, call), "it speaks what has begun");
    world.allocate(500);
    assert_eq!(world.credit(), (cents(500), Micros::ZERO), "nothing is held");
    world.seconds(4);
    let record = world.record(call);
    assert_eq!((record.billed_s, record.amount, record.written_off), (60, cents(95), cents(29)));
    assert_eq!(world.credit(), (cents(500), Micros::ZERO));
    world.assert_books_closed();
}

/// Found by the simulation: it speaks on while nobody answers, and not once the answer is no, whichever of its charges that is the answer to.
#[test]
fn a_call_at_risk_that_is_refused_ends_with_what_it_has_begun() {
    let mut world = continuing(300, 1_000, 64 + 24);
    let call = cut_off(&mut world, Mood::Silent, 24);
    world.ledger_answers_one();
    world.seconds(2);
    assert!(is_up(&mut world, call), "until 60 s: that has begun");
    world.seconds(1);
    assert!(!is_up(&mut world, call));
    world.ledger_recovers();
    world.seconds(2);
    let record = world.record(call);
    assert_eq!((record.cause, record.talked_ms), (ReleaseCause::CreditExhausted, 60_000));
    assert_eq!((record.amount, record.written_off), (cents(88), cents(36)));
    assert_eq!(risks(&world), [cents(36), Micros::ZERO, cents(36)]);
    world.assert_books_closed();
}

/// Decision 136: found by the simulation, too. A call outlives two outages, and the second is let to cost what the first has left.
#[test]
fn what_a_call_has_lost_in_one_outage_is_not_risked_again_in_the_next() {
    let mut world = continuing(300, 36, 64 + 24);
    let call = cut_off(&mut world, Mood::Silent, 24);
    while risks(&world)[2] == Micros::ZERO {
        world.ledger_answers_one();
    }
    assert_eq!(risks(&world), [cents(36), Micros::ZERO, cents(12)]);
    world.top_up(500);
    world.ledger_recovers();
    world.seconds(13);
    assert!(is_up(&mut world, call), "the rest is paid, and it goes on");
    assert_eq!(risks(&world), [cents(36), cents(24), cents(12)]);
    world.mood = Mood::Silent;
    world.seconds(60);
    assert!(!is_up(&mut world, call));
    assert_eq!(risks(&world)[0], cents(36 + 24), "0.12 of its 0.36 are gone");
    world.ledger_recovers();
    world.seconds(2);
    assert_eq!((world.record(call).talked_ms, world.record(call).written_off), (90_000, cents(12)));
    assert_eq!(risks(&world), [cents(60), cents(48), cents(12)]);
    world.assert_books_closed();
}

/// It hangs up while the word that it may go on is on its way to it, and there would have been no credit.
#[test]
fn what_a_call_was_let_to_risk_and_never_spoke_is_no_risk_any_more() {
    let mut world = continuing(300, 1_000, 64 + 24);
    let call = cut_off(&mut world, Mood::Silent, 8);
    let ask = Ask::Continue { sequence: 2, next: Block { until_s: 48, amount: cents(12) } };
    let plea = Request { call, number: u32::MAX, held: Held::default(), ask };
    world.tell_profile(profile_id(), profile::Event::Requested(Box::new(plea)));
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!(risks(&world), [cents(12), Micros::ZERO, Micros::ZERO]);
    world.ledger_recovers();
    world.seconds(2);
    assert_eq!((world.record(call).billed_s, world.record(call).amount), (42, cents(88)));
    assert_eq!(risks(&world), [cents(12), cents(12), Micros::ZERO]);
    world.assert_books_closed();
}

/// A call on its final unit when the ledger cannot say that this is paid, and then credit comes.
fn on_its_final_unit(policy: CreditFailure) -> (World, CallId) {
    let mut world = world(policy, 64 + 12);
    let call = world.answered_call(DEAR);
    world.seconds(29);
    world.mood = Mood::Silent;
    world.seconds(1);
    world.ledger_answers_one();
    world.ledger_cannot_answer();
    world.ledger_recovers();
    world.seconds(2);
    world.allocate(500);
    (world, call)
}

/// Found by the simulation: calls of such a profile end alike, with credit or without.
#[test]
fn a_call_that_terminates_on_its_final_unit_is_not_prolonged_by_credit_that_comes_later() {
    let (mut world, call) = on_its_final_unit(CreditFailure::Terminate);
    assert_eq!(world.credit(), (cents(500), Micros::ZERO), "nothing is held");
    world.seconds(5);
    let record = world.record(call);
    assert_eq!((record.cause, record.talked_ms), (ReleaseCause::CreditExhausted, 36_000));
    assert_eq!((record.billed_s, record.amount), (36, cents(76)));
    world.assert_books_closed();
}

#[test]
fn a_call_that_retries_on_its_final_unit_is_prolonged_by_credit_that_comes_later() {
    let (mut world, call) = on_its_final_unit(CreditFailure::Retry);
    assert_eq!(world.credit(), (cents(500), cents(12)));
    world.seconds(20);
    assert!(is_up(&mut world, call));
    world.leg(call, LegId::CALLER, hung_up());
    world.assert_books_closed();
}

/// A top-up that comes before the charges pays all of it.
#[test]
fn a_top_up_pays_what_was_spoken_at_risk() {
    let mut world = continuing(60, 1_000, 64 + 24 + 7);
    let call = cut_off(&mut world, Mood::Away, 24);
    world.top_up(500);
    world.ledger_recovers();
    world.seconds(10);
    assert!(is_up(&mut world, call));
    world.leg(call, LegId::CALLER, hung_up());
    assert_eq!((world.record(call).billed_s, world.record(call).written_off), (72, Micros::ZERO));
    world.assert_books_closed();
}

#[test]
fn a_new_call_is_refused_whatever_the_policy() {
    let mut world = continuing(300, 1_000, 1_000);
    world.mood = Mood::Away;
    let call = world.dial(DEAR);
    assert!(world.invited(call).is_empty());
    assert_eq!(risks(&world), [Micros::ZERO; 3]);
}
