//! Headers that pass a leg once its call is under way, by the policy of its trunk: what is taken of what the peer says, and what goes
//! along with what we say to it.
//!
//! What an INVITE of ours carries, the call has decided; which lines belong together, the orders of the call say.

use crate::presenting::passable;
use domain::header::{HeaderLine, HeaderPolicy, may_pass};
use sip::endpoint::Reply;
use sip::{Lines, Message};
use std::sync::Arc;

/// The policy of one trunk, and what the other side said with what is ordered now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passing {
    policy: Arc<HeaderPolicy>,
    brought: Vec<HeaderLine>,
}

impl Passing {
    pub(crate) fn by(policy: Arc<HeaderPolicy>) -> Passing {
        Passing { policy, brought: Vec::new() }
    }

    /// The lines of a message of the peer that this trunk lets us take.
    pub(crate) fn taken(&self, message: &Message) -> Vec<HeaderLine> {
        passable(message, |name| self.policy.takes(name))
    }

    /// From now on messages say what the other side said: lines that its trunk let us take.
    pub(crate) fn bring(&mut self, lines: Vec<HeaderLine>) {
        self.brought = lines;
    }

    /// What the other side said with what is ordered now.
    pub(crate) fn brought(&self) -> &[HeaderLine] {
        &self.brought
    }

    /// What of these lines goes to the peer, and what goes there always. What never passes is looked at again: it would make two dialogs
    /// one.
    pub(crate) fn towards_peer(&self, lines: &[HeaderLine]) -> impl Iterator<Item = HeaderLine> {
        let is_silent = lines.is_empty() && self.policy.add.is_empty();
        let lines = if is_silent { Vec::new() } else { self.policy.towards(lines) };
        lines.into_iter().filter(|line| may_pass(&line.name))
    }

    /// The answer, with what goes along with it.
    pub(crate) fn reply(&self, reply: Reply) -> Reply {
        self.towards_peer(&self.brought)
            .fold(reply, |reply, line| reply.header_named(&line.name, line.value.as_bytes()))
    }

    /// The request, with what goes along with it.
    pub(crate) fn request<'b>(&self, lines: Lines<'b>) -> Lines<'b> {
        self.request_with(&self.brought, lines)
    }

    /// The request, with what of these lines goes along with it.
    pub(crate) fn request_with<'b>(&self, brought: &[HeaderLine], lines: Lines<'b>) -> Lines<'b> {
        self.towards_peer(brought).fold(lines, |lines, line| lines.header_named(&line.name, line.value.as_bytes()))
    }
}
