//! The relay path allocates nothing per packet, plain and with SRTP: counted by the allocator itself, over all threads of this process.
//!
//! It has a process of its own, without the test harness, so that nobody else's allocations are counted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod common;

use common::{Phone, Room, settings};
use domain::Entropy;
use domain::srtp::{Keying, MasterKey, Suite};
use media::srtp::{GROWTH_MAX, Outbound};
use media::{OpenRequest, Remote, Side};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::net::SocketAddr;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 5_000;

fn main() {
    let room = Room::start(settings(10_000));
    let (a, b, caller) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_a, to_b) = room.relay(1, &a, &b);
    let echo = room.open(2, OpenRequest::echo()).unwrap().a;
    room.set_remote(2, Side::A, caller.remote());
    let stranger = Phone::new("127.0.0.66");
    // A third call, secure on both sides.
    let (secure, other) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    let (to_secure, _) = room.relay(3, &secure, &other);
    let mut entropy = Entropy::from_seed([1; 16]);
    let mut keying = |suite| Keying {
        heard_with: MasterKey::mint(suite, &mut entropy),
        spoken_with: MasterKey::mint(suite, &mut entropy),
    };
    let (heard_with_gcm, heard_with_sha) = (keying(Suite::AeadAes128Gcm), keying(Suite::AesCm128HmacSha1_80));
    room.set_remote(3, Side::A, Remote { keying: Some(heard_with_gcm), ..secure.remote() });
    room.set_remote(3, Side::B, Remote { keying: Some(heard_with_sha), ..other.remote() });
    let mut seals = Outbound::new(&heard_with_gcm.heard_with).unwrap();
    let mut sealed = [0x55; 172 + GROWTH_MAX];
    let rtcp_to_a = SocketAddr::new(to_a.ip(), to_a.port() + 1);

    let mut packet = common::rtp(7, 0, &[0x55; 160]);
    let report = common::rtcp(7);
    let mut heard = [0u8; 2_000];
    let mut round = |number: usize| {
        packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(number as u32 * 160).to_be_bytes());
        // An echo returns at most 500 packets a second, which these rounds exceed.
        let ways = [(&a, to_a, &b.rtp), (&b, to_b, &a.rtp), (&caller, echo, &caller.rtp)];
        for (phone, to, hears) in ways.into_iter().take(if number < 4 * 400 { 3 } else { 2 }) {
            stranger.rtp.send_to(&packet, to).unwrap();
            phone.rtp.send_to(&packet, to).unwrap();
            assert_eq!(hears.recv(&mut heard).unwrap(), packet.len());
        }
        // A burst, for the way through batches; a copy, and RTCP.
        for ahead in 0..4u16 {
            packet[2..4].copy_from_slice(&(number as u16).wrapping_add(ahead).to_be_bytes());
            a.rtp.send_to(&packet, to_a).unwrap();
        }
        for _ in 1..4 {
            hears(&b, &mut heard);
        }
        sealed[..4].copy_from_slice(&[0x80, 0, (number >> 8) as u8, number as u8]);
        let length = seals.seal_rtp(&mut sealed, 172).unwrap();
        secure.rtp.send_to(&sealed[..length], to_secure).unwrap();
        assert_eq!(other.rtp.recv(&mut heard).unwrap(), 172 + 10);
        a.rtcp.send_to(&report, rtcp_to_a).unwrap();
        b.rtcp.recv(&mut heard).unwrap();
    };
    for number in 0..10 {
        round(number * 4);
    }
    let region = Region::new(ALLOCATOR);
    for number in 10..ROUNDS {
        round(number * 4);
    }
    let change = region.change();
    let relayed = room.totals().sides.b.packets_sent;
    println!("{relayed} packets to B, {} allocations", change.allocations + change.reallocations);
    assert_eq!((change.allocations, change.reallocations, change.deallocations), (0, 0, 0));
    assert_eq!(relayed as usize, ROUNDS * 5);
    println!("test the_relay_path_allocates_nothing_per_packet ... ok");
}

fn hears(phone: &Phone, heard: &mut [u8]) {
    phone.rtp.recv(heard).unwrap();
}
