//! TLS handshakes on threads of their own, so that no call waits for the arithmetic of a stranger's handshake (0.2 ms each).
//!
//! How many may be under way is the `doorkeeper`'s to say; afterwards the connection lives on the shard that it was meant for.

use super::doorkeeper::{HANDSHAKES_MAX, Handshaking};
use super::names::Named;
use super::tls::{Loaded, Tls};
use crate::certificates::Shown;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use telemetry::Telemetry;
use telemetry::labels::{TlsOutcome, TlsRole};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Threads that shake hands: two do 9,000 handshakes a second, more than a node's listeners are asked for when a whole carrier comes back.
const THREADS: usize = 2;

/// Which end we are.
pub(crate) enum Role {
    /// Somebody connected.
    Server,
    /// We connected, to reach this name.
    Client(ServerName<'static>),
}

/// What is done with the outcome; called on a thread of this pool.
pub(crate) type Done = Box<dyn FnOnce(Result<Secured, HandshakeFailed>) + Send>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeFailed {
    /// One end refused, or the network did.
    #[error("the TLS handshake failed: {0}")]
    Io(#[from] io::Error),
    /// The peer was too slow.
    #[error("the TLS handshake was not through within {0} s")]
    Timeout(u64),
    /// As many are under way as may be.
    #[error("as many TLS handshakes are under way as may be")]
    Busy,
}

struct Job {
    stream: std::net::TcpStream,
    role: Role,
    /// Its place; none for connections of our own, which the limit of transactions bounds.
    place: Option<Handshaking>,
    done: Done,
}

/// The threads.
pub(crate) struct Handshakes {
    threads: Vec<mpsc::Sender<Job>>,
    next: AtomicUsize,
    telemetry: Arc<Telemetry>,
}

impl Handshakes {
    /// Starts the threads; a handshake may take as long as `patience`. They end when this is dropped.
    pub(crate) fn start(tls: &Arc<Tls>, telemetry: &Arc<Telemetry>, patience: Duration) -> io::Result<Handshakes> {
        let mut threads = Vec::with_capacity(THREADS);
        for number in 0..THREADS {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (jobs, waiting) = mpsc::channel(HANDSHAKES_MAX);
            let (tls, telemetry) = (Arc::clone(tls), Arc::clone(telemetry));
            std::thread::Builder::new()
                .name(format!("tls-{number}"))
                .spawn(move || runtime.block_on(work(waiting, tls, telemetry, patience)))?;
            threads.push(jobs);
        }
        Ok(Handshakes { threads, next: AtomicUsize::new(0), telemetry: Arc::clone(telemetry) })
    }

    /// Shakes hands over a connection that nothing was said on yet; `done` hears how it went.
    pub(crate) fn begin(&self, stream: std::net::TcpStream, role: Role, place: Option<Handshaking>, done: Done) {
        let thread = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        let counted = role_of(&role);
        match self.threads[thread].try_send(Job { stream, role, place, done }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(job) | mpsc::error::TrySendError::Closed(job)) => {
                self.telemetry.count_tls_handshake(counted, TlsOutcome::Refused);
                (job.done)(Err(HandshakeFailed::Busy));
            }
        }
    }

    /// A handshake was not begun for want of a place.
    pub(crate) fn count_refused(&self) {
        self.telemetry.count_tls_handshake(TlsRole::Server, TlsOutcome::Refused);
    }
}

fn role_of(role: &Role) -> TlsRole {
    match role {
        Role::Server => TlsRole::Server,
        Role::Client(_) => TlsRole::Client,
    }
}

async fn work(mut waiting: mpsc::Receiver<Job>, tls: Arc<Tls>, telemetry: Arc<Telemetry>, patience: Duration) {
    while let Some(Job { stream, role, place, done }) = waiting.recv().await {
        let (loaded, telemetry) = (tls.loaded(), Arc::clone(&telemetry));
        tokio::spawn(async move {
            let counted = role_of(&role);
            let outcome = match tokio::time::timeout(patience, shake_hands(stream, role, loaded)).await {
                Ok(shaken) => shaken.map_err(HandshakeFailed::Io),
                Err(_) => Err(HandshakeFailed::Timeout(patience.as_secs())),
            };
            drop(place);
            telemetry.count_tls_handshake(
                counted,
                match &outcome {
                    Ok(_) => TlsOutcome::Ok,
                    Err(HandshakeFailed::Timeout(_)) => TlsOutcome::Timeout,
                    Err(_) => TlsOutcome::Error,
                },
            );
            done(outcome);
        });
    }
}

async fn shake_hands(stream: std::net::TcpStream, role: Role, loaded: Arc<Loaded>) -> io::Result<Secured> {
    let stream = TcpStream::from_std(stream)?;
    let (stream, session) = match role {
        Role::Server => {
            let stream = TlsAcceptor::from(Arc::clone(&loaded.server)).accept(stream).await?;
            let (stream, session) = stream.into_inner();
            (stream, Session::Server(Box::new(session)))
        }
        Role::Client(name) => {
            let stream = TlsConnector::from(Arc::clone(&loaded.client)).connect(name, stream).await?;
            let (stream, session) = stream.into_inner();
            (stream, Session::Client(Box::new(session)))
        }
    };
    // Off this thread's runtime: its shard takes it from here.
    Ok(Secured { stream: stream.into_std()?, session, loaded })
}

enum Session {
    Server(Box<ServerConnection>),
    Client(Box<ClientConnection>),
}

/// A connection whose hands are shaken, between two threads.
pub(crate) struct Secured {
    stream: std::net::TcpStream,
    session: Session,
    loaded: Arc<Loaded>,
}

impl Secured {
    /// What a client has shown; the handshake has verified it. None where it showed nothing, and of a server.
    pub(crate) fn shown(&self) -> Option<Shown> {
        let Session::Server(session) = &self.session else { return None };
        let named = Named::in_certificate(session.peer_certificates()?.first()?).ok()?;
        Some(Shown { names: named.domains().into(), ends_unix_s: named.ends_unix_s })
    }

    /// The connection on the runtime of whoever calls. The handshake is over: the session that has seen it is put in the place of the
    /// new one that tokio-rustls makes, since it has no other door for one.
    pub(crate) async fn settle(self) -> io::Result<TlsStream<TcpStream>> {
        let Secured { stream, session, loaded } = self;
        let stream = TcpStream::from_std(stream)?;
        Ok(match session {
            Session::Server(session) => {
                let acceptor = TlsAcceptor::from(Arc::clone(&loaded.server));
                TlsStream::Server(acceptor.accept_with(stream, move |fresh| *fresh = *session).await?)
            }
            Session::Client(session) => {
                let connector = TlsConnector::from(Arc::clone(&loaded.client));
                // Nothing is sent to this name: the session has its own.
                let nobody = ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
                TlsStream::Client(connector.connect_with(nobody, stream, move |fresh| *fresh = *session).await?)
            }
        })
    }
}
