//! The actor of a carrier: [`switch::Carrier`] in a shell. Its answers go to calls, its OPTIONS through the shard that it lives on.
//!
//! Whether a carrier has room and is up is the machine's to decide.

use crate::core::Core;
use crate::mailbox::tell;
use crate::shard::{OptionsOrdered, Shard};
use crate::shell::{Outlet, Shell, Tell};
use actix::{Addr, Handler, Message};
use domain::CarrierId;
use std::sync::Arc;
use switch::carrier::Effect;
use telemetry::Telemetry;
use telemetry::labels::Actor;
use tokio::sync::oneshot::Sender;

/// A carrier as an actor. It stays once it was opened.
pub(crate) type CarrierShell = Shell<switch::Carrier, CarrierOutlet>;

/// Asks for a copy of the machine, for a rehearsal: new work, as the call would be.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Lend(pub(crate) Sender<switch::Carrier>);

impl Handler<Lend> for CarrierShell {
    type Result = ();

    fn handle(&mut self, lend: Lend, _: &mut Self::Context) {
        // Nobody waits for it any more.
        let _ = lend.0.send(self.machine().clone());
    }
}

/// Performs the effects of a carrier.
pub struct CarrierOutlet {
    id: CarrierId,
    shard: Addr<Shard>,
    core: Arc<Core>,
}

impl CarrierOutlet {
    /// An outlet of this carrier, which lives on this shard.
    pub fn new(id: CarrierId, shard: Addr<Shard>, core: Arc<Core>) -> Self {
        Self { id, shard, core }
    }
}

impl Outlet<switch::Carrier> for CarrierOutlet {
    const KIND: Actor = Actor::Carrier;

    fn telemetry(&self) -> &Telemetry {
        &self.core.telemetry
    }

    fn mailbox_max(&self) -> usize {
        self.core.limits.mailbox_profile_max
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::TellCall(call, event) => {
                // A call whose actor is gone needs no answer; its channel is free again when it could no longer last.
                if let Some(address) = self.core.registry.call(call) {
                    tell(&address, Tell(crate::call::Event::Call(event)));
                }
            }
            // Bounded: one at a time for each carrier.
            Effect::Probe { number } => tell(&self.shard, OptionsOrdered { carrier: self.id, number }),
            Effect::Publish(standing) => self.core.registry.publish_standing(self.id, standing),
            Effect::Tell(fact) => self.core.tell(&fact),
        }
    }

    fn finished(&mut self) {
        self.core.registry.forget_carrier(self.id);
    }
}
