//! A SIP endpoint at one address, without its socket: datagrams and time go in, effects come out.
//!
//! What is said on the line is a [`Role`]'s; transactions and retransmissions are `sip::endpoint`'s; sockets, threads and the clock
//! belong to whoever drives it.

use bytes::Bytes;
use domain::{Entropy, Machine, Monotonic, Now};
use sip::endpoint::front_door::FrontDoor;
use sip::endpoint::steering::{SteeringKey, mint_call_id};
use sip::endpoint::{
    ClientTransactionId, Counters, Destination, Effect, Endpoint, Event, HeaderLines, Owner, Pending, Refused, Reply,
    ServerTransactionId, Settings, Source, Transport,
};
use sip::{Method, Uri};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// What an agent does with its line.
pub trait Role {
    /// What it can be told to do.
    type Order;
    /// Does it.
    fn on_order(&mut self, order: Self::Order, line: &mut Line);
    /// Hears what the endpoint reports; sending is done already.
    fn on_effect(&mut self, effect: Effect, line: &mut Line);
    /// When it next wants to be called, if at all.
    fn deadline(&self) -> Option<Monotonic>;
    /// Its deadline has come.
    fn on_deadline(&mut self, line: &mut Line);
}

/// What a line is told at its birth.
#[derive(Clone, Debug)]
pub struct LineSettings {
    /// What it says in the header Server.
    pub server: String,
    /// Where it listens.
    pub local: SocketAddr,
    /// Transactions of each kind, and dialogs, at one time; what is more is refused to whoever asked.
    pub transactions_max: usize,
}

/// The line, as its role and its driver use it.
pub struct Line {
    local: SocketAddr,
    endpoint: Endpoint,
    entropy: Entropy,
    steering: SteeringKey,
    now: Now,
    effects: Vec<Effect>,
}

impl Line {
    /// A line on which nothing was said yet.
    pub fn new(settings: LineSettings, now: Now, mut entropy: Entropy) -> Line {
        let max = settings.transactions_max;
        let endpoint = Settings {
            server_transactions_max: max,
            client_transactions_max: max,
            dialogs_max: max,
            front_door: FrontDoor {
                methods: vec![Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Options],
                extensions: vec!["timer"],
                server: settings.server,
                ..FrontDoor::default()
            },
            ..Settings::default()
        };
        Line {
            local: settings.local,
            endpoint: Endpoint::new(endpoint, entropy.fork()),
            steering: SteeringKey::new(entropy.next_u128().to_le_bytes()),
            entropy,
            now,
            effects: Vec::new(),
        }
    }

    /// The driver says what time it is, before it calls anything else.
    pub fn at(&mut self, now: Now) {
        self.now = now;
    }

    /// The time of what is happening.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Where this agent listens.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        self.endpoint.counters()
    }

    /// The earliest timer of a transaction, if any.
    pub fn deadline(&self) -> Option<Monotonic> {
        self.endpoint.deadline()
    }

    /// Takes a datagram.
    pub fn hear(&mut self, bytes: Bytes, peer: SocketAddr) {
        let source = Source { transport: Transport::Udp, peer, local: self.local, flow: None };
        self.endpoint.handle(Event::BytesReceived { bytes, source }, self.now, &mut self.effects);
    }

    /// Lets every timer go off that is due.
    pub fn expire(&mut self) {
        self.endpoint.expire(self.now, &mut self.effects);
    }

    /// Hands what is to be sent to `send`, which says whether it could, and tells the role the rest, until there is nothing more.
    pub fn settle<R: Role>(&mut self, role: &mut R, mut send: impl FnMut(&[u8], SocketAddr) -> bool) {
        let mut waiting = VecDeque::from(std::mem::take(&mut self.effects));
        while let Some(effect) = waiting.pop_front() {
            match effect {
                Effect::Transmit { bytes, destination, .. } => {
                    if !send(&bytes, destination.addr) {
                        self.endpoint.handle(Event::TransportFailed { destination }, self.now, &mut self.effects);
                    }
                }
                other => role.on_effect(other, self),
            }
            waiting.extend(self.effects.drain(..));
        }
    }

    /// A new Call-ID.
    pub fn mint_call_id(&mut self) -> String {
        let host = self.local.ip().to_string();
        mint_call_id(0, &self.steering, &mut self.entropy, &host)
    }

    /// A new tag, or any other token that nobody can guess.
    pub fn mint_tag(&mut self) -> String {
        self.endpoint.mint_tag()
    }

    /// A number that nobody can guess.
    pub fn mint_number(&mut self) -> u64 {
        self.entropy.next_u64()
    }

    /// Sends a request (without Via) in a transaction of its own.
    ///
    /// # Errors
    /// [`Refused`] where the table is full or the request is none.
    pub fn request(&mut self, owner: Owner, request: &[u8], to: SocketAddr) -> Result<ClientTransactionId, Refused> {
        let destination = self.destination(to);
        self.endpoint.request(owner, request, destination, self.now, &mut self.effects)
    }

    /// Sends the ACK to a 2xx, and again whenever the 2xx is repeated.
    ///
    /// # Errors
    /// [`Refused`] where the INVITE's transaction is gone.
    pub fn acknowledge(&mut self, invite: ClientTransactionId, ack: &[u8], to: SocketAddr) -> Result<(), Refused> {
        let destination = self.destination(to);
        self.endpoint.acknowledge(invite, ack, destination, &mut self.effects)
    }

    /// Cancels an INVITE. Where it ended already there is nothing to cancel.
    pub fn cancel(&mut self, invite: ClientTransactionId) {
        let _ = self.endpoint.cancel(invite, HeaderLines::new(), self.now, &mut self.effects);
    }

    /// Takes a request at the door; none where it was taken before, or the table is full.
    pub fn accept(&mut self, pending: &Pending, owner: Owner) -> Option<ServerTransactionId> {
        self.endpoint.accept(pending, owner, self.now, &mut self.effects).ok()
    }

    /// Refuses a request at the door, and forgets it.
    pub fn refuse(&mut self, pending: &Pending, reply: Reply) {
        self.endpoint.answer_statelessly(pending, reply, &mut self.effects);
    }

    /// Responds. Where the transaction ended already, nobody waits for it.
    pub fn respond(&mut self, transaction: ServerTransactionId, reply: Reply) {
        let _ = self.endpoint.respond(transaction, reply, self.now, &mut self.effects);
    }

    /// Requests inside this dialog are for `owner` from now on. Refused only where `transactions_max` dialogs are bound; the roles
    /// have fewer calls than that.
    pub fn bind(&mut self, call_id: &str, local_tag: &str, owner: Owner) {
        let _ = self.endpoint.bind_dialog(call_id, local_tag, owner);
    }

    /// And no longer.
    pub fn unbind(&mut self, call_id: &str, local_tag: &str) {
        self.endpoint.unbind_dialog(call_id, local_tag);
    }

    fn destination(&self, to: SocketAddr) -> Destination {
        Destination { transport: Transport::Udp, addr: to, flow: None, local: self.local }
    }
}

/// The address in a SIP URI, for agents that look nothing up: an IP and its port, 5060 where none is named.
pub fn address_of(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::parse(uri.as_bytes()).ok()?;
    let port = uri.port().unwrap_or(5_060);
    let host = uri.host()?.to_string();
    let ip: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(SocketAddr::new(ip, port))
}
