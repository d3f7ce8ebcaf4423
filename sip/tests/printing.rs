//! What we print: responses that find their way back, requests of our own, and nothing that a stranger's value can add.
//!
//! That every printed answer can be read again is shown for a million messages in `mutations.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

use bytes::{Bytes, BytesMut};
use sip::{Host, Lines, Message, Method, Name, Request, Response, print};

fn invite_via(via: &str) -> Message {
    let text = format!(
        "INVITE sip:+17605550100@sip.example.net SIP/2.0\r\nVia: {via}\r\nVia: SIP/2.0/UDP second;branch=z9hG4bK2\r\n\
         Route: <sip:edge;lr>\r\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\r\nMax-Forwards: 70\r\nTimestamp: 54\r\nFrom: \"A\" <sip:a@b>;tag=1\r\n\
         To: <sip:c@d>\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text)).unwrap()
}

fn printed(print: impl FnOnce(&mut BytesMut)) -> String {
    let mut buffer = BytesMut::new();
    print(&mut buffer);
    String::from_utf8(buffer.to_vec()).unwrap()
}

fn top_via_of_answer(via: &str, source: &str) -> String {
    let request = invite_via(via);
    let answer =
        printed(|out| Response::to(&request, 200, "OK").received_from(source.parse().unwrap()).print(out).end());
    let answer = Message::parse(Bytes::from(answer)).unwrap();
    assert_eq!(answer.vias().count(), request.vias().count());
    String::from_utf8(answer.headers(Name::Via).next().unwrap().to_vec()).unwrap()
}

#[test]
fn a_response_carries_what_the_request_brought_and_our_tag() {
    let request = invite_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    let answer = printed(|out| {
        Response::to(&request, 200, "OK").tag("ours").record_route().print(out).body("application/sdp", b"v=0\r\n");
    });
    assert_eq!(
        answer,
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP second;branch=z9hG4bK2\r\n\
         Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nFrom: \"A\" <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=ours\r\nCall-ID: x@y\r\n\
         CSeq: 7 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
    );
}

#[test]
fn a_hundred_copies_the_timestamp_and_adds_no_tag() {
    let request = invite_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    let answer = printed(|out| Response::to(&request, 100, "Trying").print(out).end());
    assert!(answer.contains("To: <sip:c@d>\r\n") && answer.contains("Timestamp: 54\r\n"), "{answer}");
    assert!(!answer.contains("Record-Route"), "{answer}");
    assert!(answer.ends_with("Content-Length: 0\r\n\r\n"), "{answer}");
}

#[test]
fn a_caller_behind_nat_is_told_where_he_came_from() {
    let via = top_via_of_answer("SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK1;rport", "203.0.113.9:1024");
    assert_eq!(via, "SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK1;received=203.0.113.9;rport=1024");
}

#[test]
fn rport_brings_received_along_even_where_the_address_is_right() {
    // RFC 3581 4.
    let via = top_via_of_answer("SIP/2.0/UDP 203.0.113.9;rport;branch=z9hG4bK1", "203.0.113.9:5060");
    assert_eq!(via, "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1;received=203.0.113.9;rport=5060");
}

#[test]
fn without_rport_received_is_added_only_where_the_address_differs() {
    // RFC 3261 18.2.1.
    let same = "SIP/2.0/UDP 203.0.113.9:5062;branch=z9hG4bK1";
    assert_eq!(top_via_of_answer(same, "203.0.113.9:7000"), same);
    assert_eq!(top_via_of_answer(same, "[::ffff:203.0.113.9]:7000"), same);
    assert_eq!(
        top_via_of_answer("SIP/2.0/UDP pbx.example.net;x", "203.0.113.9:7000"),
        "SIP/2.0/UDP pbx.example.net;x;received=203.0.113.9"
    );
}

#[test]
fn a_received_that_the_caller_invented_is_replaced() {
    let via = top_via_of_answer("SIP/2.0/UDP 10.0.0.1;received=1.2.3.4;rport=9;branch=z9hG4bK1", "203.0.113.9:1024");
    assert_eq!(via, "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=203.0.113.9;rport=1024");
    let via = top_via_of_answer("SIP/2.0/UDP 203.0.113.9;received=1.2.3.4;branch=z9hG4bK1", "203.0.113.9:5060");
    assert_eq!(via, "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1;received=203.0.113.9");
}

#[test]
fn several_vias_in_the_first_line_keep_their_order() {
    let via =
        top_via_of_answer("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1, SIP/2.0/TCP behind;rport", "203.0.113.9:1024");
    assert_eq!(via, "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=203.0.113.9;rport=1024");
}

#[test]
fn values_from_outside_cannot_add_a_line() {
    let request = invite_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    let evil = "x\r\nEvil: 1\r\n\r\nbody\0";
    let answer = printed(|out| {
        Response::to(&request, 403, evil)
            .print(out)
            .header(Name::Warning, evil)
            .header_named("X-Cause", evil)
            .header_named(evil, "never printed")
            .header_fmt(Name::Reason, format_args!("{evil}"))
            .address(Name::Contact, evil, evil, Some(evil))
            .body(evil, b"v=0");
    });
    let answer = Message::parse(Bytes::from(answer)).unwrap();
    assert_eq!(answer.header_named("Evil"), None);
    assert_eq!(answer.body(), b"v=0");
    // Two Vias, From, To, Call-ID, CSeq, then Warning, X-Cause, Reason, Contact, Content-Type, Content-Length.
    assert_eq!(answer.lines().count(), 12);
    let uri = "sip:a@b SIP/2.0\r\nEvil: 1\r\n";
    let request = printed(|out| Request::new(&Method::Bye, uri).print(out).end());
    assert_eq!(request, "BYE sip:a@bSIP/2.0Evil:1 SIP/2.0\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn content_length_is_ours_alone_and_last() {
    let request = printed(|out| {
        let lines: Lines<'_> = Request::new(&Method::Info, "sip:a@b").print(out);
        lines
            .header(Name::ContentLength, "999")
            .header_named("content-length", "9")
            .header_named("L", "9")
            .body("text/plain", b"hey");
    });
    assert_eq!(request, "INFO sip:a@b SIP/2.0\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nhey");
}

#[test]
fn a_request_of_ours_reads_back_as_it_was_meant() {
    let host = Host::V6("2001:db8::1".parse().unwrap());
    let request = printed(|out| {
        Request::new(&Method::Invite, "sip:+17605550100@carrier.example")
            .print(out)
            .via("UDP", host, Some(5060), "z9hG4bKabc")
            .max_forwards(69)
            .address(Name::From, "Fra \"Q\\\" É", "sip:+4478245000000@example.net", Some("t1"))
            .address(Name::To, "", "sip:+17605550100@carrier.example", None)
            .header(Name::CallId, "0a1b@example.net")
            .cseq(1, &Method::Invite)
            .address(Name::Contact, "", "sip:[2001:db8::1]:5060", None)
            .end();
    });
    let request = Message::parse(Bytes::from(request)).unwrap();
    assert_eq!(request.check(), Ok(()));
    let via = request.top_via().unwrap();
    assert_eq!((via.host(), via.port(), via.branch(), via.wants_rport()), (host, Some(5060), Some("z9hG4bKabc"), true));
    assert_eq!(request.from().unwrap().display_text(), "Fra \"Q\\\" É");
    assert_eq!((request.from_tag(), request.to_tag()), (Some("t1"), None));
    assert_eq!(request.contact().unwrap().uri().host(), Some(host));
}

#[test]
fn ack_and_cancel_belong_to_their_invite() {
    let invite = invite_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport");
    let cancel = printed(|out| print::cancel_of(&invite, out).end());
    assert_eq!(
        cancel,
        "CANCEL sip:+17605550100@sip.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport\r\nRoute: <sip:edge;lr>\r\n\
         Max-Forwards: 70\r\nFrom: \"A\" <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x@y\r\nCSeq: 7 CANCEL\r\nContent-Length: 0\r\n\r\n"
    );
    let busy = printed(|out| Response::to(&invite, 486, "Busy Here").tag("theirs").print(out).end());
    let busy = Message::parse(Bytes::from(busy)).unwrap();
    let ack = Message::parse(Bytes::from(printed(|out| print::ack_of(&invite, &busy, out).end()))).unwrap();
    assert_eq!((ack.check(), ack.method(), ack.to_tag()), (Ok(()), Some(&Method::Ack), Some("theirs")));
    assert_eq!((ack.vias().count(), ack.cseq().unwrap().number), (1, 7));
}
