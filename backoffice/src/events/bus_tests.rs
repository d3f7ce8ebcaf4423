//! Stories of the bus, on a clock that is set by hand.

use super::*;
use domain::{CallId, Now, ProfileId};
use std::sync::atomic::AtomicU64;

fn world() -> (Arc<Bus>, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(0));
    let hand = Arc::clone(&seconds);
    let clock: Clock = Arc::new(move || {
        let passed = hand.load(Ordering::Relaxed) * 1_000_000;
        Now { monotonic: Monotonic::from_micros(passed), wall: Wall::from_unix_micros(passed as i64) }
    });
    (Bus::new(clock, Entropy::from_seed([1; 16])), seconds)
}

fn exhausted(number: u128) -> Fact {
    Fact::CreditExhausted { call: CallId::from_bits(number), profile: ProfileId::from_bits(1) }
}

fn down() -> Fact {
    Fact::CarrierTurned { carrier: "north".into(), is_up: false, because: "silent".into() }
}

fn only(topic: Topic) -> Topics {
    [topic].into_iter().collect()
}

fn numbers(reading: Reading) -> Vec<u64> {
    match reading {
        Reading::Events(events) => events.iter().map(|event| event.id.number).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_nobody_listens_nothing_is_wanted_and_nothing_is_kept() {
    let (bus, _) = world();
    bus.hear(&exhausted(1));
    assert_eq!(bus.wanted().load(Ordering::Relaxed), 0);
    let (mut reader, gap) = bus.subscribe(Topics::all(), None).unwrap();
    assert_eq!((numbers(reader.read(9)), gap), (vec![], None));
    bus.hear(&exhausted(2));
    assert_eq!(numbers(reader.read(9)), [1]);
    assert_eq!(numbers(reader.read(9)), Vec::<u64>::new());
}

#[test]
fn each_reader_gets_its_topics_in_order_and_at_its_own_pace() {
    let (bus, _) = world();
    let (mut credit, _) = bus.subscribe(only(Topic::ProfileCreditExhausted), None).unwrap();
    let (mut carriers, _) = bus.subscribe(only(Topic::CarrierDown), None).unwrap();
    for number in 0..4 {
        bus.hear(&exhausted(number));
        bus.hear(&down());
    }
    assert_eq!(numbers(credit.read(3)), [1, 3, 5]);
    assert_eq!(numbers(credit.read(3)), [7]);
    assert_eq!(numbers(carriers.read(9)), [2, 4, 6, 8]);
}

#[test]
fn who_comes_back_in_time_misses_nothing() {
    let (bus, seconds) = world();
    let (mut reader, _) = bus.subscribe(Topics::all(), None).unwrap();
    bus.hear(&exhausted(1));
    assert_eq!(numbers(reader.read(9)), [1]);
    drop(reader);
    bus.hear(&exhausted(2));
    seconds.store(299, Ordering::Relaxed);
    bus.sweep();
    let last = Some(EventId { life: bus.life, number: 1 });
    let (mut back, gap) = bus.subscribe(Topics::all(), last).unwrap();
    assert_eq!((numbers(back.read(9)), gap), (vec![2], None));
}

#[test]
fn who_comes_back_too_late_is_told_that_something_is_missing() {
    let (bus, seconds) = world();
    let (reader, _) = bus.subscribe(Topics::all(), None).unwrap();
    bus.hear(&exhausted(1));
    drop(reader);
    seconds.store(300, Ordering::Relaxed);
    bus.sweep();
    assert_eq!(bus.wanted().load(Ordering::Relaxed), 0, "nobody came back: nothing is heard any more");
    bus.hear(&exhausted(2));
    let last = Some(EventId { life: bus.life, number: 1 });
    let (_, gap) = bus.subscribe(Topics::all(), last).unwrap();
    assert!(gap.is_some_and(|gap| gap.contains("not all")), "{gap:?}");
    let other = Some(EventId { life: bus.life ^ 1, number: 1 });
    let (_, gap) = bus.subscribe(Topics::all(), other).unwrap();
    assert!(gap.is_some_and(|gap| gap.contains("another life")), "{gap:?}");
    let (_, gap) = bus.subscribe(Topics::all(), Some(EventId { life: bus.life, number: 99 })).unwrap();
    assert!(gap.is_some_and(|gap| gap.contains("yet")), "{gap:?}");
}

#[test]
fn topics_that_were_not_heard_meanwhile_are_a_gap_too() {
    let (bus, _) = world();
    let (_reader, _) = bus.subscribe(only(Topic::CarrierDown), None).unwrap();
    bus.hear(&down());
    let last = Some(EventId { life: bus.life, number: 1 });
    let (_, gap) = bus.subscribe(Topics::all(), last).unwrap();
    assert!(gap.is_some_and(|gap| gap.contains("not all")), "{gap:?}");
}

#[test]
fn a_reader_that_is_a_whole_ring_behind_has_lost_the_stream_and_one_that_is_not_has_not() {
    let (bus, _) = world();
    let (mut slow, _) = bus.subscribe(Topics::all(), None).unwrap();
    for number in 0..RING_MAX {
        bus.hear(&exhausted(number as u128));
    }
    let (mut slower, _) = bus.subscribe(Topics::all(), Some(EventId { life: bus.life, number: 1 })).unwrap();
    assert_eq!(numbers(slow.read(1)), [1]);
    bus.hear(&exhausted(0));
    bus.hear(&exhausted(0));
    assert!(matches!(slow.read(1), Reading::Lost), "event 2 is gone");
    assert!(matches!(slower.read(1), Reading::Lost));
    slower.catch_up();
    bus.hear(&down());
    assert_eq!(numbers(slower.read(9)).len(), 1);
}

#[test]
fn there_are_so_many_streams_and_no_more() {
    let (bus, _) = world();
    let open = || bus.subscribe(Topics::all(), None);
    let mut readers: Vec<_> = (0..crate::events::STREAMS_MAX).map(|_| open().unwrap().0).collect();
    assert!(open().is_none());
    readers.pop();
    assert!(open().is_some());
    bus.close();
    assert!(matches!(readers[0].read(1), Reading::Closed));
}

#[test]
fn the_name_of_an_event_reads_back() {
    let id = EventId { life: 0xab, number: 42 };
    assert_eq!(id.to_string(), "evt_00000000000000ab-42");
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in ["", "evt_", "evt_ab-42", "evt_00000000000000ab-", "evt_+0000000000000ab-1", "42"] {
        assert!(text.parse::<EventId>().is_err(), "{text}");
    }
}
