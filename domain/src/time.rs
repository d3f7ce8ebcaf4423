//! Instants as values: timers run on [`Monotonic`], periods, leases, nonces and records on [`Wall`].
//!
//! Nothing here reads a clock; the only clock is `actors::clock`.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Microseconds since an arbitrary start of the process (or of the simulation). Never goes backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(u64);

impl Monotonic {
    /// The instant `micros` after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero where `earlier` is later.
    pub const fn since(self, earlier: Monotonic) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The first instant, this one or a later, that is a whole number of grains after the start; this one where a grain is zero.
    pub fn rounded_up_to(self, grain: Duration) -> Self {
        match micros_of(grain) {
            0 => self,
            grain => Self(self.0.div_ceil(grain).saturating_mul(grain)),
        }
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(duration)))
    }
}

/// Microseconds of UTC since 1970-01-01T00:00:00Z, leap seconds not counted (as Unix time).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(i64);

impl Wall {
    /// The instant `micros` after the Unix epoch.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The instant `seconds` after the Unix epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_unix_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub const fn as_unix_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since the Unix epoch, rounded down.
    pub const fn as_unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time from `earlier` to `self`, zero where `earlier` is later.
    pub const fn since(self, earlier: Wall) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        if micros <= 0 { Duration::ZERO } else { Duration::from_micros(micros as u64) }
    }
}

impl Add<Duration> for Wall {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(micros_of(duration)))
    }
}

impl Sub<Duration> for Wall {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(micros_of(duration)))
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-21T20:47:47.123Z`.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.as_unix_seconds();
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let second_of_day = seconds.rem_euclid(86_400);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            second_of_day / 3_600,
            second_of_day / 60 % 60,
            second_of_day % 60,
            self.as_unix_millis().rem_euclid(1_000)
        )
    }
}

/// Gregorian date of a day number, day 0 being 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn micros_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The two readings of one instant, handed to a machine with every event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timers.
    pub monotonic: Monotonic,
    /// For periods, leases, nonces and records.
    pub wall: Wall,
}

impl Now {
    /// The instant `duration` later on both clocks.
    pub fn after(self, duration: Duration) -> Now {
        Now { monotonic: self.monotonic + duration, wall: self.wall + duration }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_instant_prints_as_rfc_3339() {
        assert_eq!(Wall::from_unix_seconds(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall::from_unix_micros(951_827_696_789_999).to_string(), "2000-02-29T12:34:56.789Z");
        assert_eq!(Wall::from_unix_seconds(-1).to_string(), "1969-12-31T23:59:59.000Z");
    }

    #[test]
    fn time_never_runs_backwards() {
        let early = Monotonic::from_micros(5);
        let late = early + Duration::from_micros(7);
        assert_eq!(late.since(early), Duration::from_micros(7));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn an_instant_is_rounded_up_and_never_down() {
        let at = |micros| Monotonic::from_micros(micros).rounded_up_to(Duration::from_millis(10)).as_micros();
        assert_eq!([0, 1, 9_999, 10_000, 10_001].map(at), [0, 10_000, 10_000, 10_000, 20_000]);
        assert_eq!(at(u64::MAX), u64::MAX);
        assert_eq!(Monotonic::from_micros(7).rounded_up_to(Duration::ZERO).as_micros(), 7);
    }
}
