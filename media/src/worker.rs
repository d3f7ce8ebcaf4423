//! A media thread: one poller, the sockets of its sessions, one reading of the clock per round.
//!
//! A round is: commands that open and change, datagrams that have come, commands that count and close, and, when due, the sweep
//! (silence, quality intervals). What becomes of a datagram is `session`'s decision. The lives of sessions are `lives`'s.

mod lives;

use crate::counters::Counters;
use crate::keys;
use crate::passage::Passage;
use crate::queue::{Command, Queue};
use crate::session::{Kind, Port, Session};
use crate::shared::{Shared, Supply, chance};
use crate::slots::{Owner, Slots};
use crate::sockets::Pair;
use crate::srtp::GROWTH_MAX;
use crate::totals::QualitySample;
use crate::warm::Ticket;
use crate::words::{BySide, DiscardReason, MediaEvent, SessionId, Side};
use domain::{Entropy, Monotonic};
use mio::{Events, Poll, Registry, Token, Waker};
use slab::Slab;
use std::collections::{HashMap, HashSet, VecDeque};
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

/// A thread that had a command looks again after this time, so that whoever orders what can wait need not wake it. A call's end
/// is counted so much later at most; nobody hears that.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Without a session on kept ports for so long, they are closed.
const KEPT_IDLE: Duration = Duration::from_secs(60);

/// Kept pairs that one sweep closes: at 20 us each they hold up packets for about a millisecond.
const SHED_PER_SWEEP: usize = 64;

/// Bytes of a key's packet and of what authenticates it.
const KEY_ROOM: usize = keys::TONE_SIZE + GROWTH_MAX;

const WAKE: Token = Token(usize::MAX);

/// Starts a thread that obeys `queue`, and gives what wakes it.
pub(crate) fn start(thread: usize, shared: Arc<Shared>, queue: Arc<Queue>) -> io::Result<(Arc<Waker>, JoinHandle<()>)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let registry = poll.registry().try_clone()?;
    let kept = Arc::clone(&waker);
    let handle = std::thread::Builder::new().name(format!("media-{thread}")).spawn(move || {
        let end = End { queue, _waker: kept };
        Worker::new(thread, registry, shared, Arc::clone(&end.queue)).run(poll);
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
    queue: Arc<Queue>,
    registry: Registry,
    entropy: Entropy,
    slots: Slots,
    rooms: Slab<Room>,
    keys: HashMap<SessionId, usize>,
    passage: Passage,
    /// Sockets that had more than their turn allowed: an edge-triggered poller will not tell of them again.
    again: Vec<usize>,
    /// Those whose turn it is in this round.
    turn: Vec<usize>,
    sweep_at: Option<Monotonic>,
    /// When to look for commands although nobody woke the thread; none while it rests.
    look_at: Option<Monotonic>,
    /// When a session last took a kept pair, or the first pair was kept, and how many had been taken until then.
    given: (Monotonic, u64),
    /// For the end of the round: names that are free again, pairs that are ready.
    freed: Vec<SessionId>,
    ready: Vec<Ticket>,
    /// Commands for the end of the round, and whom they concern.
    later: VecDeque<Command>,
    concerned: HashSet<SessionId>,
}

/// A session and its sockets.
struct Room {
    session: Session,
    pairs: BySide<Option<Pair>>,
    interval_ends_at: Monotonic,
}

impl Worker {
    fn new(thread: usize, registry: Registry, shared: Arc<Shared>, queue: Arc<Queue>) -> Self {
        Self {
            thread,
            shared,
            queue,
            registry,
            entropy: chance(),
            slots: Slots::new(),
            rooms: Slab::new(),
            keys: HashMap::new(),
            passage: Passage::new(),
            again: Vec::new(),
            turn: Vec::new(),
            sweep_at: None,
            look_at: None,
            given: (Monotonic::from_micros(0), 0),
            freed: Vec::new(),
            ready: Vec::new(),
            later: VecDeque::new(),
            concerned: HashSet::new(),
        }
    }

    fn run(mut self, mut poll: Poll) {
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
                    self.queue.stop();
                }
            }
            now = self.shared.clock.now();
            goes_on = self.look(&mut commands, now);
            // First: who ordered something before a packet came may expect it to hold for that packet.
            while let Some(command) = commands.pop_front() {
                if command.counts_packets() || self.concerned.contains(&command.session()) {
                    self.concerned.insert(command.session());
                    self.later.push_back(command);
                } else {
                    self.obey(command, goes_on, now);
                }
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
            while let Some(command) = self.later.pop_front() {
                self.obey(command, goes_on, now);
            }
            self.concerned.clear();
            if self.sweep_at.is_some_and(|due| due <= now) {
                self.sweep(now);
            }
            self.hand_back(now);
        }
        let keys: Vec<usize> = self.rooms.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, None);
        }
        self.slots.clear(&self.shared);
    }

    /// Takes the waiting commands; whether the thread shall go on. After a while without any it rests, until it is woken.
    fn look(&mut self, commands: &mut VecDeque<Command>, now: Monotonic) -> bool {
        let may_rest = self.look_at.is_none_or(|due| due <= now);
        let goes_on = self.queue.take(commands, may_rest);
        if !commands.is_empty() {
            self.look_at = Some(now + LOOK_EVERY);
        } else if may_rest {
            self.look_at = None;
        }
        goes_on
    }

    /// How long the poller may wait.
    fn patience(&self, now: Monotonic) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let due = [self.sweep_at, self.look_at].into_iter().flatten().min();
        due.map(|due| due.since(now))
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
        let Some(Owner::Session { room, .. }) = self.slots.owner(token) else { return };
        let Some(room) = self.rooms.try_remove(room) else { return };
        let session = room.session.id();
        tracing::error!(media.session = session.0, "a media session panicked and is closed: this is a bug");
        self.keys.remove(&session);
        self.freed.push(session);
        self.release(room, None);
        guard(|| (self.shared.sink)(MediaEvent::Silent { session, sides: BySide { a: true, b: true } }));
    }

    /// Takes what waits on one socket and passes it on.
    fn read(&mut self, token: usize, now: Monotonic) {
        let is_empty = match self.slots.owner(token) {
            Some(Owner::Session { room, side, port }) => self.relay(room, side, port, now),
            Some(Owner::Kept { slot, port, is_ready }) => self.ignore(slot, port, is_ready, now),
            None => true,
        };
        if !is_empty {
            self.again.push(token);
        }
    }

    /// Whether nothing waits any more.
    fn relay(&mut self, room: usize, side: Side, port: Port, now: Monotonic) -> bool {
        let counters = self.shared.counters(self.thread);
        let Some(room) = self.rooms.get_mut(room) else { return true };
        for _ in 0..BATCHES_PER_ROUND {
            let Some(pair) = &room.pairs[side] else { return true };
            // An error is either "nothing waits" or concerns a datagram that was sent earlier.
            if self.passage.receive(pair.socket(port)).is_err() {
                return true;
            }
            self.passage.pass(&mut room.session, &room.pairs, side, port, counters, now);
            if room.session.is_key_down() {
                // Its end may be lost: the sweep misses it.
                let soon = now + keys::STEP;
                self.sweep_at = Some(self.sweep_at.map_or(soon, |due| due.min(soon)));
            }
            room.tell_keys(&self.shared);
            if !self.passage.is_full() {
                return true;
            }
        }
        false
    }

    /// Throws away what comes to a port that nobody holds; whether nothing waits any more.
    fn ignore(&mut self, slot: usize, port: Port, is_ready: bool, now: Monotonic) -> bool {
        if is_ready {
            if !self.queue.warm(|warm| warm.withdraw(slot)) {
                // A session has it, as a command says that came after the last look: the packet may be its first.
                return false;
            }
            self.slots.disturb(slot, now);
        }
        let Some(pair) = self.slots.hearing(slot, now) else { return true };
        (0..BATCHES_PER_ROUND).any(|_| self.passage.receive(pair.socket(port)).is_err() || !self.passage.is_full())
    }

    /// The end of a round: what others may have again.
    fn hand_back(&mut self, now: Monotonic) {
        self.slots.ripen(now, &self.shared, &mut self.ready);
        let keys = &self.keys;
        self.freed.retain(|name| !keys.contains_key(name));
        if !(self.freed.is_empty() && self.ready.is_empty()) {
            self.queue.hand_back(&mut self.freed, &mut self.ready);
        }
    }

    fn sweep_every(&self) -> Duration {
        let timeout = self.shared.settings.silence_timeout;
        if timeout.is_zero() { SWEEP_MAX } else { (timeout / SWEEPS_PER_TIMEOUT).clamp(SWEEP_MIN, SWEEP_MAX) }
    }

    fn sweep(&mut self, now: Monotonic) {
        let mut are_keys_pressed = false;
        for (_, room) in &mut self.rooms {
            if room.session.are_keys_pressed() {
                room.send_keys(self.shared.counters(self.thread), now);
                are_keys_pressed |= room.session.are_keys_pressed();
            }
            if room.session.is_key_down() {
                room.session.expire_keys(now);
                room.tell_keys(&self.shared);
                are_keys_pressed |= room.session.is_key_down();
            }
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
        if self.slots.kept() > 0 {
            self.shed(now);
        }
        let is_done = self.rooms.is_empty() && self.slots.kept() == 0;
        let every = if are_keys_pressed { keys::STEP } else { self.sweep_every() };
        self.sweep_at = if is_done { None } else { Some(now + every.min(self.sweep_every())) };
    }

    /// Closes kept pairs that nobody wants, or that all want.
    fn shed(&mut self, now: Monotonic) {
        let given = self.queue.warm(|warm| warm.given());
        if given != self.given.1 {
            self.given = (now, given);
        }
        let is_idle = now.since(self.given.0) >= KEPT_IDLE;
        if is_idle || self.shared.supply() == Supply::Short {
            for _ in 0..SHED_PER_SWEEP {
                match self.queue.warm(|warm| warm.shed()) {
                    Some(ticket) => self.slots.close(ticket.slot, &self.shared),
                    None if self.slots.close_resting(&self.shared) => {}
                    None => break,
                }
            }
        }
    }
}

impl Room {
    /// Sends the packets of pressed keys and of tones that are due.
    fn send_keys(&mut self, counters: &Counters, now: Monotonic) {
        let mut room = [0; KEY_ROOM];
        while let Some((side, to, length)) = self.session.next_key(&mut room, now) {
            let (Some(pair), Some(packet)) = (&self.pairs[side], room.get(..length)) else { return };
            match pair.socket(Port::Rtp).send_to(packet, to) {
                Ok(_) => {
                    self.session.on_sent(side, Kind::Rtp, length);
                    counters.on_sent(side, Kind::Rtp, length);
                }
                // What the kernel does not take now would only be late later.
                Err(_) => counters.on_discarded(DiscardReason::SendFailed),
            }
        }
    }

    /// Tells the keys that were pressed in one side's sound for the other.
    fn tell_keys(&mut self, shared: &Shared) {
        while let Some((side, key)) = self.session.take_key() {
            let session = self.session.id();
            guard(|| (shared.sink)(MediaEvent::Key { session, side, key }));
        }
    }

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
