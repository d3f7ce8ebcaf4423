//! The carrier: takes every call, rings, answers, echoes or speaks, until it is hung up.
//!
//! What a call is on the wire is [`Switchboard`]'s; streams are `media`'s.

use crate::driver::Agent;
use crate::media::{Program, Speakers, Stream};
use domain::Monotonic;
use sip::endpoint::{Effect, Pending, Reply};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use telephone::{Happening, Line, Role, Switchboard, sdp};
use tokio::sync::oneshot;

/// Calls at one time; one more is answered 503.
pub const CALLS_MAX: usize = 50_000;

/// Ends the stream of a call when it is dropped.
type ItsStream = Option<oneshot::Sender<()>>;

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
    calls: Switchboard<ItsStream>,
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
        let (calls, answers) = (Switchboard::new(CALLS_MAX), VecDeque::new());
        Carrier { ip: no_sound.ip(), no_sound, rings, program, speakers, taken, calls, answers }
    }

    fn on_arrival(&mut self, pending: &Pending, line: &mut Line) {
        let Some((id, invite)) = self.calls.accept(pending, line) else { return };
        if !self.calls.ring(id, invite, pending.message(), None, line) {
            return;
        }
        if self.rings.is_zero() {
            self.answer(id, line);
        } else {
            self.answers.push_back((line.now().monotonic + self.rings, id));
        }
    }

    fn answer(&mut self, id: u64, line: &mut Line) {
        let Some((called, its_stream)) = self.calls.get(id).filter(|(called, _)| called.is_ringing()) else { return };
        let spoken = called.spoken();
        let opened = match &self.speakers {
            Some(_) => crate::driver::bind(SocketAddr::new(self.ip, 0)).map(|(socket, local)| (Some(socket), local)),
            None => Ok((None, self.no_sound)),
        };
        let Ok((socket, local)) = opened else {
            called.refuse(Reply::new(500, "Server Internal Error"), line);
            self.calls.end(id, line);
            return;
        };
        let description = sdp::print(local, &[spoken.law], line.mint_number() >> 1);
        called.answer(description, line);
        crate::figures::one_more(&self.taken.answered);
        if let (Some(speakers), Some(socket)) = (&mut self.speakers, socket) {
            let (stop, stopped) = oneshot::channel();
            let (peer, law, program) = (spoken.address, spoken.law, self.program);
            // One that finds no room is deaf and dumb, and its caller's figures show it.
            speakers.begin(Stream { socket, peer, law, program, is_echoed: false, silent_at: None, stop: stopped });
            *its_stream = Some(stop);
        }
    }
}

impl Role for Carrier {
    type Order = std::convert::Infallible;

    fn on_order(&mut self, order: Self::Order, _line: &mut Line) {
        match order {}
    }

    fn on_effect(&mut self, effect: Effect, line: &mut Line) {
        match self.calls.on_effect(effect, line) {
            Happening::Arrived(pending) => self.on_arrival(&pending, line),
            Happening::AckMissed(_) => crate::figures::one_more(&self.taken.unacknowledged),
            // Its stream ends with what is dropped here.
            Happening::Ended(..) | Happening::Nothing => {}
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
