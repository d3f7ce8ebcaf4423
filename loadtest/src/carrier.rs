//! The carrier: takes every call, rings, answers, echoes or speaks, until it is hung up.
//!
//! What a call is on the wire is [`Called`]'s; streams are `media`'s.

use crate::driver::Agent;
use crate::media::{Program, Speakers, Stream};
use domain::Monotonic;
use sip::endpoint::{Effect, Owner, Pending, Reply, ServerTransactionId, TransactionId};
use sip::{Message, Method, Name};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use telephone::{Called, Line, Role, sdp};
use tokio::sync::oneshot;

/// Calls at one time; one more is answered 503.
pub const CALLS_MAX: usize = 50_000;

struct Call {
    called: Called,
    /// Ends the stream when it is dropped.
    _stream: Option<oneshot::Sender<()>>,
}

/// What the carrier counts, for everybody to read.
#[derive(Debug, Default)]
pub struct Taken {
    /// Calls that it answered.
    pub answered: AtomicU64,
    /// Calls whose ACK never came.
    pub unacknowledged: AtomicU64,
}

/// The carrier.
pub struct Carrier {
    ip: IpAddr,
    /// The address in the SDP of calls without sound, where nobody listens.
    no_sound: SocketAddr,
    rings: Duration,
    program: Program,
    speakers: Option<Speakers>,
    taken: Arc<Taken>,
    calls: BTreeMap<u64, Call>,
    next: u64,
    /// When ringing calls are answered: ascending, as all ring as long.
    answers: VecDeque<(Monotonic, u64)>,
}

impl Carrier {
    /// A carrier without calls. Without `speakers` its calls have no sound, and name `no_sound`.
    pub fn new(
        no_sound: SocketAddr,
        rings: Duration,
        program: Program,
        speakers: Option<Speakers>,
        taken: Arc<Taken>,
    ) -> Carrier {
        let (calls, answers) = (BTreeMap::new(), VecDeque::new());
        Carrier { ip: no_sound.ip(), no_sound, rings, program, speakers, taken, calls, next: 1, answers }
    }

    fn on_arrival(&mut self, pending: &Pending, line: &mut Line) {
        if pending.message().method() != Some(&Method::Invite) {
            return line.refuse(pending, Reply::new(501, "Not Implemented"));
        }
        if self.calls.len() >= CALLS_MAX {
            return line.refuse(pending, Reply::new(503, "Service Unavailable").header(Name::RetryAfter, "5"));
        }
        let id = self.next;
        let Some(invite) = line.accept(pending, Owner(id)) else { return };
        self.next += 1;
        let Some(called) = Called::ring(invite, pending.message(), Owner(id), line) else { return };
        self.calls.insert(id, Call { called, _stream: None });
        if self.rings.is_zero() {
            self.answer(id, line);
        } else {
            self.answers.push_back((line.now().monotonic + self.rings, id));
        }
    }

    fn answer(&mut self, id: u64, line: &mut Line) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.called.is_ringing()) else { return };
        let spoken = call.called.spoken();
        let opened = match &self.speakers {
            Some(_) => crate::driver::bind(SocketAddr::new(self.ip, 0)).map(|(socket, local)| (Some(socket), local)),
            None => Ok((None, self.no_sound)),
        };
        let Ok((socket, local)) = opened else {
            call.called.refuse(Reply::new(500, "Server Internal Error"), line);
            return self.forget(id, line);
        };
        let description = sdp::print(local, &[spoken.law], line.mint_number() >> 1);
        call.called.answer(description, line);
        crate::figures::one_more(&self.taken.answered);
        if let (Some(speakers), Some(socket)) = (&mut self.speakers, socket) {
            let (stop, stopped) = oneshot::channel();
            let (peer, law, program) = (spoken.address, spoken.law, self.program);
            // One that finds no room is deaf and dumb, and its caller's figures show it.
            speakers.begin(Stream { socket, peer, law, program, is_echoed: false, silent_at: None, stop: stopped });
            call._stream = Some(stop);
        }
    }

    fn on_request(&mut self, id: u64, transaction: ServerTransactionId, request: &Message, line: &mut Line) {
        match self.calls.get_mut(&id) {
            Some(call) => {
                if call.called.on_request(transaction, request, line) {
                    self.forget(id, line);
                }
            }
            None => line.respond(transaction, Reply::new(481, "Call/Transaction Does Not Exist")),
        }
    }

    fn on_cancelled(&mut self, id: u64, line: &mut Line) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.called.on_cancelled(line);
            self.forget(id, line);
        }
    }

    fn on_ack_missed(&mut self, id: u64, line: &mut Line) {
        crate::figures::one_more(&self.taken.unacknowledged);
        if self.calls.get_mut(&id).is_some_and(|call| call.called.on_ack_missed(line)) {
            self.forget(id, line);
        }
    }

    fn forget(&mut self, id: u64, line: &mut Line) {
        if let Some(call) = self.calls.remove(&id) {
            call.called.leave(line);
        }
    }
}

impl Role for Carrier {
    type Order = std::convert::Infallible;

    fn on_order(&mut self, order: Self::Order, _line: &mut Line) {
        match order {}
    }

    fn on_effect(&mut self, effect: Effect, line: &mut Line) {
        match effect {
            Effect::RequestArrived { pending } => self.on_arrival(&pending, line),
            Effect::DialogRequestArrived { owner, transaction, message, .. } => {
                self.on_request(owner.0, transaction, &message, line);
            }
            Effect::Cancelled { owner, .. } => self.on_cancelled(owner.0, line),
            Effect::AckMissed { owner, .. } => self.on_ack_missed(owner.0, line),
            // The only request of ours is BYE, and whatever becomes of it ends the call.
            Effect::ResponseArrived { owner, message, .. } if message.status() >= Some(200) => {
                self.forget(owner.0, line);
            }
            Effect::TransactionFailed { owner, transaction: TransactionId::Client(_), .. } => {
                self.forget(owner.0, line);
            }
            // A refusal without ACK is over all the same; sending was done by the driver.
            Effect::TransactionFailed { .. }
            | Effect::ResponseArrived { .. }
            | Effect::AckArrived { .. }
            | Effect::Transmit { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.answers.front().map(|(at, _)| *at)
    }

    fn on_deadline(&mut self, line: &mut Line) {
        let now = line.now().monotonic;
        while let Some((_, id)) = self.answers.pop_front_if(|(at, _)| *at <= now) {
            self.answer(id, line);
        }
    }
}

impl Agent for Carrier {
    /// It is told to leave when everybody who calls it has left.
    fn is_idle(&self) -> bool {
        true
    }
}
