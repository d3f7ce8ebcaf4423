//! Credit, the ledger and prices.
//!
//! Balances do not live here: what is shown is a float for display, and the ledger is exact.

use crate::error::Error;
use crate::families::{Counters, ExactCounters, Gauges, Histograms, Maker};
use crate::labels::{CurrencyLabel, LedgerOutcome, Pool, RowsIn};
use crate::telemetry::Telemetry;
use domain::credit::Code;
use domain::fact::{RechargeOutcome, RiskOutcome};
use domain::fraud::FraudRule;
use domain::payment::PaymentResult;
use domain::{Currency, Micros};
use std::time::Duration;

/// The sums of one currency over all companies, in micros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurrencyTotals {
    /// Posted on company accounts.
    pub companies: i128,
    /// Posted on profile accounts.
    pub profiles: i128,
    /// Held on any account.
    pub held: i128,
    /// Debits minus credits over all accounts; anything but zero is a bug.
    pub imbalance: i128,
    /// What customers have available below zero; likewise.
    pub overdraft: i128,
}

/// What the journal of the ledger has, and what its archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStands {
    /// Rows in the journal.
    pub kept: u64,
    /// Rows in the archive.
    pub archived: u64,
    /// How old the oldest row in the journal is.
    pub oldest: Duration,
}

/// What the ledger holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerTotals {
    /// By currency; what is not named is zero.
    pub currencies: Vec<(Currency, CurrencyTotals)>,
    /// Open holds of money.
    pub money_holds: u64,
    /// Batches applied and waiting for the disk.
    pub queued_batches: u64,
    /// Whether batches are answered.
    pub is_up: bool,
}

pub(crate) struct MoneyHandles {
    balance: Gauges<(Pool, CurrencyLabel)>,
    held: Gauges<(CurrencyLabel,)>,
    holds: Gauges<()>,
    entries: Counters<(Code, LedgerOutcome)>,
    amount: ExactCounters<(Code, CurrencyLabel)>,
    queued: Gauges<()>,
    commit: Histograms<()>,
    imbalance: Gauges<(CurrencyLabel,)>,
    overdraft: Gauges<(CurrencyLabel,)>,
    up: Gauges<()>,
    stalled: Gauges<()>,
    journal_rows: Gauges<(RowsIn,)>,
    journal_oldest: Gauges<()>,
    archive_failures: Counters<()>,
    journal_failures: Counters<()>,
    disagreements: Counters<()>,
    rebuilt: Counters<()>,
    risk: ExactCounters<(RiskOutcome, CurrencyLabel)>,
    recharges: Counters<(RechargeOutcome,)>,
    short_companies: Gauges<()>,
    fraud_blocks: Counters<(FraudRule,)>,
    fraud_alerts: Counters<(FraudRule,)>,
    fraud_suspended: Gauges<()>,
    breakers_open: Gauges<()>,
    breakers_unanswered: Gauges<()>,
    payment_answers: Counters<(PaymentResult,)>,
    open_payments: Gauges<()>,
    charge_tick: Histograms<()>,
}

impl MoneyHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            balance: maker.gauges("tandem_credit_balance")?,
            held: maker.gauges("tandem_credit_held")?,
            holds: maker.gauges("tandem_credit_holds")?,
            entries: maker.counters("tandem_ledger_entries_total")?,
            amount: maker.exact_counters("tandem_ledger_amount_total")?,
            queued: maker.gauges("tandem_ledger_queued_batches")?,
            commit: maker.histograms("tandem_ledger_commit_seconds")?,
            imbalance: maker.gauges("tandem_ledger_imbalance")?,
            overdraft: maker.gauges("tandem_ledger_overdraft")?,
            up: maker.gauges("tandem_ledger_up")?,
            stalled: maker.gauges("tandem_ledger_journal_stalled")?,
            journal_rows: maker.gauges("tandem_ledger_journal_rows")?,
            journal_oldest: maker.gauges("tandem_ledger_journal_oldest_seconds")?,
            archive_failures: maker.counters("tandem_ledger_archive_failures_total")?,
            journal_failures: maker.counters("tandem_ledger_journal_failures_total")?,
            disagreements: maker.counters("tandem_ledger_disagreements_total")?,
            rebuilt: maker.counters("tandem_ledger_rebuilt_total")?,
            risk: maker.exact_counters("tandem_credit_risk_total")?,
            recharges: maker.counters("tandem_auto_recharges_total")?,
            short_companies: maker.gauges("tandem_recharge_short_companies")?,
            fraud_blocks: maker.counters("tandem_fraud_blocks_total")?,
            fraud_alerts: maker.counters("tandem_fraud_alerts_total")?,
            fraud_suspended: maker.gauges("tandem_fraud_suspended_profiles")?,
            breakers_open: maker.gauges("tandem_breakers_open")?,
            breakers_unanswered: maker.gauges("tandem_breakers_unanswered")?,
            payment_answers: maker.counters("tandem_payment_answers_total")?,
            open_payments: maker.gauges("tandem_payments_open")?,
            charge_tick: maker.histograms("tandem_charge_tick_seconds")?,
        })
    }

    pub(crate) fn on_posted(&self, code: Code, applied: bool, amount: Micros, currency: Currency) {
        let outcome = if applied { LedgerOutcome::Committed } else { LedgerOutcome::Refused };
        self.entries.at((code, outcome)).increment(1);
        if applied {
            self.amount.at((code, CurrencyLabel::of(currency))).add(amount.get().unsigned_abs());
        }
    }

    pub(crate) fn on_charge_answered(&self, after: Duration) {
        self.charge_tick.at(()).record(after.as_secs_f64());
    }

    pub(crate) fn on_payment_answered(&self, result: PaymentResult) {
        self.payment_answers.at((result,)).increment(1);
    }

    pub(crate) fn on_fraud_seen(&self, rule: FraudRule) {
        self.fraud_alerts.at((rule,)).increment(1);
    }

    pub(crate) fn on_fraud_blocked(&self, rule: FraudRule) {
        self.fraud_blocks.at((rule,)).increment(1);
    }

    pub(crate) fn on_risked(&self, outcome: RiskOutcome, amount: Micros, currency: Currency) {
        self.risk.at((outcome, CurrencyLabel::of(currency))).add(amount.get().unsigned_abs());
    }

    pub(crate) fn on_recharged(&self, outcome: RechargeOutcome) {
        self.recharges.at((outcome,)).increment(1);
    }
}

/// Micros as units of the currency, for display.
pub(crate) fn units(amount: i128) -> f64 {
    amount as f64 / 1_000_000.0
}

impl Telemetry {
    /// Takes over what the ledger holds. Currencies without a label of their own are summed.
    pub fn set_ledger(&self, totals: &LedgerTotals) {
        for label in CurrencyLabel::ALL {
            let mut sum = CurrencyTotals::default();
            let of_label = totals.currencies.iter().filter(|(currency, _)| CurrencyLabel::of(*currency) == label);
            for (_, currency) in of_label {
                sum.companies += currency.companies;
                sum.profiles += currency.profiles;
                sum.held += currency.held;
                sum.overdraft += currency.overdraft;
                // Where several currencies share a label, two bugs must not hide each other.
                let shared = label == CurrencyLabel::Other;
                sum.imbalance += if shared { currency.imbalance.abs() } else { currency.imbalance };
            }
            self.money.balance.at((Pool::Company, label)).set(units(sum.companies));
            self.money.balance.at((Pool::Profile, label)).set(units(sum.profiles));
            self.money.held.at((label,)).set(units(sum.held));
            self.money.imbalance.at((label,)).set(units(sum.imbalance));
            self.money.overdraft.at((label,)).set(units(sum.overdraft));
        }
        self.money.holds.at(()).set(totals.money_holds as f64);
        self.money.queued.at(()).set(totals.queued_batches as f64);
        self.money.up.at(()).set(f64::from(u8::from(totals.is_up)));
    }

    /// The disk of the journal did not take a group, or takes them again.
    pub fn set_journal_stalled(&self, is_stalled: bool) {
        self.money.stalled.at(()).set(f64::from(u8::from(is_stalled)));
        if is_stalled {
            self.money.journal_failures.at(()).increment(1);
        }
    }

    /// How many rows the journal and its archive have.
    pub fn set_journal_stands(&self, stands: JournalStands) {
        self.money.journal_rows.at((RowsIn::Journal,)).set(stands.kept as f64);
        self.money.journal_rows.at((RowsIn::Archive,)).set(stands.archived as f64);
        self.money.journal_oldest.at(()).set(stands.oldest.as_secs_f64());
    }

    /// Old rows of the journal could not be archived.
    pub fn count_archive_failure(&self) {
        self.money.archive_failures.at(()).increment(1);
    }

    /// Redis said what does not follow from the journal.
    pub fn count_ledger_disagreement(&self) {
        self.money.disagreements.at(()).increment(1);
    }

    /// A company was made in Redis what the journal says.
    pub fn count_ledger_rebuilt(&self) {
        self.money.rebuilt.at(()).increment(1);
    }

    /// How many companies could not pay the next recharge of each of their profiles (K10).
    pub fn set_short_companies(&self, companies: u64) {
        self.money.short_companies.at(()).set(companies as f64);
    }

    /// How many profiles a rule against fraud has stopped, how many breakers are open, and how many of those nobody has answered.
    pub fn set_fraud(&self, suspended: u64, open: u64, unanswered: u64) {
        self.money.fraud_suspended.at(()).set(suspended as f64);
        self.money.breakers_open.at(()).set(open as f64);
        self.money.breakers_unanswered.at(()).set(unanswered as f64);
    }

    /// How many payments wait for their result, or to be booked.
    pub fn set_open_payments(&self, payments: u64) {
        self.money.open_payments.at(()).set(payments as f64);
    }

    /// A group of batches was made durable.
    pub fn observe_ledger_commit(&self, took: Duration) {
        self.money.commit.at(()).record(took.as_secs_f64());
    }

    /// The ledger did not answer a batch.
    pub fn count_ledger_failure(&self, code: Code) {
        self.money.entries.at((code, LedgerOutcome::Failed)).increment(1);
    }
}
