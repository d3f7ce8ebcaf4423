//! How many seconds before its credit ends the caller of a call is warned.
//!
//! When that is, and what is heard then, is decided elsewhere.

use std::fmt;
use std::str::FromStr;

/// Seconds before the end, the longest first; none for no warning at all. At most [`WarnBefore::COUNT_MAX`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct WarnBefore {
    /// Zeros behind the last.
    seconds: [u16; WarnBefore::COUNT_MAX],
}

impl WarnBefore {
    /// Warnings of one call at most.
    pub const COUNT_MAX: usize = 4;
    /// The earliest warning: ten minutes before the end.
    pub const SECONDS_MAX: u16 = 600;
    /// No warning.
    pub const NEVER: WarnBefore = WarnBefore { seconds: [0; WarnBefore::COUNT_MAX] };
    /// A minute and ten seconds before the end: time to finish, and time to say good-bye.
    pub const USUAL: WarnBefore = WarnBefore { seconds: [60, 10, 0, 0] };

    /// The warnings of these seconds, in any order.
    ///
    /// # Errors
    /// More than [`WarnBefore::COUNT_MAX`], one that is not from 1 to [`WarnBefore::SECONDS_MAX`], or one twice.
    pub fn new(wanted: &[u16]) -> Result<WarnBefore, NotWarnBefore> {
        if wanted.len() > WarnBefore::COUNT_MAX {
            return Err(NotWarnBefore::TooMany(wanted.len()));
        }
        let mut seconds = [0; WarnBefore::COUNT_MAX];
        for (index, (place, value)) in seconds.iter_mut().zip(wanted).enumerate() {
            if !(1..=WarnBefore::SECONDS_MAX).contains(value) {
                return Err(NotWarnBefore::OutOfRange(value.to_string()));
            }
            if wanted.iter().take(index).any(|other| other == value) {
                return Err(NotWarnBefore::Twice(*value));
            }
            *place = *value;
        }
        seconds.sort_unstable_by(|a, b| b.cmp(a));
        Ok(WarnBefore { seconds })
    }

    /// The seconds, the longest first.
    pub fn seconds(&self) -> impl Iterator<Item = u16> + '_ {
        self.seconds.iter().copied().take_while(|seconds| *seconds > 0)
    }

    /// The earliest warning; none where there is none at all.
    pub fn earliest(&self) -> Option<u16> {
        self.seconds().next()
    }
}

/// Why seconds are no warnings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWarnBefore {
    /// Too many.
    #[error("{0} warnings: expected at most 4")]
    TooMany(usize),
    /// No number, or out of its range.
    #[error("{0} is no time before the end: expected 1 to 600 seconds")]
    OutOfRange(String),
    /// One stands twice.
    #[error("{0} stands twice: name each time once")]
    Twice(u16),
}

impl fmt::Display for WarnBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.seconds().map(|seconds| seconds.to_string()).collect();
        f.write_str(&texts.join(","))
    }
}

impl fmt::Debug for WarnBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

impl FromStr for WarnBefore {
    type Err = NotWarnBefore;

    /// `60,10`; an empty text is no warning.
    fn from_str(text: &str) -> Result<Self, NotWarnBefore> {
        let read =
            |part: &str| part.trim().parse().map_err(|_| NotWarnBefore::OutOfRange(part.chars().take(16).collect()));
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        WarnBefore::new(&parts.map(read).collect::<Result<Vec<u16>, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_read_in_any_order_and_kept_with_the_longest_first() {
        assert_eq!("10, 60".parse(), Ok(WarnBefore::USUAL));
        assert_eq!(WarnBefore::USUAL.to_string(), "60,10");
        assert_eq!("".parse(), Ok(WarnBefore::NEVER));
        assert_eq!(WarnBefore::USUAL.seconds().collect::<Vec<_>>(), [60, 10]);
        assert_eq!((WarnBefore::USUAL.earliest(), WarnBefore::NEVER.earliest()), (Some(60), None));
    }

    #[test]
    fn what_is_no_warning_is_said() {
        assert_eq!("1,2,3,4,5".parse::<WarnBefore>(), Err(NotWarnBefore::TooMany(5)));
        assert_eq!("0".parse::<WarnBefore>(), Err(NotWarnBefore::OutOfRange("0".to_owned())));
        assert_eq!("601".parse::<WarnBefore>(), Err(NotWarnBefore::OutOfRange("601".to_owned())));
        assert_eq!("soon".parse::<WarnBefore>(), Err(NotWarnBefore::OutOfRange("soon".to_owned())));
        assert_eq!("9,9".parse::<WarnBefore>(), Err(NotWarnBefore::Twice(9)));
    }
}
