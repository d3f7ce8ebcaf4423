//! Stream connections of one shard: a table, and the way of bytes to them.
//!
//! Reading and writing is `transport::stream`'s; a connection is named by its [`Flow`] and lives on the shard that accepted or
//! opened it.

use super::figures::count_dropped;
use super::opening::{Link, open};
use super::{Arrival, SendOver, Shard};
use crate::core::Core;
use crate::mailbox::{offer, tell};
use crate::transport::doorkeeper::{Pass, TurnedAway};
use crate::transport::handshakes::{HandshakeFailed, Role};
use crate::transport::stream::{self, Closed, Manners, framed};
use crate::transport::tcp;
use actix::{Addr, AsyncContext, Context, Handler, Message};
use bytes::Bytes;
use domain::Machine;
use sip::endpoint::{Destination, Event, Flow, Source, Transport};
use slab::Slab;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use switch::guard::{Evidence, Offence};
use telemetry::labels::ConnectionClosed;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// The connections of one shard.
pub(super) struct Connections {
    shard: u16,
    /// Connections of our own at most; those of others are counted at the door.
    opened_max: usize,
    opened: usize,
    generation: u32,
    open: Slab<Connection>,
    /// The newest connection with each peer.
    by_peer: BTreeMap<(Transport, SocketAddr), Flow>,
}

struct Connection {
    generation: u32,
    transport: Transport,
    peer: SocketAddr,
    writes: mpsc::Sender<Bytes>,
    /// What the endpoint called it, where we opened it: its failure is told under that name.
    opened_for: Option<Destination>,
}

impl Connection {
    /// Takes a message; false where its peer does not read.
    fn take(&self, message: Bytes) -> bool {
        self.writes.try_send(framed(self.transport, message)).is_ok()
    }
}

impl Connections {
    pub(super) fn new(shard: u16, opened_max: usize) -> Self {
        Self { shard, opened_max, opened: 0, generation: 0, open: Slab::new(), by_peer: BTreeMap::new() }
    }

    /// How many there are over each stream transport.
    pub(super) fn count(&self, transport: Transport) -> usize {
        self.open.iter().filter(|(_, connection)| connection.transport == transport).count()
    }

    fn enter(
        &mut self,
        transport: Transport,
        peer: SocketAddr,
        writes: mpsc::Sender<Bytes>,
        opened_for: Option<Destination>,
    ) -> Option<Flow> {
        if opened_for.is_some() {
            if self.opened >= self.opened_max {
                return None;
            }
            self.opened += 1;
        }
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let slot = self.open.insert(Connection { generation, transport, peer, writes, opened_for }) as u32;
        let flow = Flow { shard: self.shard, slot, generation };
        self.by_peer.insert((transport, peer), flow);
        Some(flow)
    }

    fn get(&self, flow: Flow) -> Option<&Connection> {
        self.open.get(flow.slot as usize).filter(|connection| connection.generation == flow.generation)
    }

    /// A connection that we opened to `peer`, or that it opened to us from that very port (RFC 5923 5.1: nobody else is there).
    fn towards(&self, transport: Transport, peer: SocketAddr) -> Option<&Connection> {
        self.get(*self.by_peer.get(&(transport, peer))?)
    }

    fn leave(&mut self, flow: Flow) -> Option<Connection> {
        self.get(flow)?;
        let connection = self.open.try_remove(flow.slot as usize)?;
        let peer = (connection.transport, connection.peer);
        if self.by_peer.get(&peer) == Some(&flow) {
            self.by_peer.remove(&peer);
        }
        if connection.opened_for.is_some() {
            self.opened -= 1;
        }
        Some(connection)
    }
}

/// Somebody connected.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Accepted {
    link: Link,
    transport: Transport,
    peer: SocketAddr,
    local: SocketAddr,
    pass: Pass,
}

/// A connection of this shard ended, or could not be opened.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ConnectionEnded {
    flow: Flow,
    closed: Option<Closed>,
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
        transport: Transport,
        local: SocketAddr,
        ctx: &mut Context<Self>,
    ) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (itself, core) = (ctx.address(), Arc::clone(&self.core));
        actix_rt::spawn(tcp::accept(listener, move |stream, peer| {
            let local = stream.local_addr().unwrap_or(local);
            if core.guarding.bars(peer.ip()) {
                return core.telemetry.count_connection_closed(ConnectionClosed::Banned);
            }
            match core.doorkeeper.enter(peer.ip()) {
                Ok(pass) => let_in(stream, Door { transport, peer, local, pass }, &core, &itself),
                Err(why) => turn_away(&core, why, peer),
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
                let taken = self.connections.get(flow).is_some_and(|open| open.take(bytes));
                if !taken {
                    self.fail(destination);
                }
            }
            None => match self.connections.towards(destination.transport, destination.addr) {
                Some(open) if open.take(bytes.clone()) => {}
                Some(_) => self.fail(destination),
                // Nobody listens for our WebSockets (RFC 7118 5).
                None if destination.transport.is_websocket() => self.fail(destination),
                None => self.open_connection(bytes, destination, ctx),
            },
        }
    }

    fn open_connection(&mut self, bytes: Bytes, destination: Destination, ctx: &mut Context<Self>) {
        let (writes, waiting) = mpsc::channel(stream::WRITES_WAITING_MAX);
        // The channel is new and empty: the first message fits.
        let _ = writes.try_send(bytes);
        let (transport, peer) = (destination.transport, destination.addr);
        let Some(flow) = self.connections.enter(transport, peer, writes.clone(), Some(destination)) else {
            tracing::warn!(%peer, "no connection was opened: as many of ours are open as may be");
            return self.fail(destination);
        };
        let itself = ctx.address();
        let core = Arc::clone(&self.core);
        actix_rt::spawn(async move {
            let closed = match open(&destination, &core).await {
                Ok(link) => {
                    let source = Source { transport, peer, local: destination.local, flow: Some(flow) };
                    Some(serve(link, source, false, writes, waiting, &core, &itself).await)
                }
                Err(error) => {
                    tracing::warn!(%error, %peer, transport = transport.as_str(), "no connection could be opened");
                    None
                }
            };
            tell(&itself, ConnectionEnded { flow, closed });
        });
    }

    fn fail(&mut self, destination: Destination) {
        let now = self.core.clock.now();
        self.endpoint.handle(Event::TransportFailed { destination }, now, &mut self.effects);
    }
}

/// Who stands at the door.
struct Door {
    transport: Transport,
    peer: SocketAddr,
    local: SocketAddr,
    pass: Pass,
}

/// Hands a connection to its shard: at once, or when its TLS handshake is through.
fn let_in(stream: TcpStream, door: Door, core: &Arc<Core>, shard: &Addr<Shard>) {
    let Door { transport, peer, local, pass } = door;
    let enter = move |link: Link, pass: Pass, core: &Core, shard: &Addr<Shard>| {
        // A full mailbox closes the connection: its peer comes again.
        if !offer(shard, Accepted { link, transport, peer, local, pass }) {
            count_dropped(&core.telemetry);
        }
    };
    if !transport.is_secure() {
        return enter(Link::Plain(stream), pass, core, shard);
    }
    let Some(handshakes) = &core.handshakes else { return };
    let (Ok(place), Ok(stream)) = (pass.shake_hands(), stream.into_std()) else {
        handshakes.count_refused();
        return turn_away(core, TurnedAway::Handshaking, peer);
    };
    let (core, shard) = (Arc::clone(core), shard.clone());
    let done = move |outcome: Result<_, HandshakeFailed>| match outcome {
        Ok(secured) => enter(Link::Secured(Box::new(secured)), pass, &core, &shard),
        Err(error) => {
            core.telemetry.count_connection_closed(ConnectionClosed::Handshake);
            tracing::debug!(%error, %peer, "a TLS connection was closed");
        }
    };
    handshakes.begin(stream, Role::Server, Some(place), Box::new(done));
}

fn turn_away(core: &Core, why: TurnedAway, peer: SocketAddr) {
    let (label, sentence) = match why {
        TurnedAway::Full => (ConnectionClosed::Full, "as many are open as may be"),
        TurnedAway::SourceFull => (ConnectionClosed::SourceFull, "its source has as many as it may"),
        TurnedAway::Handshaking => (ConnectionClosed::Full, "as many handshakes are under way as may be"),
    };
    core.telemetry.count_connection_closed(label);
    tracing::debug!(%peer, "a connection was closed at once: {sentence}");
}

/// Carries one connection to its end.
async fn serve(
    link: Link,
    source: Source,
    is_accepted: bool,
    writes: mpsc::Sender<Bytes>,
    waiting: mpsc::Receiver<Bytes>,
    core: &Core,
    shard: &Addr<Shard>,
) -> Closed {
    let deliver = |bytes| {
        if core.guarding.bars(source.peer.ip()) {
            return false;
        }
        if !offer(shard, ReadFrom { arrival: Arrival { bytes, source } }) {
            count_dropped(&core.telemetry);
        }
        true
    };
    let is_welcome = |origin: &str| core.origins.is_empty() || core.origins.iter().any(|known| known == origin);
    let manners =
        Manners { transport: source.transport, is_accepted, patience: core.limits.patience, is_welcome: &is_welcome };
    let closed = match link {
        Link::Plain(stream) => {
            let (reading, writing) = stream.into_split();
            stream::serve(reading, writing, manners, writes, waiting, deliver).await
        }
        Link::Secured(secured) => match secured.settle().await {
            Ok(stream) => {
                let (reading, writing) = tokio::io::split(stream);
                stream::serve(reading, writing, manners, writes, waiting, deliver).await
            }
            Err(error) => Closed::Io(error),
        },
    };
    tracing::debug!(%closed, peer = %source.peer, transport = source.transport.as_str(), "a connection ended");
    if let Some(label) = closed.label() {
        core.telemetry.count_connection_closed(label);
    }
    closed
}

impl Handler<Accepted> for Shard {
    type Result = ();
    fn handle(&mut self, accepted: Accepted, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.on_accepted(accepted, ctx);
        self.end(began);
    }
}

impl Shard {
    fn on_accepted(&mut self, accepted: Accepted, ctx: &mut Context<Self>) {
        let Accepted { link, transport, peer, local, pass } = accepted;
        let (writes, waiting) = mpsc::channel(stream::WRITES_WAITING_MAX);
        let Some(flow) = self.connections.enter(transport, peer, writes.clone(), None) else { return };
        if let Some(shown) = link.shown() {
            self.core.shelf.put(flow, shown);
        }
        let itself = ctx.address();
        let core = Arc::clone(&self.core);
        actix_rt::spawn(async move {
            let source = Source { transport, peer, local, flow: Some(flow) };
            let closed = serve(link, source, true, writes, waiting, &core, &itself).await;
            drop(pass);
            tell(&itself, ConnectionEnded { flow, closed: Some(closed) });
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
    fn handle(&mut self, ConnectionEnded { flow, closed }: ConnectionEnded, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.on_connection_ended(flow, closed, ctx);
        self.end(began);
    }
}

impl Shard {
    fn on_connection_ended(&mut self, flow: Flow, closed: Option<Closed>, ctx: &mut Context<Self>) {
        let Some(connection) = self.connections.leave(flow) else { return };
        self.core.shelf.remove(flow);
        if let Some(Closed::Unframeable(why)) = closed {
            self.core.guarding.fail(connection.peer.ip(), Offence::Probing, Evidence::Certain);
            self.endpoint.count_unframeable(connection.transport, why.reason);
        }
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
