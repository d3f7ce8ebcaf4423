//! Who lives where: addresses of profiles, registrations and calls, found from any shard.
//!
//! Profiles, carriers and what belongs to them are opened on the shard of their hash, on the first message to them, and stay
//! (`docs/decisions`, `resident`): their number is bounded by that of profiles and carriers.

use crate::call::CallShell;
use crate::mailbox::tell;
use crate::profile::Profile;
use crate::registrar::Registration;
use crate::resident::{Residence, Resident};
use crate::shell::Tell;
use actix::Addr;
use dashmap::DashMap;
use domain::{CallId, CarrierId, ProfileId};
use std::sync::Arc;
use switch::carrier::Standing;
use switch::registration::Binding;
use switch::{Carrier, Enrolment, enrolment};

/// Who is found by an identity. Identities are drawn by us, so the quick hash will do: nobody can aim at one bucket.
pub(crate) type Listed<K, V> = DashMap<K, V, foldhash::fast::RandomState>;

/// Addresses of everybody.
#[derive(Default)]
pub struct Registry {
    pub(crate) profiles: Listed<ProfileId, Addr<Residence<Profile>>>,
    pub(crate) registrations: Listed<ProfileId, Addr<Residence<Registration>>>,
    pub(crate) bindings: Listed<ProfileId, Arc<Binding>>,
    pub(crate) carriers: Listed<CarrierId, Addr<Residence<Carrier>>>,
    pub(crate) standings: Listed<CarrierId, Standing>,
    pub(crate) enrolments: Listed<CarrierId, Addr<Residence<Enrolment>>>,
    pub(crate) enrolled: Listed<CarrierId, enrolment::Standing>,
    calls: Listed<CallId, Addr<CallShell>>,
}

impl Registry {
    /// Tells every actor of a kind that was opened.
    pub(crate) fn tell_every<M: Resident>(&self, event: impl Fn() -> M::Event) {
        for resident in self.every::<M>() {
            tell(&resident, Tell(event()));
        }
    }

    /// Every actor of a kind that was opened.
    pub(crate) fn every<M: Resident>(&self) -> Vec<Addr<Residence<M>>> {
        M::residents(self).iter().map(|entry| entry.value().clone()).collect()
    }

    /// How a carrier stands; none before it was first asked.
    pub fn standing(&self, id: CarrierId) -> Option<Standing> {
        self.standings.get(&id).map(|standing| standing.value().clone())
    }

    /// Notes how a carrier stands.
    pub fn publish_standing(&self, id: CarrierId, standing: Standing) {
        self.standings.insert(id, standing);
    }

    /// How our registration towards a carrier stands; none before it was first asked.
    pub fn enrolled(&self, id: CarrierId) -> Option<enrolment::Standing> {
        self.enrolled.get(&id).map(|standing| standing.value().clone())
    }

    /// Notes how our registration towards a carrier stands.
    pub fn publish_enrolment(&self, id: CarrierId, standing: enrolment::Standing) {
        self.enrolled.insert(id, standing);
    }

    /// Where a profile's PBX can be reached now.
    pub fn binding(&self, id: ProfileId) -> Option<Arc<Binding>> {
        self.bindings.get(&id).map(|binding| Arc::clone(&binding))
    }

    /// How many PBXs are registered.
    pub fn bindings(&self) -> usize {
        self.bindings.len()
    }

    /// The bindings that this node holds, in no order.
    pub fn own_bindings(&self) -> Vec<(ProfileId, Arc<Binding>)> {
        let own = self.bindings.iter().filter(|entry| entry.value().is_ours());
        own.map(|entry| (*entry.key(), Arc::clone(entry.value()))).collect()
    }

    /// How many bindings are such.
    pub fn bindings_that(&self, are_such: impl Fn(&Binding) -> bool) -> u64 {
        self.bindings.iter().filter(|entry| are_such(entry.value())).count() as u64
    }

    /// Notes where a profile's PBX can be reached, or that it cannot.
    pub fn publish_binding(&self, id: ProfileId, binding: Option<Arc<Binding>>) {
        match binding {
            Some(binding) => drop(self.bindings.insert(id, binding)),
            None => drop(self.bindings.remove(&id)),
        }
    }

    /// A call's actor, while it lives.
    pub fn call(&self, id: CallId) -> Option<Addr<CallShell>> {
        self.calls.get(&id).map(|call| call.clone())
    }

    /// Does something with a call's actor, while it lives. `with` must be quick: the registry waits for it.
    pub fn with_call<T>(&self, id: CallId, with: impl FnOnce(&Addr<CallShell>) -> T) -> Option<T> {
        self.calls.get(&id).map(|call| with(&call))
    }

    /// A call was opened.
    pub fn enter_call(&self, id: CallId, call: Addr<CallShell>) {
        self.calls.insert(id, call);
    }

    /// A call is over.
    pub fn leave_call(&self, id: CallId) {
        self.calls.remove(&id);
    }

    /// Every call and its actor, in no order; the two calls of a call inside have one.
    pub fn calls(&self) -> Vec<(CallId, Addr<CallShell>)> {
        self.calls.iter().map(|entry| (*entry.key(), entry.value().clone())).collect()
    }

    /// How many calls live.
    pub fn live_calls(&self) -> usize {
        self.calls.len()
    }
}
