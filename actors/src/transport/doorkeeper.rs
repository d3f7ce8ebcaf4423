//! How many connections there may be at one time: in total, from one source, and how many of them may still be shaking hands.
//!
//! Counted once a connection, for all shards together; what a connection carries is not known here.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use switch::guard;

/// Handshakes (TLS, WebSocket) under way at one time on the node; one takes 0.2 ms of a thread, and its peer at most
/// [`Patience::handshake`](super::stream::Patience::handshake) to speak.
pub(crate) const HANDSHAKES_MAX: usize = 1_024;
/// Handshakes under way at one time from one source: a sixteenth of all, and more than a house of PBXs behind one NAT needs when its
/// power comes back.
pub(crate) const HANDSHAKES_PER_SOURCE_MAX: usize = 64;

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// As many connections are open as may be.
    Full,
    /// Its source has as many as it may.
    SourceFull,
    /// As many handshakes are under way as may be, in total or from its source.
    Handshaking,
}

/// Counts the connections of a node that were opened to it.
pub(crate) struct Doorkeeper {
    connections_max: usize,
    per_source_max: usize,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    connections: usize,
    handshakes: usize,
    sources: HashMap<guard::Source, Source>,
}

#[derive(Clone, Copy, Default)]
struct Source {
    connections: usize,
    handshakes: usize,
}

impl Doorkeeper {
    /// Nobody is in yet.
    pub(crate) fn new(connections_max: usize, per_source_max: usize) -> Doorkeeper {
        Doorkeeper { connections_max, per_source_max, counted: Mutex::default() }
    }

    /// Lets a connection in until its pass is dropped.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Pass, TurnedAway> {
        let source = guard::Source::of(peer);
        let mut counted = self.counted.lock();
        if counted.connections >= self.connections_max {
            return Err(TurnedAway::Full);
        }
        let of_source = counted.sources.entry(source).or_default();
        if of_source.connections >= self.per_source_max {
            return Err(TurnedAway::SourceFull);
        }
        of_source.connections += 1;
        counted.connections += 1;
        Ok(Pass { doorkeeper: Arc::clone(self), source })
    }

    /// Connections that are in.
    #[cfg(test)]
    fn connections(&self) -> usize {
        self.counted.lock().connections
    }

    fn leave(&self, source: guard::Source) {
        let mut counted = self.counted.lock();
        counted.connections -= 1;
        counted.change(source, |source| source.connections -= 1);
    }

    fn handshake_ended(&self, source: guard::Source) {
        let mut counted = self.counted.lock();
        counted.handshakes -= 1;
        counted.change(source, |source| source.handshakes -= 1);
    }
}

impl Counted {
    fn change(&mut self, source: guard::Source, change: impl FnOnce(&mut Source)) {
        let Some(of_source) = self.sources.get_mut(&source) else { return };
        change(of_source);
        if of_source.connections == 0 && of_source.handshakes == 0 {
            self.sources.remove(&source);
        }
    }
}

/// A connection that was let in; gives its place back when it is dropped.
pub(crate) struct Pass {
    doorkeeper: Arc<Doorkeeper>,
    source: guard::Source,
}

impl Pass {
    /// Lets it begin a handshake, until what is given back is dropped.
    pub(crate) fn shake_hands(&self) -> Result<Handshaking, TurnedAway> {
        let mut counted = self.doorkeeper.counted.lock();
        if counted.handshakes >= HANDSHAKES_MAX {
            return Err(TurnedAway::Handshaking);
        }
        let of_source = counted.sources.entry(self.source).or_default();
        if of_source.handshakes >= HANDSHAKES_PER_SOURCE_MAX {
            return Err(TurnedAway::Handshaking);
        }
        of_source.handshakes += 1;
        counted.handshakes += 1;
        Ok(Handshaking { doorkeeper: Arc::clone(&self.doorkeeper), source: self.source })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.doorkeeper.leave(self.source);
    }
}

/// A handshake that is under way; gives its place back when it is dropped.
pub(crate) struct Handshaking {
    doorkeeper: Arc<Doorkeeper>,
    source: guard::Source,
}

impl Drop for Handshaking {
    fn drop(&mut self) {
        self.doorkeeper.handshake_ended(self.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_source_cannot_take_the_places_of_others() {
        let doorkeeper = Arc::new(Doorkeeper::new(4, 2));
        let first = doorkeeper.enter(ip("192.0.2.1")).unwrap();
        let _second = doorkeeper.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(doorkeeper.enter(ip("192.0.2.1")).err(), Some(TurnedAway::SourceFull));
        let _third = doorkeeper.enter(ip("192.0.2.2")).unwrap();
        drop(first);
        let _again = doorkeeper.enter(ip("192.0.2.1")).unwrap();
        let _fourth = doorkeeper.enter(ip("192.0.2.3")).unwrap();
        assert_eq!(doorkeeper.enter(ip("192.0.2.4")).err(), Some(TurnedAway::Full));
    }

    #[test]
    fn a_subscriber_with_a_whole_ipv6_prefix_is_one_source() {
        let doorkeeper = Arc::new(Doorkeeper::new(10, 1));
        let _pass = doorkeeper.enter(ip("2001:db8:0:1::1")).unwrap();
        assert_eq!(doorkeeper.enter(ip("2001:db8:0:1:ffff::2")).err(), Some(TurnedAway::SourceFull));
        assert!(doorkeeper.enter(ip("2001:db8:0:2::1")).is_ok());
    }

    #[test]
    fn handshakes_of_one_source_leave_room_for_those_of_others() {
        let doorkeeper = Arc::new(Doorkeeper::new(10_000, 10_000));
        let scanner: Vec<Pass> =
            (0..=HANDSHAKES_PER_SOURCE_MAX).map(|_| doorkeeper.enter(ip("192.0.2.1")).unwrap()).collect();
        let held: Vec<_> = scanner.iter().filter_map(|pass| pass.shake_hands().ok()).collect();
        assert_eq!(held.len(), HANDSHAKES_PER_SOURCE_MAX);
        let pbx = doorkeeper.enter(ip("192.0.2.2")).unwrap();
        assert!(pbx.shake_hands().is_ok());
        drop(held);
        assert!(scanner[0].shake_hands().is_ok());
    }

    #[test]
    fn nothing_is_remembered_of_who_has_gone() {
        let doorkeeper = Arc::new(Doorkeeper::new(10, 10));
        let pass = doorkeeper.enter(ip("192.0.2.1")).unwrap();
        let handshake = pass.shake_hands().unwrap();
        drop(pass);
        drop(handshake);
        assert_eq!(doorkeeper.connections(), 0);
        assert!(doorkeeper.counted.lock().sources.is_empty());
    }
}
