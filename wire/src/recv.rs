//! Receiving: as many datagrams as are waiting, at most a batch, with one system call (`recvmmsg`).
//!
//! Waiting for them is the caller's poller.

use crate::BATCH_MAX;
use crate::address::RawAddress;
use crate::control::{Control, ControlBuffer};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

/// Room for one batch of received datagrams, allocated once and reused.
pub struct RecvBatch {
    datagram_size: usize,
    /// `capacity` times `datagram_size` bytes.
    bytes: Box<[u8]>,
    addresses: Box<[RawAddress]>,
    controls: Box<[ControlBuffer]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    received: Box<[Received]>,
    length: usize,
    dropped_total: u32,
}

// SAFETY: the raw pointers inside `vectors` and `headers` are written at the start of every `recv_batch` and followed only by
// the kernel during that call, which holds the batch exclusively; between calls nobody follows them.
unsafe impl Send for RecvBatch {}

/// What is known of a received datagram beside its bytes.
#[derive(Clone, Copy)]
struct Received {
    from: Option<SocketAddr>,
    length: usize,
    truncated: bool,
    control: Control,
}

/// One received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Its bytes; at most the batch's datagram size.
    pub payload: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// The local address that it was sent to, where `UdpOptions::packet_info` is on.
    pub local_ip: Option<IpAddr>,
    /// Whether it was longer than the batch's datagram size, and the rest is lost.
    pub truncated: bool,
}

impl RecvBatch {
    /// Room for `datagrams` (1 to [`BATCH_MAX`], others are brought there) of `datagram_size` bytes each.
    pub fn new(datagrams: usize, datagram_size: usize) -> Self {
        let capacity = datagrams.clamp(1, BATCH_MAX);
        let datagram_size = datagram_size.max(1);
        // SAFETY: `iovec` and `mmsghdr` are integers and pointers, for which all zeros is valid (null, and empty).
        let (vector, header): (libc::iovec, libc::mmsghdr) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let received = Received { from: None, length: 0, truncated: false, control: Control::default() };
        Self {
            datagram_size,
            bytes: vec![0; capacity * datagram_size].into_boxed_slice(),
            addresses: vec![RawAddress::unspecified(); capacity].into_boxed_slice(),
            controls: vec![ControlBuffer::new(); capacity].into_boxed_slice(),
            vectors: vec![vector; capacity].into_boxed_slice(),
            headers: vec![header; capacity].into_boxed_slice(),
            received: vec![received; capacity].into_boxed_slice(),
            length: 0,
            dropped_total: 0,
        }
    }

    /// Datagrams that it can hold.
    pub fn capacity(&self) -> usize {
        self.headers.len()
    }

    /// Datagrams of the last [`recv_batch`].
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the last [`recv_batch`] brought none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether the last [`recv_batch`] filled it, so that more may be waiting. Where it did not, the socket was drained, and an
    /// edge-triggered poller will tell of the next datagram.
    pub fn is_full(&self) -> bool {
        self.length == self.capacity()
    }

    /// The highest number of datagrams that any socket read with this batch said it had dropped since it was opened, modulo
    /// 2^32 (needs `UdpOptions::drop_counter`; read one socket with one batch to make sense of it).
    pub fn dropped_total(&self) -> u32 {
        self.dropped_total
    }

    /// The datagram at `index` in order of arrival; none beyond [`RecvBatch::len`].
    pub fn get(&self, index: usize) -> Option<Datagram<'_>> {
        if index >= self.length {
            return None;
        }
        let received = &self.received[index];
        let start = index * self.datagram_size;
        Some(Datagram {
            payload: &self.bytes[start..start + received.length],
            from: received.from?,
            local_ip: received.control.local_ip,
            truncated: received.truncated,
        })
    }

    /// The bytes of the datagram at `index`, to be rewritten in place.
    pub fn payload_mut(&mut self, index: usize) -> Option<&mut [u8]> {
        if index >= self.length {
            return None;
        }
        let start = index * self.datagram_size;
        self.bytes.get_mut(start..start + self.received[index].length)
    }

    /// The bytes of the datagram at `index` with the room behind it, up to the batch's datagram size, and its length: to be
    /// rewritten in place by something longer.
    pub fn room_mut(&mut self, index: usize) -> Option<(&mut [u8], usize)> {
        if index >= self.length {
            return None;
        }
        let start = index * self.datagram_size;
        Some((self.bytes.get_mut(start..start + self.datagram_size)?, self.received[index].length))
    }

    /// The datagrams in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.length).filter_map(|index| self.get(index))
    }
}

/// Takes what waits on `socket`, at most the batch's capacity, without waiting; how many there were (at least 1).
///
/// The datagrams of the call before are overwritten.
///
/// # Errors
/// `WouldBlock` where nothing waits; `Interrupted` where a signal came first; otherwise what the kernel said (on a connected
/// socket also `ConnectionRefused` and the like, which concern an earlier datagram).
pub fn recv_batch(socket: impl AsFd, batch: &mut RecvBatch) -> io::Result<usize> {
    batch.length = 0;
    let base = batch.bytes.as_mut_ptr();
    let capacity = batch.headers.len();
    for index in 0..capacity {
        // SAFETY: `bytes` holds `capacity * datagram_size` bytes, so each start lies inside it.
        let start = unsafe { base.add(index * batch.datagram_size) };
        batch.vectors[index] = libc::iovec { iov_base: start.cast(), iov_len: batch.datagram_size };
        let control = batch.controls[index].as_mut_ptr();
        let header = &mut batch.headers[index].msg_hdr;
        header.msg_name = (&raw mut batch.addresses[index]).cast();
        header.msg_namelen = RawAddress::SIZE;
        header.msg_iov = &raw mut batch.vectors[index];
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = ControlBuffer::SIZE as _;
        header.msg_flags = 0;
    }
    // SAFETY: each header names one vector, one address and one control buffer of this batch, each valid for writing in the
    // length told and disjoint from all others; the batch is borrowed exclusively and not touched until the call returns; the
    // descriptor is open for as long as `socket` is borrowed; no timeout is given.
    let outcome = unsafe {
        libc::recvmmsg(
            socket.as_fd().as_raw_fd(),
            batch.headers.as_mut_ptr(),
            capacity as libc::c_uint,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        )
    };
    let Ok(count) = usize::try_from(outcome) else {
        return Err(io::Error::last_os_error());
    };
    for index in 0..count.min(capacity) {
        let header = &batch.headers[index];
        let control = match header.msg_hdr.msg_controllen as usize {
            0 => Control::default(),
            length => batch.controls[index].read(length),
        };
        if let Some(total) = control.dropped_total {
            batch.dropped_total = total;
        }
        batch.received[index] = Received {
            from: batch.addresses[index].to_address(),
            length: (header.msg_len as usize).min(batch.datagram_size),
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            control,
        };
    }
    batch.length = count.min(capacity);
    Ok(batch.length)
}
