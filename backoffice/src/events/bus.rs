//! The bus: a bounded ring of what was told lately, and who reads it, each at its own pace.
//!
//! Only topics that somebody wants are heard; who leaves is waited for as long as a connection takes to come back, so that nothing is
//! missing then. What the events say is in `saying`.

use crate::office::Clock;
use domain::{Entropy, Fact, Monotonic, Topic, Topics, Wall};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Events that are kept: half a minute of 1,000 calls that are charged every 6 s, with every other topic. Who is further behind has lost
/// the stream.
pub const RING_MAX: usize = 8_192;
/// How long topics are heard on for somebody who has left: a connection that broke comes back in less.
pub const LINGERS: Duration = Duration::from_secs(300);

/// The name of an event: which life of the node, and which event in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Of this life: chance.
    pub life: u64,
    /// Counts up from 1. Numbers may be left out.
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt_{:016x}-{}", self.life, self.number)
    }
}

/// Why a text names no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no event: expected the id of one that was told, such as evt_0123456789abcdef-42")]
pub struct NotAnEvent(String);

impl FromStr for EventId {
    type Err = NotAnEvent;
    fn from_str(text: &str) -> Result<Self, NotAnEvent> {
        let read = || {
            let (life, number) = text.strip_prefix("evt_")?.split_once('-')?;
            let is_hex = life.len() == 16 && life.bytes().all(|byte| byte.is_ascii_hexdigit());
            let life = is_hex.then(|| u64::from_str_radix(life, 16).ok())??;
            Some(EventId { life, number: number.parse().ok()? })
        };
        read().ok_or_else(|| NotAnEvent(text.chars().take(64).collect()))
    }
}

/// Something that was told.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// When it was told.
    pub at: Wall,
    /// What it is about.
    pub topic: Topic,
    /// What happened.
    pub fact: Fact,
}

/// What there is to read.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    /// These, in order; often none.
    Events(Vec<Arc<Event>>),
    /// Older events are gone than the one that was to be read.
    Lost,
    /// The bus is closed.
    Closed,
}

/// How much a topic is wanted.
#[derive(Clone, Copy, Default)]
struct Want {
    /// By so many.
    readers: u32,
    /// Until when it is heard on for who has left.
    until: Option<Monotonic>,
    /// From this event on every one of it was heard.
    since: u64,
}

impl Want {
    fn is_heard(&self) -> bool {
        self.readers > 0 || self.until.is_some()
    }
}

struct Ring {
    events: VecDeque<Arc<Event>>,
    /// Of the oldest event that could still be read; everything from it on was heard.
    first: u64,
    /// Of the next one.
    next: u64,
    /// Of each topic, in the order of the catalogue.
    wants: Vec<Want>,
    streams: usize,
    is_closed: bool,
}

/// The bus of one node.
pub struct Bus {
    life: u64,
    clock: Clock,
    ring: Mutex<Ring>,
    /// What is wanted now, as [`Topics::bits`].
    wanted: Arc<AtomicU32>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bus")
    }
}

impl Bus {
    pub(crate) fn new(clock: Clock, mut entropy: Entropy) -> Arc<Bus> {
        let wants = vec![Want::default(); Topic::ALL.len()];
        let ring = Ring { events: VecDeque::new(), first: 1, next: 1, wants, streams: 0, is_closed: false };
        Arc::new(Bus { life: entropy.next_u64(), clock, ring: Mutex::new(ring), wanted: Arc::default() })
    }

    /// Which topics are wanted, as [`Topics::bits`]: who tells facts asks this first.
    pub fn wanted(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.wanted)
    }

    /// Takes a fact in, where its topic is wanted. Never waits for who reads.
    pub fn hear(&self, fact: &Fact) {
        let Some(topic) = Topic::of(fact) else { return };
        let at = (self.clock)().wall;
        let mut ring = self.ring.lock();
        if !Topics::from_bits(self.wanted.load(Ordering::Relaxed)).has(topic) {
            return;
        }
        let id = EventId { life: self.life, number: ring.next };
        ring.next += 1;
        if ring.events.len() == RING_MAX {
            ring.events.pop_front();
            ring.first = ring.events.front().map_or(id.number, |event| event.id.number);
        }
        ring.events.push_back(Arc::new(Event { id, at, topic, fact: fact.clone() }));
    }

    /// A new name for an event that is told outside the ring.
    pub(crate) fn mint(&self) -> EventId {
        let mut ring = self.ring.lock();
        let id = EventId { life: self.life, number: ring.next };
        ring.next += 1;
        id
    }

    /// Reads on from behind an event, or from now; with what is missing, where something is. None where too many read already.
    pub(crate) fn subscribe(
        self: &Arc<Bus>,
        topics: Topics,
        last: Option<EventId>,
    ) -> Option<(Subscription, Option<&'static str>)> {
        let mut ring = self.ring.lock();
        if ring.streams >= super::STREAMS_MAX {
            return None;
        }
        ring.streams += 1;
        let is_missed = |topic: Topic, last: EventId| {
            let want = ring.wants[topic as usize];
            !want.is_heard() || want.since > last.number + 1
        };
        let (cursor, gap) = match last {
            None => (ring.next, None),
            Some(last) if last.life != self.life => {
                (ring.first, Some("the event is of another life of this node, or of another node"))
            }
            Some(last) if last.number >= ring.next => (ring.next, Some("no such event was told yet")),
            Some(last) if last.number + 1 < ring.first => {
                (ring.first, Some("events behind it are no longer kept: read the records in /calls"))
            }
            Some(last) if topics.iter().any(|topic| is_missed(topic, last)) => {
                (last.number + 1, Some("not all of these topics were heard since"))
            }
            Some(last) => (last.number + 1, None),
        };
        self.enter(topics, &mut ring);
        drop(ring);
        Some((Subscription { bus: Arc::clone(self), topics, cursor }, gap))
    }

    /// Forgets topics that nobody wants any more and nobody has come back for.
    pub(crate) fn sweep(&self) {
        let now = (self.clock)().monotonic;
        let mut ring = self.ring.lock();
        let mut has_forgotten = false;
        for want in &mut ring.wants {
            has_forgotten |= want.until.take_if(|until| *until <= now).is_some() && want.readers == 0;
        }
        if has_forgotten {
            // A number that no event has: who comes back with one before it is told that something is missing.
            ring.next += 1;
            self.tell_wanted(&ring);
        }
    }

    /// Ends every stream.
    pub fn close(&self) {
        self.ring.lock().is_closed = true;
    }

    fn enter(&self, topics: Topics, ring: &mut Ring) {
        let next = ring.next;
        for topic in topics.iter() {
            let want = &mut ring.wants[topic as usize];
            if !want.is_heard() {
                want.since = next;
            }
            want.readers += 1;
        }
        self.tell_wanted(ring);
    }

    fn tell_wanted(&self, ring: &Ring) {
        let wanted = Topic::ALL.iter().copied().filter(|topic| ring.wants[*topic as usize].is_heard());
        self.wanted.store(wanted.collect::<Topics>().bits(), Ordering::Relaxed);
    }
}

/// Somebody who reads.
#[derive(Debug)]
pub(crate) struct Subscription {
    bus: Arc<Bus>,
    topics: Topics,
    cursor: u64,
}

impl Subscription {
    /// What was told since, at most so many, of the topics that it wants.
    pub(crate) fn read(&mut self, at_most: usize) -> Reading {
        let ring = self.bus.ring.lock();
        if ring.is_closed {
            return Reading::Closed;
        }
        if self.cursor < ring.first {
            return Reading::Lost;
        }
        let from = ring.events.partition_point(|event| event.id.number < self.cursor);
        let wanted = |event: &&Arc<Event>| self.topics.has(event.topic);
        let events: Vec<_> = ring.events.range(from..).filter(wanted).take(at_most).cloned().collect();
        self.cursor = match events.last() {
            Some(last) if events.len() == at_most => last.id.number + 1,
            _ => ring.next,
        };
        Reading::Events(events)
    }

    /// Goes on from now, whatever was lost.
    pub(crate) fn catch_up(&mut self) {
        self.cursor = self.bus.ring.lock().next;
    }

    /// From now on it wants these.
    pub(crate) fn want(&mut self, topics: Topics) {
        if topics == self.topics {
            return;
        }
        let mut ring = self.bus.ring.lock();
        self.leave(&mut ring);
        self.bus.enter(topics, &mut ring);
        drop(ring);
        self.topics = topics;
    }

    fn leave(&self, ring: &mut Ring) {
        let until = (self.bus.clock)().monotonic + LINGERS;
        for topic in self.topics.iter() {
            let want = &mut ring.wants[topic as usize];
            want.readers -= 1;
            want.until = Some(until);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let bus = Arc::clone(&self.bus);
        let mut ring = bus.ring.lock();
        self.leave(&mut ring);
        ring.streams -= 1;
    }
}

#[cfg(test)]
#[path = "bus_tests.rs"]
mod tests;
