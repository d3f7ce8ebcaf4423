//! What a caller may offer before it is answered: once its first offer was answered reliably (RFC 3262 5, RFC 3311 5.2).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall stop")]

mod phone;

use domain::call_control::LegOrder;
use domain::srtp::SrtpPolicy;
use leg::{Event, sdp};
use phone::{Came, KEY, Phone, TAG, calls_saying, described, keyed, request_saying};
use sip::{Message, Name};

const RELIABLY: &str = "Require: 100rel\r\n";

fn rings(phone: &mut Phone, status: u16, answer: &str) -> Message {
    let media = Some(sdp::read(answer.as_bytes()).unwrap()).filter(|_| !answer.is_empty());
    phone.comes_of(Event::Ordered(LegOrder::Ring { status, media })).answer.unwrap()
}

/// A call whose 183 described the session, not acknowledged yet.
fn ringing(lines: &str, offer: &str) -> (Phone, Message) {
    let mut phone = calls_saying(SrtpPolicy::Preferred, offer, lines);
    let rang = rings(&mut phone, 183, &described("RTP/AVP", ""));
    (phone, rang)
}

fn prack(phone: &mut Phone, cseq: u32, rang: &Message, body: &str) -> Came {
    let rack = format!("RAck: {} 1 INVITE\r\n", rang.rseq().unwrap().unwrap());
    phone.asks_saying(request_saying("PRACK", cseq, &format!(";tag={TAG}"), &rack, body))
}

fn update(phone: &mut Phone, cseq: u32, body: &str) -> Came {
    phone.asks_saying(request_saying("UPDATE", cseq, &format!(";tag={TAG}"), "", body))
}

fn moved(body: &str) -> String {
    body.replace("audio 12000", "audio 14000")
}

#[test]
fn an_update_that_offers_is_answered_once_the_183_was_acknowledged_and_500_before() {
    let offer = described("RTP/AVP", "");
    let (mut phone, rang) = ringing(RELIABLY, &offer);
    let early = update(&mut phone, 2, &moved(&offer)).answer.unwrap();
    assert_eq!(early.status(), Some(500), "the first offer is not answered yet");
    assert!(early.header(Name::RetryAfter).is_some());
    assert_eq!(prack(&mut phone, 3, &rang, "").answer.unwrap().status(), Some(200));
    let came = update(&mut phone, 4, &moved(&offer));
    let answer = came.answer.unwrap();
    assert_eq!(answer.status(), Some(200));
    assert_eq!(sdp::read(answer.body()).unwrap().streams[0].formats[0].payload_type, 0);
    assert_eq!(came.sound.unwrap().rtp.port(), 14_000, "sound goes where the caller is now");
    assert_eq!(update(&mut phone, 5, "").answer.unwrap().status(), Some(200), "a refresh");
}

/// RFC 6337 3.1.1: what was answered reliably is not answered again, and the session goes on from the UPDATE.
#[test]
fn the_200_of_a_call_that_was_answered_reliably_brings_no_description() {
    let offer = described("RTP/AVP", "");
    let (mut phone, rang) = ringing(RELIABLY, &offer);
    prack(&mut phone, 2, &rang, "");
    update(&mut phone, 3, &moved(&offer));
    let media = sdp::read(described("RTP/AVP", "").as_bytes()).unwrap();
    let came = phone.comes_of(Event::Ordered(LegOrder::Answer { media }));
    let answer = came.answer.unwrap();
    assert_eq!((answer.status(), answer.body()), (Some(200), &b""[..]));
    assert!(came.sound.is_none(), "nothing changed since the UPDATE");
    phone.acknowledges(phone.invite, "");
    let (_, came) = phone.reinvites(4, &moved(&offer).replace("RTP/AVP 0\r\n", "RTP/AVP 0\r\na=sendonly\r\n"));
    assert_eq!(came.answer.unwrap().status(), Some(200));
}

#[test]
fn a_183_that_nobody_had_to_hear_answers_nothing() {
    let offer = described("RTP/AVP", "");
    let (mut phone, _) = ringing("", &offer);
    assert_eq!(update(&mut phone, 2, &moved(&offer)).answer.unwrap().status(), Some(500));
    let media = sdp::read(described("RTP/AVP", "").as_bytes()).unwrap();
    let answer = phone.comes_of(Event::Ordered(LegOrder::Answer { media })).answer.unwrap();
    assert!(!answer.body().is_empty(), "so the 200 does");
}

/// RFC 3262 5.
#[test]
fn a_prack_may_offer_and_is_answered_by_its_200() {
    let offer = keyed(KEY, "");
    let (mut phone, rang) = ringing(RELIABLY, &offer);
    let came = prack(&mut phone, 2, &rang, &moved(&offer));
    let answer = came.answer.unwrap();
    assert_eq!(answer.status(), Some(200));
    assert_eq!(sdp::read(answer.body()).unwrap().streams[0].crypto.len(), 1);
    assert_eq!(came.sound.unwrap().rtp.port(), 14_000);
}

#[test]
fn codecs_that_the_called_side_would_have_to_agree_to_are_refused_until_it_answers() {
    let offer = described("RTP/AVP", "");
    let (mut phone, rang) = ringing(RELIABLY, &offer);
    prack(&mut phone, 2, &rang, "");
    let answer = update(&mut phone, 3, &offer.replace("RTP/AVP 0", "RTP/AVP 8")).answer.unwrap();
    assert_eq!(answer.status(), Some(488));
    assert!(answer.header(Name::Warning).is_some());
    assert_eq!(update(&mut phone, 4, &moved(&offer)).answer.unwrap().status(), Some(200), "the session is as it was");
}
