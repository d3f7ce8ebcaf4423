//! The life of a call's money (design 5, R1-R10, K2, K3, field lessons 1 to 4, 8, 9, 45).

use crate::world::*;
use domain::call_control::{LegEvent, LegId, LegOrder};
use domain::credit::HoldId;
use domain::refusal::RefusalKind;
use domain::{Fact, Machine, Micros, ReleaseCause};
use std::time::Duration;
use switch::call::Event;
use switch::directory::CallSettings;

fn cents(cents: i64) -> Micros {
    Micros::from_cents(cents)
}

/// K2, R8: a channel and the first block, before any carrier hears.
#[test]
fn a_channel_and_the_first_block_are_held_before_a_carrier_is_invited() {
    let mut world = World::with_credit(100);
    world.mood = Mood::Silent;
    let call = world.dial(CALLEE);
    assert!(world.invited(call).is_empty());
    world.ledger_recovers();
    assert_eq!(world.invited(call), [1]);
    assert_eq!(world.credit(), (cents(100), cents(1)));
    assert_eq!(world.channels_taken(), 1);
    let holds: Vec<HoldId> = world.ledger.holds().keys().copied().collect();
    let hold = |number| HoldId { subject: call.bits(), number };
    assert_eq!(holds, [hold(0), hold(30)]);
}

/// K2, K3.
#[test]
fn without_credit_for_the_first_block_the_call_is_refused_and_the_refusal_says_the_price() {
    let mut world = World::with_credit(0);
    let call = world.dial(CALLEE);
    let LegOrder::Refuse(refusal) = world.last_to_caller(call) else { panic!("not refused") };
    assert_eq!((refusal.kind, refusal.kind.status()), (RefusalKind::NoCredit, 402));
    world.top_up(30);
    let dear = world.dial(DEAR);
    let LegOrder::Refuse(refusal) = world.last_to_caller(dear) else { panic!("not refused") };
    assert_eq!(refusal.kind, RefusalKind::BelowFirstBlock);
    assert_eq!(refusal.sentence, "The first 30 s of this call cost 0.64 USD and the profile has 0.30; add credit");
    assert!(world.invited(dear).is_empty());
    assert_eq!(world.channels_taken(), 0, "a channel was kept although the money was refused");
    world.assert_books_closed();
}

/// Field lesson 1: an atomic reservation.
#[test]
fn of_thirty_calls_at_once_on_credit_for_one_exactly_one_is_admitted() {
    let wide = switch::directory::Profile { channels: 30, ..profile(profile_id(), SIP_USER) };
    let mut world = World::of(town().profile(wide), 1, 0);
    world.mood = Mood::Silent;
    let calls: Vec<_> = (0..30).map(|_| world.dial(CALLEE)).collect();
    world.ledger_recovers();
    let admitted = calls.iter().filter(|call| world.invited(**call) == [1]).count();
    let refused = calls
        .iter()
        .filter(|call| world.records.iter().any(|record| record.id == **call && record.status == 402))
        .count();
    assert_eq!((admitted, refused), (1, 29));
}

/// K3, R8: the vector. $0.05 at $0.02 a minute.
#[test]
fn five_cents_at_two_cents_a_minute_last_150_seconds_and_leave_nothing() {
    let mut world = World::with_credit(5);
    let call = world.answered_call(CALLEE);
    world.ordered(call);
    world.advance(Duration::from_micros(149_999_999));
    assert!(world.ordered(call).is_empty());
    world.advance(Duration::from_micros(1));
    let cut = LegOrder::Release(ReleaseCause::CreditExhausted);
    assert_eq!(world.ordered(call), [(LegId::CALLER, cut.clone()), (FIRST, cut)]);
    assert_eq!(world.credit(), (Micros::ZERO, Micros::ZERO));
    let record = world.record(call);
    assert_eq!((record.billed_s, record.amount, record.talked_ms), (150, cents(5), 150_000));
    assert_eq!(record.cause, ReleaseCause::CreditExhausted);
    let exhausted = world.facts.iter().filter(|fact| matches!(fact, Fact::CreditExhausted { .. })).count();
    assert_eq!(exhausted, 1);
    world.assert_books_closed();
}

/// R8: billed to the last paid second whatever the clock says.
#[test]
fn a_cut_off_that_comes_late_is_billed_as_if_it_were_in_time() {
    let mut world = World::with_credit(5);
    let call = world.answered_call(CALLEE);
    world.advance(Duration::from_secs(149));
    world.stall(Duration::from_secs(9));
    world.fire();
    let record = world.record(call);
    assert_eq!((record.billed_s, record.amount, record.talked_ms), (150, cents(5), 150_000));
    world.assert_books_closed();
}

/// R1, R9: B(t), at and around every boundary; a hang-up in the same instant as a boundary comes first.
#[test]
fn a_call_is_billed_in_the_increments_that_have_begun() {
    for (talked_us, billed_s, amount) in [
        (1, 30, 1),
        (10_000_000, 30, 1),
        (30_000_000, 30, 1),
        (30_000_001, 36, 2),
        (36_000_000, 36, 2),
        (36_000_001, 42, 2),
        (60_000_000, 60, 2),
        (61_000_000, 66, 3),
        (64_000_000, 66, 3),
        (66_000_000, 66, 3),
    ] {
        let mut world = World::with_credit(100);
        let call = world.answered_call(CALLEE);
        // Up to the boundary without its timer: the hang-up is told first.
        world.advance(Duration::from_micros(talked_us - 1));
        world.stall(Duration::from_micros(1));
        world.leg(call, LegId::CALLER, hung_up());
        let record = world.record(call);
        assert_eq!((record.billed_s, record.amount), (billed_s, cents(amount)), "after {talked_us} us");
        assert_eq!(world.credit(), (cents(100 - amount), Micros::ZERO));
        world.assert_books_closed();
    }
}

/// A timer that is late loses nothing: what has begun is captured with the hang-up.
#[test]
fn a_hang_up_that_overtakes_a_late_tick_pays_what_has_begun() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.advance(Duration::from_secs(29));
    world.stall(Duration::from_millis(1_200));
    world.leg(call, FIRST, hung_up());
    let record = world.record(call);
    assert_eq!((record.billed_s, record.amount), (36, cents(2)));
    world.assert_books_closed();
}

/// Design 5: boundaries are counted from the answer, so late timers do not add up.
#[test]
fn charging_boundaries_do_not_drift_when_timers_are_late() {
    let mut world = World::with_credit(1_000);
    let call = world.answered_call(CALLEE);
    // Every timer fires 0.7 s late for ten minutes.
    for _ in 0..800 {
        world.stall(Duration::from_millis(750));
        world.fire();
    }
    let ticks = world.facts.iter().filter(|fact| matches!(fact, Fact::ChargeTicked { .. })).count();
    // 600 s: the block of 30, and one for every 6 s after it, the one that begins at 600 included.
    assert_eq!(ticks, 1 + (600 - 30) / 6 + 1);
    world.leg(call, FIRST, hung_up());
    assert_eq!(world.record(call).amount, cents(21));
    world.assert_books_closed();
}

/// R8, R10: a charge is timed from when its increment was due, whatever made it late: the timer, or the ledger.
#[test]
fn a_charge_is_timed_from_the_instant_at_which_its_increment_was_due() {
    let mut world = World::with_credit(2);
    let call = world.answered_call(CALLEE);
    world.seconds(29);
    world.stall(Duration::from_millis(1_200));
    world.fire();
    world.seconds(5);
    world.mood = Mood::Silent;
    world.seconds(1);
    world.ledger_recovers();
    world.seconds(60);
    let answered = world.facts.iter().filter_map(|fact| match fact {
        Fact::ChargeAnswered { after } => Some(after.as_millis()),
        _ => None,
    });
    assert_eq!(answered.collect::<Vec<_>>(), [0, 200, 200, 0, 0, 0]);
    assert_eq!(world.record(call).cause, ReleaseCause::CreditExhausted);
}

/// R9, R10, field lesson 45: ringing costs nothing, and the clock starts at the answer.
#[test]
fn ringing_and_early_media_cost_nothing() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, LegEvent::Ringing { status: 183, media: Some(sound()) });
    world.seconds(24);
    assert_eq!(world.credit(), (cents(100), cents(1)));
    world.leg(call, FIRST, answered());
    world.seconds(30);
    world.stall(Duration::ZERO);
    world.leg(call, LegId::CALLER, hung_up());
    let record = world.record(call);
    assert_eq!(record.talked_ms, 30_000);
    assert_eq!(record.answered_at, Some(record.invited_at + Duration::from_secs(24)));
}

/// R9.
#[test]
fn calls_that_are_not_answered_cost_nothing() {
    for end in [refused(486), refused(480), refused(408), refused(404)] {
        let mut world = World::with_credit(100);
        let call = world.dial(CALLEE);
        world.leg(call, FIRST, ringing());
        world.seconds(10);
        world.leg(call, FIRST, end);
        assert_eq!(world.credit(), (cents(100), Micros::ZERO));
        assert_eq!(world.record(call).amount, Micros::ZERO);
        world.assert_books_closed();
    }
}

/// R8, R1: the minimum is owed at the answer.
#[test]
fn the_first_block_is_owed_at_once_and_the_next_increment_is_held() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(DEAR);
    // 30 s at 1.20 and 0.039 fee: 0.64; up to 36 s 0.76.
    assert_eq!(world.credit(), (cents(100 - 64), cents(12)));
    world.leg(call, FIRST, hung_up());
    assert_eq!(world.credit(), (cents(100 - 64), Micros::ZERO));
    world.assert_books_closed();
}

/// Design 5, point 2: where only the first block can be paid, the call lasts exactly that long.
#[test]
fn credit_for_exactly_the_first_block_lasts_thirty_seconds() {
    let mut world = World::with_credit(64);
    let call = world.answered_call(DEAR);
    world.seconds(30);
    let record = world.record(call);
    assert_eq!((record.cause, record.billed_s), (ReleaseCause::CreditExhausted, 30));
    world.assert_books_closed();
}

/// Field lesson 4: what is documented in `profile`.
#[test]
fn when_credit_runs_out_a_call_that_rings_keeps_its_first_block_and_can_start() {
    let mut world = World::with_credit(6);
    let talking = world.answered_call(CALLEE);
    let ringing_call = world.dial(CALLEE);
    world.leg(ringing_call, FIRST, ringing());
    world.seconds(150);
    assert_eq!((world.record(talking).cause, world.record(talking).billed_s), (ReleaseCause::CreditExhausted, 150));
    // Who holds nothing is refused before anybody rings.
    let late = world.dial(CALLEE);
    assert!(world.invited(late).is_empty());
    assert_eq!(world.record(late).status, 402);
    world.leg(ringing_call, FIRST, answered());
    world.seconds(30);
    let record = world.record(ringing_call);
    assert_eq!((record.cause, record.billed_s, record.amount), (ReleaseCause::CreditExhausted, 30, cents(1)));
    world.assert_books_closed();
}

/// K4: a top-up during the call is seen at the next increment.
#[test]
fn a_top_up_during_a_call_extends_it() {
    let mut world = World::with_credit(2);
    let call = world.answered_call(CALLEE);
    world.seconds(40);
    world.top_up(10);
    world.seconds(60);
    assert!(world.records.is_empty());
    world.leg(call, FIRST, hung_up());
    world.assert_books_closed();
}

/// Field lesson 3: ids count up per call and are never used for something else.
#[test]
fn the_batches_of_a_call_count_up() {
    let mut world = World::with_credit(5);
    let call = world.answered_call(CALLEE);
    world.seconds(200);
    let ids: Vec<u64> = world.ledger.applied.iter().map(|posting| posting.batch.id.sequence).collect();
    assert!(ids.is_sorted_by(|earlier, later| earlier < later), "{ids:?}");
    assert!(world.ledger.applied.iter().all(|posting| posting.batch.id.subject == call.bits()));
}

#[test]
fn a_free_destination_costs_nothing_and_needs_nothing() {
    let mut world = World::with_credit(0);
    let call = world.answered_call("+33155501234");
    world.seconds(100);
    world.leg(call, FIRST, hung_up());
    assert_eq!((world.record(call).amount, world.record(call).billed_s), (Micros::ZERO, 102));
    world.assert_books_closed();
}

#[test]
fn the_longest_permitted_call_ends_at_its_limit_and_no_increment_begins_there() {
    let settings = CallSettings {
        max_duration: Duration::from_secs(60),
        media_report_timeout: Duration::ZERO,
        ..CallSettings::default()
    };
    let mut world = World::of(town().settings(settings).profile(profile(profile_id(), SIP_USER)), 100, 0);
    let call = world.answered_call(CALLEE);
    world.seconds(61);
    let record = world.record(call);
    assert_eq!((record.cause, record.billed_s, record.talked_ms), (ReleaseCause::MaxDuration, 60, 60_000));
    world.assert_books_closed();
}

/// Field lesson 44: the ACK that never came, as the leg tells it.
#[test]
fn a_dead_caller_ends_both_legs_and_the_charging() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.seconds(32);
    world.ordered(call);
    world.leg(call, LegId::CALLER, LegEvent::Released(ReleaseCause::SessionExpired));
    assert_eq!(world.ordered(call), [(FIRST, LegOrder::Release(ReleaseCause::SessionExpired))]);
    let left = world.credit();
    world.seconds(100);
    assert_eq!(world.credit(), left);
    world.assert_books_closed();
}

#[test]
fn silence_and_operators_end_a_call_on_both_sides() {
    for (event, cause) in [
        (Event::MediaSilent { leg: FIRST }, ReleaseCause::MediaTimeout),
        (Event::HangUpOrdered(ReleaseCause::HungUpByOperator), ReleaseCause::HungUpByOperator),
        (Event::HangUpOrdered(ReleaseCause::Shutdown), ReleaseCause::Shutdown),
    ] {
        let mut world = World::with_credit(100);
        let call = world.answered_call(CALLEE);
        world.seconds(3);
        world.ordered(call);
        world.tell_call(call, event);
        let release = LegOrder::Release(cause);
        assert_eq!(world.ordered(call), [(LegId::CALLER, release.clone()), (FIRST, release)]);
        assert_eq!((world.record(call).cause, world.record(call).status), (cause, 200));
        world.assert_books_closed();
    }
}

/// A CANCEL that crosses our 2xx changes nothing (RFC 3261 9.2).
#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.ordered(call);
    world.leg(call, LegId::CALLER, LegEvent::Cancelled);
    assert!(world.ordered(call).is_empty());
}

#[test]
fn packet_counts_are_in_the_record_where_the_relay_tells_them_and_are_not_waited_for_long() {
    let town = || town().settings(CallSettings::default()).profile(profile(profile_id(), SIP_USER));
    let mut world = World::of(town(), 100, 0);
    world.relay_counts = Some(((500, 498), (0, 2)));
    let call = world.answered_call(CALLEE);
    world.seconds(10);
    world.leg(call, FIRST, hung_up());
    assert_eq!((world.record(call).packets, world.record(call).packets_lost), ((500, 498), (0, 2)));
    let mut world = World::of(town(), 100, 0);
    let call = world.answered_call(CALLEE);
    world.leg(call, FIRST, hung_up());
    assert!(world.records.is_empty());
    world.advance(Duration::from_millis(250));
    assert_eq!(world.record(call).packets, (0, 0));
    world.assert_books_closed();
}

/// R12.
#[test]
fn a_live_call_shows_what_it_costs_so_far() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.seconds(64);
    let live = world.calls[&call].live(world.now).unwrap();
    assert_eq!((live.amount, live.talked), (cents(3), Duration::from_secs(64)));
    assert_eq!((live.destination.as_str(), live.carrier.as_deref()), ("United Kingdom", Some("carrier1")));
    world.leg(call, FIRST, hung_up());
    assert!(world.calls[&call].live(world.now).is_none());
}

/// A profile machine that was lost: the next one learns from the call what is held.
#[test]
fn a_call_goes_on_and_is_settled_when_its_profile_machine_was_lost() {
    for seconds in [0, 10, 100] {
        let mut world = World::with_credit(100);
        let call = world.answered_call(CALLEE);
        let echo = world.dial("*43");
        world.seconds(10);
        world.profiles.clear();
        world.seconds(seconds);
        world.leg(call, FIRST, hung_up());
        world.leg(echo, LegId::CALLER, hung_up());
        let billed_s = if seconds == 100 { 114 } else { 30 };
        assert_eq!((world.record(call).billed_s, world.record(call).cause), (billed_s, ReleaseCause::Normal));
        world.assert_books_closed();
    }
}

/// The machine died with a charge under way that the ledger had taken: it is not charged twice.
#[test]
fn a_charge_whose_answer_was_lost_with_the_profile_machine_is_not_made_twice() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.seconds(29);
    world.mood = Mood::Silent;
    world.seconds(1);
    let (_, posting) = world.waiting.pop_front().unwrap();
    world.ledger.post(posting);
    world.profiles.clear();
    world.mood = Mood::Prompt;
    world.leg(call, FIRST, hung_up());
    world.seconds(40);
    assert_eq!(world.ledger.charged(call.bits()), cents(2));
    assert_eq!(world.records.len(), 1);
}

#[test]
fn a_settlement_asked_for_twice_is_done_once() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.seconds(10);
    // The answer gets lost once: the ledger is silent, the call asks again after a while.
    world.mood = Mood::Silent;
    world.leg(call, FIRST, hung_up());
    world.seconds(61);
    world.ledger_recovers();
    world.seconds(61);
    world.assert_books_closed();
    assert!(world.profiles[&profile_id()].is_finished());
}

/// Field lesson 8: a call whose runner died is found out by its silence; it pays what was captured.
#[test]
fn a_call_that_is_lost_with_its_runner_is_settled_when_its_lease_is_over() {
    let mut world = World::with_credit(100);
    let lost = world.answered_call(CALLEE);
    let ringing_call = world.dial(CALLEE);
    world.leg(ringing_call, FIRST, ringing());
    let living = world.answered_call(CALLEE);
    world.seconds(40);
    world.calls.remove(&lost);
    world.calls.remove(&ringing_call);
    world.seconds(60);
    assert_eq!(world.records.len(), 0, "within its lease nothing is known");
    world.seconds(70);
    let record = world.record(lost);
    assert_eq!((record.cause, record.billed_s, record.amount), (ReleaseCause::InternalError, 42, cents(2)));
    assert_eq!((record.talked_ms, world.record(ringing_call).talked_ms), (42_000, 0));
    assert_eq!(world.record(ringing_call).amount, Micros::ZERO);
    assert_eq!(world.channels_taken(), 1);
    world.leg(living, FIRST, hung_up());
    world.assert_books_closed();
}

/// What is available is what there is, not what a recharge would have brought.
#[test]
fn a_recharge_that_is_too_small_does_not_falsify_the_refusal() {
    let mut world = World::with_recharge(30, 10, 0, 1_000);
    let call = world.dial(DEAR);
    let LegOrder::Refuse(refusal) = world.last_to_caller(call) else { panic!("not refused") };
    assert_eq!(refusal.sentence, "The first 30 s of this call cost 0.64 USD and the profile has 0.30; add credit");
    assert_eq!(world.company_credit(), cents(1_000));
    world.assert_books_closed();
}

/// Every table has a limit: a profile whose ledger hangs refuses more calls, and forgets none.
#[test]
fn a_profile_takes_so_many_calls_at_once_and_refuses_the_next_as_overloaded() {
    let mut world = World::with_credit(100);
    world.mood = Mood::Silent;
    let calls: Vec<_> = (0..switch::profile::CALLS_MAX + 2).map(|_| world.dial(CALLEE)).collect();
    let refused: Vec<RefusalKind> = calls
        .iter()
        .filter_map(|call| match &world.orders.iter().find(|(id, leg, _)| id == call && *leg == LegId::CALLER)?.2 {
            LegOrder::Refuse(refusal) => Some(refusal.kind),
            _ => None,
        })
        .collect();
    assert_eq!(refused, [RefusalKind::Overloaded; 2]);
    world.ledger_recovers();
    assert_eq!(world.channels_taken(), 10);
    for call in &calls {
        world.tell_call(*call, Event::HangUpOrdered(ReleaseCause::Shutdown));
    }
    world.assert_books_closed();
    assert_eq!(world.profiles[&profile_id()].calls(), 0);
}
