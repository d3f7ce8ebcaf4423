//! Strangers at the door: nothing is stored before somebody says so.

use crate::support::{Desk, OWNER, from_pbx, header, invite, source};
use domain::Machine;
use sip::Name;
use sip::endpoint::{Load, Owner, Refused, Reply, Settings};

fn challenge() -> Reply {
    Reply::new(407, "Proxy Authentication Required").lines(b"Proxy-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n")
}

#[test]
fn a_stranger_is_challenged_without_state_and_his_retransmission_gets_the_same_answer() {
    let mut desk = Desk::new();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let pending = desk.hear(&invite("z9hG4bKa")).pending();
        answers.push(desk.answer(&pending, challenge()).only());
        assert_eq!(desk.endpoint.load(), Load::default());
    }
    assert_eq!(answers[0].as_bytes(), answers[1].as_bytes(), "the To tag too (RFC 3261 8.2.7)");
    assert_eq!(answers[0].status(), Some(407));
    assert!(answers[0].to_tag().is_some());
    assert!(header(&answers[0], Name::ProxyAuthenticate).starts_with("Digest"));
}

#[test]
fn the_ack_to_a_stateless_refusal_is_absorbed_in_silence() {
    let mut desk = Desk::new();
    let pending = desk.hear(&invite("z9hG4bKa")).pending();
    let refusal = desk.answer(&pending, challenge()).only();
    let ack = from_pbx("ACK", "z9hG4bKa", 1, refusal.to_tag().unwrap(), "");
    assert!(desk.hear(&ack).0.is_empty());
    assert_eq!(desk.endpoint.counters().stray_acks, 1);
    assert_eq!(desk.endpoint.deadline(), None);
}

#[test]
fn an_accepted_invite_is_answered_100_at_once_and_absorbs_its_retransmissions() {
    let mut desk = Desk::new();
    let pending = desk.hear(&from_pbx("INVITE", "z9hG4bKa", 1, "", "Timestamp: 54\r\n")).pending();
    let (transaction, outcome) = desk.accept(&pending);
    let trying = outcome.only();
    assert_eq!((trying.status(), trying.to_tag()), (Some(100), None));
    assert_eq!(header(&trying, Name::Timestamp), "54", "RFC 3261 8.2.6.1");
    assert_eq!(desk.hear(&invite("z9hG4bKa")).words(), ["send 100"]);
    let ringing = desk.respond(transaction, Reply::new(180, "Ringing").tag("t1")).only();
    assert_eq!((ringing.to_tag(), header(&ringing, Name::Timestamp)), (Some("t1"), String::new()));
    assert_eq!(desk.hear(&invite("z9hG4bKa")).words(), ["send 180"]);
    assert_eq!(desk.endpoint.counters().retransmissions_received, 2);
    assert_eq!(desk.endpoint.counters().requests_received.of("INVITE"), 1);
}

#[test]
fn a_request_is_accepted_once() {
    let mut desk = Desk::new();
    let first = desk.hear(&invite("z9hG4bKa")).pending();
    let again = desk.hear(&invite("z9hG4bKa")).pending();
    desk.accept(&first);
    let refused = desk.endpoint.accept(&again, OWNER, desk.now, &mut Vec::new());
    assert_eq!(refused, Err(Refused::AcceptedBefore));
}

#[test]
fn an_accepted_request_goes_to_its_new_owner_when_it_is_handed_over() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.endpoint.hand_over(transaction, Owner(99)).unwrap();
    assert_eq!(desk.hear(&from_pbx("CANCEL", "z9hG4bKa", 1, "", "")).words(), ["send 200", "cancelled 99"]);
}

/// RFC 3261 8.2.2.2.
#[test]
fn the_same_request_by_another_way_is_a_loop() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    assert_eq!(desk.hear(&invite("z9hG4bKb")).only().status(), Some(482));
    // Also when the first was refused already: it must not become a second call.
    desk.respond(transaction, Reply::new(486, "Busy Here"));
    assert_eq!(desk.hear(&invite("z9hG4bKc")).only().status(), Some(482));
    assert_eq!(desk.endpoint.counters().merged, 2);
}

/// RFC 3261 17.2.3: the branch is unique only together with who chose it.
#[test]
fn the_same_branch_from_another_sent_by_is_another_transaction() {
    let mut desk = Desk::new();
    desk.admit(&invite("z9hG4bKa"));
    let elsewhere = invite("z9hG4bKa").replace("198.51.100.7:5062;branch", "198.51.100.8:5062;branch");
    assert_eq!(desk.hear(&elsewhere).only().status(), Some(482), "not absorbed as a retransmission");
    let same = invite("z9hG4bKa").replace("198.51.100.7:5062;branch", "198.51.100.7:5062 ;branch");
    assert_eq!(desk.hear(&same).words(), ["send 100"]);
}

/// RFC 3261 17.2.3, the rule for elements of RFC 2543: no magic cookie, so the top Via, From tag, Call-ID, CSeq and Request-URI
/// tell transactions apart.
#[test]
fn a_request_without_the_magic_cookie_finds_its_transaction_too() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("1"));
    assert_eq!(desk.hear(&invite("1")).words(), ["send 100"]);
    assert_eq!(desk.hear(&from_pbx("CANCEL", "1", 1, "", "")).words(), ["send 200", "cancelled 7"]);
    desk.respond(transaction, Reply::new(487, "Request Terminated").tag("t1"));
    assert!(desk.hear(&from_pbx("ACK", "1", 1, "t1", "")).0.is_empty());
    assert_eq!(desk.endpoint.counters().stray_acks, 0);
    desk.wait(5_000);
    assert_eq!(desk.endpoint.load().server_transactions, 0);
}

#[test]
fn an_invite_that_comes_again_with_credentials_and_the_same_cseq_is_no_loop() {
    // Challenged without state, and challenged by a transaction.
    let mut desk = Desk::new();
    let pending = desk.hear(&invite("z9hG4bKa")).pending();
    desk.answer(&pending, challenge());
    let transaction = desk.admit(&invite("z9hG4bKb"));
    desk.respond(transaction, challenge());
    let retried = desk.hear(&invite("z9hG4bKc")).pending();
    assert_eq!(desk.accept(&retried).1.words(), ["send 100"]);
}

#[test]
fn an_invite_that_comes_again_with_a_new_cseq_is_no_loop() {
    let mut desk = Desk::new();
    desk.admit(&invite("z9hG4bKa"));
    assert_eq!(desk.hear(&from_pbx("INVITE", "z9hG4bKb", 2, "", "")).words(), ["new INVITE"]);
}

#[test]
fn when_the_tables_are_full_a_new_call_gets_503_and_a_hang_up_still_passes() {
    let settings = Settings { server_transactions_max: 1, dialog_reserve: 1, ..Settings::default() };
    let mut desk = Desk::with(settings);
    desk.admit(&invite("z9hG4bKa"));
    let other = invite("z9hG4bKb").replace("call-1", "call-2");
    let refusal = desk.hear(&other).only();
    assert_eq!(refusal.status(), Some(503));
    assert_eq!(refusal.retry_after_s(), Some(5));
    desk.endpoint.bind_dialog("call-1@198.51.100.7", "t1", OWNER).unwrap();
    assert_eq!(desk.hear(&from_pbx("BYE", "z9hG4bKc", 2, "t1", "")).words(), ["dialog 7 BYE"]);
    assert_eq!(desk.hear(&from_pbx("INFO", "z9hG4bKd", 3, "t1", "")).only().status(), Some(503));
    assert_eq!(desk.endpoint.counters().refused_full, 2);
}

#[test]
fn over_a_stream_the_answer_goes_back_over_its_connection() {
    use sip::endpoint::{Flow, Source, Transport};
    let mut desk = Desk::new();
    let flow = Some(Flow { shard: 1, slot: 2, generation: 3 });
    let over_tcp = Source { transport: Transport::Tcp, flow, ..source() };
    let text = invite("z9hG4bKa").replace("SIP/2.0/UDP", "SIP/2.0/TCP").replace(";rport", "");
    let pending = desk.hear_from(over_tcp, &text).pending();
    let sent = desk.answer(&pending, challenge());
    assert_eq!((sent.destinations()[0].flow, sent.destinations()[0].addr), (flow, over_tcp.peer));
}

/// RFC 3581 4, RFC 3261 18.2.2.
#[test]
fn over_udp_the_answer_goes_to_the_source_port_only_if_rport_asks_for_it() {
    let mut desk = Desk::new();
    let mut behind_nat = source();
    behind_nat.peer = "203.0.113.9:40000".parse().unwrap();
    let asked = desk.hear_from(behind_nat, &invite("z9hG4bKa")).pending();
    let sent = desk.answer(&asked, challenge());
    assert_eq!(sent.destinations()[0].addr, behind_nat.peer);
    assert_eq!(sent.destinations()[0].local, behind_nat.local, "it leaves from the address that was addressed");
    let via = header(&sent.only(), Name::Via);
    assert!(via.contains("received=203.0.113.9") && via.contains("rport=40000"), "{via}");

    let unasked = desk.hear_from(behind_nat, &invite("z9hG4bKb").replace(";rport", "")).pending();
    let sent = desk.answer(&unasked, challenge());
    assert_eq!(sent.destinations()[0].addr, "203.0.113.9:5062".parse().unwrap());
    assert!(header(&sent.only(), Name::Via).contains("received=203.0.113.9"));
    let without_port = invite("z9hG4bKc").replace(";rport", "").replace("7:5062;branch", "7;branch");
    let unasked = desk.hear_from(behind_nat, &without_port).pending();
    assert_eq!(desk.answer(&unasked, challenge()).destinations()[0].addr, "203.0.113.9:5060".parse().unwrap());
}
