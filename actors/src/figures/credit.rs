//! What is at risk, and how soon profiles have spent what they have.
//!
//! Nothing is decided by it. What the API says of one customer is the back office's.

use crate::core::Core;
use domain::credit::{Account, Holder, Unit};
use domain::{CompanyId, Currency, Micros, ProfileId};
use std::collections::BTreeMap;
use telemetry::labels::Emptying;
use telemetry::{Counts, CreditTotals};

/// Reads it once. `below_zero` is the ledger's.
pub(super) fn publish(core: &Core, below_zero: u64) {
    let (mut seconds_at_risk, mut at_risk) = core.census.ungranted();
    for capture in core.ledger.unjournalled() {
        seconds_at_risk += u64::from(capture.seconds);
        if let Unit::Money(currency) = capture.debit.unit {
            *at_risk.entry(currency).or_default() += Micros::new(capture.amount);
        }
    }
    let (emptying, companies_emptying) = emptying(core);
    let at_risk = at_risk.into_iter().collect();
    core.telemetry.set_credit(&CreditTotals { seconds_at_risk, at_risk, below_zero, emptying, companies_emptying });
}

/// Profiles that spend, and companies, by when they will have nothing left.
fn emptying(core: &Core) -> (Counts<(Emptying,)>, Counts<(Emptying,)>) {
    let desk = core.desk.load();
    let directory = desk.directory();
    let (mut emptying, mut companies) = (Counts::default(), Counts::default());
    if !core.ledger.is_healthy() {
        // Balances of a Redis that is away would be waited for, one company after the other.
        return (emptying, companies);
    }
    let mut of_companies = BTreeMap::<_, BTreeMap<Account, i64>>::new();
    let mut paces = BTreeMap::<(CompanyId, Currency), Micros>::new();
    for (id, per_minute) in core.census.paces() {
        let Some((company, currency)) = purse(directory, id) else { continue };
        let account = Account { company, holder: Holder::Profile(id), unit: Unit::Money(currency) };
        // Each company is asked for once, however many of its profiles spend.
        let balances = of_companies.entry(company).or_insert_with(|| {
            let all = core.ledger.balances(company).into_iter();
            all.map(|(account, balance)| (account, balance.posted)).collect()
        });
        *paces.entry((company, currency)).or_default() += per_minute;
        let posted = balances.get(&account).copied().unwrap_or(0);
        if let Some(seconds) = switch::profile::seconds_left(Micros::new(posted), per_minute) {
            emptying.add((Emptying::of(seconds),), 1);
        }
    }
    for ((company, currency), per_minute) in paces {
        let is_purse = |account: &Account| account.holder.is_customer() && account.unit == Unit::Money(currency);
        let all = of_companies.get(&company).into_iter().flatten();
        let posted: i64 = all.filter(|(account, _)| is_purse(account)).map(|(_, posted)| *posted).sum();
        if let Some(seconds) = switch::profile::seconds_left(Micros::new(posted), per_minute) {
            companies.add((Emptying::of(seconds),), 1);
        }
    }
    (emptying, companies)
}

fn purse(directory: &switch::Directory, id: ProfileId) -> Option<(CompanyId, Currency)> {
    let company = directory.company(directory.profile(id)?.company)?;
    Some((company.id, company.currency))
}
