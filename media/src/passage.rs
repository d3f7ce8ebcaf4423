//! The way of datagrams through a thread: received in a batch, judged by their session, sent on. Nothing is allocated here
//! after the start.
//!
//! When a socket is read is `worker`'s; what becomes of a datagram is `session`'s decision.

use crate::counters::Counters;
use crate::session::{Kind, Outcome, Port, Session};
use crate::sockets::Pair;
use crate::words::{BySide, DiscardReason, Side};
use domain::Monotonic;
use mio::net::UdpSocket;
use std::io;
use wire::{RecvBatch, SendBatch, recv_batch, send_batch};

/// Bytes of a datagram that are carried: above every Ethernet frame. A longer one is discarded as `NotRtp`.
const DATAGRAM_MAX: usize = 2_048;

/// Datagrams of one system call: a socket that brings one each 20 ms seldom holds two, and each place costs its preparation.
const BATCH: usize = 4;

/// Room for one batch in and one out, reused.
pub(crate) struct Passage {
    incoming: RecvBatch,
    outgoing: SendBatch,
    /// What stands in `outgoing`, in order: kinds and lengths in bytes.
    waiting: [(Kind, usize); BATCH],
    waiting_count: usize,
}

/// Whose datagrams are passed on, and where they are counted.
struct Way<'a> {
    session: &'a mut Session,
    counters: &'a Counters,
    from: Side,
}

impl Passage {
    pub(crate) fn new() -> Self {
        Self {
            incoming: RecvBatch::new(BATCH, DATAGRAM_MAX),
            outgoing: SendBatch::new(BATCH, DATAGRAM_MAX),
            waiting: [(Kind::Rtp, 0); BATCH],
            waiting_count: 0,
        }
    }

    /// Takes a batch from `socket`. One call drains it unless the batch is full, so an edge-triggered poller needs no second.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        recv_batch(socket, &mut self.incoming)
    }

    /// Whether more may wait.
    pub(crate) fn is_full(&self) -> bool {
        self.incoming.is_full()
    }

    /// Passes on, or returns, the batch that came to one port of `from`.
    pub(crate) fn pass(
        &mut self,
        session: &mut Session,
        pairs: &BySide<Option<Pair>>,
        from: Side,
        port: Port,
        counters: &Counters,
        now: Monotonic,
    ) {
        let mut way = Way { session, counters, from };
        // All of a batch go the same way: to the other side, or back.
        let mut target = None;
        for index in 0..self.incoming.len() {
            let Some(datagram) = self.incoming.get(index) else { continue };
            let (source, is_cut) = (datagram.from, datagram.truncated);
            if is_cut {
                way.discard(DiscardReason::NotRtp);
                continue;
            }
            let is_single = self.incoming.len() == 1;
            let Some((room, length)) = self.incoming.room_mut(index) else { continue };
            let verdict = way.session.on_datagram(from, port, room, length, source, now);
            let kind = verdict.accepted.unwrap_or(Kind::Rtp);
            if verdict.accepted.is_some() {
                counters.on_received(from, kind, length);
            }
            match verdict.outcome {
                Outcome::Absorb => {}
                Outcome::Discard(reason) => counters.on_discarded(reason),
                Outcome::Send { side, to, length } => {
                    let (Some(pair), Some(bytes)) = (&pairs[side], room.get(..length)) else { continue };
                    if is_single {
                        match pair.socket(port).send_to(bytes, to) {
                            Ok(_) => way.count_sent(side, kind, bytes.len()),
                            Err(_) => way.discard(DiscardReason::SendFailed),
                        }
                    } else if self.outgoing.push(bytes, to, None).is_ok() {
                        self.waiting[self.waiting_count] = (kind, bytes.len());
                        self.waiting_count += 1;
                        target = Some((side, pair));
                    } else {
                        way.discard(DiscardReason::SendFailed);
                    }
                }
            }
        }
        if let Some((side, pair)) = target {
            self.flush(&mut way, side, pair.socket(port));
        }
    }

    /// Sends what waits. What the kernel does not take now would only be late later.
    fn flush(&mut self, way: &mut Way<'_>, to_side: Side, socket: &UdpSocket) {
        let mut next = 0;
        while !self.outgoing.is_empty() {
            match send_batch(socket, &mut self.outgoing) {
                Ok(sent) => {
                    for (kind, bytes) in &self.waiting[next..next + sent] {
                        way.count_sent(to_side, *kind, *bytes);
                    }
                    next += sent;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.outgoing.drop_first();
                    way.discard(DiscardReason::SendFailed);
                    next += 1;
                }
            }
        }
        self.waiting_count = 0;
    }
}

impl Way<'_> {
    fn count_sent(&mut self, to_side: Side, kind: Kind, bytes: usize) {
        self.session.on_sent(to_side, kind, bytes);
        self.counters.on_sent(to_side, kind, bytes);
    }

    fn discard(&mut self, reason: DiscardReason) {
        self.session.on_discarded(self.from, reason);
        self.counters.on_discarded(reason);
    }
}
