//! OPTIONS to PBXs behind NAT: they keep the way to them open, and tell whether they live.
//!
//! When one is asked and what its silence means is the registration's to decide.

use super::Shard;
use crate::mailbox::tell;
use crate::shell::Tell;
use crate::ways::register::{flow_of, transport_of};
use actix::{Context, Handler, Message};
use domain::ProfileId;
use sip::endpoint::steering::mint_call_id;
use sip::endpoint::{Destination, Owner};
use slab::Slab;
use std::sync::Arc;
use switch::registration::{Binding, Event};

/// Questions at most that wait for their answers on one shard; beyond it a PBX is asked the next time.
const WAITING_MAX: usize = 16_384;

/// Owners of questions: no place of a call begins so, for shards are numbered up to 254.
const OWNERS: u64 = 0xff << 56;

/// Whether a transaction is a question's.
pub(super) fn is_probe(owner: Owner) -> bool {
    owner.0 & OWNERS == OWNERS && owner.0 != u64::MAX
}

/// Questions that wait for their answers.
#[derive(Default)]
pub(super) struct Probes {
    waiting: Slab<(ProfileId, Arc<Binding>)>,
}

/// A profile's binding is to be asked whether it lives.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ProbeOrdered {
    /// Whose.
    pub profile: ProfileId,
    /// Where.
    pub binding: Arc<Binding>,
}

impl Handler<ProbeOrdered> for Shard {
    type Result = ();
    fn handle(&mut self, ProbeOrdered { profile, binding }: ProbeOrdered, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.on_probe_ordered(profile, binding);
        self.follow_up(ctx);
        self.flush(ctx);
        self.end(began);
    }
}

impl Shard {
    fn on_probe_ordered(&mut self, profile: ProfileId, binding: Arc<Binding>) {
        if self.probes.waiting.len() >= WAITING_MAX {
            return;
        }
        let request = self.question(&binding);
        let destination = Destination {
            transport: transport_of(binding.transport),
            addr: binding.source,
            flow: flow_of(binding.flow),
            local: binding.local,
        };
        let place = self.probes.waiting.insert((profile, binding));
        let (owner, now) = (Owner(OWNERS | place as u64), self.core.clock.now());
        if self.endpoint.request(owner, request.as_bytes(), destination, now, &mut self.effects).is_err() {
            self.probes.waiting.remove(place);
        }
    }

    fn question(&mut self, binding: &Binding) -> String {
        let host = Arc::clone(&self.naming.identity.host);
        let call_id = mint_call_id(self.naming.shard, &self.naming.steering, &mut self.entropy, &host);
        let tag = self.endpoint.mint_tag();
        // A Request-URI has no headers (RFC 3261 19.1.1).
        let contact = binding.contact.split('?').next().unwrap_or_default();
        let routes: String = binding.path.iter().map(|hop| format!("Route: {hop}\r\n")).collect();
        format!(
            "OPTIONS {contact} SIP/2.0\r\n{routes}Max-Forwards: 70\r\nFrom: <sip:{host}>;tag={tag}\r\nTo: <{contact}>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    }

    pub(super) fn on_probe_news(&mut self, owner: Owner, news: &leg::Event) {
        let is_answered = match news {
            leg::Event::ResponseArrived { message, .. } if message.status().is_some_and(|status| status < 200) => {
                return;
            }
            leg::Event::ResponseArrived { .. } => true,
            leg::Event::TransactionFailed { .. } => false,
            _ => return,
        };
        let Some((profile, binding)) = self.probes.waiting.try_remove((owner.0 & !OWNERS) as usize) else { return };
        if let Some(registration) = self.core.registration(profile) {
            tell(&registration, Tell(Event::Probed { binding, is_answered }));
        }
    }
}
