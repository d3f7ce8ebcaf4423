//! Actors: their mailboxes, the time they take, and the ones that were lost.
//!
//! What actors do does not live here.

use crate::error::Error;
use crate::families::{Counters, Gauges, Histograms, Maker};
use crate::labels::{Actor, ActorOutcome};
use crate::telemetry::Telemetry;
use std::time::Duration;

pub(crate) struct ActorHandles {
    depth: Gauges<(Actor,)>,
    wait: Histograms<(Actor,)>,
    handle: Histograms<(Actor,)>,
    messages: Counters<(Actor, ActorOutcome)>,
    lost: Counters<(Actor,)>,
}

impl ActorHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            depth: maker.gauges("tandem_actor_mailbox_depth")?,
            wait: maker.histograms("tandem_actor_mailbox_wait_seconds")?,
            handle: maker.histograms("tandem_actor_handle_seconds")?,
            messages: maker.counters("tandem_actor_messages_total")?,
            lost: maker.counters("tandem_actor_lost_total")?,
        })
    }
}

impl Telemetry {
    /// An actor handled messages, or did not take them. May be told in batches.
    pub fn count_actor_messages(&self, actor: Actor, outcome: ActorOutcome, messages: u64) {
        self.actors.messages.at((actor, outcome)).increment(messages);
    }

    /// How long a message waited and how long its handling took. A sample of the messages will do.
    pub fn observe_actor_message(&self, actor: Actor, waited: Duration, handled: Duration) {
        self.actors.wait.at((actor,)).record(waited.as_secs_f64());
        self.actors.handle.at((actor,)).record(handled.as_secs_f64());
    }

    /// The largest mailbox of a kind of actor, in messages.
    pub fn set_mailbox_depth(&self, actor: Actor, messages: u64) {
        self.actors.depth.at((actor,)).set(messages as f64);
    }

    /// An actor was lost to a panic.
    pub fn count_actor_lost(&self, actor: Actor) {
        self.actors.lost.at((actor,)).increment(1);
    }
}
