//! How far an address reaches: whether who comes from the internet can send to it.
//!
//! No routing table is asked; the kind of the address decides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why nobody on the internet can send to an address; nothing where somebody can.
pub fn unroutable(ip: IpAddr) -> Option<&'static str> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => unroutable_v4(ip),
        IpAddr::V6(ip) => unroutable_v6(ip),
    }
}

fn unroutable_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    Some(match (a, b, c) {
        (0, ..) => "no address at all",
        (127, ..) => "the loopback of this machine",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "a private address (RFC 1918)",
        (100, 64..=127, _) => "an address behind a provider's NAT (RFC 6598)",
        (169, 254, _) => "a link-local address (RFC 3927)",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "an address for documentation (RFC 5737)",
        (198, 18 | 19, _) => "an address for measurements (RFC 2544)",
        (224.., ..) => "a multicast or reserved address",
        _ => return None,
    })
}

fn unroutable_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let [a, b, ..] = ip.segments();
    Some(match (a, b) {
        _ if ip.is_unspecified() => "no address at all",
        _ if ip.is_loopback() => "the loopback of this machine",
        (0xfc00..=0xfdff, _) => "a private address (RFC 4193)",
        (0xfe80..=0xfebf, _) => "a link-local address (RFC 4291)",
        (0x2001, 0x0db8) | (0x3fff, 0..=0x0fff) => "an address for documentation (RFC 3849)",
        (0xff00.., _) => "a multicast address",
        _ => return None,
    })
}

/// Why peers that reach us at `listened` cannot answer to `advertised`, as a sentence with what would be right; nothing where they can.
/// Who listens for a private network or for this machine alone may advertise what he likes.
pub fn unreachable(listened: IpAddr, advertised: IpAddr) -> Option<String> {
    if unroutable(listened).is_some() {
        return None;
    }
    let kind = unroutable(advertised)?;
    Some(format!("{advertised} is {kind}, and peers that reach {listened} from the internet cannot send to it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_can_be_advertised_to_it() {
        for (ip, word) in [
            ("0.0.0.0", "no address"),
            ("127.0.0.1", "loopback"),
            ("10.1.2.3", "private"),
            ("172.31.0.1", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "provider"),
            ("169.254.1.1", "link-local"),
            ("192.0.2.1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("::", "no address"),
            ("::1", "loopback"),
            ("fd00::1", "private"),
            ("fe80::1", "link-local"),
            ("2001:db8::1", "documentation"),
            ("::ffff:10.0.0.1", "private"),
        ] {
            let kind = unroutable(ip.parse().unwrap()).unwrap_or_default();
            assert!(kind.contains(word), "{ip}: {kind}");
        }
        for ip in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.3.1", "2606:4700::1", "2a00::1"] {
            assert_eq!(unroutable(ip.parse().unwrap()), None, "{ip}");
        }
    }

    #[test]
    fn a_private_installation_may_advertise_what_it_likes() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(unreachable(ip("192.168.1.2"), ip("192.168.1.3")), None);
        assert_eq!(unreachable(ip("127.0.0.1"), ip("127.0.0.1")), None);
        assert_eq!(unreachable(ip("8.8.8.8"), ip("8.8.4.4")), None);
        assert!(unreachable(ip("8.8.8.8"), ip("192.168.1.3")).unwrap().contains("RFC 1918"));
    }
}
