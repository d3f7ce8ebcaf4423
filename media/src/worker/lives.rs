//! The lives of a thread's sessions: opened on new sockets or on kept ones, changed, reported, closed.
//!
//! When a command is obeyed is `worker`'s; what a session does with packets is its own.

use super::{INTERVAL, Room, Worker, guard};
use crate::queue::{Command, OpenReply};
use crate::session::Session;
use crate::shared::Supply;
use crate::sockets::Pair;
use crate::warm::RENEWED_ONE_IN;
use crate::words::{BySide, Mode, OpenRefused, OpenRequest, Opened, SessionId, SessionReport, Side};
use domain::Monotonic;
use std::net::IpAddr;

impl Worker {
    pub(super) fn obey(&mut self, command: Command, goes_on: bool, now: Monotonic) {
        match command {
            Command::Open { session, request, reply } => self.on_open(session, request, reply, goes_on, now),
            Command::Reopen { session, side, ip, reply } => {
                let outcome = self.reopen(session, side, ip, now);
                guard(|| reply(outcome));
            }
            Command::Attach { session, mode, slots } => self.on_attach(session, mode, slots, now),
            Command::SetRemote { session, side, remote, at } => {
                let learning = self.shared.settings.learning;
                if let Some(room) = self.room(session) {
                    room.session.on_remote(side, *remote, learning, at);
                }
            }
            Command::Answered { session, at } => {
                if let Some(room) = self.room(session) {
                    room.session.on_answered(at);
                }
            }
            Command::Press { session, side, key } => {
                if let Some(room) = self.room(session) {
                    room.session.on_key(side, key);
                    // The sweep that ends this round sends its first packet.
                    self.sweep_at = Some(now);
                }
            }
            Command::Tone { session, side } => {
                if let Some(room) = self.room(session) {
                    room.session.on_tone(side, now);
                    self.sweep_at = Some(now);
                }
            }
            Command::Report { session, reply } => {
                let report = self.room(session).map(|room| room.session.report());
                guard(|| reply(report));
            }
            Command::Close { session, reply } => {
                let keeps_at = goes_on.then_some(now);
                let report = self.keys.get(&session).copied().and_then(|key| self.close(key, keeps_at));
                self.freed.push(session);
                guard(|| reply(report));
            }
        }
    }

    fn room(&mut self, session: SessionId) -> Option<&mut Room> {
        self.rooms.get_mut(*self.keys.get(&session)?)
    }

    fn on_open(&mut self, id: SessionId, request: OpenRequest, reply: OpenReply, goes_on: bool, now: Monotonic) {
        let outcome = if goes_on { self.open(id, request, now) } else { Err(OpenRefused::Overloaded) };
        match &outcome {
            Ok(_) => self.counters().on_opened(request.mode),
            Err(_) => {
                self.counters().on_refused();
                self.freed.push(id);
            }
        }
        guard(|| reply(outcome));
    }

    fn open(&mut self, id: SessionId, request: OpenRequest, now: Monotonic) -> Result<Opened, OpenRefused> {
        if self.keys.contains_key(&id) {
            return Err(OpenRefused::AlreadyOpen(id));
        }
        self.shared.admit()?;
        let opened = self.open_admitted(id, request, now);
        if opened.is_err() {
            self.shared.leave();
        }
        opened
    }

    fn open_admitted(&mut self, id: SessionId, request: OpenRequest, now: Monotonic) -> Result<Opened, OpenRefused> {
        let ip = |side: Side| request.bind_ip[side].unwrap_or(self.shared.settings.bind_ip[side]);
        let (ip_a, ip_b) = (ip(Side::A), ip(Side::B));
        let key = self.rooms.vacant_key();
        let a = self.open_pair(ip_a, key, Side::A)?;
        let b = match request.mode {
            Mode::Echo => None,
            Mode::Relay => match self.open_pair(ip_b, key, Side::B) {
                Ok(pair) => Some(pair),
                Err(refused) => {
                    self.slots.drop(a, &self.shared);
                    return Err(refused);
                }
            },
        };
        let opened = Opened { a: a.address(), b: b.as_ref().map(Pair::address) };
        self.move_in(id, request.mode, BySide { a: Some(a), b }, now);
        Ok(opened)
    }

    /// One side's ports at another address; what came to the former ones and was not read is lost.
    fn reopen(&mut self, id: SessionId, side: Side, ip: IpAddr, now: Monotonic) -> Result<Opened, OpenRefused> {
        let refused = OpenRefused::NotOpen(id);
        let key = self.keys.get(&id).copied().ok_or(refused.clone())?;
        let has_side = |room: &Room| room.pairs[side].is_some();
        if !self.rooms.get(key).is_some_and(has_side) {
            return Err(refused);
        }
        let pair = self.open_pair(ip, key, side)?;
        let room = self.rooms.get_mut(key).ok_or(refused.clone())?;
        room.session.forget_remote(side);
        let former = room.pairs[side].replace(pair);
        let address = |side: Side| room.pairs[side].as_ref().map(Pair::address);
        let opened = address(Side::A).map(|a| Opened { a, b: address(Side::B) });
        if let Some(former) = former {
            self.put_away(former, Some(now));
        }
        opened.ok_or(refused)
    }

    /// A pair that nobody holds. Where the range or the process has none left, one of those that are kept.
    fn open_pair(&mut self, ip: IpAddr, room: usize, side: Side) -> Result<Pair, OpenRefused> {
        let refused = match Pair::open(&self.shared, ip) {
            Ok(mut pair) => match self.slots.hold(&mut pair, &self.registry, room, side) {
                Ok(()) => return Ok(pair),
                Err(error) => {
                    pair.close(&self.shared);
                    OpenRefused::Socket { ip, reason: error.to_string() }
                }
            },
            Err(refused) => refused,
        };
        let ready = self.queue.warm(|warm| warm.give_any(ip)).map(|ticket| ticket.slot);
        let slot = ready.or_else(|| self.slots.release_resting(ip));
        let pair = slot.and_then(|slot| self.slots.take(slot, room, side)).ok_or(refused)?;
        self.shared.on_kept(-1);
        Ok(pair)
    }

    /// A session was given kept pairs.
    fn on_attach(&mut self, id: SessionId, mode: Mode, slots: BySide<Option<usize>>, now: Monotonic) {
        let room = self.rooms.vacant_key();
        let mut take = |side: Side| slots[side].and_then(|slot| self.slots.take(slot, room, side));
        let pairs = BySide { a: take(Side::A), b: take(Side::B) };
        if self.keys.contains_key(&id) || pairs.a.is_none() || pairs.b.is_some() != (mode == Mode::Relay) {
            tracing::error!(media.session = id.0, "a media session was given ports that are not free: this is a bug");
            for pair in [pairs.a, pairs.b].into_iter().flatten() {
                self.slots.drop(pair, &self.shared);
            }
            self.freed.push(id);
            return self.shared.leave();
        }
        self.counters().on_opened(mode);
        self.move_in(id, mode, pairs, now);
    }

    fn move_in(&mut self, id: SessionId, mode: Mode, pairs: BySide<Option<Pair>>, now: Monotonic) {
        let session = Session::new(id, mode, self.shared.settings.silence_timeout, &mut self.entropy);
        let key = self.rooms.insert(Room { session, pairs, interval_ends_at: now + INTERVAL });
        self.keys.insert(id, key);
        for tokens in [&mut self.again, &mut self.turn] {
            tokens.reserve(self.slots.sockets());
        }
        self.sweep_at.get_or_insert(now + self.sweep_every());
    }

    /// Closes a session; since when its ports are kept open, if they may be.
    pub(super) fn close(&mut self, key: usize, keeps_at: Option<Monotonic>) -> Option<SessionReport> {
        let mut room = self.rooms.try_remove(key)?;
        self.keys.remove(&room.session.id());
        room.end_interval(&self.shared, self.thread);
        if let Some(mute) = room.session.mute_side() {
            self.counters().on_one_way(mute);
        }
        let report = room.session.report();
        self.release(room, keeps_at);
        Some(report)
    }

    /// Gives the ports and the place of a session that is gone back.
    pub(super) fn release(&mut self, mut room: Room, keeps_at: Option<Monotonic>) {
        self.counters().on_closed(room.session.mode());
        if let Some(now) = keeps_at.filter(|_| self.slots.kept() == 0) {
            self.given.0 = now;
        }
        for side in Side::BOTH {
            if let Some(pair) = room.pairs[side].take() {
                self.put_away(pair, keeps_at);
            }
        }
        self.shared.leave();
    }

    /// A pair that no session holds any more is kept, where it may be, or closed.
    fn put_away(&mut self, pair: Pair, keeps_at: Option<Monotonic>) {
        match keeps_at.filter(|_| self.may_keep(pair.address().ip())) {
            Some(now) => self.slots.keep(pair, now, &self.shared),
            None => self.slots.drop(pair, &self.shared),
        }
    }

    /// Whether one more pair on this address may stay open.
    fn may_keep(&mut self, ip: IpAddr) -> bool {
        let settings = &self.shared.settings;
        self.slots.kept() < settings.kept_pairs_max
            && (ip == settings.bind_ip.a || ip == settings.bind_ip.b)
            && self.entropy.below(RENEWED_ONE_IN) != 0
            && self.shared.supply() == Supply::Ample
    }
}
