//! The arithmetic of the charging reference: rules R1, R3-R6, R8 and D-10 with every worked vector, and the sums of ticks.
//!
//! How a deck is read and searched is tested in `deck.rs`.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use domain::{Currency, Micros};
use proptest::prelude::*;
use rating::{Block, Rounding, Tariff, Terms};
use std::time::Duration;

fn tariff(rate: &str) -> Tariff {
    Tariff::new(Terms::per_minute(rate.parse().unwrap(), Currency::USD)).unwrap()
}

fn tariff_with(rate: &str, change: impl FnOnce(&mut Terms)) -> Tariff {
    let mut terms = Terms::per_minute(rate.parse().unwrap(), Currency::USD);
    change(&mut terms);
    Tariff::new(terms).unwrap()
}

/// The named tariff of 1.6: the printed rate, no fee, up.
fn estonia_printed() -> Tariff {
    tariff("0.02")
}

/// The other reading of the printed report (1.6): 2.3 cents, half up.
fn estonia_023() -> Tariff {
    tariff_with("0.023", |terms| terms.rounding = Rounding::HalfUp)
}

fn money(text: &str) -> Micros {
    text.parse().unwrap()
}

fn bill(tariff: &Tariff, talked_s: u64) -> Micros {
    tariff.price(tariff.billed_seconds(Duration::from_secs(talked_s)))
}

/// The ticks of a call: the first block, then each next one until `billed_s` is reached.
fn ticks(tariff: &Tariff, billed_s: u32) -> Vec<Block> {
    let mut blocks = vec![tariff.first_block()];
    while blocks[blocks.len() - 1].until_s < billed_s {
        blocks.push(tariff.next_block(blocks[blocks.len() - 1].until_s));
    }
    blocks
}

#[test]
fn r1_thirty_seconds_are_owed_at_least_and_then_steps_of_six() {
    for (talked, billed) in [(1, 30), (30, 30), (31, 36), (36, 36), (37, 42), (60, 60), (61, 66), (64, 66)] {
        assert_eq!(tariff("0.02").billed_seconds(Duration::from_secs(talked)), billed, "{talked} s");
    }
}

#[test]
fn r1_a_fraction_of_a_second_counts_as_a_second_before_the_steps() {
    for (talked_ms, billed) in [(0, 0), (1, 30), (29_999, 30), (30_000, 30), (30_001, 36), (36_000, 36), (36_001, 42)] {
        assert_eq!(tariff("0.02").billed_seconds(Duration::from_millis(talked_ms)), billed, "{talked_ms} ms");
    }
    assert_eq!(tariff("0.02").billed_seconds(Duration::from_nanos(1)), 30);
}

#[test]
fn r1_minimum_and_increment_are_the_tariffs_own() {
    let by_second = tariff_with("0.02", |terms| (terms.minimum_s, terms.increment_s) = (1, 1));
    let by_minute = tariff_with("0.02", |terms| (terms.minimum_s, terms.increment_s) = (60, 60));
    let without_minimum = tariff_with("0.02", |terms| (terms.minimum_s, terms.increment_s) = (0, 6));
    for (talked, second, minute, six) in
        [(1, 1, 60, 6), (6, 6, 60, 6), (7, 7, 60, 12), (60, 60, 60, 60), (61, 61, 120, 66)]
    {
        let talked = Duration::from_secs(talked);
        assert_eq!(by_second.billed_seconds(talked), second);
        assert_eq!(by_minute.billed_seconds(talked), minute);
        assert_eq!(without_minimum.billed_seconds(talked), six);
    }
    assert_eq!(without_minimum.first_block().until_s, 6);
}

#[test]
fn r3_both_named_estonian_tariffs_give_the_printed_report_to_the_cent() {
    for estonia in [estonia_printed(), estonia_023()] {
        let rows = [bill(&estonia, 64), bill(&estonia, 10)];
        assert_eq!(rows, [money("0.03"), money("0.01")]);
        // The total is the sum of the rounded rows (1.6).
        assert_eq!(rows.into_iter().sum::<Micros>(), money("0.04"));
    }
}

#[test]
fn the_printed_report_decides_between_up_and_half_up_only_as_far_as_it_does() {
    // 1.6: at face value without a fee only rounding up works; half up needs a fee of 0.0030 to 0.0049 or a hidden rate of
    // 0.0228 to 0.0249.
    let printed = |tariff: &Tariff| (bill(tariff, 64), bill(tariff, 10)) == (money("0.03"), money("0.01"));
    let half_up = |rate: &str, fee: &str| {
        tariff_with(rate, |terms| {
            terms.rounding = Rounding::HalfUp;
            terms.connection_fee = fee.parse().unwrap();
        })
    };
    for (rate, fee, works) in [
        ("0.02", "0", false),
        ("0.02", "0.0029", false),
        ("0.02", "0.0030", true),
        ("0.02", "0.0049", true),
        ("0.02", "0.0050", false),
        ("0.0227", "0", false),
        ("0.0228", "0", true),
        ("0.0249", "0", true),
        ("0.0301", "0", false),
    ] {
        assert_eq!(printed(&half_up(rate, fee)), works, "{rate} + {fee}");
    }
}

#[test]
fn the_other_exact_vectors_of_the_charging_reference() {
    let half_up = tariff_with("0.02", |terms| terms.rounding = Rounding::HalfUp);
    for (tariff, talked, billed, amount) in [
        (tariff("0.008"), 56, 60, "0.01"),
        (tariff("0.008"), 61, 66, "0.01"),
        (tariff("0.008"), 3_600, 3_600, "0.48"),
        (tariff("0.02"), 31, 36, "0.02"),
        (half_up, 31, 36, "0.01"),
        (tariff("0.02"), 37, 42, "0.02"),
    ] {
        assert_eq!(tariff.billed_seconds(Duration::from_secs(talked)), billed);
        assert_eq!(tariff.price(billed), money(amount), "{talked} s");
    }
}

#[test]
fn r4_the_connection_fee_is_inside_the_amount_and_rounded_with_it() {
    let with_fee = tariff_with("0.02", |terms| terms.connection_fee = "0.039".parse().unwrap());
    assert_eq!(bill(&with_fee, 10), money("0.05"));
    let fee_only = tariff_with("0", |terms| terms.connection_fee = "0.05".parse().unwrap());
    assert_eq!(bill(&fee_only, 3_600), money("0.05"));
    assert_eq!(fee_only.price(0), Micros::ZERO, "an unanswered call owes no fee");
}

#[test]
fn r5_sixty_us_minutes_are_forty_eight_cents_and_not_sixty() {
    assert_eq!(bill(&tariff("0.008"), 3_600), money("0.48"));
    // A millionth a minute is a rate too.
    let finest = tariff_with("0.000001", |terms| terms.scale = 6);
    assert_eq!(bill(&finest, 3_600), money("0.00006"));
}

#[test]
fn thirty_six_increments_give_the_amounts_that_another_system_got_wrong() {
    // Field lesson 10: 32, 57 and 75 s at .006 with 30/6, unrounded.
    let unrounded = tariff_with("0.006", |terms| terms.scale = 6);
    assert_eq!(bill(&unrounded, 32), money("0.0036"));
    assert_eq!(bill(&unrounded, 57), money("0.0060"));
    assert_eq!(bill(&unrounded, 75), money("0.0078"));
}

#[test]
fn d10_the_whole_call_is_rounded_and_not_each_increment() {
    // Field lesson 11. Forty increments of 0.0008 a call: rounded one by one they would cost 40 cents and more.
    let us = tariff("0.008");
    assert_eq!(us.price(30 + 40 * 6), money("0.04"));
    let blocks = ticks(&us, 30 + 40 * 6);
    assert_eq!(blocks.len(), 41);
    assert_eq!(blocks.iter().filter(|block| block.amount.is_zero()).count(), 37, "most ticks cost nothing: {blocks:?}");
}

#[test]
fn r8_five_cents_at_two_cents_a_minute_last_a_hundred_and_fifty_seconds() {
    let (talked_s, left) = spend(&tariff("0.02"), money("0.05"));
    assert_eq!((talked_s, left), (150, money("0.00")));
}

#[test]
fn r8_the_first_block_is_the_minimum_rounded_up_to_the_cent_with_the_fee() {
    assert_eq!(tariff("0.02").first_block(), Block { until_s: 30, amount: money("0.01") });
    assert_eq!(tariff("0.008").first_block(), Block { until_s: 30, amount: money("0.01") });
    let with_fee = tariff_with("0.02", |terms| terms.connection_fee = "0.039".parse().unwrap());
    assert_eq!(with_fee.first_block(), Block { until_s: 30, amount: money("0.05") });
    assert_eq!(
        spend(&with_fee, money("0.049999")),
        (0, money("0.049999")),
        "a call that cannot pay its minimum does not begin"
    );
}

#[test]
fn a_time_inside_a_block_belongs_to_the_block_that_is_paid_already() {
    let printed = tariff("0.02");
    for (after_s, until_s) in [(0, 30), (29, 30), (30, 36), (35, 36), (36, 42)] {
        assert_eq!(printed.next_block(after_s).until_s, until_s, "after {after_s} s");
    }
    assert_eq!(printed.next_block(29), printed.first_block());
    assert_eq!(printed.next_block(35), printed.next_block(30));
}

/// Talks for as long as `credit` pays the next block; the seconds paid and what is left.
fn spend(tariff: &Tariff, mut credit: Micros) -> (u32, Micros) {
    let mut paid_s = 0;
    loop {
        let block = tariff.next_block(paid_s);
        if block.amount > credit {
            return (paid_s, credit);
        }
        credit -= block.amount;
        paid_s = block.until_s;
    }
}

#[test]
fn a_tariff_that_makes_no_sense_is_refused_in_words() {
    let refused = |change: fn(&mut Terms)| {
        let mut terms = Terms::per_minute("0.02".parse().unwrap(), Currency::USD);
        change(&mut terms);
        Tariff::new(terms).unwrap_err().to_string()
    };
    type Change = fn(&mut Terms);
    let cases: [(Change, &str); 7] = [
        (
            |terms| terms.rate_per_minute = "-0.02".parse().unwrap(),
            "rate_per_minute -0.02 is negative: expected 0 or more, such as 0.02",
        ),
        (
            |terms| terms.rate_per_minute = "0.0000001".parse().unwrap(),
            "rate_per_minute 0.0000001 has more than six decimals: at most millionths, such as 0.000001",
        ),
        (
            |terms| terms.connection_fee = "1000001".parse().unwrap(),
            "connection_fee 1000001 is too large: at most 1000000",
        ),
        (|terms| terms.increment_s = 0, "increment_s 0 is impossible: expected 1 to 3600 seconds"),
        (|terms| terms.increment_s = 3_601, "increment_s 3601 is impossible: expected 1 to 3600 seconds"),
        (|terms| terms.minimum_s = 3_601, "minimum_s 3601 is too long: expected 0 to 3600 seconds"),
        (|terms| terms.scale = 7, "scale 7 is too fine: expected 0 to 6 decimal places"),
    ];
    for (change, sentence) in cases {
        assert_eq!(refused(change), sentence);
    }
}

#[test]
fn the_dearest_call_of_the_longest_time_is_still_an_amount() {
    let dearest = tariff_with("1000000", |terms| terms.connection_fee = "1000000".parse().unwrap());
    let ever = dearest.billed_seconds(Duration::MAX);
    assert!((100_000_000..100_003_600).contains(&ever), "{ever}");
    assert_eq!(dearest.price(60), money("2000000.00"));
    assert_eq!(dearest.price(u32::MAX), dearest.price(100_000_000));
    assert_eq!(dearest.next_block(u32::MAX).until_s, ever, "the last block ends where the longest time is billed");
}

prop_compose! {
    fn any_tariff()(
        rate in prop_oneof![0i64..100_000, 0i64..1_000_000_000_000],
        fee in prop_oneof![Just(0i64), 0i64..1_000_000, 0i64..1_000_000_000_000],
        minimum_s in 0u32..=3_600,
        increment_s in prop_oneof![Just(1u32), Just(6), Just(60), 1u32..=3_600],
        half_up: bool,
        scale in 0u32..=6,
    ) -> Tariff {
        Tariff::new(Terms {
            rate_per_minute: Micros::new(rate).to_decimal(),
            connection_fee: Micros::new(fee).to_decimal(),
            currency: Currency::EUR,
            minimum_s,
            increment_s,
            rounding: if half_up { Rounding::HalfUp } else { Rounding::Up },
            scale,
        }).unwrap()
    }
}

proptest! {
    /// R6: the sum of the ticks is the bill, whatever the tariff and however long the call.
    #[test]
    fn r6_the_ticks_of_a_call_add_up_to_exactly_its_bill(tariff in any_tariff(), talked_ms in 1u64..14_400_000) {
        let billed_s = tariff.billed_seconds(Duration::from_millis(talked_ms));
        let blocks = ticks(&tariff, billed_s);
        prop_assert_eq!(blocks[blocks.len() - 1].until_s, billed_s, "the blocks end where the bill does");
        prop_assert!(blocks.iter().all(|block| block.amount >= Micros::ZERO));
        prop_assert_eq!(blocks.iter().map(|block| block.amount).sum::<Micros>(), tariff.price(billed_s));
    }

    /// The integers of the hot path agree with the formula of D-10 in decimals.
    #[test]
    fn the_price_is_the_formula_in_decimals(tariff in any_tariff(), billed_s in 1u32..100_000_000) {
        use rust_decimal::{Decimal, RoundingStrategy};
        let terms = tariff.terms();
        // Sixty times the exact price, and the remainder decides: 1/60 has no end in decimals.
        let sixtyfold = terms.rate_per_minute * Decimal::from(billed_s) + terms.connection_fee * Decimal::from(60);
        let step = Decimal::new(1, terms.scale);
        let floor = (sixtyfold / (step * Decimal::from(60))).round_dp_with_strategy(0, RoundingStrategy::ToZero);
        let rest = sixtyfold - floor * step * Decimal::from(60);
        let up = match terms.rounding {
            Rounding::Up => rest > Decimal::ZERO,
            Rounding::HalfUp => rest >= step * Decimal::from(30),
        };
        let expected = (floor + Decimal::from(u8::from(up))) * step;
        prop_assert_eq!(tariff.price(billed_s).to_decimal(), expected);
    }

    /// A purse is never overdrawn and never cut short: what is left does not pay the next block (R8).
    #[test]
    fn r8_credit_is_spent_to_the_last_block_and_not_beyond(
        rate in 10_000i64..10_000_000, fee in 0i64..100_000, cents in 0i64..500,
    ) {
        let tariff = tariff_with("0", |terms| {
            terms.rate_per_minute = Micros::new(rate).to_decimal();
            terms.connection_fee = Micros::new(fee).to_decimal();
        });
        let credit = Micros::from_cents(cents);
        let (paid_s, left) = spend(&tariff, credit);
        prop_assert!(left >= Micros::ZERO);
        prop_assert_eq!(tariff.price(paid_s) + left, credit);
        prop_assert!(tariff.price(tariff.next_block(paid_s).until_s) > credit);
    }
}
