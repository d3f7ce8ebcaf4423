//! A carrier that asks who we are: its challenges are answered once for each request, and unasked from then on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use bytes::Bytes;
use domain::call_control::{CallerId, LegEvent, LegOrder, Manner, OutgoingInvitation, Whereto};
use domain::srtp::KeySeed;
use domain::{CarrierId, Entropy, Machine, Now, ReleaseCause};
use leg::{Account, CalledLeg, CarrierTarget, Effect, Event, Identity, LegNaming, Target, sdp};
use sip::endpoint::{self, Destination, Endpoint, Owner, Source, Transport};
use sip::{Message, Method, Name};
use std::sync::Arc;

const SDP: &str = "v=0\r\nc=IN IP4 192.0.2.10\r\nm=audio 12000 RTP/AVP 0\r\n";

/// A leg on an endpoint, and the carrier that reads what leaves it.
struct World {
    endpoint: Endpoint,
    leg: CalledLeg,
    sent: Vec<Message>,
    told: Vec<LegEvent>,
}

fn destination() -> Destination {
    let (addr, local) = ("198.51.100.7:5060".parse().unwrap(), "203.0.113.1:5060".parse().unwrap());
    Destination { transport: Transport::Udp, addr, flow: None, local }
}

fn account() -> Arc<Account> {
    Arc::new(Account { user: "acme".into(), password: "Circle of Life".into() })
}

impl World {
    fn new(account: Option<Arc<Account>>) -> World {
        let order = OutgoingInvitation {
            whereto: Whereto::Carrier(CarrierId::from_bits(1)),
            caller_id: CallerId::Number("+12025550100".parse().unwrap()),
            callee: "+12025550123".parse().unwrap(),
            offer: sdp::read(SDP.as_bytes()).unwrap(),
            manner: Manner::default(),
            srtp: Default::default(),
        };
        let target = Target::Carrier(CarrierTarget {
            destination: destination(),
            host: "198.51.100.7:5060".into(),
            number_format: Default::default(),
            account,
        });
        let identity = Identity {
            host: "sip.example.net".into(),
            user_agent: "Tandem".into(),
            contact: "203.0.113.1:5060".parse().unwrap(),
            transport: Transport::Udp,
            is_sips: false,
            timers: leg::SessionTimers::default(),
        };
        let naming = LegNaming {
            call_id: "ours@203.0.113.1".into(),
            tag: "0123456789abcdef".into(),
            hops_left: 41,
            key_seed: KeySeed([9; 16]),
        };
        let mut effects = Vec::new();
        let ours = "203.0.113.1:20000".parse().unwrap();
        let leg = CalledLeg::invite(&order, &target, naming, ours, Arc::new(identity), &mut effects);
        let endpoint = Endpoint::new(Default::default(), Entropy::from_seed([1; 16]));
        let mut world = World { endpoint, leg, sent: Vec::new(), told: Vec::new() };
        world.obey(effects);
        world
    }

    fn obey(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let mut out = Vec::new();
            match effect {
                Effect::Request { sent, request, destination } => {
                    let now = Now::default();
                    let id = self.endpoint.request(Owner(1), &request, destination, now, &mut out).unwrap();
                    self.post(out);
                    self.hear(Event::RequestSent(sent, id));
                }
                Effect::Acknowledge { transaction, ack, destination } => {
                    self.endpoint.acknowledge(transaction, &ack, destination, &mut out).unwrap();
                    self.post(out);
                }
                Effect::Tell(event) => self.told.push(event),
                _ => {}
            }
        }
    }

    fn hear(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.leg.handle(event, Now::default(), &mut effects);
        self.obey(effects);
    }

    fn post(&mut self, effects: Vec<endpoint::Effect>) {
        for effect in effects {
            match effect {
                endpoint::Effect::Transmit { bytes, .. } => self.sent.push(Message::parse(bytes).unwrap()),
                endpoint::Effect::ResponseArrived { transaction, message, source, .. } => {
                    self.hear(Event::ResponseArrived { transaction, message, source });
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The newest request of this method.
    fn last(&self, method: Method) -> &Message {
        self.sent.iter().rev().find(|sent| sent.method() == Some(&method)).expect("a request of this method")
    }

    /// The carrier answers the newest request of this method.
    fn answer(&mut self, method: Method, status: u16, lines: &str, body: &str) {
        let request = self.last(method);
        let header = |name| String::from_utf8(request.header(name).unwrap().to_vec()).unwrap();
        let to = header(Name::To);
        let tag = if to.contains("tag=") { "" } else { ";tag=theirs" };
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:carrier@198.51.100.7:5060>\r\n{lines}{content}Content-Length: {}\r\n\r\n{body}",
            header(Name::Via),
            header(Name::From),
            header(Name::CallId),
            header(Name::CSeq),
            body.len(),
        );
        let source =
            Source { transport: Transport::Udp, peer: destination().addr, local: destination().local, flow: None };
        let mut out = Vec::new();
        let event = endpoint::Event::BytesReceived { bytes: Bytes::from(text), source };
        self.endpoint.handle(event, Now::default(), &mut out);
        self.post(out);
    }
}

fn challenge(header: &str, nonce: &str, algorithm: &str) -> String {
    format!("{header}: Digest realm=\"carrier\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"\r\n")
}

fn proof(request: &Message) -> String {
    let value = request.proxy_authorizations().chain(request.authorizations()).next().expect("a proof");
    String::from_utf8(value.to_vec()).unwrap()
}

/// RFC 3261 22.2 and 22.3, RFC 7616 3.4.
#[test]
fn a_challenged_invite_is_sent_once_more_with_its_proof_and_the_ack_bears_the_same() {
    for (algorithm, digits) in [("MD5", 32), ("SHA-256", 64)] {
        let mut world = World::new(Some(account()));
        assert_eq!(world.last(Method::Invite).proxy_authorizations().count(), 0, "nobody has asked");
        world.answer(Method::Invite, 407, &challenge("Proxy-Authenticate", "abc", algorithm), "");
        let invite = world.last(Method::Invite);
        assert_eq!(invite.cseq().unwrap().number, 2);
        assert_eq!(invite.from_tag(), Some("0123456789abcdef"));
        assert_eq!(invite.to_tag(), None, "it opens the dialog anew");
        let shown = proof(invite);
        for part in ["username=\"acme\"", "uri=\"sip:+12025550123@198.51.100.7:5060\"", "nc=00000001", "qop=auth"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let response = shown.split("response=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(response.len(), digits);
        assert!(world.told.is_empty(), "nobody hears of the challenge: {:?}", world.told);
        world.answer(Method::Invite, 200, "", SDP);
        assert!(matches!(world.told[..], [LegEvent::Answered { .. }]));
        let ack = world.last(Method::Ack);
        assert_eq!((ack.cseq().unwrap().number, proof(ack)), (2, shown));
    }
}

#[test]
fn a_bye_is_proven_unasked_with_the_next_count_and_once_more_where_the_nonce_was_stale() {
    let mut world = World::new(Some(account()));
    world.answer(Method::Invite, 401, &challenge("WWW-Authenticate", "abc", "MD5"), "");
    world.answer(Method::Invite, 200, "", SDP);
    world.hear(Event::Ordered(LegOrder::Release(ReleaseCause::Normal)));
    let bye = world.last(Method::Bye);
    assert_eq!(bye.cseq().unwrap().number, 3);
    assert!(proof(bye).contains("nc=00000002") && proof(bye).contains("nonce=\"abc\""), "{}", proof(bye));
    let stale = challenge("WWW-Authenticate", "def", "MD5").replace("qop", "stale=TRUE, qop");
    world.answer(Method::Bye, 401, &stale, "");
    let bye = world.last(Method::Bye);
    assert_eq!(bye.cseq().unwrap().number, 4);
    assert!(proof(bye).contains("nc=00000001") && proof(bye).contains("nonce=\"def\""), "{}", proof(bye));
    assert!(!world.leg.is_finished());
    world.answer(Method::Bye, 200, "", "");
    assert!(world.leg.is_finished());
}

/// A wrong password must not become a storm.
#[test]
fn a_carrier_that_does_not_believe_us_is_asked_once_and_no_more() {
    let mut world = World::new(Some(account()));
    world.answer(Method::Invite, 407, &challenge("Proxy-Authenticate", "abc", "MD5"), "");
    world.answer(Method::Invite, 407, &challenge("Proxy-Authenticate", "def", "MD5"), "");
    assert!(matches!(world.told[..], [LegEvent::Refused { status: 407, .. }]), "{:?}", world.told);
    assert_eq!(world.sent.iter().filter(|sent| sent.method() == Some(&Method::Invite)).count(), 2);
    assert!(world.leg.is_finished());
}

#[test]
fn without_an_account_and_for_what_we_do_not_speak_the_challenge_is_a_refusal() {
    let unknown = challenge("Proxy-Authenticate", "abc", "SHA-512-256");
    for (account, lines) in [(None, challenge("Proxy-Authenticate", "abc", "MD5")), (Some(account()), unknown)] {
        let mut world = World::new(account);
        world.answer(Method::Invite, 407, &lines, "");
        assert!(matches!(world.told[..], [LegEvent::Refused { status: 407, .. }]), "{:?}", world.told);
    }
}

#[test]
fn a_call_that_is_given_up_answers_no_challenge() {
    let mut world = World::new(Some(account()));
    world.hear(Event::Ordered(LegOrder::Release(ReleaseCause::Cancelled)));
    world.answer(Method::Invite, 407, &challenge("Proxy-Authenticate", "abc", "MD5"), "");
    assert_eq!(world.sent.iter().filter(|sent| sent.method() == Some(&Method::Invite)).count(), 1);
    assert!(world.leg.is_finished());
}

#[test]
fn a_password_never_prints_itself() {
    assert_eq!(format!("{:?}", account()), "Account(acme)");
}
