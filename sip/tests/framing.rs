//! What a stream yields: whole messages, pings, and a reason to close it.
//!
//! Chance does its part in `mutations.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

use bytes::Bytes;
use sip::{Frame, Framer, Message, Reason, limits};

const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nContent-Length: 4\r\n\r\nbody";

fn frames(framer: &mut Framer, bytes: &[u8]) -> Vec<Frame> {
    framer.push(bytes);
    std::iter::from_fn(|| framer.next_frame().unwrap()).collect()
}

fn message(text: &str) -> Frame {
    Frame::Message(Bytes::copy_from_slice(text.as_bytes()))
}

fn failure_of(stream: &[u8]) -> Reason {
    let mut framer = Framer::new();
    framer.push(stream);
    loop {
        match framer.next_frame() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream was not refused: {}", stream.escape_ascii()),
            Err(unframeable) => {
                framer.push(OPTIONS.as_bytes());
                assert_eq!(framer.next_frame(), Err(unframeable.clone()), "what follows is not read any more");
                return unframeable.reason;
            }
        }
    }
}

#[test]
fn two_messages_in_one_read_are_two_messages() {
    let mut framer = Framer::new();
    assert_eq!(frames(&mut framer, format!("{OPTIONS}{OPTIONS}").as_bytes()), [message(OPTIONS), message(OPTIONS)]);
    assert_eq!(framer.pending(), 0);
}

#[test]
fn one_message_in_many_reads_is_one_message() {
    let mut framer = Framer::new();
    let (last, first) = OPTIONS.as_bytes().split_last().unwrap();
    for byte in first {
        assert_eq!(frames(&mut framer, &[*byte]), []);
    }
    assert_eq!(frames(&mut framer, &[*last]), [message(OPTIONS)]);
}

#[test]
fn a_double_crlf_is_a_ping_and_a_single_one_a_pong() {
    let mut framer = Framer::new();
    assert_eq!(frames(&mut framer, b"\r\n\r\n"), [Frame::Ping]);
    assert_eq!(
        frames(&mut framer, format!("\r\n\r\n\r\n\r\n{OPTIONS}\r\n").as_bytes()),
        [Frame::Ping, Frame::Ping, message(OPTIONS), Frame::Pong]
    );
}

#[test]
fn a_ping_that_arrives_in_two_halves_is_still_a_ping() {
    let mut framer = Framer::new();
    assert_eq!(frames(&mut framer, b"\r\n"), [Frame::Pong]);
    assert_eq!(frames(&mut framer, b"\r"), []);
    assert_eq!(frames(&mut framer, b"\n"), [Frame::Ping]);
    assert_eq!(frames(&mut framer, b"\r\n\r"), []);
    assert_eq!(frames(&mut framer, b"\n"), [Frame::Ping]);
    assert_eq!(frames(&mut framer, OPTIONS.as_bytes()), [message(OPTIONS)]);
}

#[test]
fn a_datagram_of_line_ends_or_nuls_is_a_keep_alive() {
    for datagram in [&b""[..], b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0"] {
        assert!(sip::framing::is_keep_alive(datagram));
        assert!(Message::parse(Bytes::copy_from_slice(datagram)).is_err());
    }
    assert!(!sip::framing::is_keep_alive(OPTIONS.as_bytes()));
}

#[test]
fn compact_and_folded_lengths_are_read() {
    let mut framer = Framer::new();
    let text = "OPTIONS sip:a@b SIP/2.0\r\nl :\r\n  3\r\nVia: SIP/2.0/TCP h\r\n\r\nabc";
    assert_eq!(frames(&mut framer, text.as_bytes()), [message(text)]);
    assert_eq!(Message::parse(Bytes::from(text)).unwrap().body(), b"abc");
}

#[test]
fn a_stream_whose_messages_have_no_certain_end_is_closed() {
    for (stream, reason) in [
        ("OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", Reason::Body),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: four\r\n\r\n", Reason::Body),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: -4\r\n\r\n", Reason::Body),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 4\r\nContent-Length: 5\r\n\r\nabcde", Reason::Body),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 99999999999999999999999\r\n\r\n", Reason::Body),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 65536\r\n\r\n", Reason::TooLarge),
        ("\u{16}\u{3}\u{1}", Reason::StartLine),
        ("\rx", Reason::StartLine),
    ] {
        assert_eq!(failure_of(stream.as_bytes()), reason, "{stream:?}");
    }
}

#[test]
fn a_stream_that_never_ends_a_head_is_closed_at_the_limit() {
    let endless_line = b"A".repeat(limits::START_LINE_BYTES_MAX + 2);
    assert_eq!(failure_of(&endless_line), Reason::TooLarge);
    let endless_head = format!("OPTIONS sip:a@b SIP/2.0\r\n{}", "A: b\r\n".repeat(limits::HEAD_BYTES_MAX / 6));
    assert_eq!(failure_of(endless_head.as_bytes()), Reason::TooLarge);
}

#[test]
fn a_message_at_the_limit_passes() {
    let head = "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: ";
    let length = limits::MESSAGE_BYTES_MAX - head.len() - "65432\r\n\r\n".len();
    let text = format!("{head}{length}\r\n\r\n{}", "x".repeat(length));
    assert_eq!(text.len(), limits::MESSAGE_BYTES_MAX);
    assert_eq!(frames(&mut Framer::new(), text.as_bytes()), [message(&text)]);
}
