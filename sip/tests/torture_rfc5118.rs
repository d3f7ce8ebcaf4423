//! The IPv6 torture messages of RFC 5118: each written out by ourselves after the RFC's description, under its name.
//!
//! What a session description says about IPv6 is read elsewhere; here its bytes must arrive whole.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

use bytes::{Bytes, BytesMut};
use sip::{Host, Message, Name, Response};
use std::net::Ipv6Addr;

fn parse(text: &str) -> Message {
    Message::parse(Bytes::from(text.replace('\n', "\r\n"))).unwrap()
}

fn v6(text: &str) -> Host<'static> {
    Host::V6(text.parse().unwrap())
}

/// A REGISTER to that Request-URI, from an IPv6 host.
fn register(uri: &str) -> Message {
    parse(&format!(
        "REGISTER {uri} SIP/2.0\nTo: sip:desk@example.net\nFrom: sip:desk@example.net;tag=81\n\
         Via: SIP/2.0/UDP [2001:db8::7:1];branch=z9hG4bKown1\nCall-ID: SSG9559905523997077@own\nMax-Forwards: 70\n\
         Contact: \"Desk\" <sip:desk@[2001:db8::1]>\nCSeq: 98176 REGISTER\nContent-Length: 0\n\n"
    ))
}

#[test]
fn ipv6_good_a_bracketed_address_is_a_host() {
    let message = register("sip:[2001:db8::12]");
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.uri().unwrap().host(), Some(v6("2001:db8::12")));
    assert_eq!(message.uri().unwrap().port(), None);
    assert_eq!(message.top_via().unwrap().host(), v6("2001:db8::7:1"));
    assert_eq!(message.contact().unwrap().uri().host(), Some(v6("2001:db8::1")));
}

#[test]
fn ipv6_bad_an_address_without_brackets_is_refused_with_400() {
    let message = register("sip:2001:db8::12");
    let complaint = message.check().unwrap_err();
    assert_eq!((complaint.status, complaint.header), (400, None));
    assert!(complaint.sentence.contains("Request-URI"), "{complaint}");
}

#[test]
fn port_ambiguous_what_looks_like_a_port_within_the_brackets_is_address() {
    let message = register("sip:[2001:db8::12:5070]");
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.uri().unwrap().host(), Some(v6("2001:db8::12:5070")));
    assert_eq!(message.uri().unwrap().port(), None);
}

#[test]
fn port_unambiguous_a_port_stands_behind_the_brackets() {
    let message = register("sip:[2001:db8::12]:5070");
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.uri().unwrap().host(), Some(v6("2001:db8::12")));
    assert_eq!(message.uri().unwrap().port(), Some(5070));
}

fn bye_with_received(received: &str) -> Message {
    parse(&format!(
        "BYE sip:[2001:db8::12] SIP/2.0\nTo: sip:desk@example.net;tag=bd76ya\nFrom: sip:desk@example.net;tag=81\n\
         Via: SIP/2.0/UDP [2001:db8::7:1];received={received};branch=z9hG4bKown2\nCall-ID: own5118\nMax-Forwards: 70\n\
         CSeq: 321 BYE\nContent-Length: 0\n\n"
    ))
}

#[test]
fn via_received_param_with_delim_and_no_delim_mean_the_same_address() {
    for received in ["[2001:db8::7:255]", "2001:db8::7:255"] {
        let message = bye_with_received(received);
        assert_eq!(message.check(), Ok(()), "{received}");
        let via = message.top_via().unwrap();
        assert_eq!(via.received(), Some("2001:db8::7:255".parse().unwrap()), "{received}");
        assert_eq!(via.branch(), Some("z9hG4bKown2"));
    }
}

#[test]
fn our_own_received_has_no_brackets_as_the_grammar_wants_it() {
    let message = bye_with_received("[2001:db8::7:255]");
    let mut buffer = BytesMut::new();
    Response::to(&message, 200, "OK").received_from("[2001:db8::7:99]:5060".parse().unwrap()).print(&mut buffer).end();
    let answer = Message::parse(buffer.freeze()).unwrap();
    let via = answer.headers(Name::Via).next().unwrap();
    assert_eq!(via, b"SIP/2.0/UDP [2001:db8::7:1];branch=z9hG4bKown2;received=2001:db8::7:99");
}

#[test]
fn ipv6_in_sdp_the_body_arrives_whole() {
    let body = "v=0\no=own 971731711378798081 0 IN IP6 2001:db8::20\ns=Live\nc=IN IP6 2001:db8::20\nt=0 0\nm=audio 6000 RTP/AVP 8\n";
    let length = body.replace('\n', "\r\n").len();
    let message = parse(&format!(
        "INVITE sip:desk@[2001:db8::12] SIP/2.0\nTo: sip:desk@[2001:db8::12]\nFrom: sip:ada@example.net;tag=81\n\
         Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKown3\nCall-ID: own-sdp@[2001:db8::20]\nContact: \"Ada\" <sip:ada@[2001:db8::20]>\n\
         CSeq: 8612 INVITE\nMax-Forwards: 70\nContent-Type: application/sdp\nContent-Length: {length}\n\n{body}"
    ));
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.call_id(), Ok("own-sdp@[2001:db8::20]"));
    assert_eq!(message.body(), body.replace('\n', "\r\n").as_bytes());
}

#[test]
fn mult_ip_in_header_both_families_stand_side_by_side() {
    let message = parse(
        "BYE sip:desk@host.example.net SIP/2.0\nVia: SIP/2.0/UDP [2001:db8::7:1]:6050;branch=z9hG4bKown4\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKown5, SIP/2.0/TCP [2001:db8::7:2]:5061;received=192.0.2.200;branch=z9hG4bKown6\n\
         Max-Forwards: 70\nTo: sip:desk@example.net;tag=2229\nFrom: sip:ada@example.org;tag=81\nCall-ID: own-mult\nCSeq: 98176 BYE\n\
         Content-Length: 0\n\n",
    );
    assert_eq!(message.check(), Ok(()));
    let hops: Vec<_> = message.vias().map(|via| via.map(|via| (via.host(), via.port())).unwrap()).collect();
    let v4 = Host::V4("192.0.2.1".parse().unwrap());
    assert_eq!(hops, [(v6("2001:db8::7:1"), Some(6050)), (v4, None), (v6("2001:db8::7:2"), Some(5061))]);
}

#[test]
fn mult_ip_in_sdp_the_body_arrives_whole() {
    let body = "v=0\no=own 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 49217 RTP/AVP 8\nm=video 3227 RTP/AVP 31\n\
                c=IN IP6 2001:db8::7:1\n";
    let length = body.replace('\n', "\r\n").len();
    let message = parse(&format!(
        "INVITE sip:desk@[2001:db8::12] SIP/2.0\nVia: SIP/2.0/UDP [2001:db8::7:1];branch=z9hG4bKown7\nMax-Forwards: 70\n\
         To: sip:desk@example.net\nFrom: sip:ada@example.org;tag=81\nCall-ID: own-mult-sdp\nContact: <sip:ada@[2001:db8::7:1]>\n\
         CSeq: 8912 INVITE\nContent-Type: application/sdp\nContent-Length: {length}\n\n{body}"
    ));
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.body().len(), length);
}

#[test]
fn ipv4_mapped_ipv6_is_an_ipv6_address_as_written() {
    let message = parse(
        "INVITE sip:desk@example.net SIP/2.0\nVia: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKown8\nMax-Forwards: 70\n\
         To: sip:desk@example.net\nFrom: \"Ada\" <sip:ada@[::ffff:192.0.2.10]>;tag=81\nCall-ID: own-mapped\n\
         Contact: <sip:ada@[::ffff:192.0.2.10]:19823>\nCSeq: 8912 INVITE\nContent-Length: 0\n\n",
    );
    assert_eq!(message.check(), Ok(()));
    let mapped: Ipv6Addr = "::ffff:192.0.2.10".parse().unwrap();
    assert_eq!(message.top_via().unwrap().host(), Host::V6(mapped));
    assert_eq!(message.top_via().unwrap().port(), Some(19823));
    assert_eq!(message.contact().unwrap().uri().port(), Some(19823));
}

fn options_to(host: &str) -> Message {
    parse(&format!(
        "OPTIONS sip:desk@{host} SIP/2.0\nTo: sip:desk@{host}\nFrom: sip:ada@example.org;tag=81\n\
         Via: SIP/2.0/UDP [2001:db8::7:1];branch=z9hG4bKown9\nCall-ID: own-colons\nMax-Forwards: 70\nCSeq: 921 OPTIONS\n\
         Content-Length: 0\n\n"
    ))
}

#[test]
fn ipv6_bug_abnf_3_colons_is_read_as_if_it_had_two() {
    let wrong = options_to("[2001:db8:::192.0.2.1]");
    let right = options_to("[2001:db8::192.0.2.1]");
    assert_eq!(wrong.check(), Ok(()));
    assert_eq!(wrong.uri().unwrap().host(), right.uri().unwrap().host());
    assert!(wrong.uri().unwrap().is_equivalent(&right.uri().unwrap()));
}

#[test]
fn ipv6_correct_abnf_2_colons_is_read() {
    let message = options_to("[2001:db8::192.0.2.1]");
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.uri().unwrap().host(), Some(v6("2001:db8::192.0.2.1")));
    assert_eq!(message.to().unwrap().uri().host(), Some(v6("2001:db8::c000:201")));
}
