//! What was spent in the day of a company and in the last minute.
//!
//! What is held besides, and what may be spent, is known by others.

use domain::zone::Day;
use domain::{Micros, Monotonic, Now, Wall, Zone};
use std::collections::VecDeque;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
/// What is spent within this is remembered as one: so many sums at most are in a minute.
const GRAIN: Duration = Duration::from_secs(1);

/// Sums of what was captured.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    day: Option<Day>,
    today: Micros,
    /// When each second of the last minute began and what was spent in it, oldest first; 61 at most.
    minute: VecDeque<(Monotonic, Micros)>,
    last_minute: Micros,
}

impl Tally {
    /// So much was captured now.
    pub(super) fn spend(&mut self, amount: Micros, zone: &Zone, now: Now) {
        self.roll(zone, now);
        self.today += amount;
        self.last_minute += amount;
        match self.minute.back_mut().filter(|(began, _)| now.monotonic.since(*began) < GRAIN) {
            Some((_, sum)) => *sum += amount,
            None => self.minute.push_back((now.monotonic, amount)),
        }
    }

    /// Something is known to be spent in the day of `at`, by what was kept of it: at least as much as that.
    pub(super) fn recall(&mut self, spent: Micros, at: Wall, zone: &Zone, now: Now) {
        self.roll(zone, now);
        if self.day.is_some_and(|day| day.contains(at)) {
            self.today = self.today.max(spent);
        }
    }

    /// Spent since the day began.
    pub(super) fn today(&mut self, zone: &Zone, now: Now) -> Micros {
        self.roll(zone, now);
        self.today
    }

    /// The day that is counted.
    pub(super) fn day(&self) -> Option<Day> {
        self.day
    }

    /// Spent in the last 60 seconds.
    pub(super) fn last_minute(&mut self, now: Now) -> Micros {
        while let Some((_, gone)) = self.minute.pop_front_if(|(began, _)| now.monotonic.since(*began) >= MINUTE) {
            self.last_minute -= gone;
        }
        self.last_minute
    }

    /// The last minute is forgiven.
    pub(super) fn forget_minute(&mut self) {
        self.minute.clear();
        self.last_minute = Micros::ZERO;
    }

    /// A new day begins with nothing spent. One that has ended does not come again, whatever becomes of the clock.
    fn roll(&mut self, zone: &Zone, now: Now) {
        if self.day.is_none_or(|day| now.wall >= day.until) {
            self.day = Some(zone.day(now.wall));
            self.today = Micros::ZERO;
        }
        self.last_minute(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Now =
        Now { monotonic: Monotonic::from_micros(5_000_000), wall: Wall::from_unix_seconds(1_799_971_200 + 43_200) };

    fn cents(cents: i64) -> Micros {
        Micros::from_cents(cents)
    }

    #[test]
    fn a_new_day_begins_with_nothing_spent_and_an_old_one_does_not_come_again() {
        let (mut tally, zone) = (Tally::default(), Zone::utc());
        tally.spend(cents(5), &zone, NOON);
        let last = NOON.after(Duration::from_secs(43_199));
        assert_eq!(tally.today(&zone, last), cents(5));
        assert_eq!(tally.today(&zone, NOON.after(Duration::from_secs(43_200))), Micros::ZERO);
        tally.spend(cents(1), &zone, NOON);
        assert_eq!(tally.today(&zone, NOON), cents(1), "the clock was set back");
    }

    #[test]
    fn what_is_a_minute_old_is_not_in_the_last_minute() {
        let (mut tally, zone) = (Tally::default(), Zone::utc());
        for second in 0..90 {
            tally.spend(cents(1), &zone, NOON.after(Duration::from_secs(second)));
        }
        assert_eq!(tally.last_minute(NOON.after(Duration::from_secs(89))), cents(60));
        assert!(tally.minute.len() <= 61);
        assert_eq!(tally.last_minute(NOON.after(Duration::from_secs(149))), Micros::ZERO);
        assert_eq!(tally.today(&zone, NOON.after(Duration::from_secs(149))), cents(90));
    }

    #[test]
    fn what_is_recalled_counts_once_and_only_for_its_own_day() {
        let (mut tally, zone) = (Tally::default(), Zone::utc());
        tally.recall(cents(50), NOON.wall, &zone, NOON);
        tally.spend(cents(1), &zone, NOON);
        tally.recall(cents(50), NOON.wall, &zone, NOON);
        assert_eq!(tally.today(&zone, NOON), cents(51));
        tally.recall(cents(900), NOON.wall - Duration::from_hours(24), &zone, NOON);
        assert_eq!(tally.today(&zone, NOON), cents(51));
    }
}
