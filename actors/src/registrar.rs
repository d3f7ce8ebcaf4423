//! The actor of a registration: [`switch::Registration`] in a shell. Its answers go back to the shard that holds the REGISTER.
//!
//! SIP is read and written by the shard; how long a binding is granted is the machine's to decide.

use crate::core::Core;
use crate::mailbox::{offer, tell};
use crate::shard::{ProbeOrdered, RegisterAnswered};
use crate::shell::{Enduring, Outlet, Shell};
use domain::ProfileId;
use std::sync::Arc;
use switch::registration::Effect;
use telemetry::Telemetry;
use telemetry::labels::Actor;

/// A registration as an actor. It stays once it was opened.
pub(crate) type RegistrationShell = Shell<Enduring<switch::Registration>, RegistrarOutlet>;

/// Performs the effects of a registration.
pub struct RegistrarOutlet {
    id: ProfileId,
    core: Arc<Core>,
}

impl RegistrarOutlet {
    /// An outlet of this profile's registration.
    pub fn new(id: ProfileId, core: Arc<Core>) -> Self {
        Self { id, core }
    }
}

/// The mark of a REGISTER: the shard that holds its transaction, and its place there.
pub(crate) fn mark(shard: u16, place: u32) -> u64 {
    u64::from(shard) << 32 | u64::from(place)
}

impl Outlet<Enduring<switch::Registration>> for RegistrarOutlet {
    const KIND: Actor = Actor::Registration;

    fn telemetry(&self) -> &Telemetry {
        &self.core.telemetry
    }

    fn mailbox_max(&self) -> usize {
        self.core.limits.mailbox_profile_max
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Answer { transaction, answer, trace } => {
                if let Some(shard) = self.core.shard((transaction >> 32) as u16) {
                    tell(&shard.address, RegisterAnswered { place: transaction as u32, answer, trace });
                }
            }
            Effect::Publish(binding) => {
                if binding.is_none() {
                    self.core.pinned.remove(&self.id);
                }
                self.core.registry.publish_binding(self.id, binding);
            }
            Effect::Probe(binding) => {
                if let Some(shard) = self.core.home_of(self.id.bits()) {
                    let (profile, binding) = (self.id, binding);
                    // Where the shard lags behind, the next question is in time.
                    let _ = offer(&shard.address, ProbeOrdered { profile, binding });
                }
            }
            Effect::Tell(fact) => self.core.tell(&fact),
        }
    }

    fn finished(&mut self) {
        self.core.registry.forget_registration(self.id);
    }
}
