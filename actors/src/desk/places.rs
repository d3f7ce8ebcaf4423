//! Addresses of carriers and PBXs as places: fixed ones with the listener of ours that reaches them, and names that DNS is asked of.
//!
//! Where names are is `whereabouts`'; which place is called, the desk's.

use super::NodeRules;
use crate::resolving::Ways;
use crate::ways::register::transport_of;
use leg::Hop;
use sip::endpoint::{Destination, Transport};
use sip::locating::Wanted;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

/// One of a carrier's addresses, or a PBX's fixed contact.
#[derive(Debug)]
pub(super) enum Place {
    /// By its IP address.
    Fixed(Hop),
    /// By name: DNS says where, and over what.
    Named { wanted: Wanted, host: Arc<str> },
}

/// The URI of a PBX's fixed contact.
pub(super) fn contact_uri(contact: &store::Address) -> Arc<str> {
    let text = contact.to_string();
    if text.starts_with("sip:") { text.into() } else { format!("sip:{text}").into() }
}

/// An address of a carrier or a PBX, and the listener of ours that reaches it; `usual` is its transport where it names none.
pub(super) fn place(
    usual: domain::fact::Transport,
    address: &store::Address,
    rules: &NodeRules,
) -> Result<Place, &'static str> {
    let transport = match address.via {
        store::carrier::Via::Carrier => Some(transport_of(usual)),
        store::carrier::Via::Named(transport) => Some(transport_of(transport)),
        store::carrier::Via::Any => None,
    };
    if transport.is_some_and(Transport::is_secure) && rules.tls_listeners.is_empty() {
        return Err("it wants TLS, and this node has none: set tls.listen");
    }
    let Some(ip) = address.ip() else {
        let host = host_of(address);
        let wanted = Wanted { host: address.host.as_str().into(), port: address.port, transport };
        return Ok(Place::Named { wanted, host });
    };
    let transport = transport.unwrap_or(Transport::Udp);
    let addr = SocketAddr::new(ip, address.port.unwrap_or(transport.default_port()));
    let ways = Ways { plain: rules.listeners.clone(), tls: rules.tls_listeners.clone() };
    let local = ways.local(transport, addr).ok_or("no listener of ours reaches it")?;
    let destination = Destination { transport, addr, flow: None, local };
    Ok(Place::Fixed(Hop { destination, host: addr.to_string().into() }))
}

/// The host of Request-URIs, with its port.
pub(super) fn host_of(address: &store::Address) -> Arc<str> {
    let host = match address.ip() {
        Some(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => address.host.clone(),
    };
    match address.port {
        Some(port) => format!("{host}:{port}").into(),
        None => host.into(),
    }
}

/// The address of ours that the routing table chooses towards `peer`, where the listener is on every address.
pub(crate) fn local_towards(peer: SocketAddr, listener: SocketAddr) -> SocketAddr {
    if !listener.ip().is_unspecified() {
        return listener;
    }
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    // Connecting a datagram socket sends nothing; it only asks the routing table.
    let chosen = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(peer).and_then(|()| socket.local_addr()));
    chosen.map_or(listener, |local| SocketAddr::new(local.ip(), listener.port()))
}
