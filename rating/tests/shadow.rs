//! A shadow tariff from the record against its ticks run beside the call: the same, to the millionth, whenever and however the call ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::call_record::{CallDirection, CallRecord};
use domain::{CallId, CompanyId, Currency, Micros, ProfileId, ReleaseCause, Wall};
use proptest::prelude::*;
use rating::shadow::{Bill, bill, spoken};
use rating::{Rounding, Tariff, Terms};
use std::time::Duration;

fn any_tariff() -> impl Strategy<Value = Tariff> {
    let prices = (0i64..5_000_000, 0i64..1_000_000);
    (prices, 0u32..120, 1u32..90, any::<bool>(), 0u32..=6).prop_map(
        |((rate, fee), minimum_s, increment_s, up, scale)| {
            let terms = Terms {
                connection_fee: Micros::new(fee).to_decimal(),
                minimum_s,
                increment_s,
                rounding: if up { Rounding::Up } else { Rounding::HalfUp },
                scale,
                ..Terms::per_minute(Micros::new(rate).to_decimal(), Currency::USD)
            };
            Tariff::new(terms).unwrap()
        },
    )
}

/// How a call came to its end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Somebody hung up; at the same instant as a boundary, before it.
    HungUp(Duration),
    /// Likewise, and the boundary's timer was first.
    HungUpAfterTheTimer(Duration),
    /// It had spoken what it could pay: at the boundary, and noticed a little later.
    Exhausted { at_s: u32, noticed_after: Duration },
}

/// Ticks, one by one: what has begun is captured, and nothing else.
fn ticks(tariff: &Tariff, end: End) -> Bill {
    let begins = |boundary_s: u32| {
        let boundary = Duration::from_secs(boundary_s.into());
        match end {
            End::HungUp(talked) => boundary < talked,
            End::HungUpAfterTheTimer(talked) => boundary <= talked,
            // The call is over at that second; an increment would begin where the next one was not to be paid.
            End::Exhausted { at_s, .. } => boundary_s < at_s,
        }
    };
    let first = tariff.first_block();
    let (mut until_s, mut amount) = (first.until_s, first.amount);
    while begins(until_s) {
        let next = tariff.next_block(until_s);
        (until_s, amount) = (next.until_s, amount + next.amount);
    }
    Bill { billed_s: until_s, amount }
}

fn record(live: &Tariff, end: End) -> CallRecord {
    let talked = match end {
        End::HungUp(talked) | End::HungUpAfterTheTimer(talked) => talked,
        End::Exhausted { at_s, noticed_after } => Duration::from_secs(at_s.into()) + noticed_after,
    };
    let at = Wall::from_unix_seconds(1_795_000_000);
    let Bill { billed_s, amount } = ticks(live, end);
    CallRecord {
        id: CallId::from_bits(1),
        company: CompanyId::from_bits(1),
        profile: ProfileId::from_bits(1),
        direction: CallDirection::Outbound,
        came_from: None,
        dialled: String::new(),
        callee: None,
        caller_id: None,
        destination: String::new(),
        invited_at: at,
        rang_at: None,
        answered_at: Some(at),
        ended_at: at + talked,
        // As the switch writes it: rounded up, so that no second that had begun is lost.
        talked_ms: u64::try_from(talked.as_nanos().div_ceil(1_000_000)).unwrap(),
        billed_s,
        rate_per_minute: live.rate_per_minute(),
        connection_fee: live.connection_fee(),
        priced: None,
        amount,
        written_off: Micros::ZERO,
        currency: Currency::USD,
        cause: ReleaseCause::Normal,
        refusal: None,
        sentence: None,
        status: 200,
        sip_call_id: String::new(),
        attempts: Vec::new(),
        trace: String::new(),
        partner: None,
        q850: None,
        packets: (0, 0),
        packets_lost: (0, 0),
    }
}

/// Around whole seconds, where boundaries are, and anywhere.
fn any_talk() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1u64..5_000_000_000_000).prop_map(Duration::from_nanos),
        (1u64..5_000, 0u64..3)
            .prop_map(|(s, ns)| Duration::from_secs(s) + Duration::from_nanos(ns) - Duration::from_nanos(1)),
        (1u64..5_000_000).prop_map(Duration::from_millis),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_shadow_from_the_record_is_what_its_own_ticks_would_have_charged(
        live in any_tariff(), shadow in any_tariff(), talked in any_talk()
    ) {
        let end = End::HungUp(talked);
        prop_assert_eq!(bill(&record(&live, end), &live, &shadow), ticks(&shadow, end));
    }

    /// The differential: the same deck as its own shadow.
    #[test]
    fn the_same_tariff_as_shadow_makes_the_same_bill_however_the_call_ended(
        live in any_tariff(), talked in any_talk(), increments in 0u32..60, late_ms in 0u64..900
    ) {
        let mut at_s = live.first_block().until_s;
        for _ in 0..increments {
            at_s = live.next_block(at_s).until_s;
        }
        let exhausted = End::Exhausted { at_s, noticed_after: Duration::from_millis(late_ms) };
        let at_the_boundary = End::HungUpAfterTheTimer(Duration::from_secs(at_s.into()));
        for end in [End::HungUp(talked), exhausted, at_the_boundary] {
            let record = record(&live, end);
            let Bill { billed_s, amount } = bill(&record, &live, &live);
            prop_assert_eq!((billed_s, amount), (record.billed_s, record.amount), "{:?}", end);
        }
    }

    /// A call that ended with its last paid second has spoken until then, for the shadow too.
    #[test]
    fn a_call_that_was_cut_off_casts_a_shadow_as_long_as_itself(
        live in any_tariff(), shadow in any_tariff(), increments in 0u32..60, late_ms in 0u64..900
    ) {
        let mut at_s = live.first_block().until_s;
        for _ in 0..increments {
            at_s = live.next_block(at_s).until_s;
        }
        let end = End::Exhausted { at_s, noticed_after: Duration::from_millis(late_ms) };
        let record = record(&live, end);
        prop_assert!(spoken(&record, &live) <= Duration::from_millis(record.talked_ms));
        let told = bill(&record, &live, &shadow);
        // Where the clock and the bill agree, it is not to be seen that the call was cut: then it ended when the clock says, less than an
        // increment after its last second, and a shadow's increment may have begun in that time.
        if live.billed_seconds(Duration::from_millis(record.talked_ms)) != record.billed_s || late_ms == 0 {
            prop_assert_eq!(told, ticks(&shadow, end));
        }
    }
}

/// R9.
#[test]
fn a_call_that_nobody_answered_costs_nothing_by_any_tariff() {
    let tariff = Tariff::new(Terms::per_minute(Micros::ONE.to_decimal(), Currency::USD)).unwrap();
    let mut record = record(&tariff, End::HungUp(Duration::from_secs(1)));
    (record.answered_at, record.billed_s, record.amount) = (None, 0, Micros::ZERO);
    assert_eq!(bill(&record, &tariff, &tariff), Bill { billed_s: 0, amount: Micros::ZERO });
}
