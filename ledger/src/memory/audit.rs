//! The memory engine's verification: the journal added up anew. Nothing here changes anything.

use super::World;
use crate::api::{LineKind, Verification};
use domain::CompanyId;
use domain::credit::{Account, Unit};
use std::collections::BTreeMap;

impl World {
    /// Adds up the lines of the journal, and compares.
    pub(super) fn audit(&self) -> Verification {
        let world = self;
        let mut found = Verification::default();
        let mut sums: BTreeMap<(CompanyId, Unit), i128> = BTreeMap::new();
        let mut posted: BTreeMap<Account, i128> = BTreeMap::new();
        for entry in &world.journal {
            found.batches += 1;
            found.refused += u64::from(entry.lines.is_empty() && entry.memo.is_none());
            for line in &entry.lines {
                found.transfers += 1;
                found.holds += u64::from(line.kind == LineKind::Hold);
                if matches!(line.kind, LineKind::Post | LineKind::Capture) {
                    *posted.entry(line.debit).or_default() -= i128::from(line.amount);
                    *posted.entry(line.credit).or_default() += i128::from(line.amount);
                }
            }
        }
        for (account, balance) in &world.tables.balances {
            *sums.entry((account.company, account.unit)).or_default() += i128::from(balance.posted);
            let recomputed = posted.get(account).copied().unwrap_or(0);
            if recomputed != i128::from(balance.posted) {
                found.fault(format!("{account:?} has {}, its lines say {recomputed}", balance.posted));
            }
            let held: i64 =
                world.tables.open.values().filter(|open| open.debit == *account).map(|open| open.amount).sum();
            if held != balance.held {
                found.fault(format!("{account:?} has {} held, its open holds say {held}", balance.held));
            }
        }
        for (account, recomputed) in &posted {
            if *recomputed != 0 && !world.tables.balances.contains_key(account) {
                found.fault(format!("{account:?} is not there, its lines say {recomputed}"));
            }
        }
        for ((company, unit), sum) in sums {
            if sum != 0 {
                found.fault(format!("{unit:?} of {company} sums to {sum}"));
            }
        }
        found.accounts = world.tables.balances.len() as u64;
        found.open_holds = world.tables.open.len() as u64;
        let mut companies: Vec<_> = world.journal.iter().map(|entry| entry.company).collect();
        companies.sort_unstable();
        companies.dedup();
        found.companies = companies.len() as u64;
        found
    }
}
