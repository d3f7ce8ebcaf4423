//! A [`Quote`]: what the next call to a number would cost, in the words of rule R13.
//!
//! Whether the caller may call it, and whether a bundle would pay, is not known here.

use crate::deck::Deck;
use crate::tariff::{Rounding, Tariff};
use domain::{E164, Prefix};
use std::fmt;
use std::sync::Arc;

/// The price of a number under one version of a deck. What it states is what the next call is charged (R13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The number that was asked for.
    pub number: E164,
    /// The prefix that matched, the longest.
    pub prefix: Prefix,
    /// What the deck calls it.
    pub destination: Arc<str>,
    /// Price, fee, increments, rounding and currency.
    pub tariff: Tariff,
    /// Which deck said so.
    pub deck_version: Arc<str>,
}

/// For a person, in one line.
impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quote { number, prefix, destination, tariff, deck_version } = self;
        let rounded = match tariff.rounding() {
            Rounding::Up => "rounded up",
            Rounding::HalfUp => "rounded half up",
        };
        write!(
            f,
            "{number} {destination}: {} {} a minute, connection fee {}, {}/{} s, {rounded} to {} decimals (prefix {prefix}, deck {deck_version})",
            tariff.currency(),
            tariff.rate_per_minute(),
            tariff.connection_fee(),
            tariff.minimum_s(),
            tariff.increment_s(),
            tariff.scale(),
        )
    }
}

impl Deck {
    /// The quote for a number; none where no prefix of the deck covers it (such a call is refused with `no_route`).
    pub fn quote(&self, number: E164) -> Option<Quote> {
        let rate = self.lookup(number)?;
        Some(Quote {
            number,
            prefix: rate.prefix,
            destination: rate.destination.clone(),
            tariff: rate.tariff,
            deck_version: self.version().clone(),
        })
    }
}
