//! The tick stream of a call: every charge that a tariff makes of so many billed seconds. A record has the tariff and the seconds, so it has
//! the stream, in a size that does not grow with the call; the journal's captures say the same, and `tandem ledger verify --month` holds the two
//! against each other.
//!
//! When each charge was granted, the journal knows.

use crate::tariff::Tariff;
use domain::Micros;

/// One charge of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Counted from 0.
    pub sequence: u32,
    /// Where it begins, in seconds from the answer; it is due then.
    pub from_s: u32,
    /// Where it ends.
    pub until_s: u32,
    /// What it adds to the bill: the difference of two rounded totals, so it may be zero.
    pub amount: Micros,
    /// The bill with it: the rounded price of everything up to its end.
    pub total: Micros,
}

/// Charges that follow each other, as long as each other, for one amount each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Of the first of them.
    pub sequence: u32,
    /// How many there are.
    pub count: u32,
    /// Where the first begins, in seconds from the answer.
    pub from_s: u32,
    /// How long each of them is.
    pub step_s: u32,
    /// What each of them adds.
    pub amount: Micros,
    /// The bill with all of them.
    pub total: Micros,
}

/// Every charge up to the billed second, which ends one (R1). Nothing for 0.
pub fn charges(tariff: &Tariff, billed_s: u32) -> impl Iterator<Item = Charge> + use<> {
    let tariff = *tariff;
    let mut next = (0, 0, Micros::ZERO);
    std::iter::from_fn(move || {
        let (sequence, from_s, before) = next;
        if from_s >= billed_s {
            return None;
        }
        let block = tariff.next_block(from_s);
        let charge =
            Charge { sequence, from_s, until_s: block.until_s, amount: block.amount, total: before + block.amount };
        next = (sequence + 1, charge.until_s, charge.total);
        Some(charge)
    })
}

/// The same, equals together.
pub fn runs(tariff: &Tariff, billed_s: u32) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for Charge { sequence, from_s, until_s, amount, total } in charges(tariff, billed_s) {
        match runs.last_mut() {
            Some(run) if run.step_s == until_s - from_s && run.amount == amount => {
                run.count += 1;
                run.total = total;
            }
            _ => runs.push(Run { sequence, count: 1, from_s, step_s: until_s - from_s, amount, total }),
        }
    }
    runs
}
