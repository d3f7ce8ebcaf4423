//! The actor of our registration towards a carrier: [`switch::Enrolment`] in a shell. Its REGISTERs leave through the shard that it lives
//! on.
//!
//! When to register is the machine's to decide; what a REGISTER says, `ways::enrolling`'s.

use crate::core::Core;
use crate::registry::{Listed, Registry};
use crate::resident::{Home, Residence, Resident};
use crate::shard::ErrandOrdered;
use actix::Addr;
use domain::CarrierId;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use switch::Enrolment;
use switch::enrolment::Effect;
use telemetry::labels::Actor;

impl Resident for Enrolment {
    type Id = CarrierId;

    const KIND: Actor = Actor::Carrier;

    fn residents(registry: &Registry) -> &Listed<CarrierId, Addr<Residence<Enrolment>>> {
        &registry.enrolments
    }

    fn born(id: CarrierId, core: &Core) -> Enrolment {
        let chance = core.chance.lock().fork();
        let enrolment = Enrolment::new(id, Arc::clone(core.desk.load().directory()), chance, core.clock.now());
        core.registry.publish_enrolment(id, enrolment.standing());
        enrolment
    }

    fn perform(effect: Effect, home: &Home<Enrolment>) -> Option<Self::Event> {
        match effect {
            // Bounded: one at a time for each carrier, and one that takes it back.
            Effect::Register { number, expires_s } => {
                home.core.registers_open.fetch_add(1, Ordering::Relaxed);
                home.order(ErrandOrdered::Register { carrier: home.id, number, expires_s });
            }
            Effect::Publish(standing) => {
                home.core.desk.load().whereabouts().route(home.id, Arc::clone(&standing.service_route));
                home.core.registry.publish_enrolment(home.id, standing);
            }
            Effect::Tell(fact) => home.core.tell(&fact),
        }
        None
    }

    /// The next one registers anew.
    fn forget(id: CarrierId, core: &Core) {
        core.registry.enrolled.remove(&id);
        core.desk.load().whereabouts().route(id, [].into());
    }
}
