//! REGISTERs to a carrier as they stand on the wire: one correspondence, which answers its challenges and reads what is granted.
//!
//! When to register, and for how long, is decided in `switch::enrolment`.

use crate::call::Naming;
use bytes::{Bytes, BytesMut};
use domain::{CarrierId, Entropy};
use leg::{Account, CarrierTarget, Prover};
use sip::dialog::Calling;
use sip::endpoint::Destination;
use sip::endpoint::steering::mint_call_id;
use sip::message::Contact;
use sip::{Message, Method, Name, Uri};
use std::sync::Arc;
use switch::enrolment::{Answer, Event};

/// Seconds that are granted where a 200 does not say (RFC 3261 10.2.4: what was asked for; a registrar that says nothing at all is taken
/// at this).
const EXPIRES_UNSAID_S: u32 = 3_600;

/// REGISTERs with one Call-ID (RFC 3261 10.2.4), by one account and to one place.
#[derive(Debug)]
pub struct Correspondence {
    /// Whose.
    pub carrier: CarrierId,
    version: u64,
    destination: Destination,
    contact: String,
    calling: Calling,
    prover: Prover,
}

/// A REGISTER that is under way.
#[derive(Debug)]
pub struct UnderWay {
    number: u64,
    expires_s: u32,
    is_proven: bool,
}

impl UnderWay {
    /// The number that it was ordered under.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// What a response to a REGISTER means.
#[derive(Debug)]
pub enum Heard {
    /// It is not over.
    Nothing(UnderWay),
    /// It was challenged: this is sent in its place.
    Again(Bytes, UnderWay),
    /// It is over.
    Over(Event),
}

impl Correspondence {
    /// A new one; `version` tells it from those of other accounts.
    pub fn open(
        carrier: CarrierId,
        version: u64,
        target: &CarrierTarget,
        account: &Arc<Account>,
        naming: &Naming,
        entropy: &mut Entropy,
    ) -> Correspondence {
        let identity = naming.identity_towards(target.destination.transport, target.destination.local, false);
        let address = format!("<sip:{}@{}>", account.user, target.host);
        let calling = Calling {
            call_id: mint_call_id(naming.shard, &naming.steering, entropy, &identity.host),
            local_tag: format!("{:016x}", entropy.next_u64()),
            local: address.clone(),
            remote: address,
            target: format!("sip:{}", target.host),
            routes: Vec::new(),
            sequence: 0,
            max_forwards: 70,
        };
        Correspondence {
            carrier,
            version,
            destination: target.destination,
            contact: identity.contact_of(&account.user),
            calling,
            prover: Prover::new(Arc::clone(account), entropy.fork()),
        }
    }

    /// Whether a REGISTER of this version belongs to it.
    pub fn is_of(&self, version: u64) -> bool {
        self.version == version
    }

    /// Where its REGISTERs are sent.
    pub fn destination(&self) -> Destination {
        self.destination
    }

    /// The next REGISTER, without Via, proven where it was asked before.
    pub fn register(&mut self, number: u64, expires_s: u32, user_agent: &str) -> (Bytes, UnderWay) {
        (self.print(expires_s, user_agent), UnderWay { number, expires_s, is_proven: false })
    }

    fn print(&mut self, expires_s: u32, user_agent: &str) -> Bytes {
        let mut out = BytesMut::with_capacity(768);
        let lines = self
            .calling
            .request(&Method::Register, &mut out)
            .header(Name::Contact, &self.contact)
            .header(Name::Expires, expires_s.to_string());
        match user_agent {
            "" => lines.end(),
            user_agent => lines.header(Name::UserAgent, user_agent).end(),
        }
        self.prover.prove(&out.freeze())
    }

    /// A response. A challenge is answered once for each REGISTER (RFC 3261 22.2).
    pub fn hear(&mut self, response: &Message, under_way: UnderWay, user_agent: &str) -> Heard {
        let UnderWay { number, expires_s, is_proven } = under_way;
        let answer = match response.status().unwrap_or_default() {
            0..200 => return Heard::Nothing(under_way),
            401 | 407 if !is_proven && self.prover.hear(response) => {
                let request = self.print(expires_s, user_agent);
                return Heard::Again(request, UnderWay { number, expires_s, is_proven: true });
            }
            200..300 => self.granted(response),
            423 => Answer::TooBrief { min_expires_s: response.min_expires_s().unwrap_or_default() },
            status => Answer::Refused { status, retry_after_s: response.retry_after_s() },
        };
        Heard::Over(Event::Answered { number, answer })
    }

    /// Which of the Contacts that a 200 lists is ours: it lists those of others too (RFC 3261 10.3, 8). One that the registrar has rewritten
    /// is known by its user, where it is the only one.
    fn granted(&self, response: &Message) -> Answer {
        let ours = Uri::parse(self.contact.trim_matches(['<', '>']).as_bytes()).ok();
        let listed: Vec<_> = response
            .contacts()
            .filter_map(|contact| match contact {
                Ok(Contact::Address(address)) => Some(address),
                _ => None,
            })
            .collect();
        let found = listed.iter().find(|address| ours.as_ref().is_some_and(|ours| ours.is_equivalent(address.uri())));
        let found = found.or_else(|| match &listed[..] {
            [only] if ours.as_ref().is_some_and(|ours| ours.user() == only.uri().user()) => Some(only),
            _ => None,
        });
        match found {
            Some(address) => Answer::Granted {
                expires_s: address.expires_s().or(response.expires_s()).unwrap_or(EXPIRES_UNSAID_S),
                contact: address.uri().as_str().into(),
            },
            None => Answer::Granted { expires_s: 0, contact: "".into() },
        }
    }
}
