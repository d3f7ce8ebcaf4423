//! A media thread: one poller, the sockets of its sessions, one reading of the clock per round.
//!
//! A round is: commands that open and change, datagrams that have come, commands that count and close, and, when due, the sweep (silence, quality intervals). What becomes of
//! a datagram is `session`'s decision.

use crate::counters::Counters;
use crate::passage::Passage;
use crate::queue::{Command, OpenReply, Queue};
use crate::session::{Port, Session};
use crate::shared::{Shared, chance};
use crate::sockets::Pair;
use crate::totals::QualitySample;
use crate::words::{BySide, MediaEvent, Mode, OpenRefused, OpenRequest, Opened, SessionId, SessionReport, Side};
use domain::{Entropy, Monotonic};
use mio::{Events, Poll, Registry, Token, Waker};
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Batches that one socket may bring in a round before the others have their turn.
const BATCHES_PER_ROUND: usize = 8;

/// Sockets of a round: at 6 us each a round lasts under 1 ms, which bounds the error of arrival times.
const EVENTS: usize = 128;

/// Length of a quality interval (`tandem_rtp_jitter_seconds`: "per five-second interval").
const INTERVAL: Duration = Duration::from_secs(5);

/// The sweep comes at least this often while sessions are open, and never more often than [`SWEEP_MIN`].
const SWEEP_MAX: Duration = Duration::from_secs(1);
const SWEEP_MIN: Duration = Duration::from_millis(10);

/// Silence is noticed at most this fraction of the timeout late.
const SWEEPS_PER_TIMEOUT: u32 = 8;

/// Tokens of a session: RTP and RTCP of A, then of B.
const TOKENS: usize = 4;

const WAKE: Token = Token(usize::MAX);

/// Starts a thread that obeys `queue`, and gives what wakes it.
pub(crate) fn start(thread: usize, shared: Arc<Shared>, queue: Arc<Queue>) -> io::Result<(Arc<Waker>, JoinHandle<()>)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let registry = poll.registry().try_clone()?;
    let kept = Arc::clone(&waker);
    let handle = std::thread::Builder::new().name(format!("media-{thread}")).spawn(move || {
        let end = End { queue, _waker: kept };
        Worker::new(thread, registry, shared).run(poll, &end.queue);
    })?;
    Ok((waker, handle))
}

/// However the thread ends, nobody waits for it in vain afterwards.
struct End {
    queue: Arc<Queue>,
    /// It lives as long as the thread: a waker that is closed right after it was used might wake nobody.
    _waker: Arc<Waker>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.queue.stop();
    }
}

struct Worker {
    thread: usize,
    shared: Arc<Shared>,
    registry: Registry,
    entropy: Entropy,
    rooms: Slab<Room>,
    keys: HashMap<SessionId, usize>,
    passage: Passage,
    /// Sockets that had more than their turn allowed: an edge-triggered poller will not tell of them again.
    again: Vec<usize>,
    /// Those whose turn it is in this round.
    turn: Vec<usize>,
    sweep_at: Option<Monotonic>,
}

/// A session and its sockets.
struct Room {
    session: Session,
    pairs: BySide<Option<Pair>>,
    interval_ends_at: Monotonic,
}

impl Worker {
    fn new(thread: usize, registry: Registry, shared: Arc<Shared>) -> Self {
        Self {
            thread,
            shared,
            registry,
            entropy: chance(),
            rooms: Slab::new(),
            keys: HashMap::new(),
            passage: Passage::new(),
            again: Vec::new(),
            turn: Vec::new(),
            sweep_at: None,
        }
    }

    fn run(mut self, mut poll: Poll, queue: &Queue) {
        let mut events = Events::with_capacity(EVENTS);
        let mut commands = VecDeque::new();
        let mut now = self.shared.clock.now();
        let mut goes_on = true;
        while goes_on {
            match poll.poll(&mut events, self.patience(now)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, thread = self.thread, "the media poller failed: its sessions end");
                    queue.stop();
                }
            }
            now = self.shared.clock.now();
            // First: who ordered something before a packet came may expect it to hold for that packet.
            goes_on = queue.take(&mut commands);
            while let Some(command) = commands.pop_front_if(|command| !command.counts_packets()) {
                self.obey(command, goes_on, now);
            }
            std::mem::swap(&mut self.again, &mut self.turn);
            while let Some(token) = self.turn.pop() {
                self.read_or_end(token, now);
            }
            for event in &events {
                if event.token() != WAKE {
                    self.read_or_end(event.token().0, now);
                }
            }
            // Last: who asks for counts shall find every packet in them that came before.
            for command in commands.drain(..) {
                self.obey(command, goes_on, now);
            }
            if self.sweep_at.is_some_and(|due| due <= now) {
                self.sweep(now);
            }
        }
        let keys: Vec<usize> = self.rooms.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key);
        }
    }

    /// How long the poller may wait.
    fn patience(&self, now: Monotonic) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        self.sweep_at.map(|due| due.since(now))
    }

    fn counters(&self) -> &Counters {
        self.shared.counters(self.thread)
    }

    /// A bug that one session's packets bring to light ends that session, not the thread and all its calls.
    fn read_or_end(&mut self, token: usize, now: Monotonic) {
        if catch_unwind(AssertUnwindSafe(|| self.read(token, now))).is_ok() {
            return;
        }
        self.passage = Passage::new();
        let Some(room) = self.rooms.try_remove(token / TOKENS) else { return };
        let session = room.session.id();
        tracing::error!(media.session = session.0, "a media session panicked and is closed: this is a bug");
        self.keys.remove(&session);
        self.release(room);
        guard(|| (self.shared.sink)(MediaEvent::Silent { session, sides: BySide { a: true, b: true } }));
    }

    /// Takes what waits on one socket and passes it on.
    fn read(&mut self, token: usize, now: Monotonic) {
        let (side, port) = match token % TOKENS {
            0 => (Side::A, Port::Rtp),
            1 => (Side::A, Port::Rtcp),
            2 => (Side::B, Port::Rtp),
            _ => (Side::B, Port::Rtcp),
        };
        let counters = self.shared.counters(self.thread);
        let Some(room) = self.rooms.get_mut(token / TOKENS) else { return };
        for _ in 0..BATCHES_PER_ROUND {
            let Some(pair) = &room.pairs[side] else { return };
            // An error is either "nothing waits" or concerns a datagram that was sent earlier.
            if self.passage.receive(pair.socket(port)).is_err() {
                return;
            }
            self.passage.pass(&mut room.session, &room.pairs, side, port, counters, now);
            if !self.passage.is_full() {
                return;
            }
        }
        self.again.push(token);
    }

    fn obey(&mut self, command: Command, goes_on: bool, now: Monotonic) {
        match command {
            Command::Open { session, request, reply } => self.on_open(session, request, reply, goes_on, now),
            Command::SetRemote { session, side, remote, at } => {
                let learning = self.shared.settings.learning;
                if let Some(room) = self.room(session) {
                    room.session.on_remote(side, remote, learning, at);
                }
            }
            Command::Answered { session, at } => {
                if let Some(room) = self.room(session) {
                    room.session.on_answered(at);
                }
            }
            Command::Report { session, reply } => {
                let report = self.room(session).map(|room| room.session.report());
                guard(|| reply(report));
            }
            Command::Close { session, reply } => {
                let report = self.keys.get(&session).copied().and_then(|key| self.close(key));
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
            Err(_) => self.counters().on_refused(),
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
        let first_token = self.rooms.vacant_key() * TOKENS;
        let a = self.open_pair(ip(Side::A), first_token)?;
        let b = match request.mode {
            Mode::Echo => None,
            Mode::Relay => match self.open_pair(ip(Side::B), first_token + 2) {
                Ok(pair) => Some(pair),
                Err(refused) => {
                    a.close(&self.shared);
                    return Err(refused);
                }
            },
        };
        let opened = Opened { a: a.address(ip(Side::A)), b: b.as_ref().map(|pair| pair.address(ip(Side::B))) };
        let session = Session::new(id, request.mode, self.shared.settings.silence_timeout, &mut self.entropy);
        let pairs = BySide { a: Some(a), b };
        let key = self.rooms.insert(Room { session, pairs, interval_ends_at: now + INTERVAL });
        self.keys.insert(id, key);
        for tokens in [&mut self.again, &mut self.turn] {
            tokens.reserve(self.rooms.len() * TOKENS);
        }
        self.sweep_at.get_or_insert(now + self.sweep_every());
        Ok(opened)
    }

    fn open_pair(&self, ip: std::net::IpAddr, token: usize) -> Result<Pair, OpenRefused> {
        let mut pair = Pair::open(&self.shared, ip)?;
        if let Err(error) = pair.watch(&self.registry, token) {
            pair.close(&self.shared);
            return Err(OpenRefused::Socket { ip, reason: error.to_string() });
        }
        Ok(pair)
    }

    fn close(&mut self, key: usize) -> Option<SessionReport> {
        let mut room = self.rooms.try_remove(key)?;
        self.keys.remove(&room.session.id());
        self.again.retain(|token| token / TOKENS != key);
        room.end_interval(&self.shared, self.thread);
        if let Some(mute) = room.session.mute_side() {
            self.counters().on_one_way(mute);
        }
        let report = room.session.report();
        self.release(room);
        Some(report)
    }

    /// Closes the sockets of a session that is gone, and gives its ports and its place back.
    fn release(&mut self, mut room: Room) {
        self.counters().on_closed(room.session.mode());
        for side in Side::BOTH {
            if let Some(pair) = room.pairs[side].take() {
                pair.close(&self.shared);
            }
        }
        self.shared.leave();
    }

    fn sweep_every(&self) -> Duration {
        let timeout = self.shared.settings.silence_timeout;
        if timeout.is_zero() { SWEEP_MAX } else { (timeout / SWEEPS_PER_TIMEOUT).clamp(SWEEP_MIN, SWEEP_MAX) }
    }

    fn sweep(&mut self, now: Monotonic) {
        for (_, room) in &mut self.rooms {
            if room.interval_ends_at <= now {
                room.interval_ends_at = now + INTERVAL;
                room.end_interval(&self.shared, self.thread);
            }
            if let Some(sides) = room.session.expire(now) {
                self.shared.counters(self.thread).on_silent(sides);
                let event = MediaEvent::Silent { session: room.session.id(), sides };
                guard(|| (self.shared.sink)(event));
            }
        }
        self.sweep_at = if self.rooms.is_empty() { None } else { Some(now + self.sweep_every()) };
    }
}

impl Room {
    fn end_interval(&mut self, shared: &Shared, thread: usize) {
        for side in Side::BOTH {
            if let Some((interval, jitter_us)) = self.session.take_interval(side) {
                shared.counters(thread).on_lost(side, interval.lost);
                shared.add_sample(QualitySample {
                    side,
                    jitter_us,
                    packets_expected: u32::try_from(interval.expected).unwrap_or(u32::MAX),
                    packets_lost: u32::try_from(interval.lost).unwrap_or(u32::MAX),
                });
            }
        }
    }
}

/// Calls a closure of somebody else: its panic is its own, and must not silence the calls of this thread.
fn guard(call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        tracing::error!("a reply or an event of media panicked where it was received");
    }
}
