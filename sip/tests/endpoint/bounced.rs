//! Requests of ours that the network sends back (RFC 3261 18.4).

use crate::support::{Desk, Outcome, header, peer, response_to, to_carrier};
use bytes::Bytes;
use sip::endpoint::{Effect, Event, Settings, shard_of_bounce};
use sip::{Message, Name};

fn bytes_of(outcome: &Outcome) -> Bytes {
    match &outcome.0[..] {
        [Effect::Transmit { bytes, .. }] => bytes.clone(),
        other => panic!("{other:?}"),
    }
}

impl Desk {
    fn bounce(&mut self, quote: &[u8]) -> Outcome {
        self.event(Event::Bounced { addr: peer().addr, quote: Bytes::copy_from_slice(quote) })
    }
}

#[test]
fn an_invite_that_comes_back_has_failed_at_once() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = bytes_of(&outcome);
    assert_eq!(desk.bounce(&sent[..300]).words(), ["failed 7 Transport"]);
    assert!(desk.bounce(&sent[..300]).0.is_empty());
    assert_eq!(desk.endpoint.load().client_transactions, 0);
}

/// Anybody can forge an ICMP message: who does not know the branch is not believed.
#[test]
fn a_bounce_that_does_not_quote_the_branch_is_not_believed() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = bytes_of(&outcome);
    let text = String::from_utf8(sent.to_vec()).unwrap();
    let branch = header(&Message::parse(sent.clone()).unwrap(), Name::Via);
    let branch = branch.split("branch=").nth(1).unwrap().split(';').next().unwrap();
    let guessed = text.replace(branch, "z9hG4bKt0-0123456789abcdef");
    let up_to_branch = text.find(branch).unwrap() + branch.len();
    for forged in [&b""[..], b"INVITE", &sent[..up_to_branch], guessed.as_bytes(), text.replace("70", "69").as_bytes()]
    {
        assert!(desk.bounce(forged).0.is_empty());
    }
    let elsewhere = Event::Bounced { addr: "198.51.100.8:5062".parse().unwrap(), quote: sent.clone() };
    assert!(desk.event(elsewhere).0.is_empty());
    assert_eq!(desk.bounce(&sent).words(), ["failed 7 Transport"]);
}

#[test]
fn who_has_answered_lives_whatever_comes_back() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = bytes_of(&outcome);
    desk.hear(&response_to(&Message::parse(sent.clone()).unwrap(), 100, ""));
    assert!(desk.bounce(&sent).0.is_empty());
}

#[test]
fn a_request_inside_a_dialog_has_failed_when_its_repetition_comes_back_too() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&to_carrier("BYE", "theirs"));
    let sent = bytes_of(&outcome);
    assert!(desk.bounce(&sent).0.is_empty());
    assert_eq!(desk.wait(500).words(), ["send BYE"]);
    assert_eq!(desk.bounce(&sent).words(), ["failed 7 Transport"]);
}

#[test]
fn a_bounce_names_the_shard_that_sent_it() {
    let mut desk = Desk::with(Settings { shard: 10, ..Settings::default() });
    let (_, outcome) = desk.request(&to_carrier("OPTIONS", ""));
    let sent = bytes_of(&outcome);
    assert_eq!(shard_of_bounce(&sent), Some(10));
    for foreign in [&b""[..], b"\r\n", b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n", &sent[..60]]
    {
        assert_eq!(shard_of_bounce(foreign), None);
    }
}
