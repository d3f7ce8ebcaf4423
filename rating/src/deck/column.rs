//! The columns of a deck file, and the numbers in their cells.
//!
//! Rows and the file as a whole are read in [`super::csv`].

use super::complaint::Problem;
use crate::tariff::PRICE_MAX;
use domain::Micros;
use domain::money::NotAnAmount;

/// What a header can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Prefix,
    Destination,
    RatePerMinute,
    ConnectionFee,
    MinimumS,
    IncrementS,
    Rounding,
    Scale,
}

impl Column {
    pub(super) const ALL: [Column; 8] = [
        Column::Prefix,
        Column::Destination,
        Column::RatePerMinute,
        Column::ConnectionFee,
        Column::MinimumS,
        Column::IncrementS,
        Column::Rounding,
        Column::Scale,
    ];
    pub(super) const REQUIRED: [Column; 3] = [Column::Prefix, Column::Destination, Column::RatePerMinute];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Column::Prefix => "prefix",
            Column::Destination => "destination",
            Column::RatePerMinute => "rate_per_minute",
            Column::ConnectionFee => "connection_fee",
            Column::MinimumS => "minimum_s",
            Column::IncrementS => "increment_s",
            Column::Rounding => "rounding",
            Column::Scale => "scale",
        }
    }
}

/// A text from the file, short enough to be repeated.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The amount in a cell of a price: not negative, in millionths.
pub(super) fn price(text: &str) -> Result<Micros, Problem> {
    let value: Micros = text.parse().map_err(|error| match error {
        NotAnAmount::NotANumber(_) => Problem::NotANumber(cut(text)),
        NotAnAmount::TooFine(_) => Problem::TooFine(cut(text)),
        NotAnAmount::TooLarge(_) => Problem::TooLarge(cut(text)),
    })?;
    if value < Micros::ZERO {
        return Err(Problem::Negative(cut(text)));
    }
    if value.to_decimal() > PRICE_MAX.into() {
        return Err(Problem::TooLarge(cut(text)));
    }
    Ok(value)
}

/// The whole number in a cell.
pub(super) fn whole(text: &str, min: u32, max: u32) -> Result<u32, Problem> {
    text.parse().ok().filter(|value| (min..=max).contains(value)).ok_or_else(|| Problem::OutOfRange {
        found: cut(text),
        min,
        max,
    })
}
