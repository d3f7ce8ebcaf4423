//! Whether an address in a session description can be meant for us, judged by where its signalling came from.
//!
//! No routing table is asked: the kinds of the addresses decide.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches; the order is the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Unspecified, multicast, broadcast, reserved: nobody is there.
    Nowhere,
    /// The same machine (RFC 1122 3.2.1.3, RFC 4291 2.5.3).
    Machine,
    /// The same wire (RFC 3927, RFC 4291 2.5.6).
    Wire,
    /// The same site or provider (RFC 1918, RFC 6598, RFC 4193).
    Site,
    /// Everywhere.
    World,
}

/// Whether sound sent to `media` can arrive where the signalling from `signalling` has its home.
///
/// An address is routable if it reaches as far as the address that the signalling came from, or farther: 192.168.1.5 is, for
/// a phone that signals from 192.168.1.5 or 10.0.0.9, and is not for one that signals from 203.0.113.5, because then a NAT
/// lies between; 127.0.0.1 is only for signalling from 127/8. 0.0.0.0, multicast and broadcast never are.
pub fn is_routable(media: IpAddr, signalling: IpAddr) -> bool {
    let reach = reach(media);
    reach > Reach::Nowhere && reach >= self::reach(signalling)
}

/// Whether anybody can be at `ip` at all.
pub(crate) fn is_somewhere(ip: IpAddr) -> bool {
    reach(ip) > Reach::Nowhere
}

fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or_else(|| reach_v6(ip), reach_v4),
    }
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    let [first, second, ..] = ip.octets();
    match first {
        0 | 224..=255 => Reach::Nowhere,
        127 => Reach::Machine,
        169 if second == 254 => Reach::Wire,
        100 if second & 0xc0 == 64 => Reach::Site,
        _ if ip.is_private() => Reach::Site,
        _ => Reach::World,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    if ip.is_unspecified() || ip.is_multicast() {
        Reach::Nowhere
    } else if ip.is_loopback() {
        Reach::Machine
    } else if ip.is_unicast_link_local() {
        Reach::Wire
    } else if ip.is_unique_local() {
        Reach::Site
    } else {
        Reach::World
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_routable_if_it_reaches_as_far_as_the_signalling() {
        let rows = [
            ("203.0.113.9", "203.0.113.5", true),
            ("203.0.113.9", "192.168.1.5", true),
            ("192.168.1.5", "192.168.1.5", true),
            ("192.168.1.5", "10.0.0.9", true),
            ("192.168.1.5", "203.0.113.5", false),
            ("172.31.255.255", "203.0.113.5", false),
            ("172.32.0.1", "203.0.113.5", true),
            ("100.64.0.1", "203.0.113.5", false),
            ("100.128.0.1", "203.0.113.5", true),
            ("169.254.7.7", "10.0.0.9", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.9.9.9", true),
            ("127.0.0.1", "10.0.0.9", false),
            ("0.0.0.0", "127.0.0.1", false),
            ("224.0.0.1", "127.0.0.1", false),
            ("255.255.255.255", "127.0.0.1", false),
            ("::1", "::1", true),
            ("fe80::1", "2001:db8::1", false),
            ("fd00::1", "2001:db8::1", false),
            ("fd00::1", "fd00::2", true),
            ("2001:db8::1", "fd00::2", true),
            ("::ffff:10.0.0.1", "203.0.113.5", false),
            ("::", "::1", false),
            ("ff02::1", "::1", false),
        ];
        for (media, signalling, expected) in rows {
            assert_eq!(
                is_routable(media.parse().unwrap(), signalling.parse().unwrap()),
                expected,
                "{media} for signalling from {signalling}"
            );
        }
    }
}
