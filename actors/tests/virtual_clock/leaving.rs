//! How long hanging up takes, from a BYE of ours to its final response (RFC 6076 4.4), and why: the cause of one side reaches the other
//! and the record (RFC 3326, RFC 6432).

use domain::Fact;
use domain::call_record::CallDirection;
use std::time::Duration;
use testkit::world::text::{header, headers};
use testkit::world::{Beginning, FIRST, OF_PBX, World};

/// The caller's own BYE is answered by us at once and has no delay to tell of; ours towards the carrier has.
#[test]
fn the_delay_of_our_bye_is_told_once_for_the_leg_that_we_hang_up() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    world.pbx().manner.hangs_up_after = Some(Duration::from_secs(20));
    world.dial();
    world.run_s(60);
    let told = world.node.facts.iter().filter_map(|(_, fact)| match fact {
        Fact::LegDisconnected { direction, after } => Some((*direction, *after)),
        _ => None,
    });
    // There and back over a network of 1 ms.
    assert_eq!(told.collect::<Vec<_>>(), [(CallDirection::Outbound, Duration::from_millis(2))]);
    world.assert_all_is_over();
}

fn calling(answers: &[(u64, u16)]) -> World {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, answers);
    world.dial();
    world.run_s(3);
    world
}

fn gives_up(world: &mut World, agent: usize, q850: Option<u8>) {
    let (call_id, now) = (world.agents[agent].talk().call_id.clone(), world.now.monotonic);
    world.agents[agent].manner.q850 = q850;
    world.agents[agent].give_up(&call_id, now);
    world.post();
    world.run_s(300);
}

#[test]
fn whoever_hangs_up_the_other_side_hears_the_same_cause_and_the_record_keeps_it() {
    for (leaving, left) in [(OF_PBX, FIRST), (FIRST, OF_PBX)] {
        for (given, told) in [(Some(31), "Q.850;cause=31;text=\"normal\""), (None, "Q.850;cause=16;text=\"normal\"")] {
            let mut world = calling(&[(0, 180), (1_000, 200)]);
            gives_up(&mut world, leaving, given);
            assert_eq!(world.agents[left].talk().bye_reason, told, "{leaving} hangs up");
            assert_eq!(world.record().q850, given);
            world.assert_all_is_over();
        }
    }
}

#[test]
fn whoever_gives_up_the_called_side_hears_why_in_the_cancel() {
    let mut world = calling(&[(0, 180)]);
    gives_up(&mut world, OF_PBX, Some(26));
    let cancel = world.agents[FIRST].heard.iter().find(|(_, text)| text.starts_with("CANCEL")).unwrap().1.clone();
    assert_eq!(header(&cancel, "Reason"), Some("Q.850;cause=26;text=\"cancelled\""), "{cancel}");
    assert_eq!(world.record().q850, Some(26));
    world.assert_all_is_over();
}

/// RFC 6432: the very number, not that of our table.
#[test]
fn a_refusal_that_speaks_of_a_person_is_passed_on_with_its_cause() {
    for (status, given, passed) in [(486, 17, "17"), (480, 20, "20"), (404, 1, "1")] {
        let mut world = World::new(Beginning::default());
        world.carrier_answers(FIRST, &[(0, 100), (1_000, status)]);
        world.agents[FIRST].manner.q850 = Some(given);
        world.dial();
        world.run_s(60);
        assert_eq!(world.agents[OF_PBX].talk().answer_q850(), Some(passed), "{status}");
        assert_eq!(world.record().q850, Some(given), "{status}");
    }
}

/// RFC 3326: a phone that hears `SIP;cause=200` does not show a missed call, whoever cancels; in a BYE both causes pass both ways.
#[test]
fn the_sip_cause_of_one_side_reaches_the_other_beside_q850() {
    let elsewhere = "cause=200;text=\"Call completed elsewhere\"";
    let told = |text: &str| headers(text, "Reason").map(str::to_owned).collect::<Vec<_>>();
    for (q850, number) in [(None, 16), (Some(26), 26)] {
        let mut world = calling(&[(0, 180)]);
        world.pbx().manner.sip_reason = Some(elsewhere);
        gives_up(&mut world, OF_PBX, q850);
        let cancel = world.agents[FIRST].heard.iter().find(|(_, text)| text.starts_with("CANCEL")).unwrap().1.clone();
        assert_eq!(told(&cancel), [format!("SIP;{elsewhere}"), format!("Q.850;cause={number};text=\"cancelled\"")]);
        assert_eq!(world.record().q850, q850, "the record keeps what was said of Q.850");
        world.assert_all_is_over();
    }
    for (leaving, left) in [(OF_PBX, FIRST), (FIRST, OF_PBX)] {
        let mut world = calling(&[(0, 180), (1_000, 200)]);
        world.agents[leaving].manner.sip_reason = Some("cause=480");
        gives_up(&mut world, leaving, None);
        let bye = world.agents[left].heard.iter().find(|(_, text)| text.starts_with("BYE")).unwrap().1.clone();
        assert_eq!(told(&bye), ["SIP;cause=480", "Q.850;cause=16;text=\"normal\""], "{leaving} hangs up");
        world.assert_all_is_over();
    }
}

/// What is no status, or would break out of its quotes, does not pass.
#[test]
fn a_sip_cause_is_passed_as_a_status_and_plain_words() {
    for (given, told) in [
        ("cause=200;text=\"a \\\"b\\\" c\"", "SIP;cause=200;text=\"a b c\""),
        ("cause=99", "Q.850;cause=16;text=\"cancelled\""),
        ("text=\"none\"", "Q.850;cause=16;text=\"cancelled\""),
    ] {
        let mut world = calling(&[(0, 180)]);
        world.pbx().manner.sip_reason = Some(given);
        gives_up(&mut world, OF_PBX, None);
        let cancel = world.agents[FIRST].heard.iter().find(|(_, text)| text.starts_with("CANCEL")).unwrap().1.clone();
        assert_eq!(header(&cancel, "Reason"), Some(told), "{given}");
    }
}
