//! What securing a G.711 packet costs: our SRTP in place against webrtc-rs's `rtc-srtp`, in turn, in one process.
//!
//! `cargo bench -p media --bench srtp -- [packets]` prints nanoseconds per packet and the ratio. No figure is asserted: machines
//! differ, ratios taken back to back are what to look at. The way of a packet through sockets is measured by `relay`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, and stops where it cannot go on"
)]

use domain::Entropy;
use domain::srtp::{MasterKey, Suite};
use media::srtp::{GROWTH_MAX, Inbound, Outbound};
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use std::hint::black_box;
use std::time::Instant;

const PACKET: usize = 172;
const ROUNDS: usize = 9;

fn main() {
    let packets = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(200_000u32);
    println!("{packets} packets of {PACKET} bytes a run, best of {ROUNDS} runs in turn; nanoseconds a packet");
    println!("{:<24} {:>9} {:>9} {:>9} {:>9}  ratio", "suite", "seal ours", "rtc-srtp", "open ours", "rtc-srtp");
    for suite in Suite::ALL {
        let mut figures = [const { Vec::new() }; 4];
        for round in 0..ROUNDS {
            let key = MasterKey::mint(suite, &mut Entropy::from_seed([round as u8; 16]));
            for (all, figure) in figures.iter_mut().zip(run(&key, packets)) {
                all.push(figure);
            }
        }
        let [seal, their_seal, open, their_open] = figures.map(|mut all| {
            all.sort_unstable();
            all[0]
        });
        let ratio = (their_seal + their_open) as f64 / (seal + open) as f64;
        println!("{:<24} {seal:>9} {their_seal:>9} {open:>9} {their_open:>9}  {ratio:.2}", suite.as_str());
    }
}

fn packet(number: u32, room: &mut [u8]) {
    room[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    room[2..4].copy_from_slice(&(number as u16).to_be_bytes());
}

/// Nanoseconds a packet: sealing by us and by them, opening by us and by them.
fn run(key: &MasterKey, packets: u32) -> [u64; 4] {
    let mut wire = Vec::with_capacity(packets as usize);
    let mut outbound = Outbound::new(key).unwrap();
    let mut room = [0x55u8; PACKET + GROWTH_MAX];
    let seal = timed(packets, |number| {
        packet(number, &mut room);
        black_box(outbound.seal_rtp(&mut room, PACKET).unwrap());
    });
    let mut theirs = context(key);
    let their_seal = timed(packets, |number| {
        packet(number, &mut room);
        black_box(theirs.encrypt_rtp(&room[..PACKET]).unwrap());
    });
    let mut sealing = context(key);
    for number in 0..packets {
        packet(number, &mut room);
        wire.push(sealing.encrypt_rtp(&room[..PACKET]).unwrap());
    }
    let mut inbound = Inbound::new(key).unwrap();
    let mut arrived = [0u8; 256];
    let open = timed(packets, |number| {
        let packet = &wire[number as usize];
        arrived[..packet.len()].copy_from_slice(packet);
        black_box(inbound.open_rtp(&mut arrived[..packet.len()]).unwrap());
    });
    let mut theirs = context(key);
    let their_open = timed(packets, |number| {
        black_box(theirs.decrypt_rtp(&wire[number as usize]).unwrap());
    });
    [seal, their_seal, open, their_open]
}

fn timed(packets: u32, mut step: impl FnMut(u32)) -> u64 {
    let start = Instant::now();
    (0..packets).for_each(&mut step);
    start.elapsed().as_nanos() as u64 / u64::from(packets)
}

fn context(key: &MasterKey) -> Context {
    let profile = match key.suite() {
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
    };
    let (rtp, rtcp) = (srtp_replay_protection(128), srtcp_replay_protection(128));
    let provider = rtc_crypto::default_provider().unwrap();
    Context::new(key.key(), key.salt(), profile, Some(rtp), Some(rtcp), provider.crypto()).unwrap()
}
