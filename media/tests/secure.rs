//! Phones with SRTP, phones without, and strangers between them, over loopback sockets: sound is bridged, and nobody else hears it
//! or speaks (must-show 6 for RTP).
//!
//! The transforms are told in `src/srtp`; who may send plain RTP, in `relay.rs`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod common;

use common::{Phone, Room, receive, rtcp, rtp, settings, voice};
use domain::Entropy;
use domain::srtp::{Keying, MasterKey, Suite};
use media::srtp::{GROWTH_MAX, Inbound, Outbound};
use media::{DiscardReason, OpenRequest, Remote, Side};
use std::net::SocketAddr;

const FIRST_PORT: u16 = 10_000;

fn room() -> Room {
    Room::start(settings(FIRST_PORT))
}

/// What a phone and the room agreed on, and the phone's ends of it.
struct Secret {
    keying: Keying,
    seals: Outbound,
    opens: Inbound,
}

fn secret(suite: Suite, seed: u8) -> Secret {
    let mut entropy = Entropy::from_seed([seed; 16]);
    let keying =
        Keying { heard_with: MasterKey::mint(suite, &mut entropy), spoken_with: MasterKey::mint(suite, &mut entropy) };
    Secret {
        keying,
        seals: Outbound::new(&keying.heard_with).unwrap(),
        opens: Inbound::new(&keying.spoken_with).unwrap(),
    }
}

impl Secret {
    fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut room = packet.to_vec();
        room.resize(packet.len() + GROWTH_MAX, 0);
        let length = match packet[1] {
            192..=223 => self.seals.seal_rtcp(&mut room, packet.len()),
            _ => self.seals.seal_rtp(&mut room, packet.len()),
        };
        room.truncate(length.unwrap());
        room
    }

    fn open(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let length = match packet[1] {
            192..=223 => self.opens.open_rtcp(&mut packet),
            _ => self.opens.open_rtp(&mut packet),
        };
        packet.truncate(length.unwrap());
        packet
    }
}

fn said(phone: &Phone, number: u32) -> Vec<u8> {
    rtp(phone.ssrc, number, &voice(phone.ssrc, number))
}

/// Says something in secret; as it is in the clear.
fn speak(phone: &Phone, secret: &mut Secret, to: SocketAddr, number: u32) -> Vec<u8> {
    let clear = said(phone, number);
    phone.rtp.send_to(&secret.seal(&clear), to).unwrap();
    clear
}

fn secure(room: &Room, side: Side, phone: &Phone, secret: &Secret) {
    room.set_remote(1, side, Remote { keying: Some(secret.keying), ..phone.remote() });
}

fn rtcp_of(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() + 1)
}

#[test]
fn a_phone_with_srtp_and_one_without_hear_each_other() {
    for (at, suite) in Suite::ALL.into_iter().enumerate() {
        let room = room();
        let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
        let mut key = secret(suite, at as u8);
        let (to_a, to_b) = room.relay(1, &a, &b);
        secure(&room, Side::A, &a, &key);
        for number in 0..200 {
            assert_eq!(speak(&a, &mut key, to_a, number), b.hear());
            let clear = b.speak(to_b, number);
            let on_the_wire = a.hear();
            assert!(on_the_wire[12..172] != clear[12..], "nobody can listen in on the way");
            assert_eq!(key.open(on_the_wire), clear);
        }
        a.rtcp.send_to(&key.seal(&rtcp(7)), rtcp_of(to_a)).unwrap();
        assert_eq!(receive(&b.rtcp).0, rtcp(7));
        b.rtcp.send_to(&rtcp(8), rtcp_of(to_b)).unwrap();
        let on_the_wire = receive(&a.rtcp).0;
        assert!(on_the_wire.len() > 8);
        assert_eq!(key.open(on_the_wire), rtcp(8));
        let report = room.close(1).unwrap().sides;
        assert_eq!((report.a.packets_received, report.b.packets_sent, report.a.packets_lost), (200, 200, 0));
        assert_eq!((report.a.discarded.total(), report.b.discarded.total()), (0, 0));
    }
}

#[test]
fn two_secure_phones_have_each_their_own_key() {
    let room = room();
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (mut to_pbx, mut to_carrier) = (secret(Suite::AeadAes128Gcm, 1), secret(Suite::AesCm128HmacSha1_32, 2));
    let (to_a, to_b) = room.relay(1, &a, &b);
    secure(&room, Side::A, &a, &to_pbx);
    secure(&room, Side::B, &b, &to_carrier);
    // Bursts, which go through whole batches.
    for burst in 0..10 {
        let clear: Vec<_> = (0..30).map(|at| speak(&a, &mut to_pbx, to_a, burst * 30 + at)).collect();
        for clear in clear {
            assert_eq!(to_carrier.open(b.hear()), clear);
        }
        let clear = speak(&b, &mut to_carrier, to_b, burst);
        assert_eq!(to_pbx.open(a.hear()), clear);
    }
}

#[test]
fn an_echo_is_sealed_too() {
    let room = room();
    let a = Phone::new("127.0.0.1");
    let mut key = secret(Suite::AesCm128HmacSha1_80, 3);
    let to_a = room.open(1, OpenRequest::echo()).unwrap().a;
    secure(&room, Side::A, &a, &key);
    for number in 0..20 {
        let clear = speak(&a, &mut key, to_a, number);
        assert_eq!(key.open(a.hear())[12..], clear[12..]);
    }
}

/// Must-show 6: an attacker in the signalled place itself (its address forged, its port right, its SSRC that of the call) is no
/// better off than one elsewhere.
#[test]
fn forged_copied_and_plain_packets_are_counted_and_neither_heard_nor_learned_from() {
    let room = room();
    // Behind NAT: where it is heard from has to be learned.
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let mut key = secret(Suite::AesCm128HmacSha1_80, 4);
    let (to_a, to_b) = room.relay(1, &a, &b);
    let natted = Remote { rtp: "240.0.0.1:4000".parse().unwrap(), keying: Some(key.keying), ..a.remote() };
    room.set_remote(1, Side::A, natted);
    let attacker = Phone::new("127.0.0.1");
    let mut wrong = secret(Suite::AesCm128HmacSha1_80, 5);
    for number in 0..10 {
        // In the clear, under a key of its own, and a report that says it is not encrypted.
        attacker.rtp.send_to(&rtp(a.ssrc, number, &[0; 160]), to_a).unwrap();
        attacker.rtp.send_to(&wrong.seal(&rtp(a.ssrc, number, &[0; 160])), to_a).unwrap();
        let mut report = rtcp(a.ssrc);
        report.extend_from_slice(&[0; 14]);
        attacker.rtcp.send_to(&report, rtcp_of(to_a)).unwrap();
    }
    assert_eq!(speak(&a, &mut key, to_a, 50), b.hear(), "the attacker was first, and is not the source");
    let clear = b.speak(to_b, 0);
    assert_eq!(key.open(a.hear()), clear);
    // From now on the source is fixed; what the phone's own place sends must still be genuine, and new.
    let copied = key.seal(&said(&a, 51));
    for packet in [&copied, &copied, &rtp(a.ssrc, 52, &[0; 160]), &wrong.seal(&said(&a, 52))] {
        a.rtp.send_to(packet, to_a).unwrap();
    }
    assert_eq!(said(&a, 51), b.hear());
    assert_eq!(speak(&a, &mut key, to_a, 52), b.hear());
    for port in [&attacker.rtp, &attacker.rtcp] {
        port.send_to(&copied, to_a).unwrap();
    }
    assert_eq!(speak(&a, &mut key, to_a, 53), b.hear());
    assert!(attacker.hears_nothing() && b.hears_nothing());
    let discarded = room.close(1).unwrap().sides.a.discarded;
    assert_eq!(discarded.of(DiscardReason::SrtpReplay), 1, "{discarded:?}");
    assert_eq!(discarded.of(DiscardReason::SrtpAuth) + discarded.of(DiscardReason::UnknownSource), 34, "{discarded:?}");
    assert!(discarded.of(DiscardReason::SrtpAuth) >= 22, "{discarded:?}");
    assert_eq!(room.totals().discarded.of(DiscardReason::SrtpReplay), 1);
}

#[test]
fn a_new_key_is_taken_over_without_a_gap_and_the_same_one_goes_on() {
    for suite in Suite::ALL {
        let room = room();
        let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
        let (mut old, mut new) = (secret(suite, 6), secret(suite, 7));
        let (to_a, to_b) = room.relay(1, &a, &b);
        secure(&room, Side::A, &a, &old);
        for number in 0..5 {
            assert_eq!(speak(&a, &mut old, to_a, number), b.hear());
        }
        let recorded = old.seal(&said(&a, 5));
        a.rtp.send_to(&recorded, to_a).unwrap();
        assert_eq!(said(&a, 5), b.hear());
        // A refresh that repeats the key: what was there stays there.
        secure(&room, Side::A, &a, &old);
        a.rtp.send_to(&recorded, to_a).unwrap();
        assert_eq!(speak(&a, &mut old, to_a, 6), b.hear());
        // The PBX has a new key; ours stays.
        new.keying.spoken_with = old.keying.spoken_with;
        secure(&room, Side::A, &a, &new);
        for number in (10..30).step_by(2) {
            // What is in flight has the old one.
            assert_eq!(speak(&a, &mut old, to_a, number), b.hear());
            assert_eq!(speak(&a, &mut new, to_a, number + 1), b.hear());
            let clear = b.speak(to_b, number);
            assert_eq!(old.open(a.hear()), clear);
        }
        let report = room.close(1).unwrap().sides.a;
        assert_eq!(
            (report.packets_lost, report.discarded.of(DiscardReason::SrtpReplay)),
            (3, 1),
            "7, 8 and 9 never were"
        );
        assert_eq!(report.discarded.total(), 1);
    }
}

/// Media ACL of a carrier.
#[test]
fn a_carriers_sound_comes_from_its_networks_only_wherever_in_them() {
    let room = room();
    let (a, described, gateway) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.2"), Phone::new("127.0.0.130"));
    let (to_a, to_b) = room.relay(1, &a, &described);
    let networks = ["127.0.0.128/25".parse().unwrap()];
    room.set_remote(1, Side::B, Remote { sources: Some(networks.into()), ..described.remote() });
    described.speak(to_b, 0);
    Phone::new("127.0.0.1").speak(to_b, 0);
    assert_eq!(gateway.speak(to_b, 1), a.hear(), "its gateway has another address than it said");
    assert_eq!(a.speak(to_a, 0), gateway.hear());
    let other = Phone::new("127.0.0.131");
    other.speak(to_b, 2);
    assert_eq!(gateway.speak(to_b, 2), a.hear(), "once it is fixed, its neighbours are strangers");
    let report = room.close(1).unwrap().sides.b;
    assert_eq!((report.discarded.of(DiscardReason::UnknownSource), report.learned), (3, true));
}

#[test]
fn silence_is_not_broken_by_forged_packets() {
    let room = Room::start(media::MediaSettings {
        silence_timeout: std::time::Duration::from_millis(300),
        ..settings(FIRST_PORT)
    });
    let (a, b) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let key = secret(Suite::AesCm128HmacSha1_80, 8);
    let (to_a, _) = room.relay(1, &a, &b);
    secure(&room, Side::A, &a, &key);
    room.media.answered(media::SessionId(1)).unwrap();
    let event = loop {
        a.rtp.send_to(&said(&a, 0), to_a).unwrap();
        if let Ok(event) = room.events.recv_timeout(std::time::Duration::from_millis(5)) {
            break event;
        }
    };
    let media::MediaEvent::Silent { sides, .. } = event else { panic!("{event:?}") };
    assert!(sides.a, "what is not genuine is no sign of life");
}
