//! A UDP socket of a tokio runtime whose poller is told of what can be read, and of nothing else.
//!
//! Waiting until something can be sent does not exist here: a datagram that the kernel has no room for is its sender's to drop.

use crate::{Bounce, RecvBatch, recv_batch, take_bounces};
use std::io;
use std::net::UdpSocket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A socket to wait on for datagrams.
///
/// tokio's own socket is registered for writing too, and its edge-triggered poller then wakes the thread once for every datagram
/// that a peer on this machine takes out of the send buffer: measured on the SIP socket, five wake-ups a call that found nothing.
pub struct ReadableSocket(AsyncFd<UdpSocket>);

impl ReadableSocket {
    /// Hands a non-blocking socket to the runtime of this thread.
    ///
    /// # Errors
    /// What the kernel says where its poller cannot take it.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O.
    pub fn register(socket: UdpSocket) -> io::Result<Self> {
        // SAFETY: `UdpSocket` owns its descriptor for as long as it lives, and nobody replaces it: it is only lent out by `&`.
        let registered = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// The socket, to send through and to ask for its address.
    pub fn socket(&self) -> &UdpSocket {
        self.0.get_ref()
    }

    /// Waits for datagrams and takes what is there, at most the batch's capacity; how many there were.
    ///
    /// # Errors
    /// As [`recv_batch`], without `WouldBlock`.
    pub async fn recv(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        loop {
            let mut readable = self.0.readable().await?;
            match recv_batch(readable.get_inner(), batch) {
                Ok(count) => {
                    if !batch.is_full() {
                        // The socket is drained, and what comes now is told anew: this saves the call that would find nothing.
                        readable.clear_ready();
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readable.clear_ready(),
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`ReadableSocket::recv`], and takes what came back: `bounces` gets what waits of it. 0 datagrams where there is nothing else.
    ///
    /// # Errors
    /// As [`ReadableSocket::recv`], without what is said of sent datagrams.
    pub async fn recv_or_bounce(&self, batch: &mut RecvBatch, bounces: &mut Vec<Bounce>) -> io::Result<usize> {
        loop {
            let mut ready = self.0.ready(Interest::READABLE | Interest::ERROR).await?;
            let is_bounced = ready.ready().is_error();
            if is_bounced {
                take_bounces(ready.get_inner(), bounces);
            }
            match recv_batch(ready.get_inner(), batch) {
                Ok(count) => {
                    if !batch.is_full() {
                        ready.clear_ready();
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready.clear_ready();
                    if !bounces.is_empty() {
                        return Ok(0);
                    }
                }
                // The error of what came back, told once and gone: asked again, the socket tells of datagrams.
                Err(error) if is_bounced && error.kind() != io::ErrorKind::OutOfMemory => {}
                Err(error) => return Err(error),
            }
        }
    }
}
