//! Which addresses deliveries may go to: by default none that is not of the public internet, whatever its name says (SSRF).
//!
//! Names are looked up here, for each connection anew, and the connection goes to the address that was judged: a name that answers
//! differently the second time gains nothing.

use std::net::{IpAddr, Ipv6Addr};
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Whether an address is of the public internet (RFC 6890, and the ranges of RFC 6598, 5771, 4193, 4291).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_protocol = a == 192 && b == 0 && c == 0;
            let is_benchmark = a == 198 && (b == 18 || b == 19);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.is_multicast()
                || a == 0
                || a >= 240
                || is_shared
                || is_protocol
                || is_benchmark)
        }
        IpAddr::V6(ip) => match embedded(ip) {
            Some(inner) => is_public(inner),
            None => {
                let first = ip.segments()[0];
                let is_global = first & 0xe000 == 0x2000;
                let is_documentation = (first == 0x2001 && ip.segments()[1] == 0x0db8) || first & 0xfff0 == 0x3ff0;
                // Teredo, ORCHID and the like: 2001:0000::/23.
                let is_protocol = first == 0x2001 && ip.segments()[1] < 0x0200;
                is_global && !is_documentation && !is_protocol
            }
        },
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, 6to4, NAT64.
fn embedded(ip: Ipv6Addr) -> Option<IpAddr> {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::from([a, b, c, d])
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Looks names up, and leaves out what may not be reached.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) allow_private: bool,
    pub(super) inner: DefaultResolver,
}

impl Resolver for Reach {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        if self.allow_private {
            return Ok(found);
        }
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| is_public(address.ip())) {
            allowed.push(*address);
        }
        if allowed.is_empty() {
            let what = "it is at an address that is not of the public internet, and webhooks.allow_private is false";
            return Err(ureq::Error::Io(std::io::Error::new(std::io::ErrorKind::PermissionDenied, what)));
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_of_this_house_is_reached_however_it_is_written() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in
            ["8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
