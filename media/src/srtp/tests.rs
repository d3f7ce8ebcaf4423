//! Stories of sealed packets: against the published vectors of libsrtp, and what a stranger may try.
//!
//! Single transforms are tested where they are; against rtc-srtp, in `tests/srtp.rs`.

use super::*;
use domain::Entropy;
use domain::srtp::{Mki, Suite};

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn key(suite: Suite, seed: u8) -> MasterKey {
    MasterKey::mint(suite, &mut Entropy::from_seed([seed; 16]))
}

fn named(key: MasterKey, value: u64, size: u8) -> MasterKey {
    MasterKey::new(key.suite(), &key.key_and_salt(), Some(Mki { value, size })).unwrap()
}

fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 160]);
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend((0..160).map(|at| at as u8 ^ sequence as u8));
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[7; 20]);
    packet
}

fn sealed(outbound: &mut Outbound, packet: &[u8]) -> Vec<u8> {
    let mut room = packet.to_vec();
    room.resize(packet.len() + GROWTH_MAX, 0);
    let is_rtcp = (192..=223).contains(&packet[1]);
    let seal = if is_rtcp { Outbound::seal_rtcp } else { Outbound::seal_rtp };
    let length = seal(outbound, &mut room, packet.len()).unwrap();
    room.truncate(length);
    room
}

fn opened(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut packet = packet.to_vec();
    let is_rtcp = (192..=223).contains(&packet[1]);
    let open = if is_rtcp { Inbound::open_rtcp } else { Inbound::open_rtp };
    let length = open(inbound, &mut packet)?;
    packet.truncate(length);
    Ok(packet)
}

fn pair(key: &MasterKey) -> (Outbound, Inbound) {
    (Outbound::new(key).unwrap(), Inbound::new(key).unwrap())
}

/// The reference packets of libsrtp's test driver (`srtp_validate`).
#[test]
fn packets_are_those_of_libsrtp() {
    let master = bytes("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
    let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &master, None).unwrap();
    let (mut outbound, mut inbound) = pair(&master);
    let plain = bytes("800f1234decafbadcafebabeabababababababababababababababab");
    let expected = bytes("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    assert_eq!(sealed(&mut outbound, &plain), expected);
    assert_eq!(opened(&mut inbound, &expected).unwrap(), plain);
    let plain = bytes("81c8000bcafebabeabababababababababababababababab");
    let expected = bytes("81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798");
    assert_eq!(sealed(&mut outbound, &plain), expected);
    assert_eq!(opened(&mut inbound, &expected).unwrap(), plain);
}

#[test]
fn every_suite_carries_sound_and_reports_with_and_without_a_named_key() {
    for suite in Suite::ALL {
        let plain_key = key(suite, 1);
        for key in [plain_key, named(plain_key, 1, 1), named(plain_key, 0x0102_0304_0506, 4), named(plain_key, 9, 128)]
        {
            let (mut outbound, mut inbound) = pair(&key);
            for sequence in 10..200 {
                let said = rtp(7, sequence);
                let on_the_wire = sealed(&mut outbound, &said);
                assert_eq!(on_the_wire[..12], said[..12]);
                assert!(on_the_wire[12..172] != said[12..], "the sound cannot be read");
                assert_eq!(opened(&mut inbound, &on_the_wire).unwrap(), said);
            }
            let report = rtcp(7);
            let on_the_wire = sealed(&mut outbound, &report);
            assert!(on_the_wire[8..28] != report[8..28], "nor the report");
            assert_eq!(opened(&mut inbound, &on_the_wire).unwrap(), report);
            if let Some(mki) = key.mki() {
                let mut other = Inbound::new(&named(plain_key, mki.value ^ 1, mki.size)).unwrap();
                assert_eq!(opened(&mut other, &sealed(&mut outbound, &rtp(7, 300))), Err(Fault::NotGenuine));
            }
        }
    }
}

#[test]
fn headers_with_sources_and_extensions_stay_readable_whatever_is_in_them() {
    for suite in Suite::ALL {
        let (mut outbound, mut inbound) = pair(&key(suite, 2));
        let mut packet = rtp(7, 5);
        packet[0] = 0x92;
        // Two sources; then an extension of one word whose content is no element of RFC 8285.
        let header = [0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0, 0x1f, 0xff, 0xff];
        packet.splice(12..12, header);
        let on_the_wire = sealed(&mut outbound, &packet);
        assert_eq!(on_the_wire[..28], packet[..28]);
        assert_eq!(opened(&mut inbound, &on_the_wire).unwrap(), packet);
    }
}

#[test]
fn one_changed_bit_anywhere_makes_a_packet_worthless() {
    for suite in Suite::ALL {
        let (mut outbound, mut inbound) = pair(&key(suite, 3));
        for plain in [rtp(7, 1), rtcp(7)] {
            let genuine = sealed(&mut outbound, &plain);
            for bit in 0..genuine.len() * 8 {
                // Version, and what tells RTP from RTCP, are looked at before.
                if bit < 16 {
                    continue;
                }
                let mut forged = genuine.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                assert!(opened(&mut inbound, &forged).is_err(), "{suite:?} bit {bit}");
            }
            assert_eq!(opened(&mut inbound, &genuine).unwrap(), plain, "and leaves no trace");
        }
    }
}

/// RFC 3711 3.4 authenticates RTCP always; rtc-srtp 0.21 takes a packet without the encrypted bit as it is.
#[test]
fn a_report_that_says_it_is_not_encrypted_is_not_believed() {
    for suite in Suite::ALL {
        let mut inbound = Inbound::new(&key(suite, 4)).unwrap();
        let mut forged = rtcp(7);
        forged.extend_from_slice(&[0, 0, 0, 1]);
        forged.extend_from_slice(&[0; 10]);
        assert_eq!(opened(&mut inbound, &forged), Err(Fault::NotGenuine));
    }
}

#[test]
fn a_packet_is_heard_once_in_any_order_across_the_wrap_of_its_numbers() {
    for suite in Suite::ALL {
        let (mut outbound, mut inbound) = pair(&key(suite, 5));
        let start = 32_000;
        let wire: Vec<_> = (start..start + 80_000u32).map(|at| sealed(&mut outbound, &rtp(7, at as u16))).collect();
        for (at, on_the_wire) in wire.iter().enumerate() {
            // Every tenth comes twenty later.
            if at % 10 != 3 {
                assert!(opened(&mut inbound, on_the_wire).is_ok(), "{at}");
            }
            if let Some(late) = at.checked_sub(20).filter(|late| late % 10 == 3) {
                assert!(opened(&mut inbound, &wire[late]).is_ok(), "{late} late");
            }
        }
        for again in [79_999, 79_950, 79_000, 33_600, 14_464, 0] {
            assert!(opened(&mut inbound, &wire[again]).is_err(), "{again} again");
        }
        assert_eq!(opened(&mut inbound, &wire[79_999]), Err(Fault::Replayed));
    }
}

#[test]
fn a_report_is_heard_once() {
    let (mut outbound, mut inbound) = pair(&key(Suite::AesCm128HmacSha1_80, 6));
    let (first, second) = (sealed(&mut outbound, &rtcp(7)), sealed(&mut outbound, &rtcp(7)));
    assert!(opened(&mut inbound, &second).is_ok());
    assert!(opened(&mut inbound, &first).is_ok());
    assert_eq!(opened(&mut inbound, &first), Err(Fault::Replayed));
}

/// The trap of libraries that keep state for a stream before they have authenticated it.
#[test]
fn forged_streams_take_no_memory_and_genuine_ones_are_bounded() {
    let (mut outbound, mut inbound) = pair(&key(Suite::AesCm128HmacSha1_80, 7));
    for ssrc in 0..10_000 {
        let mut forged = rtp(ssrc, 1);
        forged.extend_from_slice(&[0; 10]);
        assert_eq!(opened(&mut inbound, &forged), Err(Fault::NotGenuine));
    }
    for ssrc in 0..STREAMS_MAX as u32 {
        assert!(opened(&mut inbound, &sealed(&mut outbound, &rtp(ssrc, 1))).is_ok());
    }
    let mut other = Outbound::new(&key(Suite::AesCm128HmacSha1_80, 7)).unwrap();
    assert_eq!(opened(&mut inbound, &sealed(&mut other, &rtp(9_999, 1))), Err(Fault::Spent));
    let mut room = rtp(9_999, 1);
    room.resize(400, 0);
    assert_eq!(outbound.seal_rtp(&mut room, 172), Err(Fault::Spent));
}

#[test]
fn a_stream_that_begins_anew_under_its_ssrc_goes_on_and_no_key_stream_is_used_twice() {
    for suite in Suite::ALL {
        let (mut outbound, mut inbound) = pair(&key(suite, 8));
        let mut used = std::collections::BTreeSet::new();
        for round in 0..5u8 {
            for sequence in [60_000u16, 60_001, 60_003, 60_002, 60_004] {
                let mut said = rtp(7, sequence);
                said[20..].fill(round);
                let on_the_wire = sealed(&mut outbound, &said);
                assert!(used.insert(on_the_wire[2..4].to_vec()), "round {round}: {sequence}");
                let heard = opened(&mut inbound, &on_the_wire).unwrap();
                assert_eq!(heard[4..], said[4..]);
            }
        }
    }
}

#[test]
fn first_numbers_are_low_so_that_who_hears_late_knows_how_often_they_came_round() {
    let key = key(Suite::AesCm128HmacSha1_80, 9);
    let mut outbound = Outbound::new(&key).unwrap();
    let wire: Vec<_> = (0..1_000u16).map(|at| sealed(&mut outbound, &rtp(7, 65_000u16.wrapping_add(at)))).collect();
    let mut late = Inbound::new(&key).unwrap();
    assert!(opened(&mut late, &wire[900]).is_ok());
}

#[test]
fn after_a_new_key_the_rollover_counter_goes_on_or_begins_anew() {
    for suite in Suite::ALL {
        let (old, new) = (key(suite, 10), key(suite, 11));
        let (mut outbound, mut inbound) = pair(&old);
        for at in 0..70_000u32 {
            let on_the_wire = sealed(&mut outbound, &rtp(7, at as u16));
            if at % 1_000 == 0 || at == 69_999 {
                opened(&mut inbound, &on_the_wire).unwrap();
            }
        }
        // It begins anew: a library that makes a new context.
        let mut anew = Inbound::succeeding(&inbound, &new).unwrap();
        let mut fresh = Outbound::new(&new).unwrap();
        for at in 4_465..4_600 {
            assert_eq!(opened(&mut anew, &sealed(&mut fresh, &rtp(7, at))).unwrap(), rtp(7, at));
        }
        // It goes on, as RFC 3711 3.3.1 has it.
        let mut going_on = Inbound::succeeding(&inbound, &new).unwrap();
        let mut outbound = Outbound::new(&new).unwrap();
        for at in 4_000..70_000u32 {
            let on_the_wire = sealed(&mut outbound, &rtp(7, at as u16));
            if at > 69_999 - 100 {
                assert_eq!(opened(&mut going_on, &on_the_wire).unwrap(), rtp(7, at as u16));
            }
        }
        assert_eq!(
            opened(&mut going_on, &sealed(&mut Outbound::new(&old).unwrap(), &rtp(7, 5_000))),
            Err(Fault::NotGenuine)
        );
    }
}

#[test]
fn what_is_cut_short_or_has_no_room_is_refused_without_harm() {
    for suite in Suite::ALL {
        let (mut outbound, mut inbound) = pair(&key(suite, 12));
        for plain in [rtp(7, 1), rtcp(7)] {
            let genuine = sealed(&mut outbound, &plain);
            for length in 2..genuine.len() {
                assert!(opened(&mut inbound, &genuine[..length]).is_err(), "{length}");
            }
            let mut room = plain.clone();
            room.push(0);
            assert_eq!(outbound.seal_rtp(&mut room, plain.len()), Err(Fault::NoRoom));
            assert_eq!(outbound.seal_rtp(&mut room, 900), Err(Fault::NoRoom));
        }
        assert_eq!(outbound.seal_rtcp(&mut [0x80, 200, 0, 1], 4), Err(Fault::Short));
    }
}
