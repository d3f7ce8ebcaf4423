//! Channels and credit when many calls come at one instant.

use domain::ReleaseCause;
use testkit::world::{Beginning, FIRST, World};

/// Field lesson 1, must-show 3.
#[test]
fn of_thirty_simultaneous_calls_with_credit_for_one_one_is_admitted_and_29_get_402() {
    let mut world = World::new(Beginning { credit: 10_000, channels: 30, ..Beginning::default() });
    world.carrier_answers(FIRST, &[(0, 180), (60_000, 486)]);
    for _ in 0..30 {
        world.dial();
    }
    world.run_s(10);
    let talks = || world.agents[0].talks.values();
    assert_eq!(talks().filter(|talk| talk.status == Some(402)).count(), 29);
    assert_eq!(talks().filter(|talk| talk.status.is_none()).count(), 1, "one rings");
    assert_eq!(world.agents[FIRST].talks.len(), 1, "the carrier hears of one call only");
    world.run_s(400);
    let records = world.records();
    assert_eq!(records.len(), 30);
    assert_eq!(records.iter().filter(|record| record.cause == ReleaseCause::NoCredit).count(), 29);
    world.assert_all_is_over();
}

/// C1, D-26: 503 with cause 34; a channel is free again as soon as a call is over.
#[test]
fn the_third_call_is_refused_when_two_channels_are_taken() {
    let mut world = World::new(Beginning { channels: 2, ..Beginning::default() });
    world.carrier_answers(FIRST, &[(0, 180), (500, 200)]);
    let first = world.dial();
    world.dial();
    world.run_s(2);
    let third = world.dial();
    world.run_s(2);
    let refused = world.agents[0].talks[&third].clone();
    assert_eq!(refused.status, Some(503));
    assert_eq!(refused.answer_q850(), Some("34"));
    assert!(refused.answer.contains("channels_full"), "{}", refused.answer);
    assert_eq!(world.agents[FIRST].talks.len(), 2, "no carrier hears of it");
    let now = world.now.monotonic;
    world.pbx().bye(&first, now);
    world.post();
    world.run_s(1);
    let fourth = world.dial();
    world.run_s(2);
    assert!(world.agents[0].talks[&fourth].is_up, "the channel of the first call is free again");
    let now = world.now.monotonic;
    let calls: Vec<String> = world.agents[0].talks.keys().cloned().collect();
    calls.iter().for_each(|call| world.pbx().bye(call, now));
    world.post();
    world.run_s(300);
    world.assert_all_is_over();
}
