//! Two phones and a relay between them, over loopback sockets: who hears whom, and who does not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod common;

use common::{Phone, Room, receive, rtcp, rtp, settings};
use domain::media::{CodecName, Direction, FormatNumber, KeyPress};
use media::{DiscardReason, Learning, MediaEvent, Mode, OpenRefused, OpenRequest, Remote, SessionId, Side};
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;

const FIRST_PORT: u16 = 10_000;

fn room() -> Room {
    Room::start(settings(FIRST_PORT))
}

#[test]
fn what_one_phone_says_the_other_hears_unchanged_and_from_the_address_it_was_given() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    assert_eq!((to_a.port() & 1, to_b.port() & 1), (0, 0));
    for number in 0..200 {
        assert_eq!(a.speak(to_a, number), b.hear());
        let said = b.speak(to_b, number);
        assert_eq!(a.hear_from(), (said, to_a), "symmetric RTP, RFC 4961");
    }
    let report = room.close(1).unwrap();
    assert_eq!(report.mode, Mode::Relay);
    for side in [report.sides.a, report.sides.b] {
        assert_eq!((side.packets_received, side.packets_sent, side.packets_lost), (200, 200, 0));
        assert_eq!((side.bytes_received, side.bytes_sent), (200 * 172, 200 * 172));
        assert_eq!((side.streams, side.learned, side.discarded.total()), (1, false, 0));
    }
    assert_eq!(report.sides.a.source, Some(a.address()));
}

/// Field lesson 39: no payload is lost because its type is unknown to us.
#[test]
fn any_payload_type_and_length_passes_unchanged() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    for (number, (payload_type, length)) in
        [(0, 160), (8, 0), (101, 4), (111, 1_188), (127, 1_988)].into_iter().enumerate()
    {
        let mut packet = rtp(7, number as u32, &vec![number as u8; length]);
        packet[1] = payload_type | 0x80;
        a.rtp.send_to(&packet, to_a).unwrap();
        assert_eq!(b.hear(), packet);
    }
}

#[test]
fn rtcp_goes_from_rtcp_port_to_rtcp_port_and_on_the_rtp_port_where_it_comes_there() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    let rtcp_of = |address: SocketAddr| SocketAddr::new(address.ip(), address.port() + 1);
    a.rtcp.send_to(&rtcp(1), rtcp_of(to_a)).unwrap();
    assert_eq!(receive(&b.rtcp), (rtcp(1), rtcp_of(to_b)));
    b.rtcp.send_to(&rtcp(2), rtcp_of(to_b)).unwrap();
    assert_eq!(receive(&a.rtcp), (rtcp(2), rtcp_of(to_a)));
    a.speak(to_a, 0);
    b.hear();
    a.rtp.send_to(&rtcp(3), to_a).unwrap();
    assert_eq!(b.hear(), rtcp(3), "RFC 5761");
    let report = room.close(1).unwrap().sides;
    assert_eq!((report.a.rtcp_received, report.b.rtcp_sent, report.a.packets_received), (2, 2, 1));
}

#[test]
fn a_described_rtcp_address_is_used() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    let elsewhere = Phone::new("127.0.0.1");
    let described = elsewhere.rtcp.local_addr().unwrap();
    room.set_remote(1, Side::B, Remote { rtcp: Some(described), ..b.remote() });
    a.rtcp.send_to(&rtcp(1), SocketAddr::new(to_a.ip(), to_a.port() + 1)).unwrap();
    assert_eq!(receive(&elsewhere.rtcp).0, rtcp(1), "RFC 3605");
}

#[test]
fn a_stranger_can_neither_hear_nor_speak() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    // Before anybody has spoken, and after: from another address, and from another port of the same one once it is fixed.
    let strangers = [Phone::new("127.0.0.66"), Phone::new("127.0.0.67")];
    for (stranger, to) in strangers.iter().zip([to_a, to_b]) {
        for number in 0..10 {
            stranger.speak(to, number);
        }
    }
    for number in 0..10 {
        assert_eq!(a.speak(to_a, number), b.hear(), "the first that is heard is the phone");
        assert_eq!(b.speak(to_b, number), a.hear());
    }
    a.rtcp.send_to(&rtcp(1), SocketAddr::new(to_a.ip(), to_a.port() + 1)).unwrap();
    assert_eq!(receive(&b.rtcp).0, rtcp(1));
    let neighbour = Phone::new("127.0.0.1");
    for number in 0..10 {
        neighbour.speak(to_a, number);
        neighbour.rtcp.send_to(&rtcp(9), SocketAddr::new(to_a.ip(), to_a.port() + 1)).unwrap();
    }
    // Behind these in the same socket's queue: once it is heard, they have been judged.
    assert_eq!(a.speak(to_a, 10), b.hear());
    assert_eq!(b.speak(to_b, 10), a.hear());
    let discarded = |side: media::SideReport| side.discarded.of(DiscardReason::UnknownSource);
    let report = room.close(1).unwrap().sides;
    assert!(strangers.iter().all(Phone::hears_nothing) && neighbour.hears_nothing());
    assert!(a.hears_nothing() && b.hears_nothing());
    assert_eq!((discarded(report.a), discarded(report.b)), (30, 10));
    assert_eq!(room.totals().discarded.of(DiscardReason::UnknownSource), 40);
}

#[test]
fn a_changed_port_is_learned_once_and_only_from_the_signallings_ip() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    let behind_nat = Phone::new("127.0.0.1");
    assert_eq!(behind_nat.speak(to_a, 0), b.hear(), "same IP, another port");
    assert_eq!(b.speak(to_b, 0), behind_nat.hear());
    let report = room.report(1).unwrap().sides.a;
    assert_eq!((report.source, report.learned), (Some(behind_nat.address()), true));
    a.speak(to_a, 1);
    assert_eq!(behind_nat.speak(to_a, 2), b.hear(), "the described port came too late");
    // A new negotiation learns anew, once (field lesson 25).
    room.set_remote(1, Side::A, a.remote());
    let again = Phone::new("127.0.0.1");
    assert_eq!(again.speak(to_a, 500), b.hear());
    assert_eq!(b.speak(to_b, 1), again.hear());
    assert!(behind_nat.hears_nothing());
}

#[test]
fn a_phone_that_describes_an_address_we_cannot_reach_is_heard_from_its_signallings_ip() {
    let room = room();
    let (a, b, stranger) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"), Phone::new("127.0.0.66"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    // On loopback every 127/8 address is reachable, so a reserved one stands in for the private one behind a NAT.
    room.set_remote(1, Side::A, Remote { rtp: "240.0.0.1:4000".parse().unwrap(), ..a.remote() });
    b.speak(to_b, 0);
    stranger.speak(to_a, 0);
    assert_eq!(a.speak(to_a, 1), b.hear());
    assert_eq!(b.speak(to_b, 1), a.hear());
    let report = room.close(1).unwrap().sides;
    assert_eq!((report.a.learned, report.a.source), (true, Some(a.address())));
    assert_eq!(report.a.discarded.of(DiscardReason::UnknownSource), 1);
    assert!(stranger.hears_nothing());
}

#[test]
fn a_trunk_that_learns_from_the_first_packet_takes_whoever_is_first() {
    let room = room();
    let (a, b, elsewhere) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"), Phone::new("127.0.0.9"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    room.set_remote(1, Side::A, Remote { learning: Some(Learning::FirstPacket), ..a.remote() });
    assert_eq!(elsewhere.speak(to_a, 1), b.hear());
    assert_eq!(b.speak(to_b, 1), elsewhere.hear());
    a.speak(to_a, 2);
    assert_eq!(elsewhere.speak(to_a, 3), b.hear(), "and then nobody else");
}

#[test]
fn with_learning_off_only_the_described_port_is_heard() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    room.set_remote(1, Side::A, Remote { learning: Some(Learning::Off), ..a.remote() });
    Phone::new("127.0.0.1").speak(to_a, 0);
    assert_eq!(a.speak(to_a, 1), b.hear());
    assert_eq!(room.close(1).unwrap().sides.a.discarded.of(DiscardReason::UnknownSource), 1);
}

/// Field lessons 24 and 25.
#[test]
fn on_hold_nothing_is_heard_and_after_it_a_new_ssrc_and_port_are() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    assert_eq!(a.speak(to_a, 0), b.hear());
    assert_eq!(b.speak(to_b, 0), a.hear());
    // A holds and plays music to B.
    room.set_remote(1, Side::A, Remote { direction: Direction::SendOnly, ..a.remote() });
    room.set_remote(1, Side::B, Remote { direction: Direction::RecvOnly, ..b.remote() });
    assert_eq!(a.speak(to_a, 1), b.hear(), "music on hold");
    b.speak(to_b, 1);
    let rtcp_to_b = SocketAddr::new(to_b.ip(), to_b.port() + 1);
    b.rtcp.send_to(&rtcp(2), rtcp_to_b).unwrap();
    assert_eq!(receive(&a.rtcp).0, rtcp(2), "RTCP goes on");
    // Un-hold: A comes back from another port, with another SSRC and sequence.
    let mut back = Phone::new("127.0.0.1");
    back.ssrc = 99;
    room.set_remote(1, Side::A, back.remote());
    room.set_remote(1, Side::B, b.remote());
    assert_eq!(back.speak(to_a, 30_000), b.hear());
    assert_eq!(
        b.speak(to_b, 2),
        back.hear(),
        "the first that is heard after the hold: what was said during it is gone"
    );
    let report = room.close(1).unwrap().sides;
    assert_eq!((report.a.streams, report.a.packets_lost), (2, 0));
    assert_eq!(report.b.discarded.of(DiscardReason::Held), 1);
    assert!(a.hears_nothing());
}

#[test]
fn when_the_first_carrier_fails_the_next_one_takes_its_place_on_the_same_ports() {
    let room = room();
    let (a, first, second) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.2"), Phone::new("127.0.0.3"));
    let (to_a, to_b) = room.relay(1, &a, &first);
    assert_eq!(first.speak(to_b, 0), a.hear(), "early media of the first");
    room.set_remote(1, Side::B, second.remote());
    first.speak(to_b, 1);
    assert_eq!(second.speak(to_b, 0), a.hear(), "the first is a stranger now");
    assert_eq!(a.speak(to_a, 0), second.hear());
    assert!(first.hears_nothing());
}

#[test]
fn loss_reordering_and_copies_are_counted_as_they_were_made() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    let mut expected = 0;
    let start = 65_400; // The sequence wraps in between.
    for number in 0..500 {
        match number % 50 {
            7 => continue,
            20 => {
                a.speak(to_a, start + number + 1);
                a.speak(to_a, start + number);
                expected += 2;
            }
            21 => continue,
            40 => {
                a.speak(to_a, start + number);
                a.speak(to_a, start + number);
                expected += 1;
            }
            _ => {
                a.speak(to_a, start + number);
                expected += 1;
            }
        }
        // In step with the relay, so that no socket's buffer overflows.
        while expected > 0 {
            b.hear();
            expected -= 1;
        }
    }
    let report = room.close(1).unwrap().sides.a;
    assert_eq!((report.packets_lost, report.packets_reordered), (10, 10));
    assert_eq!(report.discarded.of(DiscardReason::Duplicate), 10);
    assert_eq!(report.packets_received, 500);
    let totals = room.totals();
    assert_eq!((totals.sides.a.packets_lost, totals.sides.a.packets_received), (10, 500));
    assert_eq!(totals.sides.b.packets_sent, 490);
    let mut samples = Vec::new();
    room.media.drain_samples(&mut samples);
    let (due, lost) =
        samples.iter().fold((0, 0), |sum, sample| (sum.0 + sample.packets_expected, sum.1 + sample.packets_lost));
    assert_eq!((due, lost), (500, 10));
    assert!(samples.iter().all(|sample| sample.side == Side::A));
}

#[test]
fn a_burst_that_fills_several_batches_comes_through_in_order() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    for burst in 0..20 {
        let said: Vec<_> = (0..60).map(|number| a.speak(to_a, burst * 60 + number)).collect();
        let heard: Vec<_> = (0..60).map(|_| b.hear()).collect();
        assert!(said == heard, "burst {burst}");
    }
    assert_eq!(room.close(1).unwrap().sides.b.packets_sent, 1_200);
}

#[test]
fn what_piled_up_while_the_thread_was_busy_is_relayed_to_the_last_packet() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    let (is_busy, busy) = sync_channel(1);
    let (go_on, gate) = sync_channel::<()>(1);
    let occupy = move |_| {
        is_busy.send(()).unwrap();
        gate.recv_timeout(common::PATIENCE).unwrap();
    };
    room.media.report(SessionId(1), Box::new(occupy));
    busy.recv_timeout(common::PATIENCE).unwrap();
    // More than a socket may bring in one round, less than its buffer holds.
    let said: Vec<_> = (0..150).map(|number| a.speak(to_a, number)).collect();
    go_on.send(()).unwrap();
    let heard: Vec<_> = (0..150).map(|_| b.hear()).collect();
    assert!(said == heard);
}

#[test]
fn noise_on_a_port_goes_nowhere_and_is_counted() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    for noise in [&[0u8, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0x80], &[], &[0x80; 2_100]] {
        a.rtp.send_to(noise, to_a).unwrap();
    }
    assert_eq!(a.speak(to_a, 0), b.hear());
    let discarded = room.close(1).unwrap().sides.a.discarded;
    assert_eq!((discarded.of(DiscardReason::BadVersion), discarded.of(DiscardReason::NotRtp)), (1, 3));
}

#[test]
fn ipv6_and_ipv4_meet_in_one_session() {
    let room = room();
    let (a, b) = (Phone::new("::1"), Phone::new("127.0.0.1"));
    let request = OpenRequest {
        mode: Mode::Relay,
        bind_ip: media::BySide { a: Some("::1".parse().unwrap()), b: Some("127.0.0.7".parse().unwrap()) },
    };
    let opened = room.open(1, request).unwrap();
    let to_b = opened.b.unwrap();
    assert_eq!((opened.a.is_ipv6(), to_b.ip().to_string()), (true, "127.0.0.7".to_owned()));
    room.set_remote(1, Side::A, a.remote());
    room.set_remote(1, Side::B, b.remote());
    assert_eq!(a.speak(opened.a, 0), b.hear());
    assert_eq!(b.speak(to_b, 0), a.hear());
}

/// A second carrier may be reached by another version of IP than the first.
#[test]
fn one_side_moves_to_another_version_of_ip_and_the_other_notices_nothing() {
    let room = room();
    let (a, first, second) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"), Phone::new("::1"));
    let (to_a, to_first) = room.relay(1, &a, &first);
    assert_eq!(a.speak(to_a, 0), first.hear());
    let moved = room.reopen(1, Side::B, "::1").unwrap();
    assert_eq!((moved.a, moved.b.unwrap().is_ipv6()), (to_a, true));
    first.speak(to_first, 1);
    room.set_remote(1, Side::B, second.remote());
    assert_eq!(a.speak(to_a, 1), second.hear());
    assert_eq!(second.speak(moved.b.unwrap(), 0), a.hear(), "and nothing of who was there before");
    assert_eq!(room.media.totals().ports_in_use, 4);
    assert_eq!(
        room.reopen(1, Side::B, "192.0.2.1").map_err(|refused| matches!(refused, OpenRefused::Socket { .. })),
        Err(true)
    );
    assert_eq!(a.speak(to_a, 2), second.hear(), "what cannot move stays");
    room.close(1).unwrap();
    assert_eq!(room.reopen(1, Side::B, "::1"), Err(OpenRefused::NotOpen(media::SessionId(1))));
    assert_eq!(room.media.totals().ports_in_use, 0);
}

/// RFC 4733 2.5.1.4: all three packets that say the end may be lost, and no sound may follow.
#[test]
fn a_key_whose_ends_are_lost_is_told_all_the_same_and_not_passed() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    let keys = FormatNumber { codec: CodecName::of("telephone-event/8000"), sent_as: 101, received_as: 101 };
    room.set_remote(1, Side::A, Remote { numbers: [keys].into(), ..a.remote() });
    room.set_remote(1, Side::B, Remote { keys_are_told: true, ..b.remote() });
    let packet = [0x80, 101, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 11, 10, 1, 224];
    a.rtp.send_to(&packet, to_a).unwrap();
    let key = KeyPress { event: 11, duration_ms: 60 };
    let told = room.events.recv_timeout(common::PATIENCE).unwrap();
    assert_eq!(told, MediaEvent::Key { session: SessionId(1), side: Side::B, key });
    let report = room.report(1).unwrap();
    assert_eq!((report.sides.a.packets_received, report.sides.b.packets_sent), (1, 0));
}
