//! A [`Tariff`]: how talk time becomes billed seconds, and billed seconds become money (rules R1, R4-R6, R8).
//!
//! Which tariff a number has is the [`crate::deck`]'s; holding and capturing the blocks is `switch`'s and `ledger`'s.

use domain::call_record::{CallRecord, Priced};
use domain::{Currency, Micros, Prefix, Rates};
use rust_decimal::Decimal;
use std::sync::Arc;
use std::time::Duration;

pub use domain::rounding::{NotARounding, Rounding};

/// The shortest billed time where a deck does not say (R1).
pub const MINIMUM_S_DEFAULT: u32 = 30;
/// The step of billed time after the minimum where a deck does not say (R1).
pub const INCREMENT_S_DEFAULT: u32 = 6;
/// Decimal places that a whole call is rounded to where a deck does not say: cents (D-10).
pub const SCALE_DEFAULT: u32 = 2;
/// Finest rounding: money is kept in millionths (R5), so a tariff of this scale is hardly rounded at all.
pub const SCALE_MAX: u32 = 6;
/// Longest minimum and longest increment: an hour. Ours; no trunk tariff that we know exceeds 60 s.
pub const STEP_S_MAX: u32 = 3_600;
/// Largest rate a minute and largest connection fee, in currency units. Ours; leaves room for currencies with small units.
pub const PRICE_MAX: i64 = 1_000_000;
/// Longest billed time, about three years. With [`PRICE_MAX`] it keeps every price far inside [`Micros`].
pub const BILLED_S_MAX: u32 = 100_000_000;

/// A tariff as a person writes it down. [`Tariff::new`] checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Price of 60 billed seconds, in currency units; 0 to [`PRICE_MAX`], at most six decimals (R5).
    pub rate_per_minute: Decimal,
    /// Owed once by every answered call, in currency units; 0 to [`PRICE_MAX`], at most six decimals (R4).
    pub connection_fee: Decimal,
    /// The currency of both.
    pub currency: Currency,
    /// Seconds owed at least by an answered call (R1); 0 means one increment, at most [`STEP_S_MAX`].
    pub minimum_s: u32,
    /// Seconds of each further step (R1); 1 to [`STEP_S_MAX`].
    pub increment_s: u32,
    /// Which way the whole call is rounded (R6).
    pub rounding: Rounding,
    /// Decimal places that it is rounded to (R6); at most [`SCALE_MAX`].
    pub scale: u32,
}

impl Terms {
    /// A rate with everything else at its default: no fee, 30/6, up to the cent (R1, D-10).
    pub const fn per_minute(rate: Decimal, currency: Currency) -> Self {
        Terms {
            rate_per_minute: rate,
            connection_fee: Decimal::ZERO,
            currency,
            minimum_s: MINIMUM_S_DEFAULT,
            increment_s: INCREMENT_S_DEFAULT,
            rounding: Rounding::Up,
            scale: SCALE_DEFAULT,
        }
    }
}

/// Why [`Terms`] make no tariff.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATariff {
    /// A price below zero.
    #[error("{field} {value} is negative: expected 0 or more, such as 0.02")]
    Negative {
        /// Which of the terms.
        field: &'static str,
        /// What it was.
        value: Decimal,
    },
    /// A price with more than six decimals: it could not be kept in millionths.
    #[error("{field} {value} has more than six decimals: at most millionths, such as 0.000001")]
    TooFine {
        /// Which of the terms.
        field: &'static str,
        /// What it was.
        value: Decimal,
    },
    /// A price above [`PRICE_MAX`].
    #[error("{field} {value} is too large: at most {PRICE_MAX}")]
    TooLarge {
        /// Which of the terms.
        field: &'static str,
        /// What it was.
        value: Decimal,
    },
    /// A minimum above [`STEP_S_MAX`].
    #[error("minimum_s {0} is too long: expected 0 to {STEP_S_MAX} seconds")]
    Minimum(u32),
    /// An increment of 0 or above [`STEP_S_MAX`].
    #[error("increment_s {0} is impossible: expected 1 to {STEP_S_MAX} seconds")]
    Increment(u32),
    /// A scale above [`SCALE_MAX`].
    #[error("scale {0} is too fine: expected 0 to {SCALE_MAX} decimal places")]
    Scale(u32),
}

/// A span of talk time that is paid as one: held before it begins, captured at the instant that it begins (design 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it ends: billed seconds from the answer.
    pub until_s: u32,
    /// What it adds to the bill: the difference of two rounded totals, so it may be zero.
    pub amount: Micros,
}

/// Checked [`Terms`], ready for the hot path: a price is a few integer operations and allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// Micros a minute, which is also micros * 60 a second.
    rate: i64,
    /// Micros.
    fee: i64,
    currency: Currency,
    minimum_s: u16,
    increment_s: u16,
    rounding: Rounding,
    scale: u8,
}

impl Tariff {
    /// The tariff of these terms, unless one of them is out of its range.
    pub fn new(terms: Terms) -> Result<Self, NotATariff> {
        if terms.minimum_s > STEP_S_MAX {
            return Err(NotATariff::Minimum(terms.minimum_s));
        }
        if !(1..=STEP_S_MAX).contains(&terms.increment_s) {
            return Err(NotATariff::Increment(terms.increment_s));
        }
        if terms.scale > SCALE_MAX {
            return Err(NotATariff::Scale(terms.scale));
        }
        Ok(Tariff {
            rate: price_micros("rate_per_minute", terms.rate_per_minute)?,
            fee: price_micros("connection_fee", terms.connection_fee)?,
            currency: terms.currency,
            minimum_s: terms.minimum_s as u16,
            increment_s: terms.increment_s as u16,
            rounding: terms.rounding,
            scale: terms.scale as u8,
        })
    }

    /// The tariff that a call was charged by, as its record has it: none where nothing was rated, or the record is older than version 5.
    ///
    /// # Errors
    /// Where the record has terms that no deck can have: somebody changed it.
    pub fn of_record(record: &CallRecord) -> Option<Result<Self, NotATariff>> {
        let priced = record.priced.as_ref()?;
        Some(Tariff::new(Terms {
            rate_per_minute: record.rate_per_minute.to_decimal(),
            connection_fee: record.connection_fee.to_decimal(),
            currency: record.currency,
            minimum_s: priced.minimum_s,
            increment_s: priced.increment_s,
            rounding: priced.rounding,
            scale: priced.scale,
        }))
    }

    /// What a record keeps of this tariff, beside rate, fee and currency.
    pub fn priced(&self, deck: Arc<str>, prefix: Prefix) -> Priced {
        let (minimum_s, increment_s) = (self.minimum_s(), self.increment_s());
        Priced { deck, prefix, minimum_s, increment_s, rounding: self.rounding, scale: self.scale() }
    }

    /// What it was made of.
    pub fn terms(&self) -> Terms {
        Terms {
            rate_per_minute: self.rate_per_minute().to_decimal(),
            connection_fee: self.connection_fee().to_decimal(),
            currency: self.currency,
            minimum_s: self.minimum_s(),
            increment_s: self.increment_s(),
            rounding: self.rounding,
            scale: u32::from(self.scale),
        }
    }

    /// What whoever pays is told of it.
    pub const fn rates(&self) -> Rates {
        Rates {
            per_minute: self.rate_per_minute(),
            connection_fee: self.connection_fee(),
            currency: self.currency,
            minimum_s: self.minimum_s(),
            increment_s: self.increment_s(),
            rounding: self.rounding,
            scale: self.scale(),
        }
    }

    /// Price of 60 billed seconds, before rounding.
    pub const fn rate_per_minute(&self) -> Micros {
        Micros::new(self.rate)
    }

    /// Owed once by every answered call (R4).
    pub const fn connection_fee(&self) -> Micros {
        Micros::new(self.fee)
    }

    /// The currency of every amount of this tariff.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Seconds owed at least (R1); 0 means one increment.
    pub const fn minimum_s(&self) -> u32 {
        self.minimum_s as u32
    }

    /// Seconds of each further step (R1).
    pub const fn increment_s(&self) -> u32 {
        self.increment_s as u32
    }

    /// Which way the whole call is rounded (R6).
    pub const fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// Decimal places that the whole call is rounded to (R6).
    pub const fn scale(&self) -> u32 {
        self.scale as u32
    }

    /// The end of the first block: the minimum, or one increment where there is none.
    const fn first_s(&self) -> u32 {
        if self.minimum_s == 0 { self.increment_s as u32 } else { self.minimum_s as u32 }
    }

    /// The seconds that talk time is billed as (R1): the talk time rounded up to a second, then up to the minimum and to whole
    /// increments after it. 0 for no talk time; at most about [`BILLED_S_MAX`].
    pub fn billed_seconds(&self, talked: Duration) -> u32 {
        let whole = talked.as_secs().saturating_add(u64::from(talked.subsec_nanos() > 0));
        let seconds = u32::try_from(whole).unwrap_or(BILLED_S_MAX).min(BILLED_S_MAX);
        let first = self.first_s();
        match seconds {
            0 => 0,
            _ if seconds <= first => first,
            _ => first + (seconds - first).div_ceil(self.increment_s()) * self.increment_s(),
        }
    }

    /// The bill of a call of `billed_s` seconds (R4-R6, D-10): fee + rate * billed / 60, rounded once for the whole call.
    /// 0 seconds are an unanswered call and cost nothing, not even the fee (R9). More than [`BILLED_S_MAX`] counts as that.
    pub fn price(&self, billed_s: u32) -> Micros {
        if billed_s == 0 {
            return Micros::ZERO;
        }
        // Sixtieths of a micro, so that nothing is rounded before the end. At most 10^12 * 10^8 + 60 * 10^12: u128 only for room.
        let exact = self.fee as u128 * 60 + self.rate as u128 * u128::from(billed_s.min(BILLED_S_MAX));
        let step = 10u128.pow(SCALE_MAX - u32::from(self.scale));
        let steps = match self.rounding {
            Rounding::Up => exact.div_ceil(60 * step),
            Rounding::HalfUp => (exact + 30 * step) / (60 * step),
        };
        Micros::new((steps * step) as i64)
    }

    /// What is held before a carrier hears of the call, and owed at the answer: the minimum and the fee (R8).
    pub fn first_block(&self) -> Block {
        self.next_block(0)
    }

    /// The billed seconds that this much pays for; 0 where it does not pay for the first block. At most about [`BILLED_S_MAX`].
    pub fn seconds_for(&self, available: Micros) -> u32 {
        let first = self.first_s();
        if self.price(first) > available {
            return 0;
        }
        // The most increments after the first block: below `low` it pays, from `high` on it does not.
        let (mut low, mut high) = (0, (BILLED_S_MAX - first) / self.increment_s() + 1);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            let pays = self.price(first + middle * self.increment_s()) <= available;
            *(if pays { &mut low } else { &mut high }) = middle;
        }
        first + low * self.increment_s()
    }

    /// The block that begins where `after_s` ends: 0 for the first, otherwise the `until_s` of the block before (a time
    /// inside a block counts as the beginning of that block). The amounts of all blocks up to a boundary add up to exactly
    /// the [`price`](Self::price) there, so ticks never need a final adjustment (R6).
    pub fn next_block(&self, after_s: u32) -> Block {
        let first = self.first_s();
        let (from_s, until_s) = if after_s < first {
            (0, first)
        } else {
            let steps = (after_s.min(BILLED_S_MAX) - first) / self.increment_s();
            let from_s = first + steps * self.increment_s();
            (from_s, from_s + self.increment_s())
        };
        Block { until_s, amount: self.price(until_s) - self.price(from_s) }
    }
}

fn price_micros(field: &'static str, value: Decimal) -> Result<i64, NotATariff> {
    if value.is_sign_negative() && !value.is_zero() {
        return Err(NotATariff::Negative { field, value });
    }
    if value > Decimal::from(PRICE_MAX) {
        return Err(NotATariff::TooLarge { field, value });
    }
    Micros::from_decimal(value).map(Micros::get).ok_or(NotATariff::TooFine { field, value })
}
