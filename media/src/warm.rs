//! Ports that wait for their next session with their sockets open: who may have which of them, and when there are too many.
//!
//! Pure decisions: sockets are `slots`'s, and a port comes here only after it has been quiet for a while.
//!
//! Opening, binding, watching and closing four sockets is by far the largest part of what a call without packets costs, so those
//! of ended calls are kept. What makes a port hard to guess must not suffer from it: see [`CHOICE_MIN`] and [`RENEWED_ONE_IN`].

use domain::Entropy;
use std::net::{IpAddr, SocketAddr};

/// A port is given again only by chance out of at least this many: with fewer, new ones are drawn from the whole range. So a
/// caller who saw its port learns next to nothing about the next call's, and a quiet house keeps no ports at all.
pub(crate) const CHOICE_MIN: usize = 256;

/// One released pair in this many is closed all the same, so that the ports that are kept change all the time.
pub(crate) const RENEWED_ONE_IN: u64 = 16;

/// A pair of ports whose sockets are open and that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// Its place with the thread that watches it.
    pub(crate) slot: usize,
    /// Where it receives RTP.
    pub(crate) address: SocketAddr,
}

/// The pairs of one thread that may be given at once, by local address.
#[derive(Debug)]
pub(crate) struct Warm {
    ready: Vec<(IpAddr, Vec<Ticket>)>,
    entropy: Entropy,
    given: u64,
}

impl Warm {
    /// None yet.
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self { ready: Vec::new(), entropy, given: 0 }
    }

    /// A pair on `ip` has been quiet for long enough.
    pub(crate) fn add(&mut self, ticket: Ticket) {
        let ip = ticket.address.ip();
        match self.ready.iter_mut().find(|(own, _)| *own == ip) {
            Some((_, tickets)) => tickets.push(ticket),
            // As many entries as there are local addresses in the settings: two.
            None => self.ready.push((ip, vec![ticket])),
        }
    }

    /// A pair on each of these addresses, by chance; none where there is too little choice.
    pub(crate) fn give(&mut self, a: IpAddr, b: Option<IpAddr>) -> Option<(Ticket, Option<Ticket>)> {
        let first = self.draw(a, CHOICE_MIN)?;
        let second = match b.map(|ip| self.draw(ip, CHOICE_MIN)) {
            Some(None) => {
                self.add(first);
                return None;
            }
            Some(second) => second,
            None => None,
        };
        self.given = self.given.wrapping_add(1);
        Some((first, second))
    }

    /// A pair on `ip`, however little choice there is: for when the range has none left.
    pub(crate) fn give_any(&mut self, ip: IpAddr) -> Option<Ticket> {
        self.draw(ip, 1)
    }

    /// Takes out the pair at `slot`; whether it was here.
    pub(crate) fn withdraw(&mut self, slot: usize) -> bool {
        self.ready.iter_mut().any(|(_, tickets)| {
            let found = tickets.iter().position(|ticket| ticket.slot == slot);
            found.map(|index| tickets.swap_remove(index)).is_some()
        })
    }

    /// Takes out a pair, whichever.
    pub(crate) fn shed(&mut self) -> Option<Ticket> {
        self.ready.iter_mut().find_map(|(_, tickets)| tickets.pop())
    }

    /// How often pairs were given.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    fn draw(&mut self, ip: IpAddr, choice_min: usize) -> Option<Ticket> {
        let (_, tickets) = self.ready.iter_mut().find(|(own, _)| *own == ip)?;
        if tickets.len() < choice_min {
            return None;
        }
        let index = self.entropy.below(tickets.len() as u64) as usize;
        Some(tickets.swap_remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const A: &str = "127.0.0.1";
    const B: &str = "127.0.0.2";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn warm(pairs: &[(&str, usize)]) -> Warm {
        let mut warm = Warm::new(Entropy::from_seed([5; 16]));
        let mut slot = 0;
        for (local, count) in pairs {
            for _ in 0..*count {
                warm.add(Ticket { slot, address: SocketAddr::new(ip(local), 10_000 + 2 * slot as u16) });
                slot += 1;
            }
        }
        warm
    }

    #[test]
    fn ports_are_given_again_by_chance_and_only_out_of_many() {
        let mut warm = warm(&[(A, CHOICE_MIN + 100)]);
        let given: Vec<usize> = std::iter::from_fn(|| warm.give(ip(A), None).map(|(ticket, _)| ticket.slot)).collect();
        assert_eq!(given.len(), 101, "what is left would be a guess");
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 101);
        assert!(given.windows(2).filter(|pair| pair[1] == pair[0] + 1).count() < 10, "in no order: {given:?}");
        assert!(warm.give_any(ip(A)).is_some(), "where the range is used up");
        assert_eq!(warm.given(), 101);
    }

    #[test]
    fn a_relay_takes_a_pair_on_each_of_its_addresses_or_none() {
        let mut enough = warm(&[(A, CHOICE_MIN), (B, CHOICE_MIN)]);
        let (a, b) = enough.give(ip(A), Some(ip(B))).unwrap();
        assert_eq!((a.address.ip(), b.unwrap().address.ip()), (ip(A), ip(B)));
        let mut lopsided = warm(&[(A, CHOICE_MIN), (B, CHOICE_MIN - 1)]);
        assert_eq!(lopsided.give(ip(A), Some(ip(B))), None);
        assert!(lopsided.give(ip(A), None).is_some(), "A's was put back");
        assert_eq!(lopsided.give(ip("127.0.0.3"), None), None);
    }

    #[test]
    fn a_pair_is_withdrawn_once() {
        let mut warm = warm(&[(A, 2), (B, 1)]);
        assert!(warm.withdraw(2));
        assert!(!warm.withdraw(2));
        let left = [warm.shed(), warm.shed(), warm.shed()].map(|ticket| ticket.map(|ticket| ticket.slot));
        assert_eq!(left, [Some(1), Some(0), None]);
    }
}
