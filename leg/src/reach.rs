//! Where a request inside a dialog is sent.
//!
//! No name is resolved here: a next hop that is no address, or one that cannot be reached from here (a private address behind
//! NAT), is replaced by where the peer's messages come from, which answers for both (rule S14).

use sip::dialog::Dialog;
use sip::endpoint::{Destination, Source, Transport};
use sip::{Host, Uri};
use std::net::{IpAddr, SocketAddr};

/// Where to send to the peer of `dialog`, whose last message came from `source`.
pub(crate) fn next_hop(dialog: &Dialog, source: &Source) -> Destination {
    let back = Destination::back_to(source);
    // A connection that stands is the way; it may be the only one (RFC 5923). Where it is gone, another one is opened to the remote target
    // (RFC 3261 12.2.1.1, 18.1.1).
    if source.transport.is_stream() {
        return Destination { addr: listening_at(dialog, source), ..back };
    }
    match Uri::parse(dialog.next_hop().as_bytes()).ok().and_then(|uri| address_of(&uri)) {
        Some(address) if address.ip() == source.peer.ip() || !is_behind_nat(address.ip()) => {
            Destination { addr: address, ..back }
        }
        _ => back,
    }
}

/// Where the peer of a dialog over connections listens: at the address of the next hop, or, where that is a name or cannot be reached from
/// here, at that port of the address that its messages come from. A peer behind NAT listens nowhere for us.
fn listening_at(dialog: &Dialog, source: &Source) -> SocketAddr {
    let peer = source.peer.ip();
    let Ok(uri) = Uri::parse(dialog.next_hop().as_bytes()) else { return source.peer };
    let port = uri.port().unwrap_or(source.transport.default_port());
    match address_of(&uri).map(|address| address.ip()) {
        Some(ip) if ip != peer && is_behind_nat(ip) => source.peer,
        Some(ip) => SocketAddr::new(ip, port),
        None => SocketAddr::new(peer, port),
    }
}

/// Whether the dialog itself names this address, as its peer's Contact or as the next hop of its route. What is behind NAT names nobody
/// that we could tell apart.
pub(crate) fn names(dialog: &Dialog, ip: IpAddr) -> bool {
    let named = [dialog.target(), dialog.next_hop()];
    let addresses = named.iter().filter_map(|uri| address_of(&Uri::parse(uri.as_bytes()).ok()?));
    addresses.map(|address| address.ip()).any(|named| named == ip.to_canonical() && !is_behind_nat(named))
}

/// The address that a `sip:` URI names, where it names one rather than a host.
fn address_of(uri: &Uri<'_>) -> Option<SocketAddr> {
    let ip = match uri.host()? {
        Host::V4(ip) => IpAddr::V4(ip),
        Host::V6(ip) => IpAddr::V6(ip),
        Host::Name(_) => return None,
    };
    Some(SocketAddr::new(ip, uri.port().unwrap_or(Transport::Udp.default_port())))
}

/// Whether an address means something only on the peer's own network (RFC 1918, 6598, 3927, 4193, 4291).
fn is_behind_nat(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            ip.is_loopback() || ip.is_unspecified() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}
