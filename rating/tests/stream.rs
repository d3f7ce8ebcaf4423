//! The tick stream: it adds up to the bill, whatever the tariff, and runs of equals are the same charges.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::{Currency, Micros};
use proptest::prelude::*;
use rating::stream::{Charge, charges, runs};
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

proptest! {
    /// R1, R6: no gap, no overlap, nothing given back, and the bill in the end.
    #[test]
    fn the_charges_of_a_call_add_up_to_its_bill(tariff in any_tariff(), talked_s in 0u64..20_000) {
        let billed_s = tariff.billed_seconds(Duration::from_secs(talked_s));
        let (mut at, mut total) = (0, Micros::ZERO);
        for (index, charge) in charges(&tariff, billed_s).enumerate() {
            let Charge { sequence, from_s, until_s, amount, total: said } = charge;
            prop_assert_eq!((sequence as usize, from_s), (index, at));
            prop_assert!(until_s > from_s && amount >= Micros::ZERO);
            total += amount;
            prop_assert_eq!(said, total);
            prop_assert_eq!(total, tariff.price(until_s));
            at = until_s;
        }
        prop_assert_eq!((at, total), (billed_s, tariff.price(billed_s)));
    }

    #[test]
    fn runs_are_the_same_charges(tariff in any_tariff(), talked_s in 0u64..5_000) {
        let billed_s = tariff.billed_seconds(Duration::from_secs(talked_s));
        let told = runs(&tariff, billed_s).into_iter().flat_map(|run| {
            (0..run.count).map(move |index| (run.sequence + index, run.from_s + index * run.step_s, run.amount))
        });
        let all = charges(&tariff, billed_s).map(|charge| (charge.sequence, charge.from_s, charge.amount));
        prop_assert!(told.eq(all));
    }
}
