//! Where responses go (RFC 3261 18.2.2, RFC 3581 4).
//!
//! What a Via says is read in [`crate::message`].

use super::{Destination, Source, Transport};
use crate::Message;
use std::net::SocketAddr;

/// The port of a Via without one (RFC 3261 18.2.2).
pub const DEFAULT_PORT: u16 = 5060;

/// Where the response to `request` goes: back over its connection; over UDP to the address that it came from, and there to the
/// source port if `rport` was asked for, and to the port of `sent-by` if not.
///
/// `maddr` is not followed: it would let a stranger aim our responses at a third party.
pub fn response_destination(request: &Message, source: &Source) -> Destination {
    let port = match (source.transport, request.top_via()) {
        (Transport::Udp, Ok(via)) if !via.wants_rport() => via.port().unwrap_or(DEFAULT_PORT),
        _ => source.peer.port(),
    };
    Destination {
        transport: source.transport,
        addr: SocketAddr::new(source.peer.ip(), port),
        flow: source.flow,
        local: source.local,
    }
}
