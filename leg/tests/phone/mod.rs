//! A phone, our leg towards it, and the endpoint between them: what comes of each event.
//!
//! No test is here.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test takes what it needs, and stops where it cannot go on"
)]

use domain::Now;
use domain::call_control::{LegEvent, LegOrder, Proof};
use domain::fax::FaxPolicy;
use domain::media::MediaDescription;
use domain::srtp::{KeySeed, SrtpPolicy};
use domain::trace::Step;
use domain::{Machine, ProfileId};
use leg::{CallerLeg, Effect, Event, Identity, SoundOrder, sdp};
use sip::Message;
use sip::endpoint::{Endpoint, Owner, ServerTransactionId, Source, Transport};
use std::sync::Arc;

pub(crate) const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
pub(crate) const TAG: &str = "0123456789abcdef";
pub(crate) const OTHER_KEY: &str = "inline:AVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

pub(crate) fn described(transport: &str, crypto: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 12000 {transport} 0\r\n{crypto}"
    )
}

pub(crate) fn request(method: &str, cseq: u32, to_tag: &str, body: &str) -> Message {
    request_saying(method, cseq, to_tag, "", body)
}

/// The same with further header lines.
pub(crate) fn request_saying(method: &str, cseq: u32, to_tag: &str, lines: &str, body: &str) -> Message {
    let text = format!(
        "{method} sip:+12025550123@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{cseq}\r\n\
         From: <sip:9905@203.0.113.1>;tag=a\r\nTo: <sip:+12025550123@203.0.113.1>{to_tag}\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:9905@192.0.2.10:5060>\r\nMax-Forwards: 70\r\n{lines}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::parse(text.into()).unwrap()
}

pub(crate) fn source() -> Source {
    Source {
        transport: Transport::Udp,
        peer: "192.0.2.10:5060".parse().unwrap(),
        local: "203.0.113.1:5060".parse().unwrap(),
        flow: None,
    }
}

/// A phone, our leg towards it, and the endpoint between them.
pub(crate) struct Phone {
    pub(crate) endpoint: Endpoint,
    pub(crate) leg: CallerLeg,
    pub(crate) invite: ServerTransactionId,
}

pub(crate) fn calls(policy: SrtpPolicy, offer: &str) -> Phone {
    calls_saying(policy, offer, "")
}

/// A call whose INVITE has further header lines.
pub(crate) fn calls_saying(policy: SrtpPolicy, offer: &str, lines: &str) -> Phone {
    let identity = Identity {
        host: "sip.example.net".into(),
        user_agent: "Tandem".into(),
        contact: "203.0.113.1:5060".parse().unwrap(),
        transport: sip::endpoint::Transport::Udp,
        is_sips: false,
        timers: leg::SessionTimers::default(),
    };
    let mut endpoint = Endpoint::new(Default::default(), domain::Entropy::from_seed([1; 16]));
    let message = request_saying("INVITE", 1, "", lines, offer);
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

/// What came of an event: the answer, the sound that was ordered, what was told to the other side, what was noted.
#[derive(Default)]
pub(crate) struct Came {
    pub(crate) answer: Option<Message>,
    pub(crate) sound: Option<SoundOrder>,
    pub(crate) told: Vec<LegEvent>,
    pub(crate) noted: Vec<Step>,
}

impl Phone {
    pub(crate) fn comes_of(&mut self, event: Event) -> Came {
        let (mut effects, mut sent, mut came) = (Vec::new(), Vec::new(), Came::default());
        self.leg.handle(event, Now::default(), &mut effects);
        for effect in effects {
            match effect {
                Effect::Respond { transaction, reply } => {
                    self.endpoint.respond(transaction, reply, Now::default(), &mut sent).unwrap();
                }
                Effect::Sound(order) => came.sound = Some(order),
                Effect::Tell(event) => came.told.push(event),
                Effect::Note(step) => came.noted.push(*step),
                other => panic!("{other:?}"),
            }
        }
        if let Some(sip::endpoint::Effect::Transmit { bytes, .. }) = sent.pop() {
            came.answer = Some(Message::parse(bytes).unwrap());
        }
        came
    }

    /// The description in the answer to what the leg is told, and the sound that it orders.
    pub(crate) fn hears(&mut self, event: Event) -> (MediaDescription, Option<SoundOrder>) {
        let came = self.comes_of(event);
        let answer = came.answer.expect("an answer");
        assert_eq!(answer.status(), Some(200));
        (sdp::read(answer.body()).unwrap(), came.sound)
    }

    /// A call that is up, whose INVITE offered this.
    pub(crate) fn talks(policy: SrtpPolicy, offer: &str) -> Phone {
        let mut phone = calls(policy, offer);
        phone.leg.permit_fax(FaxPolicy::Relay);
        phone.is_answered();
        phone.acknowledges(phone.invite, "");
        phone
    }

    pub(crate) fn acknowledges(&mut self, transaction: ServerTransactionId, body: &str) -> Came {
        let message = request("ACK", 1, &format!(";tag={TAG}"), body);
        self.comes_of(Event::AckArrived { transaction, message })
    }

    pub(crate) fn is_answered(&mut self) -> MediaDescription {
        let media = sdp::read(described("RTP/AVP", "").as_bytes()).unwrap();
        self.hears(Event::Ordered(LegOrder::Answer { media })).0
    }

    pub(crate) fn asks(&mut self, message: Message) -> (MediaDescription, Option<SoundOrder>) {
        let event = self.arrives(message).1;
        self.hears(event)
    }

    /// What comes of a request inside the dialog.
    pub(crate) fn asks_saying(&mut self, message: Message) -> Came {
        let event = self.arrives(message).1;
        self.comes_of(event)
    }

    /// A re-INVITE with this description, the number `cseq`.
    pub(crate) fn reinvites(&mut self, cseq: u32, body: &str) -> (ServerTransactionId, Came) {
        let (transaction, event) = self.arrives(request("INVITE", cseq, &format!(";tag={TAG}"), body));
        (transaction, self.comes_of(event))
    }

    pub(crate) fn arrives(&mut self, message: Message) -> (ServerTransactionId, Event) {
        let mut news = Vec::new();
        let arrived = sip::endpoint::Event::MessageReceived { message, source: source() };
        self.endpoint.handle(arrived, Now::default(), &mut news);
        let news = news.into_iter().find_map(|effect| match effect {
            sip::endpoint::Effect::DialogRequestArrived { transaction, message, source, .. } => {
                Some((transaction, Event::RequestArrived { transaction, message, source }))
            }
            _ => None,
        });
        news.expect("a request inside the dialog")
    }
}

pub(crate) fn keyed(key: &str, more: &str) -> String {
    described("RTP/SAVP", &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {key}\r\n{more}"))
}

impl Phone {
    /// Our key as the call has it, asked by a refresh.
    pub(crate) fn leg_key(&mut self) -> domain::srtp::MasterKey {
        let (transaction, came) = self.reinvites(2, &keyed(KEY, ""));
        self.acknowledges(transaction, "");
        sdp::read(came.answer.unwrap().body()).unwrap().streams[0].crypto[0].key
    }
}
