//! The calls of one shard, and the numbers by which the endpoint and the media room know them.
//!
//! A place is `shard (8 bits) | generation (20) | slot (20)`; what the endpoint makes of it is in `ways::owners`.

use crate::call::CallShell;
use actix::Addr;
use slab::Slab;

/// Calls at most on one shard: what 20 bits name.
pub(super) const CALLS_MAX: usize = 1 << 20;

const SLOT_BITS: u32 = 20;
const GENERATION_BITS: u32 = 20;

/// The calls that live on a shard.
pub(crate) struct Places {
    shard: u16,
    generation: u64,
    calls: Slab<(u64, Addr<CallShell>)>,
}

impl Places {
    /// No calls yet.
    pub(crate) fn new(shard: u16) -> Self {
        Self { shard, generation: 0, calls: Slab::new() }
    }

    /// The place that the next call will have; none where the shard is full.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let slot = self.calls.vacant_key();
        if slot >= CALLS_MAX {
            return None;
        }
        self.generation = (self.generation + 1) % (1 << GENERATION_BITS);
        let shard = u64::from(self.shard) << (SLOT_BITS + GENERATION_BITS);
        Some(shard | self.generation << SLOT_BITS | slot as u64)
    }

    /// Puts a call at the place that [`Places::next`] gave last.
    pub(crate) fn enter(&mut self, place: u64, call: Addr<CallShell>) {
        self.calls.insert((place, call));
    }

    /// The call at a place; none where it is over.
    pub(crate) fn get(&self, place: u64) -> Option<&Addr<CallShell>> {
        let (known, call) = self.calls.get(slot_of(place))?;
        (*known == place).then_some(call)
    }

    /// The call at a place is over.
    pub(crate) fn leave(&mut self, place: u64) {
        if self.get(place).is_some() {
            self.calls.remove(slot_of(place));
        }
    }
}

fn slot_of(place: u64) -> usize {
    (place & ((1 << SLOT_BITS) - 1)) as usize
}

/// The shard of a place: the media room's events find their call by it.
pub(crate) fn shard_of_place(place: u64) -> u16 {
    (place >> (SLOT_BITS + GENERATION_BITS)) as u16
}
