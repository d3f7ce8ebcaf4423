//! Requests of ours that belong to no call: OPTIONS to a carrier, and what became of them.
//!
//! When to ask, and what an answer means, is decided in `switch::carrier`.

use super::owners::owner_of;
use crate::call::Naming;
use bytes::{Bytes, BytesMut};
use domain::Entropy;
use domain::call_control::LegId;
use leg::{CarrierTarget, Event};
use sip::dialog::Calling;
use sip::endpoint::Owner;
use sip::endpoint::steering::mint_call_id;
use sip::{Method, Name};

/// The leg that no call has: an owner with it is an errand.
const NO_LEG: LegId = LegId(u16::MAX);

/// The owner of the errand with this number, of which 48 bits count.
pub fn owner_of_errand(number: u64) -> Owner {
    owner_of(number & ((1 << 48) - 1), NO_LEG)
}

/// The number of an errand, where the leg that is told something is none.
pub fn errand_of(place: u64, leg: LegId) -> Option<u64> {
    (leg == NO_LEG).then_some(place)
}

/// An OPTIONS to a carrier (RFC 3261 11), without Via.
pub fn options(target: &CarrierTarget, naming: &Naming, entropy: &mut Entropy) -> Bytes {
    let identity = naming.identity_towards(target.destination.transport, target.destination.local, false);
    let mut calling = Calling {
        call_id: mint_call_id(naming.shard, &naming.steering, entropy, &identity.host),
        local_tag: format!("{:016x}", entropy.next_u64()),
        local: format!("<sip:{}>", identity.host),
        remote: format!("<sip:{}>", target.host),
        target: format!("sip:{}", target.host),
        routes: Vec::new(),
        sequence: 0,
        max_forwards: 70,
    };
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

/// What became of an OPTIONS; none where it is not over.
pub fn probe_heard(number: u64, news: &Event) -> Option<switch::carrier::Event> {
    use switch::carrier::Event as Probe;
    match news {
        Event::ResponseArrived { message, .. } => {
            let status = message.status().filter(|status| *status >= 200)?;
            Some(Probe::ProbeAnswered { number, status })
        }
        Event::TransactionFailed { timed_out: true, .. } => {
            Some(Probe::ProbeFailed { number, because: "it did not answer OPTIONS".into() })
        }
        Event::TransactionFailed { timed_out: false, .. } => {
            Some(Probe::ProbeFailed { number, because: "nothing can be sent to its address".into() })
        }
        _ => None,
    }
}
