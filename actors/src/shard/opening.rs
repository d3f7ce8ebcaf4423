//! Connections that we open: TCP, and TLS over it to a name that the certificate must bear.
//!
//! Which connection a message takes is `connections`'.

use crate::certificates::Shown;
use crate::core::Core;
use crate::transport::handshakes::{HandshakeFailed, Role, Secured};
use crate::transport::tcp;
use rustls::pki_types::ServerName;
use sip::endpoint::Destination;
use std::io;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A connection on which SIP can be spoken.
pub(super) enum Link {
    /// As the network gave it.
    Plain(TcpStream),
    /// With TLS around it.
    Secured(Box<Secured>),
}

impl Link {
    /// The verified certificate of a client; none where it showed none.
    pub(super) fn shown(&self) -> Option<Shown> {
        match self {
            Link::Plain(_) => None,
            Link::Secured(secured) => secured.shown(),
        }
    }
}

/// Why no connection was opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenFailed {
    /// The network.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// TLS.
    #[error("{wanted} was to be reached: {source}")]
    Handshake {
        /// Whose name the certificate had to bear.
        wanted: String,
        /// Why there is no TLS.
        source: HandshakeFailed,
    },
    /// This node has no certificate.
    #[error("this node speaks no TLS: set tls.listen, tls.certificate_file and tls.key_file")]
    NoTls,
    /// What was to be reached can be in no certificate.
    #[error("{0} is neither a domain nor an address, so no certificate can bear it")]
    Nameless(String),
}

/// Opens a connection to `destination`; its certificate must bear `wanted` where it is TLS.
pub(super) async fn open(destination: &Destination, wanted: &str, core: &Core) -> Result<Link, OpenFailed> {
    if !destination.transport.is_secure() {
        return Ok(Link::Plain(tcp::connect(destination.addr).await?));
    }
    let handshakes = core.handshakes.as_ref().ok_or(OpenFailed::NoTls)?;
    let wanted = wanted.to_owned();
    let name = ServerName::try_from(wanted.clone()).map_err(|_| OpenFailed::Nameless(wanted.clone()))?;
    let stream = tcp::connect(destination.addr).await?.into_std()?;
    let (done, outcome) = oneshot::channel();
    let done = move |shaken| drop(done.send(shaken));
    handshakes.begin(stream, Role::Client(name), None, Box::new(done));
    match outcome.await {
        Ok(Ok(secured)) => Ok(Link::Secured(Box::new(secured))),
        Ok(Err(source)) => Err(OpenFailed::Handshake { wanted, source }),
        // The threads have ended: the node is being stopped.
        Err(_) => Err(OpenFailed::Io(io::ErrorKind::Interrupted.into())),
    }
}
