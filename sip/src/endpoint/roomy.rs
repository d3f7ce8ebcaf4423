//! Requests that are too large for a datagram go over TCP (RFC 3261 18.1.1), and over UDP after all where nobody listens there.
//!
//! Where connections come from is not known here.

use super::Destination;
use domain::{Monotonic, Now};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a peer without TCP is sent datagrams only: its next large request would lose the time of another attempt.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);
/// Peers that are remembered; of more, the one that would be forgotten first is.
const PEERS_MAX: usize = 256;

/// Who takes no connection.
#[derive(Debug, Default)]
pub(super) struct Streamless(BTreeMap<SocketAddr, Monotonic>);

impl Streamless {
    /// Nobody listens for connections there.
    pub(super) fn learn(&mut self, peer: SocketAddr, now: Now) {
        self.0.retain(|_, until| *until > now.monotonic);
        if self.0.len() >= PEERS_MAX
            && let Some(first) = self.0.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer)
        {
            self.0.remove(&first);
        }
        self.0.insert(peer, now.monotonic + FORGOTTEN_AFTER);
    }

    fn knows(&self, peer: SocketAddr, now: Now) -> bool {
        self.0.get(&peer).is_some_and(|until| *until > now.monotonic)
    }

    /// Over what a request of this size goes there instead; none where it fits, or where that was tried in vain.
    pub(super) fn instead(&self, destination: Destination, bytes: usize, most: usize, now: Now) -> Option<Destination> {
        let is_too_large = most > 0 && bytes > most && !destination.transport.is_stream();
        let over_tcp = Destination { transport: super::Transport::Tcp, flow: None, ..destination };
        (is_too_large && !self.knows(destination.addr, now)).then_some(over_tcp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Transport;

    fn at(seconds: u64) -> Now {
        Now { monotonic: Monotonic::from_micros(seconds * 1_000_000), ..Now::default() }
    }

    fn peer(number: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 5_000 + number))
    }

    #[test]
    fn what_is_known_is_bounded_and_forgotten() {
        let over = |transport| Destination { transport, addr: peer(0), flow: None, local: peer(999) };
        let mut streamless = Streamless::default();
        let instead = |streamless: &Streamless, bytes, now| {
            streamless.instead(over(Transport::Udp), bytes, 1_300, now).map(|other| other.transport)
        };
        assert_eq!(instead(&streamless, 1_300, at(0)), None);
        assert_eq!(instead(&streamless, 1_301, at(0)), Some(Transport::Tcp));
        assert_eq!(streamless.instead(over(Transport::Tls), 9_000, 1_300, at(0)), None);
        assert_eq!(streamless.instead(over(Transport::Udp), 9_000, 0, at(0)), None, "switched off");
        streamless.learn(peer(0), at(0));
        assert_eq!(instead(&streamless, 9_000, at(3_599)), None);
        assert_eq!(instead(&streamless, 9_000, at(3_600)), Some(Transport::Tcp));
        (1..=300).for_each(|number| streamless.learn(peer(number), at(10_000 + u64::from(number))));
        assert_eq!(streamless.0.len(), PEERS_MAX);
        assert!(!streamless.knows(peer(1), at(10_301)) && streamless.knows(peer(300), at(10_301)));
    }
}
