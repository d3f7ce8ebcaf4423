//! Who listens to facts besides counters and lines: one listener, told only of what it wants.
//!
//! What becomes of a fact there is `backoffice::events`'. Where nobody listens, a fact costs one load of an atomic word.

use crate::telemetry::Telemetry;
use domain::{Fact, Topic, Topics};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Hears a fact, on the thread that tells it.
type Hear = Box<dyn Fn(&Fact) + Send + Sync>;

/// The listener, once there is one.
#[derive(Default)]
pub(crate) struct Ears {
    listener: OnceLock<(Arc<AtomicU32>, Hear)>,
}

impl Ears {
    pub(crate) fn hear(&self, fact: &Fact) {
        let Some((wanted, hear)) = self.listener.get() else { return };
        let wanted = Topics::from_bits(wanted.load(Ordering::Relaxed));
        if !wanted.is_empty() && Topic::of(fact).is_some_and(|topic| wanted.has(topic)) {
            hear(fact);
        }
    }
}

impl Telemetry {
    /// From now on `hear` is called, on the thread that tells it, with every fact whose topic
    /// is in `wanted` ([`Topics::bits`]), which whoever holds it may change at any time. The first one who listens
    /// stays the only one.
    pub fn listen(&self, wanted: Arc<AtomicU32>, hear: Box<dyn Fn(&Fact) + Send + Sync>) {
        let _ = self.ears.listener.set((wanted, hear));
    }
}
