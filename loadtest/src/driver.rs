//! A UDP socket, a [`Line`] and a role on the runtime: datagrams, timers and orders in, datagrams out.
//!
//! What is said is the role's.

use crate::clock::Clock;
use bytes::Bytes;
use domain::Monotonic;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use telephone::{Line, LineSettings, Role};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Datagrams taken in a row before timers and orders have their turn.
const READS_MAX: usize = 64;
/// The longest datagram that there is.
const DATAGRAM_MAX: usize = 65_535;
/// The longest sleep of an agent that waits for nothing.
const IDLE: Duration = Duration::from_secs(3_600);

/// A role that comes to an end.
pub trait Agent: Role {
    /// Whether it could leave now: no call is up.
    fn is_idle(&self) -> bool;
}

/// Binds a socket for an agent; it does not block.
///
/// # Errors
/// Those of the system.
pub fn bind(address: SocketAddr) -> io::Result<(std::net::UdpSocket, SocketAddr)> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    let local = socket.local_addr()?;
    Ok((socket, local))
}

/// The settings of an agent's line.
pub fn settings(local: SocketAddr, transactions_max: usize) -> LineSettings {
    LineSettings { server: concat!("tandem-loadtest/", env!("CARGO_PKG_VERSION")).to_owned(), local, transactions_max }
}

/// An agent, its line and its socket.
pub struct Driven<A> {
    /// Where it sends and hears.
    pub socket: UdpSocket,
    /// Its line.
    pub line: Line,
    /// What it does with it.
    pub agent: A,
}

impl<A: Agent> Driven<A> {
    /// Runs the agent until nobody can give it orders any more and no call is up; gives the line back, for its counters.
    pub async fn run(mut self, mut orders: mpsc::Receiver<A::Order>, clock: Clock) -> Line {
        let mut buffer = vec![0; DATAGRAM_MAX];
        let mut has_orders = true;
        loop {
            self.expire(clock);
            if !has_orders && self.agent.is_idle() {
                return self.line;
            }
            let deadline = self.line.deadline().into_iter().chain(self.agent.deadline()).min();
            tokio::select! {
                biased;
                readable = self.socket.readable() => if readable.is_ok() { self.listen(clock, &mut buffer) },
                order = orders.recv(), if has_orders => match order {
                    Some(order) => {
                        self.line.at(clock.now());
                        self.agent.on_order(order, &mut self.line);
                        self.settle();
                    }
                    None => has_orders = false,
                },
                () = tokio::time::sleep(wait(deadline, clock)) => {}
            }
        }
    }

    fn expire(&mut self, clock: Clock) {
        self.line.at(clock.now());
        self.line.expire();
        self.settle();
        if self.agent.deadline().is_some_and(|deadline| deadline <= self.line.now().monotonic) {
            self.agent.on_deadline(&mut self.line);
            self.settle();
        }
    }

    fn listen(&mut self, clock: Clock, buffer: &mut [u8]) {
        for _ in 0..READS_MAX {
            match self.socket.try_recv_from(buffer) {
                Ok((length, peer)) => {
                    self.line.at(clock.now());
                    self.line.hear(Bytes::copy_from_slice(&buffer[..length]), peer);
                    self.settle();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Somebody whom we wrote to is not there: his transactions end by their own timers.
                Err(_) => {}
            }
        }
    }

    fn settle(&mut self) {
        let socket = &self.socket;
        self.line.settle(&mut self.agent, |bytes, to| match socket.try_send_to(bytes, to) {
            Ok(_) => true,
            // What finds no room is lost, as on any network, and sent again by its transaction.
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused),
        });
    }
}

fn wait(deadline: Option<Monotonic>, clock: Clock) -> Duration {
    deadline.map_or(IDLE, |deadline| clock.until(deadline))
}
