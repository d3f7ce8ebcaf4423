//! A shard: one thread's share of the switch. It owns the thread's sockets and its `sip` endpoint, and is the way between the
//! endpoint, the calls that live here, and the other shards.
//!
//! Nothing is decided here that a machine could decide.
//!
//! | File | Holds |
//! |---|---|
//! | `alarms` | when the shard is woken for its timers |
//! | `places` | the calls of this shard, and the names by which the endpoint knows their legs |
//! | `dispatcher` | a new request at the door: whose it is, and what becomes of it |
//! | `register` | REGISTER as words, and its answer |
//! | `legs` | orders of legs to the endpoint, and its news to them |
//! | `errands`, `enrolling` | requests that belong to no call: OPTIONS to carriers and PBXs, REGISTER to carriers |
//! | `bounces` | datagrams that the network sent back |
//! | `connections` | stream connections of this shard |
//! | `opening` | connections that we open |
//! | `sending` | messages on their way to a connection, perhaps another shard's |
//! | `passing` | messages that only pass through this node |
//! | `naming_peers` | whose name a TLS connection must bear |
//! | `figures` | what is counted, for the metrics |

mod alarms;
mod bounces;
mod connections;
mod dispatcher;
mod enrolling;
mod errands;
mod figures;
mod legs;
mod naming_peers;
mod opening;
mod passing;
mod places;
mod register;
mod sending;

pub(crate) use errands::ErrandOrdered;
pub(crate) use legs::SoundHeard;
pub(crate) use places::{Places, shard_of_place};

use crate::call::Naming;
use crate::core::Core;
use crate::mailbox::offer;
use crate::transport::udp::{self, Datagram, Outgoing};
use actix::{Actor, AsyncContext, Context, Handler, Message};
use alarms::Alarms;
use bounces::Bounced;
use bytes::Bytes;
use connections::Connections;
use domain::call_control::LegId;
use domain::{Entropy, Machine, Monotonic};
use enrolling::Enrolments;
use errands::Errands;
use figures::Handled;
use register::Registers;
use sending::Sending;
use sip::digest::Challenger;
use sip::endpoint::steering::{call_id_of, shard_of};
use sip::endpoint::{Destination, Effect, Endpoint, Source, Transport};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use switch::guard::{Evidence, Offence};
use wire::ReadableSocket;

/// How often a step sends what came of what could not be sent; the rest goes with the next step.
const FLUSHES_MAX: usize = 4;
/// How often a shard hands over what it has counted.
const FIGURES_EVERY: Duration = Duration::from_secs(1);

/// A message that arrived, and from where.
#[derive(Debug)]
pub struct Arrival {
    /// One whole message.
    pub bytes: Bytes,
    /// From where.
    pub source: Source,
}

/// Messages for this shard, read by it or by another.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Arrived(pub Vec<Arrival>);

/// Legs of the call at `place` order something of the endpoint.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LegsOrdered {
    /// Which call.
    pub place: u64,
    /// In order.
    pub orders: Vec<(LegId, leg::Effect)>,
}

/// The call at `place` is over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CallFinished {
    /// Which.
    pub place: u64,
}

/// A REGISTER that this shard holds is answered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RegisterAnswered {
    /// Its place in the table of this shard.
    pub place: u32,
    /// How.
    pub answer: switch::registration::Answer,
    /// Which rule saw what.
    pub trace: domain::Trace,
}

/// What a shard is made of.
pub struct ShardParts {
    /// What all share.
    pub core: Arc<Core>,
    /// Its SIP.
    pub endpoint: Endpoint,
    /// Its challenges.
    pub challenger: Challenger,
    /// Its chance.
    pub entropy: Entropy,
    /// How it names what it makes.
    pub naming: Naming,
    /// Addresses that it listens on, bound already: one socket and one listener each.
    pub listeners: Vec<Listener>,
    /// How many shards there are.
    pub shards: u16,
    /// Stream connections of our own at most.
    pub opened_max: usize,
}

/// One address that a shard listens on.
pub struct Listener {
    /// The address, with the port that was bound.
    pub address: SocketAddr,
    /// For datagrams, where it takes some.
    pub udp: Option<UdpSocket>,
    /// What is spoken over its connections.
    pub transport: Transport,
    /// For connections.
    pub tcp: std::net::TcpListener,
}

/// A shard as an actor.
pub struct Shard {
    core: Arc<Core>,
    naming: Naming,
    shards: u16,
    endpoint: Endpoint,
    challenger: Challenger,
    entropy: Entropy,
    places: Places,
    registers: Registers,
    errands: Errands,
    enrolments: Enrolments,
    udp: Vec<(SocketAddr, Outgoing)>,
    connections: Connections,
    pending_listeners: Vec<Listener>,
    /// What the endpoint has ordered and nobody has done yet.
    effects: Vec<Effect>,
    alarms: Alarms,
    /// Datagrams that the kernel dropped for want of buffer, per listener.
    kernel_drops: Vec<u64>,
    /// Datagrams that were dropped because a shard's mailbox was full.
    mailbox_drops: u64,
    /// Messages, for the metrics.
    handled: Handled,
}

impl Shard {
    /// A shard that begins to listen as soon as it is started.
    pub fn new(parts: ShardParts) -> Shard {
        let number = parts.naming.shard;
        Shard {
            places: Places::new(number),
            registers: Registers::default(),
            errands: Errands::default(),
            enrolments: Enrolments::default(),
            connections: Connections::new(number, parts.opened_max),
            core: parts.core,
            naming: parts.naming,
            shards: parts.shards,
            endpoint: parts.endpoint,
            challenger: parts.challenger,
            entropy: parts.entropy,
            udp: Vec::new(),
            kernel_drops: vec![0; parts.listeners.len()],
            pending_listeners: parts.listeners,
            effects: Vec::new(),
            alarms: Alarms::default(),
            mailbox_drops: 0,
            handled: Handled::default(),
        }
    }

    /// Sorts what was read by the shard whose it is, and hands it over.
    fn hand_out(&mut self, arrivals: Vec<Arrival>, ctx: &mut Context<Self>) {
        let mut mine = Vec::with_capacity(arrivals.len());
        let mut others: Vec<(u16, Vec<Arrival>)> = Vec::new();
        for arrival in arrivals {
            let call_id = call_id_of(&arrival.bytes).unwrap_or_default();
            let owner = shard_of(call_id, self.shards, &self.naming.steering);
            if owner == self.naming.shard {
                mine.push(arrival);
                continue;
            }
            match others.iter_mut().find(|(shard, _)| *shard == owner) {
                Some((_, batch)) => batch.push(arrival),
                None => others.push((owner, vec![arrival])),
            }
        }
        for (owner, batch) in others {
            let count = batch.len() as u64;
            let taken = self.core.shard(owner).is_some_and(|shard| offer(&shard.address, Arrived(batch)));
            if !taken {
                // As if the network had lost them: SIP sends them again.
                self.mailbox_drops += count;
                self.count_dropped();
            }
        }
        self.take(mine, ctx);
    }

    fn take(&mut self, arrivals: Vec<Arrival>, ctx: &mut Context<Self>) {
        for Arrival { bytes, source } in arrivals {
            let Some(event) = self.passed_on(bytes, source, ctx) else { continue };
            let now = self.core.clock.now();
            self.endpoint.handle(event, now, &mut self.effects);
            self.follow_up(ctx);
        }
        self.flush(ctx);
    }

    /// Does what the endpoint ordered, and what comes of that.
    fn follow_up(&mut self, ctx: &mut Context<Self>) {
        let mut index = 0;
        // Doing one thing may order another: they are done in order.
        while index < self.effects.len() {
            let effect = std::mem::replace(
                &mut self.effects[index],
                Effect::Transmit { bytes: Bytes::new(), destination: NOWHERE, is_stateless: false },
            );
            index += 1;
            self.perform(effect, ctx);
        }
        self.effects.clear();
    }

    fn perform(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Transmit { destination, is_stateless: true, .. } if !self.may_answer(&destination) => {}
            Effect::Transmit { bytes, destination, is_stateless } => {
                let sending = Sending { bytes, destination, from: self.naming.shard, may_open: !is_stateless };
                self.transmit(sending, ctx);
            }
            Effect::RequestArrived { pending } => self.on_request(&pending, ctx),
            news => self.tell_leg(news),
        }
    }

    /// Whether who has proven nothing is answered. Over a connection it is certain who asks so much.
    fn may_answer(&self, destination: &Destination) -> bool {
        let peer = destination.addr.ip();
        if destination.flow.is_some() {
            self.core.guarding.fail(peer, Offence::Probing, Evidence::Certain);
        }
        self.core.guarding.answers(peer)
    }

    fn transmit(&mut self, sending: Sending, ctx: &mut Context<Self>) {
        let destination = &sending.destination;
        match destination.transport {
            Transport::Udp => {
                if let Some(outgoing) = self.udp_towards(destination) {
                    outgoing.push(&sending.bytes, destination.addr, destination.local);
                }
            }
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.transmit_over_stream(sending, ctx);
            }
        }
    }

    /// The socket that was addressed; otherwise the one that listens on every address of that port; otherwise the first of
    /// the family.
    fn udp_towards(&mut self, destination: &Destination) -> Option<&mut Outgoing> {
        let local = destination.local;
        let exact = |bound: &SocketAddr| *bound == local;
        let wildcard = |bound: &SocketAddr| bound.ip().is_unspecified() && bound.port() == local.port();
        let family = |bound: &SocketAddr| bound.is_ipv4() == destination.addr.is_ipv4();
        let find =
            |rule: &dyn Fn(&SocketAddr) -> bool| self.udp.iter().position(|(bound, _)| rule(bound) && family(bound));
        let index = find(&exact).or_else(|| find(&wildcard)).or_else(|| find(&family))?;
        self.udp.get_mut(index).map(|(_, outgoing)| outgoing)
    }

    /// Ends a step: what waits is sent, and the timer set. What could not be sent may order something else to be sent, elsewhere.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        for _ in 0..FLUSHES_MAX {
            let mut refused = Vec::new();
            for (_, outgoing) in &mut self.udp {
                outgoing.flush();
                refused.extend(outgoing.refused());
            }
            if refused.is_empty() {
                break;
            }
            self.take_bounces(refused, ctx);
        }
        self.arm(ctx);
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some(deadline) = self.endpoint.deadline() else { return };
        let clock = self.core.clock;
        self.alarms.set(deadline, clock.now().monotonic, |at| {
            ctx.run_later(clock.until(at), move |shard, ctx| shard.on_alarm(at, ctx));
        });
    }

    fn on_alarm(&mut self, at: Monotonic, ctx: &mut Context<Self>) {
        self.alarms.rang(at);
        let now = self.core.clock.now();
        self.endpoint.expire(now, &mut self.effects);
        self.follow_up(ctx);
        self.flush(ctx);
    }

    fn listen(&mut self, listener: Listener, index: usize, ctx: &mut Context<Self>) -> std::io::Result<()> {
        let Listener { address, udp, transport, tcp } = listener;
        if let Some(udp) = udp {
            self.read_datagrams(udp, address, index, ctx)?;
        }
        self.accept_connections(tcp, transport, address, ctx)
    }

    fn read_datagrams(
        &mut self,
        udp: UdpSocket,
        address: SocketAddr,
        index: usize,
        ctx: &mut Context<Self>,
    ) -> std::io::Result<()> {
        let socket = Arc::new(ReadableSocket::register(udp)?);
        self.udp.push((address, Outgoing::new(Arc::clone(&socket))));
        let itself = ctx.address();
        let core = Arc::clone(&self.core);
        actix_rt::spawn(async move {
            let is_barred = |peer| core.guarding.bars(peer);
            let deliver = |datagrams, drops: u32| {
                // Where this shard lags behind, the kernel's buffer and then the network drop for us.
                if !offer(&itself, Read { datagrams, listener: index, kernel_drops: drops.into() }) {
                    figures::count_dropped(&core.telemetry);
                }
            };
            // One that is lost is told again when the request is repeated.
            let bounced = |bounces| {
                let _ = offer(&itself, Bounced(bounces));
            };
            let error = udp::read(socket, is_barred, deliver, bounced);
            let error = error.await;
            tracing::error!(%error, %address, "the SIP socket cannot be read any more");
        });
        Ok(())
    }
}

/// Fills the place of an effect that was taken out; never sent.
const NOWHERE: Destination = Destination {
    transport: Transport::Udp,
    addr: SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0)),
    flow: None,
    local: SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0)),
};

/// Datagrams that this shard's own socket gave.
#[derive(Message)]
#[rtype(result = "()")]
struct Read {
    datagrams: Vec<Datagram>,
    listener: usize,
    kernel_drops: u64,
}

impl Actor for Shard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(self.core.limits.mailbox_shard_max);
        for (index, listener) in std::mem::take(&mut self.pending_listeners).into_iter().enumerate() {
            let address = listener.address;
            if let Err(error) = self.listen(listener, index, ctx) {
                tracing::error!(%error, %address, "this shard cannot listen");
            }
        }
        ctx.run_interval(FIGURES_EVERY, Shard::on_figures_due);
    }
}

impl Handler<Read> for Shard {
    type Result = ();
    fn handle(&mut self, read: Read, ctx: &mut Context<Self>) {
        let began = self.begin();
        if let Some(drops) = self.kernel_drops.get_mut(read.listener) {
            *drops = read.kernel_drops;
        }
        let arrival = |datagram: Datagram| Arrival {
            bytes: datagram.bytes,
            source: Source { transport: Transport::Udp, peer: datagram.peer, local: datagram.local, flow: None },
        };
        self.hand_out(read.datagrams.into_iter().map(arrival).collect(), ctx);
        self.end(began);
    }
}

impl Handler<Arrived> for Shard {
    type Result = ();
    fn handle(&mut self, Arrived(arrivals): Arrived, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.take(arrivals, ctx);
        self.end(began);
    }
}

impl Handler<LegsOrdered> for Shard {
    type Result = ();
    fn handle(&mut self, LegsOrdered { place, orders }: LegsOrdered, ctx: &mut Context<Self>) {
        let began = self.begin();
        for (leg, order) in orders {
            self.on_leg_order(place, leg, order);
            self.follow_up(ctx);
        }
        self.flush(ctx);
        self.end(began);
    }
}

impl Handler<CallFinished> for Shard {
    type Result = ();
    fn handle(&mut self, CallFinished { place }: CallFinished, _: &mut Context<Self>) {
        let began = self.begin();
        self.places.leave(place);
        self.end(began);
    }
}

impl Handler<RegisterAnswered> for Shard {
    type Result = ();
    fn handle(&mut self, RegisterAnswered { place, answer, trace }: RegisterAnswered, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.on_register_answered(place, answer, trace);
        self.follow_up(ctx);
        self.flush(ctx);
        self.end(began);
    }
}
