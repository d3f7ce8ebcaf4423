//! The bill of a call, reckoned from its talk time in plain integers: 30 s at least, then every 6 s that began, rounded up to
//! the cent (R1, R6).
//!
//! Nothing of `rating` is used here, so that the two can disagree.

use domain::call_record::CallRecord;
use domain::{Micros, ReleaseCause};
use std::time::Duration;

/// Billed seconds that have begun after so many microseconds of talk.
pub fn begun_s(talked_us: i64) -> i64 {
    if talked_us <= 30_000_000 { 30 } else { 30 + (talked_us - 30_000_000 + 5_999_999) / 6_000_000 * 6 }
}

/// What so many billed seconds cost at this rate a minute, both in micros.
pub fn price(billed_s: i64, rate_per_minute: i64) -> i64 {
    (billed_s * rate_per_minute + 599_999) / 600_000 * 10_000
}

/// Whether the record is what its talk time costs; `lateness` is how late timers may have been.
///
/// # Errors
/// What is wrong.
pub fn check(record: &CallRecord, lateness: Duration) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{what}: {record:#?}"));
    if record.amount.is_zero() && record.billed_s == 0 {
        let is_free = record.answered_at.is_none() || record.rate_per_minute.is_zero();
        let is_known = is_free || record.cause == ReleaseCause::SwitchRestarted;
        return if is_known { Ok(()) } else { wrong("an answered call cost nothing".to_owned()) };
    }
    if record.answered_at.is_none() {
        return wrong("only what was answered costs".to_owned());
    }
    let talked_us = record.talked_ms as i64 * 1_000;
    // The record tells whole milliseconds: by what it does not tell one more increment may have begun.
    let (billed_s, begun) = (i64::from(record.billed_s), begun_s(talked_us + 999));
    let is_right = match record.cause {
        // After a restart: what was captured, whenever it died.
        ReleaseCause::SwitchRestarted => true,
        // Billed to the last paid second, whatever the clock says (design 5).
        ReleaseCause::CreditExhausted => billed_s <= begun,
        _ if billed_s == begun || billed_s == begun_s(talked_us) => true,
        // Whoever hangs up after the last paid second, before a late timer has cut the call off, owes no more either.
        _ => (1..=lateness.as_micros() as i64).contains(&(talked_us - billed_s * 1_000_000)),
    };
    if !is_right {
        return wrong(format!("{billed_s} s billed, {begun} s begun"));
    }
    let amount = price(billed_s, record.rate_per_minute.get());
    // What was spoken at risk and nobody paid stands beside what was charged.
    if record.amount + record.written_off != Micros::new(amount) {
        return wrong(format!("{billed_s} s cost {amount} micros"));
    }
    Ok(())
}
