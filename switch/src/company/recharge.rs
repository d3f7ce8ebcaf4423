//! Whether a company is to be recharged by a payment now (A3): by what it has, what it agreed to, and the payments there were.
//!
//! | What there is | What follows |
//! |---|---|
//! | more available than the threshold | nothing |
//! | an automatic payment that is open | nothing: one at a time |
//! | one that was declined or cancelled, younger than the cool-down and than the terms | wait |
//! | as much paid in a day or 30 days as was agreed to | wait |
//! | none of these | a payment |
//!
//! It remembers nothing by itself, so it forgets nothing in a crash. How a payment goes on is [`super::Paying`]'s.

use domain::payment::{Payment, PaymentState};
use domain::{Micros, Wall};
use std::time::Duration;

/// What [`Terms::day_max`] counts.
pub const DAY: Duration = Duration::from_hours(24);
/// What [`Terms::month_max`] counts, and how far back payments need be known.
pub const MONTH: Duration = Duration::from_hours(30 * 24);

/// What a company agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How much at once; more than zero.
    pub amount: Micros,
    /// When this much or less is available (D-08).
    pub threshold: Micros,
    /// By automatic payments in any 24 hours at most.
    pub day_max: Micros,
    /// By automatic payments in any 30 days at most.
    pub month_max: Micros,
    /// Since when: a decline before it is forgiven.
    pub set_at: Wall,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it has enough.
    Enough,
    /// Nothing before the payment that is under way has ended.
    UnderWay,
    /// Nothing before then: the last payment was declined, or cancelled.
    CoolingDown {
        /// When it may be tried again.
        until: Wall,
    },
    /// Nothing before then: as much is paid as was agreed to.
    AtMaximum {
        /// When the oldest payment that counts is old enough.
        until: Wall,
        /// Whether it is that of a day; else of 30 days.
        of_day: bool,
    },
    /// Pay this much.
    Pay(Micros),
}

impl Terms {
    /// Decides, with the company's payments of the last [`MONTH`] in any order; older ones and ordered ones do not count.
    pub fn decide(&self, available: Micros, payments: &[Payment], cool_down: Duration, now: Wall) -> Decision {
        if available > self.threshold {
            return Decision::Enough;
        }
        let automatic = || payments.iter().filter(|payment| payment.automatic);
        if automatic().any(|payment| payment.state.is_open()) {
            return Decision::UnderWay;
        }
        let was_refused =
            |payment: &&Payment| matches!(payment.state, PaymentState::Declined | PaymentState::Cancelled);
        let declined = automatic().filter(was_refused);
        let declined_at = declined.map(|payment| payment.changed_at).max().filter(|at| *at >= self.set_at);
        if let Some(until) = declined_at.map(|at| at + cool_down).filter(|until| now < *until) {
            return Decision::CoolingDown { until };
        }
        for (span, most, of_day) in [(DAY, self.day_max, true), (MONTH, self.month_max, false)] {
            if let Some(until) = self.full_until(span, most, automatic(), now) {
                return Decision::AtMaximum { until, of_day };
            }
        }
        Decision::Pay(self.amount)
    }

    /// Until when one more payment would be too much for this span; none where it would not be.
    fn full_until<'a>(
        &self,
        span: Duration,
        most: Micros,
        payments: impl Iterator<Item = &'a Payment>,
        now: Wall,
    ) -> Option<Wall> {
        let counts = |payment: &&Payment| payment.state == PaymentState::Booked && payment.opened_at + span > now;
        let mut counted: Vec<&Payment> = payments.filter(counts).collect();
        counted.sort_by_key(|payment| payment.opened_at);
        let sum = |payments: &[&Payment]| payments.iter().fold(0i64, |sum, paid| sum.saturating_add(paid.amount.get()));
        let fits = |payments: &[&Payment]| sum(payments).saturating_add(self.amount.get()) <= most.get();
        if fits(&counted) {
            return None;
        }
        let gone = (1..=counted.len()).find(|gone| fits(&counted[*gone..]));
        // Where not even one fits, there is nothing to wait for but other terms.
        let last = gone.and_then(|gone| counted.get(gone - 1));
        Some(last.map_or(now + span, |payment| payment.opened_at + span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{CompanyId, Currency, PaymentId};

    const NOON: Wall = Wall::from_unix_seconds(1_800_000_000);
    const COOL_DOWN: Duration = Duration::from_hours(6);
    const TERMS: Terms = Terms {
        amount: Micros::from_cents(5_000),
        threshold: Micros::from_cents(2_000),
        day_max: Micros::from_cents(10_000),
        month_max: Micros::from_cents(15_000),
        set_at: Wall::from_unix_seconds(1_700_000_000),
    };

    fn paid(hours_ago: u64, state: PaymentState) -> Payment {
        let at = NOON - Duration::from_hours(hours_ago);
        Payment {
            id: PaymentId::from_bits(hours_ago.into()),
            company: CompanyId::from_bits(1),
            currency: Currency::USD,
            amount: Micros::from_cents(5_000),
            automatic: true,
            method: None,
            provider: "sandbox".into(),
            state,
            reference: None,
            attempts: 1,
            because: None,
            opened_at: at,
            changed_at: at,
        }
    }

    fn decide(cents: i64, payments: &[Payment]) -> Decision {
        TERMS.decide(Micros::from_cents(cents), payments, COOL_DOWN, NOON)
    }

    /// A3, D-08.
    #[test]
    fn a_company_is_recharged_when_the_threshold_is_reached_and_not_before() {
        assert_eq!(decide(2_001, &[]), Decision::Enough);
        assert_eq!(decide(2_000, &[]), Decision::Pay(Micros::from_cents(5_000)));
    }

    /// A3: whatever the payment under way is about to become.
    #[test]
    fn one_payment_is_under_way_at_a_time_and_an_ordered_one_is_none() {
        for state in [PaymentState::Opened, PaymentState::Pending, PaymentState::Paid] {
            assert_eq!(decide(0, &[paid(800, state)]), Decision::UnderWay, "{state:?}");
            let ordered = Payment { automatic: false, ..paid(1, state) };
            assert_eq!(decide(0, &[ordered]), Decision::Pay(TERMS.amount));
        }
        let cancelled = decide(0, &[paid(1, PaymentState::Cancelled)]);
        assert_eq!(cancelled, Decision::CoolingDown { until: NOON + Duration::from_hours(5) }, "somebody gave it up");
    }

    #[test]
    fn after_a_decline_nothing_is_tried_until_it_has_cooled_down_or_the_terms_are_set_anew() {
        let declined = [paid(5, PaymentState::Declined), paid(400, PaymentState::Declined)];
        assert_eq!(decide(0, &declined), Decision::CoolingDown { until: NOON + Duration::from_hours(1) });
        assert_eq!(decide(0, &[paid(6, PaymentState::Declined)]), Decision::Pay(TERMS.amount));
        let anew = Terms { set_at: NOON - Duration::from_hours(1), ..TERMS };
        assert_eq!(anew.decide(Micros::ZERO, &declined, COOL_DOWN, NOON), Decision::Pay(TERMS.amount));
    }

    #[test]
    fn no_more_is_paid_in_a_day_and_in_thirty_days_than_was_agreed_to() {
        let two = [paid(23, PaymentState::Booked), paid(3, PaymentState::Booked)];
        assert_eq!(decide(0, &two), Decision::AtMaximum { until: NOON + Duration::from_hours(1), of_day: true });
        let apart = [paid(24, PaymentState::Booked), paid(3, PaymentState::Booked)];
        assert_eq!(decide(0, &apart), Decision::Pay(TERMS.amount));
        let three = [700, 48, 3].map(|hours| paid(hours, PaymentState::Booked));
        assert_eq!(decide(0, &three), Decision::AtMaximum { until: NOON + Duration::from_hours(20), of_day: false });
        let never = Terms { day_max: Micros::from_cents(1), ..TERMS };
        let waits = Decision::AtMaximum { until: NOON + DAY, of_day: true };
        assert_eq!(never.decide(Micros::ZERO, &[], COOL_DOWN, NOON), waits);
    }
}
