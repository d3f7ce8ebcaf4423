//! CANCEL, theirs and ours, and its race with the 200.

use crate::support::{Desk, from_pbx, header, invite, methods, response_to, to_carrier};
use sip::endpoint::{Refused, Reply};
use sip::{Message, Method, Name};

#[test]
fn their_cancel_is_answered_here_and_reported_once() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    let cancel = from_pbx("CANCEL", "z9hG4bKa", 1, "", "Reason: SIP;cause=200\r\n");
    let first = desk.hear(&cancel);
    assert_eq!(first.words(), ["send 200", "cancelled 7"]);
    assert_eq!(header(&first.sent()[0], Name::CSeq), "1 CANCEL");
    assert_eq!(desk.hear(&cancel).words(), ["send 200"]);
    assert_eq!(desk.respond(transaction, Reply::new(487, "Request Terminated")).words(), ["send 487"]);
    assert!(desk.hear(&from_pbx("ACK", "z9hG4bKa", 1, "any", "")).0.is_empty());
    desk.wait(5_000);
    assert_eq!(desk.endpoint.load().server_transactions, 0);
}

#[test]
fn their_cancel_that_crosses_our_200_is_answered_and_changes_nothing() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.respond(transaction, Reply::new(200, "OK").tag("t1"));
    assert_eq!(desk.hear(&from_pbx("CANCEL", "z9hG4bKa", 1, "", "")).words(), ["send 200"]);
    assert_eq!(desk.hear(&from_pbx("ACK", "z9hG4bKb", 1, "t1", "")).words(), ["acked 7"]);
}

#[test]
fn a_cancel_of_nothing_gets_481() {
    let mut desk = Desk::new();
    assert_eq!(desk.hear(&from_pbx("CANCEL", "z9hG4bKa", 1, "", "")).only().status(), Some(481));
    desk.admit(&invite("z9hG4bKa"));
    assert_eq!(desk.hear(&from_pbx("CANCEL", "z9hG4bKb", 1, "", "")).only().status(), Some(481));
}

/// RFC 3261 9.1.
#[test]
fn our_cancel_waits_for_a_provisional_response() {
    let mut desk = Desk::new();
    let (transaction, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = outcome.only();
    assert!(desk.cancel(transaction).0.is_empty());
    assert!(desk.cancel(transaction).0.is_empty(), "asking twice cancels once");
    let outcome = desk.hear(&response_to(&sent, 100, ""));
    assert_eq!(outcome.words(), ["response 7 100", "send CANCEL"]);
    let cancel = outcome.sent().remove(0);
    assert_eq!(header(&cancel, Name::Via), header(&sent, Name::Via), "the branch of the INVITE");
    assert_eq!(header(&cancel, Name::CSeq), "1 CANCEL");
    assert_eq!(cancel.uri().unwrap().as_str(), sent.uri().unwrap().as_str());
    assert!(desk.hear(&response_to(&sent, 180, "t")).words() == ["response 7 180"], "one CANCEL is enough");
    assert!(desk.hear(&response_to(&cancel, 200, "t")).0.is_empty(), "nobody waits for its answer");
    let outcome = desk.hear(&response_to(&sent, 487, "t"));
    assert_eq!(outcome.words(), ["send ACK", "response 7 487"]);
    desk.wait(60_000);
    assert_eq!(desk.endpoint.load().client_transactions, 0);
}

#[test]
fn a_lost_cancel_is_sent_again() {
    let mut desk = Desk::new();
    let (transaction, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = outcome.only();
    desk.hear(&response_to(&sent, 180, "t"));
    assert_eq!(desk.cancel(transaction).words(), ["send CANCEL"]);
    assert_eq!(methods(&desk.wait(1_600).sent()), [Method::Cancel, Method::Cancel]);
}

#[test]
fn a_200_that_crosses_our_cancel_is_reported_so_that_it_can_be_ended_with_bye() {
    let mut desk = Desk::new();
    let (transaction, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = outcome.only();
    desk.hear(&response_to(&sent, 180, "t"));
    let cancel = desk.cancel(transaction).only();
    assert_eq!(desk.hear(&response_to(&sent, 200, "t")).words(), ["response 7 200"]);
    assert!(desk.hear(&response_to(&cancel, 481, "t")).0.is_empty());
    let refused = desk.endpoint.cancel(transaction, Default::default(), desk.now, &mut Vec::new());
    assert_eq!(refused, Err(Refused::NoTransaction), "what is answered cannot be cancelled");
    assert!(desk.wait(60_000).0.is_empty(), "the cancelled INVITE does not fail on top of it");
}

#[test]
fn a_cancelled_invite_without_final_response_fails_after_64_t1() {
    let mut desk = Desk::new();
    let (transaction, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = outcome.only();
    desk.hear(&response_to(&sent, 180, "t"));
    let cancel: Message = desk.cancel(transaction).only();
    desk.hear(&response_to(&cancel, 200, "t"));
    assert!(desk.wait(31_999).0.is_empty());
    assert_eq!(desk.wait(1).words(), ["failed 7 Timeout(B)"]);
}

#[test]
fn a_cancel_without_any_response_ends_with_the_invites_own_timeout() {
    let mut desk = Desk::new();
    let (transaction, _) = desk.request(&to_carrier("INVITE", ""));
    desk.cancel(transaction);
    let outcome = desk.wait(32_000);
    assert!(methods(&outcome.sent()).iter().all(|method| *method == Method::Invite));
    assert_eq!(outcome.words().last().unwrap(), "failed 7 Timeout(B)");
}
