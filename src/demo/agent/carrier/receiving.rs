//! The carrier's thread and its calls: trying, ringing, answering, talking.
//!
//! Which number does what is [`super::Conduct`]'s.

use super::{Answered, CALLS_MAX, Conduct, Journal};
use crate::demo::agent::line::{Line, Role};
use crate::demo::agent::melody::Melody;
use crate::demo::agent::sound::{self, Heard, Program, Sound, Stream};
use domain::Monotonic;
use sip::endpoint::{Effect, Pending, Reply};
use std::net::IpAddr;
use std::time::Duration;
use telephone::sdp::{self, Spoken};
use telephone::{Happening, Switchboard};

/// How long an answering number rings.
const RINGING: Duration = Duration::from_millis(300);

struct Receiving {
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
    calls: Switchboard<Receiving>,
}

impl CarrierRole {
    pub(super) fn new(ip: IpAddr, melody: Melody, sound: Sound, journal: Journal) -> CarrierRole {
        CarrierRole { ip, melody, sound, journal, calls: Switchboard::new(CALLS_MAX) }
    }

    fn on_arrival(&mut self, pending: &Pending, line: &mut Line) {
        let Some((id, invite)) = self.calls.accept(pending, line) else { return };
        let request = pending.message();
        let number = request.uri().ok().and_then(|uri| uri.user().map(str::to_owned)).unwrap_or_default();
        let program = match Conduct::of(&number) {
            Conduct::IsNobody => return line.respond(invite, Reply::new(404, "Not Found")),
            Conduct::IsBusy => return line.respond(invite, Reply::new(486, "Busy Here")),
            Conduct::Plays | Conduct::Rings => Program::Play(self.melody),
            Conduct::Echoes => Program::Echo,
        };
        let from = request.from().ok().and_then(|from| from.uri().user().map(str::to_owned)).unwrap_or_default();
        let is_answered = Conduct::of(&number) != Conduct::Rings;
        let answer_at = is_answered.then(|| line.now().monotonic + RINGING);
        self.calls.ring(id, invite, request, Receiving { answer_at, number, from, program }, line);
    }

    fn answer(&mut self, id: u64, line: &mut Line) {
        let Some((called, call)) = self.calls.get(id) else { return };
        let opened = sound::socket(self.ip).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let Ok((local, socket)) = opened else {
            called.refuse(Reply::new(500, "Server Internal Error"), line);
            self.calls.end(id, line);
            return;
        };
        let Spoken { address, law } = called.spoken();
        let body = sdp::print(local, &[law], line.mint_number() >> 1);
        called.answer(body, line);
        call.answer_at = None;
        let heard = Heard::default();
        self.journal.enter(Answered { number: call.number.clone(), from: call.from.clone(), heard: heard.clone() });
        self.sound.begin(Stream { id, socket, peer: address, law, program: call.program, heard });
    }
}

impl Role for CarrierRole {
    type Order = std::convert::Infallible;

    fn on_order(&mut self, order: Self::Order, _line: &mut Line) {
        match order {}
    }

    fn on_effect(&mut self, effect: Effect, line: &mut Line) {
        match self.calls.on_effect(effect, line) {
            Happening::Arrived(pending) => self.on_arrival(&pending, line),
            Happening::Ended(id, _) | Happening::AckMissed(Some((id, _))) => self.sound.end(id),
            Happening::AckMissed(None) | Happening::Nothing => {}
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.calls.iter().filter_map(|(_, call)| call.answer_at).min()
    }

    fn on_deadline(&mut self, line: &mut Line) {
        let now = line.now().monotonic;
        let is_due = |call: &Receiving| call.answer_at.is_some_and(|at| at <= now);
        let due: Vec<u64> = self.calls.iter().filter(|(_, call)| is_due(call)).map(|(id, _)| id).collect();
        for id in due {
            self.answer(id, line);
        }
    }
}
