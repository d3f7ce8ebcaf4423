//! A session that changes while people talk: hold, resume, other ports and codecs, late offers, requests that cross (RFC 3261 14,
//! RFC 3264, RFC 3311).

use domain::media::{Carriage, Direction, KeyPress};
use domain::{ReleaseCause, trace};
use media::Side;
use std::time::Duration;
use testkit::world::text::{body, flow, formats, header, status, version};
use testkit::world::{Beginning, FIRST, FaxManner, OF_PBX, Refresh, World};

/// A call that is answered after a second.
fn talking() -> World {
    talking_with(|_| {})
}

fn talking_with(prepare: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    for agent in [OF_PBX, FIRST] {
        world.agents[agent].manner.formats = "0 8 101";
    }
    prepare(&mut world);
    world.dial();
    world.run_s(3);
    world
}

/// An end of the only call asks for a change, and two seconds pass.
fn change(world: &mut World, agent: usize, refresh: Refresh) {
    ask(world, agent, refresh);
    world.run_s(2);
}

fn ask(world: &mut World, agent: usize, refresh: Refresh) {
    let now = world.now.monotonic;
    let call_id = world.agents[agent].talk().call_id.clone();
    world.agents[agent].refresh(&call_id, refresh, now);
    world.post();
}

/// How an end's changes were answered: the status, and which way sound flows in the answer.
fn answers(world: &World, agent: usize) -> Vec<(u16, String)> {
    let refreshed = &world.agents[agent].talk().refreshed;
    refreshed.iter().map(|(_, status, answer)| (*status, flow(body(answer)).to_owned())).collect()
}

/// Which way sound flows in what the switch asked of an end.
fn asked_of(world: &World, agent: usize) -> Vec<String> {
    world.agents[agent].talk().changes.iter().map(|(_, request)| flow(body(request)).to_owned()).collect()
}

/// Which way the relay lets a side's sound flow now.
fn relayed(world: &World, side: Side) -> Direction {
    let orders = world.node.sound_orders.iter().rev();
    orders.clone().find(|(of, _)| *of == side).map(|(_, order)| order.direction).unwrap()
}

fn ends_well(mut world: World) {
    let now = world.now.monotonic;
    let call_id = world.agents[OF_PBX].talk().call_id.clone();
    world.agents[OF_PBX].give_up(&call_id, now);
    world.run_s(300);
    assert_eq!(world.record().cause, ReleaseCause::Normal);
    world.assert_all_is_over();
}

/// RFC 3264 6.1 and 8.4; field lesson 24.
#[test]
fn hold_is_answered_recvonly_and_inactive_inactive_whatever_the_way_it_is_said() {
    for (hold, answered, told) in [
        (Refresh::Hold, "recvonly", "sendonly"),
        (Refresh::HoldByUpdate, "recvonly", "sendonly"),
        (Refresh::HoldInactive, "inactive", "inactive"),
        (Refresh::HoldZero, "recvonly", "sendonly"),
    ] {
        for (holder, other) in [(OF_PBX, FIRST), (FIRST, OF_PBX)] {
            let mut world = talking();
            change(&mut world, holder, hold);
            assert_eq!(answers(&world, holder), [(200, answered.to_owned())], "{hold:?} by {holder}");
            assert_eq!(asked_of(&world, other), [told], "{hold:?} by {holder}: the other side is told");
            change(&mut world, holder, Refresh::Resume);
            assert_eq!(answers(&world, holder)[1], (200, "sendrecv".to_owned()), "{hold:?} by {holder}");
            assert_eq!(asked_of(&world, other), [told, "sendrecv"], "{hold:?} by {holder}: and that it is over");
            assert_eq!([Side::A, Side::B].map(|side| relayed(&world, side)), [Direction::SendRecv; 2]);
            ends_well(world);
        }
    }
}

/// The relay hears the music of who holds, and nothing goes to it.
#[test]
fn while_one_side_holds_the_relay_passes_its_music_only() {
    let mut world = talking();
    change(&mut world, OF_PBX, Refresh::Hold);
    assert_eq!(relayed(&world, Side::A), Direction::SendOnly);
    assert_eq!(relayed(&world, Side::B), Direction::RecvOnly);
    ends_well(world);
}

#[test]
fn two_sides_that_hold_each_other_both_have_to_resume() {
    let mut world = talking();
    change(&mut world, OF_PBX, Refresh::Hold);
    change(&mut world, FIRST, Refresh::Hold);
    assert_eq!(answers(&world, FIRST), [(200, "inactive".to_owned())], "the PBX sends, and receives nothing");
    change(&mut world, OF_PBX, Refresh::Resume);
    assert_eq!(answers(&world, OF_PBX)[1], (200, "sendonly".to_owned()), "the carrier receives nothing");
    assert_eq!(relayed(&world, Side::B), Direction::SendOnly);
    change(&mut world, FIRST, Refresh::Resume);
    assert_eq!(answers(&world, FIRST)[1], (200, "sendrecv".to_owned()));
    assert_eq!([Side::A, Side::B].map(|side| relayed(&world, side)), [Direction::SendRecv; 2]);
    ends_well(world);
}

/// RFC 3264 8, RFC 4028 7.4.
#[test]
fn our_version_counts_only_where_our_description_changes() {
    let mut world = talking();
    for refresh in
        [Refresh::Invite, Refresh::UpdateWithSdp, Refresh::Hold, Refresh::Invite, Refresh::Resume, Refresh::Invite]
    {
        change(&mut world, OF_PBX, refresh);
    }
    let refreshed = &world.agents[OF_PBX].talk().refreshed;
    let versions: Vec<_> = refreshed.iter().map(|(_, _, answer)| version(body(answer)).unwrap()).collect();
    assert_eq!(versions, [1, 1, 2, 2, 3, 3]);
    let asked: Vec<_> =
        world.agents[FIRST].talk().changes.iter().map(|(_, request)| version(body(request)).unwrap()).collect();
    assert_eq!(asked, [2, 3], "the other side hears of hold and resume, and of nothing else");
    ends_well(world);
}

/// Field lesson 25.
#[test]
fn another_port_is_taken_without_a_word_to_the_other_side() {
    for (changing, side, port) in [(OF_PBX, Side::A, 40_002), (FIRST, Side::B, 50_002)] {
        let mut world = talking();
        change(&mut world, changing, Refresh::ChangedInvite);
        assert_eq!(answers(&world, changing), [(200, "sendrecv".to_owned())]);
        let mut orders = world.node.sound_orders.iter().filter(|(of, _)| *of == side);
        assert_eq!(orders.next_back().unwrap().1.rtp.port(), port);
        assert_eq!(asked_of(&world, if changing == OF_PBX { FIRST } else { OF_PBX }), [""; 0]);
        ends_well(world);
    }
}

#[test]
fn other_codecs_are_agreed_with_the_other_side() {
    for (changing, other) in [(OF_PBX, FIRST), (FIRST, OF_PBX)] {
        let mut world = talking();
        change(&mut world, changing, Refresh::Codec);
        let (_, status, answer) = world.agents[changing].talk().refreshed[0].clone();
        assert_eq!((status, formats(body(&answer))), (200, "8"), "{answer}");
        let (_, request) = world.agents[other].talk().changes[0].clone();
        assert_eq!(formats(body(&request)), "8", "{request}");
        ends_well(world);
    }
}

#[test]
fn codecs_that_the_other_side_does_not_take_are_refused_and_the_call_goes_on() {
    let mut world = talking_with(|world| {
        for agent in [OF_PBX, FIRST] {
            world.agents[agent].manner.formats = "0";
        }
        world.agents[FIRST].manner.answers_changes = 488;
    });
    change(&mut world, OF_PBX, Refresh::Codec);
    let (_, status, answer) = world.agents[OF_PBX].talk().refreshed[0].clone();
    assert_eq!(status, 488);
    assert!(header(&answer, "Warning").is_some_and(|warning| warning.contains("does not take the offered codecs")));
    world.agents[FIRST].manner.answers_changes = 200;
    change(&mut world, OF_PBX, Refresh::Hold);
    assert_eq!(answers(&world, OF_PBX)[1].0, 200, "the session is as it was");
    ends_well(world);
}

/// One of two codecs that were agreed: where the other side does not take the change, it goes on with what both know.
#[test]
fn a_peer_that_locks_one_of_the_agreed_codecs_is_answered_even_where_the_other_side_refuses() {
    let mut world = talking_with(|world| world.agents[FIRST].manner.answers_changes = 488);
    change(&mut world, OF_PBX, Refresh::Codec);
    let (_, status, answer) = world.agents[OF_PBX].talk().refreshed[0].clone();
    assert_eq!((status, formats(body(&answer))), (200, "8"));
    ends_well(world);
}

/// What the relay was told of a side last.
fn last_order(world: &World, side: Side) -> &leg::SoundOrder {
    let mut orders = world.node.sound_orders.iter().rev();
    orders.find(|(of, _)| *of == side).map(|(_, order)| order).unwrap()
}

fn carried(world: &World) -> [Carriage; 2] {
    [Side::A, Side::B].map(|side| last_order(world, side).carriage)
}

/// The stream that a description offers, without the port.
fn stream(description: &str) -> String {
    let line = description.lines().find(|line| line.starts_with("m=")).unwrap_or_default();
    let words: Vec<&str> = line.split(' ').collect();
    format!("{} {}", words[0], words[2..].join(" "))
}

/// ITU-T T.38 D.2, RFC 3264 8.3.3: fax takes the place of sound on both sides, in the words of each other, and gives it back.
#[test]
fn fax_over_t_38_is_agreed_with_the_other_side_and_sound_comes_back() {
    for (asking, asked) in [(FIRST, OF_PBX), (OF_PBX, FIRST)] {
        let mut world = talking();
        change(&mut world, asking, Refresh::Fax);
        let (_, status, answer) = world.agents[asking].talk().refreshed[0].clone();
        assert_eq!((status, stream(body(&answer))), (200, "m=image udptl t38".to_owned()), "{answer}");
        assert!(answer.contains("a=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"), "{answer}");
        let (_, told) = world.agents[asked].talk().changes[0].clone();
        assert_eq!(stream(body(&told)), "m=image udptl t38", "{told}");
        assert!(told.contains("a=T38FaxVersion:0\r\n") && told.contains("a=T38MaxBitRate:14400\r\n"), "{told}");
        assert_eq!(carried(&world), [Carriage::Udptl; 2]);
        change(&mut world, asking, Refresh::Sound);
        let (_, status, answer) = world.agents[asking].talk().refreshed[1].clone();
        assert_eq!((status, stream(body(&answer))), (200, "m=audio RTP/AVP 0 8 101".to_owned()), "{answer}");
        let (_, told) = world.agents[asked].talk().changes[1].clone();
        assert_eq!(stream(body(&told)), "m=audio RTP/AVP 0 8 101", "{told}");
        assert_eq!(carried(&world), [Carriage::Rtp; 2]);
        change(&mut world, asked, Refresh::Hold);
        assert_eq!(answers(&world, asked), [(200, "recvonly".to_owned())], "all is as before");
        ends_well(world);
    }
}

/// Field lesson 29: a refresh during a fax asks nobody, and another port is taken.
#[test]
fn a_fax_survives_the_refresh_of_its_session_and_another_port() {
    let mut world = talking();
    change(&mut world, FIRST, Refresh::Fax);
    for refresh in [Refresh::Invite, Refresh::Update, Refresh::Late, Refresh::UpdateWithSdp] {
        change(&mut world, FIRST, refresh);
        let (_, status, answer) = world.agents[FIRST].talk().refreshed.last().unwrap().clone();
        assert_eq!(status, 200, "{refresh:?}");
        assert!(refresh == Refresh::Update || stream(body(&answer)) == "m=image udptl t38", "{refresh:?}: {answer}");
    }
    change(&mut world, FIRST, Refresh::ChangedInvite);
    let order = last_order(&world, Side::B);
    assert_eq!((order.rtp.port(), order.carriage), (50_002, Carriage::Udptl));
    assert_eq!(world.agents[OF_PBX].talk().changes.len(), 1, "the other side heard of the fax, and of nothing else");
    ends_well(world);
}

/// As it is refused, by 488 or by port 0, whoever refuses.
#[test]
fn a_fax_that_the_other_side_does_not_take_is_refused_and_sound_goes_on() {
    for manner in [FaxManner::Refuses, FaxManner::ClosesThePort] {
        let mut world = talking_with(|world| world.agents[OF_PBX].manner.fax = manner);
        change(&mut world, FIRST, Refresh::Fax);
        let (_, status, answer) = world.agents[FIRST].talk().refreshed[0].clone();
        assert_eq!(status, 488, "{manner:?}: {answer}");
        assert_eq!(carried(&world), [Carriage::Rtp; 2], "{manner:?}");
        let told: Vec<_> =
            world.agents[OF_PBX].talk().changes.iter().map(|(_, request)| stream(body(request))).collect();
        let fax_then_sound = ["m=image udptl t38", "m=audio RTP/AVP 0 8 101"];
        assert_eq!(told, fax_then_sound[..if manner == FaxManner::Refuses { 1 } else { 2 }], "{manner:?}");
        change(&mut world, OF_PBX, Refresh::Hold);
        assert_eq!(answers(&world, OF_PBX), [(200, "recvonly".to_owned())]);
        ends_well(world);
    }
}

/// RFC 3261 14.2.
#[test]
fn a_re_invite_without_description_gets_our_offer_and_its_ack_brings_the_answer() {
    for (late, other) in [(OF_PBX, FIRST), (FIRST, OF_PBX)] {
        let mut world = talking();
        change(&mut world, late, Refresh::Hold);
        // It resumes by leaving the offer to us, as some phones do.
        world.agents[late].manner.formats = "0 8 101";
        change(&mut world, late, Refresh::Late);
        let (_, status, answer) = world.agents[late].talk().refreshed[1].clone();
        assert_eq!((status, flow(body(&answer))), (200, "sendrecv"), "the other side wants sound both ways");
        assert_eq!(asked_of(&world, other), ["sendonly"], "the ACK still says that it holds");
        change(&mut world, late, Refresh::Resume);
        assert_eq!(asked_of(&world, other), ["sendonly", "sendrecv"]);
        ends_well(world);
    }
}

/// RFC 3261 13.2.1; decision 10 before.
#[test]
fn a_call_without_offer_is_offered_the_carriers_choice_and_its_ack_brings_the_answer() {
    let mut world = talking_with(|world| {
        world.pbx().manner.offers_late = true;
        world.agents[FIRST].manner.formats = "8 101";
    });
    let caller = world.agents[OF_PBX].talk().clone();
    assert_eq!(caller.status, Some(200), "{}", caller.answer);
    assert_eq!(formats(caller.answer_body()), "8 101", "what the carrier took");
    assert_eq!(relayed(&world, Side::A), Direction::SendRecv, "where the ACK says");
    let rtp = world.node.sound_orders.iter().find(|(side, _)| *side == Side::A).unwrap().1.rtp;
    assert_eq!(rtp.port(), 40_000);
    change(&mut world, OF_PBX, Refresh::Hold);
    assert_eq!(answers(&world, OF_PBX), [(200, "recvonly".to_owned())]);
    ends_well(world);
}

/// RFC 3261 14.1: who minted the Call-ID waits 2.1 to 4 seconds, the other 0 to 2; both requests come through in the end.
#[test]
fn holds_that_cross_are_both_heard_after_the_pauses_of_the_rfc() {
    for (first, other, expected) in [(OF_PBX, FIRST, 2_100..=4_010), (FIRST, OF_PBX, 0..=2_010)] {
        let mut pauses = Vec::new();
        for seed in 0..20 {
            let mut world = World::new(Beginning { seed, ..Beginning::default() });
            world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
            world.dial();
            world.run_s(3);
            // What the first one says goes to the other, whose own request is on its way.
            ask(&mut world, first, Refresh::Hold);
            ask(&mut world, other, Refresh::Hold);
            world.run_s(20);
            let changes = world.agents[other].talk().changes.clone();
            assert_eq!(asked_of(&world, other), ["sendonly", "sendonly"], "seed {seed}: and again after the pause");
            pauses.push(changes[1].0.since(changes[0].0).as_millis());
            let refreshed = answers(&world, other);
            assert_eq!(refreshed[0].0, 491, "seed {seed}: theirs crossed as well");
            assert_eq!(refreshed.last().unwrap().0, 200, "seed {seed}: and was repeated by their clock");
            ends_well(world);
        }
        assert!(pauses.iter().all(|pause| expected.contains(pause)), "agent {other}: {pauses:?}");
        let distinct: std::collections::BTreeSet<_> = pauses.iter().collect();
        assert!(distinct.len() > 10, "they are drawn: {pauses:?}");
    }
}

/// RFC 3261 14.2 and 3311 5.2.
#[test]
fn who_offers_while_our_offer_is_on_its_way_gets_491() {
    let mut world = talking();
    // The PBX does not hear for a moment: our re-INVITE, about the carrier's hold, stays open.
    world.agents[OF_PBX].is_silent = true;
    ask(&mut world, FIRST, Refresh::Hold);
    world.run_for(Duration::from_millis(50));
    world.agents[OF_PBX].is_silent = false;
    ask(&mut world, OF_PBX, Refresh::HoldByUpdate);
    world.run_s(20);
    let pbx = world.agents[OF_PBX].talk();
    assert_eq!(pbx.refreshed[0].1, 491, "{}", pbx.refreshed[0].2);
    assert_eq!(asked_of(&world, OF_PBX), ["sendonly"]);
    ends_well(world);
}

/// What a stranger who read the tags could do.
#[test]
fn a_request_in_the_dialog_from_another_address_is_refused_and_changes_nothing() {
    let mut world = talking();
    let stranger: std::net::SocketAddr = "203.0.113.66:5060".parse().unwrap();
    let invite = world.agents[FIRST].heard.iter().find(|(_, text)| text.starts_with("INVITE")).unwrap().1.clone();
    let call_id = header(&invite, "Call-ID").unwrap().to_owned();
    let from = header(&invite, "From").unwrap().to_owned();
    let answer = world.agents[FIRST].said_200();
    let to = header(&answer, "To").unwrap().to_owned();
    let forged = |method: &str, branch: &str| {
        format!(
            "{method} sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.66;branch=z9hG4bK{branch}\r\n\
             Max-Forwards: 70\r\nFrom: {to}\r\nTo: {from}\r\nCall-ID: {call_id}\r\nCSeq: 9000 {method}\r\n\
             Contact: <sip:evil@203.0.113.66>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for (method, branch) in [("BYE", "one"), ("INVITE", "two"), ("UPDATE", "three")] {
        let now = world.now;
        world.node.receive(&forged(method, branch), stranger, now);
        let refused = world.node.sent.iter().find(|(to, _)| *to == stranger).map(|(_, bytes)| bytes.clone()).unwrap();
        assert_eq!(status(&String::from_utf8_lossy(&refused)), Some(if method == "INVITE" { 100 } else { 403 }));
        world.run_s(1);
    }
    assert!(world.agents[OF_PBX].talk().is_up, "the call goes on");
    change(&mut world, FIRST, Refresh::Hold);
    assert_eq!(answers(&world, FIRST), [(200, "recvonly".to_owned())], "and the carrier is still heard");
    let (call_id, now) = (world.agents[OF_PBX].talk().call_id.clone(), world.now.monotonic);
    world.agents[OF_PBX].give_up(&call_id, now);
    world.run_s(300);
    world.assert_all_is_over();
    let steps = trace::read(&world.record().trace).into_iter().filter(|step| step.refusal == "foreign_address");
    let carrier = format!("from {}", world.agents[FIRST].address.ip());
    let noted: Vec<_> = steps.map(|step| (step.seen, step.wanted)).collect();
    let expected = ["BYE", "INVITE", "UPDATE"].map(|method| (format!("{method} from {stranger}"), carrier.clone()));
    assert_eq!(noted, expected, "and the trace tells of each");
}

/// Keys in INFO pass where the far side takes INFO, and are taken in either case.
#[test]
fn a_key_in_an_info_reaches_a_far_side_that_takes_info() {
    for takes_info in [true, false] {
        let mut world = talking_with(|world| {
            world.agents[FIRST].manner.formats = "0 8";
            world.agents[FIRST].manner.allows_update = takes_info;
        });
        let (call_id, now) = (world.agents[OF_PBX].talk().call_id.clone(), world.now.monotonic);
        world.agents[OF_PBX].press(&call_id, '5', now);
        world.post();
        world.run_s(2);
        assert_eq!(world.agents[FIRST].heard_requests("INFO"), usize::from(takes_info));
        if takes_info {
            let (_, info) = world.agents[FIRST].heard.iter().find(|(_, text)| text.starts_with("INFO")).unwrap();
            assert_eq!(header(info, "Content-Type"), Some("application/dtmf-relay"));
            assert_eq!(body(info), "Signal=5\r\nDuration=160\r\n");
        }
        ends_well(world);
    }
}

/// RFC 4733: whoever hears keys in its sound is not sent an INFO.
#[test]
fn a_key_in_an_info_is_put_into_the_sound_of_a_far_side_that_hears_keys() {
    for (pressing, hearing) in [(OF_PBX, Side::B), (FIRST, Side::A)] {
        let mut world = talking_with(|world| {
            world.agents[FIRST].manner.allows_update = true;
            world.pbx().manner.allows_update = true;
        });
        let (call_id, now) = (world.agents[pressing].talk().call_id.clone(), world.now.monotonic);
        world.agents[pressing].press(&call_id, '#', now);
        world.post();
        world.run_s(2);
        assert_eq!(world.node.keys, [(hearing, KeyPress { event: 11, duration_ms: 160 })]);
        let format = last_order(&world, hearing).keys.unwrap();
        assert_eq!((format.payload_type, format.clock_rate_hz), (101, 8_000));
        let other = if pressing == OF_PBX { FIRST } else { OF_PBX };
        assert_eq!(world.agents[other].heard_requests("INFO"), 0);
        ends_well(world);
    }
}

#[test]
fn a_caller_that_hears_itself_may_hold_and_resume() {
    let mut world = World::new(Beginning::default());
    world.dial_number("*43");
    world.run_s(3);
    change(&mut world, OF_PBX, Refresh::Hold);
    change(&mut world, OF_PBX, Refresh::Resume);
    assert_eq!(answers(&world, OF_PBX), [(200, "recvonly".to_owned()), (200, "sendrecv".to_owned())]);
    ends_well(world);
}
