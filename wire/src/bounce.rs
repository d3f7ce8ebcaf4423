//! Datagrams that came back: what ICMP says of those that this socket sent and nobody took (RFC 1122 4.1.3.3, RFC 4443 3.1).
//!
//! Whether a bounce is believed, and what it means, is its reader's decision: anybody can forge one, so it quotes what was sent.

use crate::address::RawAddress;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

/// Bytes of a bounced datagram that are kept: a host quotes what fits into 576 bytes of ICMP (RFC 1812 4.3.2.3).
const QUOTE_SIZE: usize = 576;
/// Bytes for the control messages beside a quote: the error (16), who said so (28), the local address (20), each with a header of 16.
const CONTROL_SIZE: usize = 256;
/// Bounces that are kept of those that wait; further ones are thrown away, for a flood of them is no news.
pub const BOUNCES_MAX: usize = 64;

/// Why a datagram did not arrive: ICMP "destination unreachable" (RFC 792), which is what a sender is to hear of (RFC 3261 18.4).
const UNREACHABLE_V4: u8 = 3;
/// Its code "too big, and must not be cut": the kernel learns the size, and later ones pass.
const TOO_BIG_V4: u8 = 4;
/// ICMPv6 "destination unreachable" (RFC 4443 3.1).
const UNREACHABLE_V6: u8 = 1;

/// A datagram of this socket that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// Where it was sent.
    pub to: SocketAddr,
    /// How it began: as much as the network quoted, at most 576 bytes; may be empty.
    pub quote: Vec<u8>,
}

/// Room for the control messages of one bounce, aligned as `cmsghdr` asks.
#[repr(C, align(8))]
struct ControlBuffer([u8; CONTROL_SIZE]);

/// Adds every bounce that waits on a socket that was opened with [`crate::UdpOptions::bounces`], at most [`BOUNCES_MAX`]; none may wait
/// afterwards. The error that the socket itself shows for them is left to the next call that meets it.
pub fn take_bounces(socket: impl AsFd, bounces: &mut Vec<Bounce>) {
    let mut quote = [0; QUOTE_SIZE];
    loop {
        match take_one(&socket, &mut quote) {
            Ok(Some(bounce)) if bounces.len() < BOUNCES_MAX => bounces.push(bounce),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// The next one that waits; none where it says something else than that the datagram did not arrive.
fn take_one(socket: &impl AsFd, quote: &mut [u8; QUOTE_SIZE]) -> io::Result<Option<Bounce>> {
    let mut address = RawAddress::unspecified();
    let mut control = ControlBuffer([0; CONTROL_SIZE]);
    let mut vector = libc::iovec { iov_base: quote.as_mut_ptr().cast(), iov_len: QUOTE_SIZE };
    // SAFETY: `msghdr` is integers and pointers, for which all zeros is valid (null, and empty).
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw mut address).cast();
    header.msg_namelen = RawAddress::SIZE;
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_SIZE as _;
    // SAFETY: the header names one vector, one address and one control buffer, each valid for writing in the length told and alive
    // until the call returns; the descriptor is open for as long as `socket` is borrowed.
    let outcome = unsafe {
        libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, (libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) as _)
    };
    let Ok(length) = usize::try_from(outcome) else {
        return Err(io::Error::last_os_error());
    };
    let is_unreachable = says_unreachable(&header);
    let to = address.to_address().filter(|_| is_unreachable);
    Ok(to.map(|to| Bounce { to, quote: quote[..length.min(QUOTE_SIZE)].to_vec() }))
}

/// Whether the control messages of `header` say that the datagram did not arrive.
fn says_unreachable(header: &libc::msghdr) -> bool {
    // SAFETY: `header` names the control buffer that the kernel has just filled, with the length that it wrote; the macro only reads.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: the macros give pointers to whole, aligned headers inside the buffer, or null.
        let (level, kind, size) = unsafe { ((*message).cmsg_level, (*message).cmsg_type, (*message).cmsg_len) };
        // SAFETY: as above; `CMSG_LEN` is arithmetic, `CMSG_DATA` points behind the header.
        let (data, head) = unsafe { (libc::CMSG_DATA(message), libc::CMSG_LEN(0) as usize) };
        let is_error =
            matches!((level, kind), (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR));
        if is_error && (size as usize).saturating_sub(head) >= size_of::<libc::sock_extended_err>() {
            // SAFETY: the kernel wrote at least a `sock_extended_err` there; it may stand unaligned.
            let error = unsafe { data.cast::<libc::sock_extended_err>().read_unaligned() };
            return match error.ee_origin {
                libc::SO_EE_ORIGIN_ICMP => error.ee_type == UNREACHABLE_V4 && error.ee_code != TOO_BIG_V4,
                libc::SO_EE_ORIGIN_ICMP6 => error.ee_type == UNREACHABLE_V6,
                _ => false,
            };
        }
        // SAFETY: `message` lies in the buffer that `header` names; the macro checks the end before it reads on.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    false
}
