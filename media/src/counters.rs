//! Counters of one thread, read by others: each is written by its thread alone, so that counting takes no locked instruction.
//!
//! Their sum over the threads is [`crate::MediaTotals`].

use crate::session::Kind;
use crate::totals::MediaTotals;
use crate::words::{BySide, DiscardReason, Mode, Side};
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread writes and all may read.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.get().wrapping_add(count), Ordering::Relaxed);
    }

    fn subtract(&self, count: u64) {
        self.0.store(self.get().saturating_sub(count), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the sessions of one thread did. Its own cache lines, so that threads do not slow each other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    sessions_relay: Count,
    sessions_echo: Count,
    opened: Count,
    refused: Count,
    sides: BySide<SideCounters>,
    discarded: [Count; DiscardReason::ALL.len()],
}

#[derive(Debug, Default)]
struct SideCounters {
    packets_received: Count,
    packets_sent: Count,
    bytes_received: Count,
    bytes_sent: Count,
    lost: Count,
    timeouts: Count,
    one_way: Count,
}

impl Counters {
    pub(crate) fn on_opened(&self, mode: Mode) {
        self.opened.add(1);
        self.sessions(mode).add(1);
    }

    pub(crate) fn on_closed(&self, mode: Mode) {
        self.sessions(mode).subtract(1);
    }

    pub(crate) fn on_refused(&self) {
        self.refused.add(1);
    }

    pub(crate) fn on_received(&self, side: Side, kind: Kind, bytes: usize) {
        if kind == Kind::Rtp {
            self.sides[side].packets_received.add(1);
            self.sides[side].bytes_received.add(bytes as u64);
        }
    }

    pub(crate) fn on_sent(&self, side: Side, kind: Kind, bytes: usize) {
        if kind == Kind::Rtp {
            self.sides[side].packets_sent.add(1);
            self.sides[side].bytes_sent.add(bytes as u64);
        }
    }

    pub(crate) fn on_lost(&self, side: Side, packets: u64) {
        self.sides[side].lost.add(packets);
    }

    pub(crate) fn on_silent(&self, sides: BySide<bool>) {
        for side in Side::BOTH {
            self.sides[side].timeouts.add(u64::from(sides[side]));
        }
    }

    pub(crate) fn on_one_way(&self, mute: Side) {
        self.sides[mute].one_way.add(1);
    }

    pub(crate) fn on_discarded(&self, reason: DiscardReason) {
        self.discarded[reason as usize].add(1);
    }

    /// Adds these to `totals`.
    pub(crate) fn add_to(&self, totals: &mut MediaTotals) {
        totals.sessions_relay += self.sessions_relay.get();
        totals.sessions_echo += self.sessions_echo.get();
        totals.sessions_opened += self.opened.get();
        totals.sessions_refused += self.refused.get();
        for side in Side::BOTH {
            let (sum, own) = (&mut totals.sides[side], &self.sides[side]);
            sum.packets_received += own.packets_received.get();
            sum.packets_sent += own.packets_sent.get();
            sum.bytes_received += own.bytes_received.get();
            sum.bytes_sent += own.bytes_sent.get();
            sum.packets_lost += own.lost.get();
            sum.timeouts += own.timeouts.get();
            sum.one_way_calls += own.one_way.get();
        }
        for (reason, count) in DiscardReason::ALL.into_iter().zip(&self.discarded) {
            totals.discarded.add(reason, count.get());
        }
    }

    fn sessions(&self, mode: Mode) -> &Count {
        match mode {
            Mode::Relay => &self.sessions_relay,
            Mode::Echo => &self.sessions_echo,
        }
    }
}
