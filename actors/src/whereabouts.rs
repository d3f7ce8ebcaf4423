//! Where carriers are that are known by name: what DNS said last, one snapshot for all shards, swapped whole; and which places do not
//! answer; and by which proxies carriers that we are registered with want to be called.
//!
//! Who asks DNS, and when, is `resolving`'s. Whoever reads here never waits.

use arc_swap::ArcSwap;
use dashmap::DashMap;
use domain::{CarrierId, Entropy, Monotonic};
use leg::Hop;
use sip::endpoint::Destination;
use sip::locating::{Candidate, Wanted, in_order};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Places that are avoided at one time; beyond it no further one is noted.
const AVOIDED_MAX: usize = 4_096;

/// A candidate, and from which address of ours it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// What DNS said.
    pub candidate: Candidate,
    /// The listener of ours that reaches it.
    pub local: SocketAddr,
}

#[derive(Debug, Default)]
struct Known {
    by_name: BTreeMap<Wanted, Arc<[Located]>>,
    by_address: BTreeMap<SocketAddr, Vec<Wanted>>,
}

/// Where names are.
#[derive(Debug, Default)]
pub struct Whereabouts {
    known: ArcSwap<Known>,
    avoided: DashMap<SocketAddr, Monotonic>,
    /// Of carriers that keep our Contact, and said so: one for each at most.
    service_routes: DashMap<CarrierId, Arc<[Arc<str>]>>,
}

impl Whereabouts {
    /// A name is there now, and nowhere else; gives whether that is news.
    pub fn publish(&self, wanted: &Wanted, located: Vec<Located>) -> bool {
        let former = self.known.load();
        if former.by_name.get(wanted).is_some_and(|known| **known == *located) {
            return false;
        }
        let mut by_name = former.by_name.clone();
        by_name.insert(wanted.clone(), located.into());
        self.swap(by_name);
        true
    }

    /// Names that nobody wants any more are forgotten.
    pub fn keep(&self, is_wanted: impl Fn(&Wanted) -> bool) {
        let former = self.known.load();
        if former.by_name.keys().all(&is_wanted) {
            return;
        }
        let mut by_name = former.by_name.clone();
        by_name.retain(|wanted, _| is_wanted(wanted));
        self.swap(by_name);
    }

    fn swap(&self, by_name: BTreeMap<Wanted, Arc<[Located]>>) {
        let mut by_address: BTreeMap<SocketAddr, Vec<Wanted>> = BTreeMap::new();
        for (wanted, located) in &by_name {
            for place in located.iter() {
                let names = by_address.entry(place.candidate.addr).or_default();
                if !names.contains(wanted) {
                    names.push(wanted.clone());
                }
            }
        }
        self.known.store(Arc::new(Known { by_name, by_address }));
    }

    /// Whether anything is known of a name, be it that it is nowhere.
    pub fn knows(&self, wanted: &Wanted) -> bool {
        self.known.load().by_name.contains_key(wanted)
    }

    /// The places of a name in the order of one attempt (RFC 2782).
    pub fn hops(&self, wanted: &Wanted, host: &Arc<str>, chance: &mut Entropy) -> Vec<Hop> {
        let known = self.known.load();
        let Some(located) = known.by_name.get(wanted) else { return Vec::new() };
        let candidates: Vec<Candidate> = located.iter().map(|place| place.candidate).collect();
        let hops = in_order(&candidates, chance).into_iter().filter_map(|candidate| {
            let local = located.iter().find(|place| place.candidate == candidate)?.local;
            let destination = Destination { transport: candidate.transport, addr: candidate.addr, flow: None, local };
            Some(Hop { destination, host: Arc::clone(host) })
        });
        hops.collect()
    }

    /// The names that are at an address, in order.
    pub fn names_at(&self, address: SocketAddr) -> Vec<Wanted> {
        self.known.load().by_address.get(&address).cloned().unwrap_or_default()
    }

    /// Nobody answers there: other places go first until then.
    pub fn avoid(&self, address: SocketAddr, until: Monotonic, now: Monotonic) {
        if self.avoided.len() >= AVOIDED_MAX {
            self.avoided.retain(|_, until| *until > now);
        }
        if self.avoided.len() < AVOIDED_MAX {
            self.avoided.insert(address, until);
        }
    }

    /// By which proxies a carrier wants our calls from now on; empty for none.
    pub fn route(&self, carrier: CarrierId, service_route: Arc<[Arc<str>]>) {
        if service_route.is_empty() {
            self.service_routes.remove(&carrier);
        } else {
            self.service_routes.insert(carrier, service_route);
        }
    }

    /// By which proxies a carrier wants our calls, the nearest first (RFC 3608); empty for none.
    pub fn service_route(&self, carrier: CarrierId) -> Arc<[Arc<str>]> {
        // Nearly always there is none.
        let known = (!self.service_routes.is_empty()).then(|| self.service_routes.get(&carrier)).flatten();
        known.map_or_else(Arc::default, |known| Arc::clone(&known))
    }

    /// Whether other places go first.
    pub fn is_avoided(&self, address: SocketAddr, now: Monotonic) -> bool {
        // Nearly always there is none.
        !self.avoided.is_empty() && self.avoided.get(&address).is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::endpoint::Transport;

    fn at(port: u16, priority: u16) -> Located {
        let addr = SocketAddr::from(([192, 0, 2, 1], port));
        let candidate = Candidate { transport: Transport::Udp, addr, rank: 0, priority, weight: 0, server: port };
        Located { candidate, local: "203.0.113.1:5060".parse().unwrap() }
    }

    fn name(host: &str) -> Wanted {
        Wanted { host: host.into(), port: None, transport: Some(Transport::Udp) }
    }

    #[test]
    fn a_name_is_where_dns_said_last_and_its_addresses_name_it() {
        let whereabouts = Whereabouts::default();
        let (north, host) = (name("north.example"), Arc::from("north.example"));
        assert!(!whereabouts.knows(&north));
        assert!(whereabouts.publish(&north, vec![at(5_062, 1), at(5_061, 0)]));
        assert!(!whereabouts.publish(&north, vec![at(5_062, 1), at(5_061, 0)]), "no news");
        let mut chance = Entropy::from_seed([1; 16]);
        let ports: Vec<u16> =
            whereabouts.hops(&north, &host, &mut chance).iter().map(|hop| hop.destination.addr.port()).collect();
        assert_eq!(ports, [5_061, 5_062]);
        assert_eq!(whereabouts.names_at(at(5_061, 0).candidate.addr), std::slice::from_ref(&north));
        whereabouts.publish(&north, vec![at(5_063, 0)]);
        assert!(whereabouts.names_at(at(5_061, 0).candidate.addr).is_empty());
        whereabouts.keep(|_| false);
        assert!(!whereabouts.knows(&north) && whereabouts.hops(&north, &host, &mut chance).is_empty());
    }

    #[test]
    fn a_place_is_avoided_for_its_time_and_the_table_has_an_end() {
        let whereabouts = Whereabouts::default();
        let at = |port: u16| SocketAddr::from(([192, 0, 2, 1], port));
        let second = |second: u64| Monotonic::from_micros(second * 1_000_000);
        whereabouts.avoid(at(1), second(30), second(0));
        assert!(whereabouts.is_avoided(at(1), second(29)) && !whereabouts.is_avoided(at(1), second(30)));
        assert!(!whereabouts.is_avoided(at(2), second(0)));
        for port in 0..=u16::MAX {
            whereabouts.avoid(at(port), second(60), second(31));
        }
        assert!(whereabouts.avoided.len() <= AVOIDED_MAX);
        whereabouts.avoid(at(9), second(200), second(100));
        assert!(whereabouts.is_avoided(at(9), second(100)), "what is over makes room");
    }
}
