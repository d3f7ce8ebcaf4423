//! What the endpoint answers by itself: broken messages, methods, hops, extensions, OPTIONS.

use crate::support::{Desk, OWNER, from_pbx, header, invite};
use sip::Name;
use sip::endpoint::{Load, Settings, Transport};

#[test]
fn a_method_that_is_not_offered_gets_405_and_one_that_nobody_knows_501_with_allow() {
    let answer = Desk::new().hear(&from_pbx("PUBLISH", "z9hG4bKa", 1, "", "")).only();
    assert_eq!(answer.status(), Some(405));
    assert_eq!(header(&answer, Name::Allow), "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, INFO, UPDATE, PRACK");
    let refer = Desk::new().hear(&from_pbx("REFER", "z9hG4bKa", 1, "t", "")).only();
    assert_eq!(refer.status(), Some(405));
    assert!(header(&refer, Name::Warning).contains("not transferred by REFER"));
    assert_eq!(Desk::new().hear(&from_pbx("FOO", "z9hG4bKa", 1, "t", "")).only().status(), Some(501));
}

/// RFC 3261 20.43: the id of the catalogue, and what is wrong in words.
#[test]
fn whatever_the_endpoint_refuses_by_itself_says_why_in_a_warning() {
    let with = |method: &str, tag: &str, headers: &str| from_pbx(method, "z9hG4bKa", 1, tag, headers);
    for (text, status, id) in [
        (with("PUBLISH", "", ""), 405, "method_not_allowed"),
        (with("FOO", "", ""), 501, "method_unknown"),
        (with("BYE", "", ""), 481, "no_such_dialog"),
        (with("BYE", "gone", ""), 481, "no_such_dialog"),
        (with("CANCEL", "", ""), 481, "no_such_dialog"),
        (with("INVITE", "", "Require: precondition\r\n"), 420, "extension_unknown"),
        (with("INVITE", "", "Supported: timer\r\nSession-Expires: 30\r\n"), 422, "session_interval_too_small"),
        (with("INVITE", "", "").replace("Max-Forwards: 70", "Max-Forwards: 0"), 483, "hops_used_up"),
    ] {
        let answer = Desk::new().hear(&text).only();
        assert_eq!(answer.status(), Some(status), "{text}");
        let warning = header(&answer, Name::Warning);
        assert!(warning.starts_with(&format!("399 192.0.2.1 \"{id}: ")), "{warning}");
    }
}

#[test]
fn a_new_request_whose_hops_are_used_up_gets_483_and_one_inside_a_dialog_passes() {
    let mut desk = Desk::new();
    for method in ["INVITE", "OPTIONS"] {
        let text = from_pbx(method, "z9hG4bKa", 1, "", "").replace("Max-Forwards: 70", "Max-Forwards: 0");
        assert_eq!(desk.hear(&text).only().status(), Some(483));
    }
    desk.endpoint.bind_dialog("call-1@198.51.100.7", "t1", OWNER).unwrap();
    let text = from_pbx("BYE", "z9hG4bKb", 2, "t1", "").replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(desk.hear(&text).words(), ["dialog 7 BYE"]);
}

#[test]
fn extensions_that_nobody_knows_get_420_with_unsupported() {
    for header_name in ["Require", "Proxy-Require"] {
        let lines = format!("{header_name}: timer, foo\r\n{header_name}: bar\r\n");
        let answer = Desk::new().hear(&from_pbx("INVITE", "z9hG4bKa", 1, "", &lines)).only();
        assert_eq!(answer.status(), Some(420));
        assert_eq!(header(&answer, Name::Unsupported), "foo, bar");
    }
    let known = from_pbx("INVITE", "z9hG4bKa", 1, "", "Require: Timer\r\n");
    assert_eq!(Desk::new().hear(&known).words(), ["new INVITE"]);
    // Inside a dialog too.
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog("call-1@198.51.100.7", "t1", OWNER).unwrap();
    assert_eq!(desk.hear(&from_pbx("INFO", "z9hG4bKb", 2, "t1", "Require: foo\r\n")).only().status(), Some(420));
}

/// RFC 4028 9: who does not know session timers cannot be told.
#[test]
fn a_session_interval_below_the_least_gets_422_with_min_se_inside_dialogs_too() {
    let short = "Supported: timer\r\nSession-Expires: 60\r\n";
    let answer = Desk::new().hear(&from_pbx("INVITE", "z9hG4bKa", 1, "", short)).only();
    assert_eq!((answer.status(), header(&answer, Name::MinSe)), (Some(422), "90".to_owned()));
    let unknowing = Desk::new().hear(&from_pbx("INVITE", "z9hG4bKa", 1, "", "Session-Expires: 60\r\n")).words();
    assert_eq!(unknowing, ["new INVITE"]);
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog("call-1@198.51.100.7", "t1", OWNER).unwrap();
    assert_eq!(desk.hear(&from_pbx("UPDATE", "z9hG4bKb", 2, "t1", short)).only().status(), Some(422));
}

#[test]
fn options_is_answered_with_what_we_understand_and_nothing_is_stored() {
    let mut settings = Settings::default();
    settings.front_door.server = "Tandem".to_owned();
    let mut desk = Desk::with(settings);
    let answer = desk.hear(&from_pbx("OPTIONS", "z9hG4bKa", 1, "", "")).only();
    assert_eq!(answer.status(), Some(200));
    let lines = [Name::Allow, Name::Accept, Name::Supported, Name::Server].map(|name| header(&answer, name));
    assert_eq!(
        lines,
        [
            "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, INFO, UPDATE, PRACK",
            "application/sdp",
            "timer, 100rel",
            "Tandem"
        ]
    );
    assert_eq!(desk.endpoint.load(), Load::default());
}

#[test]
fn options_inside_a_dialog_is_for_the_dialog() {
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog("call-1@198.51.100.7", "t1", OWNER).unwrap();
    assert_eq!(desk.hear(&from_pbx("OPTIONS", "z9hG4bKa", 2, "t1", "")).words(), ["dialog 7 OPTIONS"]);
}

#[test]
fn a_broken_request_is_answered_400_with_a_sentence_for_a_person() {
    let mut desk = Desk::new();
    let answer = desk.hear(&invite("z9hG4bKa").replace("CSeq: 1 INVITE\r\n", "")).only_unchecked();
    assert!(answer.starts_with("SIP/2.0 400 "), "{answer}");
    assert!(answer.contains("\r\nWarning: 399 192.0.2.1 \"malformed_request: CSeq"), "{answer}");
    assert_eq!(desk.endpoint.load(), Load::default());
    assert_eq!(desk.endpoint.counters().wire(Transport::Udp).parse_errors.total(), 1);
}

trait Unchecked {
    fn only_unchecked(&self) -> String;
}

impl Unchecked for crate::support::Outcome {
    fn only_unchecked(&self) -> String {
        match &self.0[..] {
            [sip::endpoint::Effect::Transmit { bytes, .. }] => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_cannot_be_split_is_answered_as_far_as_it_can_be_read() {
    let mut desk = Desk::new();
    let text = invite("z9hG4bKa").replace("Contact: ", "No header at all ");
    let answer = desk.hear(&text).only_unchecked();
    assert!(answer.starts_with("SIP/2.0 400 ") && answer.contains("Warning: 399 "), "{answer}");
    assert_eq!(desk.endpoint.counters().wire(Transport::Udp).parse_errors.header, 1);
}

#[test]
fn broken_acks_and_responses_and_noise_are_never_answered() {
    let mut desk = Desk::new();
    let ack = from_pbx("ACK", "z9hG4bKa", 1, "t", "").replace("CSeq: 1 ACK\r\n", "");
    let response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\n\r\n";
    for text in [ack.as_str(), response, "GET / HTTP/1.0\r\n\r\n", "\u{0}\u{1}\u{2}garbage", "SIP/2.0\r\n"] {
        assert!(desk.hear(text).0.is_empty(), "{text}");
    }
    assert_eq!(desk.endpoint.counters().wire(Transport::Udp).parse_errors.total(), 5);
    assert_eq!(desk.endpoint.counters().wire(Transport::Udp).messages_sent, 0);
}

#[test]
fn keep_alives_are_no_messages_and_no_errors() {
    let mut desk = Desk::new();
    for text in ["\r\n\r\n", "\r\n", "", "\0"] {
        assert!(desk.hear(text).0.is_empty());
    }
    assert_eq!(desk.endpoint.counters(), &Default::default());
}
