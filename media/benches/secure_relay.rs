//! What relaying a packet costs with SRTP on both legs, under a key of its own each, against plain RTP, in turn in one process: G.711
//! calls at 50 packets a second each way, sealed by the generator, opened and sealed again by the relay.
//!
//! `cargo bench -p media --bench secure_relay -- [seconds] [calls]` prints the relay's CPU per packet, and the ratios. No figure is
//! asserted: machines differ, ratios taken back to back are what to look at. The transforms alone are measured by `srtp`, a plain relay
//! against others by `relay`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, and stops where it cannot go on"
)]

use domain::Entropy;
use domain::srtp::{Keying, MasterKey, Suite};
use media::srtp::{GROWTH_MAX, Outbound};
use media::{Media, MediaSettings, OpenRequest, PortRange, Remote, SessionId, Side};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

/// G.711, 20 ms: the header and 160 bytes.
const PACKET: usize = 172;
const ROUNDS: usize = 5;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (seconds, calls) = (numbers.next().unwrap_or(3), numbers.next().unwrap_or(100));
    wire::raise_open_files_limit().unwrap();
    println!("{calls} calls, {seconds} s a run, best of {ROUNDS} runs of each in turn");
    println!("relay                    us CPU/packet  to plain  received of sent");
    let kinds = [None, Some(Suite::AeadAes128Gcm), Some(Suite::AesCm128HmacSha1_80)];
    let mut best = [(f64::MAX, 0, 0); 3];
    for _ in 0..ROUNDS {
        for (kind, best) in kinds.iter().zip(&mut best) {
            let run = run(calls, seconds, *kind);
            if run.0 < best.0 {
                *best = run;
            }
        }
    }
    for (kind, (cpu_us, received, sent)) in kinds.iter().zip(best) {
        let name = kind.map_or("plain", Suite::as_str);
        println!("{name:<24} {cpu_us:>13.2}  {:>8.2}  {received} of {sent}", cpu_us / best[0].0);
    }
}

/// Microseconds of the relay's CPU for a packet that came out of it, packets that did, packets that were sent.
fn run(calls: usize, seconds: usize, kind: Option<Suite>) -> (f64, usize, usize) {
    let settings =
        MediaSettings { ports: PortRange { first: 10_000, last: 29_999 }, threads: 1, ..MediaSettings::default() };
    let media = Media::start(settings, Arc::new(|_| ())).unwrap();
    let mut entropy = Entropy::from_seed([7; 16]);
    let mut phones = Vec::new();
    for call in 0..calls {
        let session = SessionId(call as u64);
        let (sender, receiver) = sync_channel(1);
        media.open(session, OpenRequest::relay(), Box::new(move |opened| sender.send(opened).unwrap()));
        let opened = receiver.recv().unwrap().unwrap();
        for (side, port) in Side::BOTH.into_iter().zip([opened.a, opened.b.unwrap()]) {
            let keying = kind.map(|suite| Keying {
                heard_with: MasterKey::mint(suite, &mut entropy),
                spoken_with: MasterKey::mint(suite, &mut entropy),
            });
            let phone = Phone::new(port, keying);
            let address = phone.socket.local_addr().unwrap();
            media.set_remote(session, side, Remote { keying, ..Remote::new(address, address.ip()) }).unwrap();
            phones.push(phone);
        }
        media.answered(session).unwrap();
    }
    let before = cpu("media-0");
    let (sent, received) = speak(&mut phones, seconds);
    let used = cpu("media-0") - before;
    media.stop();
    (used as f64 / 1_000.0 / received as f64, received, sent)
}

struct Phone {
    socket: UdpSocket,
    seals: Option<Outbound>,
}

impl Phone {
    fn new(port: SocketAddr, keying: Option<Keying>) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(port).unwrap();
        socket.set_nonblocking(true).unwrap();
        Phone { socket, seals: keying.map(|keying| Outbound::new(&keying.heard_with).unwrap()) }
    }
}

/// Lets each phone send a packet every 20 ms, a twentieth of them every millisecond, and counts what all receive.
fn speak(phones: &mut [Phone], seconds: usize) -> (usize, usize) {
    let start = Instant::now();
    let (mut sent, mut received) = (0, 0);
    let mut room = [0u8; PACKET + GROWTH_MAX];
    for tick in 0..seconds * 1_000 {
        if let Some(early) = Duration::from_millis(tick as u64).checked_sub(start.elapsed()) {
            thread::sleep(early);
        }
        let number = (tick / 20) as u32;
        for (index, phone) in phones.iter_mut().enumerate().skip(tick % 20).step_by(20) {
            received += drained(&phone.socket);
            room[..PACKET].fill(0x55);
            room[..4].copy_from_slice(&[0x80, 0, (number >> 8) as u8, number as u8]);
            room[4..8].copy_from_slice(&(number * 160).to_be_bytes());
            room[8..12].copy_from_slice(&(index as u32).to_be_bytes());
            let length = phone.seals.as_mut().map_or(PACKET, |seals| seals.seal_rtp(&mut room, PACKET).unwrap());
            sent += usize::from(phone.socket.send(&room[..length]).is_ok());
        }
    }
    thread::sleep(Duration::from_millis(200));
    received += phones.iter().map(|phone| drained(&phone.socket)).sum::<usize>();
    (sent, received)
}

fn drained(socket: &UdpSocket) -> usize {
    let mut packet = [0u8; 2_048];
    std::iter::from_fn(|| socket.recv(&mut packet).ok()).count()
}

/// Nanoseconds of CPU that the thread of this name has used (`/proc/.../schedstat`, first field).
fn cpu(thread_name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let named = tasks
        .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == thread_name));
    let time = |task: std::fs::DirEntry| {
        let line = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    named.filter_map(time).sum()
}
