//! A switch takes its place among the nodes of its house.
//!
//! What they say to each other is `neighbours`'.

use super::{Exchange, Inner};
use crate::neighbours::{self, Joining};

impl Exchange {
    /// Takes a place among the other nodes of the house; once. Blocks until it is known what they say now, where that can be known.
    ///
    /// # Errors
    /// Where the operating system gives no chance or no thread.
    pub fn join(&self, joining: Joining) -> std::io::Result<()> {
        let Inner { core, listening, node, .. } = &*self.inner;
        let local = listening.plain.first().copied().unwrap_or(*node);
        let advertised = Some(node.ip()).filter(|ip| *ip != local.ip());
        neighbours::join(core, joining, *node, local, advertised)
    }
}
