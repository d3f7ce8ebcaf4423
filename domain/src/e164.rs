//! Telephone numbers as values: [`E164`] for whole numbers, [`Prefix`] for what decks and routes are keyed by.
//!
//! What a PBX may dial (rule S6) is decided in `switch`; here a number only is one or is not.

use std::fmt;
use std::str::FromStr;

/// Digits at most in an international number (ITU-T E.164 6.2.1).
pub const E164_DIGITS_MAX: usize = 15;
/// Digits at least, country code included (rule S6).
pub const E164_DIGITS_MIN: usize = 7;

/// A full international number: 7 to 15 digits, the first not 0 (rule S6). Fits a register, so it is `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(u64);

/// Why a text is no international number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not an international number: expected an optional + and 7 to 15 digits that begin with a country code, such as +12025550123"
)]
pub struct NotE164(pub String);

impl E164 {
    /// Its digits, without `+`.
    pub fn digits(self) -> Digits {
        Digits::of(self.0)
    }

    /// Its digits as one integer. The first digit is never 0, so nothing is lost.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of these digits; none unless there are 7 to 15, the first not 0.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        if !(E164_DIGITS_MIN..=E164_DIGITS_MAX).contains(&digits.len()) || digits[0] == b'0' {
            return None;
        }
        digits
            .iter()
            .try_fold(0u64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
            .map(E164)
    }

    /// Whether the number begins with `prefix`.
    pub fn starts_with(self, prefix: Prefix) -> bool {
        self.digits().as_bytes().starts_with(prefix.0.as_bytes())
    }
}

/// With the `+`: `+12025550123`.
impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("+{}", self.0))
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for E164 {
    type Err = NotE164;
    fn from_str(text: &str) -> Result<Self, NotE164> {
        E164::from_digits(text.strip_prefix('+').unwrap_or(text).as_bytes())
            .ok_or_else(|| NotE164(text.chars().take(64).collect()))
    }
}

/// Up to 15 decimal digits, held in place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits {
    bytes: [u8; E164_DIGITS_MAX],
    length: u8,
}

impl Digits {
    fn of(mut value: u64) -> Self {
        let mut digits = Digits { bytes: [0; E164_DIGITS_MAX], length: 0 };
        while value > 0 {
            digits.bytes.copy_within(0..usize::from(digits.length), 1);
            digits.bytes[0] = b'0' + (value % 10) as u8;
            digits.length += 1;
            value /= 10;
        }
        digits
    }

    /// The ASCII digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// The first digits of numbers: 1 to 15 digits, the first not 0. Ordered as text, so that a prefix precedes what it covers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Digits);

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a prefix: expected an optional + and 1 to 15 digits that begin with a country code, such as 1604"
)]
pub struct NotAPrefix(pub String);

impl Prefix {
    /// The ASCII digits.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Without `+`: `1604`.
impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Prefix {
    type Err = NotAPrefix;
    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let digits = text.strip_prefix('+').unwrap_or(text).as_bytes();
        let refused = || NotAPrefix(text.chars().take(64).collect());
        if digits.is_empty() || digits.len() > E164_DIGITS_MAX || digits[0] == b'0' {
            return Err(refused());
        }
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(refused());
        }
        let mut bytes = [0; E164_DIGITS_MAX];
        bytes[..digits.len()].copy_from_slice(digits);
        Ok(Prefix(Digits { bytes, length: digits.len() as u8 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_international_number_reads_back_with_its_plus() {
        for text in ["+12025550123", "+442079460123", "+1234567", "+999999999999999"] {
            assert_eq!(text.parse::<E164>().unwrap().to_string(), text);
        }
        assert_eq!("12025550123".parse::<E164>().unwrap().digits().as_str(), "12025550123");
    }

    #[test]
    fn what_is_no_international_number_is_refused() {
        for text in ["", "+", "0012025550123", "0441", "123456", "1234567890123456", "+1 202", "alice", "++12025550123"]
        {
            assert!(text.parse::<E164>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_covers_the_numbers_that_begin_with_it() {
        let number: E164 = "+12025550123".parse().unwrap();
        assert!(number.starts_with("1202".parse().unwrap()));
        assert!(!number.starts_with("1203".parse().unwrap()));
        assert!("0".parse::<Prefix>().is_err());
    }
}
