//! Emergency numbers by country (rule O3): whole numbers as they are dialled, and the calling code that `+CC N` begins with.
//!
//! Whether a dialled text is one of them is decided in `switch`; the list itself is `emergency_numbers.toml`.

use crate::fault::{ConfigFaults, Fault};
use crate::values::{NotAValue, as_text};
use miette::NamedSource;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The shipped list.
const SHIPPED: &str = include_str!("../emergency_numbers.toml");
/// Digits of an emergency number at most.
const DIGITS_MAX: usize = 7;

/// A country by its ISO 3166-1 alpha-2 code: two capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// Why a text is no country.
pub type NotACountry = NotAValue;

impl Country {
    /// Its two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Country {
    type Err = NotACountry;
    fn from_str(text: &str) -> Result<Self, NotACountry> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Country([*a, *b])),
            _ => Err(NotAValue {
                found: text.chars().take(64).collect(),
                what: "a country",
                expected: "an ISO 3166 code of two capital letters such as US",
            }),
        }
    }
}

as_text!(Country);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    calling_code: String,
    numbers: Vec<String>,
}

/// Which numbers are emergency numbers where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyNumbers {
    countries: BTreeMap<Country, Entry>,
}

impl EmergencyNumbers {
    /// The numbers that are emergency numbers in countries that the list does not know (ITU-T E.161.1 recommends these two).
    pub const ELSEWHERE: [&'static str; 2] = ["112", "911"];

    /// The shipped list.
    ///
    /// # Errors
    /// None in practice: a test reads the same text.
    pub fn shipped() -> Result<Self, ConfigFaults> {
        Self::parse("emergency_numbers.toml", SHIPPED)
    }
}

impl EmergencyNumbers {
    /// A list: for each country a table with `calling_code` and `numbers`; `file` is its name in reports.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and what would be right.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigFaults> {
        let source = Arc::new(NamedSource::new(file, text.to_owned()));
        let countries: BTreeMap<Country, Entry> = toml::from_str(text).map_err(|error| ConfigFaults {
            file: file.to_owned(),
            faults: vec![Fault::new(error.message()).at(&source, error.span())],
        })?;
        Ok(EmergencyNumbers { countries })
    }

    /// The list with the numbers of some countries replaced (`calls.emergency_numbers`).
    pub fn with_overrides(mut self, overrides: &BTreeMap<Country, Vec<String>>) -> Self {
        for (country, numbers) in overrides {
            let entry = self.countries.entry(*country);
            entry.or_insert_with(|| Entry { calling_code: String::new(), numbers: Vec::new() }).numbers = numbers.clone();
        }
        self
    }

    /// The emergency numbers of a country by its ISO 3166 code, as they are dialled there.
    pub fn for_country(&self, country: &str) -> &[String] {
        let known = country.parse().ok().and_then(|country: Country| self.countries.get(&country));
        known.map_or(&[], |entry| &entry.numbers[..])
    }

    /// The calling code of a country (`44`), so that `+44999` can be known for an emergency call too; none where it is not known.
    pub fn calling_code(&self, country: &str) -> Option<&str> {
        let entry = country.parse().ok().and_then(|country: Country| self.countries.get(&country))?;
        Some(entry.calling_code.as_str()).filter(|code| !code.is_empty())
    }

    /// Every country of the list, in alphabetical order.
    pub fn countries(&self) -> impl Iterator<Item = Country> {
        self.countries.keys().copied()
    }
}
