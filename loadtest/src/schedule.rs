//! When calls begin: a list that is fixed before the first one is sent.
//!
//! Nothing that the server does can move an entry: that is what makes the loop open. Who keeps to the list is `pacer`.

use domain::{Entropy, Monotonic};
use std::time::Duration;

/// Calls of one run at most: two hours and three quarters at 1,000 a second, 80 MB of schedule.
pub const ARRIVALS_MAX: usize = 10_000_000;

/// How calls follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// As people call: independently of each other, so that they come in bunches.
    Poisson,
    /// As a metronome.
    Constant,
}

/// The instants at which calls begin, ascending, from 0 on and below the duration of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    instants: Vec<Monotonic>,
}

impl Schedule {
    /// Draws up a schedule of `rate` calls a second on average for `duration`; the same seed gives the same one.
    ///
    /// # Errors
    /// Where that is no call at all, or more than [`ARRIVALS_MAX`].
    pub fn draw(arrivals: Arrivals, rate: f64, duration: Duration, seed: u64) -> Result<Schedule, String> {
        let expected = rate * duration.as_secs_f64();
        if !expected.is_finite() || expected > ARRIVALS_MAX as f64 {
            return Err(format!(
                "{rate} calls a second for {duration:?} are more than {ARRIVALS_MAX} calls: lower --rate or --duration"
            ));
        }
        let mut chance = Entropy::from_seed(u128::from(seed).to_le_bytes());
        let mut instants = Vec::with_capacity(expected as usize + 1);
        let mut index = 0_u64;
        let mut at_s = 0.0;
        loop {
            at_s = match arrivals {
                Arrivals::Constant => index as f64 / rate,
                Arrivals::Poisson => at_s + gap(&mut chance) / rate,
            };
            if at_s >= duration.as_secs_f64() || instants.len() == ARRIVALS_MAX {
                break;
            }
            instants.push(Monotonic::from_micros((at_s * 1e6) as u64));
            index += 1;
        }
        if instants.is_empty() {
            return Err(format!("{rate} calls a second for {duration:?} are no call: raise --rate or --duration"));
        }
        Ok(Schedule { instants })
    }

    /// The instants.
    pub fn instants(&self) -> &[Monotonic] {
        &self.instants
    }
}

/// An exponential gap of mean 1, from 53 random bits.
fn gap(chance: &mut Entropy) -> f64 {
    let uniform = ((chance.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -uniform.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_metronome_calls_at_every_beat() {
        let schedule = Schedule::draw(Arrivals::Constant, 4.0, Duration::from_secs(1), 1).unwrap();
        let micros: Vec<u64> = schedule.instants().iter().map(|at| at.as_micros()).collect();
        assert_eq!(micros, [0, 250_000, 500_000, 750_000]);
    }

    #[test]
    fn people_call_at_the_rate_on_average_and_in_bunches() {
        let schedule = Schedule::draw(Arrivals::Poisson, 200.0, MINUTE, 7).unwrap();
        let count = schedule.instants().len() as f64;
        // 12,000 expected; the standard deviation is its root, 110.
        assert!((count - 12_000.0).abs() < 440.0, "{count} calls");
        assert!(schedule.instants().is_sorted());
        assert!(schedule.instants().iter().all(|at| at.as_micros() < 60_000_000));
        // Of exponential gaps 1 - 1/e = 63 % are below the mean; of a metronome's none.
        let gaps: Vec<u64> =
            schedule.instants().windows(2).map(|two| two[1].as_micros() - two[0].as_micros()).collect();
        let short = gaps.iter().filter(|gap| **gap < 5_000).count() as f64 / gaps.len() as f64;
        assert!((short - 0.632).abs() < 0.03, "{short} of the gaps are below the mean");
    }

    #[test]
    fn one_seed_is_one_schedule() {
        let draw = |seed| Schedule::draw(Arrivals::Poisson, 50.0, MINUTE, seed).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn too_much_and_nothing_are_refused_in_words() {
        let too_much = Schedule::draw(Arrivals::Constant, 1e6, MINUTE, 1).unwrap_err();
        assert!(too_much.contains("lower --rate"), "{too_much}");
        let nothing = Schedule::draw(Arrivals::Poisson, 1e-9, MINUTE, 1).unwrap_err();
        assert!(nothing.contains("raise --rate"), "{nothing}");
    }
}
