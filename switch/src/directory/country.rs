//! Countries as far as dialling is concerned: calling code and emergency numbers.
//!
//! The list itself is `config`'s; what is done with an emergency call is decided in `call::admitting`.

use std::fmt;
use std::str::FromStr;

/// An ISO 3166-1 alpha-2 code: two capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// Why a text is no country.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a country: expected an ISO 3166-1 code of two capital letters such as US")]
pub struct NotACountry(pub String);

impl Country {
    /// The country with this code: two capital letters.
    pub const fn new(code: [u8; 2]) -> Self {
        Country(code)
    }

    /// Its two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX")
    }
}

impl FromStr for Country {
    type Err = NotACountry;
    fn from_str(text: &str) -> Result<Self, NotACountry> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Country([*a, *b])),
            _ => Err(NotACountry(text.chars().take(64).collect())),
        }
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

/// How a country dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryPlan {
    /// Its country calling code without `+`; empty where it is not known.
    pub calling_code: String,
    /// Its emergency numbers (O3), whole numbers as dialled inside the country: digits, `*` and `#`.
    pub emergency: Vec<String>,
}

impl CountryPlan {
    /// Whether it is in the North American plan, where ten digits lack the country code (D-16).
    pub fn is_north_american(&self) -> bool {
        self.calling_code == "1"
    }
}
