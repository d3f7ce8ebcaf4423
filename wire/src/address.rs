//! Socket addresses in the kernel's layout and back.
//!
//! No system call is made here.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An IPv4 or IPv6 address as the kernel writes and reads it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    /// Bytes that the kernel may write.
    pub(crate) const SIZE: libc::socklen_t = size_of::<RawAddress>() as libc::socklen_t;

    /// An address of no family.
    pub(crate) const fn unspecified() -> Self {
        // SAFETY: every field of `sockaddr_in6`, the largest member, is an integer or an array of them: all zeros is valid.
        Self { v6: unsafe { std::mem::zeroed() } }
    }

    /// `address` in the kernel's layout, and its length in bytes.
    pub(crate) fn from_address(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut raw = Self::unspecified();
        match address {
            SocketAddr::V4(v4) => {
                raw.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: in_addr(*v4.ip()),
                    sin_zero: [0; 8],
                };
                (raw, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(v6) => {
                raw.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: in6_addr(*v6.ip()),
                    sin6_scope_id: v6.scope_id(),
                };
                (raw, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    /// The address that the kernel wrote; none where the family is neither IPv4 nor IPv6.
    pub(crate) fn to_address(self) -> Option<SocketAddr> {
        // SAFETY: all members are plain integers that start with the family, and all bytes were zero or kernel-written.
        let family = unsafe { self.family };
        match libc::c_int::from(family) {
            libc::AF_INET => {
                // SAFETY: the family says that the kernel wrote a `sockaddr_in`; any bytes are valid in it.
                let v4 = unsafe { self.v4 };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: the family says that the kernel wrote a `sockaddr_in6`; any bytes are valid in it.
                let v6 = unsafe { self.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// `ip` in network byte order.
pub(crate) fn in_addr(ip: Ipv4Addr) -> libc::in_addr {
    libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) }
}

/// `ip` in network byte order.
pub(crate) fn in6_addr(ip: Ipv6Addr) -> libc::in6_addr {
    libc::in6_addr { s6_addr: ip.octets() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_way_into_the_kernels_layout_and_back() {
        for text in ["192.0.2.7:5060", "[2001:db8::7]:65535", "0.0.0.0:0", "[::]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            let (raw, length) = RawAddress::from_address(address);
            assert_eq!(raw.to_address(), Some(address));
            assert!(length <= RawAddress::SIZE);
        }
        assert_eq!(RawAddress::unspecified().to_address(), None);
    }
}
