//! The open loop, proven: a server that stalls for two seconds in the middle shows in the percentiles, the calls go on by schedule,
//! and a closed loop that counts the same server sees nothing.
//!
//! The generator is the real one, over loopback; the server is a stub that answers whatever it is asked, later while it stalls. The
//! same on a virtual clock, without sockets, is in `figures`.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing shall panic")]

use bytes::Bytes;
use clap::Parser;
use domain::Monotonic;
use loadtest::clock::Clock;
use loadtest::figures::Latencies;
use loadtest::options::{Options, Plan};
use loadtest::summary::Summary;
use sip::{Message, Method, Name};
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const RATE: u64 = 50;
const DURATION_S: u64 = 6;
/// From the first INVITE on.
const STALL: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(4));

/// When each call's first INVITE reached the server, counted from the first of all.
type Arrivals = Arc<Mutex<Vec<Duration>>>;

/// A server that answers every request with 200, INVITEs with an SDP; while it stalls it takes note, and answers afterwards.
struct Stub {
    address: SocketAddr,
    arrivals: Arrivals,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    fn start() -> Stub {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let address = socket.local_addr().unwrap();
        let (arrivals, ends) = (Arrivals::default(), Arc::new(AtomicBool::new(false)));
        let (noted, told) = (Arc::clone(&arrivals), Arc::clone(&ends));
        let thread = std::thread::spawn(move || serve(&socket, &noted, &told));
        Stub { address, arrivals, ends, thread: Some(thread) }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the stub broke off");
    }
}

fn serve(socket: &UdpSocket, arrivals: &Arrivals, ends: &AtomicBool) {
    let clock = Clock::start();
    let mut first: Option<Monotonic> = None;
    let mut calls = BTreeSet::new();
    let mut waiting: Vec<(Message, SocketAddr)> = Vec::new();
    let mut buffer = [0; 65_535];
    while !ends.load(Ordering::Relaxed) {
        let heard = socket.recv_from(&mut buffer);
        let now = clock.monotonic();
        let since_first = first.map_or(Duration::ZERO, |first| now.since(first));
        let stalls = (STALL.0..STALL.1).contains(&since_first);
        if !stalls {
            waiting.drain(..).for_each(|(request, peer)| answer(socket, &request, peer));
        }
        let Ok((length, peer)) = heard else { continue };
        let request = Message::parse(Bytes::copy_from_slice(&buffer[..length])).unwrap();
        if request.method() == Some(&Method::Invite) && calls.insert(request.call_id().unwrap().to_owned()) {
            first.get_or_insert(now);
            arrivals.lock().unwrap().push(since_first);
        }
        if stalls { waiting.push((request, peer)) } else { answer(socket, &request, peer) }
    }
}

fn answer(socket: &UdpSocket, request: &Message, peer: SocketAddr) {
    if request.method() == Some(&Method::Ack) {
        return;
    }
    let header = |name| String::from_utf8_lossy(request.header(name).unwrap_or_default()).into_owned();
    let local = socket.local_addr().unwrap();
    let is_invite = request.method() == Some(&Method::Invite);
    let body = if is_invite { telephone::sdp::print(local, &[telephone::g711::Law::Mu], 1) } else { String::new() };
    let response = format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=stub\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:{local}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        header(Name::Via),
        header(Name::From),
        header(Name::To).split(";tag").next().unwrap(),
        header(Name::CallId),
        header(Name::CSeq),
        body.len()
    );
    socket.send_to(response.as_bytes(), peer).unwrap();
}

fn plan(words: &str) -> Plan {
    let words = ["tandem-loadtest"].into_iter().chain(words.split_ascii_whitespace());
    Plan::try_from(Options::try_parse_from(words).unwrap()).unwrap()
}

fn run(stub: &Stub, more: &str) -> Summary {
    let plan = plan(&format!(
        "--target {} --user 101 --password secret --rate {RATE} --duration {DURATION_S}s --arrivals constant --hold 100ms \
         --no-media {more}",
        stub.address
    ));
    loadtest::run::tell(&plan).unwrap()
}

/// A client that calls again when its last call was answered, no faster than the rate, for as long as the open loop did.
fn closed_loop(stub: &Stub) -> Latencies {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (clock, local) = (Clock::start(), socket.local_addr().unwrap());
    let mut latencies = Latencies::new();
    let mut buffer = [0; 65_535];
    let mut call = 0;
    while clock.monotonic().as_micros() < DURATION_S * 1_000_000 {
        call += 1;
        let at = clock.monotonic();
        let invite = format!(
            "INVITE sip:600@{} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKclosed{call}\r\nFrom: <sip:a@b>;tag={call}\r\nTo: \
             <sip:600@b>\r\nCall-ID: closed{call}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{local}>\r\n\
             Content-Length: 0\r\n\r\n",
            stub.address
        );
        socket.send_to(invite.as_bytes(), stub.address).unwrap();
        socket.recv_from(&mut buffer).unwrap();
        latencies.record(clock.monotonic().since(at));
        clock.wait_until(at + Duration::from_micros(1_000_000 / RATE));
    }
    latencies
}

#[test]
fn a_server_that_stalls_for_two_seconds_shows_in_the_percentiles_and_a_closed_loop_does_not_see_it() {
    let stub = Stub::start();
    let summary = run(&stub, "");
    assert!(summary.ok, "{:?} {:?}", summary.faults, summary.reasons);
    assert_eq!((summary.completed, summary.failed), (RATE * DURATION_S, 0));
    let setup = summary.latencies["setup"];
    // A third of the calls met the stall, and waited between nothing and two seconds.
    assert!(setup.p50_ms < 500.0, "{setup:?}");
    assert!((1_500.0..4_000.0).contains(&setup.p99_ms), "{setup:?}");
    assert!((1_700.0..4_000.0).contains(&setup.p99_9_ms), "{setup:?}");

    // The calls went on by schedule: as many reached the server in the stall as in any other two seconds.
    let arrivals = stub.arrivals.lock().unwrap().clone();
    let within = arrivals.iter().filter(|at| (STALL.0..STALL.1).contains(*at)).count() as u64;
    assert!((RATE * 2 - 25..=RATE * 2 + 25).contains(&within), "{within} calls in the two seconds of the stall");
    let late = summary.latencies["sent_late"];
    assert!(late.p99_ms < 500.0, "the generator itself was held up: {late:?}");

    let closed_stub = Stub::start();
    let closed = closed_loop(&closed_stub);
    assert!(closed.max() > Duration::from_millis(1_500), "it met the stall: {:?}", closed.max());
    assert!(closed.quantile(0.99) < Duration::from_millis(1_000), "once in {} calls", closed.count());
}

#[test]
fn a_bound_on_the_set_up_delay_that_is_exceeded_is_a_fault() {
    let stub = Stub::start();
    let summary = run(&stub, "--p99-setup-ms 1000");
    assert!(!summary.ok);
    assert!(summary.faults.iter().any(|fault| fault.contains("--p99-setup-ms 1000")), "{:?}", summary.faults);
}
