//! Emergency numbers by country (rule O3): whole numbers as they are dialled, and the calling code that `+CC N` begins with.
//!
//! Whether a dialled text is one of them is decided in `switch`; the list itself is `emergency_numbers.toml`.

use crate::document::Document;
use crate::fault::{ConfigFaults, Fault};
use crate::values::{NotAValue, as_text};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The shipped list.
const SHIPPED: &str = include_str!("../emergency_numbers.toml");
/// Digits of an emergency number at most.
const DIGITS_MAX: usize = 7;
/// Emergency numbers of one country at most.
const NUMBERS_MAX: usize = 32;

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
    elsewhere: Vec<String>,
}

impl EmergencyNumbers {
    /// What counts in countries that a list does not know: the two numbers that ITU-T E.161.1 recommends.
    pub const ELSEWHERE: [&'static str; 2] = ["112", "911"];

    /// The shipped list.
    ///
    /// # Errors
    /// None in practice: a test reads the same text.
    pub fn shipped() -> Result<Self, ConfigFaults> {
        Self::parse("emergency_numbers.toml", SHIPPED)
    }

    /// A list: for each country a table with `calling_code` and `numbers`; `file` is its name in reports.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and what would be right.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigFaults> {
        let document = Document::parse(file, text)?;
        let countries: BTreeMap<Country, Entry> = document.read()?;
        let mut faults = Vec::new();
        for (country, entry) in &countries {
            let code = &entry.calling_code;
            if !(1..=3).contains(&code.len())
                || code.starts_with('0')
                || !code.bytes().all(|byte| byte.is_ascii_digit())
            {
                let fault = Fault::new(format!("{country}.calling_code: \"{code}\" is not a calling code"))
                    .with_help("expected 1 to 3 digits, the first not 0, such as 44");
                faults.push(document.at(fault, document.place(country.as_str(), "calling_code")));
            }
            for (message, help) in faults_of_numbers(&entry.numbers) {
                let fault = Fault::new(format!("{country}.numbers: {message}")).with_help(help);
                faults.push(document.at(fault, document.place(country.as_str(), "numbers")));
            }
        }
        if !faults.is_empty() {
            return Err(ConfigFaults::of(file, faults));
        }
        Ok(EmergencyNumbers { countries, elsewhere: Self::ELSEWHERE.map(str::to_owned).to_vec() })
    }

    /// The list with the numbers of some countries replaced (`calls.emergency_numbers`).
    pub fn with_overrides(mut self, overrides: &BTreeMap<Country, Vec<String>>) -> Self {
        for (country, numbers) in overrides {
            let entry = self.countries.entry(*country);
            entry.or_insert_with(|| Entry { calling_code: String::new(), numbers: Vec::new() }).numbers =
                numbers.clone();
        }
        self
    }

    /// The emergency numbers of a country by its ISO 3166 code, as they are dialled there, never empty;
    /// [`Self::ELSEWHERE`] where the list does not know the country.
    pub fn for_country(&self, country: &str) -> &[String] {
        let known = country.parse().ok().and_then(|country: Country| self.countries.get(&country));
        known.map_or(&self.elsewhere, |entry| &entry.numbers)
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

/// What is wrong with the numbers of one country, and what would be right.
pub(crate) fn faults_of_numbers(numbers: &[String]) -> Vec<(String, &'static str)> {
    let mut faults = Vec::new();
    if numbers.is_empty() {
        faults.push((
            "no number".to_owned(),
            "expected one at least, such as \"112\": emergency calls must be known for what they are",
        ));
    }
    if numbers.len() > NUMBERS_MAX {
        faults.push((format!("{} numbers", numbers.len()), "at most 32"));
    }
    for (index, number) in numbers.iter().enumerate() {
        let shown = number.chars().take(64).collect::<String>();
        if !(2..=DIGITS_MAX).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            let help = "expected 2 to 7 digits as they are dialled, such as \"112\"";
            faults.push((format!("\"{}\" is not an emergency number", shown.escape_debug()), help));
        } else if numbers[..index].contains(number) {
            faults.push((format!("\"{shown}\" stands twice"), "name each number once"));
        }
    }
    faults
}
