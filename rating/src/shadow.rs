//! What a call that was charged by one tariff would have cost by another, as if its ticks had run beside: a shadow tariff.
//!
//! A tick captures when its increment begins, so the ticks of any tariff add up to the price of the seconds that had begun when the call ended.
//! All that is needed of a call is therefore how long it spoke, to be read from its record as exactly as its own ticks knew it ([`spoken`]).
//! Which calls have which shadow is the back office's.

use crate::tariff::Tariff;
use domain::Micros;
use domain::call_record::CallRecord;
use std::time::Duration;

/// What a tariff makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Seconds charged for, by its increments (R1).
    pub billed_s: u32,
    /// What they cost.
    pub amount: Micros,
}

/// How long an answered call spoke in the eyes of its charges. `charged` is the tariff of the record.
///
/// That is its talk time, with two exceptions that the billed seconds tell of. Where fewer are billed than the clock would have made, the
/// call had spoken all that it could pay: it is over with the last paid second, whatever the clock says. Where more are billed, an increment
/// began at the very instant at which the call ended, and so would one of any tariff that has a boundary there.
pub fn spoken(record: &CallRecord, charged: &Tariff) -> Duration {
    let talked = Duration::from_millis(record.talked_ms);
    let by_clock = charged.billed_seconds(talked);
    match record.billed_s.cmp(&by_clock) {
        std::cmp::Ordering::Less => talked.min(Duration::from_secs(record.billed_s.into())),
        std::cmp::Ordering::Equal => talked,
        std::cmp::Ordering::Greater => talked + Duration::from_nanos(1),
    }
}

/// What `shadow` would have charged for a call that was charged by `charged`; nothing where it was not answered.
pub fn bill(record: &CallRecord, charged: &Tariff, shadow: &Tariff) -> Bill {
    if record.answered_at.is_none() || record.billed_s == 0 {
        return Bill { billed_s: 0, amount: Micros::ZERO };
    }
    let billed_s = shadow.billed_seconds(spoken(record, charged));
    Bill { billed_s, amount: shadow.price(billed_s) }
}
