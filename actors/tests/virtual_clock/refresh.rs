//! Session timers (RFC 4028) and changed sessions on calls that go on.

use domain::{Micros, ReleaseCause};
use std::time::Duration;
use testkit::world::text::{body, header};
use testkit::world::{Beginning, FIRST, OF_PBX, Refresh, World};

/// `Supported: timer`, `Session-Expires: 1800`, refreshed every 900 s.
#[test]
fn a_call_of_two_hours_survives_its_refreshes_and_is_charged_exactly() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    let turns = vec![Refresh::Invite, Refresh::Update, Refresh::UpdateWithSdp];
    let manner = &mut world.pbx().manner;
    manner.refreshes = Some((Duration::from_secs(900), turns));
    manner.hangs_up_after = Some(Duration::from_secs(7_199));
    world.dial();
    world.run_s(7_300);
    let caller = world.agents[0].talk().clone();
    assert_eq!(caller.refreshed.len(), 7, "every 900 s, until the end");
    for (refresh, status, answer) in &caller.refreshed {
        assert_eq!(*status, 200, "{refresh:?}: {answer}");
        assert_eq!(header(answer, "Session-Expires"), Some("1800;refresher=uac"), "{refresh:?}: {answer}");
        assert_eq!(header(answer, "Require"), Some("timer"), "{refresh:?}: {answer}");
        let expected = if *refresh == Refresh::Update { "" } else { caller.answer_body() };
        assert_eq!(body(answer), expected, "{refresh:?}: the description is the same");
    }
    assert!(caller.bye_heard_at.is_none(), "the PBX hung up, not the switch");
    let counters = world.node.counters();
    assert_eq!(
        (counters.retransmissions_sent, counters.retransmissions_received),
        (0, 0),
        "nothing had to be repeated"
    );
    let record = world.record();
    assert_eq!(record.cause, ReleaseCause::Normal);
    assert_eq!((record.billed_s, record.amount), (7_200, Micros::from_cents(240)));
    assert_eq!(record.talked_ms, 7_199_000 + 2, "there and back over a network of 1 ms");
    world.run_s(300);
    world.assert_all_is_over();
}

/// The called side may refresh as well (RFC 4028 7).
#[test]
fn a_carrier_may_refresh_the_session_too() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    let turns = vec![Refresh::Invite, Refresh::Update, Refresh::UpdateWithSdp, Refresh::ChangedInvite];
    world.agents[FIRST].manner.refreshes = Some((Duration::from_secs(900), turns));
    world.pbx().manner.hangs_up_after = Some(Duration::from_secs(3_999));
    world.dial();
    world.run_s(4_100);
    let called = world.agents[FIRST].talk().clone();
    let statuses: Vec<u16> = called.refreshed.iter().map(|(_, status, _)| *status).collect();
    assert_eq!(statuses, [200; 4]);
    for (refresh, _, answer) in &called.refreshed[..3] {
        assert_eq!(header(answer, "Session-Expires"), Some("1800;refresher=uac"), "{refresh:?}: {answer}");
    }
    assert_eq!(world.record().cause, ReleaseCause::Normal);
    world.run_s(300);
    world.assert_all_is_over();
}

fn talking_for(seconds: u64, prepare: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    prepare(&mut world);
    world.dial();
    world.run_s(seconds);
    world
}

/// RFC 4028 7.4: half of the interval.
#[test]
fn both_sides_are_refreshed_by_us_every_half_interval_where_nobody_else_does() {
    for (allows_update, method) in [(true, "UPDATE"), (false, "INVITE")] {
        let world = talking_for(3_700, |world| {
            for agent in [OF_PBX, FIRST] {
                let manner = &mut world.agents[agent].manner;
                (manner.allows_update, manner.knows_timer) = (allows_update, agent == FIRST);
            }
        });
        for agent in [OF_PBX, FIRST] {
            let talk = world.agents[agent].talk();
            assert_eq!(talk.changes.len(), 4, "agent {agent}, {method}");
            for (index, (at, request)) in talk.changes.iter().enumerate() {
                assert!(request.starts_with(method), "{request}");
                assert!(header(request, "Session-Expires").is_some_and(|value| value == "1800;refresher=uac"));
                let due_ms = talk.answered_at.unwrap().as_micros() / 1_000 + 900_000 * (index as u64 + 1);
                let late_ms = at.as_micros() / 1_000 - due_ms;
                assert!(late_ms < 100, "refresh {index} of agent {agent} is {late_ms} ms late");
                if method == "INVITE" {
                    let first = if agent == FIRST { body(&talk.invite) } else { talk.answer_body() };
                    assert_eq!(body(request), first, "the description is the same");
                }
            }
            assert!(talk.is_up);
        }
    }
}

/// RFC 4028 9: who asks for a refresher gets it, and keeps it.
#[test]
fn the_role_of_refreshing_is_kept_across_refreshes() {
    let world = talking_for(3_000, |world| {
        let turns = vec![Refresh::Update];
        world.pbx().manner.refreshes = Some((Duration::from_secs(700), turns));
    });
    let pbx = world.agents[OF_PBX].talk();
    assert!(pbx.changes.is_empty(), "the PBX refreshes, not we");
    assert_eq!(pbx.refreshed.len(), 4);
    let world = talking_for(3_000, |world| {
        let manner = &mut world.pbx().manner;
        (manner.allows_update, manner.knows_timer) = (true, true);
        manner.invite_lines = "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n".to_owned();
    });
    let pbx = world.agents[OF_PBX].talk();
    assert_eq!(header(&pbx.answer, "Session-Expires"), Some("600;refresher=uas"));
    assert_eq!(pbx.changes.len(), 9, "every 300 s");
}

/// RFC 4028 9: 422 with Min-SE, and none below 90 s.
#[test]
fn a_session_interval_that_is_too_short_gets_422_and_what_would_be_right() {
    let world = talking_for(10, |world| {
        world.pbx().manner.invite_lines = "Supported: timer\r\nSession-Expires: 60\r\n".to_owned();
    });
    let pbx = world.agents[OF_PBX].talk();
    assert_eq!(pbx.status, Some(422), "{}", pbx.answer);
    assert_eq!(header(&pbx.answer, "Min-SE"), Some("90"));
    assert!(world.agents[FIRST].heard.is_empty(), "no carrier hears of it");
}

/// RFC 4028 7.3.
#[test]
fn a_carrier_that_wants_a_longer_interval_is_asked_again_with_it() {
    let world = talking_for(10, |world| world.agents[FIRST].manner.min_se_s = Some(3_600));
    let invites: Vec<String> = world.agents[FIRST]
        .heard
        .iter()
        .filter(|(_, text)| text.starts_with("INVITE"))
        .map(|(_, text)| text.clone())
        .collect();
    assert_eq!(invites.len(), 2);
    assert_eq!(header(&invites[1], "Session-Expires"), Some("3600"));
    assert_eq!(header(&invites[1], "Min-SE"), Some("3600"));
    assert_eq!(header(&invites[1], "CSeq"), Some("2 INVITE"));
    assert_eq!(header(&invites[1], "Call-ID"), header(&invites[0], "Call-ID"));
    assert_eq!(body(&invites[1]), body(&invites[0]));
    assert_eq!(world.agents[OF_PBX].talk().status, Some(200), "the caller hears nothing of it");
}

/// Must-show 3; field lesson 26. A refresh that nobody answers is given up after 32 s.
#[test]
fn a_peer_that_vanishes_is_noticed_by_the_session_timer_and_charging_stops() {
    for gone in [OF_PBX, FIRST] {
        let mut world = talking_for(100, |world| world.agents[FIRST].manner.knows_timer = true);
        world.agents[gone].is_silent = true;
        world.run_s(900);
        let record = world.record();
        assert_eq!(record.cause, ReleaseCause::SessionExpired, "agent {gone}");
        let expected_ms = 900_000 + 32_000;
        assert!(record.talked_ms.abs_diff(expected_ms) < 100, "agent {gone}: {} ms", record.talked_ms);
        assert_eq!(record.billed_s, 936, "the increment that had begun at 930 s");
        let other = if gone == FIRST { OF_PBX } else { FIRST };
        assert!(world.agents[other].talk().bye_heard_at.is_some(), "the other side is told");
        world.run_s(300);
        world.assert_books_balance();
    }
}

/// RFC 4028 10: a peer that wanted to refresh and does not is dead a third of the interval, at most 32 s, before its end.
#[test]
fn a_peer_that_does_not_refresh_as_it_said_ends_the_call() {
    let mut world = talking_for(5, |world| {
        world.pbx().manner.invite_lines = "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n".to_owned();
    });
    world.run_s(700);
    let record = world.record();
    assert_eq!(record.cause, ReleaseCause::SessionExpired);
    assert!(record.talked_ms.abs_diff(568_000) < 100, "{} ms", record.talked_ms);
    world.run_s(300);
    world.assert_all_is_over();
}

/// A peer that refuses a refresh is there: RFC 4028 10 ends only what is not answered, or unknown.
#[test]
fn a_peer_that_refuses_our_refresh_is_alive_and_one_that_knows_no_such_call_is_not() {
    for (answer, cause) in [(488, None), (500, None), (481, Some(ReleaseCause::SessionExpired))] {
        let world = talking_for(2_000, |world| world.agents[FIRST].manner.answers_changes = answer);
        let records = world.records();
        assert_eq!(records.first().map(|record| record.cause), cause, "{answer}");
        assert_eq!(world.agents[OF_PBX].talk().is_up, cause.is_none(), "{answer}");
    }
}
