//! The offsets of time zones, by their IANA names: when the day of a company begins.
//!
//! Which day an instant is in is [`domain::Zone`]'s to say.

use domain::Zone;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Changes of one zone that are looked at, at most: two a year until long after this program.
const CHANGES_MAX: usize = 300;

/// The zone of this name; none where there is none.
pub(super) fn zone(name: &str) -> Option<Zone> {
    let zone = TimeZone::get(name).ok()?;
    let first = Timestamp::UNIX_EPOCH;
    let begins = (first.as_second(), zone.to_offset(first).seconds());
    let changes = zone.following(first).take(CHANGES_MAX);
    let changes = changes.map(|change| (change.timestamp().as_second(), change.offset().seconds()));
    Some(Zone::new(std::iter::once(begins).chain(changes).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Wall;

    #[test]
    fn a_day_in_tallinn_begins_two_or_three_hours_before_the_one_in_greenwich() {
        let zone = zone("Europe/Tallinn").unwrap();
        // 2027-01-15T08:00Z and 2027-07-15T08:00Z.
        assert_eq!(zone.day(Wall::from_unix_seconds(1_800_000_000)).from, Wall::from_unix_seconds(1_799_964_000));
        assert_eq!(zone.day(Wall::from_unix_seconds(1_815_638_400)).from, Wall::from_unix_seconds(1_815_598_800));
        assert!(super::zone("Europe/Atlantis").is_none());
    }
}
