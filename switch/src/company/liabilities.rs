//! The forecast of what recharges of profiles may take from their company soon (K10).
//!
//! Who is told of it, and when, does not live here.

use crate::directory::AutoRecharge;
use domain::Micros;

/// What a profile's recharges may take from its company at its next crossing: one recharge; where it is at its threshold already,
/// as many as lift it above.
pub fn liability(auto: AutoRecharge, available: Micros) -> Micros {
    let (amount, below) = (auto.amount.get(), auto.threshold.get().saturating_sub(available.get()));
    if amount <= 0 {
        return Micros::ZERO;
    }
    // At the threshold is below it (D-08): so many whole amounts and one more.
    let times = if below < 0 { 1 } else { below / amount + 1 };
    Micros::new(amount.saturating_mul(times))
}

/// What all profiles of a company may take, beside what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liabilities {
    /// Profiles that are recharged by themselves.
    pub profiles: u32,
    /// What they may take at their next crossings.
    pub amount: Micros,
    /// What the company has available.
    pub available: Micros,
}

impl Liabilities {
    /// Those of a company with this much available and these profiles, each with what it has available.
    pub fn of(available: Micros, profiles: impl IntoIterator<Item = (AutoRecharge, Micros)>) -> Liabilities {
        let mut found = Liabilities { profiles: 0, amount: Micros::ZERO, available };
        for (auto, left) in profiles {
            found.profiles += 1;
            found.amount = Micros::new(found.amount.get().saturating_add(liability(auto, left).get()));
        }
        found
    }

    /// Whether the company could pay all of them now.
    pub fn are_covered(&self) -> bool {
        self.amount <= self.available
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(cents: i64) -> Micros {
        Micros::from_cents(cents)
    }

    const TEN_AT_FIVE: AutoRecharge =
        AutoRecharge { amount: Micros::from_cents(1_000), threshold: Micros::from_cents(500) };

    /// K10.
    #[test]
    fn a_profile_that_has_enough_may_take_one_recharge_and_one_that_is_low_as_many_as_lift_it_above() {
        let cases = [(9_000, 1_000), (501, 1_000), (500, 1_000), (0, 1_000), (-500, 2_000), (-499, 1_000)];
        for (available, expected) in cases {
            assert_eq!(liability(TEN_AT_FIVE, cents(available)), cents(expected), "{available} cents available");
        }
        let tiny = AutoRecharge { amount: cents(100), threshold: cents(500) };
        assert_eq!(liability(tiny, cents(500)), cents(100));
        assert_eq!(liability(tiny, cents(0)), cents(600), "five recharges are at the threshold still");
    }

    /// K10.
    #[test]
    fn liabilities_are_covered_up_to_the_last_cent() {
        let two = [(TEN_AT_FIVE, cents(900)), (TEN_AT_FIVE, cents(10))];
        let enough = Liabilities::of(cents(2_000), two);
        assert_eq!((enough.profiles, enough.amount, enough.are_covered()), (2, cents(2_000), true));
        assert!(!Liabilities::of(cents(1_999), two).are_covered());
        assert!(Liabilities::of(cents(0), []).are_covered(), "who recharges nobody owes nothing");
    }

    #[test]
    fn amounts_without_end_do_not_overflow() {
        let most = AutoRecharge { amount: Micros::new(i64::MAX), threshold: Micros::new(i64::MAX) };
        assert_eq!(
            Liabilities::of(Micros::ZERO, [(most, Micros::new(-1)), (most, Micros::ZERO)]).amount.get(),
            i64::MAX
        );
    }
}
