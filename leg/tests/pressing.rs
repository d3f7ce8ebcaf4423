//! Keys that the other side presses in its sound, for a phone that hears them by INFO (RFC 4733, RFC 6086).
//!
//! How they are found in the sound is `media`'s to tell.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on shall stop")]

mod phone;

use bytes::Bytes;
use domain::call_control::{LegOrder, SessionWord};
use domain::dtmf::DtmfPolicy;
use domain::media::{KeyPress, MediaDescription};
use domain::srtp::SrtpPolicy;
use domain::{Machine, Now};
use leg::{Effect, Event, Sent, sdp};
use phone::{Phone, TAG, calls_saying, described, request, source};
use sip::Message;
use sip::endpoint::{ClientTransactionId, Destination, Owner};

const ALLOW: &str = "Allow: INVITE, ACK, BYE, INFO\r\n";
const KEYS: &str = "a=rtpmap:101 telephone-event/8000\r\n";

/// A phone with keys in its sound, or without.
fn offer(has_keys: bool) -> String {
    match has_keys {
        true => described("RTP/AVP", KEYS).replace("RTP/AVP 0", "RTP/AVP 0 101"),
        false => described("RTP/AVP", ""),
    }
}

fn caller(policy: DtmfPolicy, allow: &str, has_keys: bool) -> Phone {
    let mut phone = calls_saying(SrtpPolicy::Off, &offer(has_keys), allow);
    phone.leg.hear_keys_by(policy);
    phone
}

fn talks(policy: DtmfPolicy, allow: &str, has_keys: bool) -> Phone {
    let mut phone = caller(policy, allow, has_keys);
    phone.is_answered();
    let message = request("ACK", 1, &format!(";tag={TAG}"), "");
    phone.leg.handle(Event::AckArrived { transaction: phone.invite, message }, Now::default(), &mut Vec::new());
    phone
}

/// What leaves: the keys that are told by INFO, and those that are put into the sound.
fn leaves(phone: &mut Phone, event: Event) -> (Vec<Bytes>, Vec<KeyPress>) {
    let mut effects = Vec::new();
    phone.leg.handle(event, Now::default(), &mut effects);
    let (mut told, mut pressed) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            Effect::Request { sent: Sent::Keys, request, .. } => told.push(request),
            Effect::Press(key) => pressed.push(key),
            other => panic!("{other:?}"),
        }
    }
    (told, pressed)
}

fn key(event: u8) -> KeyPress {
    KeyPress { event, duration_ms: 100 }
}

fn body(request: &Bytes) -> String {
    String::from_utf8(Message::parse(request.clone()).unwrap().body().to_vec()).unwrap()
}

/// The INFO is on its way: by which transaction.
fn goes(phone: &mut Phone, request: &Bytes) -> ClientTransactionId {
    let destination = Destination::back_to(&source());
    let id = phone.endpoint.request(Owner(1), request, destination, Now::default(), &mut Vec::new()).unwrap();
    assert_eq!(leaves(phone, Event::RequestSent(Sent::Keys, id)), (vec![], vec![]));
    id
}

#[test]
fn keys_go_by_info_to_who_takes_it_and_hears_none_in_its_sound_or_whose_trunk_says_so() {
    use DtmfPolicy::{Auto, Info, Rfc4733};
    for (policy, allow, has_keys, is_told) in [
        (Auto, ALLOW, false, true),
        (Auto, ALLOW, true, false),
        (Auto, "", false, false),
        (Info, ALLOW, true, true),
        (Info, "", true, false),
        (Rfc4733, ALLOW, false, false),
    ] {
        let mut phone = talks(policy, allow, has_keys);
        assert_eq!(phone.leg.sound().map(|order| order.keys_by_info), None, "the offer is the session's by now");
        let (told, _) = leaves(&mut phone, Event::KeyHeard(key(11)));
        assert_eq!(told.len(), usize::from(is_told), "{policy} {allow} {has_keys}");
        if let Some(request) = told.first() {
            let info = Message::parse(request.clone()).unwrap();
            assert!(info.is_content("application/dtmf-relay"));
            assert_eq!(body(request), "Signal=#\r\nDuration=100\r\n");
        }
        let order = caller(policy, allow, has_keys).leg.sound().unwrap();
        assert_eq!(order.keys_by_info, is_told, "the relay is told: {policy} {allow} {has_keys}");
    }
}

/// Two requests under way at once may overtake each other, and 12 would be 21.
#[test]
fn one_key_goes_after_the_other_and_of_a_flood_no_more_than_wait() {
    let mut phone = talks(DtmfPolicy::Auto, ALLOW, false);
    let (first, _) = leaves(&mut phone, Event::KeyHeard(key(0)));
    let mut transaction = goes(&mut phone, &first[0]);
    for number in 0..100 {
        assert_eq!(leaves(&mut phone, Event::KeyHeard(key(1 + number % 9))), (vec![], vec![]), "one is under way");
    }
    let mut told = Vec::new();
    loop {
        let answer = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=a\r\n\
                      To: <sip:a@b>;tag=b\r\nCall-ID: c\r\nCSeq: 2 INFO\r\nContent-Length: 0\r\n\r\n";
        let message = Message::parse(Bytes::from(answer)).unwrap();
        let (next, _) = leaves(&mut phone, Event::ResponseArrived { transaction, message, source: source() });
        let Some(request) = next.first() else { break };
        told.push(body(request));
        transaction = goes(&mut phone, request);
    }
    assert_eq!(told.len(), 32);
    assert!(told[0].starts_with("Signal=1") && told[1].starts_with("Signal=2"), "in order: {told:?}");
}

fn formats(media: &MediaDescription) -> Vec<u8> {
    media.streams[0].formats.iter().map(|format| format.payload_type).collect()
}

/// The called side presses keys in its sound, because it was offered them; the caller, who has none, is not answered with any.
#[test]
fn a_caller_that_hears_keys_by_info_is_presented_with_keys_and_answered_without() {
    let phone = caller(DtmfPolicy::Auto, ALLOW, false);
    let offered = phone.leg.presented(sdp::read(offer(false).as_bytes()).unwrap());
    assert_eq!(formats(&offered), [0, 101]);
    let mut phone = caller(DtmfPolicy::Auto, ALLOW, false);
    let media = sdp::read(offer(true).as_bytes()).unwrap();
    let (answer, _) = phone.hears(Event::Ordered(LegOrder::Answer { media }));
    assert_eq!(formats(&answer), [0]);
    let without = caller(DtmfPolicy::Rfc4733, ALLOW, false).leg.presented(sdp::read(offer(false).as_bytes()).unwrap());
    assert_eq!(formats(&without), [0]);
}

/// Keys of the other side that come by INFO.
#[test]
fn a_key_by_info_goes_on_as_this_side_hears_keys() {
    use DtmfPolicy::{Auto, Info, Rfc4733};
    for (policy, has_keys, expected) in [
        (Auto, true, (0, 1)),
        (Auto, false, (1, 0)),
        (Info, true, (1, 0)),
        (Rfc4733, true, (0, 1)),
        (Rfc4733, false, (0, 0)),
    ] {
        let mut phone = caller(policy, ALLOW, has_keys);
        let media = sdp::read(offer(true).as_bytes()).unwrap();
        phone.hears(Event::Ordered(LegOrder::Answer { media }));
        let message = request("ACK", 1, &format!(";tag={TAG}"), "");
        phone.leg.handle(Event::AckArrived { transaction: phone.invite, message }, Now::default(), &mut Vec::new());
        let word = SessionWord::Keys {
            content_type: "application/dtmf-relay".to_owned(),
            body: b"Signal=5\r\nDuration=160\r\n".to_vec(),
        };
        let (told, pressed) = leaves(&mut phone, Event::Ordered(LegOrder::Session(word)));
        assert_eq!((told.len(), pressed.len()), expected, "{policy} {has_keys}");
    }
}
