//! Messages that cross: CANCEL and 200, BYE and BYE, the answer of a carrier that was left.

use domain::{Micros, ReleaseCause};
use std::time::Duration;
use testkit::world::text::method;
use testkit::world::{Beginning, FIRST, Refresh, SECOND, World};

/// RFC 3261 9.1, 15: whoever was first, both ends know the same, and the money is right.
#[test]
fn a_cancel_that_crosses_the_200_ends_the_call_either_way() {
    let (mut cancelled, mut answered) = (0, 0);
    for offset_us in (0..8_000).step_by(250) {
        let mut world = World::new(Beginning::default());
        world.carrier_answers(FIRST, &[(0, 180), (2_000, 200)]);
        // The carrier's 200 is sent 2 s after it heard the INVITE, 4 ms after the PBX sent it with credentials.
        world.pbx().manner.cancels_after = Some(Duration::from_micros(1_998_000 + offset_us));
        world.dial();
        world.run_s(30);
        let caller = world.agents[0].talk().clone();
        let called = world.agents[FIRST].talk().clone();
        assert!(caller.is_over && called.is_over, "at {offset_us} us both legs are over");
        let record = world.record();
        match caller.status {
            Some(487) => {
                cancelled += 1;
                assert_eq!((record.cause, record.amount), (ReleaseCause::Cancelled, Micros::ZERO));
            }
            Some(200) => {
                answered += 1;
                assert_eq!((record.cause, record.amount), (ReleaseCause::Normal, Micros::from_cents(1)));
            }
            other => panic!("{other:?} at {offset_us} us"),
        }
        world.run_s(300);
        world.assert_all_is_over();
    }
    assert!(cancelled > 0 && answered > 0, "both ways were seen: {cancelled} cancelled, {answered} answered");
}

/// RFC 3261 15: each BYE is answered 200, and the call is billed once.
#[test]
fn when_both_sides_hang_up_at_one_instant_the_call_is_billed_once() {
    // 2 ms later the carrier has heard the BYE.
    for offset_us in (0..2_000).step_by(250) {
        let mut world = World::new(Beginning::default());
        world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
        world.dial();
        world.run_s(20);
        let call = world.agents[0].talk().call_id.clone();
        let leg = world.agents[FIRST].talk().call_id.clone();
        let now = world.now.monotonic;
        world.pbx().bye(&call, now);
        world.post();
        world.run_for(Duration::from_micros(offset_us));
        let now = world.now.monotonic;
        world.agents[FIRST].bye(&leg, now);
        world.post();
        world.run_s(300);
        for agent in [0, FIRST] {
            let answers = world.agents[agent].heard.iter().filter(|(_, text)| text.contains(" BYE\r\n"));
            let answers: Vec<&str> = answers.filter_map(|(_, text)| text.lines().next()).collect();
            assert!(answers.contains(&"SIP/2.0 200 OK"), "at {offset_us} us {agent} hears {answers:?}");
        }
        let record = world.record();
        assert_eq!((record.cause, record.billed_s), (ReleaseCause::Normal, 30));
        world.assert_all_is_over();
    }
}

/// RFC 3261 13.2.2.4.
#[test]
fn a_late_200_of_a_carrier_that_was_left_gets_ack_and_bye() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 100)]);
    world.agents[FIRST].manner.answers_after_cancel = true;
    world.carrier_answers(SECOND, &[(0, 180), (1_000, 200)]);
    world.dial();
    world.run_s(30);
    let first = world.agents[FIRST].talk().clone();
    assert_eq!(first.status, Some(200), "its answer crossed the CANCEL");
    let order: Vec<&str> = world.agents[FIRST].heard.iter().filter_map(|(_, text)| method(text)).collect();
    assert_eq!(order, ["INVITE", "CANCEL", "ACK", "BYE"]);
    assert!(world.agents[0].talk().is_up, "the call goes on with the second carrier");
    let (call, now) = (world.agents[0].talk().call_id.clone(), world.now.monotonic);
    world.pbx().bye(&call, now);
    world.post();
    world.run_s(300);
    let record = world.record();
    assert_eq!((record.cause, record.billed_s), (ReleaseCause::Normal, 30));
    world.assert_all_is_over();
}

/// RFC 3261 13.2.2.4: every 2xx of a fork is acknowledged, all but the first are ended.
#[test]
fn the_second_phone_of_a_fork_that_answers_gets_ack_and_bye_and_the_call_goes_on() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    world.agents[FIRST].manner.forks = true;
    world.dial();
    world.run_s(60);
    let called = world.agents[FIRST].talk().clone();
    assert!(called.forked_bye, "the second phone hears BYE");
    assert!(called.is_up && world.agents[0].talk().is_up, "the first goes on");
    let order: Vec<&str> = world.agents[FIRST].heard.iter().filter_map(|(_, text)| method(text)).collect();
    assert_eq!(order, ["INVITE", "ACK", "ACK", "BYE"]);
    let (call, now) = (world.agents[0].talk().call_id.clone(), world.now.monotonic);
    world.pbx().bye(&call, now);
    world.post();
    world.run_s(300);
    assert_eq!(world.record().cause, ReleaseCause::Normal);
    world.assert_all_is_over();
}

/// RFC 3261 14.2, 15: a BYE that nobody answers, while the ACK to a re-INVITE is missing too. The dialog stayed in the tables for
/// ever; found by simulation.
#[test]
fn a_carrier_that_dies_after_its_re_invite_leaves_no_dialog_behind() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    let call = world.dial();
    world.run_s(10);
    let (leg, now) = (world.agents[FIRST].talk().call_id.clone(), world.now.monotonic);
    world.agents[FIRST].refresh(&leg, Refresh::Invite, now);
    world.post();
    world.agents[FIRST].is_silent = true;
    world.run_s(10);
    let now = world.now.monotonic;
    world.pbx().bye(&call, now);
    world.post();
    world.run_s(300);
    assert_eq!(world.record().cause, ReleaseCause::Normal);
    world.assert_all_is_over();
}
