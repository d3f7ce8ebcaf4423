//! TCP connections of one shard: a table with a limit, and the way of bytes to them.
//!
//! Reading and writing is `transport::tcp`'s; a connection is named by its [`Flow`] and lives on the shard that accepted or
//! opened it.

use super::figures::count_dropped;
use super::{Arrival, SendOver, Shard};
use crate::core::Core;
use crate::mailbox::{offer, tell};
use crate::transport::tcp;
use actix::{Addr, AsyncContext, Context, Handler, Message};
use bytes::Bytes;
use domain::Machine;
use sip::endpoint::{Destination, Event, Flow, Source, Transport};
use slab::Slab;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// The connections of one shard.
pub(super) struct Connections {
    shard: u16,
    max: usize,
    generation: u32,
    open: Slab<Connection>,
}

struct Connection {
    generation: u32,
    peer: SocketAddr,
    writes: mpsc::Sender<Bytes>,
    /// What the endpoint called it, where we opened it: its failure is told under that name.
    opened_for: Option<Destination>,
}

impl Connections {
    pub(super) fn new(shard: u16, max: usize) -> Self {
        Self { shard, max, generation: 0, open: Slab::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    fn enter(
        &mut self,
        peer: SocketAddr,
        writes: mpsc::Sender<Bytes>,
        opened_for: Option<Destination>,
    ) -> Option<Flow> {
        if self.open.len() >= self.max {
            return None;
        }
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let slot = self.open.insert(Connection { generation, peer, writes, opened_for }) as u32;
        Some(Flow { shard: self.shard, slot, generation })
    }

    fn get(&self, flow: Flow) -> Option<&Connection> {
        self.open.get(flow.slot as usize).filter(|connection| connection.generation == flow.generation)
    }

    /// A connection that we opened to `peer`, or that it opened to us from that very port.
    fn towards(&self, peer: SocketAddr) -> Option<&Connection> {
        self.open.iter().map(|(_, connection)| connection).find(|connection| connection.peer == peer)
    }

    fn leave(&mut self, flow: Flow) -> Option<Connection> {
        self.get(flow)?;
        self.open.try_remove(flow.slot as usize)
    }
}

/// Somebody connected.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
}

/// A connection of this shard ended, or could not be opened.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ConnectionEnded {
    flow: Flow,
}

/// Messages that were read from a connection of this shard.
#[derive(Message)]
#[rtype(result = "()")]
struct ReadFrom {
    arrival: Arrival,
}

impl Shard {
    pub(super) fn accept_connections(
        &mut self,
        listener: std::net::TcpListener,
        local: SocketAddr,
        ctx: &mut Context<Self>,
    ) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let itself = ctx.address();
        let telemetry = Arc::clone(&self.core.telemetry);
        actix_rt::spawn(tcp::accept(listener, move |stream, peer| {
            let local = stream.local_addr().unwrap_or(local);
            // A full mailbox closes the connection: its peer comes again.
            if !offer(&itself, Accepted { stream, peer, local }) {
                count_dropped(&telemetry);
            }
        }));
        Ok(())
    }

    pub(super) fn transmit_over_stream(&mut self, bytes: Bytes, destination: Destination, ctx: &mut Context<Self>) {
        match destination.flow {
            Some(flow) if flow.shard != self.naming.shard => {
                if let Some(shard) = self.core.shard(flow.shard) {
                    tell(&shard.address, SendOver { bytes, destination });
                }
            }
            Some(flow) => {
                let taken = self.connections.get(flow).is_some_and(|open| open.writes.try_send(bytes).is_ok());
                if !taken {
                    self.fail(destination);
                }
            }
            None => match self.connections.towards(destination.addr) {
                Some(open) if open.writes.try_send(bytes.clone()).is_ok() => {}
                Some(_) => self.fail(destination),
                None => self.open_connection(bytes, destination, ctx),
            },
        }
    }

    fn open_connection(&mut self, bytes: Bytes, destination: Destination, ctx: &mut Context<Self>) {
        let (writes, waiting) = mpsc::channel(tcp::WRITES_WAITING_MAX);
        // The channel is new and empty: the first message fits.
        let _ = writes.try_send(bytes);
        let Some(flow) = self.connections.enter(destination.addr, writes.clone(), Some(destination)) else {
            return self.fail(destination);
        };
        let itself = ctx.address();
        let core = Arc::clone(&self.core);
        actix_rt::spawn(async move {
            match tcp::connect(destination.addr).await {
                Ok(stream) => serve(stream, flow, destination.local, writes, waiting, &core, &itself).await,
                Err(error) => tracing::warn!(%error, peer = %destination.addr, "no TCP connection could be opened"),
            }
            tell(&itself, ConnectionEnded { flow });
        });
    }

    fn fail(&mut self, destination: Destination) {
        let now = self.core.clock.now();
        self.endpoint.handle(Event::TransportFailed { destination }, now, &mut self.effects);
    }
}

/// Carries one connection to its end.
async fn serve(
    stream: TcpStream,
    flow: Flow,
    local: SocketAddr,
    writes: mpsc::Sender<Bytes>,
    waiting: mpsc::Receiver<Bytes>,
    core: &Core,
    shard: &Addr<Shard>,
) {
    let Ok(peer) = stream.peer_addr() else { return };
    let local = stream.local_addr().unwrap_or(local);
    // Small messages that are answers: waiting for more of them only delays calls.
    drop(stream.set_nodelay(true));
    let (reading, writing) = stream.into_split();
    let source = Source { transport: Transport::Tcp, peer, local, flow: Some(flow) };
    let deliver = |bytes| {
        if !offer(shard, ReadFrom { arrival: Arrival { bytes, source } }) {
            count_dropped(&core.telemetry);
        }
    };
    tokio::select! {
        closed = tcp::read(reading, writes, core.limits.connection_idle, deliver) => tracing::debug!(%closed, %peer, "a TCP connection ended"),
        () = tcp::write(writing, waiting) => {}
    }
}

impl Handler<Accepted> for Shard {
    type Result = ();
    fn handle(&mut self, Accepted { stream, peer, local }: Accepted, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.on_accepted(stream, peer, local, ctx);
        self.end(began);
    }
}

impl Shard {
    fn on_accepted(&mut self, stream: TcpStream, peer: SocketAddr, local: SocketAddr, ctx: &mut Context<Self>) {
        let (writes, waiting) = mpsc::channel(tcp::WRITES_WAITING_MAX);
        let Some(flow) = self.connections.enter(peer, writes.clone(), None) else {
            tracing::warn!(%peer, "a TCP connection was closed at once: as many are open as may be");
            return;
        };
        let itself = ctx.address();
        let core = Arc::clone(&self.core);
        actix_rt::spawn(async move {
            serve(stream, flow, local, writes, waiting, &core, &itself).await;
            tell(&itself, ConnectionEnded { flow });
        });
    }
}

impl Handler<ReadFrom> for Shard {
    type Result = ();
    fn handle(&mut self, ReadFrom { arrival }: ReadFrom, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.hand_out(vec![arrival], ctx);
        self.end(began);
    }
}

impl Handler<ConnectionEnded> for Shard {
    type Result = ();
    fn handle(&mut self, ConnectionEnded { flow }: ConnectionEnded, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.on_connection_ended(flow, ctx);
        self.end(began);
    }
}

impl Shard {
    fn on_connection_ended(&mut self, flow: Flow, ctx: &mut Context<Self>) {
        let Some(connection) = self.connections.leave(flow) else { return };
        let now = self.core.clock.now();
        self.endpoint.handle(Event::FlowClosed { flow }, now, &mut self.effects);
        if let Some(destination) = connection.opened_for {
            self.endpoint.handle(Event::TransportFailed { destination }, now, &mut self.effects);
        }
        for registration in self.core.registry.registrations() {
            let event = switch::registration::Event::FlowClosed(crate::ways::register::flow_tag(flow));
            tell(&registration, crate::shell::Tell(event));
        }
        self.follow_up(ctx);
        self.flush(ctx);
    }
}
