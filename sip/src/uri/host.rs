//! The host of a URI or a Via, and `host[:port]`.
//!
//! No name is resolved here.

use crate::message::lex;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host name or address (RFC 3261 25.1, RFC 5118 for IPv6).
#[derive(Debug, Clone, Copy)]
pub enum Host<'a> {
    /// A name, as written; compared without case.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn parse(bytes: &'a [u8]) -> Option<Host<'a>> {
        if let [b'[', inside @ .., b']'] = bytes {
            let text = std::str::from_utf8(inside).ok()?;
            // RFC 5118 4.10: the grammar of RFC 3261 has a colon too many before an embedded IPv4 address; others print it.
            let address = text
                .parse()
                .ok()
                .or_else(|| text.contains(":::").then(|| text.replacen(":::", "::", 1).parse().ok())?);
            return address.map(Host::V6);
        }
        let text = lex::host_text(bytes)?;
        match bytes[bytes.len() - 1].is_ascii_digit().then(|| text.parse().ok()).flatten() {
            Some(address) => Some(Host::V4(address)),
            None => Some(Host::Name(text)),
        }
    }

    /// Reads `host[:port]`, the port without blanks.
    pub(crate) fn parse_with_port(bytes: &'a [u8]) -> Result<(Host<'a>, Option<u16>), &'static str> {
        const BAD_HOST: &str = "has a host that is neither a name, an IPv4 address nor an IPv6 address in brackets";
        let name_end = match bytes.first() {
            Some(b'[') => memchr::memchr(b']', bytes).ok_or("has an IPv6 address whose bracket never closes")? + 1,
            _ => memchr::memchr(b':', bytes).unwrap_or(bytes.len()),
        };
        let host = Host::parse(&bytes[..name_end]).ok_or(BAD_HOST)?;
        let port = match &bytes[name_end..] {
            [] => None,
            [b':', digits @ ..] => Some(
                lex::number(digits)
                    .and_then(|port| u16::try_from(port).ok())
                    .ok_or("has a port that is not a number from 0 to 65535")?,
            ),
            _ => return Err(BAD_HOST),
        };
        Ok((host, port))
    }

    /// The address, if the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

/// Names are the same without case, addresses by what they mean.
impl PartialEq for Host<'_> {
    fn eq(&self, other: &Host<'_>) -> bool {
        match (self, other) {
            (Host::Name(one), Host::Name(other)) => one.eq_ignore_ascii_case(other),
            (Host::V4(one), Host::V4(other)) => one == other,
            (Host::V6(one), Host::V6(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Host<'_> {}

/// As it is written in a URI: IPv6 in brackets.
impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => address.fmt(f),
            Host::V6(address) => write!(f, "[{address}]"),
        }
    }
}
