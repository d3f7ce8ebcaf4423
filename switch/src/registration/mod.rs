//! The registration of one profile as a machine: one live binding, newest wins (S9, P2, D-09, D-17; RFC 3261 10.3).
//!
//! Credentials are checked before; URIs, flows and the detection of NAT are the front door's, and opaque here.

mod event;

pub use event::{Answer, Asked, Binding, Bound, Contact, Effect, Event, FlowTag, Register};

use domain::{Machine, Monotonic, Now, ProfileId};
use std::sync::Arc;

/// The registration of one profile.
#[derive(Debug)]
pub struct Registration {
    profile: ProfileId,
    binding: Option<Arc<Binding>>,
}

impl Registration {
    /// Nothing registered.
    pub fn new(profile: ProfileId) -> Registration {
        Registration { profile, binding: None }
    }

    /// A binding that was kept over a restart, unless it has run out since.
    pub fn restored(profile: ProfileId, binding: Arc<Binding>, now: Now) -> Registration {
        Registration { profile, binding: (binding.expires_at > now.wall).then_some(binding) }
    }

    /// Whose.
    pub fn profile(&self) -> ProfileId {
        self.profile
    }

    /// The live binding (P6).
    pub fn binding(&self) -> Option<&Arc<Binding>> {
        self.binding.as_ref()
    }
}

impl Machine for Registration {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        let _ = (event, now, effects);
    }

    fn deadline(&self) -> Option<Monotonic> {
        None
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let _ = (now, effects);
    }

    fn is_finished(&self) -> bool {
        self.binding.is_none()
    }
}
