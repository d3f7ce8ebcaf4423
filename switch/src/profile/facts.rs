//! What a profile says about batches and recharges, once per answer.
//!
//! What counts and what is logged is `telemetry`'s.

use super::Profile;
use super::request::{Effect, Posting};
use domain::credit::{Kind, Unit};
use domain::fact::RechargeOutcome;
use domain::{Currency, Fact, Micros};

impl Profile {
    pub(super) fn say_recharged(&self, outcome: RechargeOutcome, posting: &Posting, effects: &mut Vec<Effect>) {
        if let Some(Kind::PostIfAvailableAtMost { amount, .. }) =
            posting.batch.transfers.first().map(|first| first.kind)
        {
            let (profile, amount) = (self.id, Micros::new(amount));
            effects.push(Effect::Tell(Fact::AutoRecharged { profile, outcome, amount }));
        }
    }

    pub(super) fn say_posted(&self, posting: &Posting, applied: bool, effects: &mut Vec<Effect>) {
        let Some(first) = posting.batch.transfers.first() else { return };
        let Some(currency) = currency_of(posting).or_else(|| self.accounts().map(|accounts| accounts.currency)) else {
            return;
        };
        let amount = if applied { moved(posting) } else { Micros::ZERO };
        effects.push(Effect::Tell(Fact::LedgerPosted { code: first.code, applied, amount, currency }));
    }
}

/// The money that a batch moves by posts and captures; channels are only ever held.
fn moved(posting: &Posting) -> Micros {
    let amount = |kind: Kind| match kind {
        Kind::Post { amount, .. } | Kind::PostIfAvailableAtMost { amount, .. } | Kind::Capture { amount, .. } => amount,
        Kind::Hold { .. } | Kind::Release { .. } | Kind::Extend { .. } => 0,
    };
    posting.batch.transfers.iter().map(|transfer| Micros::new(amount(transfer.kind))).sum()
}

/// The currency that a batch names, where it names one.
fn currency_of(posting: &Posting) -> Option<Currency> {
    posting.batch.transfers.iter().find_map(|transfer| match transfer.kind {
        Kind::Post { debit, .. } | Kind::PostIfAvailableAtMost { debit, .. } | Kind::Hold { debit, .. } => {
            match debit.unit {
                Unit::Money(currency) => Some(currency),
                Unit::BundleSeconds | Unit::Channels => None,
            }
        }
        Kind::Capture { .. } | Kind::Release { .. } | Kind::Extend { .. } => None,
    })
}
