//! TCP: one listener a shard on a shared port, and connections before anything was said on them.
//!
//! What is said is `stream`'s; a connection lives on the shard that accepted or opened it.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;
/// How long opening a connection may take: well within the time after which a carrier that says nothing is left, so that what was too
/// large for a datagram can still go as one.
const CONNECT_S: u64 = 2;

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
    let stream = tokio::time::timeout(timeout, TcpStream::connect(peer))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    prepare(&stream);
    Ok(stream)
}

/// Accepts for ever. A connection that fails while being accepted concerns nobody else.
pub(crate) async fn accept(listener: TcpListener, mut accepted: impl FnMut(TcpStream, SocketAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                prepare(&stream);
                accepted(stream, peer);
            }
            // Out of descriptors: give others time to close theirs rather than spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Small messages that are answers: waiting for more of them only delays calls.
fn prepare(stream: &TcpStream) {
    drop(stream.set_nodelay(true));
}
