//! Our SRTP against webrtc-rs's `rtc-srtp`, packet by packet from a seed, both ways: byte for byte what it seals, and what it
//! opens.
//!
//! What the published vectors say is told in `src/srtp`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

use domain::Entropy;
use domain::srtp::{MasterKey, Suite};
use media::srtp::{GROWTH_MAX, Inbound, Outbound};
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

const SEED: [u8; 16] = *b"secure media 711";
const PACKETS: u64 = 20_000;

fn theirs(key: &MasterKey) -> Context {
    let profile = match key.suite() {
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
    };
    let (rtp, rtcp) = (srtp_replay_protection(128), srtcp_replay_protection(128));
    let provider = rtc_crypto::default_provider().unwrap();
    Context::new(key.key(), key.salt(), profile, Some(rtp), Some(rtcp), provider.crypto()).unwrap()
}

/// RTP or RTCP with random content, of two streams whose numbers come round twice.
fn packet(entropy: &mut Entropy, number: u64) -> (bool, Vec<u8>) {
    let ssrc = 0x1000 + (entropy.below(10) == 0) as u32;
    let body: Vec<u8> = (0..entropy.below(300)).map(|_| entropy.next_u64() as u8).collect();
    let is_rtcp = entropy.below(20) == 0;
    let mut packet = if is_rtcp { vec![0x81, 200, 0, 6] } else { vec![0x80, entropy.below(128) as u8] };
    if !is_rtcp {
        packet.extend_from_slice(&((number * 7) as u16).to_be_bytes());
        packet.extend_from_slice(&(entropy.next_u64() as u32).to_be_bytes());
    }
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&body);
    (is_rtcp, packet)
}

#[test]
fn what_rtc_srtp_seals_we_open_and_what_we_seal_it_opens() {
    println!("seed {SEED:?}");
    for suite in Suite::ALL {
        let mut entropy = Entropy::from_seed(SEED);
        let key = MasterKey::mint(suite, &mut entropy);
        let (mut sealing, mut opening) = (theirs(&key), theirs(&key));
        let (mut outbound, mut inbound) = (Outbound::new(&key).unwrap(), Inbound::new(&key).unwrap());
        let mut rtcp_numbers = std::collections::BTreeMap::new();
        for number in 0..PACKETS {
            let (is_rtcp, plain) = packet(&mut entropy, number);
            let their_wire = match is_rtcp {
                true => sealing.encrypt_rtcp(&plain).unwrap(),
                false => sealing.encrypt_rtp(&plain).unwrap(),
            };
            let mut room = their_wire.to_vec();
            let length = match is_rtcp {
                true => inbound.open_rtcp(&mut room),
                false => inbound.open_rtp(&mut room),
            };
            assert_eq!(room[..length.unwrap()], plain, "{suite:?} {number}");

            room = plain.clone();
            room.resize(plain.len() + GROWTH_MAX, 0);
            let length = match is_rtcp {
                true => outbound.seal_rtcp(&mut room, plain.len()),
                false => outbound.seal_rtp(&mut room, plain.len()),
            };
            room.truncate(length.unwrap());
            if is_rtcp {
                // Ours counts reports of all streams together, theirs of each.
                *rtcp_numbers.entry(plain[4..8].to_vec()).or_insert(0) += 1;
                assert_eq!(opening.decrypt_rtcp(&room).unwrap(), plain, "{suite:?} {number}");
            } else {
                assert_eq!(room, their_wire, "{suite:?} {number}");
                assert_eq!(opening.decrypt_rtp(&room).unwrap(), plain, "{suite:?} {number}");
            }
        }
        assert!(rtcp_numbers.values().all(|count: &u32| *count > 20));
    }
}
