//! Histograms and counts: what the calls came to.
//!
//! Microseconds go in; milliseconds and words are made in `summary`.

use domain::Wall;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest latency that is told from longer ones: two minutes, far beyond every timer of SIP (64*T1 = 32 s).
pub const LATENCY_MAX: Duration = Duration::from_secs(120);
/// Significant digits that are kept: within 0.1 % of the true value, whatever its size.
const DIGITS: u8 = 3;
/// Different reasons of failure that are told apart; any more are counted as [`OTHER_REASONS`].
pub const REASONS_MAX: usize = 24;
/// What calls failed for whose reason found no room.
pub const OTHER_REASONS: &str = "other reasons";

/// A histogram of latencies: HDR, from 1 us to [`LATENCY_MAX`], longer ones counted as that.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// Empty.
    pub fn new() -> Latencies {
        let max = LATENCY_MAX.as_micros() as u64;
        // These bounds and digits are ones that the crate takes; should it ever not, values are clamped to what it has.
        let made = Histogram::new_with_bounds(1, max, DIGITS).or_else(|_| Histogram::new(DIGITS));
        Latencies(made.unwrap_or_else(|_| unreachable!("{DIGITS} digits are between 0 and 5")))
    }

    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// Adds those of another thread.
    pub fn add(&mut self, other: &Latencies) {
        // Both have the same bounds, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that this share of all (0 to 1) did not exceed; zero where there are none.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }

    /// The histogram itself, in microseconds, for the interval log.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies::new()
    }
}

/// The longest latency of each second, by when it was to begin: a stall of the machine stands in its own second and spoils no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slowest(BTreeMap<i64, Duration>);

impl Slowest {
    /// Counts one that was to begin then.
    pub fn record(&mut self, due: Wall, latency: Duration) {
        let slowest = self.0.entry(due.as_unix_micros().div_euclid(1_000_000)).or_default();
        *slowest = latency.max(*slowest);
    }

    /// Adds those of another thread.
    pub fn add(&mut self, other: &Slowest) {
        for (second, latency) in &other.0 {
            let slowest = self.0.entry(*second).or_default();
            *slowest = (*latency).max(*slowest);
        }
    }

    /// By Unix second.
    pub fn by_second(&self) -> &BTreeMap<i64, Duration> {
        &self.0
    }
}

/// What one agent saw of SIP.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// REGISTER, as scheduled, to its 200: both REGISTERs where it was challenged.
    pub registration: Latencies,
    /// INVITE, as scheduled, to the first response that says more than 100 or a challenge (RFC 6076 SRD).
    pub setup: Latencies,
    /// INVITE, as scheduled, to its 200.
    pub answer: Latencies,
    /// INVITE, as scheduled, to its refusal, the challenge and the second INVITE included.
    pub refusal: Latencies,
    /// The longest of each second.
    pub slowest_refusal: Slowest,
    /// BYE to its final response (RFC 6076 SDD).
    pub disconnect: Latencies,
    /// What was talked.
    pub talk: Talk,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that were answered and hung up by us, as they should be.
    pub completed: u64,
    /// Calls that were not, by reason.
    pub failed: Reasons,
    /// Registrations that succeeded.
    pub registered: u64,
    /// Registrations that did not, by reason; refreshes too.
    pub unregistered: Reasons,
    /// Calls whose sound found no room in the load test itself.
    pub soundless: u64,
    /// SIP requests and responses that were sent again.
    pub retransmissions: u64,
}

impl Figures {
    /// Adds what another agent saw.
    pub fn add(&mut self, other: Figures) {
        self.registration.add(&other.registration);
        self.setup.add(&other.setup);
        self.answer.add(&other.answer);
        self.refusal.add(&other.refusal);
        self.slowest_refusal.add(&other.slowest_refusal);
        self.disconnect.add(&other.disconnect);
        self.talk.add(other.talk);
        self.answered += other.answered;
        self.completed += other.completed;
        self.failed.add(other.failed);
        self.registered += other.registered;
        self.unregistered.add(other.unregistered);
        self.soundless += other.soundless;
        self.retransmissions += other.retransmissions;
    }
}

/// Talk time in begun seconds, call by call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Talk {
    /// The least that a switch that charges by the second can have counted.
    pub seconds_min: u64,
    /// The most.
    pub seconds_max: u64,
}

impl Talk {
    /// Counts a call that was answered. The switch saw the answer before us and our BYE after us, so it talked at least from our
    /// 200 to our BYE, and at most from our INVITE to the answer to our BYE.
    pub fn count(&mut self, least: Duration, most: Duration) {
        let begun = |talked: Duration| (talked.as_micros() as u64).div_ceil(1_000_000).max(1);
        self.seconds_min += begun(least);
        self.seconds_max += begun(most);
    }

    /// Adds those of another agent.
    pub fn add(&mut self, other: Talk) {
        self.seconds_min += other.seconds_min;
        self.seconds_max += other.seconds_max;
    }
}

/// How often something failed, by reason; at most [`REASONS_MAX`] reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons(BTreeMap<String, u64>);

impl Reasons {
    /// Counts so many for a reason.
    pub fn count(&mut self, reason: &str, times: u64) {
        if times == 0 {
            return;
        }
        let known = self.0.contains_key(reason) || self.0.len() < REASONS_MAX;
        let reason = if known { reason } else { OTHER_REASONS };
        *self.0.entry(reason.to_owned()).or_default() += times;
    }

    /// Adds those of another agent.
    pub fn add(&mut self, other: Reasons) {
        other.0.into_iter().for_each(|(reason, times)| self.count(&reason, times));
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Each reason and how often, by name.
    pub fn by_name(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

/// What is counted while it happens, for the progress line.
#[derive(Debug, Default)]
pub struct Live {
    /// Registrations with an outcome.
    pub registrations: AtomicU64,
    /// Calls that were handed to a PBX.
    pub begun: AtomicU64,
    /// Calls that were answered.
    pub answered: AtomicU64,
    /// Calls that are over, well or not.
    pub over: AtomicU64,
    /// Calls that failed.
    pub failed: AtomicU64,
    /// RTP packets that PBXs heard.
    pub heard: AtomicU64,
}

/// Counts one more.
pub fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Reads a counter.
pub fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 100;
    const STALL: (u64, u64) = (3_000_000, 5_000_000);
    const SERVICE: u64 = 2_000;

    /// When a server that stalls for two seconds in the middle answers what reaches it at `at` (virtual microseconds).
    fn answered_at(at: u64) -> u64 {
        if (STALL.0..STALL.1).contains(&at) { STALL.1 + SERVICE } else { at + SERVICE }
    }

    fn ms(latencies: &Latencies, share: f64) -> u128 {
        latencies.quantile(share).as_millis()
    }

    #[test]
    fn a_stall_of_the_server_shows_in_the_percentiles_of_an_open_loop_and_not_of_a_closed_one() {
        // Open: ten seconds of calls at their scheduled times.
        let mut open = Latencies::new();
        for index in 0..10 * RATE {
            let at = index * 1_000_000 / RATE;
            open.record(Duration::from_micros(answered_at(at) - at));
        }
        // Closed: the next call when the last one is answered, and no faster than the rate.
        let mut closed = Latencies::new();
        let mut at = 0;
        while at < 10_000_000 {
            let answered = answered_at(at);
            closed.record(Duration::from_micros(answered - at));
            at = answered.max(at + 1_000_000 / RATE);
        }
        assert_eq!((ms(&open, 0.5), ms(&closed, 0.5)), (2, 2));
        assert!(ms(&open, 0.99) >= 1_900, "p99 of the open loop: {} ms", ms(&open, 0.99));
        assert_eq!(ms(&closed, 0.99), 2, "the closed loop has one call in 800 that met the stall");
    }

    #[test]
    fn percentiles_are_within_a_thousandth_and_merge() {
        let (mut one, mut other) = (Latencies::new(), Latencies::new());
        for micros in 1..=50_000 {
            one.record(Duration::from_micros(micros));
            other.record(Duration::from_micros(micros + 50_000));
        }
        one.add(&other);
        assert_eq!(one.count(), 100_000);
        for (share, expected) in [(0.5, 50_000.0), (0.9, 90_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let found = one.quantile(share).as_micros() as f64;
            assert!((found / expected - 1.0).abs() < 0.001, "{share}: {found} for {expected}");
        }
    }

    #[test]
    fn what_takes_longer_than_the_limit_is_counted_as_the_limit_and_not_forgotten() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(3_600));
        assert_eq!(latencies.count(), 1);
        assert!(latencies.max() >= LATENCY_MAX - Duration::from_millis(200), "{:?}", latencies.max());
    }

    #[test]
    fn a_call_that_ends_near_a_full_second_may_have_cost_one_more() {
        let mut talk = Talk::default();
        let ms = Duration::from_millis;
        talk.count(ms(3_500), ms(3_520));
        assert_eq!(talk, Talk { seconds_min: 4, seconds_max: 4 });
        talk.count(ms(2_990), ms(3_010));
        assert_eq!(talk, Talk { seconds_min: 7, seconds_max: 8 });
        talk.count(ms(0), ms(3));
        assert_eq!(talk, Talk { seconds_min: 8, seconds_max: 9 });
    }

    #[test]
    fn reasons_beyond_the_limit_are_counted_together() {
        let mut reasons = Reasons::default();
        for number in 0..REASONS_MAX + 10 {
            reasons.count(&format!("reason {number}"), 2);
        }
        assert_eq!(reasons.total(), 2 * (REASONS_MAX as u64 + 10));
        assert_eq!(reasons.by_name()[OTHER_REASONS], 20);
    }

    #[test]
    fn the_longest_latency_of_each_second_stands_by_itself_whichever_thread_saw_it() {
        let (at, ms) = (Wall::from_unix_micros, Duration::from_millis);
        let (mut one, mut other) = (Slowest::default(), Slowest::default());
        one.record(at(7_999_999), ms(5));
        one.record(at(7_000_000), ms(3));
        other.record(at(7_500_000), ms(9));
        other.record(at(8_000_000), ms(1));
        one.add(&other);
        assert_eq!(one.by_second().iter().collect::<Vec<_>>(), [(&7, &ms(9)), (&8, &ms(1))]);
    }
}
