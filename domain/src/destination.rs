//! To which country a number leads, as far as its first digits say: what a profile has called before, and what it has not.
//!
//! Names and prices of destinations are decks' to say; dialling rules, `config`'s.

use crate::e164::{E164, Prefix};
use std::fmt;

/// Country codes of two digits (ITU-T E.164, annex); 1 and 7 have one, all others three.
const TWO_DIGITS: &[u8] = &[
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62,
    63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];
/// Area codes of the North American plan outside of the United States and Canada: most of what is called there for fraud.
const ISLANDS: &[u16] = &[
    242, 246, 264, 268, 284, 340, 345, 441, 473, 649, 658, 664, 670, 671, 684, 721, 758, 767, 784, 787, 809, 829, 849,
    868, 869, 876, 939,
];

/// A country, or a part of one that is told apart: the first digits of its numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination(u16);

impl Destination {
    /// Where a number leads: `+372`, `+44`, `+1`, `+1876`, `+77`.
    pub fn of(number: E164) -> Destination {
        let digits = number.digits();
        let digits = digits.as_bytes();
        let first = |count: usize| {
            digits.iter().take(count).fold(0u16, |code, digit| code * 10 + u16::from(digit.saturating_sub(b'0')))
        };
        Destination(match digits {
            [b'1', ..] if ISLANDS.contains(&(first(4) % 1_000)) => first(4),
            [b'1', ..] => 1,
            // Kazakhstan.
            [b'7', b'6' | b'7', ..] => first(2),
            [b'7', ..] => 7,
            _ if TWO_DIGITS.iter().any(|code| u16::from(*code) == first(2)) => first(2),
            _ => first(3),
        })
    }

    /// The destination whose numbers begin so, such as a country's calling code; none where there is none of this kind.
    pub fn from_code(code: &str) -> Option<Destination> {
        let digits = code.strip_prefix('+').unwrap_or(code);
        let is_code = (1..=4).contains(&digits.len()) && !digits.starts_with('0');
        digits.parse().ok().filter(|_| is_code && digits.bytes().all(|digit| digit.is_ascii_digit())).map(Destination)
    }

    /// The prefix of its numbers.
    pub fn prefix(self) -> Option<Prefix> {
        self.0.to_string().parse().ok()
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_to_the_country_of_its_code_and_an_island_is_not_the_mainland() {
        let of = |number: &str| Destination::of(number.parse().unwrap()).to_string();
        assert_eq!(of("+12025550123"), "+1");
        assert_eq!(of("+18765550123"), "+1876");
        assert_eq!(of("+14165550123"), "+1");
        assert_eq!(of("+442079460123"), "+44");
        assert_eq!(of("+3725550123"), "+372");
        assert_eq!(of("+74955550123"), "+7");
        assert_eq!(of("+77275550123"), "+77");
        assert_eq!(of("+96171234567"), "+961");
        assert_eq!(Destination::from_code("372"), Some(Destination::of("+3725550123".parse().unwrap())));
        assert_eq!(Destination::from_code("+1876").unwrap().to_string(), "+1876");
        assert!(["", "0", "12345", "x"].iter().all(|code| Destination::from_code(code).is_none()));
    }
}
