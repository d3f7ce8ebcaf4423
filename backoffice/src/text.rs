//! Values that travel as texts in JSON: identities, numbers, amounts, instants.
//!
//! What they mean is in `domain`.

use domain::Wall;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

/// A value that is a string in JSON, read and written by its own words: `Text<Micros>` is `"6.95"`, never a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<T>(pub T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader(PhantomData))
    }
}

struct Reader<T>(PhantomData<T>);

impl<T: FromStr<Err: Display>> serde::de::Visitor<'_> for Reader<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string (amounts are strings such as \"6.95\", so that no digit is lost)")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text<T>, E> {
        text.parse().map(Text).map_err(E::custom)
    }
}

/// For fields of a patch that may be emptied: absent is `None`, `null` is `Some(None)`.
pub(crate) fn nullable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// An instant in RFC 3339: `2026-11-21T20:47:47Z`, with up to six decimals of the second, and `Z` or an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub Wall);

/// Why a text is no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an instant: expected RFC 3339 such as 2026-11-21T20:47:47Z, from 1970 to 9999")]
pub struct NotAnInstant(pub String);

impl FromStr for Instant {
    type Err = NotAnInstant;
    fn from_str(text: &str) -> Result<Self, NotAnInstant> {
        instant(text).map(Instant).ok_or_else(|| NotAnInstant(text.chars().take(64).collect()))
    }
}

fn number(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// RFC 3339 5.6, `date-time`.
fn instant(text: &str) -> Option<Wall> {
    let bytes = text.as_bytes();
    let (head, tail) = bytes.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| head[*at] != *byte) || !matches!(head[10], b'T' | b't' | b' ') {
        return None;
    }
    let part = |from: usize, to: usize| number(&head[from..to]);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    // 60 is a leap second; Unix time counts it as the next minute's first.
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let (micros, zone) = fraction(tail)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_s(zone)?;
    Some(Wall::from_unix_micros(seconds * 1_000_000 + micros))
}

/// The microseconds behind the point, and what follows.
fn fraction(tail: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = tail.strip_prefix(b".") else { return Some((0, tail)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=6).contains(&length) {
        return None;
    }
    let scale = 10_i64.pow(6 - length as u32);
    Some((number(&rest[..length])? * scale, &rest[length..]))
}

fn offset_s(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let seconds = hours * 3_600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The day number of a Gregorian date, day 0 being 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Micros;

    #[test]
    fn an_instant_reads_back_as_it_is_printed() {
        for seconds in [0, 951_782_400, 951_868_799, 1_795_300_000, 4_102_444_799, 253_402_300_799] {
            let wall = Wall::from_unix_micros(seconds * 1_000_000 + 123_000);
            assert_eq!(wall.to_string().parse(), Ok(Instant(wall)), "{wall}");
        }
        let plain = "2026-11-21T20:47:47Z".parse::<Instant>();
        assert_eq!("2026-11-21T22:17:47+01:30".parse::<Instant>(), plain);
        assert_eq!("2026-11-21T18:47:47.000000-02:00".parse::<Instant>(), plain);
    }

    #[test]
    fn what_is_no_instant_is_refused_in_words() {
        for text in [
            "",
            "2026-11-21",
            "2026-02-29T00:00:00Z",
            "2026-11-21T20:47:47",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert!(text.parse::<Instant>().is_err(), "{text}");
        }
        assert!("x".parse::<Instant>().unwrap_err().to_string().contains("such as 2026-11-21T20:47:47Z"));
    }

    #[test]
    fn an_amount_is_a_string_and_never_a_number() {
        assert_eq!(serde_json::from_str::<Text<Micros>>("\"6.95\"").unwrap(), Text(Micros::from_cents(695)));
        assert_eq!(serde_json::to_string(&Text(Micros::from_cents(695))).unwrap(), "\"6.95\"");
        assert!(serde_json::from_str::<Text<Micros>>("6.95").unwrap_err().to_string().contains("string"));
    }
}
