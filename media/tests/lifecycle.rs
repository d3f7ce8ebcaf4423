//! The life of sessions: opened, refused, answered, silent, closed; and what is left of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod common;

use common::{PATIENCE, Phone, Room, rtcp, settings};
use domain::media::Direction;
use media::{
    BySide, Error, Media, MediaEvent, MediaSettings, Mode, OpenRefused, OpenRequest, PortRange, QualitySample, Remote,
    SessionId, Side,
};
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

const FIRST_PORT: u16 = 10_000;

#[test]
fn ports_that_others_hold_are_passed_over_and_when_all_are_taken_calls_are_refused_until_one_ends() {
    wire::raise_open_files_limit().unwrap();
    let range = PortRange { first: 20_000, last: 29_999 };
    // Somebody else holds the odd port of every pair but three.
    let free: BTreeSet<u16> = [20_000, 24_680, 29_998].into();
    let pairs = (range.first..range.last).step_by(2);
    // An address of loopback that nobody else on this machine uses, so that no port is held by a stranger meanwhile.
    let ip: std::net::IpAddr = [127, 0, 77, 1].into();
    let bind = |port: u16| UdpSocket::bind((ip, port));
    let holders: Vec<UdpSocket> =
        pairs.filter(|port| !free.contains(port)).filter_map(|port| bind(port + 1).ok()).collect();
    assert!(holders.len() > 4_500, "this test needs 5,000 descriptors");
    let bind_ip = media::BySide { a: ip, b: ip };
    let room = Room::start(MediaSettings { ports: range, bind_ip, ..settings(FIRST_PORT) });
    // Each try draws 64 of the 5,000 pairs: what is free is found in the end, by all odds (e^-25 against it).
    let (mut opened, mut refused) = (Vec::new(), 0);
    for session in 0..2_000 {
        match room.open(session, OpenRequest::echo()) {
            Ok(addresses) => opened.push((session, addresses.a.port())),
            Err(refusal) => {
                assert_eq!(refusal, OpenRefused::PortsExhausted);
                refused += 1;
            }
        }
    }
    let ports: BTreeSet<u16> = opened.iter().map(|(_, port)| *port).collect();
    assert_eq!(ports, free);
    let totals = room.totals();
    assert_eq!((totals.ports_in_use, totals.sessions_refused), (6, refused));
    let (session, port) = opened[0];
    room.close(session).unwrap();
    assert_eq!(room.totals().ports_in_use, 4);
    let again = (3_000..5_000).find_map(|session| room.open(session, OpenRequest::echo()).ok());
    assert_eq!(again.unwrap().a.port(), port);
}

#[test]
fn the_session_limit_and_the_uniqueness_of_names_hold_over_all_threads() {
    let room = Room::start(MediaSettings { sessions_max: 3, threads: 2, ..settings(FIRST_PORT) });
    for session in 0..3 {
        assert_eq!(room.would_open(Mode::Relay), Ok(()));
        room.open(session, OpenRequest::relay()).unwrap();
    }
    assert_eq!(room.would_open(Mode::Echo), Err(OpenRefused::SessionsExhausted), "known without trying");
    assert_eq!(room.open(3, OpenRequest::relay()), Err(OpenRefused::SessionsExhausted));
    assert_eq!(room.open(1, OpenRequest::relay()), Err(OpenRefused::AlreadyOpen(SessionId(1))));
    assert_eq!(room.totals().sessions_relay, 3);
    room.close(2).unwrap();
    room.open(3, OpenRequest::echo()).unwrap();
    let totals = room.totals();
    assert_eq!((totals.sessions_relay, totals.sessions_echo, totals.ports_in_use), (2, 1, 10));
    assert_eq!((totals.sessions_opened, totals.sessions_refused), (4, 2));
}

#[test]
fn an_address_that_is_not_ours_is_refused_and_nothing_is_left() {
    let room = Room::start(settings(FIRST_PORT));
    let mut request = OpenRequest::relay();
    request.bind_ip.b = Some("192.0.2.1".parse().unwrap());
    let refused = room.open(1, request).unwrap_err();
    assert!(matches!(&refused, OpenRefused::Socket { ip, .. } if ip.to_string() == "192.0.2.1"), "{refused}");
    assert_eq!((room.totals().ports_in_use, room.totals().sessions_relay), (0, 0));
    assert!(room.open(1, OpenRequest::relay()).is_ok(), "the name is free again");
}

#[test]
fn unknown_sessions_are_answered_with_nothing() {
    let room = Room::start(settings(FIRST_PORT));
    assert_eq!((room.report(7), room.close(7)), (None, None));
    room.media
        .set_remote(SessionId(7), Side::A, Remote::new("127.0.0.1:4000".parse().unwrap(), [127, 0, 0, 1].into()))
        .unwrap();
    room.media.answered(SessionId(7)).unwrap();
    assert_eq!(room.report(7), None);
}

#[test]
fn a_side_that_falls_silent_in_an_answered_call_is_told_once() {
    let timeout = Duration::from_millis(800);
    let room = Room::start(MediaSettings { silence_timeout: timeout, ..settings(FIRST_PORT) });
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    // Not answered: no event, however long it rings.
    assert!(room.events.recv_timeout(timeout * 3 / 2).is_err());
    room.media.answered(SessionId(1)).unwrap();
    // A talks on in RTCP alone, B does not; the events' own wait is the pace.
    let silent = loop {
        a.rtcp.send_to(&rtcp(1), SocketAddr::new(to_a.ip(), to_a.port() + 1)).unwrap();
        if let Ok(event) = room.events.recv_timeout(timeout / 20) {
            break event;
        }
    };
    assert_eq!(silent, MediaEvent::Silent { session: SessionId(1), sides: BySide { a: false, b: true } });
    assert!(room.events.recv_timeout(timeout * 3 / 2).is_err(), "once");
    b.speak(to_b, 0);
    let totals = room.totals();
    assert_eq!((totals.sides.a.timeouts, totals.sides.b.timeouts), (0, 1));
}

#[test]
fn while_a_call_is_held_nobody_is_silent() {
    let timeout = Duration::from_millis(200);
    let room = Room::start(MediaSettings { silence_timeout: timeout, ..settings(FIRST_PORT) });
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    room.relay(1, &a, &b);
    room.set_remote(1, Side::A, Remote { direction: Direction::Inactive, ..a.remote() });
    room.media.answered(SessionId(1)).unwrap();
    assert!(room.events.recv_timeout(timeout * 4).is_err());
    room.set_remote(1, Side::A, a.remote());
    let event = room.events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(event, MediaEvent::Silent { session: SessionId(1), sides: BySide { a: true, b: true } });
}

#[test]
fn an_answered_call_in_which_one_side_says_nothing_is_counted_as_one_way() {
    let room = Room::start(settings(FIRST_PORT));
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    room.media.answered(SessionId(1)).unwrap();
    for number in 0..60 {
        a.speak(to_a, number);
        b.hear();
    }
    room.close(1).unwrap();
    let sides = room.totals().sides;
    assert_eq!((sides.a.one_way_calls, sides.b.one_way_calls), (0, 1));
    let mut samples = Vec::new();
    room.media.drain_samples(&mut samples);
    assert_eq!(samples.len(), 1);
    assert!(
        matches!(samples[0], QualitySample { side: Side::A, packets_expected: 60, packets_lost: 0, .. }),
        "{samples:?}"
    );
}

#[test]
fn a_stopped_room_refuses_and_has_closed_its_sockets() {
    let room = Room::start(settings(FIRST_PORT));
    let opened: Vec<_> = (0..20).map(|session| room.open(session, OpenRequest::relay()).unwrap()).collect();
    assert_eq!(room.totals().ports_in_use, 80);
    room.media.stop();
    assert_eq!(room.open(99, OpenRequest::relay()), Err(OpenRefused::Overloaded));
    assert_eq!((room.report(1), room.close(1)), (None, None));
    assert_eq!(room.totals().ports_in_use, 0);
    // Tests beside this one may have drawn some of them meanwhile.
    let is_free = |opened: &&media::Opened| UdpSocket::bind(opened.a).is_ok();
    assert!(opened.iter().filter(is_free).count() > 15);
}

#[test]
fn the_threads_end_with_the_last_handle() {
    let Room { media, events } = Room::start(settings(FIRST_PORT));
    let other: Media = media.clone();
    let shared_between_threads: &(dyn Send + Sync) = &other;
    let _ = shared_between_threads;
    other.open(SessionId(1), OpenRequest::relay(), Box::new(drop));
    drop(media);
    assert_eq!(events.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout), "one handle is left");
    drop(other);
    // The sink lives as long as the threads do.
    assert_eq!(events.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn a_receiver_that_panics_does_not_silence_the_calls_of_its_thread() {
    let room = Room::start(MediaSettings { threads: 1, ..settings(FIRST_PORT) });
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, _) = room.relay(1, &a, &b);
    room.media.report(SessionId(1), Box::new(|_| panic!("a bug of the receiver: this message belongs to the test")));
    room.report(1);
    assert_eq!(a.speak(to_a, 0), b.hear());
}

#[test]
fn impossible_settings_are_refused_in_words() {
    let start = |settings| Media::start(settings, Arc::new(|_| ())).map(drop).unwrap_err();
    let ports = PortRange { first: 10_000, last: 10_999 };
    let refused = start(MediaSettings { ports, ..settings(FIRST_PORT) });
    assert!(matches!(refused, Error::PortRangeTooSmall { .. }));
    assert_eq!(
        refused.to_string(),
        "the RTP ports 10000 to 10999 are too few: give a range of at least 10000 ports above 0, such as 10000 to 29999"
    );
    assert!(matches!(
        start(MediaSettings { threads: 0, ..settings(FIRST_PORT) }),
        Error::ThreadsOutOfRange { threads: 0 }
    ));
    assert!(matches!(start(MediaSettings { sessions_max: 0, ..settings(FIRST_PORT) }), Error::NoSessions));
}
