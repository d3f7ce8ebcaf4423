//! What is at risk, and how soon profiles have spent what they have.
//!
//! Nothing is decided by it. What the API says of one customer is the back office's.

use crate::core::Core;
use domain::credit::{Account, Holder, Unit};
use domain::{Currency, Micros, ProfileId};
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
    let totals =
        CreditTotals { seconds_at_risk, at_risk: at_risk.into_iter().collect(), below_zero, emptying: emptying(core) };
    core.telemetry.set_credit(&totals);
}

/// Profiles that spend, by when they will have nothing left.
fn emptying(core: &Core) -> Counts<(Emptying,)> {
    let desk = core.desk.load();
    let directory = desk.directory();
    let mut emptying = Counts::default();
    if !core.ledger.is_healthy() {
        // Balances of a Redis that is away would be waited for, one company after the other.
        return emptying;
    }
    let mut of_companies = BTreeMap::<_, BTreeMap<Account, i64>>::new();
    for (id, per_minute) in core.census.paces() {
        let Some((company, currency)) = purse(directory, id) else { continue };
        let account = Account { company, holder: Holder::Profile(id), unit: Unit::Money(currency) };
        // Each company is asked for once, however many of its profiles spend.
        let balances = of_companies.entry(company).or_insert_with(|| {
            let all = core.ledger.balances(company).into_iter();
            all.map(|(account, balance)| (account, balance.posted)).collect()
        });
        let posted = balances.get(&account).copied().unwrap_or(0);
        if let Some(seconds) = switch::profile::seconds_left(Micros::new(posted), per_minute) {
            emptying.add((Emptying::of(seconds),), 1);
        }
    }
    emptying
}

fn purse(directory: &switch::Directory, id: ProfileId) -> Option<(domain::CompanyId, Currency)> {
    let company = directory.company(directory.profile(id)?.company)?;
    Some((company.id, company.currency))
}
