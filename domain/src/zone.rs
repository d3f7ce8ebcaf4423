//! Where a company's day begins: the offsets of a time zone from UTC, and the day that an instant is in.
//!
//! Which zones there are is not known here: whoever makes a [`Zone`] brings its offsets.

use crate::time::Wall;
use std::sync::Arc;
use std::time::Duration;

const DAY_S: i64 = 86_400;
/// Zones lie within this of UTC, and no change of one is larger.
const REACH_S: i64 = 2 * DAY_S;

/// The offsets of a time zone, each from an instant on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Seconds since 1970 and seconds east of UTC, sorted; before the first it is UTC.
    offsets: Arc<[(i64, i32)]>,
}

/// A day of a zone: 23 to 25 hours, as a rule 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its first instant.
    pub from: Wall,
    /// The first instant of the next one.
    pub until: Wall,
}

impl Day {
    /// Whether an instant is in it.
    pub fn contains(self, at: Wall) -> bool {
        self.from <= at && at < self.until
    }
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone::default()
    }

    /// A zone of these offsets in seconds east of UTC, each from an instant on in seconds since 1970.
    pub fn new(mut offsets: Vec<(i64, i32)>) -> Zone {
        offsets.sort_unstable();
        Zone { offsets: offsets.into() }
    }

    /// The day that an instant is in.
    pub fn day(&self, at: Wall) -> Day {
        let at_s = at.as_unix_micros().div_euclid(1_000_000);
        let number = self.number(at_s);
        Day { from: self.begins(number, at_s), until: self.begins(number + 1, at_s + DAY_S) }
    }

    /// The number of the day that an instant is in: days since 1970 by the clocks of this zone, 0 before that.
    pub fn day_number(&self, at: Wall) -> u16 {
        u16::try_from(self.number(at.as_unix_micros().div_euclid(1_000_000)).max(0)).unwrap_or(u16::MAX)
    }

    fn offset(&self, at_s: i64) -> i64 {
        let after = self.offsets.partition_point(|(from, _)| *from <= at_s);
        after.checked_sub(1).and_then(|last| self.offsets.get(last)).map_or(0, |(_, offset)| i64::from(*offset))
    }

    /// The days between 1970 and this instant, by the clocks on its walls.
    fn number(&self, at_s: i64) -> i64 {
        (at_s + self.offset(at_s)).div_euclid(DAY_S)
    }

    /// The first instant at which the walls show this day: midnight, or the end of the hour that midnight was skipped in.
    fn begins(&self, number: i64, near_s: i64) -> Wall {
        let near = self.offsets.iter().filter(|(from, _)| (near_s - *from).abs() <= REACH_S).map(|(from, _)| *from);
        let changes: Vec<i64> = near.collect();
        let around = changes.iter().flat_map(|from| [self.offset(*from - 1), self.offset(*from)]);
        let midnights = around.chain([self.offset(near_s)]).map(|offset| number * DAY_S - offset);
        let mut candidates: Vec<i64> = midnights.chain(changes.iter().copied()).collect();
        candidates.sort_unstable();
        let first = candidates.into_iter().find(|at_s| self.number(*at_s) >= number);
        Wall::from_unix_seconds(first.unwrap_or(number * DAY_S))
    }
}

impl Day {
    /// How long it is.
    pub fn length(self) -> Duration {
        self.until.since(self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Wall {
        Wall::from_unix_seconds(seconds)
    }

    /// Tallinn: summer time from 2027-03-28T01:00Z to 2027-10-31T01:00Z.
    fn tallinn() -> Zone {
        Zone::new(vec![(1_793_494_800, 7_200), (1_806_195_600, 10_800), (1_824_944_400, 7_200)])
    }

    #[test]
    fn a_day_begins_at_the_midnight_of_the_walls() {
        // 2027-01-15T08:00Z is ten in the morning there.
        let day = tallinn().day(at(1_800_000_000));
        assert_eq!((day.from, day.until), (at(1_799_964_000), at(1_800_050_400)));
        assert_eq!(Zone::utc().day(at(1_800_000_000)).from, at(1_799_971_200));
        assert!(day.contains(day.from) && !day.contains(day.until));
    }

    #[test]
    fn days_are_numbered_by_the_clocks_of_the_zone() {
        let midnight = tallinn().day(at(1_800_000_000)).from;
        let number = tallinn().day_number(midnight);
        assert_eq!(number, Zone::utc().day_number(midnight) + 1, "ten in the evening in Greenwich");
        assert_eq!(tallinn().day_number(midnight - Duration::from_micros(1)), number - 1);
        assert_eq!(Zone::utc().day_number(at(1_799_971_200)), 20_833);
    }

    #[test]
    fn the_day_on_which_clocks_are_set_has_23_or_25_hours() {
        let spring = tallinn().day(at(1_806_195_600));
        assert_eq!(spring.length(), Duration::from_hours(23));
        let autumn = tallinn().day(at(1_824_944_400));
        assert_eq!(autumn.length(), Duration::from_hours(25));
        assert_eq!(tallinn().day(autumn.until).from, autumn.until, "no instant is in no day");
    }

    /// Beirut sets its clocks forward at midnight: that day begins at one.
    #[test]
    fn a_day_whose_midnight_is_skipped_begins_when_clocks_go_on() {
        let change = 1_806_184_800;
        let beirut = Zone::new(vec![(1_793_480_400, 7_200), (change, 10_800)]);
        assert_eq!(beirut.day(at(change + 5)).from, at(change));
        assert_eq!(beirut.day(at(change - 5)).until, at(change));
        assert_eq!(beirut.day(at(change + 5)).length(), Duration::from_hours(23));
    }
}
