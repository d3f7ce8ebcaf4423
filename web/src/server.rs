//! Starting and stopping the HTTP server, and its limits.
//!
//! Routes are in `api` and `probes`.

use crate::services::Services;
use crate::{api, doorkeeper, failure, probes};
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, middleware, web};
use std::net::SocketAddr;
use std::time::Duration;

/// Connections at one time, for each worker; the next wait in the backlog.
const CONNECTIONS_MAX: usize = 4_096;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Threads of each worker for what blocks on the disk.
const BLOCKING_THREADS_MAX: usize = 16;
/// How long a connection may be silent between two requests.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long requests under way may take at a stop, in seconds.
const STOP_WITHIN_S: u64 = 5;

/// How to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSettings {
    /// Where; port 0 for one that is free.
    pub listen: SocketAddr,
    /// Threads that answer, at least 1.
    pub workers: usize,
    /// Bytes of a request's body at most.
    pub body_bytes_max: usize,
}

/// A server that runs.
#[derive(Clone)]
pub struct RunningServer {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Stops it: `handle.stop(true).await` lets requests under way finish.
    pub handle: ServerHandle,
}

/// Why the server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error(
        "HTTP cannot listen on {listen}: {source}; is another program there, or is the address not this machine's?"
    )]
    Bind {
        /// Where.
        listen: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Starts serving. Must be called inside an actix `System`, on whose thread the accepting runs; it ends with the system, or by
/// [`RunningServer::handle`].
///
/// # Errors
/// [`Error::Bind`].
pub fn serve(settings: WebSettings, services: Services) -> Result<RunningServer, Error> {
    let WebSettings { listen, workers, body_bytes_max } = settings;
    let refused = |source| Error::Bind { listen, source };
    let factory = move || {
        App::new()
            .app_data(web::Data::new(services.clone()))
            .app_data(web::PayloadConfig::new(body_bytes_max))
            .wrap(middleware::from_fn(doorkeeper::keep))
            .configure(api::routes)
            .configure(probes::routes)
            .default_service(web::to(failure::no_such_path))
    };
    let server = HttpServer::new(factory)
        .workers(workers.max(1))
        .worker_max_blocking_threads(BLOCKING_THREADS_MAX)
        .max_connections(CONNECTIONS_MAX)
        .backlog(BACKLOG)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_WITHIN)
        .shutdown_timeout(STOP_WITHIN_S)
        .disable_signals()
        .bind(listen)
        .map_err(refused)?;
    let addr = server.addrs().first().copied().unwrap_or(listen);
    let running = server.run();
    let handle = running.handle();
    actix_web::rt::spawn(running);
    Ok(RunningServer { addr, handle })
}
