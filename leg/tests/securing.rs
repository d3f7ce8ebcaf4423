//! Keys for secure sound in the messages of a leg: what goes out, what is agreed, and what is not taken (RFC 4568, RFC 8643).
//!
//! Lines by themselves are told in `src/sdp`, choices in `src/secrecy.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall stop")]

use domain::Now;
use domain::call_control::{LegOrder, Proof};
use domain::media::MediaDescription;
use domain::srtp::{KeySeed, SrtpPolicy, Suite};
use domain::{Machine, ProfileId};
use leg::{CallerLeg, Effect, Event, Identity, SoundOrder, sdp};
use sip::Message;
use sip::endpoint::{Endpoint, Owner, ServerTransactionId, Source, Transport};
use std::sync::Arc;

const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const TAG: &str = "0123456789abcdef";
const OTHER_KEY: &str = "inline:AVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn described(transport: &str, crypto: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 12000 {transport} 0\r\n{crypto}"
    )
}

fn request(method: &str, cseq: u32, to_tag: &str, body: &str) -> Message {
    let text = format!(
        "{method} sip:+12025550123@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{cseq}\r\n\
         From: <sip:9905@203.0.113.1>;tag=a\r\nTo: <sip:+12025550123@203.0.113.1>{to_tag}\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:9905@192.0.2.10:5060>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::parse(text.into()).unwrap()
}

fn source() -> Source {
    Source {
        transport: Transport::Udp,
        peer: "192.0.2.10:5060".parse().unwrap(),
        local: "203.0.113.1:5060".parse().unwrap(),
        flow: None,
    }
}

/// A phone, our leg towards it, and the endpoint between them.
struct Phone {
    endpoint: Endpoint,
    leg: CallerLeg,
    invite: ServerTransactionId,
}

fn calls(policy: SrtpPolicy, offer: &str) -> Phone {
    let identity = Identity {
        host: "sip.example.net".into(),
        user_agent: "Tandem".into(),
        contact: "203.0.113.1:5060".parse().unwrap(),
        transport: sip::endpoint::Transport::Udp,
        is_sips: false,
        timers: leg::SessionTimers::default(),
    };
    let mut endpoint = Endpoint::new(Default::default(), domain::Entropy::from_seed([1; 16]));
    let message = request("INVITE", 1, "", offer);
    let mut news = Vec::new();
    let arrived = sip::endpoint::Event::MessageReceived { message: message.clone(), source: source() };
    endpoint.handle(arrived, Now::default(), &mut news);
    let Some(sip::endpoint::Effect::RequestArrived { pending }) = news.pop() else { panic!("no request: {news:?}") };
    let invite = endpoint.accept(&pending, Owner(1), Now::default(), &mut news).unwrap();
    let proof = Proof::Credentials(ProfileId::from_bits(1));
    let mut effects = Vec::new();
    let (mut leg, _) =
        CallerLeg::invited(message, invite, source(), proof, TAG, Arc::new(identity), &mut effects).unwrap();
    for effect in effects {
        if let Effect::BindDialog { call_id, local_tag } = effect {
            endpoint.bind_dialog(&call_id, &local_tag, Owner(1)).unwrap();
        }
    }
    leg.secure(policy, KeySeed([3; 16]));
    leg.sound_opened("203.0.113.1:20000".parse().unwrap());
    Phone { endpoint, leg, invite }
}

impl Phone {
    /// The description in the answer to what the leg is told, and the sound that it orders.
    fn hears(&mut self, event: Event) -> (MediaDescription, Option<SoundOrder>) {
        let (mut effects, mut sent, mut sound) = (Vec::new(), Vec::new(), None);
        self.leg.handle(event, Now::default(), &mut effects);
        for effect in effects {
            match effect {
                Effect::Respond { transaction, reply } => {
                    self.endpoint.respond(transaction, reply, Now::default(), &mut sent).unwrap();
                }
                Effect::Sound(order) => sound = Some(order),
                other => panic!("{other:?}"),
            }
        }
        let Some(sip::endpoint::Effect::Transmit { bytes, .. }) = sent.pop() else { panic!("nothing was answered") };
        let answer = Message::parse(bytes).unwrap();
        assert_eq!(answer.status(), Some(200));
        (sdp::read(answer.body()).unwrap(), sound)
    }

    fn is_answered(&mut self) -> MediaDescription {
        let media = sdp::read(described("RTP/AVP", "").as_bytes()).unwrap();
        self.hears(Event::Ordered(LegOrder::Answer { media })).0
    }

    fn asks(&mut self, message: Message) -> (MediaDescription, Option<SoundOrder>) {
        let mut news = Vec::new();
        let arrived = sip::endpoint::Event::MessageReceived { message, source: source() };
        self.endpoint.handle(arrived, Now::default(), &mut news);
        let news = news.into_iter().find_map(|effect| match effect {
            sip::endpoint::Effect::DialogRequestArrived { transaction, message, source, .. } => {
                Some(Event::RequestArrived { transaction, message, source })
            }
            _ => None,
        });
        self.hears(news.expect("a request inside the dialog"))
    }
}

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
