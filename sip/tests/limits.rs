//! Every limit, from both sides: what is just within it passes, what is just beyond it is refused for it.
//!
//! The limits of streams are in `framing.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

use bytes::Bytes;
use sip::{Complaint, Malformed, Message, Name, Reason, limits};

/// A request that is right, with lines of one's own in its midst.
fn request(lines: &str) -> String {
    request_to("sip:a@b", lines)
}

fn request_to(uri: &str, lines: &str) -> String {
    format!(
        "INVITE {uri} SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCSeq: 1 INVITE\r\n{lines}Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
         Call-ID: x\r\n\r\n"
    )
}

fn parse(text: String) -> Result<Message, Malformed> {
    Message::parse(Bytes::from(text))
}

fn complaint(text: String) -> Option<Complaint> {
    parse(text).unwrap().check().err()
}

fn reason(text: String) -> Option<Reason> {
    let malformed = parse(text).err()?;
    assert!(
        malformed.reason != Reason::TooLarge || malformed.sentence.chars().any(|letter| letter.is_ascii_digit()),
        "{malformed}"
    );
    Some(malformed.reason)
}

#[test]
fn a_message_has_at_most_64_kib() {
    let head = request("");
    let fits = limits::MESSAGE_BYTES_MAX - head.len();
    assert_eq!(reason(format!("{head}{}", "x".repeat(fits))), None);
    assert_eq!(reason(format!("{head}{}", "x".repeat(fits + 1))), Some(Reason::TooLarge));
}

#[test]
fn a_message_has_at_most_200_headers() {
    let others = request("").matches("\r\n").count() - 2;
    assert_eq!(reason(request(&"A: b\r\n".repeat(limits::HEADERS_MAX - others))), None);
    assert_eq!(reason(request(&"A: b\r\n".repeat(limits::HEADERS_MAX - others + 1))), Some(Reason::TooLarge));
}

#[test]
fn a_head_a_line_and_a_name_have_their_length() {
    let line = |length: usize| format!("A: {}\r\n", "b".repeat(length - 3));
    assert_eq!(reason(request(&line(limits::HEADER_LINE_BYTES_MAX))), None);
    assert_eq!(reason(request(&line(limits::HEADER_LINE_BYTES_MAX + 1))), Some(Reason::TooLarge));
    let folded = format!("A: b{}\r\n", "\r\n c".repeat(limits::HEADER_LINE_BYTES_MAX / 4));
    assert_eq!(reason(request(&folded)), Some(Reason::TooLarge));
    assert_eq!(reason(request(&line(8000).repeat(5))), None);
    assert_eq!(reason(request(&line(8000).repeat(7))), Some(Reason::TooLarge));
    let named = |length: usize| format!("{}: b\r\n", "A".repeat(length));
    assert_eq!(reason(request(&named(limits::HEADER_NAME_BYTES_MAX))), None);
    assert_eq!(reason(request(&named(limits::HEADER_NAME_BYTES_MAX + 1))), Some(Reason::TooLarge));
    assert_eq!(reason(request_to(&"x".repeat(limits::START_LINE_BYTES_MAX), "")), Some(Reason::TooLarge));
}

#[test]
fn a_request_has_at_most_20_vias_however_they_are_written() {
    let lines = |others: usize| request(&"v: SIP/2.0/UDP h;branch=z9hG4bK2\r\n".repeat(others));
    let commas = |others: usize| request(&format!("Via: SIP/2.0/UDP h{}\r\n", ", SIP/2.0/UDP h".repeat(others - 1)));
    for vias in [lines, commas] {
        assert_eq!(complaint(vias(limits::VIAS_MAX - 1)), None);
        let refused = complaint(vias(limits::VIAS_MAX)).unwrap();
        assert_eq!((refused.status, refused.header), (513, Some(Name::Via)));
    }
}

#[test]
fn a_list_has_at_most_64_values() {
    for (name, value) in
        [("Contact", "<sip:a@b>"), ("Route", "<sip:a;lr>"), ("Record-Route", "<sip:a;lr>"), ("Require", "x")]
    {
        let list = |count: usize| request(&format!("{name}: {value}{}\r\n", format!(",{value}").repeat(count - 1)));
        assert_eq!(complaint(list(limits::VALUES_MAX)), None, "{name}");
        let refused = complaint(list(limits::VALUES_MAX + 1)).unwrap();
        assert_eq!((refused.status, refused.header), (400, Some(Name::parse(name.as_bytes()))), "{name}");
    }
}

#[test]
fn parameters_uris_call_ids_and_tags_have_their_length() {
    let params = |count: usize| request(&format!("Contact: <sip:a@b>{}\r\n", ";a=b".repeat(count)));
    assert_eq!(complaint(params(limits::PARAMS_MAX)), None);
    assert_eq!(complaint(params(limits::PARAMS_MAX + 1)).unwrap().header, Some(Name::Contact));
    let uri = |length: usize| request_to(&format!("sip:{}@b", "a".repeat(length - 6)), "");
    assert_eq!(complaint(uri(limits::URI_BYTES_MAX)), None);
    assert_eq!(complaint(uri(limits::URI_BYTES_MAX + 1)).unwrap().status, 400);
    let call_id = |length: usize| request("").replace("Call-ID: x", &format!("Call-ID: {}", "x".repeat(length)));
    assert_eq!(complaint(call_id(limits::CALL_ID_BYTES_MAX)), None);
    assert_eq!(complaint(call_id(limits::CALL_ID_BYTES_MAX + 1)).unwrap().header, Some(Name::CallId));
    let tag = |length: usize| request("").replace("tag=1", &format!("tag={}", "x".repeat(length)));
    assert_eq!(complaint(tag(limits::TOKEN_BYTES_MAX)), None);
    assert_eq!(complaint(tag(limits::TOKEN_BYTES_MAX + 1)).unwrap().header, Some(Name::From));
    let branch = |length: usize| request("").replace("z9hG4bK1", &"x".repeat(length));
    assert_eq!(complaint(branch(limits::TOKEN_BYTES_MAX)), None);
    assert_eq!(complaint(branch(limits::TOKEN_BYTES_MAX + 1)).unwrap().header, Some(Name::Via));
}

#[test]
fn numbers_and_methods_have_their_range() {
    let cseq = |number: &str| {
        complaint(request("").replace("CSeq: 1", &format!("CSeq: {number}"))).map(|refused| refused.header)
    };
    assert_eq!(cseq("2147483647"), None);
    assert_eq!(cseq("2147483648"), Some(Some(Name::CSeq)));
    assert_eq!(cseq("-1"), Some(Some(Name::CSeq)));
    let hops = |number: &str| complaint(request(&format!("Max-Forwards: {number}\r\n"))).map(|refused| refused.header);
    assert_eq!((hops("0"), hops("255")), (None, None));
    assert_eq!((hops("256"), hops("x")), (Some(Some(Name::MaxForwards)), Some(Some(Name::MaxForwards))));
    let method = |length: usize| request("").replace("INVITE", &"M".repeat(length));
    assert_eq!(complaint(method(limits::METHOD_BYTES_MAX)), None);
    assert_eq!(reason(method(limits::METHOD_BYTES_MAX + 1)), Some(Reason::StartLine));
}

#[test]
fn every_single_header_is_refused_when_it_stands_twice() {
    for line in [
        "Max-Forwards: 70",
        "Expires: 1",
        "Content-Length: 0",
        "Content-Type: a/b",
        "Event: x",
        "Session-Expires: 90",
        "From: <sip:a@b>",
    ] {
        let name = Name::parse(line.split(':').next().unwrap().as_bytes());
        let twice = complaint(request(&format!("{line}\r\n{line}\r\n"))).unwrap();
        assert_eq!((twice.status, twice.header), (400, Some(name)), "{line}");
    }
    assert_eq!(complaint(request("Date: x\r\nDate: y\r\nSubject: a\r\ns: b\r\nAllow: A\r\nAllow: B\r\n")), None);
}

#[test]
fn every_header_that_must_be_there_is_missed() {
    for (line, name) in [
        ("From: <sip:a@b>;tag=1\r\n", Name::From),
        ("To: <sip:b@b>\r\n", Name::To),
        ("CSeq: 1 INVITE\r\n", Name::CSeq),
        ("Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n", Name::Via),
        ("Call-ID: x\r\n", Name::CallId),
    ] {
        let text = request("").replace(line, "");
        let refused = complaint(text).unwrap();
        assert_eq!((refused.status, refused.header), (400, Some(name)));
        assert_eq!(refused.sentence, format!("{name} is missing; every message must have it."));
    }
}

#[test]
fn a_lone_line_end_hides_nothing() {
    for line in
        ["Subject: a\nContact: <sip:evil@b>\r\n", "Subject: a\rContact: <sip:evil@b>\r\n", " folded: into nothing\r\n"]
    {
        let text =
            if line.starts_with(' ') { request("").replacen("From", &format!("{line}From"), 1) } else { request(line) };
        let malformed = parse(text).unwrap_err();
        assert_eq!(malformed.reason, Reason::Header, "{line:?}");
        let remains = malformed.remains.unwrap();
        assert!(remains.contact().is_none() && remains.call_id().is_ok());
    }
}

#[test]
fn a_tag_or_branch_that_cannot_be_read_is_not_taken_for_none() {
    for tag in ["tag", "tag=\u{e9}", "TAG"] {
        assert_eq!(complaint(request("").replace("tag=1", tag)).unwrap().header, Some(Name::From), "{tag}");
    }
    assert_eq!(complaint(request("").replace("branch=z9hG4bK1", "branch=\u{e9}")).unwrap().header, Some(Name::Via));
    assert_eq!(complaint(request("").replace(";branch=z9hG4bK1", "")), None);
    assert_eq!(complaint(request("").replace(";tag=1", "")), None);
}
