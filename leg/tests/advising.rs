//! Advice of charge towards a PBX that pays: AOC-S and AOC-D in INFO, AOC-E in our BYE or in the answer to its own (3GPP TS 24.647).
//!
//! When a sum is worth saying is the call's to decide.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on shall stop")]

mod phone;

use bytes::Bytes;
use domain::advice::{Advice, AdviceOfCharge, Quote};
use domain::call_control::LegOrder;
use domain::srtp::SrtpPolicy;
use domain::{Currency, Machine, Micros, Monotonic, Now, ReleaseCause, Wall};
use leg::{Effect, Event, Sent};
use phone::{Phone, TAG, calls, described, request, source};
use sip::Message;
use sip::endpoint::{ClientTransactionId, Destination, Owner, TransactionId};

fn now(millis: u64) -> Now {
    Now { monotonic: Monotonic::from_micros(millis * 1_000), wall: Wall::default() }
}

fn talks(policy: AdviceOfCharge) -> Phone {
    let mut phone = calls(SrtpPolicy::Off, &described("RTP/AVP", ""));
    phone.leg.take_advice(policy);
    phone.is_answered();
    phone.acknowledges(phone.invite, "");
    phone
}

fn sum(cents: i64, is_final: bool) -> Event {
    let advice = Advice { total: Micros::from_cents(cents), currency: Currency::USD, is_final };
    Event::Ordered(LegOrder::Advise(advice))
}

/// Requests that leave, and responses.
fn leaves(effects: Vec<Effect>) -> (Vec<(Sent, Message)>, Vec<Option<String>>) {
    let (mut requests, mut answers) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            Effect::Request { sent, request, .. } => requests.push((sent, Message::parse(request).unwrap())),
            Effect::Respond { reply, .. } => {
                assert_eq!(reply.status(), 200);
                let text = format!("{reply:?}");
                answers.push(text.contains("aoc-e").then_some(text));
            }
            Effect::Tell(_) | Effect::UnbindDialog { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    (requests, answers)
}

fn at(phone: &mut Phone, millis: u64, event: Event) -> Vec<(Sent, Message)> {
    let mut effects = Vec::new();
    phone.leg.handle(event, now(millis), &mut effects);
    leaves(effects).0
}

fn due(phone: &mut Phone, millis: u64) -> Vec<(Sent, Message)> {
    let mut effects = Vec::new();
    phone.leg.expire(now(millis), &mut effects);
    leaves(effects).0
}

fn body(message: &Message) -> String {
    String::from_utf8(message.body().to_vec()).unwrap()
}

/// The request is on its way: by which transaction.
fn goes(phone: &mut Phone, sent: Sent, request: &Message) -> ClientTransactionId {
    let destination = Destination::back_to(&source());
    let bytes = Bytes::copy_from_slice(request.as_bytes());
    let id = phone.endpoint.request(Owner(1), &bytes, destination, Now::default(), &mut Vec::new()).unwrap();
    assert!(at(phone, 0, Event::RequestSent(sent, id)).is_empty());
    id
}

fn answered(transaction: ClientTransactionId, status: u16) -> Event {
    let answer = format!(
        "SIP/2.0 {status} Word\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=a\r\n\
         To: <sip:a@b>;tag=b\r\nCall-ID: c\r\nCSeq: 2 INFO\r\nContent-Length: 0\r\n\r\n"
    );
    let message = Message::parse(Bytes::from(answer)).unwrap();
    Event::ResponseArrived { transaction, message, source: source() }
}

#[test]
fn a_sum_goes_by_info_one_at_a_time_at_most_once_a_second_and_the_newest_counts() {
    let mut phone = talks(AdviceOfCharge::During);
    let sent = at(&mut phone, 0, sum(1, false));
    let [(Sent::Advice, info)] = &sent[..] else { panic!("{sent:?}") };
    assert!(info.is_content("application/vnd.etsi.aoc+xml"));
    assert!(body(info).contains("<aoc-d><charging-info>subtotal</charging-info>"), "{}", body(info));
    assert!(body(info).contains("<currency-amount>0.01</currency-amount>"), "{}", body(info));
    let transaction = goes(&mut phone, Sent::Advice, info);
    assert!(at(&mut phone, 1_500, sum(2, false)).is_empty(), "one is under way");
    let next = at(&mut phone, 1_600, answered(transaction, 200));
    assert!(body(&next[0].1).contains("0.02"), "it was answered, and the second is over");
    let transaction = goes(&mut phone, Sent::Advice, &next[0].1);
    assert!(at(&mut phone, 1_700, answered(transaction, 200)).is_empty());
    assert!(at(&mut phone, 1_800, sum(3, false)).is_empty() && at(&mut phone, 1_900, sum(4, false)).is_empty());
    assert!(due(&mut phone, 2_599).is_empty());
    let later = due(&mut phone, 2_600);
    assert!(body(&later[0].1).contains("0.04"), "of what was said in between the newest");
}

#[test]
fn who_refuses_an_info_gets_no_more_of_them_and_keeps_its_call_and_its_bill() {
    for status in [405, 415, 501, 481, 489] {
        let mut phone = talks(AdviceOfCharge::During);
        let sent = at(&mut phone, 0, sum(1, false));
        let transaction = goes(&mut phone, Sent::Advice, &sent[0].1);
        assert!(at(&mut phone, 10, answered(transaction, status)).is_empty(), "{status}: the call goes on");
        assert!(at(&mut phone, 5_000, sum(2, false)).is_empty(), "{status}");
        let mut effects = Vec::new();
        phone.leg.handle(sum(2, true), now(6_000), &mut effects);
        phone.leg.handle(Event::Ordered(LegOrder::Release(ReleaseCause::Normal)), now(6_000), &mut effects);
        let (requests, _) = leaves(effects);
        assert!(matches!(&requests[..], [(Sent::Bye, bye)] if body(bye).contains("<aoc-e>")), "{status}");
    }
}

#[test]
fn nobody_waits_for_who_does_not_answer_and_who_was_busy_is_asked_again() {
    let mut phone = talks(AdviceOfCharge::During);
    let sent = at(&mut phone, 0, sum(1, false));
    let transaction = goes(&mut phone, Sent::Advice, &sent[0].1);
    assert!(at(&mut phone, 10, answered(transaction, 491)).is_empty());
    let again = at(&mut phone, 1_000, sum(2, false));
    let transaction = goes(&mut phone, Sent::Advice, &again[0].1);
    let failed = Event::TransactionFailed { transaction: TransactionId::Client(transaction), timed_out: true };
    assert!(at(&mut phone, 33_000, failed).is_empty(), "the call goes on");
    assert!(at(&mut phone, 34_000, sum(3, false)).is_empty(), "but it is not told again");
}

#[test]
fn our_bye_brings_the_bill() {
    let mut phone = talks(AdviceOfCharge::End);
    let mut effects = Vec::new();
    phone.leg.handle(sum(3, true), now(0), &mut effects);
    phone.leg.handle(Event::Ordered(LegOrder::Release(ReleaseCause::Normal)), now(0), &mut effects);
    let (requests, _) = leaves(effects);
    let [(Sent::Bye, bye)] = &requests[..] else { panic!("{requests:?}") };
    assert!(bye.is_content("application/vnd.etsi.aoc+xml"));
    assert!(
        body(bye).contains("<aoc-e><recorded-charges><recorded-currency-units><currency-id>USD</currency-id>"),
        "{}",
        body(bye)
    );
}

#[test]
fn the_answer_to_its_own_bye_waits_for_the_bill_and_not_for_long() {
    let bye = || request("BYE", 2, &format!(";tag={TAG}"), "");
    let mut phone = talks(AdviceOfCharge::End);
    let mut effects = Vec::new();
    let event = phone.arrives(bye()).1;
    phone.leg.handle(event, now(0), &mut effects);
    let (_, answers) = leaves(std::mem::take(&mut effects));
    assert!(answers.is_empty() && !phone.leg.is_finished(), "the call has yet to say what it cost");
    phone.leg.handle(sum(3, true), now(0), &mut effects);
    let (_, answers) = leaves(effects);
    assert!(matches!(&answers[..], [Some(_)]) && phone.leg.is_finished(), "{answers:?}");

    let mut phone = talks(AdviceOfCharge::End);
    let event = phone.arrives(bye()).1;
    phone.leg.handle(event, now(0), &mut Vec::new());
    let mut effects = Vec::new();
    assert_eq!(phone.leg.deadline(), Some(Monotonic::from_micros(200_000)));
    phone.leg.expire(now(200), &mut effects);
    assert_eq!(leaves(effects).1, [None], "it is answered all the same");

    let mut phone = talks(AdviceOfCharge::Off);
    let event = phone.arrives(bye()).1;
    let mut effects = Vec::new();
    phone.leg.handle(event, now(0), &mut effects);
    assert_eq!(leaves(effects).1, [None], "who wants no advice waits for nothing");
}

#[test]
fn nothing_is_said_before_the_ack() {
    let mut phone = calls(SrtpPolicy::Off, &described("RTP/AVP", ""));
    phone.leg.take_advice(AdviceOfCharge::During);
    phone.is_answered();
    assert!(at(&mut phone, 0, sum(1, false)).is_empty());
    let message = request("ACK", 1, &format!(";tag={TAG}"), "");
    let transaction = phone.invite;
    let sent = at(&mut phone, 10, Event::AckArrived { transaction, message });
    assert!(matches!(&sent[..], [(Sent::Advice, info)] if body(info).contains("0.01")), "{sent:?}");
}

#[test]
fn the_terms_go_first_with_the_sum_that_is_known_by_then() {
    let quote = || Event::Ordered(LegOrder::Quote(Quote::Free));
    let mut phone = calls(SrtpPolicy::Off, &described("RTP/AVP", ""));
    phone.leg.take_advice(AdviceOfCharge::Throughout);
    phone.is_answered();
    assert!(
        at(&mut phone, 0, quote()).is_empty() && at(&mut phone, 1, sum(1, false)).is_empty(),
        "no request before the ACK"
    );
    let message = request("ACK", 1, &format!(";tag={TAG}"), "");
    let transaction = phone.invite;
    let sent = at(&mut phone, 10, Event::AckArrived { transaction, message });
    let [(Sent::Advice, info)] = &sent[..] else { panic!("{sent:?}") };
    assert!(body(info).contains("<aoc-s>") && body(info).contains("<aoc-d>"), "{}", body(info));

    let mut phone = talks(AdviceOfCharge::Throughout);
    let sent = at(&mut phone, 0, quote());
    assert!(body(&sent[0].1).contains("<aoc-s>") && !body(&sent[0].1).contains("<aoc-d>"), "{}", body(&sent[0].1));
    let transaction = goes(&mut phone, Sent::Advice, &sent[0].1);
    assert!(at(&mut phone, 100, answered(transaction, 200)).is_empty());
    assert!(at(&mut phone, 200, sum(1, false)).is_empty(), "at most one a second");
    let later = due(&mut phone, 1_000);
    assert!(!body(&later[0].1).contains("<aoc-s>") && body(&later[0].1).contains("<aoc-d>"), "terms are told once");
}
