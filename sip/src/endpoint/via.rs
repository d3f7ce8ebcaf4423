//! The way of responses: our Via on requests (RFC 3261 18.1.1, RFC 3581 3), and where responses to others go (RFC 3261 18.2.2,
//! RFC 3581 4).
//!
//! What a Via says is read in [`crate::message`].

use super::{Destination, Source, Transport};
use crate::{Host, Message};
use bytes::Bytes;
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

/// What our Via says.
pub(super) struct OwnVia<'a> {
    pub(super) transport: Transport,
    pub(super) host: Host<'a>,
    pub(super) port: u16,
    pub(super) branch: &'a str,
}

/// The request with our Via behind its request line; `None` where there is no request line, or a Via already.
pub(super) fn with_via(request: &[u8], via: &OwnVia<'_>) -> Option<Bytes> {
    let line_end = memchr::memmem::find(request, b"\r\n")? + 2;
    let (line, rest) = request.split_at(line_end);
    if !line.ends_with(b" SIP/2.0\r\n") || has_via(rest) {
        return None;
    }
    let mut out = Vec::with_capacity(request.len() + 128);
    out.extend_from_slice(line);
    use std::io::Write as _;
    // Writing into memory cannot fail.
    let _ = write!(
        out,
        "Via: SIP/2.0/{} {}:{};branch={};rport\r\n",
        via.transport.as_str(),
        via.host,
        via.port,
        via.branch
    );
    out.extend_from_slice(rest);
    Some(Bytes::from(out))
}

/// Whether a head that our printer wrote has a Via: names are printed in full there, and a head ends at the empty line.
fn has_via(lines: &[u8]) -> bool {
    let head = memchr::memmem::find(lines, b"\r\n\r\n").map_or(lines, |end| &lines[..end]);
    head.starts_with(b"Via:") || memchr::memmem::find(head, b"\r\nVia:").is_some()
}
