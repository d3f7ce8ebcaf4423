//! What each profile may spend and what its calls do without a ledger; and planted bugs: a switch that goes by other terms.
//!
//! It is code of the test world; there is no switch for the bugs in the product.

use domain::Caps;
use domain::credit_failure::CreditFailure;
use domain::fraud::{FraudRules, FraudTerms, SpendLimit};

/// The terms of a profile that concern money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What its calls do while the ledger cannot answer (RFC 8506 5.7).
    pub credit_failure: CreditFailure,
    /// What a call of it may cost.
    pub caps: Caps,
    /// What its calls may cost in a day.
    pub daily_cap: Option<SpendLimit>,
}

/// How the switch misreads the terms of every profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermsBug {
    /// Who is to end when the ledger cannot answer asks again.
    RetriesInsteadOfTerminating,
    /// Who may speak on unpaid does so for five minutes.
    ForgetsSeconds,
    /// ... and for as much as it likes.
    ForgetsRisk,
    /// A call may cost anything.
    ForgetsDearestCall,
    /// So may a minute.
    ForgetsDearestRate,
    /// Nothing counts against the cap of a day.
    ForgetsDailyCap,
}

impl Terms {
    /// By what the switch goes.
    pub(super) fn as_read(self, bug: Option<TermsBug>) -> Terms {
        let Some(bug) = bug else { return self };
        let mut read = self;
        match (bug, &mut read.credit_failure) {
            (TermsBug::RetriesInsteadOfTerminating, policy @ CreditFailure::Terminate) => {
                *policy = CreditFailure::Retry
            }
            (TermsBug::ForgetsSeconds, CreditFailure::Continue { for_s, .. }) => *for_s = 300,
            (TermsBug::ForgetsRisk, CreditFailure::Continue { risk, .. }) => *risk = domain::Micros::new(1 << 40),
            (TermsBug::ForgetsDearestCall, _) => read.caps.max_call_cost = None,
            (TermsBug::ForgetsDearestRate, _) => read.caps.max_rate = None,
            (TermsBug::ForgetsDailyCap, _) => read.daily_cap = None,
            _ => {}
        }
        read
    }

    /// Its rules against fraud: the cap, and nothing else.
    pub(super) fn fraud(self) -> FraudTerms {
        FraudTerms { rules: FraudRules { daily_cap: self.daily_cap, ..FraudRules::default() }, ..FraudTerms::default() }
    }
}
