//! Requests of this shard that belong to no call: one table of what is under way, and to whom the outcome is told. Carriers and PBXs are
//! asked by OPTIONS here; the REGISTERs to carriers are `enrolling`'s.
//!
//! Their words are `ways::errands`'s; when to ask, and what an answer means, is decided in `switch`.

use super::Shard;
use crate::mailbox::tell;
use crate::registrar::Registration;
use crate::resident::Resident;
use crate::shell::Tell;
use crate::ways::enrolling::UnderWay;
use crate::ways::errands::{options, options_to_pbx, outcome, owner_of_errand, probe_heard};
use crate::ways::register::{flow_of, transport_of};
use actix::{Context, Handler, Message};
use domain::{CarrierId, ProfileId};
use sip::endpoint::Destination;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use switch::registration::{Binding, Event as Binds};
use switch::{Carrier, carrier::Event};

/// Errands at most that are under way where a PBX is asked; beyond it, it is asked the next time. Carriers are few: each has one errand of
/// a kind, and those that were given up and may still be answered for 64*T1.
const ERRANDS_MAX: usize = 16_384;

/// What this shard is sent for.
#[derive(Message)]
#[rtype(result = "()")]
pub enum ErrandOrdered {
    /// A carrier is to be asked by OPTIONS; its number is to be given back.
    AskCarrier { carrier: CarrierId, number: u64 },
    /// A profile's binding is to be asked whether it lives.
    AskPbx { profile: ProfileId, binding: Arc<Binding> },
    /// A carrier is to keep our Contact for so many seconds; 0 takes it back.
    Register { carrier: CarrierId, number: u64, expires_s: u32 },
}

/// What was sent, and for whom.
pub(super) enum Errand {
    /// The OPTIONS with this number.
    AskCarrier { carrier: CarrierId, number: u64, at: SocketAddr },
    /// An OPTIONS to a PBX.
    AskPbx { profile: ProfileId, binding: Arc<Binding> },
    /// A REGISTER.
    Register { correspondence: u64, under_way: UnderWay },
}

/// Errands that are under way.
#[derive(Default)]
pub(super) struct Errands {
    last: u64,
    open: BTreeMap<u64, Errand>,
}

impl Shard {
    /// Sends a request that belongs to no call; false where there is no room for it.
    pub(super) fn send_errand(&mut self, errand: Errand, request: &[u8], destination: Destination) -> bool {
        self.errands.last += 1;
        let number = self.errands.last;
        let (owner, now) = (owner_of_errand(number), self.core.clock.now());
        let is_sent = self.endpoint.request(owner, request, destination, now, &mut self.effects).is_ok();
        if is_sent {
            self.errands.open.insert(number, errand);
        }
        is_sent
    }

    /// Something came of an errand: where it is over, whoever ordered it hears of it.
    pub(super) fn on_errand(&mut self, number: u64, news: &leg::Event) {
        let Some(outcome) = outcome(news) else { return };
        match self.errands.open.remove(&number) {
            Some(Errand::AskCarrier { carrier, number, at }) => {
                if outcome.is_err() {
                    self.core.avoid(at);
                }
                self.inform::<Carrier>(carrier, probe_heard(number, outcome));
            }
            Some(Errand::AskPbx { profile, binding }) => {
                self.inform::<Registration>(profile, Binds::Probed { binding, is_answered: outcome.is_ok() });
            }
            Some(Errand::Register { correspondence, under_way }) => {
                self.on_register_news(correspondence, under_way, outcome);
            }
            None => {}
        }
    }

    /// Tells whoever has ordered an errand.
    pub(super) fn inform<M: Resident>(&self, id: M::Id, event: M::Event) {
        // Before the shards have started there is nobody to tell.
        let _ = self.core.with_resident::<M, _>(id, |address| tell(address, Tell(event)));
    }

    fn ask_carrier(&mut self, carrier: CarrierId, number: u64) {
        let desk = self.core.desk.load_full();
        let failed = |because: &str| Event::ProbeFailed { number, because: because.into() };
        self.avoid_the_silent(carrier);
        let now = self.core.clock.monotonic();
        let Some(target) = desk.carrier(carrier, &mut self.entropy, now) else {
            return self.inform::<Carrier>(carrier, failed("its address is not known"));
        };
        let request = options(&target, &self.naming, &mut self.entropy);
        let at = target.destination.addr;
        if !self.send_errand(Errand::AskCarrier { carrier, number, at }, &request, target.destination) {
            self.inform::<Carrier>(carrier, failed("this node has no room for the OPTIONS"));
        }
    }

    /// A place that has not answered the OPTIONS before this one: others go first.
    fn avoid_the_silent(&self, carrier: CarrierId) {
        for errand in self.errands.open.values() {
            match errand {
                Errand::AskCarrier { carrier: asked, at, .. } if *asked == carrier => self.core.avoid(*at),
                _ => {}
            }
        }
    }

    fn ask_pbx(&mut self, profile: ProfileId, binding: Arc<Binding>) {
        if self.errands.open.len() >= ERRANDS_MAX {
            return;
        }
        let request = options_to_pbx(&binding, &self.naming, &mut self.entropy);
        let destination = Destination {
            transport: transport_of(binding.transport),
            addr: binding.source,
            flow: flow_of(binding.flow),
            local: binding.local,
        };
        // Where there is no room, the next question is in time.
        let _ = self.send_errand(Errand::AskPbx { profile, binding }, &request, destination);
    }
}

impl Handler<ErrandOrdered> for Shard {
    type Result = ();
    fn handle(&mut self, ordered: ErrandOrdered, ctx: &mut Context<Self>) {
        let began = self.begin();
        match ordered {
            ErrandOrdered::AskCarrier { carrier, number } => self.ask_carrier(carrier, number),
            ErrandOrdered::AskPbx { profile, binding } => self.ask_pbx(profile, binding),
            ErrandOrdered::Register { carrier, number, expires_s } => {
                self.on_register_ordered(carrier, number, expires_s);
            }
        }
        self.follow_up(ctx);
        self.flush(ctx);
        self.end(began);
    }
}
