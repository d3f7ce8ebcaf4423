//! A network of IP addresses, as lists of who may send name it.
//!
//! Nothing is looked up here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that share their first bits with one: `192.0.2.0/24`, `2001:db8::/32`; one address alone is a network too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANetwork {
    /// It does not read as one.
    #[error("\"{0}\" is not a network: expected an IP address, alone or with its bits, such as 192.0.2.0/24")]
    Unreadable(String),
    /// Its address has bits beyond those that count.
    #[error("{given} has bits set beyond its first {bits}: did you mean {meant}?")]
    Loose {
        /// As it was given.
        given: String,
        /// How many count.
        bits: u8,
        /// The network that it lies in.
        meant: Network,
    },
}

impl Network {
    /// The network that one customer has as a rule: the /24 around an IPv4 address, the /48 around an IPv6 one.
    pub fn around(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let first = Ipv4Addr::from(u32::from(address) & 0xffff_ff00);
                Network { address: IpAddr::V4(first), bits: 24 }
            }
            IpAddr::V6(address) => {
                let first = Ipv6Addr::from(u128::from(address) >> 80 << 80);
                Network { address: IpAddr::V6(first), bits: 48 }
            }
        }
    }

    /// Its first address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether an address lies in it. An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && kept(address, self.bits) == kept(self.address, self.bits)
    }
}

/// The first bits of an address, the others zero.
fn kept(address: IpAddr, bits: u8) -> u128 {
    let (number, width) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32u8),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let dropped = u32::from(width.saturating_sub(bits));
    number.checked_shr(dropped).unwrap_or(0).checked_shl(dropped).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        match self.bits {
            bits if bits == width => write!(f, "{}", self.address),
            bits => write!(f, "{}/{bits}", self.address),
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refused = || NotANetwork::Unreadable(text.chars().take(64).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= width).ok_or_else(refused)?
            }
            Some(_) => return Err(refused()),
        };
        let first = kept(address, bits);
        let first = match address {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(first).map_err(|_| refused())?.into()),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(first)),
        };
        let meant = Network { address: first, bits };
        if first == address { Ok(meant) } else { Err(NotANetwork::Loose { given: text.to_owned(), bits, meant }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_around_an_address_is_what_one_customer_has_as_a_rule() {
        let around = |address: &str| Network::around(address.parse().unwrap()).to_string();
        assert_eq!(around("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(around("::ffff:192.0.2.77"), "192.0.2.0/24");
        assert_eq!(around("2001:db8:7:1234::9"), "2001:db8:7::/48");
        assert_eq!(around("192.0.2.77").parse(), Ok(Network::around("192.0.2.1".parse().unwrap())));
    }

    #[test]
    fn a_network_holds_the_addresses_that_share_its_first_bits() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:192.0.3.9"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(network.to_string().parse(), Ok(network));
        }
    }

    #[test]
    fn what_is_no_network_says_what_would_be_right() {
        for text in ["", "a", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/+8", "::/129", "192.0.2.0/24/1"] {
            assert!(matches!(text.parse::<Network>(), Err(NotANetwork::Unreadable(_))), "{text}");
        }
        let loose = "192.0.2.7/24".parse::<Network>().unwrap_err();
        assert_eq!(loose.to_string(), "192.0.2.7/24 has bits set beyond its first 24: did you mean 192.0.2.0/24?");
    }
}
