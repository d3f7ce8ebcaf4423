//! Who has read a call's tags and branch on the wire, and sends from elsewhere; and who asks in somebody else's name.
//!
//! Requests inside dialogs are judged by their legs (`leg`); proofs by `digest`.

use crate::support::{Desk, from_pbx, invite, source};
use sip::endpoint::{AMPLIFICATION_MAX, Effect, Reply, Settings, Source, Transport};

fn elsewhere() -> Source {
    Source { peer: "203.0.113.9:5062".parse().unwrap(), ..source() }
}

fn with_body(text: &str) -> String {
    text.replace("Content-Length: 0\r\n\r\n", "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n")
}

#[test]
fn a_cancel_from_another_address_cancels_nothing_and_the_callers_own_does() {
    let mut desk = Desk::new();
    desk.admit(&invite("z9hG4bKa"));
    let cancel = from_pbx("CANCEL", "z9hG4bKa", 1, "", "");
    assert_eq!(desk.hear_from(elsewhere(), &cancel).words(), ["send 481"]);
    // Behind NAT the port may have changed.
    let other_port = Source { peer: "198.51.100.7:40000".parse().unwrap(), ..source() };
    assert_eq!(desk.hear_from(other_port, &cancel).words(), ["send 200", "cancelled 7"]);
}

/// The ACK to a late offer says where sound goes.
#[test]
fn an_answer_in_an_ack_from_another_address_is_not_heard_and_the_2xx_goes_on_until_the_right_one_comes() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.respond(transaction, Reply::new(200, "OK").tag("t1"));
    let ack = with_body(&from_pbx("ACK", "z9hG4bKack", 1, "t1", ""));
    assert!(desk.hear_from(elsewhere(), &ack).0.is_empty());
    assert_eq!(desk.endpoint.counters().stray_acks, 1);
    assert_eq!(desk.wait(600).words(), ["send 200"]);
    assert_eq!(desk.hear(&ack).words(), ["acked 7"]);
}

/// It goes the way of the dialog, which may be another than that of the INVITE (RFC 3261 13.2.2.4).
#[test]
fn an_answer_in_an_ack_comes_from_whom_the_invite_names() {
    let mut desk = Desk::new();
    let routed = from_pbx("INVITE", "z9hG4bKa", 1, "", "Record-Route: <sip:203.0.113.9;lr>\r\n");
    let transaction = desk.admit(&routed);
    desk.respond(transaction, Reply::new(200, "OK").tag("t1"));
    let ack = with_body(&from_pbx("ACK", "z9hG4bKack", 1, "t1", ""));
    assert_eq!(desk.hear_from(elsewhere(), &ack).words(), ["acked 7"]);
}

#[test]
fn an_ack_that_says_nothing_is_taken_from_anywhere() {
    let mut desk = Desk::new();
    let transaction = desk.admit(&invite("z9hG4bKa"));
    desk.respond(transaction, Reply::new(200, "OK").tag("t1"));
    assert_eq!(desk.hear_from(elsewhere(), &from_pbx("ACK", "z9hG4bKack", 1, "t1", "")).words(), ["acked 7"]);
}

fn is_stateless(effect: &Effect) -> bool {
    matches!(effect, Effect::Transmit { is_stateless: true, .. })
}

#[test]
fn answers_of_which_nothing_is_remembered_say_so_and_are_sent_once() {
    let mut desk = Desk::new();
    for text in [
        from_pbx("OPTIONS", "z9hG4bKa", 1, "", ""),
        from_pbx("BYE", "z9hG4bKb", 1, "t9", ""),
        from_pbx("FOO", "z9hG4bKc", 1, "", ""),
        from_pbx("CANCEL", "z9hG4bKd", 1, "", ""),
        invite("z9hG4bKe").replace("CSeq: 1 INVITE\r\n", ""),
    ] {
        let outcome = desk.hear(&text);
        assert_eq!(outcome.0.len(), 1, "{text}");
        assert!(is_stateless(&outcome.0[0]), "{text}");
    }
    let pending = desk.hear(&invite("z9hG4bKf")).pending();
    assert!(is_stateless(&desk.answer(&pending, Reply::new(407, "Proxy Authentication Required")).0[0]));
    assert!(desk.wait(60_000).0.is_empty(), "no timer G for who may be anybody");
    let pending = desk.hear(&invite("z9hG4bKg")).pending();
    assert!(!is_stateless(&desk.accept(&pending).1.0[0]));
}

/// The shortest requests that can be read, in somebody else's name: nobody is flooded by our answers.
#[test]
fn no_answer_to_a_stranger_is_longer_than_three_times_what_he_sent() {
    let mut settings = Settings::default();
    settings.front_door.server = "Tandem".to_owned();
    let mut desk = Desk::with(settings);
    let (mut sent, mut largest) = (0, 0.0_f64);
    for method in ["OPTIONS", "INVITE", "REGISTER", "SUBSCRIBE", "FOO", "BYE", "CANCEL"] {
        for lines in
            ["", "Require: a\r\n", "Max-Forwards: 0\r\n", "Via: x\r\n", "Content-Length: 9\r\n", "Max-Forwards: x\r\n"]
        {
            for body in ["", "k: a\r\n", "User-Agent: friendly-scanner of some length\r\n"] {
                let text = format!(
                    "{method} sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK{sent}\r\nf:<sip:a>;tag=a\r\nt:<sip:a>\r\n\
                     i:{sent}\r\nCSeq:1 {method}\r\n{lines}{body}\r\n"
                );
                let mut effects = desk.hear(&text).0;
                if let Some(Effect::RequestArrived { pending }) = effects.first() {
                    let challenge = format!(
                        "Proxy-Authenticate: Digest realm=\"tandem\", nonce=\"{}\", qop=\"auth\", algorithm=MD5\r\n",
                        "0".repeat(64)
                    );
                    let pending = pending.clone();
                    effects = desk
                        .answer(&pending, Reply::new(407, "Proxy Authentication Required").lines(challenge.as_bytes()))
                        .0;
                }
                for effect in effects {
                    let Effect::Transmit { bytes, .. } = effect else { panic!("{effect:?}") };
                    largest = largest.max(bytes.len() as f64 / text.len() as f64);
                    sent += 1;
                }
            }
        }
    }
    println!("{sent} answers, at most {largest:.2} times as long; {} withheld", desk.endpoint.counters().withheld);
    assert!(largest <= AMPLIFICATION_MAX as f64);
    assert!(sent > 50 && desk.endpoint.counters().withheld > 0);
}

/// What goes back over a connection goes to who asked.
#[test]
fn over_a_connection_the_shortest_request_is_answered() {
    let flow = sip::endpoint::Flow { shard: 0, slot: 1, generation: 1 };
    let over_tcp = Source { transport: Transport::Tcp, flow: Some(flow), ..source() };
    let text = "OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/TCP a;branch=z9hG4bK1\r\nf:<sip:a>;tag=a\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 OPTIONS\r\n\r\n";
    assert_eq!(Desk::new().hear_from(over_tcp, text).words(), ["send 200"]);
}
