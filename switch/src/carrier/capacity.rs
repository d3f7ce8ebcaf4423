//! How many calls a carrier has and takes: channels, and calls in any second, both exact.
//!
//! Whether it answers at all is `health`'s.

use crate::overload::Window;
use domain::call_control::LegId;
use domain::call_record::AttemptOutcome;
use domain::{CallId, Monotonic};
use std::collections::BTreeMap;

/// The calls of one carrier.
#[derive(Clone, Debug, Default)]
pub(super) struct Capacity {
    /// Who has a channel, and until when at the latest: a call that was lost to a panic never gives its channel back.
    seats: BTreeMap<(CallId, LegId), Monotonic>,
    /// Calls that were let in during the last second.
    window: Window,
}

impl Capacity {
    /// Lets one call in, or says what is full.
    pub(super) fn enter(
        &mut self,
        seat: (CallId, LegId),
        channels: Option<u32>,
        calls_per_second: Option<u32>,
        until: Monotonic,
        now: Monotonic,
    ) -> Result<(), AttemptOutcome> {
        if channels.is_some_and(|channels| self.seats.len() >= channels as usize) {
            self.seats.retain(|_, until| *until > now);
            if channels.is_some_and(|channels| self.seats.len() >= channels as usize) {
                return Err(AttemptOutcome::SkippedChannels);
            }
        }
        if calls_per_second.is_some_and(|limit| !self.window.enter(limit, now)) {
            return Err(AttemptOutcome::SkippedRate);
        }
        self.seats.insert(seat, until);
        Ok(())
    }

    /// A channel is free again; whether it was taken.
    pub(super) fn leave(&mut self, seat: (CallId, LegId)) -> bool {
        self.seats.remove(&seat).is_some()
    }

    /// Channels that are taken.
    pub(super) fn in_use(&self) -> u32 {
        u32::try_from(self.seats.len()).unwrap_or(u32::MAX)
    }
}
