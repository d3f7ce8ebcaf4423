//! A UDP socket with a SIP endpoint behind it, and the thread that lends both to a [`Role`].
//!
//! What is said on the line is the role's; transactions and retransmissions are `sip::endpoint`'s.

use actors::clock::Clock;
use bytes::Bytes;
use domain::{Entropy, Machine, Monotonic, Now};
use sip::endpoint::front_door::FrontDoor;
use sip::endpoint::steering::{SteeringKey, mint_call_id};
use sip::endpoint::{
    ClientTransactionId, Destination, Effect, Endpoint, Event, HeaderLines, Owner, Pending, Refused, Reply,
    ServerTransactionId, Settings, Source, Transport,
};
use sip::{Method, Uri};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Transactions of one agent: a few for each of its calls.
const TRANSACTIONS_MAX: usize = 512;
/// Orders that may wait for an agent.
const ORDERS_MAX: usize = 64;
/// The longest that the thread listens before it looks at its orders, should the datagram that wakes it be lost.
const LISTEN_MAX: Duration = Duration::from_millis(250);
/// The longest datagram that there is.
const DATAGRAM_MAX: usize = 65_535;

/// What an agent does with its line. Called on the agent's thread only.
pub(super) trait Role: Send + 'static {
    /// What it can be told to do.
    type Order: Send + 'static;
    /// Does it.
    fn on_order(&mut self, order: Self::Order, line: &mut Line);
    /// Hears what the endpoint reports; sending is done already.
    fn on_effect(&mut self, effect: Effect, line: &mut Line);
    /// When it next wants to be called, if at all.
    fn deadline(&self) -> Option<Monotonic>;
    /// Its deadline has come.
    fn on_deadline(&mut self, line: &mut Line);
}

enum Note<O> {
    Order(O),
    Stop,
}

/// An agent that runs, as its owner sees it. Dropping it ends its thread; calls that are up then are dead, not hung up.
pub(super) struct Running<O: Send + 'static> {
    notes: SyncSender<Note<O>>,
    waker: UdpSocket,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl<O: Send + 'static> Running<O> {
    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells it to do something.
    pub(super) fn order(&self, order: O) {
        self.note(Note::Order(order));
    }

    fn note(&self, note: Note<O>) {
        // The thread is gone only when its role panicked, and that is seen by whoever waits for its news.
        let _ = self.notes.send(note);
        // An empty datagram ends the wait; where it is lost, `LISTEN_MAX` does.
        let _ = self.waker.send_to(&[], self.address);
    }
}

impl<O: Send + 'static> Drop for Running<O> {
    fn drop(&mut self) {
        self.note(Note::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The line as the role uses it.
pub(super) struct Line {
    socket: UdpSocket,
    local: SocketAddr,
    clock: Clock,
    endpoint: Endpoint,
    entropy: Entropy,
    steering: SteeringKey,
    effects: Vec<Effect>,
}

/// Binds a socket of `ip` on a port that the kernel chooses, and starts the agent's thread with the role that `make` gives for the
/// bound address.
pub(super) fn start<R: Role>(
    name: &str,
    ip: IpAddr,
    clock: Clock,
    mut entropy: Entropy,
    make: impl FnOnce(SocketAddr) -> R,
) -> io::Result<Running<R::Order>> {
    let socket = UdpSocket::bind((ip, 0))?;
    let address = socket.local_addr()?;
    let waker = UdpSocket::bind((ip, 0))?;
    let settings = Settings {
        server_transactions_max: TRANSACTIONS_MAX,
        client_transactions_max: TRANSACTIONS_MAX,
        dialogs_max: TRANSACTIONS_MAX,
        front_door: FrontDoor {
            methods: vec![Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Options],
            server: format!("Tandem demo {name}"),
            ..FrontDoor::default()
        },
        ..Settings::default()
    };
    let line = Line {
        socket,
        local: address,
        clock,
        endpoint: Endpoint::new(settings, entropy.fork()),
        steering: SteeringKey::new(entropy.next_u128().to_le_bytes()),
        entropy,
        effects: Vec::new(),
    };
    let (notes, heard) = sync_channel(ORDERS_MAX);
    let role = make(address);
    let thread = std::thread::Builder::new().name(format!("{name}-sip")).spawn(move || run(line, role, &heard))?;
    Ok(Running { notes, waker, address, thread: Some(thread) })
}

fn run<R: Role>(mut line: Line, mut role: R, notes: &Receiver<Note<R::Order>>) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        loop {
            match notes.try_recv() {
                Ok(Note::Order(order)) => role.on_order(order, &mut line),
                Ok(Note::Stop) | Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => break,
            }
            line.settle(&mut role);
        }
        let deadline = line.endpoint.deadline().into_iter().chain(role.deadline()).min();
        line.listen(deadline, &mut buffer);
        line.settle(&mut role);
        let now = line.now();
        line.endpoint.expire(now, &mut line.effects);
        line.settle(&mut role);
        if role.deadline().is_some_and(|deadline| deadline <= now.monotonic) {
            role.on_deadline(&mut line);
            line.settle(&mut role);
        }
    }
}

impl Line {
    /// The time.
    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Where this agent listens.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// A new Call-ID.
    pub(super) fn mint_call_id(&mut self) -> String {
        let host = self.local.ip().to_string();
        mint_call_id(0, &self.steering, &mut self.entropy, &host)
    }

    /// A new tag, or any other token that nobody can guess.
    pub(super) fn mint_tag(&mut self) -> String {
        self.endpoint.mint_tag()
    }

    /// A number that nobody can guess.
    pub(super) fn mint_number(&mut self) -> u64 {
        self.entropy.next_u64()
    }

    /// Sends a request (without Via) in a transaction of its own.
    pub(super) fn request(
        &mut self,
        owner: Owner,
        request: &[u8],
        to: SocketAddr,
    ) -> Result<ClientTransactionId, Refused> {
        let (now, destination) = (self.now(), self.destination(to));
        self.endpoint.request(owner, request, destination, now, &mut self.effects)
    }

    /// Sends the ACK to a 2xx, and again whenever the 2xx is repeated.
    pub(super) fn acknowledge(
        &mut self,
        invite: ClientTransactionId,
        ack: &[u8],
        to: SocketAddr,
    ) -> Result<(), Refused> {
        let destination = self.destination(to);
        self.endpoint.acknowledge(invite, ack, destination, &mut self.effects)
    }

    /// Cancels an INVITE. Where it ended already there is nothing to cancel.
    pub(super) fn cancel(&mut self, invite: ClientTransactionId) {
        let now = self.now();
        let _ = self.endpoint.cancel(invite, HeaderLines::new(), now, &mut self.effects);
    }

    /// Takes a request at the door; none where it was taken before, or the table is full.
    pub(super) fn accept(&mut self, pending: &Pending, owner: Owner) -> Option<ServerTransactionId> {
        let now = self.now();
        self.endpoint.accept(pending, owner, now, &mut self.effects).ok()
    }

    /// Refuses a request at the door, and forgets it.
    pub(super) fn refuse(&mut self, pending: &Pending, reply: Reply) {
        self.endpoint.answer_statelessly(pending, reply, &mut self.effects);
    }

    /// Responds. Where the transaction ended already, nobody waits for it.
    pub(super) fn respond(&mut self, transaction: ServerTransactionId, reply: Reply) {
        let now = self.now();
        let _ = self.endpoint.respond(transaction, reply, now, &mut self.effects);
    }

    /// Requests inside this dialog are for `owner` from now on. Refused only where [`TRANSACTIONS_MAX`] dialogs are bound; the roles
    /// have fewer calls than that.
    pub(super) fn bind(&mut self, call_id: &str, local_tag: &str, owner: Owner) {
        let _ = self.endpoint.bind_dialog(call_id, local_tag, owner);
    }

    /// And no longer.
    pub(super) fn unbind(&mut self, call_id: &str, local_tag: &str) {
        self.endpoint.unbind_dialog(call_id, local_tag);
    }

    fn destination(&self, to: SocketAddr) -> Destination {
        Destination { transport: Transport::Udp, addr: to, flow: None, local: self.local }
    }

    /// Waits for one datagram, until the deadline at most.
    fn listen(&mut self, deadline: Option<Monotonic>, buffer: &mut [u8]) {
        let wait = deadline.map_or(LISTEN_MAX, |deadline| self.clock.until(deadline).min(LISTEN_MAX));
        // Zero would mean for ever.
        if self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).is_err() {
            return;
        }
        let Ok((length, peer)) = self.socket.recv_from(buffer) else { return };
        let source = Source { transport: Transport::Udp, peer, local: self.local, flow: None };
        let bytes = Bytes::copy_from_slice(&buffer[..length]);
        let now = self.now();
        self.endpoint.handle(Event::BytesReceived { bytes, source }, now, &mut self.effects);
    }

    /// Sends what is to be sent and tells the role the rest, until there is nothing more.
    fn settle<R: Role>(&mut self, role: &mut R) {
        let mut waiting = VecDeque::from(std::mem::take(&mut self.effects));
        while let Some(effect) = waiting.pop_front() {
            match effect {
                Effect::Transmit { bytes, destination } => {
                    if self.socket.send_to(&bytes, destination.addr).is_err() {
                        let now = self.now();
                        self.endpoint.handle(Event::TransportFailed { destination }, now, &mut self.effects);
                    }
                }
                other => role.on_effect(other, self),
            }
            waiting.extend(self.effects.drain(..));
        }
    }
}

/// The address in a SIP URI, for agents that look nothing up: an IP and its port, 5060 where none is named.
pub(super) fn address_of(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::parse(uri.as_bytes()).ok()?;
    let port = uri.port().unwrap_or(5_060);
    let host = uri.host()?.to_string();
    let ip: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(SocketAddr::new(ip, port))
}
