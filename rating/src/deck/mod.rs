//! A [`Deck`]: rates by number prefix, immutable, with the longest prefix found in about a hundred nanoseconds.
//!
//! Reading one from CSV is in [`csv`], what is wrong with a file in [`complaint`]. Which numbers are free is not a deck's to say.

mod column;
pub mod complaint;
pub mod csv;

pub use complaint::{Complaint, DeckFaults};

use crate::tariff::Tariff;
use domain::e164::E164_DIGITS_MAX;
use domain::{Currency, E164, Prefix};
use std::sync::Arc;

/// One row of a deck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The numbers that it covers, where no longer prefix of the deck does.
    pub prefix: Prefix,
    /// What reports call them; shared between rows.
    pub destination: Arc<str>,
    /// What calls to them cost.
    pub tariff: Tariff,
}

/// Rates by prefix. Immutable: a new version is a new deck.
#[derive(Clone, Debug)]
pub struct Deck {
    version: Arc<str>,
    currency: Currency,
    /// The places of the rates, ascending: the same order as `rates`.
    places: Vec<Place>,
    /// For each number of four digits, 0 to 9999, how many places stand before all that begin with it; one more entry at the end.
    starts: Vec<u32>,
    /// For each rate the one with the longest prefix that covers its prefix; itself where none does.
    parents: Vec<u32>,
    /// In prefix order.
    rates: Vec<Rate>,
}

/// Where digits stand among all digits in text order: the digits padded with zeros to 15, then their count. So that `1` < `10` <
/// `100` < `11`, and a whole order of texts is one integer comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

impl Place {
    fn new(value: u64, length: u32) -> Self {
        Place((value * POWERS[E164_DIGITS_MAX - length as usize]) << 4 | u64::from(length))
    }

    fn of_number(number: E164) -> Self {
        Self::new(number.as_u64(), number.as_u64().checked_ilog10().unwrap_or(0) + 1)
    }

    pub(crate) fn of_prefix(prefix: Prefix) -> Self {
        let digits = prefix.as_bytes();
        Self::new(digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')), digits.len() as u32)
    }

    /// The first four digits.
    fn area(self) -> usize {
        ((self.0 >> 4) / POWERS[E164_DIGITS_MAX - 4]) as usize
    }

    /// Whether the digits here are the first digits of `other`.
    fn covers(self, other: Place) -> bool {
        let length = self.0 & 0xf;
        let span = POWERS[E164_DIGITS_MAX - length as usize];
        length <= other.0 & 0xf && (other.0 >> 4).wrapping_sub(self.0 >> 4) < span
    }
}

/// Numbers of four digits.
const AREAS: usize = 10_000;

/// Powers of ten up to 10^15.
const POWERS: [u64; E164_DIGITS_MAX + 1] = {
    let mut powers = [1; E164_DIGITS_MAX + 1];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

impl Deck {
    /// The deck of these rates, in any order; of rates with one prefix the first counts. What came from a file was checked by
    /// [`Deck::parse_csv`]; this is the way back from where it is kept.
    pub fn from_rates(mut rates: Vec<Rate>, currency: Currency, version: impl Into<Arc<str>>) -> Deck {
        rates.sort_by_key(|rate| Place::of_prefix(rate.prefix));
        rates.dedup_by_key(|rate| rate.prefix);
        Deck::from_sorted(rates, currency, version.into())
    }

    /// The deck of rates that are in prefix order without duplicates.
    pub(crate) fn from_sorted(rates: Vec<Rate>, currency: Currency, version: Arc<str>) -> Deck {
        let places: Vec<Place> = rates.iter().map(|rate| Place::of_prefix(rate.prefix)).collect();
        let mut parents = Vec::with_capacity(places.len());
        // The prefixes that cover the current one, shortest first: at most one for each length.
        let mut covering: Vec<u32> = Vec::with_capacity(E164_DIGITS_MAX);
        for (index, place) in places.iter().enumerate() {
            while covering.last().is_some_and(|above| !places[*above as usize].covers(*place)) {
                covering.pop();
            }
            parents.push(covering.last().copied().unwrap_or(index as u32));
            covering.push(index as u32);
        }
        let mut starts = vec![0; AREAS + 1];
        places.iter().for_each(|place| starts[place.area() + 1] += 1);
        for area in 0..AREAS {
            starts[area + 1] += starts[area];
        }
        Deck { version, currency, places, starts, parents, rates }
    }

    /// The rate with the longest prefix of `number` (R2).
    pub fn lookup(&self, number: E164) -> Option<&Rate> {
        let number = Place::of_number(number);
        // Whatever stands between a prefix of the number and the number begins with that prefix too. So the nearest place at
        // or before the number is the longest prefix itself, or is covered by it.
        let (from, to) = (self.starts[number.area()] as usize, self.starts[number.area() + 1] as usize);
        let mut index = (from + self.places[from..to].partition_point(|place| *place <= number)).checked_sub(1)?;
        while !self.places[index].covers(number) {
            let parent = self.parents[index] as usize;
            if parent == index {
                return None;
            }
            index = parent;
        }
        self.rates.get(index)
    }

    /// Every rate, in prefix order.
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// How many prefixes it has.
    pub fn len(&self) -> usize {
        self.rates.len()
    }

    /// Whether it has none. A deck from CSV never is.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }

    /// The currency of all its rates.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The name that it was loaded under; call records and quotes state it (R13).
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }
}
