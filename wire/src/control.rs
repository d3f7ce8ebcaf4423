//! Control messages beside a datagram: the local address that it was sent to or shall leave from, and the drop counter.
//!
//! No system call is made here, and nothing else that the kernel may attach is read.

use crate::address::{in_addr, in6_addr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes for the control messages of one datagram: an `in6_pktinfo` (20 bytes) and a drop counter (4 bytes), each with its
/// header of 16 bytes and padding, are 64.
const CONTROL_SIZE: usize = 128;

/// Room for the control messages of one datagram, aligned as `cmsghdr` asks.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct ControlBuffer([u8; CONTROL_SIZE]);

/// What the kernel said beside a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Control {
    /// The address that the datagram was sent to, where `UdpOptions::packet_info` is on.
    pub(crate) local_ip: Option<IpAddr>,
    /// Datagrams that the socket dropped since it was opened, where `UdpOptions::drop_counter` is on and one was.
    pub(crate) dropped_total: Option<u32>,
}

impl ControlBuffer {
    /// Bytes that the kernel may write.
    pub(crate) const SIZE: usize = CONTROL_SIZE;

    /// An empty one.
    pub(crate) const fn new() -> Self {
        Self([0; CONTROL_SIZE])
    }

    /// Where the kernel reads or writes.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.0.as_mut_ptr().cast()
    }

    /// Reads what the kernel wrote into the first `length` bytes.
    pub(crate) fn read(&mut self, length: usize) -> Control {
        let mut control = Control::default();
        // SAFETY: `msghdr` is integers and pointers, for which all zeros is valid (null, and empty).
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_control = self.as_mut_ptr();
        header.msg_controllen = length.min(CONTROL_SIZE) as _;
        // SAFETY: `header` names `length` bytes of this buffer, which are initialised and aligned; the macro only reads it.
        let mut message = unsafe { libc::CMSG_FIRSTHDR(&header) };
        while !message.is_null() {
            // SAFETY: the macros give pointers to whole, aligned headers inside the buffer, or null.
            let (level, kind, size) = unsafe { ((*message).cmsg_level, (*message).cmsg_type, (*message).cmsg_len) };
            // SAFETY: as above; `CMSG_LEN` is arithmetic, `CMSG_DATA` points behind the header.
            let (data, head) = unsafe { (libc::CMSG_DATA(message), libc::CMSG_LEN(0) as usize) };
            let payload = (size as usize).saturating_sub(head);
            match (level, kind) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) if payload >= size_of::<libc::in_pktinfo>() => {
                    // SAFETY: the kernel wrote at least an `in_pktinfo` there; it may stand unaligned.
                    let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                    control.local_ip = Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if payload >= size_of::<libc::in6_pktinfo>() => {
                    // SAFETY: the kernel wrote at least an `in6_pktinfo` there; it may stand unaligned.
                    let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                    control.local_ip = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) if payload >= size_of::<u32>() => {
                    // SAFETY: the kernel wrote at least a `u32` there; it may stand unaligned.
                    control.dropped_total = Some(unsafe { data.cast::<u32>().read_unaligned() });
                }
                _ => {}
            }
            // SAFETY: `message` lies in the buffer that `header` names; the macro checks the end before it reads on.
            message = unsafe { libc::CMSG_NXTHDR(&header, message) };
        }
        control
    }

    /// Writes the order that a datagram shall leave from `source`; the bytes that it takes.
    pub(crate) fn write_source(&mut self, source: IpAddr) -> usize {
        match source {
            IpAddr::V4(ip) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: in_addr(ip),
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                self.write(libc::IPPROTO_IP, libc::IP_PKTINFO, info)
            }
            IpAddr::V6(ip) => {
                let info = libc::in6_pktinfo { ipi6_addr: in6_addr(ip), ipi6_ifindex: 0 };
                self.write(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
            }
        }
    }

    fn write<T: Copy>(&mut self, level: libc::c_int, kind: libc::c_int, info: T) -> usize {
        // SAFETY: `CMSG_SPACE` and `CMSG_LEN` are arithmetic on sizes.
        let (space, length) =
            unsafe { (libc::CMSG_SPACE(size_of::<T>() as _) as usize, libc::CMSG_LEN(size_of::<T>() as _)) };
        debug_assert!(space <= CONTROL_SIZE);
        let message: *mut libc::cmsghdr = self.as_mut_ptr().cast();
        // SAFETY: the buffer is aligned for a header and holds `space` bytes (at most 40 of 128): header and `T` fit.
        unsafe {
            (*message).cmsg_level = level;
            (*message).cmsg_type = kind;
            (*message).cmsg_len = length as _;
            libc::CMSG_DATA(message).cast::<T>().write_unaligned(info);
        }
        space
    }
}
