//! Rows of the report while they are added up.
//!
//! What each call adds is in [`super::judging`].

use super::judging::Judged;
use super::{ReportRow, Side};
use domain::call_record::CallRecord;
use domain::{Currency, Micros};
use std::collections::BTreeMap;

/// Under what a call is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) of: String,
    pub(super) shadow: String,
    pub(super) currency: Currency,
    pub(super) name: String,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    destination: String,
    calls: u64,
    answered: u64,
    live: SideSums,
    shadowed: SideSums,
    lost: Micros,
    undecided: u64,
}

#[derive(Clone, Debug, Default)]
struct SideSums {
    billed_s: u64,
    revenue: Micros,
    refused: BTreeMap<&'static str, u64>,
    exhausted: u64,
    unpaid: Micros,
}

impl SideSums {
    fn show(self) -> Side {
        Side {
            billed_s: self.billed_s,
            revenue: self.revenue.to_string(),
            refused: self.refused.into_iter().map(|(word, calls)| (word.to_owned(), calls)).collect(),
            exhausted: self.exhausted,
            unpaid: self.unpaid.to_string(),
        }
    }
}

impl Sums {
    pub(super) fn add(&mut self, record: &CallRecord, judged: &Judged) {
        self.calls += 1;
        self.answered += u64::from(record.answered_at.is_some());
        self.live.billed_s += u64::from(record.billed_s);
        self.live.revenue += record.amount;
        if let Some(word) = judged.live_refusal {
            *self.live.refused.entry(word).or_default() += 1;
        }
        self.undecided += u64::from(judged.is_undecided);
        match judged.shadow_refusal {
            Some(word) => {
                *self.shadowed.refused.entry(word).or_default() += 1;
                self.lost += record.amount;
            }
            None => {
                self.shadowed.billed_s += u64::from(judged.billed_s);
                self.shadowed.revenue += judged.revenue;
                self.shadowed.exhausted += u64::from(judged.unpaid.is_positive());
                self.shadowed.unpaid += judged.unpaid;
            }
        }
    }

    /// The same, of a row that has one destination, or nearly: the newest call's name stays.
    pub(super) fn add_named(&mut self, record: &CallRecord, judged: &Judged) {
        if self.calls == 0 {
            self.destination.clone_from(&judged.destination);
        }
        self.add(record, judged);
    }
}

pub(super) fn show(all: BTreeMap<Key, Sums>) -> Vec<ReportRow> {
    let row = |(key, sums): (Key, Sums)| ReportRow {
        of: key.of,
        shadow: key.shadow,
        currency: key.currency.to_string(),
        key: key.name,
        destination: sums.destination,
        calls: sums.calls,
        answered: sums.answered,
        difference: (sums.shadowed.revenue - sums.live.revenue).to_string(),
        live: sums.live.show(),
        shadowed: sums.shadowed.show(),
        lost: sums.lost.to_string(),
        undecided: sums.undecided,
    };
    all.into_iter().map(row).collect()
}
