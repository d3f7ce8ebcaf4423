//! The archive of the nodes' journals: segments in one chain each, kept once, found by row and by subject.

use crate::world::{NOON, World};
use store::{Error, JournalSegment, SegmentMark, SegmentMention};

fn segment(first: u64, last: u64, before: i64) -> JournalSegment {
    let mark = SegmentMark {
        first,
        last,
        from: NOON,
        until: NOON,
        newest: u128::from(last) << 100,
        end: -7,
        before,
        sum: i64::try_from(last).unwrap(),
    };
    JournalSegment { mark, rows: vec![1, 2, 3], opening: last.is_multiple_of(20).then(|| vec![4, 5]) }
}

fn about(subject: u128) -> SegmentMention {
    SegmentMention { subject, own: Some((3, u64::MAX)), by_others: false }
}

#[test]
fn a_segment_is_kept_once_and_another_in_its_place_is_refused() {
    let world = World::new();
    let store = &world.store;
    assert_eq!(store.last_segment("ledger.db").unwrap(), None);
    store.keep_segment("ledger.db", &segment(1, 10, 0), &[about(5)]).unwrap();
    store.keep_segment("ledger.db", &segment(1, 10, 0), &[about(5)]).unwrap();
    let other = JournalSegment { rows: vec![1, 2, 4], ..segment(1, 10, 0) };
    let refused = store.keep_segment("ledger.db", &other, &[]).unwrap_err();
    assert!(matches!(refused, Error::Invalid { .. }));
    assert!(refused.to_string().contains("row 1 of ledger.db is in the archive already, and was another"), "{refused}");
    for (wrong, why) in
        [(segment(12, 20, 10), "a gap"), (segment(11, 20, 9), "another chain"), (segment(5, 12, 0), "an overlap")]
    {
        assert!(store.keep_segment("ledger.db", &wrong, &[]).is_err(), "{why}");
    }
    assert_eq!(store.last_segment("ledger.db").unwrap(), Some(segment(1, 10, 0).mark));
    assert_eq!(store.segments_about("ledger.db", 5).unwrap(), [(1, about(5))]);
}

#[test]
fn segments_are_found_by_row_by_subject_and_where_a_journal_can_be_cut() {
    let mut world = World::new();
    for (first, last) in [(1, 10), (11, 20), (21, 30), (31, 40)] {
        let mentions = [about(u128::from(last)), SegmentMention { subject: u128::MAX, own: None, by_others: true }];
        let before = i64::try_from(first - 1).unwrap();
        world.store.keep_segment("ledger.db", &segment(first, last, before), &mentions).unwrap();
    }
    world.store.keep_segment("b.db", &segment(1, 40, 0), &[about(u128::MAX)]).unwrap();
    world = world.restart();
    let store = &world.store;
    assert_eq!(store.segment_having("ledger.db", 20).unwrap(), Some(segment(11, 20, 10)));
    assert_eq!(store.segment_having("ledger.db", 41).unwrap(), None);
    assert_eq!(store.segment_having("c.db", 1).unwrap(), None);
    let cut = |after| store.next_cut("ledger.db", after).unwrap().map(|mark| mark.last);
    assert_eq!([cut(0), cut(19), cut(20), cut(40)], [Some(20), Some(20), Some(40), None]);
    let firsts = |subject| store.segments_about("ledger.db", subject).unwrap().into_iter().map(|(first, _)| first);
    assert!(firsts(u128::MAX).eq([1, 11, 21, 31]), "a journal's own, oldest first");
    assert!(firsts(30).eq([21]));
    assert_eq!(firsts(7).count(), 0);
    assert_eq!(store.segments_about("b.db", u128::MAX).unwrap(), [(1, about(u128::MAX))]);
}
