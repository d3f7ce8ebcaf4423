//! Requests of ours: Via, responses, ACKs, forks, strays, failures.

use crate::support::{Desk, OWNER, header, methods, peer, response_to, source, to_carrier};
use sip::endpoint::{Destination, Event, Flow, Refused, Settings, Source, Transport};
use sip::{Method, Name};

#[test]
fn a_request_leaves_with_our_via_and_a_fresh_branch() {
    let mut desk = Desk::with(Settings { shard: 10, ..Settings::default() });
    let (_, first) = desk.request(&to_carrier("OPTIONS", ""));
    let (_, second) = desk.request(&to_carrier("OPTIONS", ""));
    let via = header(&first.only(), Name::Via);
    assert!(via.starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKta-"), "{via}");
    assert!(via.ends_with(";rport"), "{via}");
    assert_ne!(via, header(&second.only(), Name::Via));
    assert_eq!(first.destinations(), [peer()]);
}

#[test]
fn behind_a_nat_the_advertised_host_stands_in_via_and_responses_are_known_by_it() {
    let settings = Settings { advertised_host: Some("Sip.Example.NET".to_owned()), ..Settings::default() };
    let mut desk = Desk::with(settings);
    let (_, outcome) = desk.request(&to_carrier("OPTIONS", ""));
    let sent = outcome.only();
    assert!(header(&sent, Name::Via).starts_with("SIP/2.0/UDP Sip.Example.NET:5060;"));
    let response = response_to(&sent, 200, "t").replace("Sip.Example.NET:5060", "sip.example.net:5060");
    assert_eq!(desk.hear(&response).words(), ["response 7 200"]);
}

#[test]
fn what_is_no_request_without_via_is_not_sent() {
    let mut desk = Desk::new();
    let with_via = to_carrier("BYE", "t").replace("Max-Forwards", "Via: SIP/2.0/UDP x;branch=z9hG4bK1\r\nMax-Forwards");
    for text in [with_via.as_str(), "", "BYE\r\n\r\n", &to_carrier("ACK", "t"), &to_carrier("CANCEL", "t")] {
        let mut effects = Vec::new();
        let refused = desk.endpoint.request(OWNER, text.as_bytes(), peer(), desk.now, &mut effects);
        assert_eq!(refused, Err(Refused::Unsendable), "{text}");
        assert!(effects.is_empty());
    }
}

#[test]
fn every_provisional_and_one_final_response_are_reported() {
    let mut desk = Desk::new();
    let (transaction, outcome) = desk.request(&to_carrier("BYE", "t"));
    let sent = outcome.only();
    let heard = desk.hear(&response_to(&sent, 100, ""));
    assert_eq!(heard.words(), ["response 7 100"]);
    let sip::endpoint::Effect::ResponseArrived { transaction: answered, .. } = &heard.0[0] else { panic!() };
    assert_eq!(*answered, transaction);
    assert_eq!(desk.hear(&response_to(&sent, 200, "")).words(), ["response 7 200"]);
    assert!(desk.hear(&response_to(&sent, 200, "")).0.is_empty());
    assert_eq!(desk.endpoint.counters().retransmissions_received, 1);
    assert_eq!(desk.endpoint.counters().responses_received.of_class(2), 1);
}

#[test]
fn a_refusal_is_acknowledged_here() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = outcome.only();
    let outcome = desk.hear(&response_to(&sent, 503, "t9"));
    assert_eq!(outcome.words(), ["send ACK", "response 7 503"]);
    let ack = outcome.sent().remove(0);
    assert_eq!(ack.to_tag(), Some("t9"));
    assert_eq!(header(&ack, Name::Via), header(&sent, Name::Via));
    assert_eq!(desk.hear(&response_to(&sent, 503, "t9")).words(), ["send ACK"]);
}

#[test]
fn the_ack_to_a_2xx_is_ordered_once_and_repeated_for_every_repeated_2xx() {
    let mut desk = Desk::new();
    let (transaction, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = outcome.only();
    let ok = response_to(&sent, 200, "t9");
    assert_eq!(desk.hear(&ok).words(), ["response 7 200"]);
    assert!(desk.hear(&ok).0.is_empty(), "reported once, though the ACK was not ordered yet");
    let mut effects = Vec::new();
    desk.endpoint.acknowledge(transaction, to_carrier("ACK", "t9").as_bytes(), peer(), &mut effects).unwrap();
    let first = crate::support::Outcome(effects).only();
    let again = desk.hear(&ok).only();
    assert_eq!(first.as_bytes(), again.as_bytes());
    assert_ne!(header(&first, Name::Via), header(&sent, Name::Via), "a transaction of its own (RFC 3261 17.1.1.3)");
    desk.wait(32_000);
    assert!(desk.hear(&ok).0.is_empty());
    assert_eq!(desk.endpoint.counters().stray_responses, 1);
    assert_eq!(desk.endpoint.load().client_transactions, 0);
    // Late, but it may still save the call.
    let mut effects = Vec::new();
    desk.endpoint.acknowledge(transaction, to_carrier("ACK", "t9").as_bytes(), peer(), &mut effects).unwrap();
    assert_eq!(crate::support::Outcome(effects).words(), ["send ACK"]);
}

#[test]
fn each_fork_that_answers_is_reported_and_acknowledged_by_itself() {
    let mut desk = Desk::new();
    let (transaction, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = outcome.only();
    for tag in ["fork-a", "fork-b"] {
        assert_eq!(desk.hear(&response_to(&sent, 200, tag)).words(), ["response 7 200"]);
        let ack = to_carrier("ACK", tag);
        desk.endpoint.acknowledge(transaction, ack.as_bytes(), peer(), &mut Vec::new()).unwrap();
    }
    assert_eq!(desk.hear(&response_to(&sent, 200, "fork-a")).only().to_tag(), Some("fork-a"));
    assert_eq!(desk.hear(&response_to(&sent, 200, "fork-b")).only().to_tag(), Some("fork-b"));
    let reported = (0..100).filter(|fork| !desk.hear(&response_to(&sent, 200, &format!("flood-{fork}"))).0.is_empty());
    assert_eq!(reported.count(), 6, "eight forks are enough");
}

#[test]
fn responses_to_nothing_of_ours_are_dropped_and_counted() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&to_carrier("BYE", "t"));
    let sent = outcome.only();
    let honest = response_to(&sent, 200, "");
    let via = format!("Via: {}\r\n", header(&sent, Name::Via));
    for stray in [
        honest.replace("192.0.2.1:5060;branch", "192.0.2.2:5060;branch"),
        honest.replace("192.0.2.1:5060;branch", "192.0.2.1:5061;branch"),
        honest.replace("branch=z9hG4bKt0-", "branch=z9hG4bKt0-f"),
        honest.replace("1 BYE", "1 INVITE"),
        honest.replacen("Via:", &format!("{via}Via:"), 1),
    ] {
        assert!(desk.hear(&stray).0.is_empty(), "{stray}");
    }
    // Two Vias are refused before anybody looks for a transaction (RFC 3261 8.1.3.3).
    let counters = desk.endpoint.counters();
    assert_eq!((counters.stray_responses, counters.wire(Transport::Udp).parse_errors.header), (4, 1));
    assert_eq!(desk.hear(&honest).words(), ["response 7 200"]);
}

#[test]
fn silence_is_reported_by_timer_b_for_an_invite_and_by_timer_f_for_the_rest() {
    let mut desk = Desk::new();
    desk.request(&to_carrier("INVITE", ""));
    let outcome = desk.wait(32_000);
    assert_eq!(outcome.words().last().unwrap(), "failed 7 Timeout(B)");
    assert_eq!(methods(&outcome.sent()), vec![Method::Invite; 6]);
    desk.request(&to_carrier("BYE", "t"));
    let outcome = desk.wait(32_000);
    assert_eq!(outcome.words().last().unwrap(), "failed 7 Timeout(F)");
    let counters = desk.endpoint.counters();
    assert_eq!((counters.timeouts_b, counters.timeouts_f, counters.retransmissions_sent), (1, 1, 16));
    assert_eq!(desk.endpoint.load().client_transactions, 0);
}

#[test]
fn a_destination_that_cannot_be_reached_fails_what_was_sent_there_and_nothing_else() {
    let mut desk = Desk::new();
    desk.request(&to_carrier("INVITE", ""));
    let elsewhere = Destination { addr: "203.0.113.1:5060".parse().unwrap(), ..peer() };
    assert!(desk.event(Event::TransportFailed { destination: elsewhere }).0.is_empty());
    let outcome = desk.event(Event::TransportFailed { destination: peer() });
    assert_eq!(outcome.words(), ["failed 7 Transport"]);
    assert_eq!(desk.endpoint.load().client_transactions, 0);
}

#[test]
fn a_connection_that_closes_fails_our_request_and_leaves_theirs_to_be_answered_over_another_one() {
    let flow = Flow { shard: 0, slot: 3, generation: 1 };
    let over_tcp = Source { transport: Transport::Tcp, flow: Some(flow), ..source() };
    let mut desk = Desk::new();
    let mut effects = Vec::new();
    let destination = Destination::back_to(&over_tcp);
    desk.endpoint.request(OWNER, to_carrier("INVITE", "").as_bytes(), destination, desk.now, &mut effects).unwrap();
    let invite = crate::support::invite("z9hG4bKa").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let pending = desk.hear_from(over_tcp, &invite).pending();
    let (first, _) = desk.accept(&pending);
    let other = Flow { generation: 2, ..flow };
    assert!(desk.event(Event::FlowClosed { flow: other }).0.is_empty());
    let outcome = desk.event(Event::FlowClosed { flow });
    assert_eq!(outcome.words(), ["failed 7 Transport"]);
    assert_eq!(desk.endpoint.load().flows, 1, "the call of theirs may still be answered over another connection");
    let other = invite.replace("call-1", "call-2");
    let pending = desk.hear_from(over_tcp, &other).pending();
    let (transaction, _) = desk.accept(&pending);
    desk.respond(transaction, sip::endpoint::Reply::new(486, "Busy Here"));
    desk.wait(32_000);
    assert_eq!(desk.endpoint.load().server_transactions, 1);
    let late = desk.respond(first, sip::endpoint::Reply::new(480, "Temporarily Unavailable"));
    // RFC 3261 18.2.2: to the port of sent-by, where the connection of before is gone.
    assert_eq!((late.destinations()[0].flow, late.destinations()[0].addr.port()), (Some(flow), 5_062));
    desk.wait(32_000);
    assert_eq!(desk.endpoint.load(), Default::default());
}

#[test]
fn when_the_table_is_full_a_call_is_refused_to_its_owner_and_a_bye_passes() {
    let settings = Settings { client_transactions_max: 1, dialog_reserve: 1, ..Settings::default() };
    let mut desk = Desk::with(settings);
    desk.request(&to_carrier("INVITE", ""));
    let invite = to_carrier("INVITE", "");
    let refused = desk.endpoint.request(OWNER, invite.as_bytes(), peer(), desk.now, &mut Vec::new());
    assert_eq!(refused, Err(Refused::Full("client transactions")));
    desk.request(&to_carrier("BYE", "t"));
    let bye = to_carrier("BYE", "t");
    let refused = desk.endpoint.request(OWNER, bye.as_bytes(), peer(), desk.now, &mut Vec::new());
    assert_eq!(refused, Err(Refused::Full("client transactions")));
}

#[test]
fn transactions_are_timed_from_the_request_to_its_final_response() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&to_carrier("INVITE", ""));
    let sent = outcome.only();
    desk.wait(300);
    desk.hear(&response_to(&sent, 180, "t"));
    desk.wait(2_700);
    desk.hear(&response_to(&sent, 200, "t"));
    desk.hear(&response_to(&sent, 200, "fork"));
    let durations = desk.endpoint.counters().client_durations[0];
    assert_eq!((durations.count(), durations.sum_us), (1, 3_000_000));
    assert_eq!(durations.buckets[9], 1, "above 2 s, at most 4 s");

    let transaction = desk.admit(&crate::support::invite("z9hG4bKa"));
    desk.wait(40_000);
    desk.respond(transaction, sip::endpoint::Reply::new(480, "Temporarily Unavailable"));
    let durations = desk.endpoint.counters().server_durations[0];
    assert_eq!((durations.buckets[13], durations.sum_us), (1, 40_000_000));
}

/// A request of at least so many bytes.
fn large(bytes: usize) -> String {
    let text = to_carrier("INVITE", "");
    let padding = "x".repeat(bytes.saturating_sub(text.len()));
    text.replace("Max-Forwards", &format!("Subject: {padding}\r\nMax-Forwards"))
}

fn over_tcp() -> Destination {
    Destination { transport: Transport::Tcp, ..peer() }
}

/// RFC 3261 18.1.1.
#[test]
fn what_is_too_large_for_a_datagram_goes_over_tcp_and_its_via_says_so() {
    assert_eq!(Desk::new().request(&large(1_000)).1.destinations(), [peer()]);
    let mut desk = Desk::new();
    let (transaction, outcome) = desk.request(&large(1_400));
    assert_eq!(outcome.destinations(), [over_tcp()]);
    let sent = outcome.only();
    assert!(header(&sent, Name::Via).starts_with("SIP/2.0/TCP 192.0.2.1:5060;"));
    assert!(desk.wait(20_000).0.is_empty(), "a stream repeats what is lost");
    let answer =
        Source { transport: Transport::Tcp, flow: Some(Flow { shard: 0, slot: 1, generation: 1 }), ..source() };
    assert_eq!(desk.hear_from(answer, &response_to(&sent, 180, "t")).words(), ["response 7 180"]);
    assert_eq!(desk.cancel(transaction).destinations(), [over_tcp()], "the CANCEL follows it");
    let mut off = Desk::with(Settings { datagram_bytes_max: 0, ..Settings::default() });
    assert_eq!(off.request(&large(9_000)).1.destinations(), [peer()]);
}

#[test]
fn where_nobody_takes_the_connection_it_goes_as_a_datagram_in_the_same_transaction() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&large(1_400));
    let over = outcome.only();
    let refused = desk.event(Event::TransportFailed { destination: over_tcp() });
    assert_eq!(refused.destinations(), [peer()], "nobody hears of the failure");
    let sent = refused.only();
    let via = |message: &sip::Message| header(message, Name::Via);
    assert_eq!(via(&sent), via(&over).replace("SIP/2.0/TCP", "SIP/2.0/UDP"));
    assert_eq!(desk.wait(500).destinations(), [peer()], "and is repeated as datagrams are");
    assert_eq!(desk.hear(&response_to(&sent, 100, "")).words(), ["response 7 100"]);
    let (_, next) = desk.request(&large(1_400));
    assert_eq!(next.destinations(), [peer()], "it is not tried again for an hour");
    desk.wait(3_600_000);
    assert_eq!(desk.request(&large(1_400)).1.destinations(), [over_tcp()]);
}

#[test]
fn a_connection_that_breaks_after_a_response_fails_its_request() {
    let mut desk = Desk::new();
    let (_, outcome) = desk.request(&large(1_400));
    let answer = Source { transport: Transport::Tcp, ..source() };
    desk.hear_from(answer, &response_to(&outcome.only(), 180, "t"));
    let broken = desk.event(Event::TransportFailed { destination: over_tcp() });
    assert!(broken.destinations().is_empty(), "it was heard: a second one would ring twice");
    assert_eq!(broken.0.len(), 1, "{:?}", broken.0);
}
