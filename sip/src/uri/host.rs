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
        match ipv4_at_start(bytes) {
            Some((address, [])) => Some(Host::V4(address)),
            _ => lex::host_text(bytes).map(Host::Name),
        }
    }

    /// Reads `host[:port]`, the port without blanks.
    pub(crate) fn parse_with_port(bytes: &'a [u8]) -> Result<(Host<'a>, Option<u16>), &'static str> {
        const BAD_HOST: &str = "has a host that is neither a name, an IPv4 address nor an IPv6 address in brackets";
        let (host, rest) = match ipv4_at_start(bytes) {
            Some((address, rest @ ([] | [b':', ..]))) => (Host::V4(address), rest),
            _ => {
                let name_end = match bytes.first() {
                    Some(b'[') => {
                        lex::find_near(b']', bytes).ok_or("has an IPv6 address whose bracket never closes")? + 1
                    }
                    _ => lex::find_near(b':', bytes).unwrap_or(bytes.len()),
                };
                (Host::parse(&bytes[..name_end]).ok_or(BAD_HOST)?, &bytes[name_end..])
            }
        };
        let port = match rest {
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

fn digit(byte: u8) -> u16 {
    u16::from(byte - b'0')
}

/// An IPv4 address that stands at the start, and what stands behind it: four numbers of at most three digits, without leading zeros,
/// which elsewhere mean octal (RFC 6943 3.1.1).
fn ipv4_at_start(bytes: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let mut octets = [0; 4];
    let mut rest = bytes;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let (value, digits) = match rest {
            [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                (digit(*a) * 100 + digit(*b) * 10 + digit(*c), 3)
            }
            [a @ b'1'..=b'9', b @ b'0'..=b'9', ..] => (digit(*a) * 10 + digit(*b), 2),
            [a @ b'0'..=b'9', ..] => (digit(*a), 1),
            _ => return None,
        };
        *octet = u8::try_from(value).ok()?;
        rest = &rest[digits..];
    }
    Some((Ipv4Addr::from(octets), rest))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_exactly_where_the_standard_library_says_so() {
        for text in [
            "192.0.2.1",
            "0.0.0.0",
            "255.255.255.255",
            "256.0.2.1",
            "192.0.2.256",
            "192.0.2.999",
            "01.0.2.1",
            "1.2.3.00",
            "1.2.3",
            "1.2.3.",
            ".1.2.3",
            "1..2.3",
            "1.2.3.4.5",
            "1.2.3.4567",
            "1234.1.1.1",
            "1.2.3.4a",
            "a.1.2.3",
            "1.2.3.-4",
            "1",
        ] {
            let ours = Host::parse(text.as_bytes()).and_then(|host| host.ip());
            assert_eq!(ours, text.parse::<Ipv4Addr>().ok().map(IpAddr::V4), "{text}");
            let with_port = Host::parse_with_port(format!("{text}:5060").into_bytes().leak()).ok();
            assert_eq!(with_port.and_then(|(host, _)| host.ip()), ours, "{text}:5060");
        }
    }
}
