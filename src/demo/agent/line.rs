//! A UDP socket with a [`Line`] behind it, and the thread that lends both to a [`Role`].
//!
//! What is said on the line is the role's; what a line is, `telephone`'s.

use actors::clock::Clock;
use bytes::Bytes;
use domain::{Entropy, Monotonic};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use telephone::LineSettings;
pub(super) use telephone::{Line, Role};

/// Transactions of one agent: a few for each of its calls.
const TRANSACTIONS_MAX: usize = 512;
/// Orders that may wait for an agent.
const ORDERS_MAX: usize = 64;
/// The longest that the thread listens before it looks at its orders, should the datagram that wakes it be lost.
const LISTEN_MAX: Duration = Duration::from_millis(250);
/// The longest datagram that there is.
const DATAGRAM_MAX: usize = 65_535;

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

/// Binds a socket of `ip` on a port that the kernel chooses, and starts the agent's thread with the role that `make` gives for the
/// bound address.
pub(super) fn start<R: Role<Order: Send> + Send + 'static>(
    name: &str,
    ip: IpAddr,
    clock: Clock,
    entropy: Entropy,
    make: impl FnOnce(SocketAddr) -> R,
) -> io::Result<Running<R::Order>> {
    let socket = UdpSocket::bind((ip, 0))?;
    let address = socket.local_addr()?;
    let waker = UdpSocket::bind((ip, 0))?;
    let settings =
        LineSettings { server: format!("Tandem demo {name}"), local: address, transactions_max: TRANSACTIONS_MAX };
    let line = Line::new(settings, clock.now(), entropy);
    let (notes, heard) = sync_channel(ORDERS_MAX);
    let role = make(address);
    let driven = Driven { socket, clock, line, role };
    let thread = std::thread::Builder::new().name(format!("{name}-sip")).spawn(move || driven.run(&heard))?;
    Ok(Running { notes, waker, address, thread: Some(thread) })
}

/// What the thread has.
struct Driven<R: Role> {
    socket: UdpSocket,
    clock: Clock,
    line: Line,
    role: R,
}

impl<R: Role> Driven<R> {
    fn run(mut self, notes: &Receiver<Note<R::Order>>) {
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            loop {
                self.line.at(self.clock.now());
                match notes.try_recv() {
                    Ok(Note::Order(order)) => self.role.on_order(order, &mut self.line),
                    Ok(Note::Stop) | Err(TryRecvError::Disconnected) => return,
                    Err(TryRecvError::Empty) => break,
                }
                self.settle();
            }
            let deadline = self.line.deadline().into_iter().chain(self.role.deadline()).min();
            self.listen(deadline, &mut buffer);
            self.line.at(self.clock.now());
            self.line.expire();
            self.settle();
            if self.role.deadline().is_some_and(|deadline| deadline <= self.line.now().monotonic) {
                self.role.on_deadline(&mut self.line);
                self.settle();
            }
        }
    }

    /// Waits for one datagram, until the deadline at most.
    fn listen(&mut self, deadline: Option<Monotonic>, buffer: &mut [u8]) {
        let wait = deadline.map_or(LISTEN_MAX, |deadline| self.clock.until(deadline).min(LISTEN_MAX));
        // Zero would mean for ever.
        if self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).is_err() {
            return;
        }
        let Ok((length, peer)) = self.socket.recv_from(buffer) else { return };
        self.line.at(self.clock.now());
        self.line.hear(Bytes::copy_from_slice(&buffer[..length]), peer);
        self.settle();
    }

    fn settle(&mut self) {
        let socket = &self.socket;
        self.line.settle(&mut self.role, |bytes, to| socket.send_to(bytes, to).is_ok());
    }
}
