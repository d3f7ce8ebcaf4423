//! Stories of one session, without sockets: bytes, addresses and instants in, verdicts out.
//!
//! What the sources, streams and timers do by themselves is told in their own files.

use super::*;
use domain::media::KeyPress;

const A: &str = "127.0.0.1:4000";
const B: &str = "127.0.0.1:5000";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn now() -> Monotonic {
    Monotonic::from_micros(1_000_000)
}

fn session(mode: Mode) -> Session {
    Session::new(SessionId(1), mode, Duration::from_secs(60), &mut Entropy::from_seed([5; 16]))
}

fn remote(rtp: &str) -> Remote {
    Remote::new(at(rtp), at(rtp).ip())
}

fn relay() -> Session {
    let mut session = session(Mode::Relay);
    session.on_remote(Side::A, remote(A), Learning::SignallingIp, now());
    session.on_remote(Side::B, remote(B), Learning::SignallingIp, now());
    session
}

fn rtp(sequence: u16) -> [u8; 14] {
    let mut bytes = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0xaa, 0xbb];
    bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
    bytes
}

const RTCP: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];

fn sent(side: Side, to: SocketAddr) -> Outcome {
    Outcome::Send { side, to, length: 0 }
}

fn outcome(session: &mut Session, side: Side, port: Port, bytes: &[u8], from: &str) -> Outcome {
    let mut room = bytes.to_vec();
    match session.on_datagram(side, port, &mut room, bytes.len(), at(from), now()).outcome {
        Outcome::Send { side, to, length } => {
            assert_eq!(length, bytes.len(), "between plain sides nothing grows");
            sent(side, to)
        }
        outcome => outcome,
    }
}

#[test]
fn sound_goes_to_the_other_side_and_rtcp_to_its_rtcp_port() {
    let mut relay = relay();
    let sent = |side, to: &str| sent(side, at(to));
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &rtp(1), A), sent(Side::B, B));
    assert_eq!(outcome(&mut relay, Side::B, Port::Rtp, &rtp(1), B), sent(Side::A, A));
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtcp, &RTCP, "127.0.0.1:4001"), sent(Side::B, "127.0.0.1:5001"));
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &RTCP, A), sent(Side::B, B), "RFC 5761");
}

#[test]
fn rtcp_on_the_rtp_port_is_heard_from_who_is_expected_and_teaches_nothing() {
    let mut relay = relay();
    let to_b = sent(Side::B, at(B));
    let unknown = Outcome::Discard(DiscardReason::UnknownSource);
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &RTCP, A), to_b, "before any RTP");
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &RTCP, "127.0.0.1:4444"), unknown);
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &rtp(1), "127.0.0.1:4444"), to_b, "RTP teaches");
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &RTCP, "127.0.0.1:4444"), to_b);
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &RTCP, A), unknown);
}

#[test]
fn noise_strangers_and_copies_go_nowhere_and_are_counted_by_reason() {
    let mut relay = relay();
    outcome(&mut relay, Side::A, Port::Rtp, &rtp(1), A);
    let rows: [(Port, &[u8], &str, DiscardReason); 6] = [
        (Port::Rtp, &rtp(2), "127.0.0.9:4000", DiscardReason::UnknownSource),
        (Port::Rtp, &rtp(1), A, DiscardReason::Duplicate),
        (Port::Rtp, &[0, 1, 2, 3], A, DiscardReason::BadVersion),
        (Port::Rtp, &[0x80, 0, 1], A, DiscardReason::NotRtp),
        (Port::Rtcp, &rtp(3), "127.0.0.1:4001", DiscardReason::NotRtp),
        (Port::Rtcp, &RTCP, "127.0.0.9:4001", DiscardReason::UnknownSource),
    ];
    for (port, bytes, from, reason) in rows {
        assert_eq!(outcome(&mut relay, Side::A, port, bytes, from), Outcome::Discard(reason));
    }
    let discarded = relay.report().sides.a.discarded;
    assert_eq!((discarded.total(), discarded.of(DiscardReason::UnknownSource)), (6, 2));
    assert_eq!(format!("{discarded:?}"), r#"{"unknown_source": 2, "bad_version": 1, "not_rtp": 2, "duplicate": 1}"#);
}

#[test]
fn before_the_other_side_is_known_there_is_nowhere_to_send_to() {
    let mut session = session(Mode::Relay);
    let unknown = Outcome::Discard(DiscardReason::UnknownSource);
    assert_eq!(outcome(&mut session, Side::A, Port::Rtp, &rtp(1), A), unknown);
    session.on_remote(Side::A, remote(A), Learning::SignallingIp, now());
    let nowhere = Outcome::Discard(DiscardReason::NoDestination);
    assert_eq!(outcome(&mut session, Side::A, Port::Rtp, &rtp(1), A), nowhere);
}

#[test]
fn on_hold_sound_passes_only_from_who_sends_to_who_receives_and_rtcp_passes_always() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let held = Outcome::Discard(DiscardReason::Held);
    for (a, b, passes) in [
        (SendRecv, SendRecv, true),
        (SendOnly, RecvOnly, true),
        (RecvOnly, SendOnly, false),
        (SendRecv, SendOnly, false),
        (Inactive, SendRecv, false),
        (SendRecv, Inactive, false),
    ] {
        let mut relay = relay();
        for (side, address, direction) in [(Side::A, A, a), (Side::B, B, b)] {
            let remote = Remote { direction, ..remote(address) };
            relay.on_remote(side, remote, Learning::SignallingIp, now());
        }
        let heard = outcome(&mut relay, Side::A, Port::Rtp, &rtp(1), A);
        assert_eq!(heard != held, passes, "{a:?} towards {b:?}: {heard:?}");
        let rtcp = outcome(&mut relay, Side::A, Port::Rtcp, &RTCP, "127.0.0.1:4001");
        assert_eq!(rtcp, sent(Side::B, at("127.0.0.1:5001")));
    }
}

#[test]
fn a_silent_side_is_told_but_not_while_held_and_rtcp_counts_as_life() {
    let mut relay = relay();
    let second = |seconds: u64| Monotonic::from_micros(seconds * 1_000_000);
    relay.on_answered(second(1));
    let hold = Remote { direction: Direction::SendOnly, ..remote(A) };
    relay.on_remote(Side::A, hold, Learning::SignallingIp, second(2));
    assert_eq!(relay.expire(second(500)), None);
    relay.on_remote(Side::A, remote(A), Learning::SignallingIp, second(500));
    relay.on_datagram(Side::B, Port::Rtcp, &mut RTCP.to_vec(), RTCP.len(), at("127.0.0.1:5001"), second(530));
    assert_eq!(relay.expire(second(559)), None);
    assert_eq!(relay.expire(second(560)), Some(BySide { a: true, b: false }));
    assert_eq!(relay.expire(second(900)), None);
}

#[test]
fn a_strangers_packets_are_no_sign_of_life() {
    let mut relay = relay();
    relay.on_answered(now());
    let late = Monotonic::from_micros(70_000_000);
    relay.on_datagram(Side::A, Port::Rtp, &mut rtp(1).to_vec(), 14, at("127.0.0.9:4000"), late);
    assert_eq!(relay.expire(late), Some(BySide { a: true, b: true }));
}

#[test]
fn a_mute_side_of_an_answered_call_makes_it_one_way() {
    let mut relay = relay();
    for sequence in 0..50 {
        outcome(&mut relay, Side::A, Port::Rtp, &rtp(sequence), A);
    }
    assert_eq!(relay.mute_side(), None, "not answered");
    relay.on_answered(now());
    assert_eq!(relay.mute_side(), Some(Side::B));
    outcome(&mut relay, Side::B, Port::Rtp, &rtp(1), B);
    assert_eq!(relay.mute_side(), None);
}

#[test]
fn an_echo_answers_its_caller_and_absorbs_rtcp() {
    let mut echo = session(Mode::Echo);
    echo.on_remote(Side::A, remote(A), Learning::SignallingIp, now());
    assert_eq!(outcome(&mut echo, Side::A, Port::Rtp, &rtp(1), A), sent(Side::A, at(A)));
    assert_eq!(outcome(&mut echo, Side::A, Port::Rtcp, &RTCP, "127.0.0.1:4001"), Outcome::Absorb);
    assert_eq!(outcome(&mut echo, Side::A, Port::Rtp, &RTCP, A), Outcome::Absorb);
    assert_eq!(echo.mute_side(), None);
}

#[test]
fn whatever_comes_is_sent_absorbed_or_counted_and_never_a_panic() {
    let seed = [11; 16];
    println!("seed {seed:?}");
    let mut chance = Entropy::from_seed(seed);
    let addresses =
        [A, B, "127.0.0.1:4001", "127.0.0.1:5001", "127.0.0.9:4000", "[::1]:4000", "0.0.0.0:0", "127.0.0.1:65535"];
    let mut pick = |bound: usize| chance.below(bound as u64) as usize;
    for mode in [Mode::Relay, Mode::Echo] {
        let mut session = session(mode);
        let (mut discarded, mut accepted) = (0, 0);
        for step in 0..100_000u64 {
            let now = Monotonic::from_micros(step * 1_000);
            let side = Side::BOTH[pick(if mode == Mode::Echo { 1 } else { 2 })];
            let address = at(addresses[pick(addresses.len())]);
            match pick(50) {
                0 => {
                    let remote = Remote {
                        rtp: address,
                        rtcp: (pick(2) == 0).then_some(address),
                        signalling_ip: at(addresses[pick(addresses.len())]).ip(),
                        direction: [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
                            [pick(4)],
                        learning: [None, Some(Learning::Off), Some(Learning::FirstPacket)][pick(3)],
                        clock_rate: [0, 8_000, 48_000, u32::MAX][pick(4)],
                        ..remote(A)
                    };
                    session.on_remote(side, remote, Learning::SignallingIp, now);
                }
                1 => session.on_answered(now),
                2 => drop((session.expire(now), session.take_interval(side), session.mute_side(), session.report())),
                _ => {
                    let mut bytes = vec![0; pick(40)];
                    bytes.iter_mut().for_each(|byte| *byte = pick(256) as u8);
                    if let Some(first) = bytes.first_mut() {
                        *first = if pick(10) == 0 { *first } else { 0x80 };
                    }
                    if bytes.len() >= 12 && pick(20) > 0 {
                        // Mostly one stream, so that its arithmetic is exercised.
                        bytes[2] = 0;
                        bytes[8..12].fill(7);
                    }
                    let port = if pick(2) == 0 { Port::Rtp } else { Port::Rtcp };
                    let verdict = {
                        let length = bytes.len();
                        session.on_datagram(side, port, &mut bytes, length, address, now)
                    };
                    discarded += u64::from(matches!(verdict.outcome, Outcome::Discard(_)));
                    accepted += u64::from(verdict.accepted.is_some());
                }
            }
        }
        let sides = session.report().sides;
        assert_eq!(sides.a.discarded.total() + sides.b.discarded.total(), discarded);
        let received = |side: SideReport| side.packets_received + side.rtcp_received;
        assert_eq!(received(sides.a) + received(sides.b), accepted);
        assert!(accepted > 1_000, "the chance of this seed reaches the inside: {accepted}");
    }
}

fn fax(rtp: &str) -> Remote {
    Remote { carriage: Carriage::Udptl, ..remote(rtp) }
}

/// Number 7, an indicator of V.21 preamble, no repetitions.
const UDPTL: [u8; 6] = [0, 7, 1, 6, 0, 0];

fn fax_relay() -> Session {
    let mut relay = relay();
    outcome(&mut relay, Side::A, Port::Rtp, &rtp(1), A);
    relay.on_remote(Side::A, fax(A), Learning::SignallingIp, now());
    relay.on_remote(Side::B, fax(B), Learning::SignallingIp, now());
    relay
}

/// ITU-T T.38 9.1; the guard is that of sound.
#[test]
fn fax_passes_as_it_is_from_its_source_only() {
    let mut relay = fax_relay();
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &UDPTL, A), sent(Side::B, at(B)));
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &UDPTL, A), sent(Side::B, at(B)), "repetitions are its own");
    assert_eq!(outcome(&mut relay, Side::B, Port::Rtp, &UDPTL, B), sent(Side::A, at(A)));
    let unknown = Outcome::Discard(DiscardReason::UnknownSource);
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &UDPTL, "127.0.0.9:4000"), unknown);
    let not_fax = Outcome::Discard(DiscardReason::NotRtp);
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &[0, 8, 9, 6], A), not_fax, "cut off");
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &rtp(2), A), not_fax, "the last of the sound before");
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtcp, &RTCP, "127.0.0.1:4001"), not_fax);
    assert_eq!(relay.report().sides.a.packets_received, 3);
}

#[test]
fn what_one_side_sends_as_sound_is_nothing_to_a_side_with_fax() {
    let mut relay = fax_relay();
    relay.on_remote(Side::A, remote(A), Learning::SignallingIp, now());
    let nowhere = Outcome::Discard(DiscardReason::NoDestination);
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &rtp(2), A), nowhere);
    relay.on_remote(Side::B, remote(B), Learning::SignallingIp, now());
    assert_eq!(outcome(&mut relay, Side::A, Port::Rtp, &rtp(3), A), sent(Side::B, at(B)), "back to sound");
}

/// While a page goes one way, nothing comes the other way.
#[test]
fn a_fax_is_silent_where_neither_side_sends() {
    let mut relay = fax_relay();
    let second = |seconds: u64| Monotonic::from_micros(seconds * 1_000_000);
    relay.on_answered(second(1));
    for seconds in (10..300).step_by(10) {
        relay.on_datagram(Side::A, Port::Rtp, &mut UDPTL.to_vec(), UDPTL.len(), at(A), second(seconds));
        assert_eq!(relay.expire(second(seconds)), None);
    }
    assert_eq!(relay.expire(second(349)), None);
    assert_eq!(relay.expire(second(350)), Some(BySide { a: true, b: true }));
}

fn numbered(rtp: &str, keys: u8) -> Remote {
    let number = |name: &str, number: u8| FormatNumber {
        codec: domain::media::CodecName::of(name),
        sent_as: number,
        received_as: number,
    };
    let numbers = Arc::from([number("PCMU/8000", 0), number("telephone-event/8000", keys)]);
    let keys = Some(KeyFormat { payload_type: keys, clock_rate_hz: 8_000 });
    Remote { numbers, keys, ..remote(rtp) }
}

/// Field lesson 39.
#[test]
fn each_side_hears_keys_under_its_own_number_and_sound_is_left_alone() {
    let mut relay = session(Mode::Relay);
    relay.on_remote(Side::A, numbered(A, 101), Learning::SignallingIp, now());
    relay.on_remote(Side::B, numbered(B, 96), Learning::SignallingIp, now());
    let mut passes = |side, from: &str, second: u8, number| {
        let mut packet = rtp(number);
        packet[1] = second;
        relay.on_datagram(side, Port::Rtp, &mut packet, 14, at(from), now());
        packet
    };
    assert_eq!(passes(Side::A, A, 0x80 | 101, 1)[1], 0x80 | 96);
    assert_eq!(passes(Side::B, B, 96, 1)[1], 101);
    let mut untouched = rtp(2);
    untouched[1] = 0;
    assert_eq!(passes(Side::A, A, 0, 2), untouched);
}

/// RFC 4733; the sound that follows is numbered on.
#[test]
fn a_key_takes_the_place_of_sound_and_sound_goes_on_behind_it() {
    let mut relay = session(Mode::Relay);
    relay.on_remote(Side::A, numbered(A, 101), Learning::SignallingIp, now());
    relay.on_remote(Side::B, numbered(B, 96), Learning::SignallingIp, now());
    let later = |milliseconds: u64| Monotonic::from_micros(2_000_000 + milliseconds * 1_000);
    relay.on_datagram(Side::A, Port::Rtp, &mut rtp(10), 14, at(A), later(0));
    relay.on_key(Side::B, KeyPress { event: 5, duration_ms: 50 });
    let mut room = [0; 64];
    let (mut numbers, mut sound) = (Vec::new(), Vec::new());
    for step in 1..=5_u16 {
        while let Some((side, to, length)) = relay.next_key(&mut room, later(u64::from(step) * 20)) {
            assert_eq!((side, to, length, room[1] & 0x7f, room[12]), (Side::B, at(B), 16, 96, 5));
            numbers.push(u16::from_be_bytes([room[2], room[3]]));
        }
        let mut packet = rtp(10 + step);
        let verdict = relay.on_datagram(Side::A, Port::Rtp, &mut packet, 14, at(A), later(u64::from(step) * 20 + 5));
        if let Outcome::Send { .. } = verdict.outcome {
            sound.push(u16::from_be_bytes([packet[2], packet[3]]));
        }
    }
    assert_eq!(numbers, [11, 12, 13, 14, 15], "two steps and three ends");
    assert_eq!(sound, [16, 17, 18], "no number twice, and none is missing");
    assert!(!relay.are_keys_pressed());
    relay.on_key(Side::B, KeyPress { event: 5, duration_ms: 50 });
    relay.on_remote(Side::B, remote(B), Learning::SignallingIp, later(200));
    assert_eq!(relay.next_key(&mut room, later(300)), None, "it hears no keys any more");
    assert!(!relay.are_keys_pressed());
}

/// A side that hears keys by INFO is sent none in its sound, and the numbers of what it hears go on as if there had been none.
#[test]
fn keys_for_a_side_that_is_told_of_them_are_taken_out_of_its_sound() {
    let mut session = session(Mode::Relay);
    let number = |sent_as, received_as| FormatNumber {
        codec: domain::media::CodecName::of("telephone-event/8000"),
        sent_as,
        received_as,
    };
    let pbx = Remote { numbers: [number(101, 96)].into(), ..remote(A) };
    session.on_remote(Side::A, pbx, Learning::SignallingIp, now());
    session.on_remote(Side::B, Remote { keys_are_told: true, ..remote(B) }, Learning::SignallingIp, now());
    let key = |sequence: u16, kind: u8, is_end: bool| {
        let mut packet = rtp(sequence).to_vec();
        packet.truncate(12);
        packet[1] = kind;
        packet.extend([5, if is_end { 0x8a } else { 10 }, 3, 32]);
        packet
    };
    let heard = |session: &mut Session, bytes: &[u8]| {
        let mut room = bytes.to_vec();
        match session.on_datagram(Side::A, Port::Rtp, &mut room, bytes.len(), at(A), now()).outcome {
            Outcome::Send { .. } => Some(u16::from_be_bytes([room[2], room[3]])),
            _ => None,
        }
    };
    assert_eq!(heard(&mut session, &rtp(10)), Some(10));
    for (sequence, is_end) in [(11, false), (12, true), (13, true), (14, true)] {
        assert_eq!(heard(&mut session, &key(sequence, 101, is_end)), None);
    }
    assert_eq!(session.take_key(), Some((Side::B, KeyPress { event: 5, duration_ms: 100 })));
    assert_eq!(session.take_key(), None, "once");
    assert_eq!(heard(&mut session, &rtp(15)), Some(11), "nothing is missed");
    assert_eq!(heard(&mut session, &rtp(16)), Some(12));
    assert_eq!(heard(&mut session, &key(17, 97, true)), Some(13), "another format is sound");
    assert!(!session.is_key_down());
    session.on_remote(Side::B, remote(B), Learning::SignallingIp, now());
    assert!(heard(&mut session, &key(18, 101, true)).is_some(), "whoever hears keys in its sound is sent them");
}
