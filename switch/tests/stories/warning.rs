//! The caller is warned before the credit ends: when, how often, and what takes the warning back.

use crate::world::*;
use domain::call_control::{LegEvent, LegId, SessionWord};
use domain::media::{Format, MediaDescription};
use domain::{CallId, ReleaseCause, WarnBefore};
use switch::directory::Profile;

/// The answer of a side that speaks this codec.
fn speaking(payload_type: u8, rtpmap: Option<&str>) -> MediaDescription {
    let mut media = sound();
    media.streams[0].formats = vec![Format { payload_type, rtpmap: rtpmap.map(Into::into), fmtp: Vec::new() }];
    media
}

fn talking(world: &mut World, dialled: &str) -> CallId {
    let call = world.dial(dialled);
    world.leg(call, FIRST, ringing());
    world.leg(call, FIRST, LegEvent::Answered { media: speaking(0, None) });
    call
}

/// When the caller of this call was warned, in seconds from its answer.
fn warned(world: &World, call: CallId, answered_s: u64) -> Vec<u64> {
    let mine = world.warned.iter().filter(|(id, _)| *id == call);
    mine.map(|(_, at)| at.as_micros() / 1_000_000 - answered_s).collect()
}

fn now_s(world: &World) -> u64 {
    world.now.monotonic.as_micros() / 1_000_000
}

/// R8: $0.05 at $0.02 a minute are 150 s.
#[test]
fn the_caller_is_warned_a_minute_and_ten_seconds_before_the_end() {
    let mut world = World::with_credit(5);
    let (call, answered) = (talking(&mut world, CALLEE), now_s(&world));
    world.seconds(200);
    assert_eq!(warned(&world, call, answered), [90, 140]);
    let record = world.record(call);
    assert_eq!((record.billed_s, record.cause), (150, ReleaseCause::CreditExhausted));
    assert!(record.trace.contains("a warning tone to the caller|60 s"), "{}", record.trace);
    assert!(record.trace.contains("a warning tone to the caller|10 s"), "{}", record.trace);
}

/// What is left is spent by all calls of the profile together.
#[test]
fn siblings_that_spend_the_same_credit_are_warned_by_what_is_left_for_all_of_them() {
    // Each has paid 30 s with 64 cents; what is left are 20 blocks of 6 s for 12 cents.
    let mut world = World::with_credit(2 * 64 + 20 * 12);
    let calls = [talking(&mut world, DEAR), talking(&mut world, DEAR)];
    let answered = now_s(&world);
    world.seconds(200);
    for call in calls {
        assert_eq!(world.record(call).billed_s, 90);
        assert_eq!(warned(&world, call, answered), [30, 80], "{call}");
    }
}

#[test]
fn a_warning_is_not_repeated_when_a_sibling_leaves_more() {
    let mut world = World::with_credit(2 * 64 + 20 * 12);
    let (stays, leaves) = (talking(&mut world, DEAR), talking(&mut world, DEAR));
    let answered = now_s(&world);
    world.seconds(40);
    world.leg(leaves, LegId::CALLER, hung_up());
    world.seconds(200);
    let ended = u64::from(world.record(stays).billed_s);
    assert!(ended > 130, "{ended}");
    assert_eq!(warned(&world, stays, answered), [30, ended - 10]);
}

/// K4: after a top-up the end is another one, and is warned of anew.
#[test]
fn a_top_up_takes_warnings_back_and_the_new_end_is_warned_of() {
    let mut world = World::with_credit(5);
    let (call, answered) = (talking(&mut world, CALLEE), now_s(&world));
    world.seconds(145);
    world.allocate(3);
    world.seconds(200);
    assert_eq!(world.record(call).billed_s, 240);
    assert_eq!(warned(&world, call, answered), [90, 140, 180, 230]);
}

/// K6: what a recharge will pay is no end; where the company has nothing, it is one.
#[test]
fn nobody_is_warned_of_an_end_that_a_recharge_puts_off() {
    let mut world = World::with_recharge(5, 100, 0, 10_000);
    talking(&mut world, CALLEE);
    world.seconds(300);
    assert_eq!(world.warned, []);
    let mut poor = World::with_recharge(5, 100, 2, 0);
    let (call, answered) = (talking(&mut poor, CALLEE), now_s(&poor));
    poor.seconds(300);
    assert_eq!(warned(&poor, call, answered).last(), Some(&140));
}

#[test]
fn a_profile_has_its_own_times_or_none() {
    for (warn_before, expected) in [("30", &[120][..]), ("", &[]), ("20,100,5", &[50, 130, 145])] {
        let warn_before: Option<WarnBefore> = Some(warn_before.parse().unwrap());
        let mut world = World::of(town().profile(Profile { warn_before, ..profile(profile_id(), SIP_USER) }), 5, 0);
        let (call, answered) = (talking(&mut world, CALLEE), now_s(&world));
        world.seconds(200);
        assert_eq!(warned(&world, call, answered), expected);
    }
}

/// The tone is written in G.711 only; the trace says where it was not, also after the sides have gone over to another codec.
#[test]
fn a_codec_that_no_tone_can_be_written_in_is_told_in_the_trace() {
    let mut world = World::with_credit(5);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, LegEvent::Answered { media: speaking(18, Some("G729/8000")) });
    world.seconds(100);
    assert_eq!(world.warned, []);
    let accepted = SessionWord::Accepted(speaking(8, None));
    world.leg(call, FIRST, LegEvent::Session(accepted));
    world.seconds(100);
    assert_eq!(world.warned.len(), 1);
    let trace = &world.record(call).trace;
    assert!(trace.contains("no warning tone: it cannot be written in G729/8000|60 s"), "{trace}");
    assert!(trace.contains("a warning tone to the caller|10 s"), "{trace}");
}
