//! The actor of a carrier: [`switch::Carrier`] in a shell. Its answers go to calls, its OPTIONS through the shard that it lives on.
//!
//! Whether a carrier has room and is up is the machine's to decide.

use crate::core::Core;
use crate::mailbox::tell;
use crate::registry::{Listed, Registry};
use crate::resident::{Home, Residence, Resident};
use crate::shard::ErrandOrdered;
use crate::shell::Tell;
use actix::Addr;
use domain::CarrierId;
use std::sync::Arc;
use switch::Carrier;
use switch::carrier::Effect;
use telemetry::labels::Actor;

impl Resident for Carrier {
    type Id = CarrierId;

    const KIND: Actor = Actor::Carrier;

    fn residents(registry: &Registry) -> &Listed<CarrierId, Addr<Residence<Carrier>>> {
        &registry.carriers
    }

    fn born(id: CarrierId, core: &Core) -> Carrier {
        let carrier = Carrier::new(id, Arc::clone(core.desk.load().directory()), core.clock.now());
        core.registry.publish_standing(id, carrier.standing());
        carrier
    }

    fn perform(effect: Effect, home: &Home<Carrier>) -> Option<Self::Event> {
        match effect {
            Effect::TellCall(call, event) => {
                // A call whose actor is gone needs no answer; its channel is free again when it could no longer last.
                let _ =
                    home.core.registry.with_call(call, |address| tell(address, Tell(crate::call::Event::Call(event))));
            }
            // Bounded: one at a time for each carrier.
            Effect::Probe { number } => home.order(ErrandOrdered::AskCarrier { carrier: home.id, number }),
            Effect::Publish(standing) => home.core.registry.publish_standing(home.id, standing),
            Effect::Tell(fact) => home.core.tell(&fact),
        }
        None
    }

    /// The next one knows nobody's channels.
    fn forget(id: CarrierId, core: &Core) {
        core.registry.standings.remove(&id);
    }
}
