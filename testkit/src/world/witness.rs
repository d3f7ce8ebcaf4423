//! What can be seen of a node from outside, in order: datagrams in and out, and what its ledger did.
//!
//! Nothing is judged here.

use super::network::Datagram;
use domain::credit::{Batch, Outcome};
use std::sync::{Arc, Mutex};

/// Something that was seen.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A datagram reached the node.
    Received(Datagram),
    /// The node sent a datagram.
    Sent(Datagram),
    /// The ledger answered a batch; a second time as the same batch, where it is repeated.
    Posted(Box<Batch>, Outcome),
    /// The node heard that its ledger cannot answer this batch, whether it was done or not.
    Unanswered(Box<Batch>),
}

/// Writes down what it sees, or looks away. All copies are the same witness.
#[derive(Clone, Default)]
pub struct Witness(Option<Arc<Mutex<Vec<Seen>>>>);

impl Witness {
    /// One that writes down everything.
    pub fn attentive() -> Witness {
        Witness(Some(Arc::default()))
    }

    /// Sees something.
    pub fn see(&self, seen: impl FnOnce() -> Seen) {
        if let Some(log) = &self.0 {
            log.lock().unwrap().push(seen());
        }
    }

    /// What was seen since the last time.
    pub fn take(&self) -> Vec<Seen> {
        self.0.as_ref().map(|log| std::mem::take(&mut *log.lock().unwrap())).unwrap_or_default()
    }
}
