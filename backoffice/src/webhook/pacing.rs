//! How often a call's charges are delivered: not each tick of each call is worth a request to somebody.
//!
//! Streams have all of them.

use domain::{CallId, Monotonic, Topic};
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two deliveries of `call.charged` of one call at least. What lies between is left out: each says the total so far.
pub const CHARGED_EVERY: Duration = Duration::from_secs(5);
/// Calls that are remembered at most; beyond it all are forgotten, and each is delivered once too often.
const CALLS_MAX: usize = 100_000;

/// When a charge of each call was delivered last.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    calls: BTreeMap<CallId, Monotonic>,
}

impl Pacing {
    /// Whether this event is delivered.
    pub(super) fn lets(&mut self, topic: Topic, call: Option<CallId>, now: Monotonic) -> bool {
        match (topic, call) {
            (Topic::CallCharged, Some(call)) => {
                if self.calls.get(&call).is_some_and(|last| now.since(*last) < CHARGED_EVERY) {
                    return false;
                }
                if self.calls.len() >= CALLS_MAX {
                    self.calls.clear();
                }
                self.calls.insert(call, now);
                true
            }
            (Topic::CallEnded, Some(call)) => {
                self.calls.remove(&call);
                true
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_of_a_call_are_delivered_every_five_seconds_and_everything_else_always() {
        let mut pacing = Pacing::default();
        let at = |seconds: u64| Monotonic::from_micros(seconds * 1_000_000);
        let (one, other) = (Some(CallId::from_bits(1)), Some(CallId::from_bits(2)));
        assert!(pacing.lets(Topic::CallCharged, one, at(0)));
        assert!(!pacing.lets(Topic::CallCharged, one, at(4)));
        assert!(pacing.lets(Topic::CallCharged, other, at(4)));
        assert!(pacing.lets(Topic::CallCharged, one, at(5)));
        assert!(!pacing.lets(Topic::CallCharged, one, at(6)));
        assert!(pacing.lets(Topic::CallEnded, one, at(6)));
        assert_eq!(pacing.calls.len(), 1, "a call that ended is forgotten");
    }
}
