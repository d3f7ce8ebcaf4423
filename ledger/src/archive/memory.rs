//! An archive that forgets everything with its process, for tests and simulations. It obeys the same laws as the store's.

use super::{Archive, Mark, Mention, Segment};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// A segment, and whom it is about.
type Kept = (Segment, Vec<Mention>);

/// Segments by journal and first row, each with whom it is about.
#[derive(Default)]
pub struct MemoryArchive {
    kept: Mutex<BTreeMap<(String, u64), Kept>>,
    copied_to: Mutex<Option<u64>>,
}

impl MemoryArchive {
    /// Records of ended calls are copied up to this row, and no further; without this word, all of them are.
    pub fn set_copied_to(&self, row: u64) {
        *self.copied_to.lock() = Some(row);
    }

    fn find<T>(&self, journal: &str, find: impl Fn(&Segment, &[Mention]) -> Option<T>) -> Vec<T> {
        let kept = self.kept.lock();
        let of_journal = kept.iter().filter(|((name, _), _)| name == journal);
        of_journal.filter_map(|(_, (segment, mentions))| find(segment, mentions)).collect()
    }
}

impl Archive for MemoryArchive {
    fn keep(&self, journal: &str, segment: &Segment, mentions: &[Mention]) -> Result<(), String> {
        let first = segment.mark.first;
        if let Some(known) = self.having(journal, first)? {
            return if known == *segment {
                Ok(())
            } else {
                Err(format!("row {first} is in the archive, and was another"))
            };
        }
        let (last, sum) = self.last(journal)?.map_or((0, 0), |mark| (mark.last, mark.sum));
        if first != last + 1 || segment.mark.before != sum {
            return Err(format!("a segment from row {first} does not follow row {last}"));
        }
        self.kept.lock().insert((journal.to_owned(), first), (segment.clone(), mentions.to_vec()));
        Ok(())
    }

    fn last(&self, journal: &str) -> Result<Option<Mark>, String> {
        Ok(self.find(journal, |segment, _| Some(segment.mark)).pop())
    }

    fn having(&self, journal: &str, row: u64) -> Result<Option<Segment>, String> {
        let has = |mark: &Mark| mark.first <= row && row <= mark.last;
        Ok(self.find(journal, |segment, _| has(&segment.mark).then(|| segment.clone())).pop())
    }

    fn next_cut(&self, journal: &str, after: u64) -> Result<Option<Mark>, String> {
        let is_cut = |segment: &Segment| segment.opening.is_some() && segment.mark.last > after;
        Ok(self.find(journal, |segment, _| is_cut(segment).then_some(segment.mark)).into_iter().next())
    }

    fn about(&self, journal: &str, subject: u128) -> Result<Vec<(u64, Mention)>, String> {
        Ok(self.find(journal, |segment, mentions| {
            let found = mentions.binary_search_by_key(&subject, |mention| mention.subject).ok()?;
            Some((segment.mark.first, mentions[found]))
        }))
    }

    fn records_copied_to(&self, _: &str) -> Result<u64, String> {
        Ok(self.copied_to.lock().unwrap_or(u64::MAX))
    }
}
