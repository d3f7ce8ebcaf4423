//! Keys for secure sound in the messages of a leg: what goes out, what is agreed, and what is not taken (RFC 4568, RFC 8643).
//!
//! Lines by themselves are told in `src/sdp`, choices in `src/secrecy.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall stop")]

mod phone;

use domain::Machine;
use domain::Now;
use domain::call_control::{LegEvent, LegOrder, SessionWord};
use domain::fax::FaxPolicy;
use domain::media::Direction;
use domain::srtp::{SrtpPolicy, Suite};
use leg::{Event, sdp};
use phone::{KEY, OTHER_KEY, Phone, TAG, calls, described, keyed, request};

/// Field lesson 38: the profile line of the answer is that of the offer, and the line that is taken keeps its number.
#[test]
fn a_phone_that_offers_keys_is_answered_with_ours_on_its_own_profile_line() {
    for transport in ["RTP/SAVP", "RTP/AVP", "RTP/SAVPF"] {
        let crypto = format!(
            "a=crypto:4 AES_256_CM_HMAC_SHA1_80 {KEY}\r\na=crypto:7 AES_CM_128_HMAC_SHA1_80 {KEY}|2^31|1:1\r\n"
        );
        let mut phone = calls(SrtpPolicy::Preferred, &described(transport, &crypto));
        let keying = phone.leg.sound().unwrap().keying.unwrap();
        let answer = phone.is_answered();
        let stream = &answer.streams[0];
        assert_eq!((stream.transport.as_str(), stream.crypto.len(), stream.crypto[0].tag), (transport, 1, 7));
        assert_eq!(stream.crypto[0].key, keying.spoken_with);
        assert_eq!(
            (keying.heard_with.suite(), keying.heard_with.mki().map(|mki| mki.size)),
            (Suite::AesCm128HmacSha1_80, Some(1))
        );
    }
}

#[test]
fn without_srtp_no_keys_are_answered_and_plain_sound_is_ordered() {
    let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    for (policy, offer) in
        [(SrtpPolicy::Off, described("RTP/AVP", &crypto)), (SrtpPolicy::Preferred, described("RTP/AVP", ""))]
    {
        let mut phone = calls(policy, &offer);
        assert_eq!(phone.leg.sound().unwrap().keying, None);
        let answer = phone.is_answered();
        assert_eq!((answer.streams[0].transport.as_str(), answer.streams[0].crypto.len()), ("RTP/AVP", 0));
    }
    let phone = calls(SrtpPolicy::Required, &described("RTP/AVP", ""));
    assert_eq!(phone.leg.sound(), None, "nothing plain is ever ordered where SRTP is required");
}

#[test]
fn a_reinvite_with_a_new_key_is_taken_over_and_ours_stays() {
    let offer = |key| described("RTP/SAVP", &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {key}\r\n"));
    let mut phone = calls(SrtpPolicy::Required, &offer(KEY));
    let before = phone.leg.sound().unwrap().keying.unwrap();
    phone.is_answered();
    let message = request("ACK", 1, &format!(";tag={TAG}"), "");
    phone.leg.handle(Event::AckArrived { transaction: phone.invite, message }, Now::default(), &mut Vec::new());
    let again = request("INVITE", 2, &format!(";tag={TAG}"), &offer(OTHER_KEY));
    let (answer, sound) = phone.asks(again);
    let after = sound.unwrap().keying.unwrap();
    assert_eq!(after.spoken_with, before.spoken_with);
    assert_ne!(after.heard_with, before.heard_with);
    assert_eq!(answer.streams[0].crypto[0].key, before.spoken_with);
}

/// Hold and resume leave both keys as they are: the same key never begins anew (RFC 3711 9.1).
#[test]
fn a_secure_phone_holds_and_resumes_under_the_same_keys() {
    let mut phone = Phone::talks(SrtpPolicy::Required, &keyed(KEY, ""));
    let ours = phone.leg_key();
    for (cseq, flow, answered) in [(3, "sendonly", Direction::RecvOnly), (4, "sendrecv", Direction::SendRecv)] {
        let (transaction, came) = phone.reinvites(cseq, &keyed(KEY, &format!("a={flow}\r\n")));
        let stream = sdp::read(came.answer.unwrap().body()).unwrap().streams.remove(0);
        assert_eq!((stream.direction, stream.crypto[0].key), (answered, ours), "{flow}");
        assert_eq!(came.sound.unwrap().keying.unwrap().spoken_with, ours, "{flow}");
        phone.acknowledges(transaction, "");
    }
}

/// RFC 3261 14.2, RFC 4568 5.1.
#[test]
fn a_reinvite_that_leaves_the_offer_to_us_is_offered_our_key_and_its_ack_brings_theirs() {
    let mut phone = Phone::talks(SrtpPolicy::Required, &keyed(KEY, ""));
    let ours = phone.leg_key();
    let (transaction, came) = phone.reinvites(3, "");
    let offer = sdp::read(came.answer.unwrap().body()).unwrap().streams.remove(0);
    assert_eq!((offer.transport.as_str(), offer.crypto.len(), offer.crypto[0].key), ("RTP/SAVP", 1, ours));
    let keying = phone.acknowledges(transaction, &keyed(OTHER_KEY, "")).sound.unwrap().keying.unwrap();
    assert_eq!(keying.spoken_with, ours);
    let read = |text: &str| sdp::read(text.as_bytes()).unwrap().streams[0].crypto[0].key;
    assert_eq!(keying.heard_with, read(&keyed(OTHER_KEY, "")));
}

#[test]
fn other_codecs_with_another_key_wait_for_the_other_side_and_are_answered_under_ours() {
    let mut phone = Phone::talks(SrtpPolicy::Required, &keyed(KEY, ""));
    let ours = phone.leg_key();
    let other = |key: &str| keyed(key, "").replace("SAVP 0", "SAVP 8");
    let (_, came) = phone.reinvites(3, &other(OTHER_KEY));
    assert!(came.answer.is_none() && came.sound.is_none(), "nothing changes before the other side has said so");
    assert!(matches!(&came.told[..], [LegEvent::Session(SessionWord::Offered(_))]), "{:?}", came.told);
    let taken = sdp::read(described("RTP/AVP", "").replace("AVP 0", "AVP 8").as_bytes()).unwrap();
    let came = phone.comes_of(Event::Ordered(LegOrder::Session(SessionWord::Accepted(taken))));
    let answer = sdp::read(came.answer.unwrap().body()).unwrap().streams.remove(0);
    assert_eq!((answer.formats[0].payload_type, answer.crypto[0].key), (8, ours));
    assert_eq!(came.sound.unwrap().keying.unwrap().spoken_with, ours);
}

/// UDPTL has no keys of SDES: what must be secret is not sent as fax, and what a trunk has switched off is not either.
#[test]
fn a_trunk_without_fax_and_one_that_must_be_secure_refuse_t_38_with_a_sentence() {
    let fax = described("RTP/AVP", "a=T38FaxVersion:0\r\n").replace("audio 12000 RTP/AVP 0", "image 12000 udptl t38");
    for (policy, offer, t38, words) in [
        (SrtpPolicy::Required, keyed(KEY, ""), FaxPolicy::Relay, "cannot be secured"),
        (SrtpPolicy::Off, described("RTP/AVP", ""), FaxPolicy::Refuse, "switched off"),
    ] {
        let mut phone = calls(policy, &offer);
        phone.leg.permit_fax(t38);
        phone.is_answered();
        phone.acknowledges(phone.invite, "");
        let (_, came) = phone.reinvites(2, &fax);
        let answer = came.answer.unwrap();
        assert_eq!(answer.status(), Some(488), "{words}");
        assert!(String::from_utf8_lossy(answer.header(sip::Name::Warning).unwrap()).contains(words), "{words}");
        assert!(came.told.is_empty(), "the other side hears nothing of it");
    }
    let mut phone = Phone::talks(SrtpPolicy::Preferred, &keyed(KEY, ""));
    let (_, came) = phone.reinvites(2, &fax);
    assert!(matches!(&came.told[..], [LegEvent::Session(SessionWord::Offered(_))]), "{:?}", came.told);
}

/// After a fax in the clear the sound is as secure as before, under the same key of ours.
#[test]
fn sound_that_was_secure_is_secure_again_after_a_fax() {
    let mut phone = Phone::talks(SrtpPolicy::Preferred, &keyed(KEY, ""));
    let ours = phone.leg_key();
    let fax = described("RTP/AVP", "a=T38FaxVersion:0\r\n").replace("audio 12000 RTP/AVP 0", "image 12000 udptl t38");
    let sound = sdp::read(described("RTP/AVP", "").as_bytes()).unwrap();
    for (cseq, offer, taken) in [(3, fax.clone(), sdp::read(fax.as_bytes()).unwrap()), (4, keyed(OTHER_KEY, ""), sound)]
    {
        let (transaction, came) = phone.reinvites(cseq, &offer);
        assert!(came.answer.is_none());
        let came = phone.comes_of(Event::Ordered(LegOrder::Session(SessionWord::Accepted(taken))));
        let keying = came.sound.unwrap().keying;
        assert_eq!(keying.map(|keying| keying.spoken_with), (cseq == 4).then_some(ours));
        phone.acknowledges(transaction, "");
    }
}
