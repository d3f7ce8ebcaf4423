//! A table of sources that is never longer than it may be: each value stands at an instant, and where there is no room the earliest
//! instant goes.
//!
//! What an instant means (last seen, good until) is its owner's.

use super::Source;
use domain::Monotonic;
use std::collections::{BTreeMap, BTreeSet};

/// Values by source.
#[derive(Clone, Debug)]
pub(super) struct Table<V> {
    max: usize,
    values: BTreeMap<Source, (Monotonic, V)>,
    /// The same sources by their instants.
    order: BTreeSet<(Monotonic, Source)>,
}

impl<V> Table<V> {
    /// An empty table for `max` sources, at least one.
    pub(super) fn new(max: usize) -> Table<V> {
        Table { max: max.max(1), values: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// The value of a source, and where it stands.
    pub(super) fn get(&self, source: Source) -> Option<(Monotonic, &V)> {
        self.values.get(&source).map(|(at, value)| (*at, value))
    }

    /// Puts a value there, in place of an older one of its source; the earliest goes where there is no room.
    pub(super) fn put(&mut self, source: Source, at: Monotonic, value: V) {
        self.take(source);
        if self.values.len() >= self.max
            && let Some((_, earliest)) = self.order.pop_first()
        {
            self.values.remove(&earliest);
        }
        self.values.insert(source, (at, value));
        self.order.insert((at, source));
    }

    /// Takes the value of a source out.
    pub(super) fn take(&mut self, source: Source) -> Option<V> {
        let (at, value) = self.values.remove(&source)?;
        self.order.remove(&(at, source));
        Some(value)
    }

    /// Forgets what stands at `instant` or before.
    pub(super) fn forget_until(&mut self, instant: Monotonic) {
        while let Some((_, source)) = self.order.first().copied().filter(|(at, _)| *at <= instant) {
            self.take(source);
        }
    }

    /// Every source with its instant and value, in order of the sources.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Source, Monotonic, &V)> {
        self.values.iter().map(|(source, (at, value))| (*source, *at, value))
    }

    /// How many sources stand in it.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        debug_assert_eq!(self.values.len(), self.order.len());
        self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u8) -> Source {
        Source::of([192, 0, 2, number].into())
    }

    #[test]
    fn where_there_is_no_room_the_earliest_goes() {
        let mut table = Table::new(2);
        let at = Monotonic::from_micros;
        table.put(source(1), at(30), 'a');
        table.put(source(2), at(10), 'b');
        table.put(source(1), at(40), 'c');
        assert_eq!(table.len(), 2, "a source stands once");
        table.put(source(3), at(20), 'd');
        let left: Vec<_> = table.iter().map(|(source, _, value)| (source, *value)).collect();
        assert_eq!(left, [(source(1), 'c'), (source(3), 'd')]);
        table.forget_until(at(20));
        assert_eq!((table.get(source(3)), table.get(source(1))), (None, Some((at(40), &'c'))));
        assert_eq!((table.take(source(1)), table.take(source(1)), table.len()), (Some('c'), None, 0));
    }
}
