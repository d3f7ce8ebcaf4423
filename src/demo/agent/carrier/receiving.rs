//! The carrier's thread and its calls: trying, ringing, answering, talking.
//!
//! Which number does what is [`super::Conduct`]'s.

use super::{Answered, CALLS_MAX, Conduct, Journal};
use crate::demo::agent::line::{Line, Role};
use crate::demo::agent::melody::Melody;
use crate::demo::agent::sound::{self, Heard, Program, Sound, Stream};
use domain::Monotonic;
use sip::endpoint::{Effect, Owner, Pending, Reply, ServerTransactionId, TransactionId};
use sip::{Message, Method, Name};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use telephone::Called;
use telephone::sdp::{self, Spoken};

/// How long an answering number rings.
const RINGING: Duration = Duration::from_millis(300);

struct Receiving {
    call: Called,
    /// When it is answered; never, where it is none.
    answer_at: Option<Monotonic>,
    number: String,
    from: String,
    program: Program,
}

pub(super) struct CarrierRole {
    ip: IpAddr,
    melody: Melody,
    sound: Sound,
    journal: Journal,
    calls: BTreeMap<u64, Receiving>,
    /// Of the next call; for ever new, as it names its stream too.
    next: u64,
}

impl CarrierRole {
    pub(super) fn new(ip: IpAddr, melody: Melody, sound: Sound, journal: Journal) -> CarrierRole {
        CarrierRole { ip, melody, sound, journal, calls: BTreeMap::new(), next: 1 }
    }

    fn on_arrival(&mut self, pending: &Pending, line: &mut Line) {
        let request = pending.message();
        if request.method() != Some(&Method::Invite) {
            return line.refuse(pending, Reply::new(501, "Not Implemented"));
        }
        if self.calls.len() >= CALLS_MAX {
            return line.refuse(pending, Reply::new(503, "Service Unavailable").header(Name::RetryAfter, "5"));
        }
        let id = self.next;
        let Some(invite) = line.accept(pending, Owner(id)) else { return };
        self.next += 1;
        let number = request.uri().ok().and_then(|uri| uri.user().map(str::to_owned)).unwrap_or_default();
        let program = match Conduct::of(&number) {
            Conduct::IsNobody => return line.respond(invite, Reply::new(404, "Not Found")),
            Conduct::IsBusy => return line.respond(invite, Reply::new(486, "Busy Here")),
            Conduct::Plays | Conduct::Rings => Program::Play(self.melody),
            Conduct::Echoes => Program::Echo,
        };
        let Some(call) = Called::ring(invite, request, Owner(id), line) else { return };
        let from = request.from().ok().and_then(|from| from.uri().user().map(str::to_owned)).unwrap_or_default();
        let is_answered = Conduct::of(&number) != Conduct::Rings;
        let answer_at = is_answered.then(|| line.now().monotonic + RINGING);
        self.calls.insert(id, Receiving { call, answer_at, number, from, program });
    }

    fn answer(&mut self, id: u64, line: &mut Line) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let opened = sound::socket(self.ip).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let Ok((local, socket)) = opened else {
            call.call.refuse(Reply::new(500, "Server Internal Error"), line);
            return self.forget(id, line);
        };
        let Spoken { address, law } = call.call.spoken();
        let body = sdp::print(local, &[law], line.mint_number() >> 1);
        call.call.answer(body, line);
        call.answer_at = None;
        let heard = Heard::default();
        self.journal.enter(Answered { number: call.number.clone(), from: call.from.clone(), heard: heard.clone() });
        self.sound.begin(Stream { id, socket, peer: address, law, program: call.program, heard });
    }

    fn on_request(&mut self, id: u64, transaction: ServerTransactionId, request: &Message, line: &mut Line) {
        let Some(call) = self.calls.get_mut(&id) else {
            return line.respond(transaction, Reply::new(481, "Call/Transaction Does Not Exist"));
        };
        if call.call.on_request(transaction, request, line) {
            self.forget(id, line);
        }
    }

    /// The ACK never came.
    fn on_ack_missed(&mut self, id: u64, line: &mut Line) {
        if self.calls.get_mut(&id).is_some_and(|call| call.call.on_ack_missed(line)) {
            self.forget(id, line);
        }
    }

    fn on_cancelled(&mut self, id: u64, line: &mut Line) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.call.on_cancelled(line);
        self.forget(id, line);
    }

    fn forget(&mut self, id: u64, line: &mut Line) {
        self.sound.end(id);
        if let Some(call) = self.calls.remove(&id) {
            call.call.leave(line);
        }
    }
}

impl Role for CarrierRole {
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
            // A refusal without ACK is over all the same; sending was done by the line.
            Effect::TransactionFailed { .. }
            | Effect::ResponseArrived { .. }
            | Effect::AckArrived { .. }
            | Effect::Transmit { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.calls.values().filter_map(|call| call.answer_at).min()
    }

    fn on_deadline(&mut self, line: &mut Line) {
        let now = line.now().monotonic;
        let is_due = |call: &Receiving| call.answer_at.is_some_and(|at| at <= now);
        let due: Vec<u64> = self.calls.iter().filter(|(_, call)| is_due(call)).map(|(id, _)| *id).collect();
        for id in due {
            self.answer(id, line);
        }
    }
}
