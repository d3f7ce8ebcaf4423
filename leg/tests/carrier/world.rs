//! A leg on an endpoint, and the carrier that reads what leaves it.

use bytes::Bytes;
use domain::call_control::{CallerId, LegEvent, Manner, OutgoingInvitation, Whereto};
use domain::srtp::KeySeed;
use domain::{CarrierId, Entropy, Machine, Now};
use leg::{Account, CalledLeg, CarrierTarget, Effect, Event, Identity, LegNaming, SoundOrder, Target, sdp};
use sip::endpoint::{self, Destination, Endpoint, Owner, Source, Transport};
use sip::{Message, Method, Name};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) const SDP: &str = "v=0\r\nc=IN IP4 192.0.2.10\r\nm=audio 12000 RTP/AVP 0\r\n";

/// A leg on an endpoint, and the carrier that reads what leaves it.
pub(super) struct World {
    endpoint: Endpoint,
    pub(super) leg: CalledLeg,
    now: Now,
    /// Whom it was sent to, and what.
    pub(super) sent: Vec<(SocketAddr, Message)>,
    pub(super) told: Vec<LegEvent>,
    pub(super) avoided: Vec<SocketAddr>,
    pub(super) sounds: Vec<SoundOrder>,
    /// Where the carrier's messages come from.
    pub(super) from: Source,
}

pub(super) fn destination() -> Destination {
    let (addr, local) = ("198.51.100.7:5060".parse().unwrap(), "203.0.113.1:5060".parse().unwrap());
    Destination { transport: Transport::Udp, addr, flow: None, local }
}

pub(super) fn account() -> Arc<Account> {
    Arc::new(Account::new("acme", "Circle of Life"))
}

impl World {
    /// A leg towards a carrier at one place, which may know us.
    pub(super) fn new(account: Option<Arc<Account>>) -> World {
        World::towards(CarrierTarget { account, ..CarrierTarget::at(destination()) })
    }

    pub(super) fn towards(carrier: CarrierTarget) -> World {
        World::ordered(carrier, |_| ())
    }

    /// The same with another order.
    pub(super) fn ordered(carrier: CarrierTarget, change: impl FnOnce(&mut OutgoingInvitation)) -> World {
        let mut order = OutgoingInvitation {
            whereto: Whereto::Carrier(CarrierId::from_bits(1)),
            caller_id: CallerId::Number("+12025550100".parse().unwrap()),
            callee: "+12025550123".parse().unwrap(),
            offer: sdp::read(SDP.as_bytes()).unwrap(),
            manner: Manner::default(),
            srtp: Default::default(),
        };
        change(&mut order);
        let target = Target::Carrier(carrier);
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
        let (now, sent, told, avoided) = (Now::default(), Vec::new(), Vec::new(), Vec::new());
        let Destination { transport, addr: peer, local, .. } = destination();
        let from = Source { transport, peer, local, flow: None };
        let mut world = World { endpoint, leg, now, sent, told, avoided, sounds: Vec::new(), from };
        world.obey(effects);
        world
    }

    fn obey(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let mut out = Vec::new();
            match effect {
                Effect::Request { sent, request, destination } => {
                    let id = self.endpoint.request(Owner(1), &request, destination, self.now, &mut out).unwrap();
                    self.post(out);
                    self.hear(Event::RequestSent(sent, id));
                }
                Effect::Acknowledge { transaction, ack, destination } => {
                    self.endpoint.acknowledge(transaction, &ack, destination, &mut out).unwrap();
                    self.post(out);
                }
                Effect::Cancel { transaction, lines } => {
                    self.endpoint.cancel(transaction, lines, self.now, &mut out).unwrap();
                    self.post(out);
                }
                Effect::Avoid(addr) => self.avoided.push(addr),
                Effect::Tell(event) => self.told.push(event),
                Effect::Sound(order) => self.sounds.push(order),
                _ => {}
            }
        }
    }

    pub(super) fn hear(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.leg.handle(event, self.now, &mut effects);
        self.obey(effects);
    }

    fn post(&mut self, effects: Vec<endpoint::Effect>) {
        for effect in effects {
            match effect {
                endpoint::Effect::Transmit { bytes, destination, .. } => {
                    self.sent.push((destination.addr, Message::parse(bytes).unwrap()));
                }
                endpoint::Effect::TransactionFailed { transaction, .. } => {
                    self.hear(Event::TransactionFailed { transaction, timed_out: false });
                }
                endpoint::Effect::ResponseArrived { transaction, message, source, .. } => {
                    self.hear(Event::ResponseArrived { transaction, message, source });
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The newest request of this method.
    pub(super) fn last(&self, method: Method) -> &Message {
        &self.sent.iter().rev().find(|(_, sent)| sent.method() == Some(&method)).expect("a request of this method").1
    }

    /// To whom requests of this method went, in order, each once however often it was repeated.
    pub(super) fn went_to(&self, method: Method) -> Vec<SocketAddr> {
        let of_method = self.sent.iter().filter(|(_, sent)| sent.method() == Some(&method));
        let mut numbers = Vec::new();
        let first = of_method.filter(|(_, sent)| {
            let number = sent.cseq().unwrap().number;
            let is_new = !numbers.contains(&number);
            numbers.push(number);
            is_new
        });
        first.map(|(to, _)| *to).collect()
    }

    /// Time passes for the leg and for its transactions.
    pub(super) fn wait(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        loop {
            let due = [self.endpoint.deadline(), self.leg.deadline()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end.monotonic) else { break };
            self.now = self.now.after(due.since(self.now.monotonic));
            let mut out = Vec::new();
            self.endpoint.expire(self.now, &mut out);
            self.post(out);
            let mut effects = Vec::new();
            self.leg.expire(self.now, &mut effects);
            self.obey(effects);
        }
        self.now = end;
    }

    /// The network says that nothing can be sent there.
    pub(super) fn unreachable(&mut self, addr: SocketAddr) {
        let mut out = Vec::new();
        let event = endpoint::Event::TransportFailed { destination: Destination { addr, ..destination() } };
        self.endpoint.handle(event, self.now, &mut out);
        self.post(out);
    }

    /// The carrier answers the newest request of this method.
    pub(super) fn answer(&mut self, method: Method, status: u16, lines: &str, body: &str) {
        let request = self.last(method).clone();
        self.answer_to(&request, status, lines, body);
    }

    /// The carrier answers a request.
    pub(super) fn answer_to(&mut self, request: &Message, status: u16, lines: &str, body: &str) {
        let header = |name| String::from_utf8(request.header(name).unwrap().to_vec()).unwrap();
        let to = header(Name::To);
        let tag = if to.contains("tag=") { "" } else { ";tag=theirs" };
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let contact = if lines.contains("Contact:") { "" } else { "Contact: <sip:carrier@198.51.100.7:5060>\r\n" };
        let text = format!(
            "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             {contact}{lines}{content}Content-Length: {}\r\n\r\n{body}",
            header(Name::Via),
            header(Name::From),
            header(Name::CallId),
            header(Name::CSeq),
            body.len(),
        );
        let mut out = Vec::new();
        let event = endpoint::Event::BytesReceived { bytes: Bytes::from(text), source: self.from };
        self.endpoint.handle(event, self.now, &mut out);
        self.post(out);
    }
}
