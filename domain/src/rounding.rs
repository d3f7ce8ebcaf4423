//! Which way an amount is rounded. How a tariff uses it is `rating`'s.

use std::fmt;
use std::str::FromStr;

/// Which way a whole call is rounded to the tariff's scale, once, at the end, the fee included (D-10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rounding {
    /// To the next larger amount.
    #[default]
    Up,
    /// To the nearest amount, halves to the larger.
    HalfUp,
}

impl Rounding {
    /// As decks and the API write it: `up`, `half_up`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rounding::Up => "up",
            Rounding::HalfUp => "half_up",
        }
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a text is no rounding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a rounding: expected up or half_up")]
pub struct NotARounding(pub String);

impl FromStr for Rounding {
    type Err = NotARounding;
    fn from_str(text: &str) -> Result<Self, NotARounding> {
        match text {
            "up" => Ok(Rounding::Up),
            "half_up" => Ok(Rounding::HalfUp),
            _ => Err(NotARounding(text.chars().take(64).collect())),
        }
    }
}
