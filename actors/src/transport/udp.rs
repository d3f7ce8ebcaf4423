//! SIP over UDP: one socket a shard on a shared port, read and written in batches (`wire`).
//!
//! What a datagram means is the shard's business; here are bytes and addresses only.

use bytes::Bytes;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use wire::{BATCH_MAX, BOUNCES_MAX, Bounce, ReadableSocket, RecvBatch, SendBatch, UdpOptions};

/// Bytes of the largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Bytes of the receive buffer that is asked for: about 2,000 waiting INVITEs.
const RECV_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Datagrams at most in one batch that is read.
const READ_BATCH: usize = 32;
/// How often a datagram is handed to the kernel in a row: the first times it may be told of others that came back.
const SEND_TRIES: u32 = 3;

/// A datagram that arrived.
#[derive(Debug)]
pub(crate) struct Datagram {
    /// What it carries.
    pub bytes: Bytes,
    /// Where it came from.
    pub peer: SocketAddr,
    /// The address that it was sent to, so that replies leave from there.
    pub local: SocketAddr,
}

/// Opens one shard's socket. The kernel spreads sources over all sockets of the port (`SO_REUSEPORT`).
pub(crate) fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let options = UdpOptions {
        reuse_port: true,
        recv_buffer: Some(RECV_BUFFER_BYTES),
        packet_info: address.ip().is_unspecified(),
        drop_counter: true,
        bounces: true,
        ..UdpOptions::default()
    };
    wire::udp_socket(address, &options)
}

/// Reads for ever, handing on every batch without what barred addresses sent (that is not even copied), and what came back of what was
/// sent. Returns only where the socket cannot be read at all.
pub(crate) async fn read(
    socket: Arc<ReadableSocket>,
    is_barred: impl Fn(IpAddr) -> bool,
    mut deliver: impl FnMut(Vec<Datagram>, u32),
    mut bounced: impl FnMut(Vec<Bounce>),
) -> io::Error {
    let bound = match socket.socket().local_addr() {
        Ok(bound) => bound,
        Err(error) => return error,
    };
    let mut batch = RecvBatch::new(READ_BATCH, DATAGRAM_BYTES_MAX);
    let mut bounces = Vec::new();
    loop {
        let received = socket.recv_or_bounce(&mut batch, &mut bounces).await;
        if !bounces.is_empty() {
            bounced(std::mem::take(&mut bounces));
        }
        match received {
            Ok(0) => {}
            Ok(_) => deliver(datagrams(&batch, bound, &is_barred), batch.dropped_total()),
            Err(error) if says_nothing_of_the_socket(&error) => {}
            Err(error) => return error,
        }
    }
}

/// What the kernel says of an earlier datagram that met an error on its way (ICMP), or of a signal. Only where it has no memory, or
/// where the runtime is shut down (no error of the kernel's), nothing can be read any more.
fn says_nothing_of_the_socket(error: &io::Error) -> bool {
    error.raw_os_error().is_some() && error.kind() != io::ErrorKind::OutOfMemory
}

fn datagrams(batch: &RecvBatch, bound: SocketAddr, is_barred: &impl Fn(IpAddr) -> bool) -> Vec<Datagram> {
    let local = |ip: Option<IpAddr>| SocketAddr::new(ip.unwrap_or(bound.ip()), bound.port());
    batch
        .iter()
        .filter(|datagram| !datagram.truncated && !is_barred(datagram.from.ip()))
        .map(|datagram| {
            let bytes = Bytes::copy_from_slice(datagram.payload);
            Datagram { bytes, peer: datagram.from, local: local(datagram.local_ip) }
        })
        .collect()
}

/// What one shard sends over UDP: collected while it handles a batch, then handed to the kernel in one call.
pub(crate) struct Outgoing {
    socket: Arc<ReadableSocket>,
    source_matters: bool,
    batch: SendBatch,
    dropped: u64,
    /// What the kernel refused to send, as if the network had sent it back: at most [`BOUNCES_MAX`].
    refused: Vec<Bounce>,
}

impl Outgoing {
    /// Nothing waits yet.
    pub(crate) fn new(socket: Arc<ReadableSocket>) -> Self {
        let source_matters = socket.socket().local_addr().is_ok_and(|bound| bound.ip().is_unspecified());
        Self {
            socket,
            source_matters,
            batch: SendBatch::new(BATCH_MAX, DATAGRAM_BYTES_MAX),
            dropped: 0,
            refused: Vec::new(),
        }
    }

    /// Adds a datagram from `local` (the address that the peer addressed) to `peer`.
    pub(crate) fn push(&mut self, bytes: &[u8], peer: SocketAddr, local: SocketAddr) {
        let source = (self.source_matters && !local.ip().is_unspecified()).then_some(local.ip());
        if self.batch.len() == self.batch.capacity() {
            self.flush();
        }
        if self.batch.push(bytes, peer, source).is_err() {
            self.dropped += 1;
        }
    }

    /// Sends what waits. What the kernel has no room for is dropped: SIP sends it again (RFC 3261 17). What it refuses for want of a way
    /// is to be fetched with [`Outgoing::refused`].
    pub(crate) fn flush(&mut self) {
        let mut tries = 0;
        while !self.batch.is_empty() {
            match wire::send_batch(self.socket.socket(), &mut self.batch) {
                Ok(_) => tries = 0,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // An error of another one that came back is told to whoever sends next, once (`UdpOptions::bounces`).
                Err(error) if error.kind() != io::ErrorKind::WouldBlock && tries + 1 < SEND_TRIES => tries += 1,
                Err(error) => {
                    if error.kind() != io::ErrorKind::WouldBlock && self.refused.len() < BOUNCES_MAX {
                        let first = self.batch.first();
                        self.refused.extend(first.map(|(bytes, to)| Bounce { to, quote: bytes.to_vec() }));
                    }
                    self.batch.drop_first();
                    self.dropped += 1;
                    tries = 0;
                }
            }
        }
    }

    /// What could not be sent since this was last asked.
    pub(crate) fn refused(&mut self) -> Vec<Bounce> {
        std::mem::take(&mut self.refused)
    }

    /// Datagrams that the kernel did not take since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}
