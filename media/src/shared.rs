//! What all media threads and all handles share: settings, the port pool, limits, counters, quality samples.
//!
//! Nothing here is touched per packet but a thread's own counters.

use crate::clock::Clock;
use crate::counters::Counters;
use crate::ports::PortPool;
use crate::settings::MediaSettings;
use crate::totals::{MediaTotals, QualitySample, SAMPLES_MAX};
use crate::words::{EventSink, OpenRefused};
use domain::Entropy;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering};

/// Shared by all threads and handles.
pub(crate) struct Shared {
    pub(crate) settings: MediaSettings,
    pub(crate) sink: EventSink,
    /// One for all threads and handles, so that their instants can be compared.
    pub(crate) clock: Clock,
    /// Taken when sessions open and close, never per packet.
    pub(crate) ports: Mutex<PortPool>,
    counters: Vec<Counters>,
    sessions: AtomicUsize,
    /// Pairs that are drawn from the pool, but held by no session.
    kept: AtomicIsize,
    overloaded: AtomicU64,
    samples: Mutex<Samples>,
}

/// How much of the port range is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// Half or more: ports may be kept open.
    Ample,
    /// A quarter or more: those that are kept stay.
    Fair,
    /// Less: all are needed.
    Short,
}

struct Samples {
    waiting: Vec<QualitySample>,
    dropped: u64,
}

impl Shared {
    pub(crate) fn new(settings: MediaSettings, sink: EventSink) -> Self {
        let ports = PortPool::new(settings.ports, chance());
        let counters = (0..settings.threads).map(|_| Counters::default()).collect();
        let samples = Samples { waiting: Vec::with_capacity(SAMPLES_MAX), dropped: 0 };
        Self {
            settings,
            sink,
            clock: Clock::start(),
            ports: Mutex::new(ports),
            counters,
            sessions: AtomicUsize::new(0),
            kept: AtomicIsize::new(0),
            overloaded: AtomicU64::new(0),
            samples: Mutex::new(samples),
        }
    }

    /// The counters of one thread, which alone may write them.
    pub(crate) fn counters(&self, thread: usize) -> &Counters {
        &self.counters[thread]
    }

    /// A queue was full.
    pub(crate) fn on_overloaded(&self) {
        self.overloaded.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one of the places for sessions.
    pub(crate) fn admit(&self) -> Result<(), OpenRefused> {
        let has_room = |open: usize| (open < self.settings.sessions_max).then_some(open + 1);
        let admitted = self.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, has_room);
        admitted.map(drop).map_err(|_| OpenRefused::SessionsExhausted)
    }

    /// Whether there is a place for one more session on so many pairs of ports; those that are kept warm are as good as free.
    pub(crate) fn has_room(&self, pairs: usize) -> Result<(), OpenRefused> {
        if self.sessions.load(Ordering::Relaxed) >= self.settings.sessions_max {
            return Err(OpenRefused::SessionsExhausted);
        }
        let kept = usize::try_from(self.kept.load(Ordering::Relaxed)).unwrap_or(0);
        let (drawn, limit) = self.ports_drawn();
        let free = limit.saturating_sub(drawn) / 2 + kept;
        if free >= pairs { Ok(()) } else { Err(OpenRefused::PortsExhausted) }
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many pairs more, or fewer, are kept open for later sessions.
    pub(crate) fn on_kept(&self, change: isize) {
        self.kept.fetch_add(change, Ordering::Relaxed);
    }

    /// How much of the range is left for new draws.
    pub(crate) fn supply(&self) -> Supply {
        let (in_use, limit) = self.ports_drawn();
        match limit.saturating_sub(in_use) {
            free if free * 2 >= limit => Supply::Ample,
            free if free * 4 >= limit => Supply::Fair,
            _ => Supply::Short,
        }
    }

    fn ports_drawn(&self) -> (usize, usize) {
        let ports = self.ports.lock();
        (ports.in_use(), ports.limit())
    }

    pub(crate) fn add_sample(&self, sample: QualitySample) {
        let mut samples = self.samples.lock();
        if samples.waiting.len() < SAMPLES_MAX {
            samples.waiting.push(sample);
        } else {
            samples.dropped += 1;
        }
    }

    pub(crate) fn drain_samples(&self, drained: &mut Vec<QualitySample>) {
        drained.append(&mut self.samples.lock().waiting);
    }

    pub(crate) fn totals(&self) -> MediaTotals {
        let kept = usize::try_from(self.kept.load(Ordering::Relaxed)).unwrap_or(0);
        let (drawn, limit) = self.ports_drawn();
        let mut totals = MediaTotals {
            ports_in_use: drawn.saturating_sub(kept * 2) as u64,
            port_limit: limit as u64,
            sessions_refused: self.overloaded.load(Ordering::Relaxed),
            samples_dropped: self.samples.lock().dropped,
            ..MediaTotals::default()
        };
        for counters in &self.counters {
            counters.add_to(&mut totals);
        }
        totals
    }
}

/// A stream of numbers that nobody can foretell.
pub(crate) fn chance() -> Entropy {
    Entropy::from_seed(rand::random())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::PortRange;
    use std::sync::Arc;

    /// What [`crate::Media::would_open`] says of ports: those that are drawn are taken, those that are kept warm are not.
    #[test]
    fn there_is_room_for_as_many_sides_as_pairs_are_free_or_kept() {
        let ports = PortRange { first: 20_000, last: 20_005 };
        let shared = Shared::new(MediaSettings { ports, ..MediaSettings::default() }, Arc::new(drop));
        assert_eq!(shared.has_room(2), Ok(()));
        let drawn: Vec<_> = (0..2).filter_map(|_| shared.ports.lock().draw()).collect();
        assert_eq!(drawn.len(), 2);
        assert_eq!(shared.has_room(1), Ok(()), "one of three pairs is left: enough for an echo");
        assert_eq!(shared.has_room(2), Err(OpenRefused::PortsExhausted), "and not for a relay");
        shared.on_kept(1);
        assert_eq!(shared.has_room(2), Ok(()), "a session that has ended left its pair warm");
    }
}
