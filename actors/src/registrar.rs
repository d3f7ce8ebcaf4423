//! The actor of a registration: [`switch::Registration`] in a shell. Its answers go back to the shard that holds the REGISTER.
//!
//! SIP is read and written by the shard; how long a binding is granted is the machine's to decide.

use crate::core::Core;
use crate::mailbox::{offer, tell};
use crate::registry::{Listed, Registry};
use crate::resident::{Home, Residence, Resident};
use crate::shard::{ErrandOrdered, RegisterAnswered};
use crate::shell::Enduring;
use actix::Addr;
use domain::ProfileId;
use switch::registration::Effect;
use telemetry::labels::Actor;

/// A registration, whose actor stays when nobody is registered.
pub(crate) type Registration = Enduring<switch::Registration>;

/// The mark of a REGISTER: the shard that holds its transaction, and its place there.
pub(crate) fn mark(shard: u16, place: u32) -> u64 {
    u64::from(shard) << 32 | u64::from(place)
}

impl Resident for Registration {
    type Id = ProfileId;

    const KIND: Actor = Actor::Registration;

    fn residents(registry: &Registry) -> &Listed<ProfileId, Addr<Residence<Registration>>> {
        &registry.registrations
    }

    fn born(id: ProfileId, core: &Core) -> Registration {
        Enduring(switch::Registration::new(id, core.limits.expiries))
    }

    fn perform(effect: Effect, home: &Home<Registration>) -> Option<Self::Event> {
        let core = &home.core;
        match effect {
            Effect::Answer { transaction, answer, trace } => {
                if let Some(shard) = core.shard((transaction >> 32) as u16) {
                    tell(&shard.address, RegisterAnswered { place: transaction as u32, answer, trace });
                }
            }
            Effect::Publish(binding) => {
                if binding.is_none() {
                    core.pinned.remove(&home.id);
                }
                core.registry.publish_binding(home.id, binding);
            }
            Effect::Probe(binding) => {
                if let Some(shard) = home.shard() {
                    // Where the shard lags behind, the next question is in time.
                    let _ = offer(&shard.address, ErrandOrdered::AskPbx { profile: home.id, binding });
                }
            }
            Effect::Tell(fact) => core.tell(&fact),
        }
        None
    }

    fn forget(id: ProfileId, core: &Core) {
        core.registry.bindings.remove(&id);
    }
}
