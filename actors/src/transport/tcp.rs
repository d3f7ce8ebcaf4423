//! SIP over TCP: one listener a shard on a shared port; a connection lives on the shard that accepted or opened it.
//!
//! Messages are cut from the stream here (`sip::Framer`); what they mean is the shard's business.

use bytes::Bytes;
use sip::framing::{Frame, PONG};
use sip::{Framer, Unframeable};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;
/// Messages at most that wait for one connection to take them; then the connection is closed: its peer does not read.
pub(crate) const WRITES_WAITING_MAX: usize = 256;
/// A message that was begun must be whole within this time (slow loris).
const PARTIAL_MESSAGE: Duration = Duration::from_secs(10);
/// How long opening a connection may take: well within timer B, so that another carrier can still be tried.
const CONNECT_S: u64 = 4;
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// Opens one shard's listener; the kernel spreads connections over all listeners of the port.
pub(crate) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Opens a connection within [`CONNECT_S`].
pub(crate) async fn connect(peer: SocketAddr) -> io::Result<TcpStream> {
    let timeout = Duration::from_secs(CONNECT_S);
    tokio::time::timeout(timeout, TcpStream::connect(peer))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Accepts for ever. A connection that fails while being accepted concerns nobody else.
pub(crate) async fn accept(listener: TcpListener, mut accepted: impl FnMut(TcpStream, SocketAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => accepted(stream, peer),
            // Out of descriptors: give others time to close theirs rather than spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Why a connection was closed by us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closed {
    /// The peer closed it, or the network did.
    #[error("the connection ended: {0}")]
    Io(#[from] io::Error),
    /// What came is not SIP.
    #[error("the stream cannot be read as SIP: {0}")]
    Unframeable(#[from] Unframeable),
    /// Nothing came for too long, or a message was not finished in time.
    #[error("nothing came for {0} s")]
    Idle(u64),
}

/// Reads one connection to its end, handing on whole messages; pings are answered through `writes`.
pub(crate) async fn read(
    mut stream: OwnedReadHalf,
    writes: mpsc::Sender<Bytes>,
    idle: Duration,
    mut deliver: impl FnMut(Bytes),
) -> Closed {
    let mut framer = Framer::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let patience = if framer.pending() > 0 { PARTIAL_MESSAGE } else { idle };
        let read = tokio::time::timeout(patience, stream.read(&mut buffer)).await;
        match read {
            Err(_) => return Closed::Idle(patience.as_secs()),
            Ok(Err(error)) => return Closed::Io(error),
            Ok(Ok(0)) => return Closed::Io(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(length)) => framer.push(&buffer[..length]),
        }
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(message))) => deliver(message),
                // A peer that pings faster than it reads loses pongs, not the connection.
                Ok(Some(Frame::Ping)) => {
                    let _ = writes.try_send(Bytes::from_static(PONG));
                }
                Ok(Some(Frame::Pong)) => {}
                Ok(None) => break,
                Err(unframeable) => return Closed::Unframeable(unframeable),
            }
        }
    }
}

/// Writes one connection until every sender is gone or the peer takes nothing more.
pub(crate) async fn write(mut stream: OwnedWriteHalf, mut waiting: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = waiting.recv().await {
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
