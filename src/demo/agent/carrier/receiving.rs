//! The carrier's thread and its calls: trying, ringing, answering, talking.
//!
//! Which number does what is [`super::Conduct`]'s.

use super::{Answered, CALLS_MAX, Conduct, Journal};
use crate::demo::agent::line::{Line, Role, address_of};
use crate::demo::agent::melody::Melody;
use crate::demo::agent::sdp::{self, Spoken};
use crate::demo::agent::sound::{self, Heard, Program, Sound, Stream};
use bytes::{Bytes, BytesMut};
use domain::Monotonic;
use sip::dialog::Dialog;
use sip::endpoint::{Effect, Owner, Pending, Reply, ServerTransactionId, TransactionId};
use sip::{Message, Method, Name};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long an answering number rings.
const RINGING: Duration = Duration::from_millis(300);

/// How far a call is.
enum Phase {
    /// 180 was sent; it is answered then, or never.
    Ringing { answer_at: Option<Monotonic> },
    /// 200 was sent.
    Talking,
    /// Our BYE waits for its answer.
    Leaving,
}

struct Receiving {
    phase: Phase,
    invite: ServerTransactionId,
    dialog: Dialog,
    spoken: Spoken,
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
        let Some(spoken) = sdp::read(request.body()) else {
            return line.respond(invite, Reply::new(488, "Not Acceptable Here"));
        };
        let tag = line.mint_tag();
        let Ok(dialog) = Dialog::as_uas(request, &tag) else {
            return line.respond(invite, Reply::new(400, "Bad Request"));
        };
        let from = request.from().ok().and_then(|from| from.uri().user().map(str::to_owned)).unwrap_or_default();
        line.bind(dialog.call_id(), &tag, Owner(id));
        line.respond(invite, Reply::new(180, "Ringing").tag(&tag).header(Name::Contact, contact(line)));
        let is_answered = Conduct::of(&number) != Conduct::Rings;
        let answer_at = is_answered.then(|| line.now().monotonic + RINGING);
        let phase = Phase::Ringing { answer_at };
        self.calls.insert(id, Receiving { phase, invite, dialog, spoken, number, from, program });
    }

    fn answer(&mut self, id: u64, line: &mut Line) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let opened = sound::socket(self.ip).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let Ok((local, socket)) = opened else {
            line.respond(call.invite, Reply::new(500, "Server Internal Error"));
            return self.forget(id, line);
        };
        let Spoken { address, law } = call.spoken;
        let body = sdp::print(local, &[law], line.mint_number() >> 1);
        let reply = Reply::new(200, "OK")
            .tag(call.dialog.local_tag())
            .header(Name::Contact, contact(line))
            .header(Name::Allow, "INVITE, ACK, BYE, CANCEL, OPTIONS")
            .body(sdp::SDP, Bytes::from(body));
        line.respond(call.invite, reply);
        call.dialog.confirm();
        call.phase = Phase::Talking;
        let heard = Heard::default();
        self.journal.enter(Answered { number: call.number.clone(), from: call.from.clone(), heard: heard.clone() });
        self.sound.begin(Stream { id, socket, peer: address, law, program: call.program, heard });
    }

    fn on_request(&mut self, id: u64, transaction: ServerTransactionId, request: &Message, line: &mut Line) {
        let Some(call) = self.calls.get_mut(&id) else {
            return line.respond(transaction, Reply::new(481, "Call/Transaction Does Not Exist"));
        };
        if let Err(untimely) = call.dialog.take_request(request) {
            return line.respond(transaction, Reply::new(untimely.status(), untimely.phrase()));
        }
        match request.method() {
            Some(Method::Bye) => {
                line.respond(transaction, Reply::new(200, "OK"));
                // A BYE may come before the answer too (RFC 3261 15): the INVITE needs its final response.
                if matches!(call.phase, Phase::Ringing { .. }) {
                    line.respond(call.invite, Reply::new(487, "Request Terminated"));
                }
                self.forget(id, line);
            }
            Some(Method::Invite) => line.respond(transaction, Reply::new(488, "Not Acceptable Here")),
            Some(_) | None => line.respond(transaction, Reply::new(200, "OK")),
        }
    }

    /// The ACK never came: nobody may be there any more (RFC 3261 13.3.1.4).
    fn on_ack_missed(&mut self, id: u64, line: &mut Line) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut request = BytesMut::new();
        call.dialog.request(&Method::Bye, &mut request).end();
        let to = address_of(call.dialog.next_hop());
        match to.map(|to| line.request(Owner(id), &request, to)) {
            Some(Ok(_)) => call.phase = Phase::Leaving,
            Some(Err(_)) | None => self.forget(id, line),
        }
    }

    fn on_cancelled(&mut self, id: u64, line: &mut Line) {
        let Some(call) = self.calls.get(&id) else { return };
        line.respond(call.invite, Reply::new(487, "Request Terminated"));
        self.forget(id, line);
    }

    fn forget(&mut self, id: u64, line: &mut Line) {
        self.sound.end(id);
        if let Some(call) = self.calls.remove(&id) {
            line.unbind(call.dialog.call_id(), call.dialog.local_tag());
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
        let due = |call: &Receiving| match call.phase {
            Phase::Ringing { answer_at } => answer_at,
            Phase::Talking | Phase::Leaving => None,
        };
        self.calls.values().filter_map(due).min()
    }

    fn on_deadline(&mut self, line: &mut Line) {
        let now = line.now().monotonic;
        let is_due = |call: &Receiving| matches!(call.phase, Phase::Ringing { answer_at: Some(at) } if at <= now);
        let due: Vec<u64> = self.calls.iter().filter(|(_, call)| is_due(call)).map(|(id, _)| *id).collect();
        for id in due {
            self.answer(id, line);
        }
    }
}

fn contact(line: &Line) -> String {
    format!("<sip:{}>", line.local())
}
