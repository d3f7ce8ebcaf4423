//! The actor of our registration towards a carrier: [`switch::Enrolment`] in a shell. Its REGISTERs leave through the shard that it lives
//! on.
//!
//! When to register is the machine's to decide; what a REGISTER says, `ways::enrolling`'s.

use crate::core::Core;
use crate::mailbox::tell;
use crate::shard::{RegisterOrdered, Shard};
use crate::shell::{Outlet, Shell};
use actix::Addr;
use domain::CarrierId;
use std::sync::Arc;
use switch::enrolment::Effect;
use telemetry::Telemetry;
use telemetry::labels::Actor;

/// A registration towards a carrier as an actor. It stays once it was opened.
pub(crate) type EnrolmentShell = Shell<switch::Enrolment, EnrolmentOutlet>;

/// Performs the effects of an enrolment.
pub struct EnrolmentOutlet {
    carrier: CarrierId,
    shard: Addr<Shard>,
    core: Arc<Core>,
}

impl EnrolmentOutlet {
    /// An outlet of this carrier's enrolment, which lives on this shard.
    pub fn new(carrier: CarrierId, shard: Addr<Shard>, core: Arc<Core>) -> Self {
        Self { carrier, shard, core }
    }
}

impl Outlet<switch::Enrolment> for EnrolmentOutlet {
    const KIND: Actor = Actor::Carrier;

    fn telemetry(&self) -> &Telemetry {
        &self.core.telemetry
    }

    fn mailbox_max(&self) -> usize {
        self.core.limits.mailbox_profile_max
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            // Bounded: one at a time for each carrier, and one that takes it back.
            Effect::Register { number, expires_s } => {
                self.core.registers_open.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tell(&self.shard, RegisterOrdered { carrier: self.carrier, number, expires_s });
            }
            Effect::Publish(standing) => self.core.registry.publish_enrolment(self.carrier, standing),
            Effect::Tell(fact) => self.core.tell(&fact),
        }
    }

    fn finished(&mut self) {
        self.core.registry.forget_enrolment(self.carrier);
    }
}
