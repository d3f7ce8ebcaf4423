//! Actors that stay once they were opened: a profile, a PBX's registration, a carrier, our registration towards one. What they share is
//! here: where they live, how they are found, opened, counted and lent.
//!
//! What one of them orders is performed in its own file; what it decides is its machine's, in `switch`.

use crate::core::{Core, ShardHandle};
use crate::mailbox::tell;
use crate::registry::{Listed, Registry};
use crate::shard::ErrandOrdered;
use crate::shell::{Outlet, Shell};
use actix::{Actor as _, Addr, Handler, Message};
use domain::{CarrierId, Machine, ProfileId};
use std::hash::Hash;
use std::sync::Arc;
use telemetry::Telemetry;
use telemetry::labels::Actor;
use tokio::sync::oneshot::Sender;

/// Whose actor it is.
pub(crate) trait Identity: Copy + Eq + Hash + Unpin + Send + 'static {
    /// What chooses the shard that it lives on.
    fn bits(self) -> u128;
}

impl Identity for ProfileId {
    fn bits(self) -> u128 {
        self.bits()
    }
}

impl Identity for CarrierId {
    fn bits(self) -> u128 {
        self.bits()
    }
}

/// A machine whose actor stays.
pub(crate) trait Resident: Machine<Event: Send + Unpin, Effect: Unpin> + Unpin + Sized + 'static {
    /// Whose it is.
    type Id: Identity;

    /// As what its actor is counted.
    const KIND: Actor;

    /// Where the actors of its kind are noted.
    fn residents(registry: &Registry) -> &Listed<Self::Id, Addr<Residence<Self>>>;

    /// The machine as it begins.
    fn born(id: Self::Id, core: &Core) -> Self;

    /// Performs one effect; as [`Outlet::perform`].
    fn perform(effect: Self::Effect, home: &Home<Self>) -> Option<Self::Event>;

    /// Its actor died: the next message to it starts another. What else is noted of it is forgotten.
    fn forget(_id: Self::Id, _core: &Core) {}
}

/// A machine that stays as an actor.
pub(crate) type Residence<M> = Shell<M, Home<M>>;

/// From where a resident's effects are performed.
pub(crate) struct Home<M: Resident> {
    /// Whose.
    pub(crate) id: M::Id,
    /// What all share.
    pub(crate) core: Arc<Core>,
}

impl<M: Resident> Home<M> {
    /// The shard on which it lives.
    pub(crate) fn shard(&self) -> Option<&ShardHandle> {
        self.core.home_of(self.id.bits())
    }

    /// Sends that shard on an errand.
    pub(crate) fn order(&self, errand: ErrandOrdered) {
        if let Some(shard) = self.shard() {
            tell(&shard.address, errand);
        }
    }
}

impl<M: Resident> Outlet<M> for Home<M> {
    const KIND: Actor = M::KIND;

    fn telemetry(&self) -> &Telemetry {
        &self.core.telemetry
    }

    fn mailbox_max(&self) -> usize {
        self.core.limits.mailbox_profile_max
    }

    fn perform(&mut self, effect: M::Effect) -> Option<M::Event> {
        M::perform(effect, self)
    }

    fn finished(&mut self) {
        M::residents(&self.core.registry).remove(&self.id);
        M::forget(self.id, &self.core);
    }
}

/// Asks for a copy of the machine, for a rehearsal: new work, as the call would be.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Lend<M: Send + 'static>(pub(crate) Sender<M>);

impl<M: Resident + Clone + Send> Handler<Lend<M>> for Residence<M> {
    type Result = ();

    fn handle(&mut self, lend: Lend<M>, _: &mut Self::Context) {
        // Nobody waits for it any more.
        let _ = lend.0.send(self.machine().clone());
    }
}

impl Core {
    /// Does something with the actor of a resident, opened where it is not yet; nothing before the shards have started. `with` must be
    /// quick and open no resident of the same kind: the registry waits for it. A clone of an address costs two allocations, and a call
    /// has a dozen things to tell.
    pub(crate) fn with_resident<M: Resident, T>(
        self: &Arc<Self>,
        id: M::Id,
        with: impl FnOnce(&Addr<Residence<M>>) -> T,
    ) -> Option<T> {
        match M::residents(&self.registry).get(&id) {
            Some(known) => Some(with(&known)),
            None => self.resident::<M>(id).map(|opened| with(&opened)),
        }
    }

    /// The actor of a resident, opened where it is not yet; none before the shards have started.
    pub(crate) fn resident<M: Resident>(self: &Arc<Self>, id: M::Id) -> Option<Addr<Residence<M>>> {
        let residents = M::residents(&self.registry);
        if let Some(known) = residents.get(&id) {
            return Some(known.clone());
        }
        let home = self.home_of(id.bits())?;
        let open = || {
            let core = Arc::clone(self);
            Shell::start_in_arbiter(&home.arbiter, move |_| {
                let clock = core.clock;
                Shell::new(M::born(id, &core), Vec::new(), Home { id, core }, clock)
            })
        };
        // Asked for by two at once, only one opens it.
        Some(residents.entry(id).or_insert_with(open).clone())
    }
}
