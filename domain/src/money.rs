//! Money as integers: [`Micros`] of a [`Currency`]. Rates and their arithmetic are `rust_decimal`, in `rating`; floats are nowhere.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

/// An amount in millionths of a currency unit: one cent is 10,000. At most about 9.2 * 10^12 units either way.
///
/// Arithmetic panics on overflow rather than wrap (the release profile keeps overflow checks); use the `checked_` forms
/// on amounts that come from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(i64);

/// Why a text is no amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// Not a decimal number.
    #[error("\"{0}\" is not an amount: expected a decimal number such as 6.95")]
    NotANumber(String),
    /// Finer than a millionth.
    #[error("\"{0}\" is finer than a millionth: at most six digits may stand behind the point")]
    TooFine(String),
    /// Beyond what the ledger can hold.
    #[error("\"{0}\" is too large: at most 9000000000000.00")]
    TooLarge(String),
}

impl Micros {
    /// Nothing.
    pub const ZERO: Micros = Micros(0);
    /// One hundredth of a currency unit.
    pub const CENT: Micros = Micros(10_000);
    /// One currency unit.
    pub const ONE: Micros = Micros(1_000_000);

    /// This many millionths.
    pub const fn new(micros: i64) -> Self {
        Self(micros)
    }

    /// This many cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents * 10_000)
    }

    /// The number of millionths.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whether it is above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, unless it overflows.
    pub const fn checked_add(self, other: Micros) -> Option<Micros> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Micros(sum)),
            None => None,
        }
    }

    /// The difference, unless it overflows.
    pub const fn checked_sub(self, other: Micros) -> Option<Micros> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Micros(difference)),
            None => None,
        }
    }

    /// The exact decimal of the same value.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 6)
    }

    /// The amount of exactly this value; none where it is finer than a millionth or too large.
    pub fn from_decimal(value: Decimal) -> Option<Self> {
        let micros = value.checked_mul(Decimal::from(1_000_000))?;
        if micros.fract().is_zero() { micros.to_i64().map(Micros) } else { None }
    }
}

/// A decimal number without currency, sign first, at least two and at most six digits behind the point: `6.95`, `-0.008`.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A sign, 13 digits of a whole number, a point, six digits.
        let mut text = [b'0'; 21];
        let magnitude = self.0.unsigned_abs();
        let mut fraction = magnitude % 1_000_000;
        for digit in text[15..].iter_mut().rev() {
            *digit = b'0' + (fraction % 10) as u8;
            fraction /= 10;
        }
        text[14] = b'.';
        let mut whole = magnitude / 1_000_000;
        let mut first = 14;
        while whole > 0 || first == 14 {
            first -= 1;
            text[first] = b'0' + (whole % 10) as u8;
            whole /= 10;
        }
        if self.0 < 0 {
            first -= 1;
            text[first] = b'-';
        }
        let mut last = text.len();
        while last > 17 && text[last - 1] == b'0' {
            last -= 1;
        }
        f.pad(std::str::from_utf8(&text[first..last]).unwrap_or_default())
    }
}

impl FromStr for Micros {
    type Err = NotAnAmount;
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let shown = || text.chars().take(64).collect::<String>();
        let plain = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(NotAnAmount::NotANumber(shown()));
        }
        if fraction.trim_end_matches('0').len() > 6 {
            return Err(NotAnAmount::TooFine(shown()));
        }
        // Twelve digits before the point and six behind it are below every limit.
        if whole.len() <= 12 && fraction.len() <= 6 {
            let number = |digits: &str| digits.bytes().fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
            let finer = 10i64.pow(6 - fraction.len() as u32);
            let magnitude = number(whole) * 1_000_000 + number(fraction) * finer;
            return Ok(Micros(if plain.len() < text.len() { -magnitude } else { magnitude }));
        }
        let value = Decimal::from_str_exact(text).map_err(|_| NotAnAmount::TooLarge(shown()))?;
        Micros::from_decimal(value)
            .filter(|micros| micros.0.unsigned_abs() <= 9_000_000_000_000_000_000)
            .ok_or_else(|| NotAnAmount::TooLarge(shown()))
    }
}

impl Add for Micros {
    type Output = Micros;
    fn add(self, other: Micros) -> Micros {
        Micros(self.0 + other.0)
    }
}

impl Sub for Micros {
    type Output = Micros;
    fn sub(self, other: Micros) -> Micros {
        Micros(self.0 - other.0)
    }
}

impl Neg for Micros {
    type Output = Micros;
    fn neg(self) -> Micros {
        Micros(-self.0)
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Micros) {
        *self = *self + other;
    }
}

impl SubAssign for Micros {
    fn sub_assign(&mut self, other: Micros) {
        *self = *self - other;
    }
}

impl Sum for Micros {
    fn sum<I: Iterator<Item = Micros>>(amounts: I) -> Micros {
        amounts.fold(Micros::ZERO, Add::add)
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Why a text is no currency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a currency: expected an ISO 4217 code of three capital letters such as USD")]
pub struct NotACurrency(pub String);

impl Currency {
    /// United States dollar.
    pub const USD: Currency = Currency(*b"USD");
    /// Euro.
    pub const EUR: Currency = Currency(*b"EUR");

    /// Its three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = NotACurrency;
    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        match text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|byte| byte.is_ascii_uppercase()) => Ok(Currency([*a, *b, *c])),
            _ => Err(NotACurrency(text.chars().take(64).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_print_with_at_least_cents_and_at_most_millionths() {
        for (micros, text) in [(6_950_000, "6.95"), (8_000, "0.008"), (-20_000, "-0.02"), (1, "0.000001"), (0, "0.00")]
        {
            assert_eq!(Micros::new(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(Micros::new(micros)));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_in_words() {
        assert!(matches!("6,95".parse::<Micros>(), Err(NotAnAmount::NotANumber(_))));
        assert!(matches!("1e3".parse::<Micros>(), Err(NotAnAmount::NotANumber(_))));
        assert!(matches!("".parse::<Micros>(), Err(NotAnAmount::NotANumber(_))));
        assert!(matches!("0.0000001".parse::<Micros>(), Err(NotAnAmount::TooFine(_))));
        assert!(matches!("99999999999999".parse::<Micros>(), Err(NotAnAmount::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn every_amount_reads_back(micros in -9_000_000_000_000_000_000i64..=9_000_000_000_000_000_000) {
            prop_assert_eq!(Micros::new(micros).to_string().parse(), Ok(Micros::new(micros)));
            prop_assert_eq!(Micros::from_decimal(Micros::new(micros).to_decimal()), Some(Micros::new(micros)));
        }
    }
}
