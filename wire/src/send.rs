//! Sending: a batch of datagrams, each with its own destination and, where wanted, its own source, with one system call
//! (`sendmmsg`).
//!
//! What is not sent stays in the batch: whether to try again or to give up is the caller's decision.

use crate::BATCH_MAX;
use crate::address::RawAddress;
use crate::control::ControlBuffer;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

/// Datagrams that wait to be sent, copied into room that is allocated once and reused.
pub struct SendBatch {
    datagram_size: usize,
    bytes: Box<[u8]>,
    addresses: Box<[(RawAddress, libc::socklen_t)]>,
    controls: Box<[(ControlBuffer, usize)]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    lengths: Box<[usize]>,
    /// The first that is not sent.
    first: usize,
    /// One behind the last.
    end: usize,
}

// SAFETY: the raw pointers inside `vectors` and `headers` are written at the start of every `send_batch` and followed only by
// the kernel during that call, which holds the batch exclusively; between calls nobody follows them.
unsafe impl Send for SendBatch {}

/// Why a datagram did not go into a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendBatchRefused {
    /// The batch holds as many as it can: send it first.
    Full,
    /// The datagram is longer than the batch's datagram size.
    TooLong,
}

impl std::fmt::Display for SendBatchRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "the batch is full: send it before pushing more",
            Self::TooLong => "the datagram is longer than the batch's datagram size",
        })
    }
}

impl std::error::Error for SendBatchRefused {}

impl SendBatch {
    /// Room for `datagrams` (1 to [`BATCH_MAX`], others are brought there) of at most `datagram_size` bytes each.
    pub fn new(datagrams: usize, datagram_size: usize) -> Self {
        let capacity = datagrams.clamp(1, BATCH_MAX);
        let datagram_size = datagram_size.max(1);
        // SAFETY: `iovec` and `mmsghdr` are integers and pointers, for which all zeros is valid (null, and empty).
        let (vector, header): (libc::iovec, libc::mmsghdr) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Self {
            datagram_size,
            bytes: vec![0; capacity * datagram_size].into_boxed_slice(),
            addresses: vec![(RawAddress::unspecified(), 0); capacity].into_boxed_slice(),
            controls: vec![(ControlBuffer::new(), 0); capacity].into_boxed_slice(),
            vectors: vec![vector; capacity].into_boxed_slice(),
            headers: vec![header; capacity].into_boxed_slice(),
            lengths: vec![0; capacity].into_boxed_slice(),
            first: 0,
            end: 0,
        }
    }

    /// Datagrams that it can hold.
    pub fn capacity(&self) -> usize {
        self.headers.len()
    }

    /// Datagrams that wait.
    pub fn len(&self) -> usize {
        self.end - self.first
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Copies a datagram to the end of the batch: to `to`, and from the local address `source` where one is given (the answer
    /// leaves from the address that was addressed).
    ///
    /// # Errors
    /// Where the batch is full, or the datagram too long.
    pub fn push(&mut self, payload: &[u8], to: SocketAddr, source: Option<IpAddr>) -> Result<(), SendBatchRefused> {
        if self.end == self.capacity() {
            return Err(SendBatchRefused::Full);
        }
        if payload.len() > self.datagram_size {
            return Err(SendBatchRefused::TooLong);
        }
        let index = self.end;
        let start = index * self.datagram_size;
        self.bytes[start..start + payload.len()].copy_from_slice(payload);
        self.lengths[index] = payload.len();
        self.addresses[index] = RawAddress::from_address(to);
        let (control, length) = &mut self.controls[index];
        *length = source.map_or(0, |source| control.write_source(source));
        self.end += 1;
        Ok(())
    }

    /// The first datagram that waits, and where it goes.
    pub fn first(&self) -> Option<(&[u8], SocketAddr)> {
        let start = self.first * self.datagram_size;
        let to = self.addresses.get(self.first).filter(|_| !self.is_empty())?.0.to_address()?;
        Some((&self.bytes[start..start + self.lengths[self.first]], to))
    }

    /// Gives up the first datagram that waits.
    pub fn drop_first(&mut self) {
        self.advance(1);
    }

    /// Gives up all that wait.
    pub fn clear(&mut self) {
        (self.first, self.end) = (0, 0);
    }

    fn advance(&mut self, count: usize) {
        self.first = (self.first + count).min(self.end);
        if self.first == self.end {
            self.clear();
        }
    }
}

/// Hands what waits in `batch` to the kernel without waiting; how many it took. Those are gone from the batch, the rest wait.
///
/// An empty batch costs nothing and gives 0.
///
/// # Errors
/// Only where not even the first could be sent: `WouldBlock` where the send buffer is full (call again when writable),
/// `Interrupted`, otherwise what the kernel said about this one (call [`SendBatch::drop_first`] and go on).
pub fn send_batch(socket: impl AsFd, batch: &mut SendBatch) -> io::Result<usize> {
    if batch.is_empty() {
        return Ok(0);
    }
    let base = batch.bytes.as_mut_ptr();
    for index in batch.first..batch.end {
        // SAFETY: `bytes` holds `capacity * datagram_size` bytes, so each start lies inside it.
        let start = unsafe { base.add(index * batch.datagram_size) };
        batch.vectors[index] = libc::iovec { iov_base: start.cast(), iov_len: batch.lengths[index] };
        let (control, control_length) = &mut batch.controls[index];
        let (address, address_length) = &mut batch.addresses[index];
        let header = &mut batch.headers[index].msg_hdr;
        header.msg_name = (&raw mut *address).cast();
        header.msg_namelen = *address_length;
        header.msg_iov = &raw mut batch.vectors[index];
        header.msg_iovlen = 1;
        header.msg_control = if *control_length == 0 { std::ptr::null_mut() } else { control.as_mut_ptr() };
        header.msg_controllen = *control_length as _;
        header.msg_flags = 0;
    }
    let waiting = &mut batch.headers[batch.first..batch.end];
    // SAFETY: each header names one vector, one address and one control buffer of this batch, each initialised in the length
    // told; the batch is borrowed exclusively until the call returns; the descriptor is open for as long as `socket` is borrowed.
    let outcome = unsafe {
        libc::sendmmsg(
            socket.as_fd().as_raw_fd(),
            waiting.as_mut_ptr(),
            waiting.len() as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    };
    let Ok(count) = usize::try_from(outcome) else {
        return Err(io::Error::last_os_error());
    };
    batch.advance(count);
    Ok(count)
}
