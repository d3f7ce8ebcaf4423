//! Stream connections of one shard: a table, and the way of bytes to them.
//!
//! Reading and writing is `transport::stream`'s; a connection is named by its [`Flow`] and lives on the shard that accepted or
//! opened it.

use super::figures::count_dropped;
use super::naming_peers::{alias_of, wanted_name};
use super::opening::{Link, open};
use super::sending::{FlowEnded, SendOver, Sending, SendingFailed};
use super::{Arrival, Shard};
use crate::core::Core;
use crate::mailbox::{offer, tell};
use crate::registrar::Registration;
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

/// Messages of a connection that are looked at for an alias: who wants one says so from the first request on.
const ALIAS_AWAITED: u8 = 8;

/// The connections of one shard.
pub(super) struct Connections {
    shard: u16,
    /// Connections of our own at most; those of others are counted at the door.
    opened_max: usize,
    opened: usize,
    generation: u32,
    open: Slab<Connection>,
    /// The newest connection with each peer, over TLS by the name that it has proven.
    by_peer: BTreeMap<Peer, Flow>,
}

/// Who is at the other end of a connection: over what, where, and over TLS who. One address may be several domains'.
type Peer = (Transport, SocketAddr, Arc<str>);

struct Connection {
    generation: u32,
    transport: Transport,
    peer: SocketAddr,
    writes: mpsc::Sender<Bytes>,
    /// Under which it is found; none of a TLS connection that was opened to us.
    known_as: Option<Peer>,
    /// What the endpoint of a shard called it, where we opened it: its failure is told there under that name.
    opened_for: Option<(Destination, u16)>,
    /// Where its peer listens, once it has said so (RFC 5923).
    alias: Option<SocketAddr>,
    /// Requests that may yet say so.
    alias_awaited: u8,
    /// Whether anything whole has come.
    has_spoken: bool,
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

    /// `name`: what a TLS connection that we open must prove.
    fn enter(
        &mut self,
        transport: Transport,
        peer: SocketAddr,
        name: Arc<str>,
        writes: mpsc::Sender<Bytes>,
        opened_for: Option<(Destination, u16)>,
    ) -> Option<Flow> {
        if opened_for.is_some() {
            if self.opened >= self.opened_max {
                return None;
            }
            self.opened += 1;
        }
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        // Who opened a TLS connection to us has proven nothing that a request of ours may rely on, but by an alias.
        let known_as = (opened_for.is_some() || !transport.is_secure()).then_some((transport, peer, name));
        let connection = Connection {
            generation,
            transport,
            peer,
            writes,
            known_as: known_as.clone(),
            opened_for,
            alias: None,
            alias_awaited: ALIAS_AWAITED,
            has_spoken: false,
        };
        let slot = self.open.insert(connection) as u32;
        let flow = Flow { shard: self.shard, slot, generation };
        if let Some(known_as) = known_as {
            self.by_peer.insert(known_as, flow);
        }
        Some(flow)
    }

    fn get(&self, flow: Flow) -> Option<&Connection> {
        self.open.get(flow.slot as usize).filter(|connection| connection.generation == flow.generation)
    }

    /// A connection that we opened to `peer`, over TLS to this name, or that it opened to us from that very port without TLS: nobody else is
    /// there.
    fn towards(&self, transport: Transport, peer: SocketAddr, name: &Arc<str>) -> Option<&Connection> {
        self.get(*self.by_peer.get(&(transport, peer, Arc::clone(name)))?)
    }

    fn leave(&mut self, flow: Flow) -> Option<Connection> {
        self.get(flow)?;
        let connection = self.open.try_remove(flow.slot as usize)?;
        if let Some(known_as) = &connection.known_as
            && self.by_peer.get(known_as) == Some(&flow)
        {
            self.by_peer.remove(known_as);
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

    /// Sends over the connection that is meant, or over one to where that is.
    pub(super) fn transmit_over_stream(&mut self, sending: Sending, ctx: &mut Context<Self>) {
        match sending.destination.flow {
            Some(flow) => self.transmit_over(flow, sending, ctx),
            None => self.transmit_to_peer(sending, ctx),
        }
    }

    /// Sends over this connection; where it is gone, over another one, to where its peer listens (RFC 3261 18.1.1, 18.2.2).
    pub(super) fn transmit_over(&mut self, flow: Flow, sending: Sending, ctx: &mut Context<Self>) {
        if flow.shard != self.naming.shard {
            if let Some(shard) = self.core.shard(flow.shard) {
                tell(&shard.address, SendOver { sending, flow });
            }
            return;
        }
        match self.connections.get(flow) {
            Some(open) if open.take(sending.bytes.clone()) => {}
            None if sending.may_open => self.transmit_to_peer(sending, ctx),
            Some(_) | None => self.fail(sending.destination, sending.from),
        }
    }

    fn transmit_to_peer(&mut self, sending: Sending, ctx: &mut Context<Self>) {
        let Destination { transport, addr, .. } = sending.destination;
        let name: Arc<str> = match transport.is_secure() {
            true => wanted_name(&sending.bytes, addr, &self.core.desk.load()).into(),
            false => Arc::default(),
        };
        match self.connections.towards(transport, addr, &name) {
            Some(open) if open.take(sending.bytes.clone()) => return,
            Some(_) => return self.fail(sending.destination, sending.from),
            None => {}
        }
        // Nobody listens for our WebSockets (RFC 7118 5).
        if transport.is_websocket() {
            return self.fail(sending.destination, sending.from);
        }
        let alias = self.core.aliases.get(addr, &name).filter(|_| transport == Transport::Tls);
        // One of ours that has ended meanwhile is none any more; of another shard's that shard knows, and opens another one.
        match alias.filter(|flow| flow.shard != self.naming.shard || self.connections.get(*flow).is_some()) {
            Some(flow) => self.transmit_over(flow, Sending { may_open: true, ..sending }, ctx),
            None => self.open_connection(sending, name, ctx),
        }
    }

    fn open_connection(&mut self, sending: Sending, name: Arc<str>, ctx: &mut Context<Self>) {
        let Sending { bytes, destination, from, .. } = sending;
        let (writes, waiting) = mpsc::channel(stream::WRITES_WAITING_MAX);
        // The channel is new and empty: the first message fits.
        let _ = writes.try_send(bytes);
        let (transport, peer) = (destination.transport, destination.addr);
        let opened_for = Some((destination, from));
        let Some(flow) = self.connections.enter(transport, peer, Arc::clone(&name), writes.clone(), opened_for) else {
            tracing::warn!(%peer, "no connection was opened: as many of ours are open as may be");
            return self.fail(destination, from);
        };
        let itself = ctx.address();
        let core = Arc::clone(&self.core);
        actix_rt::spawn(async move {
            let closed = match open(&destination, &name, &core).await {
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

    /// Tells the endpoint that wanted something sent that it was not.
    pub(super) fn fail(&mut self, destination: Destination, from: u16) {
        if from != self.naming.shard {
            if let Some(shard) = self.core.shard(from) {
                tell(&shard.address, SendingFailed(destination));
            }
            return;
        }
        let now = self.core.clock.now();
        self.endpoint.handle(Event::TransportFailed { destination }, now, &mut self.effects);
    }

    /// Notes what a message says of the connection that it came over: that its peer is alive, and where it listens.
    fn note_peer(&mut self, arrival: &Arrival) {
        let Some(flow) = arrival.source.flow else { return };
        let known = self.connections.open.get_mut(flow.slot as usize);
        let Some(connection) = known.filter(|known| known.generation == flow.generation) else { return };
        connection.has_spoken = true;
        let is_candidate = connection.transport == Transport::Tls && connection.opened_for.is_none();
        if !is_candidate || connection.alias.is_some() || connection.alias_awaited == 0 {
            return;
        }
        connection.alias_awaited -= 1;
        let Some(names) = self.core.shown_by(&arrival.source) else { return };
        let is_its_own = |domain: &str| names.iter().any(|name| name.as_str() == domain);
        let Some(alias) = alias_of(&arrival.bytes, arrival.source.peer.ip(), is_its_own) else { return };
        connection.alias = Some(alias);
        names.iter().for_each(|name| self.core.aliases.put(alias, name.as_str(), flow));
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
        let Some(flow) = self.connections.enter(transport, peer, Arc::default(), writes.clone(), None) else { return };
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
        self.note_peer(&arrival);
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
        let shown = self.core.shelf.remove(flow);
        if let (Some(alias), Some(names)) = (connection.alias, shown) {
            names.iter().for_each(|name| self.core.aliases.remove(alias, name.as_str(), flow));
        }
        if let Some(Closed::Unframeable(why)) = closed {
            self.core.guarding.fail(connection.peer.ip(), Offence::Probing, Evidence::Certain);
            self.endpoint.count_unframeable(connection.transport, why.reason);
        }
        let now = self.core.clock.now();
        self.endpoint.handle(Event::FlowClosed { flow }, now, &mut self.effects);
        if let Some((destination, from)) = connection.opened_for {
            self.fail(destination, from);
        }
        // Calls of other shards may speak over it too.
        if connection.has_spoken {
            for number in (0..self.shards).filter(|number| *number != self.naming.shard) {
                if let Some(shard) = self.core.shard(number) {
                    tell(&shard.address, FlowEnded(flow));
                }
            }
        }
        for registration in self.core.registry.every::<Registration>() {
            let event = switch::registration::Event::FlowClosed(crate::ways::register::flow_tag(flow));
            tell(&registration, crate::shell::Tell(event));
        }
        self.follow_up(ctx);
        self.flush(ctx);
    }
}
