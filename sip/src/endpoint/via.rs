//! The way of responses: our Via on requests (RFC 3261 18.1.1, RFC 3581 3), and where responses to others go (RFC 3261 18.2.2,
//! RFC 3581 4).
//!
//! What a Via says is read in [`crate::message`].

use super::{Destination, Source, Transport};
use crate::Host;
use crate::message::Via;
use bytes::Bytes;
use std::net::SocketAddr;

/// The port of a Via without one (RFC 3261 18.2.2).
pub const DEFAULT_PORT: u16 = 5060;

/// Where the response to a request with this top Via goes: back over its connection, or, once that is gone, over another one to the port
/// of `sent-by` (RFC 3261 18.2.2); over UDP to the address that it came from, and there to the source port if `rport` was asked for,
/// and to the port of `sent-by` if not.
///
/// `maddr` is not followed: it would let a stranger aim our responses at a third party.
pub fn response_destination(top: &Via<'_>, source: &Source) -> Destination {
    let port = match source.transport {
        Transport::Udp if top.wants_rport() => source.peer.port(),
        Transport::Udp | Transport::Tcp | Transport::Tls => top.port().unwrap_or(source.transport.default_port()),
        // Nobody listens for WebSockets of ours (RFC 7118 5).
        Transport::Ws | Transport::Wss => source.peer.port(),
    };
    Destination {
        transport: source.transport,
        addr: SocketAddr::new(source.peer.ip(), port),
        flow: source.flow,
        local: source.local,
    }
}

/// The part of our Via that is the same for every request over one transport from one address.
#[derive(Debug)]
pub(super) struct OwnVia {
    transport: Transport,
    local: SocketAddr,
    host: String,
    /// `Via: SIP/2.0/UDP host:port;branch=`
    line: String,
}

impl OwnVia {
    pub(super) fn new(transport: Transport, local: SocketAddr, host: String) -> OwnVia {
        let line = format!("Via: SIP/2.0/{} {host}:{};branch=", transport.as_str(), local.port());
        OwnVia { transport, local, host, line }
    }

    pub(super) fn fits(&self, destination: &Destination) -> bool {
        self.transport == destination.transport && self.local == destination.local
    }

    /// `sent-by`; `None` where the settings advertise what is no host.
    pub(super) fn host(&self) -> Option<Host<'_>> {
        Host::parse(self.host.as_bytes())
    }

    pub(super) fn port(&self) -> u16 {
        self.local.port()
    }

    /// The request with our Via behind its request line, or before Max-Forwards where that is not among the first lines; `None` where there is no request line, or a Via already.
    pub(super) fn stamp(&self, request: &[u8], branch: &str) -> Option<Bytes> {
        let line_end = memchr::memchr(b'\n', request)? + 1;
        let (line, rest) = request.split_at(line_end);
        if !line.ends_with(b" SIP/2.0\r\n") || has_via(rest) {
            return None;
        }
        let (before, rest) = rest.split_at(place_of_via(rest));
        let mut out = Vec::with_capacity(request.len() + self.line.len() + branch.len() + 8);
        // Over TLS we show our certificate: whoever knows us by it may send its own requests the same way (RFC 5923 6).
        let params: &[u8] = if self.transport == Transport::Tls { b";rport;alias\r\n" } else { b";rport\r\n" };
        for part in [line, before, self.line.as_bytes(), branch.as_bytes(), params, rest] {
            out.extend_from_slice(part);
        }
        Some(Bytes::from(out))
    }
}

/// Where in the header lines that our printer wrote the Via goes: first, as RFC 3261 7.3.1 advises; but who prints From first wants
/// an order of its own, and has it before Max-Forwards.
fn place_of_via(lines: &[u8]) -> usize {
    const MAX_FORWARDS: &[u8] = b"\r\nMax-Forwards: ";
    if !lines.starts_with(b"From: ") {
        return 0;
    }
    memchr::memmem::find(lines, MAX_FORWARDS).map_or(0, |at| at + 2)
}

/// Whether a head that our printer wrote has a Via: names are printed in full there.
fn has_via(lines: &[u8]) -> bool {
    printed_lines(lines).any(|line| line.starts_with(b"Via:"))
}

/// The header lines that our printer wrote, without their ends, up to the empty line.
pub(super) fn printed_lines(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        rest = rest.get(end + 1..).unwrap_or_default();
        (!line.is_empty()).then_some(line)
    })
}
