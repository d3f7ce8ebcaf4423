//! Whom an address counts for: one source of messages.
//!
//! What a source may is not decided here.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// An IPv4 address, or the IPv6 /64 that an address lies in: one subscriber has that as a whole (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

/// Why a text names no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no source: expected an IP address such as 192.0.2.7 or 2001:db8:0:1::/64")]
pub struct NotASource(pub String);

impl Source {
    /// The source that this address counts for.
    pub fn of(address: IpAddr) -> Source {
        Source(match address.to_canonical() {
            IpAddr::V4(ip) => IpAddr::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }

    /// Its first address.
    pub const fn address(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

impl FromStr for Source {
    type Err = NotASource;
    fn from_str(text: &str) -> Result<Source, NotASource> {
        let refused = || NotASource(text.chars().take(64).collect());
        let (address, is_prefix) = text.strip_suffix("/64").map_or((text, false), |address| (address, true));
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        if is_prefix && address.is_ipv4() { Err(refused()) } else { Ok(Source::of(address)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_with_a_whole_ipv6_prefix_is_one_source() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"), "IPv4 in IPv6 clothes");
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
    }

    #[test]
    fn a_source_reads_as_it_is_printed_and_by_each_of_its_addresses() {
        for (text, printed) in [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:0:1::/64", "2001:db8:0:1::/64"),
            ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), printed);
        }
        for text in ["", "192.0.2.7/64", "192.0.2.0/24", "2001:db8::/32", "pbx.example"] {
            assert_eq!(text.parse::<Source>(), Err(NotASource(text.to_owned())));
        }
    }
}
