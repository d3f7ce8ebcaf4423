//! What a transaction costs: CPU and memory of an INVITE server transaction and an INVITE client transaction, with everything
//! that arrives and leaves, and of a digest verdict.
//!
//! Nothing is compared with a budget here; the numbers are printed. `cargo bench -p sip --bench transactions`
#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use domain::{Entropy, Machine, Now, Wall};
use sip::digest::nonce::Issuer;
use sip::digest::{Challenger, Credentials, Freshness, Gate, Ha1, Secret};
use sip::endpoint::{Destination, Effect, Endpoint, Event, Owner, Reply, Settings, Source, Transport};
use sip::{Message, Name};
use std::time::Duration;

/// Calls measured, and calls on the way at the same time.
const CALLS: usize = 200_000;
const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n";

fn main() {
    // The test runner builds and runs benches too: one round is enough for it.
    let calls = if std::env::args().any(|argument| argument == "--bench") { CALLS } else { 200 };
    let pair = transactions(calls);
    println!("INVITE server transaction (INVITE in, 100, 180, 200 out, ACK in) and INVITE client transaction");
    println!(
        "(INVITE out, 100, 180, 200 in, ACK out), with all parsing and printing of the endpoint: {pair} ns a pair"
    );
    println!("a message, of the ten of a pair: {} ns", pair / 10);
    println!("digest verdict, SHA-256, right password: {} ns", verdicts(calls, "secret"));
    println!("digest verdict, SHA-256, wrong password: {} ns", verdicts(calls, "wrong"));
    println!("challenge of two lines: {} ns", challenges(calls));
}

fn source() -> Source {
    Source {
        transport: Transport::Udp,
        peer: "198.51.100.7:5062".parse().unwrap(),
        local: "192.0.2.1:5060".parse().unwrap(),
        flow: None,
    }
}

/// Calls that are carried side by side between two looks at the clock.
const BATCH: usize = 500;

/// CPU nanoseconds that this thread has used: the machine may be busy with others.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Nanoseconds a pair, timers included: time moves on 1 ms a call, so that every transaction is carried to its end.
fn transactions(calls: usize) -> u64 {
    let mut endpoint = Endpoint::new(Settings::default(), Entropy::from_seed([1; 16]));
    let mut effects = Vec::new();
    let mut now = Now::default();
    let mut spent = 0;
    let destination = Destination::back_to(&source());
    for batch in (0..calls).step_by(BATCH) {
        let batch = batch..(batch + BATCH).min(calls);
        let carried = batch.len();
        let incoming: Vec<_> = batch.clone().map(|call| bytes_of(&invite(call, true))).collect();
        let outgoing: Vec<_> = batch.clone().map(|call| invite(call, false)).collect();
        let acked: Vec<_> = batch.clone().map(|call| bytes_of(&ack(call))).collect();
        let acks: Vec<_> = batch.map(to_ack).collect();
        let (mut pairs, mut sent) = (Vec::new(), Vec::new());

        let start = cpu_ns();
        for (incoming, outgoing) in incoming.into_iter().zip(&outgoing) {
            endpoint.handle(Event::BytesReceived { bytes: incoming, source: source() }, now, &mut effects);
            let Some(Effect::RequestArrived { pending }) = effects.pop() else { panic!("{effects:?}") };
            let server = endpoint.accept(&pending, Owner(1), now, &mut effects).unwrap();
            let client = endpoint.request(Owner(2), outgoing.as_bytes(), destination, now, &mut effects).unwrap();
            let Some(Effect::Transmit { bytes, .. }) = effects.pop() else { panic!("{effects:?}") };
            pairs.push((server, client));
            sent.push(bytes);
            effects.clear();
        }
        spent += cpu_ns() - start;
        let responses: Vec<_> = sent.iter().map(responses).collect();

        let start = cpu_ns();
        for ((((server, client), responses), ack), acked) in pairs.into_iter().zip(responses).zip(&acks).zip(acked) {
            for response in responses {
                endpoint.handle(Event::BytesReceived { bytes: response, source: source() }, now, &mut effects);
            }
            endpoint.acknowledge(client, ack.as_bytes(), destination, &mut effects).unwrap();
            endpoint.respond(server, Reply::new(180, "Ringing").tag("t"), now, &mut effects).unwrap();
            let contact = Reply::new(200, "OK").tag("t").header(Name::Contact, "<sip:192.0.2.1>");
            let reply = contact.body("application/sdp", Bytes::from_static(SDP));
            endpoint.respond(server, reply, now, &mut effects).unwrap();
            endpoint.handle(Event::BytesReceived { bytes: acked, source: source() }, now, &mut effects);
            assert!(matches!(effects.last(), Some(Effect::AckArrived { .. })), "{effects:?}");
            effects.clear();
            now = now.after(Duration::from_millis(1));
            if endpoint.deadline().is_some_and(|due| due <= now.monotonic) {
                endpoint.expire(now, &mut effects);
                effects.clear();
            }
        }
        spent += cpu_ns() - start;
        assert_eq!(carried, sent.len());
    }
    println!("{calls} calls, at the end {:?}", endpoint.load());
    spent / calls as u64
}

const ASKER: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn verdicts(calls: usize, password: &str) -> u64 {
    let now = Now { wall: Wall::from_unix_seconds(1_700_000_000), ..Now::default() };
    let settings = sip::digest::Settings::new("tandem.example", Issuer(1));
    let mut challenger = Challenger::new(settings, &[1; 32], Entropy::from_seed([2; 16]), now);
    let mut lines = Vec::new();
    challenger.challenge(Gate::Proxy, Freshness::New, ASKER, now, &mut lines);
    let text = String::from_utf8(lines).unwrap();
    let challenge = text.lines().next().unwrap().strip_prefix("Proxy-Authenticate: ").unwrap();
    let ha1 = Ha1::new("99050000040027", "tandem.example", "secret");
    let uri = "sip:+12025550123@tandem.example";
    let credentials = Credentials { user: "99050000040027", secret: Secret::Password(password) };
    let answers: Vec<_> = (1..=calls as u32)
        .map(|count| sip::digest::answer([challenge.as_bytes()], credentials, "INVITE", uri, count, "c0ffee").unwrap())
        .collect();
    let start = cpu_ns();
    for answer in &answers {
        std::hint::black_box(
            challenger.verify([answer.as_bytes()], "INVITE", uri.as_bytes(), ASKER, now, |_| Some(ha1)),
        );
    }
    (cpu_ns() - start) / calls as u64
}

fn challenges(calls: usize) -> u64 {
    let now = Now { wall: Wall::from_unix_seconds(1_700_000_000), ..Now::default() };
    let settings = sip::digest::Settings::new("tandem.example", Issuer(1));
    let mut challenger = Challenger::new(settings, &[1; 32], Entropy::from_seed([2; 16]), now);
    let mut lines = Vec::new();
    let start = cpu_ns();
    for _ in 0..calls {
        lines.clear();
        challenger.challenge(Gate::Proxy, Freshness::New, ASKER, now, &mut lines);
        std::hint::black_box(&lines);
    }
    (cpu_ns() - start) / calls as u64
}

fn bytes_of(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// As a PBX sends it, or as a leg prints it: without Via.
fn invite(call: usize, from_pbx: bool) -> String {
    let via = match from_pbx {
        true => format!("Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK{call};rport\r\n"),
        false => String::new(),
    };
    let side = if from_pbx { "pbx" } else { "leg" };
    format!(
        "INVITE sip:+12025550123@tandem.example SIP/2.0\r\n{via}Max-Forwards: 70\r\n\
         From: <sip:99050000040027@tandem.example>;tag={side}\r\nTo: <sip:+12025550123@tandem.example>\r\n\
         Call-ID: {call}@{side}\r\nCSeq: 1 INVITE\r\nContact: <sip:{side}@198.51.100.7:5062>\r\n\
         Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, INFO, UPDATE\r\nSupported: timer, replaces\r\n\
         User-Agent: bench\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
        SDP.len(),
        std::str::from_utf8(SDP).unwrap()
    )
}

fn ack(call: usize) -> String {
    format!(
        "ACK sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKack{call};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:99050000040027@tandem.example>;tag=pbx\r\n\
         To: <sip:+12025550123@tandem.example>;tag=t\r\nCall-ID: {call}@pbx\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    )
}

fn to_ack(call: usize) -> String {
    format!(
        "ACK sip:carrier@198.51.100.7 SIP/2.0\r\nMax-Forwards: 70\r\n\
         From: <sip:99050000040027@tandem.example>;tag=leg\r\nTo: <sip:+12025550123@tandem.example>;tag=carrier\r\n\
         Call-ID: {call}@leg\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    )
}

/// What the carrier answers.
fn responses(request: &Bytes) -> [Bytes; 3] {
    let request = Message::parse(request.clone()).unwrap();
    [100, 180, 200].map(|status| {
        let mut out = BytesMut::new();
        let response = sip::Response::to(&request, status, "X").tag("carrier");
        let lines = response.print(&mut out).header(Name::Contact, "<sip:carrier@198.51.100.7:5062>");
        if status == 200 {
            lines.body("application/sdp", SDP)
        } else {
            lines.end()
        }
        out.freeze()
    })
}
