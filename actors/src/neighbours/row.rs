//! What nodes tell each other as text: bindings and where a node is. Unknown fields are passed over, so that nodes of two versions can
//! share a board for the time of an upgrade.
//!
//! When it is told is the parent's.

use crate::ways::register::{flow_of, transport_of};
use domain::fact::Transport;
use domain::{ProfileId, Wall};
use ledger::redis::Row;
use serde::{Deserialize, Serialize};
use sip::endpoint::Destination;
use sip::relaying::Relay;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use switch::registration::{Binding, Elsewhere};

/// How long the removal of a binding is told: as long as any binding may last that somebody may still have in mind.
const REMOVAL_TOLD: Duration = Duration::from_secs(3_600);
/// A node that has not said for so long that it lives is lost; it says so again long before.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// What stands under the name of a profile.
#[derive(Serialize, Deserialize)]
pub(super) struct Told {
    /// The node that says so.
    pub(super) node: String,
    /// The binding; none where there is none any more.
    pub(super) bound: Option<Bound>,
}

/// A binding.
#[derive(Serialize, Deserialize)]
pub(super) struct Bound {
    /// Where its node is reached.
    at: SocketAddr,
    /// Over what the way through its node is.
    by: String,
    /// The route through its node, and on from there.
    path: Vec<String>,
    contact: String,
    source: SocketAddr,
    local: SocketAddr,
    transport: String,
    /// Whether it hangs on a connection, which ends with its node.
    pub(super) is_over_connection: bool,
    behind_nat: bool,
    call_id: String,
    cseq: u32,
    credentials: u32,
    user_agent: String,
    granted_s: u32,
    since_us: i64,
    refreshed_us: i64,
    expires_us: i64,
}

/// Where a node is.
#[derive(Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
}

/// What a row is about.
pub(super) enum About {
    Binding(ProfileId),
    Node(String),
}

pub(super) fn about(name: &str) -> Option<About> {
    match name.split_once('/')? {
        ("binding", profile) => profile.parse().ok().map(About::Binding),
        ("node", node) => Some(About::Node(node.to_owned())),
        _ => None,
    }
}

const fn millis(wall: Wall) -> i64 {
    wall.as_unix_micros() / 1_000
}

/// A node's own row: where it is, and that it lives.
pub(super) fn of_node(node: &str, address: SocketAddr, now: Wall) -> Row {
    let text = serde_json::to_string(&Place { address }).unwrap_or_default();
    Row { name: format!("node/{node}"), at_us: now.as_unix_micros(), until_ms: millis(now + LEASE), text }
}

/// Whether a node's row says that it is not expected back: it was worth nothing when it was written.
pub(super) const fn is_withdrawn(row: &Row) -> bool {
    row.until_ms <= row.at_us / 1_000
}

/// That nothing is bound any more since then.
pub(super) fn of_removal(profile: ProfileId, node: &str, at: Wall) -> Row {
    named(profile, node, None, at, at + REMOVAL_TOLD)
}

fn named(profile: ProfileId, node: &str, bound: Option<Bound>, at: Wall, until: Wall) -> Row {
    let text = serde_json::to_string(&Told { node: node.to_owned(), bound }).unwrap_or_default();
    Row { name: format!("binding/{profile}"), at_us: at.as_unix_micros(), until_ms: millis(until), text }
}

/// A binding of this node, or that there is none since then.
pub(super) fn of_binding(
    profile: ProfileId,
    binding: Option<&Binding>,
    at: Wall,
    node: &str,
    address: SocketAddr,
    relay: &Relay,
) -> Row {
    let bound = binding.map(|binding| {
        let transport = transport_of(binding.transport);
        let flow = flow_of(binding.flow);
        let pbx = Destination { transport, addr: binding.source, flow, local: binding.local };
        let by = Relay::towards_us(transport);
        let further = binding.path.iter().map(ToString::to_string);
        Bound {
            at: address,
            by: crate::ways::register::transport_fact(by).as_str().to_owned(),
            path: std::iter::once(relay.route(&pbx, by)).chain(further).collect(),
            contact: binding.contact.to_string(),
            source: binding.source,
            local: binding.local,
            transport: binding.transport.as_str().to_owned(),
            is_over_connection: flow.is_some(),
            behind_nat: binding.behind_nat,
            call_id: binding.sip_call_id.to_string(),
            cseq: binding.cseq,
            credentials: binding.credentials_generation,
            user_agent: binding.user_agent.to_string(),
            granted_s: binding.granted_s,
            since_us: binding.since.as_unix_micros(),
            refreshed_us: binding.refreshed_at.as_unix_micros(),
            expires_us: binding.expires_at.as_unix_micros(),
        }
    });
    let until = binding.map_or(at + REMOVAL_TOLD, |binding| binding.expires_at);
    named(profile, node, bound, at, until)
}

fn transport(text: &str) -> Option<Transport> {
    let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
    all.into_iter().find(|transport| transport.as_str() == text)
}

impl Bound {
    /// Where its node is reached.
    pub(super) const fn at(&self) -> SocketAddr {
        self.at
    }

    /// Another node's binding, as this one reaches it from its own address `local`.
    pub(super) fn elsewhere(&self, node: &str, local: SocketAddr) -> Option<Binding> {
        let (source, transport_there) = (self.source, transport(&self.transport)?);
        let there = Elsewhere { node: node.into(), source, transport: transport_there, is_lost: false };
        let (source, by) = (self.at, transport(&self.by)?);
        Some(self.with(source, local, by, &self.path, Some(Arc::new(there))))
    }

    /// A binding of this node's own, from an earlier life.
    pub(super) fn recalled(&self) -> Option<Binding> {
        let path = self.path.get(1..).unwrap_or_default();
        Some(self.with(self.source, self.local, transport(&self.transport)?, path, None))
    }

    fn with(
        &self,
        source: SocketAddr,
        local: SocketAddr,
        transport: Transport,
        path: &[String],
        elsewhere: Option<Arc<Elsewhere>>,
    ) -> Binding {
        Binding {
            contact: self.contact.as_str().into(),
            source,
            local,
            transport,
            flow: Default::default(),
            path: path.iter().map(|hop| Arc::from(hop.as_str())).collect(),
            behind_nat: self.behind_nat,
            sip_call_id: self.call_id.as_str().into(),
            cseq: self.cseq,
            credentials_generation: self.credentials,
            user_agent: self.user_agent.as_str().into(),
            granted_s: self.granted_s,
            since: Wall::from_unix_micros(self.since_us),
            refreshed_at: Wall::from_unix_micros(self.refreshed_us),
            expires_at: Wall::from_unix_micros(self.expires_us),
            elsewhere,
        }
    }
}
