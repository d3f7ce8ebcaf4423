//! The echo test (rules O2 and O2b) over loopback sockets: what is said comes back, and looks like no loop.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod common;

use common::{Phone, Room, rtcp, settings};
use media::{Mode, OpenRequest, Side};
use std::net::SocketAddr;

const FIRST_PORT: u16 = 10_000;

fn field(packet: &[u8], range: std::ops::Range<usize>) -> u32 {
    packet[range].iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// The samples behind G.711 mu-law codes (ITU-T G.711, table 2a).
fn samples(payload: &[u8]) -> Vec<f64> {
    let decode = |code: &u8| {
        let code = !code;
        let magnitude = ((i32::from(code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
        f64::from(if code & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 })
    };
    payload.iter().map(decode).collect()
}

/// Pearson's correlation of two signals.
fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let mean = |signal: &[f64]| signal.iter().sum::<f64>() / signal.len() as f64;
    let (mean_one, mean_other) = (mean(one), mean(other));
    let product = |one: &[f64], other: &[f64], means: (f64, f64)| {
        one.iter().zip(other).map(|(x, y)| (x - means.0) * (y - means.1)).sum::<f64>()
    };
    product(one, other, (mean_one, mean_other))
        / (product(one, one, (mean_one, mean_one)) * product(other, other, (mean_other, mean_other))).sqrt()
}

#[test]
fn what_the_caller_says_comes_back_with_a_correlation_of_one() {
    let room = Room::start(settings(FIRST_PORT));
    let caller = Phone::new("127.0.0.1");
    let opened = room.open(1, OpenRequest::echo()).unwrap();
    assert_eq!(opened.b, None);
    room.set_remote(1, Side::A, caller.remote());

    let (mut said, mut heard) = (Vec::new(), Vec::new());
    let mut previous: Option<(u32, u32)> = None;
    for number in (65_500..65_700).filter(|number| number % 40 != 3) {
        let packet = caller.speak(opened.a, number);
        let (echo, from) = caller.hear_from();
        assert_eq!(from, opened.a);
        assert_eq!(echo[..2], packet[..2], "version, marker and payload type are the caller's");
        assert_ne!(echo[8..12], packet[8..12], "the SSRC is not");
        let (sequence, timestamp) = (field(&echo, 2..4), field(&echo, 4..8));
        if let Some((sequence_before, timestamp_before)) = previous {
            let gap = if number % 40 == 4 { 2 } else { 1 };
            assert_eq!((sequence - sequence_before) & 0xffff, gap, "a lost packet stays lost");
            assert_eq!(timestamp.wrapping_sub(timestamp_before), 160 * gap);
        }
        previous = Some((sequence, timestamp));
        said.extend_from_slice(&packet[12..]);
        heard.extend_from_slice(&echo[12..]);
    }
    assert_eq!(said, heard);
    let correlation = correlation(&samples(&said), &samples(&heard));
    assert!((correlation - 1.0).abs() < 1e-12, "{correlation}");

    let report = room.close(1).unwrap();
    assert_eq!(report.mode, Mode::Echo);
    assert_eq!((report.sides.a.packets_received, report.sides.a.packets_sent), (195, 195));
    assert_eq!(report.sides.a.packets_lost, 5);
    assert_eq!(report.sides.b, media::SideReport::default());
}

#[test]
fn a_burst_is_returned_whole() {
    let room = Room::start(settings(FIRST_PORT));
    let caller = Phone::new("127.0.0.1");
    let opened = room.open(1, OpenRequest::echo()).unwrap();
    room.set_remote(1, Side::A, caller.remote());
    let said: Vec<_> = (0..50).map(|number| caller.speak(opened.a, number)[12..].to_vec()).collect();
    let heard: Vec<_> = (0..50).map(|_| caller.hear()[12..].to_vec()).collect();
    assert!(said == heard);
}

#[test]
fn an_echo_answers_nobody_but_its_caller_and_no_rtcp() {
    let room = Room::start(settings(FIRST_PORT));
    let (caller, stranger) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.66"));
    let opened = room.open(1, OpenRequest::echo()).unwrap();
    room.set_remote(1, Side::A, caller.remote());
    stranger.speak(opened.a, 0);
    caller.rtcp.send_to(&rtcp(1), SocketAddr::new(opened.a.ip(), opened.a.port() + 1)).unwrap();
    caller.speak(opened.a, 0);
    caller.hear();
    let report = room.close(1).unwrap().sides.a;
    assert_eq!((report.packets_received, report.rtcp_received, report.discarded.total()), (1, 1, 1));
    assert!(stranger.hears_nothing() && caller.hears_nothing());
}
