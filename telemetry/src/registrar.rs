//! Registrations, and profiles by what they can do.
//!
//! Bindings do not live here.

use crate::error::Error;
use crate::families::{Counters, Counts, Gauges, Histograms, Maker};
use crate::labels::{NodeState, ProfileKind};
use crate::telemetry::Telemetry;
use domain::fact::{RegistrationOutcome, Transport};
use std::time::Duration;

pub(crate) struct RegistrarHandles {
    active: Gauges<(Transport,)>,
    unreachable: Gauges<()>,
    nodes: Gauges<(NodeState,)>,
    registrations: Counters<(RegistrationOutcome,)>,
    conflicts: Counters<()>,
    delay: Histograms<()>,
    profiles: Gauges<(ProfileKind,)>,
}

impl RegistrarHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            active: maker.gauges("tandem_registrations_active")?,
            unreachable: maker.gauges("tandem_registrations_unreachable")?,
            nodes: maker.gauges("tandem_nodes")?,
            registrations: maker.counters("tandem_registrations_total")?,
            conflicts: maker.counters("tandem_registration_conflicts_total")?,
            delay: maker.histograms("tandem_registration_request_delay_seconds")?,
            profiles: maker.gauges("tandem_profiles")?,
        })
    }

    pub(crate) fn on_changed(&self, outcome: RegistrationOutcome) {
        self.registrations.at((outcome,)).increment(1);
    }

    pub(crate) fn on_conflicted(&self) {
        self.conflicts.at(()).increment(1);
    }
}

impl Telemetry {
    /// Bindings now held, by transport.
    pub fn set_registrations_active(&self, bindings: &Counts<(Transport,)>) {
        self.registrar.active.set_all(bindings);
    }

    /// The other nodes of the house, and how many bindings are at those that are lost.
    pub fn set_nodes(&self, nodes: &Counts<(NodeState,)>, unreachable: u64) {
        self.registrar.nodes.set_all(nodes);
        self.registrar.unreachable.at(()).set(unreachable as f64);
    }

    /// Profiles by what they can do now.
    pub fn set_profiles(&self, profiles: &Counts<(ProfileKind,)>) {
        self.registrar.profiles.set_all(profiles);
    }

    /// A REGISTER got its 200, so long after it was accepted (RFC 6076 RRD).
    pub fn observe_registration(&self, delay: Duration) {
        self.registrar.delay.at(()).record(delay.as_secs_f64());
    }
}
