//! The one queue of everything that is to happen, in order of time.
//!
//! At one instant events come before timers, as every machine expects; among either, what was queued first comes first.

use super::network::Datagram;
use super::node::Answer;
use domain::Monotonic;
use std::collections::BTreeMap;

/// Something that is to happen.
pub enum Happening {
    /// A datagram arrives.
    Arrival(Datagram),
    /// The ledger's answer reaches the node.
    Answer(Answer),
    /// A mark of the story's own.
    Cue(u64),
    /// A timer of the node may be due.
    NodeTimer,
    /// A timer of this end may be due.
    AgentTimer(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Event,
    Timer,
}

/// The queue.
#[derive(Default)]
pub struct Queue {
    entries: BTreeMap<(Monotonic, Rank, u64), Happening>,
    count: u64,
}

impl Queue {
    /// Puts something in its place.
    pub fn push(&mut self, at: Monotonic, what: Happening) {
        let rank = match what {
            Happening::Arrival(_) | Happening::Answer(_) | Happening::Cue(_) => Rank::Event,
            Happening::NodeTimer | Happening::AgentTimer(_) => Rank::Timer,
        };
        self.count += 1;
        self.entries.insert((at, rank, self.count), what);
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Monotonic> {
        self.entries.keys().next().map(|(at, ..)| *at)
    }

    /// The next thing.
    pub fn pop(&mut self) -> Option<(Monotonic, Happening)> {
        self.entries.pop_first().map(|((at, ..), what)| (at, what))
    }

    /// What was on its way to a node that is dead, or from it, is lost; so are its timers.
    pub fn forget_node(&mut self) {
        let is_lost =
            |what: &Happening| matches!(what, Happening::Arrival(_) | Happening::Answer(_) | Happening::NodeTimer);
        self.entries.retain(|_, what| !is_lost(what));
    }
}
