//! One session's decisions: what becomes of a datagram that came to one of its ports, and when it is silent.
//!
//! Sockets are `sockets`'s, the clock is `worker`'s: here a datagram is bytes, an address and an instant.

use crate::echo::Echo;
use crate::keys::Keys;
use crate::lock::Lock;
use crate::numbers::{Numbers, keys_sent_as};
use crate::packet::{Packet, RtpHeader};
use crate::presses::Presses;
use crate::settings::Learning;
use crate::silence::Silence;
use crate::source::SourceRule;
use crate::stream::{Arrival, Interval, Stream};
use crate::udptl::is_udptl;
use crate::words::{BySide, DiscardReason, Mode, Remote, SessionId, SessionReport, Side, SideReport};
use domain::media::{Carriage, Direction, FormatNumber, KeyFormat};
use domain::network::Network;
use domain::{Entropy, Monotonic};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Packets that the other side must have sent before a mute side makes a one-way call: a second of sound.
const ONE_WAY_PACKETS_MIN: u64 = 50;

/// Which of a side's two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Rtp,
    Rtcp,
}

/// What a datagram is, once its source is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rtp,
    Rtcp,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// What it is, where its source is accepted.
    pub(crate) accepted: Option<Kind>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Send so many of the bytes in the room from this side's port of the same kind.
    Send {
        side: Side,
        to: SocketAddr,
        length: usize,
    },
    /// It has done its work.
    Absorb,
    Discard(DiscardReason),
}

/// A relay or an echo.
pub(crate) struct Session {
    id: SessionId,
    mode: Mode,
    ends: BySide<End>,
    silence: Silence,
    echo: Echo,
}

/// One side.
struct End {
    remote: Option<Negotiated>,
    lock: Lock,
    stream: Stream,
    report: SideReport,
    /// What its payload types become on their way to the other side, where they do not stay.
    numbers: Option<Box<Numbers>>,
    /// The keys that are pressed for it to hear.
    keys: Keys,
    /// The keys that it presses.
    presses: Presses,
}

/// What is known of a far end.
struct Negotiated {
    rtp: SourceRule,
    rtcp: Option<SourceRule>,
    learning: Learning,
    sources: Option<Arc<[Network]>>,
    sends: bool,
    receives: bool,
    carriage: Carriage,
    numbers: Arc<[FormatNumber]>,
    keys: Option<KeyFormat>,
    keys_are_told: bool,
    /// By which payload types it sends keys, and their clocks.
    keys_sent_as: Box<[(u8, u32)]>,
}

impl Session {
    /// A session without far ends.
    pub(crate) fn new(id: SessionId, mode: Mode, silence_timeout: Duration, entropy: &mut Entropy) -> Self {
        let mut end = || End {
            remote: None,
            lock: Lock::Open,
            stream: Stream::new(Remote::CLOCK_RATE),
            report: SideReport::default(),
            numbers: None,
            keys: Keys::new(entropy),
            presses: Presses::new(),
        };
        let watched = BySide { a: true, b: mode == Mode::Relay };
        Self {
            id,
            mode,
            ends: BySide { a: end(), b: end() },
            silence: Silence::new(silence_timeout, watched),
            echo: Echo::new(entropy),
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// A side was negotiated, again perhaps.
    pub(crate) fn on_remote(&mut self, side: Side, remote: Remote, learning_default: Learning, now: Monotonic) {
        let end = &mut self.ends[side];
        // A list of networks says who is trusted: whoever of them is first.
        let learning = match &remote.sources {
            Some(_) => Learning::FirstPacket,
            None => remote.learning.unwrap_or(learning_default),
        };
        let former = end.remote.as_ref();
        let rtcp_at = remote.rtcp.or_else(|| Some(SocketAddr::new(remote.rtp.ip(), remote.rtp.port().checked_add(1)?)));
        let rtp = SourceRule::for_rtp(former.map(|former| &former.rtp), remote.rtp, remote.signalling_ip, learning);
        let rtcp = rtcp_at.map(|at| {
            let former = former.and_then(|former| former.rtcp.as_ref());
            SourceRule::for_rtcp(former, at, remote.signalling_ip, learning)
        });
        let (sends, receives) = match remote.direction {
            Direction::SendRecv => (true, true),
            Direction::SendOnly => (true, false),
            Direction::RecvOnly => (false, true),
            Direction::Inactive => (false, false),
        };
        // The hold of RFC 2543 receives nothing either.
        let receives = receives && !remote.rtp.ip().is_unspecified();
        end.stream.set_clock_rate(remote.clock_rate);
        // While fax has the place of sound, its keys rest: begun anew under the same key, its key stream would be used twice.
        if remote.carriage == Carriage::Rtp {
            end.lock = Lock::negotiated(std::mem::replace(&mut end.lock, Lock::Open), remote.keying, now);
        }
        let Remote { sources, carriage, numbers, keys, keys_are_told, .. } = remote;
        let keys_sent_as = keys_sent_as(&numbers);
        end.remote = Some(Negotiated {
            rtp,
            rtcp,
            learning,
            sources,
            sends,
            receives,
            carriage,
            numbers,
            keys,
            keys_are_told,
            keys_sent_as,
        });
        self.renumber();
        self.silence.on_negotiated(side, now);
        let is_held = Side::BOTH.iter().any(|side| {
            let remote = self.ends[*side].remote.as_ref();
            remote.is_some_and(|remote| !(remote.sends && remote.receives))
        });
        self.silence.on_held(is_held, now);
    }

    /// A side has other ports: nothing is known of its far end.
    pub(crate) fn forget_remote(&mut self, side: Side) {
        self.ends[side].remote = None;
        self.renumber();
    }

    fn renumber(&mut self) {
        for side in Side::BOTH {
            let remote = |side: Side| self.ends[side].remote.as_ref();
            let both = remote(side).zip(remote(side.other()));
            let numbers = both.and_then(|(from, to)| Numbers::between(&from.numbers, &to.numbers));
            self.ends[side].numbers = numbers.filter(|_| self.mode == Mode::Relay);
        }
    }

    /// The call is answered.
    pub(crate) fn on_answered(&mut self, now: Monotonic) {
        self.silence.on_answered(now);
    }

    /// A datagram of `length` bytes, at the beginning of `room`, came to a port of `side`. An echo rewrites it in place, and so do
    /// the locks of secure sound; between plain sides a relay leaves it alone.
    pub(crate) fn on_datagram(
        &mut self,
        side: Side,
        port: Port,
        room: &mut [u8],
        length: usize,
        from: SocketAddr,
        now: Monotonic,
    ) -> Verdict {
        match self.judge(side, port, room, length, from, now) {
            Ok(verdict) => verdict,
            Err((accepted, reason)) => {
                self.ends[side].report.discarded.add(reason, 1);
                Verdict { accepted, outcome: Outcome::Discard(reason) }
            }
        }
    }

    fn judge(
        &mut self,
        side: Side,
        port: Port,
        room: &mut [u8],
        length: usize,
        from: SocketAddr,
        now: Monotonic,
    ) -> Result<Verdict, (Option<Kind>, DiscardReason)> {
        let refused = |reason| (None, reason);
        let bytes = room.get_mut(..length).ok_or(refused(DiscardReason::NotRtp))?;
        if self.ends[side].remote.as_ref().is_some_and(|remote| remote.carriage == Carriage::Udptl) {
            return self.judge_fax(side, port, bytes, from, now);
        }
        let packet = Packet::read(bytes).map_err(refused)?;
        if port == Port::Rtcp && packet != Packet::Rtcp {
            return Err(refused(DiscardReason::NotRtp));
        }
        let end = &mut self.ends[side];
        let remote = end.remote.as_mut().ok_or(refused(DiscardReason::UnknownSource))?;
        let kind = if packet == Packet::Rtcp { Kind::Rtcp } else { Kind::Rtp };
        let clear = if end.lock.is_secure() {
            // What is not genuine teaches nothing, and is no sign of life.
            if !remote.would_admit(port, packet, from) {
                return Err(refused(DiscardReason::UnknownSource));
            }
            end.lock.open(kind, bytes, now).map_err(refused)?
        } else {
            length
        };
        if !remote.admits(port, packet, from) {
            return Err(refused(DiscardReason::UnknownSource));
        }
        self.silence.on_heard(side, now);
        let verdict = match packet {
            Packet::Rtcp => {
                end.report.rtcp_received += 1;
                self.pass(side, port, Kind::Rtcp, room, clear)
            }
            Packet::Rtp(header) => {
                end.report.packets_received += 1;
                end.report.bytes_received += length as u64;
                self.on_rtp(side, room, clear, header, now)
            }
        };
        verdict.map_err(|reason| (Some(kind), reason))
    }

    /// A datagram of a side that sends fax: it passes as it is. While a page goes one way nothing comes the other way, for minutes, so
    /// either side speaks for both.
    fn judge_fax(
        &mut self,
        side: Side,
        port: Port,
        bytes: &[u8],
        from: SocketAddr,
        now: Monotonic,
    ) -> Result<Verdict, (Option<Kind>, DiscardReason)> {
        let refused = |reason| (None, reason);
        let end = &mut self.ends[side];
        // The last of the sound before, which comes late.
        let is_sound = matches!(Packet::read(bytes), Ok(Packet::Rtp(header)) if end.stream.is_of(header.ssrc));
        if port == Port::Rtcp || is_sound || !is_udptl(bytes) {
            return Err(refused(DiscardReason::NotRtp));
        }
        let remote = end.remote.as_mut().ok_or(refused(DiscardReason::UnknownSource))?;
        if !(remote.is_permitted(from) && remote.rtp.admits(from)) {
            return Err(refused(DiscardReason::UnknownSource));
        }
        end.report.packets_received += 1;
        end.report.bytes_received += bytes.len() as u64;
        Side::BOTH.iter().for_each(|side| self.silence.on_heard(*side, now));
        let way = self.way(side, port, Kind::Rtp).map_err(|reason| (Some(Kind::Rtp), reason))?;
        let send = |(side, to)| Outcome::Send { side, to, length: bytes.len() };
        Ok(Verdict { accepted: Some(Kind::Rtp), outcome: way.map_or(Outcome::Absorb, send) })
    }

    fn on_rtp(
        &mut self,
        side: Side,
        room: &mut [u8],
        length: usize,
        header: RtpHeader,
        now: Monotonic,
    ) -> Result<Verdict, DiscardReason> {
        let end = &mut self.ends[side];
        let streams = end.stream.streams();
        let arrival = end.stream.on_packet(header, now);
        let is_restarted = end.stream.streams() != streams;
        match arrival {
            Arrival::Newest | Arrival::Reordered => {}
            Arrival::Duplicate => return Err(DiscardReason::Duplicate),
            Arrival::Late => return Err(DiscardReason::Late),
        }
        if self.mode == Mode::Echo {
            // Before the echo counts it.
            self.way(side, Port::Rtp, Kind::Rtp)?;
            let bytes = room.get_mut(..length).ok_or(DiscardReason::NotRtp)?;
            if !self.echo.turn(bytes, header, is_restarted, now) {
                return Err(DiscardReason::Flood);
            }
        }
        if self.mode == Mode::Relay {
            let to = side.other();
            if let Some(rate_hz) = self.told_key(side, room) {
                self.way(side, Port::Rtp, Kind::Rtp)?;
                self.ends[to].keys.skip();
                let packet = room.get(..length).ok_or(DiscardReason::NotRtp)?;
                return match self.ends[side].presses.hear(packet, header, rate_hz, now) {
                    true => Ok(Verdict { accepted: Some(Kind::Rtp), outcome: Outcome::Absorb }),
                    false => Err(DiscardReason::Flood),
                };
            }
            if let Some(numbers) = &self.ends[side].numbers {
                numbers.replace(room);
            }
            // A packet that goes nowhere is not counted on.
            self.way(side, Port::Rtp, Kind::Rtp)?;
            if !self.ends[to].keys.pass(room, header, now) {
                return Ok(Verdict { accepted: Some(Kind::Rtp), outcome: Outcome::Absorb });
            }
        }
        self.pass(side, Port::Rtp, Kind::Rtp, room, length)
    }

    /// What becomes of a packet of `length` bytes that `side` may send: it is sealed where the other end is secure.
    fn pass(
        &mut self,
        side: Side,
        port: Port,
        kind: Kind,
        room: &mut [u8],
        length: usize,
    ) -> Result<Verdict, DiscardReason> {
        let outcome = match self.way(side, port, kind)? {
            Some((target, to)) => {
                let length = self.ends[target].lock.seal(kind, room, length)?;
                Outcome::Send { side: target, to, length }
            }
            None => Outcome::Absorb,
        };
        Ok(Verdict { accepted: Some(kind), outcome })
    }

    /// Where a packet goes that `side` may send; none where it has done its work.
    fn way(&self, side: Side, port: Port, kind: Kind) -> Result<Option<(Side, SocketAddr)>, DiscardReason> {
        let target = match self.mode {
            Mode::Relay => side.other(),
            Mode::Echo if kind == Kind::Rtcp => return Ok(None),
            Mode::Echo => side,
        };
        let receiver = self.ends[target].remote.as_ref().ok_or(DiscardReason::NoDestination)?;
        let sender = self.ends[side].remote.as_ref();
        let is_sender = sender.is_some_and(|sender| sender.sends);
        // One side has gone over to fax, or back, and the other not yet.
        if sender.is_some_and(|sender| sender.carriage != receiver.carriage) {
            return Err(DiscardReason::NoDestination);
        }
        // RTCP goes on while sound is held (RFC 3264 5.1).
        if kind == Kind::Rtp && !(is_sender && receiver.receives) {
            return Err(DiscardReason::Held);
        }
        let rule = match port {
            Port::Rtp => Some(&receiver.rtp),
            Port::Rtcp => receiver.rtcp.as_ref(),
        };
        let to = rule.and_then(SourceRule::destination).ok_or(DiscardReason::NoDestination)?;
        Ok(Some((target, to)))
    }

    /// A datagram of `bytes` bytes was sent to `side`.
    pub(crate) fn on_sent(&mut self, side: Side, kind: Kind, bytes: usize) {
        let report = &mut self.ends[side].report;
        match kind {
            Kind::Rtp => {
                report.packets_sent += 1;
                report.bytes_sent += bytes as u64;
            }
            Kind::Rtcp => report.rtcp_sent += 1,
        }
    }

    /// Datagrams that came from `side` were discarded before or after they were looked at.
    pub(crate) fn on_discarded(&mut self, side: Side, reason: DiscardReason) {
        self.ends[side].report.discarded.add(reason, 1);
    }

    /// The sides that have been silent for too long; told once.
    pub(crate) fn expire(&mut self, now: Monotonic) -> Option<BySide<bool>> {
        self.silence.expire(now)
    }

    /// Ends an interval of one side's stream: what it was like, and its jitter in microseconds.
    pub(crate) fn take_interval(&mut self, side: Side) -> Option<(Interval, u32)> {
        let stream = &mut self.ends[side].stream;
        stream.take_interval().map(|interval| (interval, stream.jitter_us()))
    }

    /// The side that sent nothing in an answered call although the other did, if any.
    pub(crate) fn mute_side(&self) -> Option<Side> {
        let is_mute = |side: &Side| {
            self.ends[*side].report.packets_received == 0
                && self.ends[side.other()].report.packets_received >= ONE_WAY_PACKETS_MIN
        };
        Side::BOTH.into_iter().find(|side| self.mode == Mode::Relay && self.silence.is_answered() && is_mute(side))
    }

    /// How it went so far.
    pub(crate) fn report(&self) -> SessionReport {
        let side = |end: &End| SideReport {
            packets_lost: end.stream.lost(),
            packets_reordered: end.stream.reordered(),
            jitter_us: end.stream.jitter_us(),
            jitter_max_us: end.stream.jitter_max_us(),
            streams: end.stream.streams(),
            source: end.remote.as_ref().and_then(|remote| remote.rtp.source()),
            learned: end.remote.as_ref().is_some_and(|remote| remote.rtp.is_learned()),
            ..end.report
        };
        let sides = BySide { a: side(&self.ends.a), b: side(&self.ends.b) };
        SessionReport { session: self.id, mode: self.mode, sides }
    }
}

impl Negotiated {
    /// Whether a packet on this port would be taken for the far end's, were it genuine.
    fn would_admit(&self, port: Port, packet: Packet, from: SocketAddr) -> bool {
        self.is_permitted(from)
            && match (port, packet) {
                (Port::Rtp, Packet::Rtp(_)) => self.rtp.would_admit(from),
                (Port::Rtp, Packet::Rtcp) => self.rtp.is_expected(from),
                (Port::Rtcp, _) => self.rtcp.as_ref().is_some_and(|rtcp| rtcp.would_admit(from)),
            }
    }

    /// Whether it comes from where its trunk may send from at all.
    fn is_permitted(&self, from: SocketAddr) -> bool {
        self.sources.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(from.ip())))
    }

    /// Whether a packet on this port comes from the far end. RTCP on the RTP port teaches nothing.
    fn admits(&mut self, port: Port, packet: Packet, from: SocketAddr) -> bool {
        if !self.is_permitted(from) {
            return false;
        }
        match (port, packet) {
            (Port::Rtp, Packet::Rtp(_)) => {
                let was_fixed = self.rtp.source().is_some();
                let is_admitted = self.rtp.admits(from);
                let is_first = is_admitted && !was_fixed;
                if let Some(rtcp) = self.rtcp.as_mut().filter(|_| is_first && self.learning == Learning::FirstPacket) {
                    rtcp.follow(from.ip());
                }
                is_admitted
            }
            (Port::Rtp, Packet::Rtcp) => self.rtp.is_expected(from),
            (Port::Rtcp, _) => self.rtcp.as_mut().is_some_and(|rtcp| rtcp.admits(from)),
        }
    }
}

mod pressing;

#[cfg(test)]
mod tests;
