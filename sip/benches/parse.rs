//! What reading and printing a message costs, in nanoseconds and allocations, beside rsip on the same machine in the same run.
//!
//! Run: `cargo bench -p sip`. What a call costs as a whole is measured with the switch.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

use bytes::{Bytes, BytesMut};
use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};
use sip::message::Contact;
use sip::{Message, Name, Response};
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

/// An INVITE as a PBX sends it, about 1 kB, in a form that rsip knows too.
const INVITE: &str = "INVITE sip:+17605550100@sip.example.net;user=phone SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK-524287-1---3a6f9c1d2e;rport\r\n\
Max-Forwards: 70\r\n\
Contact: <sip:99050000040027@192.168.1.20:5060;transport=udp>\r\n\
To: <sip:+17605550100@sip.example.net>\r\n\
From: \"Front desk\" <sip:99050000040027@sip.example.net>;tag=9d2c1f77\r\n\
Call-ID: 84f0a1b2770011aa@192.168.1.20\r\n\
CSeq: 2 INVITE\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE\r\n\
Supported: timer, replaces, 100rel\r\n\
Session-Expires: 1800;refresher=uac\r\n\
User-Agent: pbx/18.9.0\r\n\
Authorization: Digest username=\"99050000040027\", realm=\"sip.example.net\", nonce=\"6f1c0b5f1d3a\", \
uri=\"sip:+17605550100@sip.example.net\", response=\"00112233445566778899aabbccddeeff\", algorithm=MD5, qop=auth, nc=00000001, \
cnonce=\"0a4f113b\"\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 216\r\n\r\n\
v=0\r\no=pbx 1727 1727 IN IP4 192.168.1.20\r\ns=-\r\nc=IN IP4 192.168.1.20\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";

const ROUNDS: u32 = 20_000;
const SAMPLES: u32 = 15;

/// The best of several samples, in tenths of a nanosecond a call, and the allocations of one call.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock; it is no part of the switch")]
fn measure(mut call: impl FnMut()) -> (u64, u64) {
    let mut best = u64::MAX;
    for _ in 0..SAMPLES {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| call());
        best = best.min(start.elapsed().as_nanos() as u64 * 10 / u64::from(ROUNDS));
    }
    (best, allocation_counter::measure(call).count_total)
}

fn line(what: &str, ours: (u64, u64), theirs: Option<(u64, u64)>) {
    let show =
        |(tenths, allocations): (u64, u64)| format!("{:6}.{} ns {allocations:4} allocations", tenths / 10, tenths % 10);
    match theirs {
        Some(theirs) => {
            let ratio = theirs.0 * 10 / ours.0.max(1);
            println!("{what:28} {}   rsip {}   {}.{} times", show(ours), show(theirs), ratio / 10, ratio % 10);
        }
        None => println!("{what:28} {}", show(ours)),
    }
}

/// All headers that the switch reads of an INVITE.
fn typed(message: &Message) {
    black_box(message.uri().unwrap());
    for via in message.vias() {
        let via = via.unwrap();
        black_box((via.branch(), via.wants_rport()));
    }
    black_box(message.from().unwrap().tag());
    black_box(message.to().unwrap().tag());
    black_box(message.call_id().unwrap());
    black_box(message.cseq().unwrap());
    black_box(message.max_forwards().unwrap());
    for contact in message.contacts() {
        black_box(matches!(contact.unwrap(), Contact::Address(_)));
    }
    black_box(message.routes().count());
    black_box(message.require().count());
    black_box(message.supports("timer"));
    black_box(message.session_expires_s());
    black_box(message.header(Name::Authorization));
    black_box(message.is_content("application/sdp"));
    black_box(message.body());
}

fn typed_by_rsip(message: &rsip::SipMessage) {
    let via = message.via_header().unwrap().typed().unwrap();
    black_box((via.branch(), &via.uri));
    black_box(message.from_header().unwrap().typed().unwrap().tag());
    black_box(message.to_header().unwrap().typed().unwrap().tag());
    black_box(message.call_id_header().unwrap().value());
    black_box(message.cseq_header().unwrap().typed().unwrap());
    black_box(message.max_forwards_header().unwrap().num().unwrap());
    black_box(message.contact_header().unwrap().typed().unwrap());
    black_box(message.authorization_header().unwrap().typed().unwrap());
    black_box(message.body());
}

fn main() {
    let bytes = Bytes::from_static(INVITE.as_bytes());
    println!("an INVITE of {} bytes; best of {SAMPLES} samples of {ROUNDS} calls", bytes.len());
    Message::parse(bytes.clone()).unwrap().check().unwrap();

    let ours = measure(|| drop(black_box(Message::parse(black_box(bytes.clone())).unwrap())));
    let theirs = measure(|| drop(black_box(rsip::SipMessage::try_from(black_box(INVITE.as_bytes())).unwrap())));
    line("parse", ours, Some(theirs));

    let ours = measure(|| typed(&Message::parse(black_box(bytes.clone())).unwrap()));
    let theirs = measure(|| typed_by_rsip(&rsip::SipMessage::try_from(black_box(INVITE.as_bytes())).unwrap()));
    line("parse + typed headers", ours, Some(theirs));

    let message = Message::parse(bytes.clone()).unwrap();
    line("check", measure(|| black_box(message.check()).unwrap()), None);

    let source: SocketAddr = "203.0.113.9:1024".parse().unwrap();
    let mut buffer = BytesMut::with_capacity(4096);
    let ours = measure(|| {
        buffer.clear();
        Response::to(&message, 180, "Ringing").tag("a1b2c3d4").print(&mut buffer).end();
        black_box(&buffer);
    });
    let theirs_message = rsip::Request::try_from(INVITE.as_bytes()).unwrap();
    let theirs = measure(|| {
        let mut headers = rsip::Headers::default();
        headers.push(theirs_message.via_header().unwrap().clone().into());
        headers.push(theirs_message.from_header().unwrap().clone().into());
        headers.push(theirs_message.to_header().unwrap().clone().into());
        headers.push(theirs_message.call_id_header().unwrap().clone().into());
        headers.push(theirs_message.cseq_header().unwrap().clone().into());
        let response =
            rsip::Response { status_code: 180.into(), version: rsip::Version::V2, headers, body: Vec::new() };
        black_box(response.to_string());
    });
    line("print a response", ours, Some(theirs));
    let ours = measure(|| {
        buffer.clear();
        Response::to(&message, 180, "Ringing").tag("a1b2c3d4").received_from(source).print(&mut buffer).end();
        black_box(&buffer);
    });
    line("print it with received, rport", ours, None);

    let mut framer = sip::Framer::new();
    let ours = measure(|| {
        framer.push(black_box(INVITE.as_bytes()));
        black_box(framer.next_frame().unwrap());
    });
    line("cut from a stream", ours, None);
}
