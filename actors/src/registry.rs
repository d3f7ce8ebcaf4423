//! Who lives where: addresses of profiles, registrations and calls, found from any shard.
//!
//! Profile and registration actors are started on the shard of the profile's hash, on the first message to them, and stay
//! (`docs/decisions`): their number is bounded by the number of profiles.

use crate::call::CallShell;
use crate::carrier::CarrierShell;
use crate::enrolment::EnrolmentShell;
use crate::profile::ProfileShell;
use crate::registrar::RegistrationShell;
use actix::Addr;
use dashmap::DashMap;
use domain::{CallId, CarrierId, ProfileId};
use std::sync::Arc;
use switch::carrier::Standing;
use switch::enrolment;
use switch::registration::Binding;

/// Addresses of everybody.
#[derive(Default)]
pub struct Registry {
    profiles: DashMap<ProfileId, Addr<ProfileShell>>,
    registrations: DashMap<ProfileId, Addr<RegistrationShell>>,
    bindings: DashMap<ProfileId, Arc<Binding>>,
    carriers: DashMap<CarrierId, Addr<CarrierShell>>,
    standings: DashMap<CarrierId, Standing>,
    enrolments: DashMap<CarrierId, Addr<EnrolmentShell>>,
    enrolled: DashMap<CarrierId, enrolment::Standing>,
    calls: DashMap<CallId, Addr<CallShell>>,
}

impl Registry {
    /// The profile's actor, started by `start` where it is not yet.
    pub fn profile(&self, id: ProfileId, start: impl FnOnce() -> Addr<ProfileShell>) -> Addr<ProfileShell> {
        if let Some(known) = self.profiles.get(&id) {
            return known.clone();
        }
        // Asked for by two at once, only one starts it.
        self.profiles.entry(id).or_insert_with(start).clone()
    }

    /// The carrier's actor, started by `start` where it is not yet.
    pub fn carrier(&self, id: CarrierId, start: impl FnOnce() -> Addr<CarrierShell>) -> Addr<CarrierShell> {
        if let Some(known) = self.carriers.get(&id) {
            return known.clone();
        }
        self.carriers.entry(id).or_insert_with(start).clone()
    }

    /// Every carrier's actor that was started.
    pub fn carriers(&self) -> Vec<Addr<CarrierShell>> {
        self.carriers.iter().map(|entry| entry.value().clone()).collect()
    }

    /// A carrier's actor died: the next message to it starts another, which knows nobody's channels.
    pub fn forget_carrier(&self, id: CarrierId) {
        self.carriers.remove(&id);
        self.standings.remove(&id);
    }

    /// How a carrier stands; none before it was first asked.
    pub fn standing(&self, id: CarrierId) -> Option<Standing> {
        self.standings.get(&id).map(|standing| standing.value().clone())
    }

    /// Notes how a carrier stands.
    pub fn publish_standing(&self, id: CarrierId, standing: Standing) {
        self.standings.insert(id, standing);
    }

    /// The actor of our registration towards a carrier, started by `start` where it is not yet.
    pub fn enrolment(&self, id: CarrierId, start: impl FnOnce() -> Addr<EnrolmentShell>) -> Addr<EnrolmentShell> {
        if let Some(known) = self.enrolments.get(&id) {
            return known.clone();
        }
        self.enrolments.entry(id).or_insert_with(start).clone()
    }

    /// Every enrolment's actor that was started.
    pub fn enrolments(&self) -> Vec<Addr<EnrolmentShell>> {
        self.enrolments.iter().map(|entry| entry.value().clone()).collect()
    }

    /// An enrolment's actor died: the next message to it starts another, which registers anew.
    pub fn forget_enrolment(&self, id: CarrierId) {
        self.enrolments.remove(&id);
        self.enrolled.remove(&id);
    }

    /// How our registration towards a carrier stands; none before it was first asked.
    pub fn enrolled(&self, id: CarrierId) -> Option<enrolment::Standing> {
        self.enrolled.get(&id).map(|standing| standing.value().clone())
    }

    /// Notes how our registration towards a carrier stands.
    pub fn publish_enrolment(&self, id: CarrierId, standing: enrolment::Standing) {
        self.enrolled.insert(id, standing);
    }

    /// The registration's actor, started by `start` where it is not yet.
    pub fn registration(
        &self,
        id: ProfileId,
        start: impl FnOnce() -> Addr<RegistrationShell>,
    ) -> Addr<RegistrationShell> {
        if let Some(known) = self.registrations.get(&id) {
            return known.clone();
        }
        self.registrations.entry(id).or_insert_with(start).clone()
    }

    /// Every profile's actor that was started.
    pub fn profiles(&self) -> Vec<Addr<ProfileShell>> {
        self.profiles.iter().map(|entry| entry.value().clone()).collect()
    }

    /// Every registration's actor that was started.
    pub fn registrations(&self) -> Vec<Addr<RegistrationShell>> {
        self.registrations.iter().map(|entry| entry.value().clone()).collect()
    }

    /// A profile died: the next message to it starts another.
    pub fn forget_profile(&self, id: ProfileId) {
        self.profiles.remove(&id);
    }

    /// A registration died.
    pub fn forget_registration(&self, id: ProfileId) {
        self.registrations.remove(&id);
        self.bindings.remove(&id);
    }

    /// Where a profile's PBX can be reached now.
    pub fn binding(&self, id: ProfileId) -> Option<Arc<Binding>> {
        self.bindings.get(&id).map(|binding| Arc::clone(&binding))
    }

    /// How many PBXs are registered.
    pub fn bindings(&self) -> usize {
        self.bindings.len()
    }

    /// Every binding, in no order.
    pub fn every_binding(&self) -> Vec<Arc<Binding>> {
        self.bindings.iter().map(|entry| Arc::clone(entry.value())).collect()
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
