//! From the first carrier to the answer, and every way in which there is none (O1, field lessons 18, 27, 47).

use crate::world::*;
use domain::call_control::{LegEvent, LegFailure, LegId, LegOrder};
use domain::call_record::Attempt;
use domain::fact::AttemptResult;
use domain::{Fact, ReleaseCause};
use std::time::Duration;
use switch::call::Event;
use switch::directory::{CallSettings, Statuses};

fn results(world: &World) -> Vec<(String, AttemptResult)> {
    let attempt = |fact: &Fact| match fact {
        Fact::CarrierAttempted { carrier, result, .. } => Some((carrier.to_string(), *result)),
        _ => None,
    };
    world.facts.iter().filter_map(attempt).collect()
}

fn final_answer(world: &World, call: domain::CallId) -> (u16, ReleaseCause) {
    match world.last_to_caller(call) {
        LegOrder::RefuseAs { status, cause, .. } => (*status, *cause),
        LegOrder::Refuse(refusal) => (refusal.kind.status(), refusal.kind.cause()),
        other => panic!("not refused: {other:?}"),
    }
}

/// O1: 5xx, 408, transport error and transaction timeout.
#[test]
fn the_next_carrier_is_tried_at_once_when_a_carrier_or_the_way_to_it_fails() {
    for failure in [
        refused(500),
        refused(503),
        refused(599),
        refused(408),
        LegEvent::Failed(LegFailure::Transport),
        LegEvent::Failed(LegFailure::Timeout),
    ] {
        let mut world = World::with_credit(100);
        let call = world.dial(CALLEE);
        world.leg(call, FIRST, LegEvent::Trying);
        world.leg(call, FIRST, failure.clone());
        assert_eq!(world.invited(call), [1, 2], "{failure:?}");
        world.leg(call, SECOND, ringing());
        world.leg(call, SECOND, answered());
        world.seconds(5);
        world.leg(call, LegId::CALLER, hung_up());
        let record = world.record(call);
        assert_eq!(record.attempts.len(), 2);
        assert_eq!(record.attempts[1].status, 200);
        world.assert_books_closed();
    }
}

/// O1: the called person's own answers, and whatever else is not in the set.
#[test]
fn a_refusal_of_the_called_side_is_passed_on_and_nobody_else_is_rung() {
    for (status, cause) in [
        (486, ReleaseCause::Busy),
        (480, ReleaseCause::NoAnswer),
        (600, ReleaseCause::Busy),
        (603, ReleaseCause::Rejected),
        (404, ReleaseCause::InvalidNumber),
        (403, ReleaseCause::Rejected),
    ] {
        let mut world = World::with_credit(100);
        let call = world.dial(CALLEE);
        world.leg(call, FIRST, refused(status));
        assert_eq!(world.invited(call), [1]);
        assert_eq!(final_answer(&world, call), (status, cause));
        assert_eq!(world.record(call).cause, cause);
        assert_eq!(results(&world), [("carrier1".to_string(), AttemptResult::UserFailure)]);
        world.assert_books_closed();
    }
}

/// O1: never after an 18x.
#[test]
fn once_it_has_rung_no_failure_leads_to_another_carrier() {
    for failure in [
        refused(503),
        refused(408),
        LegEvent::Failed(LegFailure::Transport),
        LegEvent::Failed(LegFailure::Timeout),
        LegEvent::Failed(LegFailure::UnusableAnswer),
    ] {
        let mut world = World::with_credit(100);
        let call = world.dial(CALLEE);
        world.leg(call, FIRST, LegEvent::Ringing { status: 183, media: Some(sound()) });
        world.leg(call, FIRST, failure.clone());
        assert_eq!(world.invited(call), [1], "{failure:?}");
        world.assert_books_closed();
    }
}

/// O1: the carrier's limit, then CANCEL and on.
#[test]
fn a_carrier_without_18x_in_six_seconds_is_cancelled_and_the_next_is_tried() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, LegEvent::Trying);
    world.advance(Duration::from_micros(5_999_999));
    assert_eq!(world.invited(call), [1]);
    world.advance(Duration::from_micros(1));
    let orders = world.ordered(call);
    assert!(matches!(orders[0], (FIRST, LegOrder::Invite(_))));
    assert_eq!(orders[1], (FIRST, LegOrder::Release(ReleaseCause::CarrierFailure)));
    assert!(matches!(orders[2], (SECOND, LegOrder::Invite(_))));
    assert_eq!(results(&world), [("carrier1".to_string(), AttemptResult::Timeout)]);
}

/// O1: what the abandoned carrier says later reaches nobody, and its late answer is hung up.
#[test]
fn a_late_18x_or_2xx_of_an_abandoned_carrier_does_not_disturb_the_next() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.seconds(6);
    world.ordered(call);
    world.leg(call, FIRST, ringing());
    assert!(world.ordered(call).is_empty());
    world.leg(call, SECOND, ringing());
    world.leg(call, SECOND, answered());
    world.ordered(call);
    world.leg(call, FIRST, answered());
    assert_eq!(world.ordered(call), [(FIRST, LegOrder::Release(ReleaseCause::Cancelled))]);
    world.leg(call, FIRST, hung_up());
    assert!(world.ordered(call).is_empty());
    world.leg(call, SECOND, hung_up());
    assert_eq!(world.record(call).cause, ReleaseCause::Normal);
    world.assert_books_closed();
}

/// O1: a CANCEL and a 2xx that cross, after the caller has gone.
#[test]
fn a_carrier_that_answers_after_the_caller_gave_up_is_hung_up_and_not_charged() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, ringing());
    world.leg(call, LegId::CALLER, LegEvent::Cancelled);
    assert!(!domain::Machine::is_finished(&world.calls[&call]), "the late answer is still to be waited for");
    world.ordered(call);
    world.leg(call, FIRST, answered());
    assert_eq!(world.ordered(call), [(FIRST, LegOrder::Release(ReleaseCause::Cancelled))]);
    assert!(domain::Machine::is_finished(&world.calls[&call]));
    let record = world.record(call);
    assert_eq!((record.cause, record.status), (ReleaseCause::Cancelled, 487));
    assert_eq!(world.credit().0, domain::Micros::from_cents(100));
    world.assert_books_closed();
}

#[test]
fn a_cancelled_leg_is_waited_for_no_longer_than_its_transaction_lasts() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.leg(call, LegId::CALLER, LegEvent::Cancelled);
    world.seconds(32);
    assert!(!domain::Machine::is_finished(&world.calls[&call]));
    world.seconds(1);
    assert!(domain::Machine::is_finished(&world.calls[&call]));
    let told = world.dial(CALLEE);
    world.leg(told, LegId::CALLER, LegEvent::Cancelled);
    world.tell_call(told, Event::LegClosed(FIRST));
    assert!(domain::Machine::is_finished(&world.calls[&told]));
}

/// Field lesson 47: every attempt is in the record, and the caller hears 503 at once.
#[test]
fn when_every_carrier_fails_the_caller_hears_503_and_the_record_names_each() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.tell_call(call, Event::LegNamed { leg: FIRST, sip_call_id: "to-carrier-1".into() });
    world.leg(call, FIRST, refused(503));
    world.leg(call, SECOND, LegEvent::Failed(LegFailure::Transport));
    world.seconds(6);
    assert_eq!(final_answer(&world, call), (503, ReleaseCause::CarrierFailure));
    let record = world.record(call);
    let attempts: Vec<(&str, u16)> =
        record.attempts.iter().map(|attempt| (carrier_of(attempt), attempt.status)).collect();
    assert_eq!(attempts, [("carrier1", 503), ("carrier2", 0), ("carrier3", 0)]);
    assert_eq!(record.attempts[0].sip_call_id, "to-carrier-1");
    assert_eq!(record.sentence.as_deref(), Some("Every carrier for this destination failed"));
    world.assert_books_closed();
}

/// O1: codes can be changed per carrier.
#[test]
fn a_carrier_can_have_its_own_statuses_and_its_own_patience() {
    let own = switch::directory::Carrier {
        failover: Some(Statuses::none().with(404)),
        progress_timeout: Some(Duration::from_secs(2)),
        ..carrier(1)
    };
    let town = switch::Directory::builder()
        .company(company())
        .profile(profile(profile_id(), SIP_USER))
        .carrier(own)
        .carrier(carrier(2));
    let mut world = World::of(town, 100, 0);
    let strange = world.dial(CALLEE);
    world.leg(strange, FIRST, refused(404));
    assert_eq!(world.invited(strange), [1, 2]);
    let plain = world.dial(CALLEE);
    world.leg(plain, FIRST, refused(503));
    assert_eq!(world.invited(plain), [1]);
    let slow = world.dial(CALLEE);
    world.seconds(2);
    assert_eq!(world.invited(slow), [1, 2]);
}

/// Field lesson 27: every 18x in order, with its media; what is no 18x is no progress.
#[test]
fn provisional_answers_are_relayed_in_order_with_their_early_media() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, LegEvent::Ringing { status: 199, media: None });
    world.leg(call, FIRST, LegEvent::Ringing { status: 183, media: Some(sound()) });
    world.advance(Duration::from_millis(1500));
    world.leg(call, FIRST, ringing());
    world.leg(call, FIRST, LegEvent::Ringing { status: 181, media: None });
    let orders = world.ordered(call);
    assert_eq!(
        orders[1..],
        [
            (LegId::CALLER, LegOrder::Ring { status: 183, media: Some(sound()) }),
            (LegId::CALLER, LegOrder::Ring { status: 180, media: None }),
            (LegId::CALLER, LegOrder::Ring { status: 181, media: None }),
        ]
    );
    let progressed = world.facts.iter().filter(|fact| matches!(fact, Fact::CallProgressed { .. })).count();
    assert_eq!(progressed, 1);
}

#[test]
fn a_carrier_that_sends_only_199_has_not_rung() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, LegEvent::Ringing { status: 199, media: None });
    world.seconds(6);
    assert_eq!(world.invited(call), [1, 2]);
}

#[test]
fn a_call_that_nobody_answers_ends_after_the_ring_timeout_with_480() {
    let settings = CallSettings { ring_timeout: Duration::from_secs(40), ..CallSettings::default() };
    let mut world = World::of(town().settings(settings).profile(profile(profile_id(), SIP_USER)), 100, 0);
    let call = world.dial(CALLEE);
    world.seconds(3);
    world.leg(call, FIRST, ringing());
    world.seconds(39);
    world.leg(call, FIRST, ringing());
    world.advance(Duration::from_micros(999_999));
    assert!(world.records.is_empty());
    world.advance(Duration::from_micros(1));
    assert_eq!(final_answer(&world, call), (480, ReleaseCause::NoAnswer));
    assert!(world.ordered(call).contains(&(FIRST, LegOrder::Release(ReleaseCause::NoAnswer))));
    assert_eq!(world.record(call).rang_at, Some(world.record(call).invited_at + Duration::from_secs(3)));
    world.assert_books_closed();
}

#[test]
fn an_answer_that_cannot_be_used_ends_the_call_with_488() {
    let mut world = World::with_credit(100);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, LegEvent::Failed(LegFailure::UnusableAnswer));
    assert_eq!(final_answer(&world, call), (488, ReleaseCause::IncompatibleMedia));
    assert_eq!(world.invited(call), [1]);
}

#[test]
fn a_call_that_is_hung_up_by_order_before_the_answer_is_refused() {
    let mut world = World::with_credit(100);
    let by_operator = world.dial(CALLEE);
    world.tell_call(by_operator, Event::HangUpOrdered(ReleaseCause::HungUpByOperator));
    assert_eq!(final_answer(&world, by_operator), (480, ReleaseCause::HungUpByOperator));
    let by_shutdown = world.dial(CALLEE);
    world.tell_call(by_shutdown, Event::HangUpOrdered(ReleaseCause::Shutdown));
    assert_eq!(final_answer(&world, by_shutdown), (503, ReleaseCause::Shutdown));
    assert_eq!(world.record(by_shutdown).refusal.as_deref(), Some("draining"));
    world.assert_books_closed();
}

/// The facts of a plain call, in order.
#[test]
fn a_plain_call_says_what_happened_once() {
    let mut world = World::with_credit(100);
    let call = world.answered_call(CALLEE);
    world.tell_call(call, Event::LegNamed { leg: FIRST, sip_call_id: "to-carrier".into() });
    world.seconds(10);
    world.leg(call, FIRST, hung_up());
    let names: Vec<String> =
        world.facts.iter().map(|fact| format!("{fact:?}").split([' ', '{']).next().unwrap().to_string()).collect();
    assert_eq!(
        names,
        [
            "CallAttempted",
            "CallAdmitted",
            // It has one dollar.
            "CreditLow",
            "CallProgressed",
            "CarrierAttempted",
            "CallAnswered",
            "ChargeTicked",
            "ChargeAnswered",
            "CallEnded"
        ]
    );
    let Some(Fact::CallEnded { cause, status, talked, amount, called_sip_call_id, .. }) = world.facts.last() else {
        panic!("the last fact is not the end")
    };
    assert_eq!((*cause, *status, *talked), (ReleaseCause::Normal, 200, Some(Duration::from_secs(10))));
    assert_eq!(*amount, domain::Micros::from_cents(1));
    assert_eq!(called_sip_call_id.as_deref(), Some("to-carrier"));
}

fn carrier_of(attempt: &Attempt) -> &str {
    attempt.carrier.as_ref().map_or("", |named| &named.carrier_name)
}
