//! Where the other nodes are, and which of them are lost: a node says again and again that it lives, and one that has not said so for the time
//! of its lease is lost until it does.
//!
//! How it is said is `row`'s, when it is listened `saying`'s.

use super::row::LEASE;
use domain::Wall;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long messages are taken from the address of a node that is lost: it may be slow, and not gone.
const BELIEVED: Duration = Duration::from_secs(86_400);

/// Where a node is, and until when it lives by its own word.
#[derive(Clone, Copy, Debug)]
struct Place {
    address: SocketAddr,
    until: Wall,
}

/// The other nodes, by name.
#[derive(Debug, Default)]
pub(super) struct Places {
    known: BTreeMap<Arc<str>, Place>,
    seen: Seen,
}

/// What is known of them at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Whose messages are taken.
    pub(super) addresses: BTreeSet<SocketAddr>,
    /// Who lives.
    pub(super) living: BTreeSet<Arc<str>>,
    /// Who is lost: nothing was heard of it for longer than its lease.
    pub(super) lost: BTreeSet<Arc<str>>,
}

impl Places {
    /// A node has said where it is, and until when it lives.
    pub(super) fn heard(&mut self, node: &str, address: SocketAddr, until: Wall) {
        self.known.insert(node.into(), Place { address, until });
    }

    /// A node was retired: it is not expected back.
    pub(super) fn forget(&mut self, node: &str) {
        self.known.remove(node);
    }

    /// Nobody could be heard until now: who lives has the time of a lease to say so.
    pub(super) fn listen_anew(&mut self, now: Wall) {
        for (_, place) in self.known.iter_mut().filter(|(node, _)| self.seen.living.contains(*node)) {
            place.until = place.until.max(now + LEASE);
        }
    }

    /// What is known now, where that is another than before. To be asked when everything was heard that there is to hear.
    pub(super) fn look(&mut self, now: Wall) -> Option<&Seen> {
        self.known.retain(|_, place| place.until + BELIEVED > now);
        let named = |is_living: bool| {
            let some = self.known.iter().filter(move |(_, place)| (place.until > now) == is_living);
            some.map(|(node, _)| Arc::clone(node)).collect()
        };
        let addresses = self.known.values().map(|place| place.address).collect();
        let seen = Seen { addresses, living: named(true), lost: named(false) };
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        Some(&self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall::from_unix_seconds(1_795_000_000);

    fn after(seconds: u64) -> Wall {
        NOON + Duration::from_secs(seconds)
    }

    fn north() -> SocketAddr {
        "192.0.2.1:5060".parse().unwrap()
    }

    fn names(of: &BTreeSet<Arc<str>>) -> Vec<&str> {
        of.iter().map(|name| &**name).collect()
    }

    fn told() -> Places {
        let mut places = Places::default();
        places.heard("north", north(), NOON + LEASE);
        let seen = places.look(NOON).expect("news");
        assert_eq!((names(&seen.living), names(&seen.lost)), (vec!["north"], vec![]));
        places
    }

    #[test]
    fn a_node_is_lost_when_its_lease_has_run_out_and_is_back_when_it_speaks() {
        let mut places = told();
        assert!(places.look(after(9)).is_none(), "no news");
        let seen = places.look(after(10)).expect("news").clone();
        assert_eq!((names(&seen.living), names(&seen.lost)), (vec![], vec!["north"]));
        assert!(seen.addresses.contains(&north()), "what it still sends is taken");
        places.heard("north", north(), after(40));
        let seen = places.look(after(30)).expect("news");
        assert_eq!((names(&seen.living), names(&seen.lost)), (vec!["north"], vec![]));
        let seen = places.look(after(40) + BELIEVED).expect("news");
        assert_eq!(seen, &Seen::default(), "for ever is too long");
    }

    /// Redis was away: nobody could say anything, and nobody is lost for that.
    #[test]
    fn who_could_not_be_heard_has_the_time_of_a_lease_to_speak() {
        let mut places = told();
        places.listen_anew(after(600));
        assert!(places.look(after(609)).is_none(), "it may be there");
        assert_eq!(names(&places.look(after(610)).expect("news").lost), ["north"]);
        places.listen_anew(after(700));
        assert!(places.look(after(701)).is_none(), "who is lost stays lost until it speaks");
    }

    #[test]
    fn a_node_that_was_retired_is_nowhere() {
        let mut places = told();
        places.forget("north");
        assert_eq!(places.look(after(1)), Some(&Seen::default()));
    }
}
