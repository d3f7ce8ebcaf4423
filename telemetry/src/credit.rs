//! What a process that died now would lose, and how soon customers have spent what they have. Customers have no series of their own: there
//! may be any number of them, and the API names each.
//!
//! Sums of balances are in [`crate::money`].

use crate::error::Error;
use crate::families::{Counts, Gauges, Maker};
use crate::labels::{CurrencyLabel, Emptying};
use crate::money::units;
use crate::telemetry::Telemetry;
use domain::{Currency, Micros};

/// What is at risk and what is running out, now.
#[derive(Clone, Debug, Default)]
pub struct CreditTotals {
    /// Seconds that were spoken, and that the next start would not know of.
    pub seconds_at_risk: u64,
    /// What they cost, by currency; what is not named is nothing.
    pub at_risk: Vec<(Currency, Micros)>,
    /// Customers' accounts, of money or seconds, with less than zero available.
    pub below_zero: u64,
    /// Profiles that spend, by when they will have nothing left.
    pub emptying: Counts<(Emptying,)>,
    /// Companies that spend, by when they and all of their profiles will have nothing left.
    pub companies_emptying: Counts<(Emptying,)>,
}

pub(crate) struct CreditHandles {
    seconds_at_risk: Gauges<()>,
    at_risk: Gauges<(CurrencyLabel,)>,
    below_zero: Gauges<()>,
    emptying: Gauges<(Emptying,)>,
    companies_emptying: Gauges<(Emptying,)>,
}

impl CreditHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            seconds_at_risk: maker.gauges("tandem_seconds_at_risk")?,
            at_risk: maker.gauges("tandem_credit_at_risk")?,
            below_zero: maker.gauges("tandem_ledger_accounts_below_zero")?,
            emptying: maker.gauges("tandem_profiles_emptying")?,
            companies_emptying: maker.gauges("tandem_companies_emptying")?,
        })
    }
}

impl Telemetry {
    /// Takes over what is at risk. Currencies without a label of their own are summed.
    pub fn set_credit(&self, totals: &CreditTotals) {
        for label in CurrencyLabel::ALL {
            let of_label = totals.at_risk.iter().filter(|(currency, _)| CurrencyLabel::of(*currency) == label);
            let sum: i128 = of_label.map(|(_, amount)| i128::from(amount.get())).sum();
            self.credit.at_risk.at((label,)).set(units(sum));
        }
        self.credit.seconds_at_risk.at(()).set(totals.seconds_at_risk as f64);
        self.credit.below_zero.at(()).set(totals.below_zero as f64);
        for within in [Emptying::Minute, Emptying::TenMinutes, Emptying::Hour, Emptying::Day, Emptying::Later] {
            self.credit.emptying.at((within,)).set(totals.emptying.get((within,)) as f64);
            let companies = totals.companies_emptying.get((within,));
            self.credit.companies_emptying.at((within,)).set(companies as f64);
        }
    }
}
