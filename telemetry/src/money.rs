//! Credit, the ledger and prices.
//!
//! Balances do not live here: what is shown is a float for display, and the ledger is exact.

use crate::error::Error;
use crate::families::{Counters, ExactCounters, Gauges, Histograms, Maker};
use crate::labels::{CurrencyLabel, LedgerOutcome, Pool, RatingFailure};
use crate::telemetry::Telemetry;
use domain::credit::Code;
use domain::fact::RechargeOutcome;
use domain::{Currency, Micros};
use std::time::Duration;

/// What the ledger holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerTotals {
    /// The posted balances of companies and profiles.
    pub balances: Vec<(Pool, Currency, Micros)>,
    /// Money held.
    pub held: Vec<(Currency, Micros)>,
    /// Open holds of money.
    pub holds: u64,
    /// The sum over all accounts, by currency; anything but zero is a bug.
    pub imbalance: Vec<(Currency, Micros)>,
}

pub(crate) struct MoneyHandles {
    balance: Gauges<(Pool, CurrencyLabel)>,
    held: Gauges<(CurrencyLabel,)>,
    holds: Gauges<()>,
    entries: Counters<(Code, LedgerOutcome)>,
    amount: ExactCounters<(Code, CurrencyLabel)>,
    commit: Histograms<()>,
    imbalance: Gauges<(CurrencyLabel,)>,
    recharges: Counters<(RechargeOutcome,)>,
    rating: Histograms<()>,
    rating_failures: Counters<(RatingFailure,)>,
}

impl MoneyHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            balance: maker.gauges("tandem_credit_balance")?,
            held: maker.gauges("tandem_credit_held")?,
            holds: maker.gauges("tandem_credit_holds")?,
            entries: maker.counters("tandem_ledger_entries_total")?,
            amount: maker.exact_counters("tandem_ledger_amount_total")?,
            commit: maker.histograms("tandem_ledger_commit_seconds")?,
            imbalance: maker.gauges("tandem_ledger_imbalance")?,
            recharges: maker.counters("tandem_auto_recharges_total")?,
            rating: maker.histograms("tandem_rating_seconds")?,
            rating_failures: maker.counters("tandem_rating_failures_total")?,
        })
    }

    pub(crate) fn on_posted(&self, code: Code, applied: bool, amount: Micros, currency: Currency) {
        let outcome = if applied { LedgerOutcome::Committed } else { LedgerOutcome::Refused };
        self.entries.at((code, outcome)).increment(1);
        if applied {
            self.amount.at((code, CurrencyLabel::of(currency))).add(amount.get().unsigned_abs());
        }
    }

    pub(crate) fn on_recharged(&self, outcome: RechargeOutcome) {
        self.recharges.at((outcome,)).increment(1);
    }
}

/// Micros as units of the currency, for display.
fn units(amount: i128) -> f64 {
    amount as f64 / 1_000_000.0
}

impl Telemetry {
    /// Takes over what the ledger holds. Currencies without a label of their own are summed; what is not named is zero.
    pub fn set_ledger(&self, totals: &LedgerTotals) {
        const CURRENCIES: [CurrencyLabel; 4] =
            [CurrencyLabel::Usd, CurrencyLabel::Eur, CurrencyLabel::Gbp, CurrencyLabel::Other];
        let sum = |amounts: &[(Currency, Micros)], wanted: CurrencyLabel, of: fn(i64) -> i128| -> f64 {
            let of_currency = amounts.iter().filter(|(currency, _)| CurrencyLabel::of(*currency) == wanted);
            units(of_currency.map(|(_, amount)| of(amount.get())).sum())
        };
        for currency in CURRENCIES {
            for pool in [Pool::Company, Pool::Profile] {
                let of_pool = totals.balances.iter().filter(|(whose, ..)| *whose == pool);
                let amounts: Vec<_> = of_pool.map(|(_, currency, amount)| (*currency, *amount)).collect();
                self.money.balance.at((pool, currency)).set(sum(&amounts, currency, i128::from));
            }
            self.money.held.at((currency,)).set(sum(&totals.held, currency, i128::from));
            // Absolute where several currencies share a label, so that two bugs cannot hide each other.
            let of = if currency == CurrencyLabel::Other { |amount| i128::from(amount).abs() } else { i128::from };
            self.money.imbalance.at((currency,)).set(sum(&totals.imbalance, currency, of));
        }
        self.money.holds.at(()).set(totals.holds as f64);
    }

    /// A group of batches was made durable.
    pub fn observe_ledger_commit(&self, took: Duration) {
        self.money.commit.at(()).record(took.as_secs_f64());
    }

    /// The ledger did not answer a batch.
    pub fn count_ledger_failure(&self, code: Code) {
        self.money.entries.at((code, LedgerOutcome::Failed)).increment(1);
    }

    /// A rate was looked for.
    pub fn observe_rating(&self, took: Duration) {
        self.money.rating.at(()).record(took.as_secs_f64());
    }

    /// A call has no price.
    pub fn count_rating_failure(&self, reason: RatingFailure) {
        self.money.rating_failures.at((reason,)).increment(1);
    }
}
