//! The 2xx to an INVITE of theirs: repeated until its ACK comes, or given up.

use crate::support::{Desk, OWNER, from_pbx, header, invite, statuses};
use domain::Machine;
use sip::Name;
use sip::endpoint::{Owner, Refused, Reply};

fn ok() -> Reply {
    Reply::new(200, "OK").tag("t1").header(Name::Contact, "<sip:192.0.2.1:5060>")
}

#[test]
fn a_2xx_is_repeated_until_its_ack_which_is_reported_once() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    assert_eq!(desk.respond(transaction, ok()).words(), ["send 200"]);
    assert_eq!(desk.wait(3_600).words(), ["send 200", "send 200", "send 200"], "at 500, 1,500 and 3,500 ms");
    let ack = from_pbx("ACK", "z9hG4bKack", 1, "t1", "");
    assert_eq!(desk.hear(&ack).words(), ["acked 7"]);
    assert!(desk.hear(&ack).0.is_empty());
    assert!(desk.wait(60_000).0.is_empty());
    assert_eq!(desk.endpoint.load().server_transactions, 0);
    assert_eq!(desk.endpoint.deadline(), None);
}

#[test]
fn the_ack_goes_to_the_owner_of_the_dialog() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.respond(transaction, ok());
    desk.endpoint.bind_dialog("call-1@198.51.100.7", "t1", Owner(55)).unwrap();
    assert_eq!(desk.hear(&from_pbx("ACK", "z9hG4bKack", 1, "t1", "")).words(), ["acked 55"]);
}

#[test]
fn an_ack_that_never_comes_is_reported_after_64_t1() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.respond(transaction, ok());
    let outcome = desk.wait(31_999);
    assert_eq!(statuses(&outcome.sent()), [200; 10]);
    assert_eq!(outcome.0.len(), 10);
    assert_eq!(desk.wait(1).words(), ["ack missed 7"]);
    assert_eq!(desk.endpoint.counters().acks_missing, 1);
    assert_eq!(desk.endpoint.load().server_transactions, 0);
}

/// RFC 6026 7.1: a retransmitted INVITE after the 2xx is absorbed.
#[test]
fn a_retransmitted_invite_after_the_2xx_is_no_second_call() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.respond(transaction, ok());
    assert!(desk.hear(&invite("z9hG4bKa")).0.is_empty());
    desk.hear(&from_pbx("ACK", "z9hG4bKack", 1, "t1", ""));
    assert!(desk.hear(&invite("z9hG4bKa")).0.is_empty());
    assert_eq!(desk.endpoint.respond(transaction, ok(), desk.now, &mut Vec::new()), Err(Refused::NoTransaction));
}

#[test]
fn an_ack_with_the_branch_of_its_invite_counts_as_the_ack_to_the_2xx() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.respond(transaction, ok());
    assert_eq!(desk.hear(&from_pbx("ACK", "z9hG4bKa", 1, "t1", "")).words(), ["acked 7"]);
    assert!(desk.wait(31_000).0.is_empty());
}

#[test]
fn an_ack_without_to_tag_or_with_another_cseq_stops_nothing() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.respond(transaction, ok());
    assert!(desk.hear(&from_pbx("ACK", "z9hG4bKx", 1, "", "")).0.is_empty());
    assert!(desk.hear(&from_pbx("ACK", "z9hG4bKy", 2, "t1", "")).0.is_empty());
    assert_eq!(desk.endpoint.counters().stray_acks, 2);
    assert_eq!(desk.wait(500).words(), ["send 200"]);
}

#[test]
fn a_reinvites_2xx_waits_for_its_own_ack() {
    let mut desk = Desk::new();
    desk.endpoint.bind_dialog("call-1@198.51.100.7", "t1", OWNER).unwrap();
    let heard = desk.hear(&from_pbx("INVITE", "z9hG4bKa", 5, "t1", ""));
    let sip::endpoint::Effect::DialogRequestArrived { transaction, .. } = &heard.0[1] else { panic!() };
    desk.respond(*transaction, Reply::new(200, "OK"));
    assert!(desk.hear(&from_pbx("ACK", "z9hG4bKx", 4, "t1", "")).0.is_empty());
    assert_eq!(desk.hear(&from_pbx("ACK", "z9hG4bKy", 5, "t1", "")).words(), ["acked 7"]);
}

#[test]
fn responses_that_make_a_dialog_copy_record_route_and_refusals_do_not() {
    let routes = "Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\nRecord-Route: <sip:p0.example;lr>\r\n";
    let mut desk = Desk::new();
    let transaction = desk.admit(&from_pbx("INVITE", "z9hG4bKa", 1, "", routes));
    let ringing = desk.respond(transaction, Reply::new(180, "Ringing").tag("t1")).only();
    let answered = desk.respond(transaction, ok()).only();
    for response in [ringing, answered] {
        let copied: Vec<_> = response.record_routes().map(|route| route.unwrap().uri().as_str().to_owned()).collect();
        assert_eq!(copied, ["sip:p2.example;lr", "sip:p1.example;lr", "sip:p0.example;lr"]);
    }
    let other = from_pbx("INVITE", "z9hG4bKb", 1, "", routes).replace("call-1", "call-2");
    let transaction = desk.admit(&other);
    let refusal = desk.respond(transaction, Reply::new(404, "Not Found")).only();
    assert_eq!(refusal.record_routes().count(), 0);
    assert!(refusal.to_tag().is_some(), "a final response has a tag, given or not");
}

#[test]
fn a_refusal_is_repeated_until_its_ack_and_failing_that_reported() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    let refusal = desk.respond(transaction, Reply::new(486, "Busy Here").tag("t1")).only();
    assert_eq!(desk.wait(500).words(), ["send 486"]);
    let ack = from_pbx("ACK", "z9hG4bKa", 1, refusal.to_tag().unwrap(), "");
    assert!(desk.hear(&ack).0.is_empty());
    assert!(desk.wait(60_000).0.is_empty());
    assert_eq!(desk.endpoint.load().server_transactions, 0);

    let transaction = desk.admit(&from_pbx("INVITE", "z9hG4bKb", 2, "", ""));
    desk.respond(transaction, Reply::new(486, "Busy Here").tag("t2"));
    let outcome = desk.wait(32_000);
    assert_eq!(outcome.words().last().unwrap(), "failed 7 Timeout(H)");
    assert_eq!(desk.endpoint.counters().timeouts_h, 1);
    assert_eq!(desk.endpoint.load().server_transactions, 0);
}

#[test]
fn a_body_and_headers_leave_as_ordered_and_cannot_break_out_of_their_line() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    let reply = ok()
        .header(Name::Reason, "Q.850;cause=16\r\nX-Injected: yes")
        .header_named("X-Tandem", "a")
        .body("application/sdp", bytes::Bytes::from_static(b"v=0\r\n"));
    let sent = desk.respond(transaction, reply).only();
    assert_eq!(sent.body(), b"v=0\r\n");
    assert_eq!(header(&sent, Name::ContentType), "application/sdp");
    assert_eq!(sent.header_named("X-Tandem"), Some(&b"a"[..]));
    assert_eq!(sent.header_named("X-Injected"), None);
}
