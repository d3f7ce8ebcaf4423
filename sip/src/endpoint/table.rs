//! A table of transactions: found by the hash of what identifies them, named by an id that never comes again, and woken by one
//! queue of deadlines.
//!
//! What a transaction is does not matter here.
//!
//! The queue is a binary heap with lazy deletion. An entry is queued again only when its deadline moves *earlier* than what is
//! queued for it, and found outdated when it comes up. Where outdated entries outnumber the living two to one, the heap is
//! built anew, so it never grows beyond three entries a transaction.

use domain::Monotonic;
use slab::Slab;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// The name of one entry: its slot, and a number that tells it from earlier tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    slot: u32,
    generation: u32,
}

/// What the table must know of an entry.
pub(super) trait Timed {
    /// When it wants to be woken.
    fn deadline(&self) -> Option<Monotonic>;
}

struct Tenant<E> {
    generation: u32,
    key: u64,
    /// The earliest instant queued for it that has not come up.
    queued: Option<Monotonic>,
    entry: E,
}

/// Keys are hashes already.
#[derive(Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// A map whose keys are keyed SipHashes.
pub(super) type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<Identity>>;

/// The table.
pub(super) struct Table<E> {
    tenants: Slab<Tenant<E>>,
    by_key: HashedMap<Id>,
    queue: BinaryHeap<Reverse<(Monotonic, Id)>>,
    generation: u32,
}

/// Outdated queue entries that are tolerated whatever the number of transactions.
const QUEUE_SLACK: usize = 1_024;

impl<E: Timed> Table<E> {
    pub(super) fn new() -> Table<E> {
        Table { tenants: Slab::new(), by_key: HashMap::default(), queue: BinaryHeap::new(), generation: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.tenants.len()
    }

    #[cfg(test)]
    pub(super) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Adds an entry under a key that is not in the table; an older entry under the same key stays, and is found no more.
    pub(super) fn insert(&mut self, key: u64, entry: E) -> Id {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let slot = self.tenants.insert(Tenant { generation, key, queued: None, entry });
        // Bounded by the settings, far below 2^32.
        let id = Id { slot: slot as u32, generation };
        self.by_key.insert(key, id);
        self.requeue(id);
        id
    }

    pub(super) fn find(&self, key: u64) -> Option<Id> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn get(&self, id: Id) -> Option<&E> {
        self.tenants
            .get(id.slot as usize)
            .filter(|tenant| tenant.generation == id.generation)
            .map(|tenant| &tenant.entry)
    }

    /// After a change, call [`Table::requeue`].
    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut E> {
        self.tenants
            .get_mut(id.slot as usize)
            .filter(|tenant| tenant.generation == id.generation)
            .map(|tenant| &mut tenant.entry)
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<E> {
        self.get(id)?;
        let tenant = self.tenants.remove(id.slot as usize);
        if self.by_key.get(&tenant.key) == Some(&id) {
            self.by_key.remove(&tenant.key);
        }
        Some(tenant.entry)
    }

    /// Queues the deadline of an entry that has changed.
    pub(super) fn requeue(&mut self, id: Id) {
        let Some(tenant) = self.tenants.get_mut(id.slot as usize).filter(|tenant| tenant.generation == id.generation)
        else {
            return;
        };
        if let Some(deadline) = tenant.entry.deadline()
            && tenant.queued.is_none_or(|queued| deadline < queued)
        {
            tenant.queued = Some(deadline);
            self.queue.push(Reverse((deadline, id)));
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.queue.len() <= self.tenants.len() * 3 + QUEUE_SLACK {
            return;
        }
        let tenants = &self.tenants;
        self.queue.retain(|Reverse((at, id))| {
            tenants
                .get(id.slot as usize)
                .is_some_and(|tenant| tenant.generation == id.generation && tenant.queued == Some(*at))
        });
    }

    /// When to look again; never later than the earliest deadline, now and then earlier.
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes an entry that is due at `now` from the queue; the caller wakes it and calls [`Table::requeue`].
    pub(super) fn pop_due(&mut self, now: Monotonic) -> Option<Id> {
        while let Some(Reverse((at, id))) = self.queue.peek().copied() {
            if at > now {
                return None;
            }
            self.queue.pop();
            let Some(tenant) = self.tenants.get_mut(id.slot as usize) else { continue };
            if tenant.generation != id.generation || tenant.queued != Some(at) {
                continue;
            }
            tenant.queued = None;
            match tenant.entry.deadline() {
                Some(deadline) if deadline <= now => return Some(id),
                // It moved later since: queue what it wants now.
                _ => self.requeue(id),
            }
        }
        None
    }

    /// Every entry in the order of slots.
    pub(super) fn ids(&self) -> Vec<Id> {
        self.tenants.iter().map(|(slot, tenant)| Id { slot: slot as u32, generation: tenant.generation }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct Alarm(Option<Monotonic>);

    impl Timed for Alarm {
        fn deadline(&self) -> Option<Monotonic> {
            self.0
        }
    }

    fn at(micros: u64) -> Monotonic {
        Monotonic::from_micros(micros)
    }

    #[test]
    fn entries_come_up_when_due_and_only_then() {
        let mut table = Table::new();
        let late = table.insert(1, Alarm(Some(at(30))));
        let early = table.insert(2, Alarm(Some(at(10))));
        table.get_mut(early).unwrap().0 = Some(at(20));
        table.requeue(early);
        assert_eq!(table.pop_due(at(15)), None, "it moved later");
        assert_eq!(table.deadline(), Some(at(20)));
        table.get_mut(late).unwrap().0 = Some(at(17));
        table.requeue(late);
        assert_eq!(table.pop_due(at(20)), Some(late), "it moved earlier");
        assert_eq!(table.pop_due(at(20)), Some(early));
        assert_eq!(table.pop_due(at(99)), None);
    }

    #[test]
    fn an_id_never_names_a_later_tenant() {
        let mut table = Table::new();
        let first = table.insert(1, Alarm(None));
        assert!(table.remove(first).is_some());
        let second = table.insert(1, Alarm(None));
        assert!(table.get(first).is_none());
        assert!(table.remove(first).is_none());
        assert_eq!(table.find(1), Some(second));
    }

    #[test]
    fn a_million_moved_deadlines_do_not_grow_the_queue() {
        let mut table = Table::new();
        let id = table.insert(1, Alarm(Some(at(u64::MAX))));
        for step in 1..1_000_000u64 {
            table.get_mut(id).unwrap().0 = Some(at(u64::MAX - step));
            table.requeue(id);
        }
        assert!(table.queue_len() <= 3 + QUEUE_SLACK + 1, "{}", table.queue_len());
        for _ in 0..100_000 {
            let short_lived = table.insert(2, Alarm(Some(at(5) + Duration::from_secs(32))));
            table.remove(short_lived);
        }
        assert!(table.queue_len() <= 3 + QUEUE_SLACK + 1, "{}", table.queue_len());
    }
}
