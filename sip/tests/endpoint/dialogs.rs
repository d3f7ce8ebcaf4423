//! Requests inside dialogs: found by Call-ID and our tag.

use crate::support::{Desk, OWNER, from_pbx};
use sip::endpoint::{Owner, Refused, Reply, Settings};

const CALL_ID: &str = "call-1@198.51.100.7";

#[test]
fn a_hang_up_reaches_the_owner_of_its_dialog_once_and_its_answer_is_repeated() {
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog(CALL_ID, "t1", OWNER).unwrap();
    let bye = from_pbx("BYE", "z9hG4bKa", 2, "t1", "");
    let heard = desk.hear(&bye);
    assert_eq!(heard.words(), ["dialog 7 BYE"]);
    let sip::endpoint::Effect::DialogRequestArrived { transaction, .. } = &heard.0[0] else { panic!() };
    assert!(desk.hear(&bye).0.is_empty(), "nothing was answered yet");
    let answer = desk.respond(*transaction, Reply::new(200, "OK")).only();
    assert_eq!(answer.to_tag(), Some("t1"), "the tag of the request stays");
    assert_eq!(desk.hear(&bye).words(), ["send 200"]);
    desk.wait(32_000);
    assert_eq!(desk.endpoint.load().server_transactions, 0);
}

#[test]
fn a_reinvite_is_answered_100_and_reported() {
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog(CALL_ID, "t1", OWNER).unwrap();
    assert_eq!(desk.hear(&from_pbx("INVITE", "z9hG4bKa", 2, "t1", "")).words(), ["send 100", "dialog 7 INVITE"]);
}

#[test]
fn a_request_for_a_dialog_that_nobody_knows_gets_481_and_an_ack_silence() {
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog(CALL_ID, "t1", OWNER).unwrap();
    let other_tag = from_pbx("BYE", "z9hG4bKa", 2, "t2", "");
    let other_call = from_pbx("BYE", "z9hG4bKb", 2, "t1", "").replace("call-1", "call-2");
    for text in [other_tag, other_call] {
        assert_eq!(desk.hear(&text).only().status(), Some(481));
    }
    assert!(desk.hear(&from_pbx("ACK", "z9hG4bKc", 1, "t2", "")).0.is_empty());
    assert_eq!((desk.endpoint.counters().stray_requests, desk.endpoint.counters().stray_acks), (2, 1));
}

#[test]
fn a_dialog_can_change_hands_and_is_forgotten_when_it_is_unbound() {
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog(CALL_ID, "t1", OWNER).unwrap();
    desk.endpoint.bind_dialog(CALL_ID, "t1", Owner(8)).unwrap();
    assert_eq!(desk.hear(&from_pbx("INFO", "z9hG4bKa", 2, "t1", "")).words(), ["dialog 8 INFO"]);
    desk.endpoint.unbind_dialog(CALL_ID, "t1");
    assert_eq!(desk.hear(&from_pbx("INFO", "z9hG4bKb", 3, "t1", "")).only().status(), Some(481));
    assert_eq!(desk.endpoint.load().dialogs, 0);
}

#[test]
fn the_number_of_dialogs_is_limited() {
    let mut desk = Desk::with(Settings { dialogs_max: 1, ..Settings::default() });
    desk.endpoint.bind_dialog("a", "1", OWNER).unwrap();
    desk.endpoint.bind_dialog("a", "1", Owner(8)).unwrap();
    assert_eq!(desk.endpoint.bind_dialog("b", "1", OWNER), Err(Refused::Full("dialogs")));
}

#[test]
fn a_registration_is_new_whatever_its_to_says() {
    assert_eq!(Desk::new().hear(&from_pbx("REGISTER", "z9hG4bKa", 1, "t1", "")).words(), ["new REGISTER"]);
}

#[test]
fn a_request_that_only_a_dialog_can_have_gets_481_without_to_tag() {
    for method in ["BYE", "INFO", "UPDATE"] {
        assert_eq!(Desk::new().hear(&from_pbx(method, "z9hG4bKa", 1, "", "")).only().status(), Some(481), "{method}");
    }
}

/// What the front door refuses inside a dialog, whoever has the dialog hears of; of what is no dialog's nobody does.
#[test]
fn the_owner_of_a_dialog_hears_what_was_refused_inside_it() {
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog(CALL_ID, "t1", OWNER).unwrap();
    let short = "Supported: timer\r\nSession-Expires: 30\r\n";
    for (method, lines, words) in [
        ("REFER", "Refer-To: <sip:elsewhere@example.com>\r\n", ["refused 7 REFER method_not_allowed", "send 405"]),
        ("JUGGLE", "", ["refused 7 JUGGLE method_unknown", "send 501"]),
        ("INVITE", "Require: magic\r\n", ["refused 7 INVITE extension_unknown", "send 420"]),
        ("UPDATE", short, ["refused 7 UPDATE session_interval_too_small", "send 422"]),
    ] {
        assert_eq!(desk.hear(&from_pbx(method, &format!("z9hG4bK{method}"), 2, "t1", lines)).words(), words);
    }
    assert_eq!(desk.hear(&from_pbx("REFER", "z9hG4bKx", 2, "t2", "")).words(), ["send 405"]);
    assert_eq!(desk.hear(&from_pbx("REFER", "z9hG4bKy", 2, "", "")).words(), ["send 405"]);
}
