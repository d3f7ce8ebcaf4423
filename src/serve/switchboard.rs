//! The running switch as the back office sees it.

use actors::Exchange;
use actors::ways::register::transport_fact;
use backoffice::{Future, Switchboard};
use domain::fact::Transport;
use domain::{CallId, CarrierId, CompanyId, ProfileId};
use std::net::SocketAddr;
use std::sync::Arc;
use switch::Directory;
use switch::attempts::Attempt;
use switch::call::{Live, LiveTrace};
use switch::carrier::Standing;
use switch::guard::{Ban, Source};
use switch::registration::Binding;
use switch::rehearsal::{Hypothesis, Rehearsal};

/// The switch of this node, and its name.
pub(super) struct RunningExchange(pub(super) Exchange, pub(super) String);

impl Switchboard for RunningExchange {
    fn live_calls(&self) -> Future<'_, Vec<Live>> {
        Box::pin(self.0.live_calls())
    }

    fn live_call(&self, call: CallId) -> Future<'_, Option<Live>> {
        Box::pin(self.0.live_call(call))
    }

    fn live_trace(&self, call: CallId) -> Future<'_, Option<LiveTrace>> {
        Box::pin(self.0.live_trace(call))
    }

    fn attempts(&self, profile: ProfileId) -> Vec<Attempt> {
        self.0.attempts(profile)
    }

    fn attempts_of_strangers(&self) -> Vec<Attempt> {
        self.0.attempts_of_strangers()
    }

    fn fraud_standing(&self, profile: ProfileId) -> Future<'_, Option<switch::fraud::Standing>> {
        Box::pin(self.0.fraud_standing(profile))
    }

    fn rehearse(&self, hypothesis: Hypothesis) -> Future<'_, Rehearsal> {
        Box::pin(self.0.rehearse(hypothesis))
    }

    fn hang_up(&self, call: CallId) -> bool {
        self.0.hang_up(call)
    }

    fn binding(&self, profile: ProfileId) -> Option<Arc<Binding>> {
        self.0.binding(profile)
    }

    fn node_name(&self) -> String {
        self.1.clone()
    }

    fn reload(&self) -> Result<Vec<String>, store::Error> {
        self.0.reload()
    }

    fn company_topped_up(&self, company: CompanyId) {
        self.0.company_topped_up(company);
    }

    fn profile_credited(&self, profile: ProfileId) {
        self.0.profile_credited(profile);
    }

    fn listeners(&self) -> Vec<(Transport, SocketAddr)> {
        let plain =
            self.0.listeners().iter().flat_map(|address| [(Transport::Udp, *address), (Transport::Tcp, *address)]);
        let others = self.0.stream_listeners().iter();
        plain.chain(others.map(|(transport, address)| (transport_fact(*transport), *address))).collect()
    }

    fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    fn is_draining(&self) -> bool {
        self.0.is_draining()
    }

    fn carrier_standing(&self, carrier: CarrierId) -> Option<Standing> {
        self.0.carrier_standing(carrier)
    }

    fn carrier_enrolled(&self, carrier: CarrierId) -> Option<switch::enrolment::Standing> {
        self.0.carrier_enrolled(carrier)
    }

    fn bans(&self) -> Vec<Ban> {
        self.0.bans()
    }

    fn lift_ban(&self, source: Source) -> Option<Ban> {
        self.0.lift_ban(source)
    }

    fn directory(&self) -> Arc<Directory> {
        self.0.directory()
    }
}
