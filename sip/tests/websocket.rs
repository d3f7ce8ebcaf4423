//! WebSockets as a browser opens and uses them (RFC 6455, RFC 7118), and as an attacker would.
//!
//! Sockets are not here; browsers themselves are in the strangers' tests.

use sip::limits::MESSAGE_BYTES_MAX;
use sip::websocket::{Opening, WebSocketFrame, WebSocketFramer, close_frame, message_frame, open, pong_frame};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// RFC 7118 4.1, with the header lines that are given in place of the example's.
fn request(replaced: &str, by: &str) -> Vec<u8> {
    "GET / HTTP/1.1\r\nHost: sip-ws.example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://www.example.com\r\nSec-WebSocket-Protocol: chat, sip\r\n\
     Sec-WebSocket-Version: 13\r\n\r\n"
        .replace(replaced, by)
        .into_bytes()
}

fn anybody(_: &str) -> bool {
    true
}

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

fn framed(bytes: &[u8]) -> Vec<Result<WebSocketFrame, String>> {
    let mut framer = WebSocketFramer::new();
    framer.push(bytes);
    let mut found = Vec::new();
    loop {
        match framer.next_frame() {
            Ok(Some(frame)) => found.push(Ok(frame)),
            Ok(None) => return found,
            Err(wrong) => {
                found.push(Err(wrong.to_string()));
                return found;
            }
        }
    }
}

/// Must be echoed, or browsers hang up.
#[test]
fn the_subprotocol_sip_is_agreed() {
    let asked = request("", "");
    let Opening::Opened { answer, length } = open(&asked, anybody) else { panic!("not opened") };
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("\r\nSec-WebSocket-Protocol: sip\r\n"), "{answer}");
    assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
    assert_eq!(length, asked.len());
}

#[test]
fn frames_may_follow_the_request_at_once() {
    let mut bytes = request("", "");
    let head = bytes.len();
    bytes.extend(frame(0x81, b"REGISTER"));
    assert!(matches!(open(&bytes, anybody), Opening::Opened { length, .. } if length == head));
}

#[test]
fn a_request_that_is_not_whole_is_waited_for_and_an_endless_one_is_not() {
    let asked = request("", "");
    for length in 0..asked.len() {
        assert_eq!(open(&asked[..length], anybody), Opening::Unfinished, "{length}");
    }
    let endless = [b"GET / HTTP/1.1\r\nCookie: ".as_slice(), &[b'a'; 9_000]].concat();
    assert!(matches!(open(&endless, anybody), Opening::Refused { .. }));
}

#[test]
fn what_is_no_websocket_for_sip_is_refused_with_a_sentence() {
    for (replaced, by, status, word) in [
        ("GET ", "POST ", 400, "GET"),
        ("HTTP/1.1", "HTTP/1.0", 400, "HTTP/1.1"),
        ("Upgrade: websocket\r\n", "", 426, "Upgrade"),
        ("Version: 13", "Version: 8", 426, "13"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400, "Sec-WebSocket-Key"),
        ("chat, sip", "chat", 400, "sip"),
        ("Host: ", "X-Host: ", 400, "Host"),
        ("http://www.example.com", "http://evil.example", 403, "origin"),
    ] {
        let welcome = |origin: &str| origin == "http://www.example.com";
        let Opening::Refused { answer, why } = open(&request(replaced, by), welcome) else { panic!("{by}: opened") };
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{by}: {answer}");
        assert!(why.contains(word) && answer.contains(&*why), "{by}: {why}");
    }
}

#[test]
fn one_message_is_one_frame_or_several_fragments() {
    let message = b"OPTIONS sip:a@b.invalid SIP/2.0\r\n\r\n".as_slice();
    assert_eq!(framed(&frame(0x81, message)), [Ok(WebSocketFrame::Message(message.into()))]);
    let mut parts = frame(0x01, &message[..5]);
    parts.extend(frame(0x89, b"still there?"));
    parts.extend(frame(0x00, &message[5..9]));
    parts.extend(frame(0x80, &message[9..]));
    assert_eq!(
        framed(&parts),
        [Ok(WebSocketFrame::Ping(b"still there?".as_slice().into())), Ok(WebSocketFrame::Message(message.into()))]
    );
}

#[test]
fn frames_are_cut_alike_however_the_network_hands_them_over() {
    let mut bytes = frame(0x81, &vec![b'x'; 300]);
    bytes.extend(frame(0x8a, b""));
    bytes.extend(frame(0x82, &vec![0xff; 65_000]));
    bytes.extend(frame(0x88, &1000u16.to_be_bytes()));
    let whole = framed(&bytes);
    assert_eq!(whole.len(), 4);
    for step in [1, 2, 7, 1_000] {
        let mut framer = WebSocketFramer::new();
        let mut found = Vec::new();
        for chunk in bytes.chunks(step) {
            framer.push(chunk);
            while let Some(frame) = framer.next_frame().unwrap() {
                found.push(Ok(frame));
            }
        }
        assert_eq!(found, whole, "in steps of {step}");
        assert_eq!(framer.pending(), 0);
    }
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let mut unmasked = frame(0x81, b"x");
    unmasked[1] &= 0x7f;
    let huge = [&[0x81, 0xff], &(MESSAGE_BYTES_MAX as u64 + 1).to_be_bytes()[..], &MASK].concat();
    let half = vec![b'x'; MESSAGE_BYTES_MAX / 2 + 1];
    let sum = [frame(0x01, &half), frame(0x80, &half)].concat();
    for (bytes, word) in [
        (unmasked, "masked"),
        (frame(0xc1, b"x"), "extension"),
        (frame(0x83, b"x"), "opcode"),
        (frame(0x80, b"x"), "never begun"),
        ([frame(0x01, b"x"), frame(0x81, b"y")].concat(), "before the one before"),
        (frame(0x09, b"x"), "control frame"),
        (frame(0x89, &[0; 126]), "control frame"),
        (huge, "larger"),
        (sum, "larger"),
    ] {
        let found = framed(&bytes);
        let wrong = found.last().unwrap().as_ref().unwrap_err();
        assert!(wrong.contains(word), "{word}: {wrong}");
    }
}

#[test]
fn what_we_send_a_client_can_read() {
    let short = message_frame(b"SIP/2.0 200 OK");
    assert_eq!(&short[..2], [0x81, 14]);
    assert_eq!(&message_frame(&[0xff; 200])[..4], [0x82, 126, 0, 200], "what is not UTF-8 is binary");
    assert_eq!(&message_frame(&vec![b'x'; 70_000])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    assert_eq!(&pong_frame(b"hi")[..], [0x8a, 2, b'h', b'i']);
    assert_eq!(&close_frame(1000)[..], [0x88, 2, 0x03, 0xe8]);
}
