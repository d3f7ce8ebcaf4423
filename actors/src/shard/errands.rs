//! Requests of this shard that belong to no call: a carrier is asked by OPTIONS, or told by REGISTER where we are.
//!
//! Their words are `ways::errands`'s and `ways::enrolling`'s; when to ask is decided in `switch`.

use super::Shard;
use crate::mailbox::tell;
use crate::shell::Tell;
use crate::ways::enrolling::UnderWay;
use crate::ways::errands::{options, owner_of_errand, probe_heard};
use actix::{Context, Handler, Message};
use domain::CarrierId;
use sip::endpoint::Destination;
use std::collections::BTreeMap;
use std::net::SocketAddr;
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

/// What was sent, and for whom.
pub(super) enum Errand {
    /// The OPTIONS with this number.
    Options { carrier: CarrierId, number: u64, at: SocketAddr },
    /// A REGISTER.
    Register { correspondence: u64, under_way: UnderWay },
}

/// Errands that are under way: of each kind one for each carrier, and those that were given up and may still be answered for 64*T1.
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

    fn on_options_ordered(&mut self, carrier: CarrierId, number: u64) {
        let desk = self.core.desk.load_full();
        let failed = |because: &str| Event::ProbeFailed { number, because: because.into() };
        self.avoid_the_silent(carrier);
        let now = self.core.clock.monotonic();
        let Some(target) = desk.carrier(carrier, &mut self.entropy, now) else {
            return self.tell_carrier(carrier, failed("its address is not known"));
        };
        let request = options(&target, &self.naming, &mut self.entropy);
        let at = target.destination.addr;
        if !self.send_errand(Errand::Options { carrier, number, at }, &request, target.destination) {
            self.tell_carrier(carrier, failed("this node has no room for the OPTIONS"));
        }
    }

    /// A place that has not answered the OPTIONS before this one: others go first.
    fn avoid_the_silent(&self, carrier: CarrierId) {
        for errand in self.errands.open.values() {
            match errand {
                Errand::Options { carrier: asked, at, .. } if *asked == carrier => self.core.avoid(*at),
                _ => {}
            }
        }
    }

    pub(super) fn on_errand(&mut self, number: u64, news: &leg::Event) {
        let Some(errand) = self.errands.open.remove(&number) else { return };
        let kept = match errand {
            Errand::Options { carrier, number, at } => match probe_heard(number, news) {
                Some(event) => {
                    if matches!(event, Event::ProbeFailed { .. }) {
                        self.core.avoid(at);
                    }
                    self.tell_carrier(carrier, event);
                    None
                }
                None => Some(Errand::Options { carrier, number, at }),
            },
            Errand::Register { correspondence, under_way } => self
                .on_register_news(correspondence, under_way, news)
                .map(|under_way| Errand::Register { correspondence, under_way }),
        };
        if let Some(errand) = kept {
            self.errands.open.insert(number, errand);
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
