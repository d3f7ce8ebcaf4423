//! Auto-recharge (K6): credit moves from the company when little is available, once per crossing, and not too often.
//!
//! That it happens once is the ledger's law ([`Kind::PostIfAvailableAtMost`]); here it is only decided when to ask for it.

use super::books::{Accounts, Draft};
use super::request::{Effect, Papers, Posting};
use super::upkeep::{UNANSWERED_AGAIN_AFTER, UNAVAILABLE_AGAIN_AFTER};
use super::{Profile, answers, batches};
use crate::directory::AutoRecharge;
use domain::credit::{Batch, BatchId, Code, Durability, Kind, Outcome, RefusedBecause, Transfer};
use domain::fact::RechargeOutcome;
use domain::{Fact, Micros, Monotonic, Now};
use std::collections::VecDeque;
use std::time::Duration;

/// Recharges of one profile in an hour at most (K6): a profile with 300 busy channels and a small recharge amount needs one every
/// few minutes; more than one a minute is a mistake or a thief.
pub const RECHARGES_PER_HOUR_MAX: usize = 60;
/// Where the credit of a profile that is not recharged by itself is low: the lowest threshold that is recommended for who is (K7).
pub const LOW_CREDIT: Micros = Micros::new(5_000_000);
const HOUR: Duration = Duration::from_secs(3_600);
/// After a recharge that failed, debits do not try again for this long; a top-up of the company does at once.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// When a profile was recharged, and whether it is being.
#[derive(Clone, Debug, Default)]
pub(super) struct Recharging {
    /// Of the last batch. Starts from the wall clock, so that a machine born later uses no id twice.
    last_sequence: u64,
    /// What the ledger has been asked, and when to ask it again.
    pub(super) posted: Option<(Posting, Monotonic)>,
    /// When it succeeded within the last hour, oldest first; at most [`RECHARGES_PER_HOUR_MAX`].
    recent: VecDeque<Monotonic>,
    /// Since when the company has too little.
    failed_at: Option<Monotonic>,
}

impl Recharging {
    /// Whether a recharge may be tried now because of a debit.
    pub(super) fn is_allowed(&mut self, now: Now) -> bool {
        self.forget(now);
        let waits = self.failed_at.is_some_and(|failed_at| now.monotonic < failed_at + RETRY_AFTER);
        !waits && self.recent.len() < RECHARGES_PER_HOUR_MAX
    }

    /// Whether one failed and none has succeeded since.
    pub(super) fn is_owed(&self) -> bool {
        self.failed_at.is_some()
    }

    /// The company has more credit: the next try need not wait.
    pub(super) fn forgive(&mut self) {
        self.failed_at = None;
    }

    /// The batch of a recharge by itself, for where none is on its way.
    pub(super) fn post(&mut self, accounts: Accounts, auto: AutoRecharge, now: Now) -> Option<Posting> {
        if self.posted.is_some() {
            return None;
        }
        let clock = u64::try_from(now.wall.as_unix_micros()).unwrap_or(0);
        self.last_sequence = clock.max(self.last_sequence + 1);
        let posting = Posting {
            batch: Batch {
                id: BatchId { subject: accounts.profile.bits(), sequence: self.last_sequence },
                company: accounts.company,
                at: now.wall,
                transfers: vec![transfer(accounts, auto, auto.threshold)],
                memo: None,
            },
            papers: Papers::None,
            durability: Durability::WithNextGroup,
        };
        self.posted = Some((posting.clone(), now.monotonic + UNANSWERED_AGAIN_AFTER));
        Some(posting)
    }

    /// A recharge was credited.
    pub(super) fn succeed(&mut self, now: Now) {
        self.forget(now);
        self.failed_at = None;
        self.recent.push_back(now.monotonic);
    }

    /// The company had too little.
    pub(super) fn fail(&mut self, now: Now) {
        self.failed_at = Some(now.monotonic);
    }

    /// When the oldest recharge of the hour is forgotten.
    pub(super) fn forgets_at(&self) -> Option<Monotonic> {
        self.recent.front().map(|at| *at + HOUR)
    }

    /// Forgets what is older than an hour.
    pub(super) fn forget(&mut self, now: Now) {
        while self.forgets_at().is_some_and(|at| at <= now.monotonic) {
            self.recent.pop_front();
        }
    }

    /// Whether nothing of it need be remembered.
    pub(super) fn is_idle(&self) -> bool {
        self.posted.is_none() && self.recent.is_empty() && self.failed_at.is_none()
    }
}

impl Profile {
    /// Recharges where this little is available (K6), unless that is on its way already.
    pub(super) fn recharge_where_low(
        &mut self,
        accounts: Accounts,
        available: Micros,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(auto) = self.auto_recharge().filter(|auto| available <= auto.threshold) else { return };
        if self.recharge.is_allowed(now) {
            self.post_recharge(accounts, auto, now, effects);
        }
    }

    fn post_recharge(&mut self, accounts: Accounts, auto: AutoRecharge, now: Now, effects: &mut Vec<Effect>) {
        effects.extend(self.recharge.post(accounts, auto, now).map(Effect::Submit));
        self.arm_sweep(now.monotonic + UNANSWERED_AGAIN_AFTER);
    }

    /// The ledger answered a recharge by itself.
    pub(super) fn on_recharge_answered(
        &mut self,
        batch: BatchId,
        outcome: Outcome,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some((posting, _)) = self.recharge.posted.take_if(|(posting, _)| posting.batch.id == batch) else { return };
        match answers::first_outcome(outcome) {
            Outcome::Unavailable => {
                let again_at = now.monotonic + UNAVAILABLE_AGAIN_AFTER;
                self.recharge.posted = Some((posting, again_at));
                self.arm_sweep(again_at);
            }
            Outcome::Applied(balances) => {
                self.recharge.succeed(now);
                self.say_recharged(RechargeOutcome::Ok, &posting, effects);
                self.forget_warnings(effects);
                // Still at the threshold: once more.
                self.watch_balance(self.accounts(), &balances, now, effects);
                self.feed(now, effects);
                self.foresee(now, effects);
            }
            Outcome::Refused(refusal) => {
                if matches!(refusal.because, RefusedBecause::InsufficientFunds { .. }) {
                    self.recharge.fail(now);
                    self.say_recharged(RechargeOutcome::CompanyEmpty, &posting, effects);
                } else {
                    // Somebody else was faster, and the profile has enough.
                    self.recharge.forgive();
                }
            }
            Outcome::Replayed(_) => {}
        }
    }

    /// A recharge that failed is tried again at once, also one that failed before a restart and that nobody remembers; where enough is
    /// available, the ledger refuses it.
    pub(super) fn on_company_topped_up(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.recharge.forgive();
        if let (Some(accounts), Some(auto)) = (self.accounts(), self.auto_recharge())
            && self.recharge.is_allowed(now)
        {
            self.post_recharge(accounts, auto, now, effects);
        }
        // Who has more than the threshold and less than a block is recharged by the hold that is asked for again.
        if self.auto_recharge().is_some() {
            self.on_credit_added(now, effects);
        }
    }

    /// Whether a recharge would pay what calls ask for.
    pub(super) fn is_recharged(&mut self, now: Now) -> bool {
        self.auto_recharge().is_some() && !self.recharge.is_owed() && self.recharge.is_allowed(now)
    }

    /// Whether a recharge may stand in front of this draft's batch.
    pub(super) fn may_link(&mut self, draft: &Draft, now: Now) -> bool {
        batches::needed(&draft.request).is_some() && self.auto_recharge().is_some() && self.recharge.is_allowed(now)
    }

    /// How a recharge went.
    pub(super) fn say_recharged(&self, outcome: RechargeOutcome, posting: &Posting, effects: &mut Vec<Effect>) {
        if let Some(Kind::PostIfAvailableAtMost { amount, .. }) =
            posting.batch.transfers.first().map(|first| first.kind)
        {
            let (profile, amount) = (self.id, Micros::new(amount));
            effects.push(Effect::Tell(Fact::AutoRecharged { profile, outcome, amount }));
        }
    }
}

impl Profile {
    /// Says that credit is low, once per crossing. Who is recharged by itself is told of the recharge instead, or that it failed.
    pub(super) fn tell_where_low(&mut self, accounts: Accounts, available: Micros, effects: &mut Vec<Effect>) {
        let is_low = available <= LOW_CREDIT && self.auto_recharge().is_none();
        if is_low && !self.is_low {
            let (profile, currency) = (self.id, accounts.currency);
            effects.push(Effect::Tell(Fact::CreditLow { profile, available, currency, threshold: LOW_CREDIT }));
        }
        self.is_low = is_low;
    }
}

/// The movement of a recharge, if the profile has at most `limit` available.
pub(super) fn transfer(accounts: Accounts, auto: AutoRecharge, limit: Micros) -> Transfer {
    Transfer {
        kind: Kind::PostIfAvailableAtMost {
            debit: accounts.company_money(),
            credit: accounts.money(),
            amount: auto.amount.get(),
            watched: accounts.money(),
            limit: limit.get(),
        },
        code: Code::AutoRecharge,
    }
}

/// The limit in front of a hold that was refused. The hold would have taken what is available below zero, and so below any
/// threshold: whoever has less than the hold needs is at the crossing, even with a threshold smaller than one increment.
pub(super) fn limit_for(auto: AutoRecharge, needed: Micros) -> Micros {
    auto.threshold.max(needed - Micros::new(1))
}
