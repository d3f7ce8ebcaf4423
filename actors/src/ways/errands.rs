//! Requests of ours that belong to no call: how the endpoint knows them, what became of one, and the words of OPTIONS.
//!
//! When to ask, and what an answer means, is decided in `switch`; the words of REGISTER are `enrolling`'s.

use super::owners::{leg_of, owner_of};
use crate::call::Naming;
use bytes::{Bytes, BytesMut};
use domain::Entropy;
use domain::call_control::LegId;
use leg::{CarrierTarget, Event};
use sip::dialog::Calling;
use sip::endpoint::Owner;
use sip::endpoint::steering::mint_call_id;
use sip::{Message, Method, Name};
use std::sync::Arc;
use switch::carrier::Event as Probe;
use switch::registration::Binding;

/// The leg that no call has: an owner with it is an errand.
const NO_LEG: LegId = LegId(u16::MAX);
/// The numbers of errands have so many bits; the last of them is nobody's.
const NUMBER_MAX: u64 = (1 << 48) - 2;

/// The owner of the errand with this number.
pub fn owner_of_errand(number: u64) -> Owner {
    owner_of(number % NUMBER_MAX, NO_LEG)
}

/// The number of an errand, where an owner is one.
pub fn errand_of(owner: Owner) -> Option<u64> {
    let (number, leg) = leg_of(owner);
    (leg == NO_LEG && number <= NUMBER_MAX).then_some(number)
}

/// Why an errand was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// Nothing came back.
    Silent,
    /// It could not be sent, or came back.
    Unsendable,
}

impl Unanswered {
    /// The same in words, of a request with this method.
    pub fn because(self, method: &Method) -> Arc<str> {
        match self {
            Unanswered::Silent => format!("it did not answer {method}").into(),
            Unanswered::Unsendable => "nothing can be sent to its address".into(),
        }
    }
}

/// What became of an errand; none where it is not over.
pub fn outcome(news: &Event) -> Option<Result<&Message, Unanswered>> {
    match news {
        Event::ResponseArrived { message, .. } => {
            message.status().is_some_and(|status| status >= 200).then_some(Ok(message))
        }
        Event::TransactionFailed { timed_out: true, .. } => Some(Err(Unanswered::Silent)),
        Event::TransactionFailed { timed_out: false, .. } => Some(Err(Unanswered::Unsendable)),
        _ => None,
    }
}

/// A request of ours outside of dialogs, to be printed: its Request-URI, and who it is from and to.
pub(super) fn calling(naming: &Naming, entropy: &mut Entropy, host: &str, target: String, who: [String; 2]) -> Calling {
    let [local, remote] = who;
    Calling {
        call_id: mint_call_id(naming.shard, &naming.steering, entropy, host),
        local_tag: format!("{:016x}", entropy.next_u64()),
        local,
        remote,
        target,
        routes: Vec::new(),
        sequence: 0,
        max_forwards: 70,
    }
}

/// An OPTIONS to a carrier (RFC 3261 11), without Via.
pub fn options(target: &CarrierTarget, naming: &Naming, entropy: &mut Entropy) -> Bytes {
    let identity = naming.identity_towards(target.destination.transport, target.destination.local, false);
    let who = [format!("<sip:{}>", identity.host), format!("<sip:{}>", target.host)];
    let mut calling = calling(naming, entropy, &identity.host, format!("sip:{}", target.host), who);
    calling.routes = target.proxy.iter().map(ToString::to_string).collect();
    let mut out = BytesMut::with_capacity(512);
    let lines = calling.request(&Method::Options, &mut out);
    let lines = lines.header(Name::Contact, identity.contact_value()).header(Name::Accept, "application/sdp");
    let lines = match &*identity.user_agent {
        "" => lines,
        user_agent => lines.header(Name::UserAgent, user_agent),
    };
    lines.end();
    out.freeze()
}

/// What an OPTIONS to a carrier has told it.
pub fn probe_heard(number: u64, outcome: Result<&Message, Unanswered>) -> Probe {
    match outcome {
        Ok(answer) => Probe::ProbeAnswered { number, status: answer.status().unwrap_or_default() },
        Err(unanswered) => Probe::ProbeFailed { number, because: unanswered.because(&Method::Options) },
    }
}

/// An OPTIONS to a PBX, which keeps the way through its NAT open, without Via.
pub fn options_to_pbx(binding: &Binding, naming: &Naming, entropy: &mut Entropy) -> Bytes {
    let host = &naming.identity.host;
    // A Request-URI has no headers (RFC 3261 19.1.1).
    let contact = binding.contact.split('?').next().unwrap_or_default().to_owned();
    let who = [format!("<sip:{host}>"), format!("<{contact}>")];
    let mut calling = calling(naming, entropy, host, contact, who);
    calling.routes = binding.path.iter().map(|hop| hop.to_string()).collect();
    let mut out = BytesMut::with_capacity(512);
    calling.request(&Method::Options, &mut out).end();
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Wall;
    use domain::fact::Transport;
    use sip::endpoint::steering::SteeringKey;

    #[test]
    fn errands_are_told_from_calls_and_from_what_is_nobodys() {
        for number in [0, 1, 77, NUMBER_MAX - 1] {
            assert_eq!(errand_of(owner_of_errand(number)), Some(number));
        }
        assert_eq!(errand_of(owner_of(7, LegId::CALLER)), None, "a leg of a call");
        assert_eq!(errand_of(Owner(u64::MAX)), None, "what the endpoint answers by itself");
    }

    /// RFC 3261 19.1.1, RFC 3327 5.4.
    #[test]
    fn a_pbx_is_asked_at_its_contact_by_its_path() {
        let identity = leg::Identity {
            host: "sip.example.net".into(),
            user_agent: "Tandem".into(),
            contact: "203.0.113.1:5060".parse().unwrap(),
            transport: sip::endpoint::Transport::Udp,
            is_sips: false,
            timers: leg::SessionTimers::default(),
        };
        let steering = SteeringKey::new([1; 16]);
        let naming =
            Naming { shard: 3, steering, identity: Arc::new(identity), advertised: None, media: Default::default() };
        let binding = Binding {
            contact: "sip:101@192.0.2.7:5062;ob?Subject=x".into(),
            source: "192.0.2.7:5062".parse().unwrap(),
            local: "203.0.113.1:5060".parse().unwrap(),
            transport: Transport::Udp,
            flow: Default::default(),
            path: ["<sip:edge.example;lr>".into()].into(),
            behind_nat: true,
            sip_call_id: "".into(),
            cseq: 1,
            credentials_generation: 0,
            user_agent: "".into(),
            granted_s: 60,
            since: Wall::default(),
            refreshed_at: Wall::default(),
            expires_at: Wall::default(),
            elsewhere: None,
        };
        let request = options_to_pbx(&binding, &naming, &mut Entropy::from_seed([1; 16]));
        let text = String::from_utf8(request.to_vec()).unwrap();
        assert!(
            text.starts_with("OPTIONS sip:101@192.0.2.7:5062;ob SIP/2.0\r\nRoute: <sip:edge.example;lr>\r\n"),
            "{text}"
        );
        for line in ["To: <sip:101@192.0.2.7:5062;ob>\r\n", "From: <sip:sip.example.net>;tag=", "CSeq: 1 OPTIONS\r\n"] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
