//! How a carrier wants numbers written: with `+`, as plain digits, behind an international prefix, or as inside a country.
//!
//! Which number is called is not decided here.

use crate::e164::E164;
use std::fmt;
use std::str::FromStr;

/// Characters of a technical prefix at most.
const TECH_PREFIX_MAX: usize = 16;

/// The shape of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Shape {
    /// `+442079460123`.
    #[default]
    Plus,
    /// `442079460123`.
    Digits,
    /// `00442079460123`, `011442079460123`.
    International(String),
    /// `02079460123` inside the country, `0044...` from outside: country code and trunk prefix.
    National { country: String, trunk: String },
}

/// How a carrier wants numbers written. As text: `plus`, `digits`, `00` or `011`, `national:44:0` (country code, trunk prefix),
/// `national:1`; and behind a comma a technical prefix that stands before every number: `digits,1234#`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberFormat {
    shape: Shape,
    tech_prefix: String,
}

/// Why a text is no number format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotANumberFormat(String);

impl fmt::Display for NotANumberFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is no number format: expected plus, digits, 00, 011, or national with country code and trunk prefix such as \
             national:44:0; a prefix for every number may follow a comma, such as digits,1234#",
            self.0
        )
    }
}

impl std::error::Error for NotANumberFormat {}

impl NumberFormat {
    /// The number as this carrier wants it.
    pub fn write(&self, number: E164) -> String {
        let digits = number.digits();
        let digits = digits.as_str();
        let prefix = &self.tech_prefix;
        match &self.shape {
            Shape::Plus => format!("{prefix}+{digits}"),
            Shape::Digits => format!("{prefix}{digits}"),
            Shape::International(international) => format!("{prefix}{international}{digits}"),
            Shape::National { country, trunk } => match digits.strip_prefix(country.as_str()) {
                Some(national) => format!("{prefix}{trunk}{national}"),
                None => format!("{prefix}00{digits}"),
            },
        }
    }
}

impl fmt::Display for NumberFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Plus => f.write_str("plus")?,
            Shape::Digits => f.write_str("digits")?,
            Shape::International(international) => f.write_str(international)?,
            Shape::National { country, trunk } if trunk.is_empty() => write!(f, "national:{country}")?,
            Shape::National { country, trunk } => write!(f, "national:{country}:{trunk}")?,
        }
        if self.tech_prefix.is_empty() { Ok(()) } else { write!(f, ",{}", self.tech_prefix) }
    }
}

impl FromStr for NumberFormat {
    type Err = NotANumberFormat;

    fn from_str(text: &str) -> Result<Self, NotANumberFormat> {
        let refused = || NotANumberFormat(text.chars().take(40).collect());
        let (shape, tech_prefix) = text.split_once(',').unwrap_or((text, ""));
        let is_digits = |text: &str, most: usize| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
        let may_dial = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'#');
        if tech_prefix.len() > TECH_PREFIX_MAX || !tech_prefix.bytes().all(may_dial) {
            return Err(refused());
        }
        let shape = match shape {
            "plus" => Shape::Plus,
            "digits" => Shape::Digits,
            other => match other.strip_prefix("national:") {
                Some(rest) => {
                    let (country, trunk) = rest.split_once(':').unwrap_or((rest, ""));
                    if country.is_empty() || country.starts_with('0') || !is_digits(country, 4) || !is_digits(trunk, 4)
                    {
                        return Err(refused());
                    }
                    Shape::National { country: country.to_owned(), trunk: trunk.to_owned() }
                }
                None if other.starts_with('0') && other.len() >= 2 && is_digits(other, 6) => {
                    Shape::International(other.to_owned())
                }
                None => return Err(refused()),
            },
        };
        Ok(NumberFormat { shape, tech_prefix: tech_prefix.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_carrier_wants_it() {
        let number: E164 = "+442079460123".parse().unwrap();
        for (format, written) in [
            ("plus", "+442079460123"),
            ("digits", "442079460123"),
            ("00", "00442079460123"),
            ("011", "011442079460123"),
            ("national:44:0", "02079460123"),
            ("national:44", "2079460123"),
            ("national:1", "00442079460123"),
            ("digits,1234#", "1234#442079460123"),
            ("plus,99", "99+442079460123"),
        ] {
            let parsed: NumberFormat = format.parse().unwrap();
            assert_eq!((parsed.write(number).as_str(), parsed.to_string().as_str()), (written, format));
        }
        assert_eq!(NumberFormat::default().to_string(), "plus");
    }

    #[test]
    fn what_is_no_number_format_is_refused_with_what_would_be_right() {
        for wrong in [
            "",
            "+",
            "e164",
            "0",
            "44",
            "national",
            "national:",
            "national:044",
            "national:44:x",
            "digits,a",
            "plus,12345678901234567",
        ] {
            let refused = wrong.parse::<NumberFormat>().unwrap_err().to_string();
            assert!(refused.contains("national:44:0"), "{wrong}: {refused}");
        }
    }
}
