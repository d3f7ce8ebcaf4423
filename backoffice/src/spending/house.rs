//! The credit of the whole house, by currency: for whoever runs it.
//!
//! What one customer has and spends is in the parent.

use super::{Pace, text};
use crate::caller::Caller;
use crate::error::Result;
use crate::office::Office;
use crate::posting::profile_money;
use domain::credit::{Account, Balance, Unit};
use domain::{CompanyId, Currency, Micros, ProfileId};
use ledger::{Totals, Unjournalled};
use serde::Serialize;
use std::collections::BTreeMap;
use switch::call::{Live, PhaseName};
use switch::profile::seconds_left;
use utoipa::ToSchema;

/// Profiles that are named, of those that will have spent what they have first.
pub const SOONEST_MAX: usize = 20;

/// The credit of one currency, over all companies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HouseCredit {
    /// Of all amounts here.
    #[schema(example = "USD")]
    pub currency: String,
    /// What companies have and have not passed on. Where nodes share a Redis, this and what follows is this node's part of it, except for what
    /// calls spend; all parts together are the whole.
    pub companies: String,
    /// What profiles have.
    pub profiles: String,
    /// Held for calls.
    pub held: String,
    /// Answered calls of this node that cost.
    pub paid_calls: usize,
    /// What they have been charged so far.
    pub spent: String,
    /// What they cost a minute, together.
    pub per_minute: String,
    /// Seconds spoken at this node that would not be billed if it died now.
    pub seconds_at_risk: u64,
    /// What they cost.
    pub at_risk: String,
    /// What customers have available below zero; anything but 0 is a bug.
    #[schema(example = "0.00")]
    pub overdraft: String,
    /// On how many accounts that is.
    pub below_zero: u64,
    /// Debits less credits over all accounts; anything but 0 is a bug.
    #[schema(example = "0.00")]
    pub imbalance: String,
}

/// A profile that spends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Emptying {
    /// Whose.
    pub company: String,
    /// What the company is called; null where it is gone.
    pub company_name: Option<String>,
    /// Which.
    pub profile: String,
    /// What it is called; null where it is gone.
    pub profile_name: Option<String>,
    /// Of the amounts.
    pub currency: String,
    /// What it has, held or not.
    pub balance: String,
    /// What its calls cost a minute, together.
    pub per_minute: String,
    /// Seconds until the balance is spoken, if they all go on.
    pub time_to_empty_s: u64,
}

/// A company that spends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EmptyingCompany {
    /// Which.
    pub company: String,
    /// What it is called; null where it is gone.
    pub company_name: Option<String>,
    /// Of the amounts.
    pub currency: String,
    /// What it has with all of its profiles, held or not.
    pub balance: String,
    /// What its calls cost a minute, together.
    pub per_minute: String,
    /// Seconds until the balance is spoken, if they all go on.
    pub time_to_empty_s: u64,
}

/// The credit of the house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct House {
    /// Whether the ledger answers.
    pub ledger_up: bool,
    /// Batches that are applied and wait for the disk.
    pub queued_batches: u64,
    /// Each currency that anything was ever moved in.
    pub currencies: Vec<HouseCredit>,
    /// The profiles that will have spent what they have first, 20 at most.
    pub soonest: Vec<Emptying>,
    /// The companies that will have spent all that they and their profiles have first, 20 at most.
    pub soonest_companies: Vec<EmptyingCompany>,
}

impl Office {
    /// What everybody has, spends and risks.
    ///
    /// # Errors
    /// Operators only.
    pub async fn house_credit(&self, caller: &Caller) -> Result<House> {
        caller.operator("see the credit of the house")?;
        let live = self.inner.switchboard.live_calls().await;
        let (totals, captures) = (self.inner.ledger.totals(), self.inner.ledger.unjournalled());
        Ok(House {
            ledger_up: self.inner.ledger.is_healthy(),
            queued_batches: totals.queued,
            currencies: currencies(&totals, &live, &captures),
            soonest: self.soonest(&live),
            soonest_companies: self.soonest_companies(&live),
        })
    }

    fn soonest(&self, live: &[Live]) -> Vec<Emptying> {
        let show = |spender: Spender| {
            let profile = spender.profile?;
            Some(Emptying {
                company: spender.company.to_string(),
                company_name: self.company_name(spender.company),
                profile: profile.to_string(),
                profile_name: self.store().profile(profile).ok().map(|profile| profile.name),
                currency: spender.currency.to_string(),
                balance: spender.balance.to_string(),
                per_minute: spender.per_minute.to_string(),
                time_to_empty_s: spender.time_to_empty_s,
            })
        };
        self.spenders(live, |call| Some(call.profile)).into_iter().filter_map(show).collect()
    }

    fn soonest_companies(&self, live: &[Live]) -> Vec<EmptyingCompany> {
        let show = |spender: Spender| EmptyingCompany {
            company: spender.company.to_string(),
            company_name: self.company_name(spender.company),
            currency: spender.currency.to_string(),
            balance: spender.balance.to_string(),
            per_minute: spender.per_minute.to_string(),
            time_to_empty_s: spender.time_to_empty_s,
        };
        self.spenders(live, |_| None).into_iter().map(show).collect()
    }

    /// Who will have spent what there is first: profiles, or companies with all of theirs.
    fn spenders(&self, live: &[Live], profile_of: impl Fn(&Live) -> Option<ProfileId>) -> Vec<Spender> {
        let mut paces = BTreeMap::<(CompanyId, Option<ProfileId>, Currency), Micros>::new();
        for call in live.iter().filter(is_paid) {
            *paces.entry((call.company, profile_of(call), call.currency)).or_default() += call.rate_per_minute;
        }
        let spender =
            |((company, profile, currency), per_minute): ((CompanyId, Option<ProfileId>, Currency), Micros)| {
                let balance = match profile {
                    Some(profile) => Micros::new(self.balance(profile_money(company, profile, currency)).posted),
                    None => purse(&self.inner.ledger.balances(company), currency),
                };
                let time_to_empty_s = seconds_left(balance, per_minute)?;
                Some(Spender { time_to_empty_s, company, profile, currency, balance, per_minute })
            };
        let mut spenders: Vec<Spender> = paces.into_iter().filter_map(spender).collect();
        spenders.sort_by_key(|spender| spender.time_to_empty_s);
        spenders.truncate(SOONEST_MAX);
        spenders
    }

    fn company_name(&self, id: CompanyId) -> Option<String> {
        self.store().company(id).ok().map(|company| company.name)
    }
}

/// A profile that spends, or a company with all of its profiles.
struct Spender {
    time_to_empty_s: u64,
    company: CompanyId,
    profile: Option<ProfileId>,
    currency: Currency,
    balance: Micros,
    per_minute: Micros,
}

/// What it has with all of its profiles.
fn purse(balances: &[(Account, Balance)], currency: Currency) -> Micros {
    let is_purse = |account: &Account| account.holder.is_customer() && account.unit == Unit::Money(currency);
    let of = balances.iter().filter(|(account, _)| is_purse(account));
    of.map(|(_, balance)| Micros::new(balance.posted)).sum()
}

/// A call that costs while it runs.
fn is_paid(call: &&Live) -> bool {
    call.phase == PhaseName::Talking && call.rate_per_minute.is_positive()
}

fn currencies(totals: &Totals, live: &[Live], captures: &[Unjournalled]) -> Vec<HouseCredit> {
    let mut paces = BTreeMap::<Currency, Pace>::new();
    live.iter().for_each(|call| paces.entry(call.currency).or_default().add_call(call));
    for capture in captures {
        if let Unit::Money(currency) = capture.debit.unit {
            paces.entry(currency).or_default().add_capture(capture);
        }
    }
    let of = |(unit, sums): (&Unit, &ledger::UnitTotals)| {
        let Unit::Money(currency) = unit else { return None };
        let pace = paces.get(currency).copied().unwrap_or_default();
        Some(HouseCredit {
            currency: currency.to_string(),
            companies: text(sums.companies),
            profiles: text(sums.profiles),
            held: text(sums.held),
            paid_calls: pace.paid_calls,
            spent: pace.spent.to_string(),
            per_minute: pace.per_minute.to_string(),
            seconds_at_risk: pace.seconds_at_risk,
            at_risk: pace.at_risk.to_string(),
            overdraft: text(sums.overdraft),
            below_zero: sums.below_zero,
            imbalance: text(sums.imbalance),
        })
    };
    totals.units.iter().filter_map(of).collect()
}
