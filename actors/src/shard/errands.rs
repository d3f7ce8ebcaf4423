//! Requests of this shard that belong to no call: a carrier is asked by OPTIONS.
//!
//! Their words are `ways::errands`'s; when to ask is decided in `switch::carrier`.

use super::Shard;
use crate::mailbox::tell;
use crate::shell::Tell;
use crate::ways::errands::{options, owner_of_errand, probe_heard};
use actix::{Context, Handler, Message};
use domain::CarrierId;
use std::collections::BTreeMap;
use switch::carrier::Event;

/// A carrier of this shard is to be asked by OPTIONS.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OptionsOrdered {
    /// Which.
    pub carrier: CarrierId,
    /// To be given back.
    pub number: u64,
}

/// Errands that are under way: one for each carrier, and those that were given up and may still be answered for 64*T1.
#[derive(Default)]
pub(super) struct Errands {
    last: u64,
    open: BTreeMap<u64, (CarrierId, u64)>,
}

impl Shard {
    fn on_options_ordered(&mut self, carrier: CarrierId, number: u64) {
        let desk = self.core.desk.load_full();
        let failed = |because: &str| Event::ProbeFailed { number, because: because.into() };
        let Some(target) = desk.carrier(carrier) else {
            return self.tell_carrier(carrier, failed("its address is not known"));
        };
        let request = options(target, &self.naming, &mut self.entropy);
        self.errands.last += 1;
        let errand = self.errands.last;
        let now = self.core.clock.now();
        let owner = owner_of_errand(errand);
        match self.endpoint.request(owner, &request, target.destination, now, &mut self.effects) {
            Ok(_) => drop(self.errands.open.insert(errand, (carrier, number))),
            Err(_) => self.tell_carrier(carrier, failed("this node has no room for the OPTIONS")),
        }
    }

    pub(super) fn on_errand(&mut self, errand: u64, news: &leg::Event) {
        let Some((carrier, number)) = self.errands.open.get(&errand).copied() else { return };
        if let Some(event) = probe_heard(number, news) {
            self.errands.open.remove(&errand);
            self.tell_carrier(carrier, event);
        }
    }

    fn tell_carrier(&self, carrier: CarrierId, event: Event) {
        if let Some(address) = self.core.carrier(carrier) {
            tell(&address, Tell(event));
        }
    }
}

impl Handler<OptionsOrdered> for Shard {
    type Result = ();
    fn handle(&mut self, OptionsOrdered { carrier, number }: OptionsOrdered, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.on_options_ordered(carrier, number);
        self.follow_up(ctx);
        self.flush(ctx);
        self.end(began);
    }
}
