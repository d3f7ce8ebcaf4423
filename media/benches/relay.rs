//! What relaying a packet costs: G.711 calls at 50 packets a second each way, through the media room and, in turn, through two
//! plain relays in the same process under the same generator: "connected" (epoll, `recv`, `send`: the kernel knows both ends,
//! and drops strangers uncounted), and "open" (epoll, `recvfrom`, a look at the source, `sendto`: what it takes to count them).
//!
//! `cargo bench -p media --bench relay -- [seconds] [calls ...]` prints CPU per relayed packet, the ratio of both, added latency.
//! No figure is asserted: machines differ, ratios taken back to back are what to look at.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock, and stops where it cannot go on"
)]

use media::{Media, MediaSettings, OpenRequest, PortRange, Remote, SessionId, Side};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

/// G.711, 20 ms: the header and 160 bytes.
const PACKET: usize = 172;
/// Pairs of runs for each number of calls.
const ROUNDS: usize = 3;
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (seconds, calls) = match numbers.split_first() {
        Some((seconds, calls)) if !calls.is_empty() => (*seconds, calls.to_vec()),
        Some((seconds, _)) => (*seconds, vec![100, 300]),
        None => (3, vec![100, 300]),
    };
    wire::raise_open_files_limit().unwrap();
    println!("{seconds} s a run, {ROUNDS} runs of each in turn; latency from send to receive in this process");
    println!("calls  relay      packets  lost  us CPU/packet  p50 us  p99 us");
    for calls in calls {
        let (mut to_connected, mut to_open) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let connected = run_plain(calls, seconds, Plain::Connected);
            connected.print(calls, "connected");
            let open = run_plain(calls, seconds, Plain::Open);
            open.print(calls, "open");
            let media = run_media(calls, seconds);
            media.print(calls, "media");
            to_connected.push(media.cpu_us / connected.cpu_us);
            to_open.push(media.cpu_us / open.cpu_us);
        }
        for (reference, mut ratios) in [("connected", to_connected), ("open", to_open)] {
            ratios.sort_by(f64::total_cmp);
            println!("{calls:>5}  CPU per packet, media to {reference}: {:.2} (of {ratios:.2?})", ratios[ROUNDS / 2]);
        }
    }
}

struct Outcome {
    packets: usize,
    lost: usize,
    cpu_us: f64,
    p50_us: u64,
    p99_us: u64,
}

impl Outcome {
    fn print(&self, calls: usize, relay: &str) {
        let Outcome { packets, lost, cpu_us, p50_us, p99_us } = self;
        println!("{calls:>5}  {relay:<9}  {packets:>7}  {lost:>4}  {cpu_us:>13.2}  {p50_us:>6}  {p99_us:>6}");
    }
}

/// Phones in pairs: an even one is its call's A, the next its B.
fn phones(calls: usize) -> Vec<UdpSocket> {
    (0..calls * 2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect()
}

fn run_media(calls: usize, seconds: usize) -> Outcome {
    let settings =
        MediaSettings { ports: PortRange { first: 10_000, last: 29_999 }, threads: 1, ..MediaSettings::default() };
    let media = Media::start(settings, Arc::new(|_| ())).unwrap();
    let phones = phones(calls);
    let mut ports = Vec::new();
    for (call, pair) in phones.chunks(2).enumerate() {
        let session = SessionId(call as u64);
        let (sender, receiver) = sync_channel(1);
        media.open(session, OpenRequest::relay(), Box::new(move |opened| sender.send(opened).unwrap()));
        let opened = receiver.recv().unwrap().unwrap();
        ports.extend([opened.a, opened.b.unwrap()]);
        for (side, phone) in Side::BOTH.into_iter().zip(pair) {
            let address = phone.local_addr().unwrap();
            media.set_remote(session, side, Remote::new(address, address.ip())).unwrap();
        }
        media.answered(session).unwrap();
    }
    let outcome = drive(&phones, &ports, "media-0", seconds);
    media.stop();
    outcome
}

/// Which plain relay.
#[derive(Clone, Copy, PartialEq)]
enum Plain {
    Connected,
    Open,
}

fn run_plain(calls: usize, seconds: usize, plain: Plain) -> Outcome {
    let phones = phones(calls);
    let relays: Vec<UdpSocket> = phones
        .iter()
        .map(|phone| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            if plain == Plain::Connected {
                socket.connect(phone.local_addr().unwrap()).unwrap();
            }
            socket.set_nonblocking(true).unwrap();
            socket
        })
        .collect();
    let ports: Vec<SocketAddr> = relays.iter().map(|relay| relay.local_addr().unwrap()).collect();
    let ends: Vec<SocketAddr> = phones.iter().map(|phone| phone.local_addr().unwrap()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let relay = thread::Builder::new().name("plain".into()).spawn(move || {
        let poller = watch(&relays);
        let (mut events, mut packet) = (Vec::with_capacity(256), [0u8; 2_048]);
        while !stopped.load(Ordering::Relaxed) {
            events.clear();
            let _ = epoll::wait(&poller, spare_capacity(&mut events), Some(&PATIENCE));
            for event in &events {
                let from = event.data.u64() as usize;
                match plain {
                    Plain::Connected => {
                        if let Ok(length) = relays[from].recv(&mut packet) {
                            let _ = relays[from ^ 1].send(&packet[..length]);
                        }
                    }
                    Plain::Open => match relays[from].recv_from(&mut packet) {
                        Ok((length, source)) if source == ends[from] => {
                            let _ = relays[from ^ 1].send_to(&packet[..length], ends[from ^ 1]);
                        }
                        _ => {}
                    },
                }
            }
        }
    });
    let outcome = drive(&phones, &ports, "plain", seconds);
    stop.store(true, Ordering::Relaxed);
    relay.unwrap().join().unwrap();
    outcome
}

fn watch(sockets: &[UdpSocket]) -> std::os::fd::OwnedFd {
    let poller = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (index, socket) in sockets.iter().enumerate() {
        epoll::add(&poller, socket, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN).unwrap();
    }
    poller
}

/// Lets each phone send a packet every 20 ms to its port, a twentieth of them every millisecond, and receives what the relay
/// gives the others.
fn drive(phones: &[UdpSocket], ports: &[SocketAddr], relay_thread: &str, seconds: usize) -> Outcome {
    for (phone, port) in phones.iter().zip(ports) {
        phone.connect(port).unwrap();
        phone.set_nonblocking(true).unwrap();
    }
    let start = Instant::now();
    let is_over = AtomicBool::new(false);
    let cpu_before = cpu(relay_thread);
    let (sent, mut latencies) = thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(phones, &start, &is_over, seconds));
        let sent = send(phones, &start, seconds);
        thread::sleep(Duration::from_millis(200));
        is_over.store(true, Ordering::Relaxed);
        (sent, receiver.join().unwrap())
    });
    let cpu_ns = cpu(relay_thread) - cpu_before;
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100] / 1_000;
    Outcome {
        packets: latencies.len(),
        lost: sent - latencies.len(),
        cpu_us: cpu_ns as f64 / 1_000.0 / latencies.len() as f64,
        p50_us: at(50),
        p99_us: at(99),
    }
}

fn send(phones: &[UdpSocket], start: &Instant, seconds: usize) -> usize {
    let mut packet = [0u8; PACKET];
    packet[0] = 0x80;
    let mut sent = 0;
    for tick in 0..seconds * 1_000 {
        if let Some(early) = Duration::from_millis(tick as u64).checked_sub(start.elapsed()) {
            thread::sleep(early);
        }
        let number = (tick / 20) as u32;
        packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(number * 160).to_be_bytes());
        for (index, phone) in phones.iter().enumerate().skip(tick % 20).step_by(20) {
            packet[8..12].copy_from_slice(&(index as u32).to_be_bytes());
            packet[12..20].copy_from_slice(&(start.elapsed().as_nanos() as u64).to_be_bytes());
            sent += usize::from(phone.send(&packet).is_ok());
        }
    }
    sent
}

fn receive(phones: &[UdpSocket], start: &Instant, is_over: &AtomicBool, seconds: usize) -> Vec<u64> {
    let poller = watch(phones);
    let mut latencies = Vec::with_capacity(phones.len() * 50 * seconds + 1);
    let (mut events, mut packet) = (Vec::with_capacity(256), [0u8; 2_048]);
    while !is_over.load(Ordering::Relaxed) {
        events.clear();
        let _ = epoll::wait(&poller, spare_capacity(&mut events), Some(&PATIENCE));
        for event in &events {
            let index = event.data.u64() as usize;
            if let Ok(PACKET) = phones[index].recv(&mut packet) {
                let stamp = u64::from_be_bytes(packet[12..20].try_into().unwrap());
                assert_eq!(
                    u32::from_be_bytes(packet[8..12].try_into().unwrap()) as usize,
                    index ^ 1,
                    "another call's packet"
                );
                latencies.push(start.elapsed().as_nanos() as u64 - stamp);
            }
        }
    }
    latencies
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
