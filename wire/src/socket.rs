//! UDP sockets, bound with the options that the batches understand.
//!
//! Which address and which port are somebody else's decision.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// How a UDP socket is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpOptions {
    /// Whether other sockets of this user may share the port, the kernel spreading sources over them (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Bytes of the receive buffer to ask for (`SO_RCVBUF`); the kernel caps it at `net.core.rmem_max`. None: the kernel's default.
    pub recv_buffer: Option<usize>,
    /// Bytes of the send buffer to ask for (`SO_SNDBUF`); the kernel caps it at `net.core.wmem_max`. None: the kernel's default.
    pub send_buffer: Option<usize>,
    /// Whether a received datagram tells the local address that it was sent to (`IP_PKTINFO`, `IPV6_RECVPKTINFO`).
    pub packet_info: bool,
    /// Whether a received datagram tells how many were dropped before it for want of buffer (`SO_RXQ_OVFL`).
    pub drop_counter: bool,
    /// Whether what ICMP says of sent datagrams is kept for [`crate::take_bounces`] (`IP_RECVERR`, `IPV6_RECVERR`). The next call on the
    /// socket then fails once with the error, whatever it was to do: it is to be made again.
    pub bounces: bool,
}

/// Opens a non-blocking, close-on-exec UDP socket bound to `addr`; port 0 lets the kernel choose.
///
/// An IPv6 socket takes IPv6 only (`IPV6_V6ONLY`), so that IPv4 peers never appear as mapped addresses: bind one of each.
///
/// # Errors
/// What the kernel said: `AddrInUse` where the port is taken, `AddrNotAvailable` where the address is not ours.
pub fn udp_socket(addr: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if let Some(bytes) = options.recv_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if options.packet_info {
        match addr {
            SocketAddr::V4(_) => switch_on(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO)?,
            SocketAddr::V6(_) => switch_on(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?,
        }
    }
    if options.drop_counter {
        switch_on(&socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL)?;
    }
    if options.bounces {
        match addr {
            SocketAddr::V4(_) => switch_on(&socket, libc::IPPROTO_IP, libc::IP_RECVERR)?,
            SocketAddr::V6(_) => switch_on(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR)?,
        }
    }
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

fn switch_on(socket: &Socket, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open for as long as `socket` lives; the value is one `c_int` whose size is told.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
