//! Where a carrier is: a host with or without port, or a SIP URI; what is left out is found by DNS (RFC 3263).
//!
//! Looking it up does not live here.

use domain::fact::Transport;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// How the messages to an address travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// As the carrier's `transport` says: `sip.example.net:5060`.
    Carrier,
    /// As the URI says: `sip:example.net;transport=tls`.
    Named(Transport),
    /// As DNS says (RFC 3263 4.1): `sip:example.net`.
    Any,
}

/// Where a carrier is: `192.0.2.1:5060`, `[2001:db8::1]:5060`, `sip.example.net:5060`, `example.net`, `sip:example.net`,
/// `sip:example.net;transport=tls`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A host name, or an address without brackets.
    pub host: String,
    /// Not 0; none: where DNS says (SRV), or the usual one.
    pub port: Option<u16>,
    /// How its messages travel.
    pub via: Via,
}

/// Why a text is no address of a carrier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not an address: expected a host, with a port where it is not to be found by DNS, such as sip.example.net:5060, \
     [2001:db8::1]:5060 or example.net; or a URI such as sip:example.net;transport=tls"
)]
pub struct NotAnAddress(pub String);

/// The port that an address without one means (RFC 3261 19.1.2).
const SIP_PORT: u16 = 5060;

impl Address {
    /// The IP address and port, where it is no name.
    pub fn exact(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip()?, self.port.unwrap_or(SIP_PORT)))
    }

    /// The IP address, where it is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.via != Via::Carrier {
            f.write_str("sip:")?;
        }
        if self.host.contains(':') { write!(f, "[{}]", self.host) } else { f.write_str(&self.host) }?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.via {
            Via::Named(transport) => write!(f, ";transport={}", transport.as_str()),
            Via::Carrier | Via::Any => Ok(()),
        }
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        read(text).ok_or_else(|| NotAnAddress(text.chars().take(64).collect()))
    }
}

fn read(text: &str) -> Option<Address> {
    let (rest, via) = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") && !is_port(rest) => (rest, Via::Any),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") && !is_port(rest) => {
            (rest, Via::Named(Transport::Tls))
        }
        _ => (text, Via::Carrier),
    };
    let (place, via) = match (rest.split_once(';'), via) {
        (None, via) => (rest, via),
        // A host without scheme has no parameters.
        (Some(_), Via::Carrier) => return None,
        (Some((place, parameter)), via) => (place, named(parameter.strip_prefix("transport=")?, via)?),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let is_ip = host.parse::<IpAddr>().is_ok();
    if !is_ip && !is_host_name(host) {
        return None;
    }
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|parsed| is_port(port) && *parsed != 0)?),
        None => None,
    };
    Some(Address { host: host.to_owned(), port, via })
}

/// A host may be called `sip`: `sip:5060` is that host and its port.
fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn named(word: &str, via: Via) -> Option<Via> {
    let transport = match word {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        "tls" => Transport::Tls,
        _ => return None,
    };
    // `sips:` is TLS whatever else it says.
    match via {
        Via::Named(Transport::Tls) if transport != Transport::Tls => None,
        _ => Some(Via::Named(transport)),
    }
}

/// The shape of a host name (RFC 1123 2.1).
fn is_host_name(host: &str) -> bool {
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_reads_back() {
        for (text, host, port, via) in [
            ("192.0.2.1:5060", "192.0.2.1", Some(5_060), Via::Carrier),
            ("192.0.2.1", "192.0.2.1", None, Via::Carrier),
            ("[2001:db8::1]:5061", "2001:db8::1", Some(5_061), Via::Carrier),
            ("sip.example.net:5060", "sip.example.net", Some(5_060), Via::Carrier),
            ("example.net", "example.net", None, Via::Carrier),
            ("sip:example.net", "example.net", None, Via::Any),
            ("sip:example.net:5070", "example.net", Some(5_070), Via::Any),
            ("sip:example.net;transport=tls", "example.net", None, Via::Named(Transport::Tls)),
            ("sip:[2001:db8::1]:5060;transport=tcp", "2001:db8::1", Some(5_060), Via::Named(Transport::Tcp)),
            ("sip:5060", "sip", Some(5_060), Via::Carrier),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((&*address.host, address.port, address.via), (host, port, via), "{text}");
            assert_eq!(address.to_string(), text);
        }
        let sips: Address = "sips:example.net".parse().unwrap();
        assert_eq!(sips.to_string(), "sip:example.net;transport=tls");
    }

    #[test]
    fn what_is_no_address_says_what_would_be_right() {
        for text in [
            "",
            "bad host:5060",
            "-a:5060",
            "a:0",
            "a:65536",
            "a:+5060",
            "::1:5060",
            "[::1",
            "[::1]5060",
            "a;transport=udp",
            "sip:a;transport=ws",
            "sip:a;lr",
            "sips:a;transport=udp",
            "sip:user@a",
            "sip:",
            "a..b:5060",
        ] {
            let refused = text.parse::<Address>().unwrap_err();
            assert!(refused.to_string().contains("sip.example.net:5060"), "{text}");
        }
    }
}
