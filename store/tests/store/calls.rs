//! Call records: drained exactly once, found again, summed.
//!
//! Their JSON is proven in `record_json.rs`.

use crate::world::{NOON, World, cpu_of_this_thread};
use domain::{CallId, Currency, Micros, ReleaseCause, Wall};
use std::collections::BTreeSet;
use store::calls::JOURNAL;
use store::{CallFilter, Cursor, Error, Inserted};

const NONE: [usize; 0] = [];

fn second(after_s: i64) -> Wall {
    Wall::from_unix_micros(NOON.as_unix_micros() + after_s * 1_000_000)
}

#[test]
fn the_same_records_drained_twice_are_there_once_and_the_watermark_moves_with_them() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let batch: Vec<_> = (1..=50u64).map(|sequence| (sequence * 3, world.call(profile.id, sequence as i64))).collect();
    assert_eq!(world.store.drained_to(JOURNAL).unwrap(), 0);
    assert_eq!(world.store.insert_records(&batch[..30]).unwrap(), Inserted { written: 30, known: 0 });
    assert_eq!(world.store.drained_to(JOURNAL).unwrap(), 90);

    // The switch dies before it knows that the batch was written, and drains from where it thinks it was.
    let world = world.restart();
    assert_eq!(world.store.drained_to(JOURNAL).unwrap(), 90);
    assert_eq!(world.store.insert_records(&batch).unwrap(), Inserted { written: 20, known: 30 });
    assert_eq!(world.store.insert_records(&batch[..5]).unwrap(), Inserted { written: 0, known: 5 });
    assert_eq!(world.store.drained_to(JOURNAL).unwrap(), 150);
    assert_eq!(world.store.call_totals(&CallFilter::default()).unwrap().count, 50);
    for (_, record) in &batch {
        assert_eq!(world.store.call_record(record.id).unwrap(), *record);
    }
}

#[test]
fn a_drain_that_dies_within_its_batch_leaves_neither_records_nor_watermark() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let mut batch: Vec<_> = (1..=3u64).map(|sequence| (sequence, world.call(profile.id, 0))).collect();
    let raw = rusqlite::Connection::open(world.store.path()).unwrap();
    let poison = batch[2].1.id;
    raw.execute_batch(&format!(
        "CREATE TRIGGER dying BEFORE INSERT ON call_records WHEN NEW.id = '{poison}' BEGIN SELECT RAISE(ABORT, 'died'); END"
    ))
    .unwrap();
    assert!(matches!(world.store.insert_records(&batch), Err(Error::Database(_))));
    assert_eq!(world.store.drained_to(JOURNAL).unwrap(), 0);
    assert_eq!(world.store.call_totals(&CallFilter::default()).unwrap().count, 0);

    raw.execute_batch("DROP TRIGGER dying").unwrap();
    batch.reverse();
    assert_eq!(world.store.insert_records(&batch).unwrap().written, 3);
    assert_eq!(world.store.drained_to(JOURNAL).unwrap(), 3);
}

#[test]
fn a_record_that_is_known_is_left_as_it_is() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let first = world.call(profile.id, 0);
    let mut second = first.clone();
    second.amount = Micros::from_cents(99);
    world.store.insert_records(&[(1, first.clone())]).unwrap();
    world.store.insert_records(&[(2, second)]).unwrap();
    assert_eq!(world.store.call_record(first.id).unwrap(), first);
    assert_eq!(world.store.drained_to(JOURNAL).unwrap(), 2);
}

#[test]
fn the_watermark_passes_over_what_holds_no_records_and_never_goes_back() {
    let world = World::new();
    world.store.advance_drained_to(JOURNAL, 7).unwrap();
    world.store.advance_drained_to(JOURNAL, 5).unwrap();
    assert_eq!(world.store.insert_records(&[]).unwrap(), Inserted::default());
    assert_eq!(world.store.drained_to(JOURNAL).unwrap(), 7);
}

#[test]
fn pages_follow_each_other_newest_first_and_hold_every_record_once_even_while_new_ones_come() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    // Five calls share each instant, so that the identity has to decide.
    let batch: Vec<_> = (0..53u64).map(|call| (call + 1, world.call(profile.id, call as i64 / 5))).collect();
    world.store.insert_records(&batch).unwrap();
    let filter = CallFilter::default();
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = world.store.call_records(&filter, cursor, 10).unwrap();
        assert!(page.records.len() <= 10);
        seen.extend(page.records);
        pages += 1;
        let late = world.call(profile.id, 1_000 + pages);
        world.store.insert_records(&[(100, late)]).unwrap();
        // Through its text, as programs carry it.
        cursor = page.next.map(|next| next.to_string().parse::<Cursor>().unwrap());
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, 6);
    assert!(seen.is_sorted_by(|newer, older| (newer.invited_at, newer.id) > (older.invited_at, older.id)));
    let expected: BTreeSet<CallId> = batch.iter().map(|(_, record)| record.id).collect();
    assert_eq!(seen.iter().map(|record| record.id).collect::<BTreeSet<_>>(), expected);
    assert_eq!(seen.len(), 53);
    for wrong in ["", "12", "zz", &"g".repeat(48), &"0".repeat(49)] {
        assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
    }
}

#[test]
fn a_last_page_that_is_exactly_full_has_no_next() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let batch: Vec<_> = (1..=10u64).map(|call| (call, world.call(profile.id, 0))).collect();
    world.store.insert_records(&batch).unwrap();
    let page = world.store.call_records(&CallFilter::default(), None, 10).unwrap();
    assert_eq!((page.records.len(), page.next), (10, None));
}

#[test]
fn calls_are_found_by_company_profile_time_cause_and_the_call_id_of_either_leg() {
    let mut world = World::new();
    let (first, _) = world.profile();
    let (second_profile, _) = world.profile();
    let mut busy = world.call(first.id, 20);
    busy.cause = ReleaseCause::Busy;
    busy.answered_at = None;
    busy.amount = Micros::ZERO;
    let calls = [world.call(first.id, 10), busy, world.call(second_profile.id, 30)];
    let batch: Vec<_> = (1u64..).zip(calls.clone()).collect();
    world.store.insert_records(&batch).unwrap();
    let found = |filter: CallFilter| {
        let page = world.store.call_records(&filter, None, 100).unwrap();
        assert_eq!(world.store.call_totals(&filter).unwrap().count, page.records.len() as u64);
        page.records.iter().map(|record| calls.iter().position(|call| call == record).unwrap()).collect::<Vec<_>>()
    };
    let all = CallFilter::default;
    assert_eq!(found(all()), [2, 1, 0]);
    assert_eq!(found(CallFilter { company: Some(world.company), ..all() }), [2, 1, 0]);
    assert_eq!(found(CallFilter { company: Some(domain::CompanyId::from_bits(1)), ..all() }), NONE);
    assert_eq!(found(CallFilter { profile: Some(first.id), ..all() }), [1, 0]);
    assert_eq!(found(CallFilter { cause: Some(ReleaseCause::Busy), ..all() }), [1]);
    assert_eq!(found(CallFilter { from: Some(second(20)), ..all() }), [2, 1]);
    // The bounds: from is within, to is not.
    let invited = calls[1].invited_at;
    assert_eq!(found(CallFilter { from: Some(invited), to: Some(calls[2].invited_at), ..all() }), [1]);
    let caller_leg = Some(calls[2].sip_call_id.clone());
    let carrier_leg = Some(calls[0].attempts[0].sip_call_id.clone());
    assert_eq!(found(CallFilter { sip_call_id: caller_leg, ..all() }), [2]);
    assert_eq!(found(CallFilter { sip_call_id: carrier_leg.clone(), ..all() }), [0]);
    assert_eq!(found(CallFilter { sip_call_id: carrier_leg, profile: Some(second_profile.id), ..all() }), NONE);
}

#[test]
fn totals_count_and_sum_each_currency_by_itself() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let mut euros = world.call(profile.id, 1);
    euros.currency = Currency::EUR;
    euros.amount = Micros::new(39_001);
    let mut refused = world.call(profile.id, 2);
    refused.answered_at = None;
    refused.amount = Micros::ZERO;
    let batch = [(1, world.call(profile.id, 0)), (2, euros), (3, refused), (4, world.call(profile.id, 3))];
    world.store.insert_records(&batch).unwrap();
    let totals = world.store.call_totals(&CallFilter::default()).unwrap();
    assert_eq!((totals.count, totals.answered), (4, 3));
    let amounts: Vec<_> = totals.amounts.into_iter().collect();
    assert_eq!(amounts, [(Currency::EUR, Micros::new(39_001)), (Currency::USD, Micros::from_cents(2))]);
}

#[test]
fn a_call_that_is_not_there_is_said_to_be_not_there() {
    let world = World::new();
    let missing = world.store.call_record(CallId::from_bits(1)).unwrap_err().to_string();
    assert_eq!(missing, "there is no call call_00000000000000000000000000000001");
}

#[test]
fn two_thousand_records_a_second_take_a_small_part_of_that_second() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let batches: Vec<Vec<_>> = (0..5u64)
        .map(|batch| (0..2_000).map(|call| (batch * 2_000 + call + 1, world.call(profile.id, call as i64))).collect())
        .collect();
    let began = cpu_of_this_thread();
    for batch in &batches {
        world.store.insert_records(batch).unwrap();
    }
    let each = (cpu_of_this_thread() - began) / 5;
    println!("2,000 records: {each:?} of CPU");
    // CPU time of this thread, so that a busy machine does not decide; a second would be no part but the whole.
    assert!(each < std::time::Duration::from_millis(500), "{each:?}");
}
