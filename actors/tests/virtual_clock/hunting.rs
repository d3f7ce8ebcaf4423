//! Carriers that say nothing, ring for ever, are dead, or refuse (O1).

use domain::ReleaseCause;
use std::time::Duration;
use switch::directory::CallSettings;
use testkit::world::text::header;
use testkit::world::{Beginning, FIRST, SECOND, World, ms_between};

fn hang_up_and_wait(world: &mut World) {
    let now = world.now.monotonic;
    let calls: Vec<String> = world.agents[0].talks.keys().cloned().collect();
    for call in calls {
        world.agents[0].bye(&call, now);
    }
    world.post();
    world.run_s(400);
}

/// O1: no 18x within 6 s, then CANCEL.
#[test]
fn a_carrier_that_only_tries_is_cancelled_after_6_s_and_the_next_one_is_called() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 100)]);
    world.carrier_answers(SECOND, &[(0, 180), (1_000, 200)]);
    world.dial();
    world.run_s(20);
    let first = world.agents[FIRST].talk().clone();
    let second = world.agents[SECOND].talk().clone();
    let cancelled = ms_between(first.invited(), first.cancel_heard_at.expect("a CANCEL came"));
    assert!((5_990..=6_010).contains(&cancelled), "CANCEL after {cancelled} ms");
    let next = ms_between(first.invited(), second.invited());
    assert!((5_990..=6_010).contains(&next), "the next carrier hears of it after {next} ms");
    assert!(first.acked, "the 487 is acknowledged");
    assert!(world.agents[0].talk().is_up, "the caller talks with the second carrier");
    hang_up_and_wait(&mut world);
    let record = world.record();
    assert_eq!(record.attempts.len(), 2);
    assert_eq!(record.cause, ReleaseCause::Normal);
    world.assert_all_is_over();
}

/// O1 and RFC 3261 9.1: no CANCEL before a provisional answer.
#[test]
fn a_carrier_that_says_nothing_at_all_is_left_after_4_s_without_a_cancel() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(SECOND, &[(0, 180), (1_000, 200)]);
    world.dial();
    world.run_s(40);
    let invites = world.agents[FIRST].heard_at("INVITE");
    let next = ms_between(invites[0], world.agents[SECOND].talk().invited());
    assert!((3_990..=4_010).contains(&next), "the next carrier hears of it after {next} ms");
    assert_eq!(world.agents[FIRST].heard_requests("CANCEL"), 0, "RFC 3261 9.1");
    assert!(world.agents[0].talk().is_up);
    hang_up_and_wait(&mut world);
    world.assert_all_is_over();
}

/// RFC 3261 9.1: the CANCEL that waited is sent as soon as the carrier says anything.
#[test]
fn a_carrier_that_wakes_up_after_it_was_left_is_cancelled_at_once() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(10_000, 180), (11_000, 200)]);
    world.carrier_answers(SECOND, &[(0, 180), (1_000, 200)]);
    world.dial();
    world.run_s(20);
    let first = world.agents[FIRST].talk().clone();
    let cancelled = ms_between(first.invited(), first.cancel_heard_at.expect("a CANCEL came"));
    assert!((10_000..=10_010).contains(&cancelled), "CANCEL after {cancelled} ms");
    assert_eq!(first.status, Some(487));
    assert!(world.agents[0].talk().is_up);
    hang_up_and_wait(&mut world);
    world.assert_all_is_over();
}

/// O1: who was left has no say any more. A late 183 turned the sound of the live call to the carrier that was left; found by
/// simulation.
#[test]
fn a_late_183_of_a_carrier_that_was_left_does_not_turn_the_sound_of_the_call_to_it() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(10_000, 183)]);
    world.carrier_answers(SECOND, &[(0, 180), (1_000, 200)]);
    world.dial();
    world.run_s(20);
    assert!(world.agents[0].talk().is_up);
    let call = world.node.calls(world.now).remove(0);
    assert_eq!(call.called_sound.map(|sound| sound.ip()), Some(world.agents[SECOND].address.ip()));
    hang_up_and_wait(&mut world);
    world.assert_all_is_over();
}

/// Never the next carrier after an 18x (O1); the ring timeout is RFC 3261's timer C, 180 s.
#[test]
fn a_phone_that_rings_for_ever_is_given_up_after_180_s() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 100), (2_000, 180)]);
    world.dial();
    world.run_s(200);
    let first = world.agents[FIRST].talk().clone();
    let cancelled = ms_between(first.invited(), first.cancel_heard_at.expect("a CANCEL came"));
    assert!((181_990..=182_020).contains(&cancelled), "CANCEL after {cancelled} ms");
    assert!(world.agents[SECOND].talks.is_empty(), "never after an 18x");
    let caller = world.agents[0].talk().clone();
    assert_eq!(caller.status, Some(480), "{}", caller.answer);
    assert_eq!(caller.answer_q850(), Some("19"));
    assert_eq!(world.record().cause, ReleaseCause::NoAnswer);
    world.run_s(300);
    world.assert_all_is_over();
}

/// Timer B (RFC 3261 17.1.1.2), where the carrier may take longer than 64*T1.
#[test]
fn a_dead_carrier_is_left_by_timer_b_after_32_s() {
    let minute = Duration::from_secs(60);
    let patient =
        CallSettings { carrier_progress_timeout: minute, carrier_response_timeout: minute, ..CallSettings::default() };
    let mut world = World::new(Beginning { settings: patient, ..Beginning::default() });
    world.carrier_answers(SECOND, &[(0, 180), (1_000, 200)]);
    world.dial();
    world.run_s(60);
    let invites = world.agents[FIRST].heard_at("INVITE");
    let waits: Vec<i64> = invites.iter().map(|at| ms_between(invites[0], *at)).collect();
    assert_eq!(waits, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500], "timer A doubles");
    let next = ms_between(invites[0], world.agents[SECOND].talk().invited());
    assert!((31_990..=32_010).contains(&next), "the next carrier hears of it after {next} ms");
    assert!(world.agents[0].talk().is_up);
    hang_up_and_wait(&mut world);
    world.assert_all_is_over();
}

/// O1: every carrier was tried.
#[test]
fn where_all_carriers_are_dead_the_caller_is_told_and_pays_nothing() {
    let mut world = World::new(Beginning::default());
    world.dial();
    world.run_s(60);
    let caller = world.agents[0].talk().clone();
    assert!(caller.status.is_some_and(|status| status >= 500), "{}", caller.answer);
    let record = world.record();
    assert_eq!(record.cause, ReleaseCause::CarrierFailure);
    assert_eq!(record.attempts.len(), 2);
    assert!(record.amount.is_zero());
    world.run_s(300);
    world.assert_all_is_over();
}

/// O1: a transport error.
#[test]
fn a_carrier_that_cannot_be_reached_is_left_at_once() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(SECOND, &[(0, 180), (1_000, 200)]);
    world.dial();
    world.run_for(Duration::from_millis(10));
    let (carrier, now) = (world.agents[FIRST].address, world.now);
    world.node.unreachable(carrier, now);
    world.post();
    world.run_s(3);
    assert!(world.agents[0].talk().is_up);
    hang_up_and_wait(&mut world);
    world.assert_all_is_over();
}

/// O1: after 5xx the next carrier, after 486 none.
#[test]
fn after_503_the_next_carrier_is_tried_and_after_486_none() {
    for (status, tried, heard) in [(503, 1, 200), (500, 1, 200), (486, 0, 486), (480, 0, 480), (603, 0, 603)] {
        let mut world = World::new(Beginning::default());
        world.carrier_answers(FIRST, &[(0, 100), (200, status)]);
        world.carrier_answers(SECOND, &[(0, 180), (500, 200)]);
        world.dial();
        world.run_s(5);
        assert_eq!(world.agents[SECOND].talks.len(), tried, "after {status}");
        let caller = world.agents[0].talk().clone();
        assert_eq!(caller.status, Some(heard), "after {status}: {}", caller.answer);
        assert!(header(&caller.answer, "To").is_some_and(|to| to.contains("tag=")));
        hang_up_and_wait(&mut world);
        world.assert_all_is_over();
    }
}
