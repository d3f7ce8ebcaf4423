//! The pool of ports: even ones with the odd one above, drawn at random.
//!
//! Whether a drawn port can be bound is found out by the shell, which gives back what it could not use.

use crate::settings::PortRange;
use domain::Entropy;

/// The free ports of the range.
#[derive(Debug)]
pub(crate) struct PortPool {
    /// Even ports, in no order.
    free: Vec<u16>,
    pairs: usize,
    entropy: Entropy,
}

impl PortPool {
    /// All ports of `range`, to be drawn as `entropy` will have it.
    pub(crate) fn new(range: PortRange, entropy: Entropy) -> Self {
        let first = range.first.checked_next_multiple_of(2).unwrap_or(u16::MAX);
        let free: Vec<u16> = (first..=range.last).step_by(2).filter(|port| *port < range.last).collect();
        Self { pairs: free.len(), free, entropy }
    }

    /// An even port that nobody holds, and the one above; none where all are taken.
    pub(crate) fn draw(&mut self) -> Option<u16> {
        if self.free.is_empty() {
            return None;
        }
        let index = self.entropy.below(self.free.len() as u64) as usize;
        Some(self.free.swap_remove(index))
    }

    /// Takes back a port that was drawn.
    pub(crate) fn give_back(&mut self, port: u16) {
        debug_assert!(self.free.len() < self.pairs);
        self.free.push(port);
    }

    /// Ports, RTP and RTCP, that are drawn.
    pub(crate) fn in_use(&self) -> usize {
        (self.pairs - self.free.len()) * 2
    }

    /// Ports, RTP and RTCP, that there are.
    pub(crate) fn limit(&self) -> usize {
        self.pairs * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_port_is_drawn_once_even_in_range_and_in_no_order() {
        let seed = [9; 16];
        let mut pool = PortPool::new(PortRange { first: 10_001, last: 30_000 }, Entropy::from_seed(seed));
        assert_eq!(pool.limit(), 19_998);
        assert_eq!(pool.limit() as u32, PortRange { first: 10_001, last: 30_000 }.pairs() * 2);
        let drawn: Vec<u16> = std::iter::from_fn(|| pool.draw()).collect();
        assert!(drawn.iter().all(|port| port % 2 == 0 && (10_002..30_000).contains(port)));
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 9_999);
        let ascending = drawn.windows(2).filter(|pair| pair[1] == pair[0] + 2).count();
        assert!(ascending < 20, "{ascending} of 9,999 follow each other: not random (seed {seed:?})");
        assert_eq!(pool.in_use(), 19_998);
        pool.give_back(drawn[5]);
        assert_eq!(pool.draw(), Some(drawn[5]));
    }

    #[test]
    fn the_ends_of_the_port_space_are_no_trap() {
        let mut pool = PortPool::new(PortRange { first: 65_534, last: 65_535 }, Entropy::from_seed([0; 16]));
        assert_eq!((pool.draw(), pool.draw()), (Some(65_534), None));
        assert_eq!(PortPool::new(PortRange { first: 65_535, last: 65_535 }, Entropy::from_seed([0; 16])).limit(), 0);
    }
}
