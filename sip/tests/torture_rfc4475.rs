//! The 49 torture messages of RFC 4475: each written out by ourselves after the RFC's description, under its name, with what must come
//! of it; and, where they are at hand, the RFC's own bytes with the same outcomes.
//!
//! What the switch then answers by policy (405, 415, 420, ...) is noted per case and proven where that policy lives.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

#[path = "torture/application.rs"]
mod application;
#[path = "torture/invalid.rs"]
mod invalid;
#[path = "torture/valid.rs"]
mod valid;

use bytes::{Bytes, BytesMut};
use sip::{Message, Name, Reason, Response};
use std::path::PathBuf;

/// What must come of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    /// It is split and passes `check`.
    Accepted,
    /// It is split, and `check` refuses it with that status because of that header.
    Refused(u16, Option<Name>),
    /// It cannot be split, but what remains of it can be answered with 400.
    AnsweredWith400(Reason),
    /// It cannot be split and is dropped, as every bad response is.
    Dropped(Reason),
}

/// One message of the RFC.
struct Case {
    /// The RFC's short name for it.
    name: &'static str,
    /// Our own text: `\n` stands for CRLF, `@L` for the length of the body.
    text: String,
    outcome: Outcome,
    /// What must be read in it, in our text and in the RFC's bytes alike.
    values: fn(&Message),
    /// What the RFC expects of the switch beyond the message layer.
    then: &'static str,
}

fn case(
    name: &'static str,
    outcome: Outcome,
    text: impl Into<String>,
    values: fn(&Message),
    then: &'static str,
) -> Case {
    Case { name, text: text.into(), outcome, values, then }
}

/// A session description of ours, for the cases that carry one.
const SDP: &str =
    "v=0\no=tandem 4711 4712 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\nm=audio 40000 RTP/AVP 8 0\n";

/// Turns a text into bytes: CRLF at line ends, the length of the body for `@L`.
fn wire(text: &str) -> Bytes {
    let text = text.replace('\n', "\r\n");
    let body = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
    Bytes::from(text.replace("@L", &body.to_string()))
}

fn cases() -> Vec<Case> {
    let mut cases = valid::cases();
    cases.extend(invalid::cases());
    cases.extend(application::cases());
    cases
}

/// Reads one message and compares what came of it; `Err` says how it differs.
fn verdict(case: &Case, bytes: Bytes) -> Result<(), String> {
    let (outcome, message) = match Message::parse(bytes) {
        Ok(message) => match message.check() {
            Ok(()) => (Outcome::Accepted, Some(message)),
            Err(complaint) => {
                assert!(
                    complaint.sentence.len() > 20 && complaint.sentence.ends_with('.'),
                    "{}: {complaint}",
                    case.name
                );
                (Outcome::Refused(complaint.status, complaint.header), Some(message))
            }
        },
        Err(malformed) => {
            assert!(malformed.sentence.len() > 20 && malformed.sentence.ends_with('.'), "{}: {malformed}", case.name);
            match malformed.remains {
                Some(remains) => (Outcome::AnsweredWith400(malformed.reason), Some(*remains)),
                None => (Outcome::Dropped(malformed.reason), None),
            }
        }
    };
    if outcome != case.outcome {
        return Err(format!("{}: {outcome:?} instead of {:?} (then: {})", case.name, case.outcome, case.then));
    }
    if let Some(message) = message {
        (case.values)(&message);
        if message.is_request() {
            assert_can_be_answered(case, &message);
        }
    }
    Ok(())
}

/// Whatever was wrong with a request: an answer can be printed, is a message, and carries what the request had of the five headers.
fn assert_can_be_answered(case: &Case, request: &Message) {
    let mut buffer = BytesMut::new();
    let source = "203.0.113.9:5062".parse().unwrap();
    Response::to(request, 400, "Bad Request").tag("ours").received_from(source).print(&mut buffer).end();
    let answer = Message::parse(buffer.freeze()).unwrap_or_else(|malformed| panic!("{}: {malformed}", case.name));
    assert_eq!(answer.status(), Some(400), "{}", case.name);
    for name in [Name::From, Name::CallId, Name::CSeq] {
        assert_eq!(answer.header(name), request.header(name), "{}: {name}", case.name);
    }
    if let Ok(via) = answer.top_via() {
        assert_eq!(via.received(), Some(source.ip()), "{}", case.name);
        assert_eq!(answer.vias().count(), request.vias().count(), "{}", case.name);
    }
}

/// The folder of the RFC's own bytes: `RFC4475_DIR`, or `../shared/rfc4475` beside the project.
fn folder() -> Option<PathBuf> {
    let default = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/rfc4475"));
    let folder = std::env::var_os("RFC4475_DIR").map_or(default, PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[test]
fn every_message_of_rfc_4475_leads_to_what_the_rfc_says() {
    let cases = cases();
    let wrong: Vec<String> = cases.iter().filter_map(|case| verdict(case, wire(&case.text)).err()).collect();
    println!("RFC 4475: {} of {} as expected (own texts)", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(cases.len(), 49);
    let mut names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 49);
}

#[test]
fn the_bytes_of_the_rfc_itself_lead_to_the_same() {
    let Some(folder) = folder() else {
        println!("RFC 4475: the RFC's own bytes are not at hand; set RFC4475_DIR to their folder (RFC bytes: not run)");
        return;
    };
    let mut cases = cases();
    let mut wrong = Vec::new();
    for case in &mut cases {
        // The RFC's own file ends without the empty line behind the headers: a 400 too, but for that.
        if case.name == "baddn" {
            case.outcome = Outcome::AnsweredWith400(Reason::Truncated);
        }
        let path = folder.join(format!("{}.dat", case.name));
        match std::fs::read(&path) {
            Ok(bytes) => wrong.extend(verdict(case, Bytes::from(bytes)).err()),
            Err(error) => wrong.push(format!("{}: {error}", path.display())),
        }
    }
    println!("RFC 4475: {} of {} as expected (RFC bytes)", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn both_requests_of_dblreq_come_out_of_a_stream() {
    let case = valid::cases().into_iter().find(|case| case.name == "dblreq").unwrap();
    let mut framer = sip::Framer::new();
    framer.push(&wire(&case.text));
    let mut methods = Vec::new();
    while let Some(frame) = framer.next_frame().unwrap() {
        if let sip::Frame::Message(bytes) = frame {
            methods.push(Message::parse(bytes).unwrap().method().unwrap().to_string());
        }
    }
    assert_eq!(methods, ["REGISTER", "INVITE"]);
}
