//! One shard's SIP: its transaction layer, its dialog directory and its front door, as a machine.
//!
//! No socket, clock, thread or name service lives here; nor does any decision about who may call whom: the endpoint reports,
//! and does what its users order.
//!
//! # Walk of a new request
//! 1. [`Event::BytesReceived`]: parsed and checked. What is broken is answered 400 (or 416, 505, 513) without state, with a
//!    sentence in `Warning: 399`; broken responses are dropped. All of it is counted.
//! 2. A request of a known transaction is a retransmission: it is answered with the last response. An ACK stops what it
//!    acknowledges; a CANCEL is answered here and reported as [`Effect::Cancelled`].
//! 3. A request with a To tag belongs to a dialog: its server transaction is created, and the owner hears
//!    [`Effect::DialogRequestArrived`]. Without a bound dialog it is answered 481.
//! 4. The front door ([`front_door`]) answers what needs nobody: 405, 481, 483, 482, 420, OPTIONS, and 503 when the tables are
//!    full.
//! 5. [`Effect::RequestArrived`] hands out a [`Pending`] request. **Nothing has been stored yet.** The user decides on the spot:
//!    - [`Endpoint::answer_statelessly`] (401, 407, 403 to strangers): a response leaves, and nothing is remembered. A
//!      retransmission of the request is simply reported and answered again, with the same To tag; the ACK to the answer
//!      matches nothing and is absorbed in silence.
//!    - [`Endpoint::accept`]: the server transaction is created; an INVITE is answered 100 at once. From then on
//!      retransmissions are absorbed.
//!
//!    A user that cannot decide on the spot accepts first and refuses later, with a transaction: between the two steps nothing
//!    is known of the request, and a CANCEL of it would get 481. Who has proven his password is accepted before anything else
//!    is said, even a refusal, because his nonce count is used up and his retransmission would look like a replay.
//!
//! # Walk of a request of ours
//! [`Endpoint::request`] takes a whole request *without Via* (see [`crate::dialog`]), adds a Via with a fresh branch, and opens a
//! client transaction. Responses come as [`Effect::ResponseArrived`], each once: retransmitted finals are absorbed. The ACK to
//! a refusal is sent here. The ACK to a 2xx is ordered with [`Endpoint::acknowledge`], which keeps it as long as the 2xx may be
//! repeated and then repeats the ACK by itself. [`Endpoint::cancel`] builds the CANCEL, and waits for a provisional response
//! where none came.
//!
//! # Walk of an answered call
//! A 2xx to an INVITE that leaves through [`Endpoint::respond`] is repeated until its ACK arrives
//! ([`crate::dialog::repeating`]): [`Effect::AckArrived`], once, or [`Effect::AckMissed`] after 64*T1. The leg has nothing to do
//! but to order the 2xx once.
//!
//! # What the transport does with `Transmit`
//! It sends, and says [`Event::TransportFailed`] with the same destination, or [`Event::FlowClosed`], where it could not; of datagrams
//! that the network sent back, [`Event::Bounced`]. A
//! response whose connection is gone may go over another one to the same address (RFC 3261 18.2.2), or be reported as failed.

mod bounced;
mod copied;
mod counters;
mod incoming;
mod keys;
mod outgoing;
mod place;
mod reply;
mod requesting;
mod responding;
mod roomy;
mod settings;
#[cfg(test)]
mod storm;
mod table;
mod words;

pub mod front_door;
pub mod steering;
pub mod via;

pub use bounced::shard_of_bounce;
pub use counters::{
    ByMethod, ByReason, ByStatus, Counters, DURATION_BOUNDS_MS, Durations, METHODS, TIMED_METHODS, Wire,
};
pub use place::{ClientTransactionId, Destination, Flow, Owner, ServerTransactionId, Source, TransactionId, Transport};
pub use reply::{HeaderLines, Reply};
pub use settings::{Load, Settings};
pub use words::{Effect, Event, Pending, Refused};

use crate::{Host, Malformed, Message, Reason};
use bytes::Bytes;
use domain::{Entropy, Machine, Monotonic, Now};
use incoming::Server;
use keys::{Keys, Tag};
use outgoing::Client;
use roomy::Streamless;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use table::{HashedMap, Id, Table};
use via::OwnVia;

/// An answer to who has proven nothing is at most so many times as long as the datagram that asked for it: the number of QUIC (RFC 9000
/// 8.1). What user agents send is answered with less than twice its length.
pub const AMPLIFICATION_MAX: usize = 3;

/// One shard's transaction layer and dialog directory.
pub struct Endpoint {
    settings: Settings,
    entropy: Entropy,
    keys: Keys,
    counters: Counters,
    servers: Table<Server>,
    clients: Table<Client>,
    /// Bound dialogs, by [`Keys::dialog`]; at most `dialogs_max`.
    dialogs: HashedMap<Owner>,
    /// Which server transaction a request belongs to that arrives a second time by another way, by [`Keys::merged`]; at most
    /// one entry a server transaction.
    merged: HashedMap<Id>,
    /// Which server transaction waits for the ACK to its 2xx, by [`Keys::ack`]; at most one entry a server transaction.
    acks: HashedMap<Id>,
    /// How many transactions hang on each connection: only where there are some must the tables be searched when it closes.
    flows: BTreeMap<Flow, u32>,
    /// Who takes no connection for what is too large for a datagram.
    streamless: Streamless,
    /// The Via of the last request of ours; the next one has the same, save for its branch.
    own_via: Option<OwnVia>,
    /// Effects of a transaction while they are being translated; empty in between.
    scratch: Vec<crate::transaction::Effect>,
}

impl Endpoint {
    /// An endpoint with empty tables.
    pub fn new(settings: Settings, mut entropy: Entropy) -> Endpoint {
        Endpoint {
            keys: Keys::new(&mut entropy),
            settings,
            entropy,
            counters: Counters::default(),
            servers: Table::new(),
            clients: Table::new(),
            dialogs: HashMap::default(),
            merged: HashMap::default(),
            acks: HashMap::default(),
            flows: BTreeMap::new(),
            streamless: Streamless::default(),
            own_via: None,
            scratch: Vec::new(),
        }
    }

    /// Binds a dialog: requests with this Call-ID and this To tag (ours) are reported to `owner`. Binding again changes the owner.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn bind_dialog(&mut self, call_id: &str, local_tag: &str, owner: Owner) -> Result<(), Refused> {
        let key = self.keys.dialog(call_id, local_tag);
        if self.dialogs.len() >= self.settings.dialogs_max && !self.dialogs.contains_key(&key) {
            return Err(Refused::Full("dialogs"));
        }
        self.dialogs.insert(key, owner);
        Ok(())
    }

    /// Forgets a dialog; nothing happens where it was not bound.
    pub fn unbind_dialog(&mut self, call_id: &str, local_tag: &str) {
        let key = self.keys.dialog(call_id, local_tag);
        self.dialogs.remove(&key);
    }

    /// Counts a stream that could not be cut into messages ([`crate::Framer`]).
    pub fn count_unframeable(&mut self, transport: Transport, reason: Reason) {
        self.counters.wire_mut(transport).parse_errors.add(reason);
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Transactions and dialogs in memory now.
    pub fn load(&self) -> Load {
        Load {
            server_transactions: self.servers.len(),
            client_transactions: self.clients.len(),
            dialogs: self.dialogs.len(),
            flows: self.flows.len(),
        }
    }

    /// A new tag for From or To (RFC 3261 19.3).
    pub fn mint_tag(&mut self) -> String {
        Tag::new(self.entropy.next_u64()).text()
    }

    /// The host by which we name ourselves to whom `local` was addressed: what is advertised, unless that is an address of the other
    /// family.
    fn own_host(&self, local: SocketAddr) -> String {
        let local = local.ip().to_canonical();
        if let Some(host) = &self.settings.advertised_host
            && Host::parse(host.as_bytes())
                .is_none_or(|host| host.ip().is_none_or(|ip| ip.is_ipv4() == local.is_ipv4()))
        {
            return host.clone();
        }
        match local {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }

    fn transmit(&mut self, bytes: Bytes, destination: Destination, effects: &mut Vec<Effect>) {
        self.counters.wire_mut(destination.transport).messages_sent += 1;
        effects.push(Effect::Transmit { bytes, destination, is_stateless: false });
    }

    /// Sends an answer of which nothing is remembered, unless it is so much larger than what was asked that a stranger could have us
    /// flood somebody in whose name he asks.
    fn transmit_statelessly(
        &mut self,
        request: &Message,
        bytes: Bytes,
        destination: Destination,
        effects: &mut Vec<Effect>,
    ) {
        if destination.transport == Transport::Udp && bytes.len() > request.as_bytes().len() * AMPLIFICATION_MAX {
            self.counters.withheld += 1;
            return;
        }
        self.counters.wire_mut(destination.transport).messages_sent += 1;
        effects.push(Effect::Transmit { bytes, destination, is_stateless: true });
    }

    fn on_bytes(&mut self, bytes: Bytes, source: Source, now: Now, effects: &mut Vec<Effect>) {
        if is_keep_alive(&bytes) {
            return;
        }
        match Message::parse(bytes) {
            Ok(message) => self.on_message(message, source, now, effects),
            Err(malformed) => self.on_malformed(malformed, source, effects),
        }
    }

    fn on_message(&mut self, message: Message, source: Source, now: Now, effects: &mut Vec<Effect>) {
        let wire = self.counters.wire_mut(source.transport);
        wire.messages_received += 1;
        match (message.check(), message.is_request()) {
            (Ok(()), true) => self.on_request(message, source, now, effects),
            (Ok(()), false) => self.on_response(message, source, now, effects),
            (Err(complaint), true) => {
                wire.parse_errors.header += 1;
                let reply = self.settings.front_door.reply(complaint.status, complaint.phrase);
                self.complain(&message, reply, &complaint.sentence, source, effects);
            }
            (Err(_), false) => wire.parse_errors.header += 1,
        }
    }

    fn on_malformed(&mut self, malformed: Malformed, source: Source, effects: &mut Vec<Effect>) {
        let wire = self.counters.wire_mut(source.transport);
        wire.messages_received += 1;
        wire.parse_errors.add(malformed.reason);
        if let Some(remains) = malformed.remains {
            let reply = self.settings.front_door.reply(400, "Bad Request");
            self.complain(&remains, reply, &malformed.sentence, source, effects);
        }
    }

    /// Whether a table has room. Requests inside dialogs may use the reserve.
    fn is_full(used: usize, max: usize, reserve: usize) -> bool {
        used >= max.saturating_add(reserve)
    }

    fn on_transport_failed(&mut self, failed: impl Fn(&Destination) -> bool, now: Now, effects: &mut Vec<Effect>) {
        self.fail_servers(&failed, now, effects);
        self.fail_clients(failed, now, effects);
    }

    fn fail_servers(&mut self, failed: impl Fn(&Destination) -> bool, now: Now, effects: &mut Vec<Effect>) {
        for id in self.servers.ids() {
            if self.servers.get(id).is_some_and(|server| failed(&server.destination)) {
                self.fail_server(id, now, effects);
            }
        }
    }

    fn fail_clients(&mut self, failed: impl Fn(&Destination) -> bool, now: Now, effects: &mut Vec<Effect>) {
        for id in self.clients.ids() {
            if self.clients.get(id).is_some_and(|client| failed(&client.destination)) {
                self.fail_client(id, now, effects);
            }
        }
    }

    fn on_flow_closed(&mut self, flow: Flow, now: Now, effects: &mut Vec<Effect>) {
        if self.flows.contains_key(&flow) {
            // Our responses may yet go over another connection (RFC 3261 18.2.2), but not to a WebSocket (RFC 7118 5).
            let is_lost =
                |destination: &Destination| destination.transport.is_websocket() && destination.flow == Some(flow);
            self.fail_servers(is_lost, now, effects);
            self.fail_clients(|destination| destination.flow == Some(flow), now, effects);
        }
    }

    fn hold_flow(&mut self, flow: Option<Flow>) {
        if let Some(flow) = flow {
            *self.flows.entry(flow).or_default() += 1;
        }
    }

    fn release_flow(&mut self, flow: Option<Flow>) {
        if let Some(flow) = flow
            && let Some(count) = self.flows.get_mut(&flow)
        {
            *count -= 1;
            if *count == 0 {
                self.flows.remove(&flow);
            }
        }
    }
}

/// CRLF, NUL or nothing: what keeps a NAT open, and is no message (RFC 5626 3.5.1 and the field).
fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.len() <= 8 && bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0))
}

impl Machine for Endpoint {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::BytesReceived { bytes, source } => self.on_bytes(bytes, source, now, effects),
            Event::MessageReceived { message, source } => self.on_message(message, source, now, effects),
            Event::TransportFailed { destination } => {
                self.on_transport_failed(|other| *other == destination, now, effects);
            }
            Event::Bounced { addr, quote } => self.on_bounced(addr, &quote, now, effects),
            Event::FlowClosed { flow } => self.on_flow_closed(flow, now, effects),
        }
    }

    /// Never later than the earliest timer, now and then earlier.
    fn deadline(&self) -> Option<Monotonic> {
        self.servers.deadline().into_iter().chain(self.clients.deadline()).min()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(id) = self.servers.pop_due(now.monotonic) {
            self.wake_server(id, now, effects);
        }
        while let Some(id) = self.clients.pop_due(now.monotonic) {
            self.wake_client(id, now, effects);
        }
    }

    /// An endpoint is never finished: it waits for the next message.
    fn is_finished(&self) -> bool {
        false
    }
}
