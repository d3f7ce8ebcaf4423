//! A desk with one endpoint on it, a clock, and messages as they stand on the wire.

use bytes::{Bytes, BytesMut};
use domain::{Entropy, Machine, Now};
use sip::endpoint::{
    ClientTransactionId, Destination, Effect, Endpoint, Event, Owner, Pending, Reply, ServerTransactionId, Settings,
    Source, Transport,
};
use sip::{Message, Method};
use std::time::Duration;

pub(super) const OWNER: Owner = Owner(7);

/// An endpoint, and the time that passes around it.
pub(super) struct Desk {
    pub(super) endpoint: Endpoint,
    pub(super) now: Now,
}

/// What came of one event.
pub(super) struct Outcome(pub(super) Vec<Effect>);

pub(super) fn source() -> Source {
    Source {
        transport: Transport::Udp,
        peer: "198.51.100.7:5062".parse().unwrap(),
        local: "192.0.2.1:5060".parse().unwrap(),
        flow: None,
    }
}

pub(super) fn peer() -> Destination {
    Destination::back_to(&source())
}

impl Desk {
    pub(super) fn new() -> Desk {
        Desk::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Desk {
        Desk { endpoint: Endpoint::new(settings, Entropy::from_seed([5; 16])), now: Now::default() }
    }

    pub(super) fn hear(&mut self, text: &str) -> Outcome {
        self.hear_from(source(), text)
    }

    pub(super) fn hear_from(&mut self, source: Source, text: &str) -> Outcome {
        self.event(Event::BytesReceived { bytes: Bytes::copy_from_slice(text.as_bytes()), source })
    }

    pub(super) fn event(&mut self, event: Event) -> Outcome {
        let mut effects = Vec::new();
        self.endpoint.handle(event, self.now, &mut effects);
        Outcome(effects)
    }

    pub(super) fn wait(&mut self, millis: u64) -> Outcome {
        let end = self.now.after(Duration::from_millis(millis));
        let mut effects = Vec::new();
        while let Some(due) = self.endpoint.deadline().filter(|due| *due <= end.monotonic) {
            self.now = self.now.after(due.since(self.now.monotonic));
            self.endpoint.expire(self.now, &mut effects);
        }
        self.now = end;
        Outcome(effects)
    }

    pub(super) fn accept(&mut self, pending: &Pending) -> (ServerTransactionId, Outcome) {
        let mut effects = Vec::new();
        let id = self.endpoint.accept(pending, OWNER, self.now, &mut effects).unwrap();
        (id, Outcome(effects))
    }

    /// Hears a request that must be reported as new, and accepts it.
    pub(super) fn admit(&mut self, text: &str) -> ServerTransactionId {
        let pending = self.hear(text).pending();
        self.accept(&pending).0
    }

    pub(super) fn answer(&mut self, pending: &Pending, reply: Reply) -> Outcome {
        let mut effects = Vec::new();
        self.endpoint.answer_statelessly(pending, reply, &mut effects);
        Outcome(effects)
    }

    pub(super) fn respond(&mut self, transaction: ServerTransactionId, reply: Reply) -> Outcome {
        let mut effects = Vec::new();
        self.endpoint.respond(transaction, reply, self.now, &mut effects).unwrap();
        Outcome(effects)
    }

    pub(super) fn request(&mut self, text: &str) -> (ClientTransactionId, Outcome) {
        let mut effects = Vec::new();
        let id = self.endpoint.request(OWNER, text.as_bytes(), peer(), self.now, &mut effects).unwrap();
        (id, Outcome(effects))
    }

    pub(super) fn cancel(&mut self, transaction: ClientTransactionId) -> Outcome {
        let mut effects = Vec::new();
        self.endpoint.cancel(transaction, Default::default(), self.now, &mut effects).unwrap();
        Outcome(effects)
    }
}

impl Outcome {
    /// The messages that leave.
    pub(super) fn sent(&self) -> Vec<Message> {
        let parse = |bytes: &Bytes| {
            let message = Message::parse(bytes.clone()).unwrap();
            message.check().unwrap();
            message
        };
        self.0
            .iter()
            .filter_map(|effect| match effect {
                Effect::Transmit { bytes, .. } => Some(parse(bytes)),
                _ => None,
            })
            .collect()
    }

    /// The only message that leaves; nothing else is ordered or reported, but that a request was refused.
    pub(super) fn only(&self) -> Message {
        let is_told = |effect: &&Effect| matches!(effect, Effect::DialogRequestRefused { .. });
        assert_eq!(self.0.len() - self.0.iter().filter(is_told).count(), 1, "{:?}", self.0);
        self.sent().remove(0)
    }

    pub(super) fn destinations(&self) -> Vec<Destination> {
        self.0
            .iter()
            .filter_map(|effect| match effect {
                Effect::Transmit { destination, .. } => Some(*destination),
                _ => None,
            })
            .collect()
    }

    /// The only effect: a new request.
    pub(super) fn pending(mut self) -> Pending {
        assert_eq!(self.0.len(), 1, "{:?}", self.0);
        match self.0.remove(0) {
            Effect::RequestArrived { pending } => pending,
            other => panic!("{other:?}"),
        }
    }

    /// What is ordered and reported, in a word each.
    pub(super) fn words(&self) -> Vec<String> {
        self.0.iter().map(word).collect()
    }
}

fn word(effect: &Effect) -> String {
    let first = |message: &Message| match (message.method(), message.status()) {
        (Some(method), _) => method.to_string(),
        (None, status) => status.unwrap().to_string(),
    };
    match effect {
        Effect::Transmit { bytes, .. } => format!("send {}", first(&Message::parse(bytes.clone()).unwrap())),
        Effect::RequestArrived { pending } => format!("new {}", first(pending.message())),
        Effect::DialogRequestArrived { owner, message, .. } => format!("dialog {} {}", owner.0, first(message)),
        Effect::AckArrived { owner, .. } => format!("acked {}", owner.0),
        Effect::DialogRequestRefused { owner, message, because, .. } => {
            format!("refused {} {} {}", owner.0, first(message), because.as_str())
        }
        Effect::AckMissed { owner, .. } => format!("ack missed {}", owner.0),
        Effect::ResponseArrived { owner, message, .. } => format!("response {} {}", owner.0, first(message)),
        Effect::Cancelled { owner, .. } => format!("cancelled {}", owner.0),
        Effect::TransactionFailed { owner, because, .. } => format!("failed {} {because:?}", owner.0),
    }
}

/// A request as a PBX sends it; `lines` are added.
pub(super) fn from_pbx(method: &str, branch: &str, cseq: u32, to_tag: &str, lines: &str) -> String {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let cseq_method = method;
    format!(
        "{method} sip:+12025550123@tandem.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 198.51.100.7:5062;branch={branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"PBX\" <sip:99050000040027@tandem.example>;tag=pbx\r\n\
         To: <sip:+12025550123@tandem.example>{to_tag}\r\n\
         Call-ID: call-1@198.51.100.7\r\n\
         CSeq: {cseq} {cseq_method}\r\n\
         Contact: <sip:pbx@198.51.100.7:5062>\r\n\
         {lines}Content-Length: 0\r\n\r\n"
    )
}

pub(super) fn invite(branch: &str) -> String {
    from_pbx("INVITE", branch, 1, "", "")
}

/// A request of ours as a leg prints it: without Via.
pub(super) fn to_carrier(method: &str, to_tag: &str) -> String {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    format!(
        "{method} sip:+12025550123@198.51.100.7:5062 SIP/2.0\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:+442079460000@192.0.2.1>;tag=ours\r\n\
         To: <sip:+12025550123@198.51.100.7>{to_tag}\r\n\
         Call-ID: leg-1@192.0.2.1\r\n\
         CSeq: 1 {method}\r\n\
         Contact: <sip:192.0.2.1:5060>\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// The response that a peer makes to a request that we sent.
pub(super) fn response_to(request: &Message, status: u16, tag: &str) -> String {
    let mut out = BytesMut::new();
    let response = sip::Response::to(request, status, "X");
    let response = if tag.is_empty() { response } else { response.tag(tag) };
    response.print(&mut out).header(sip::Name::Contact, "<sip:carrier@198.51.100.7:5062>").end();
    String::from_utf8(out.to_vec()).unwrap()
}

pub(super) fn header(message: &Message, name: sip::Name) -> String {
    String::from_utf8(message.header(name).unwrap_or_default().to_vec()).unwrap()
}

pub(super) fn statuses(messages: &[Message]) -> Vec<u16> {
    messages.iter().filter_map(Message::status).collect()
}

pub(super) fn methods(messages: &[Message]) -> Vec<Method> {
    messages.iter().filter_map(|message| message.method().cloned()).collect()
}
