//! Actors: the messages that they handled or did not take, how long messages wait, and the actors that were lost.
//!
//! What actors do does not live here.

use crate::error::Error;
use crate::families::{Counters, Histograms, Maker};
use crate::labels::{Actor, ActorOutcome};
use crate::telemetry::Telemetry;
use std::time::Duration;

pub(crate) struct ActorHandles {
    wait: Histograms<()>,
    handle: Histograms<()>,
    messages: Counters<(Actor, ActorOutcome)>,
    lost: Counters<(Actor,)>,
}

impl ActorHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            wait: maker.histograms("tandem_actor_mailbox_wait_seconds")?,
            handle: maker.histograms("tandem_actor_handle_seconds")?,
            messages: maker.counters("tandem_actor_messages_total")?,
            lost: maker.counters("tandem_actor_lost_total")?,
        })
    }
}

impl Telemetry {
    /// Actors of this kind handled messages, or did not take them. May be told in batches.
    pub fn count_actor_messages(&self, actor: Actor, outcome: ActorOutcome, messages: u64) {
        self.actors.messages.at((actor, outcome)).increment(messages);
    }

    /// How long a message to a shard waited until it was taken. A sample of the messages will do: all actors of a shard wait for
    /// the same thread.
    pub fn observe_mailbox_wait(&self, waited: Duration) {
        self.actors.wait.at(()).record(waited.as_secs_f64());
    }

    /// How long a shard took to handle a message. A sample of the messages will do.
    pub fn observe_actor_handling(&self, took: Duration) {
        self.actors.handle.at(()).record(took.as_secs_f64());
    }

    /// An actor was lost to a panic.
    pub fn count_actor_lost(&self, actor: Actor) {
        self.actors.lost.at((actor,)).increment(1);
    }
}
