//! What counts against caps of a day, beside the calls: what was spent before there was a cap, and days that are over.
//!
//! What calls count they count themselves, with their charges (`switch::profile`).

use super::spent_today;
use crate::recovery::ask;
use domain::credit::{Account, Batch, BatchId, Code, Holder, Kind, Outcome, RefusedBecause, Transfer, Unit};
use domain::{CompanyId, Micros, Now, ProfileId, Zone};
use ledger::Ledger;
use std::collections::BTreeSet;
use std::sync::Arc;
use switch::Directory;

/// How often what was spent is counted anew where calls count at the same moment.
const TRIES: u32 = 5;
/// Days of which nothing is forgotten yet: it is tomorrow somewhere, and still yesterday elsewhere.
const KEPT_DAYS: u16 = 3;

/// The day that it is for a profile, and the account of what counts on it.
fn today(id: ProfileId, directory: &Directory, now: Now) -> Option<(u16, Account)> {
    let company = directory.company(directory.profile(id)?.company)?;
    let day = company.zone.day_number(now.wall);
    Some((day, Account { company: company.id, holder: Holder::Profile(id), unit: Unit::Day(day) }))
}

/// What counts today against the cap of a profile, where it has one.
pub(super) fn counted(id: ProfileId, directory: &Directory, ledger: &dyn Ledger, now: Now) -> Option<(u16, Micros)> {
    directory.profile(id)?.fraud.rules.daily_cap?;
    let (day, account) = today(id, directory, now)?;
    Some((day, Micros::new(ledger.balance(account).posted)))
}

/// Counts what was spent today and is not counted: while there was no cap. What several nodes find missing is counted once. Blocks.
pub(super) fn count_spent(id: ProfileId, directory: &Directory, ledger: &Arc<dyn Ledger>, now: Now) {
    for attempt in 0..TRIES {
        let Some((_, account)) = today(id, directory, now) else { return };
        let Some((spent, _)) = spent_today(id, directory, &**ledger, now) else { return };
        let counted = ledger.balance(account).posted;
        let missing = spent.get() - counted;
        if missing <= 0 {
            return;
        }
        let debit = Account { holder: Holder::World, ..account };
        let kind =
            Kind::PostIfAvailableAtMost { debit, credit: account, amount: missing, watched: account, limit: counted };
        // The profile's own bits are those of its recharges.
        let subject = !id.bits();
        match ask(ledger, batch(account.company, subject, u64::from(attempt), vec![kind], now)) {
            Ok(Outcome::Refused(refusal)) if refusal.because == RefusedBecause::AboveLimit => {}
            Ok(Outcome::Applied(_) | Outcome::Replayed(_)) => return,
            Ok(outcome) => {
                return tracing::error!(profile.id = %id, ?outcome, "what was spent today before there was a cap does not count");
            }
            Err(_) => return,
        }
    }
}

/// Posts back what this node has counted on days that are over, so that their accounts are forgotten. Blocks.
pub(crate) fn close_past(ledger: &Arc<dyn Ledger>, companies: BTreeSet<CompanyId>, now: Now) {
    let first_kept = Zone::utc().day_number(now.wall).saturating_sub(KEPT_DAYS);
    for company in companies {
        let past = ledger.share(company).into_iter().filter(|(account, _)| {
            matches!((account.unit, account.holder), (Unit::Day(day), Holder::Profile(_)) if day < first_kept)
        });
        let back: Vec<Kind> = past.filter_map(|(account, balance)| back(account, balance.posted)).collect();
        for (number, some) in (0u64..).zip(back.chunks(Batch::TRANSFERS_MAX)) {
            match ask(ledger, batch(company, !company.bits(), number, some.to_vec(), now)) {
                Ok(Outcome::Applied(_) | Outcome::Replayed(_)) => {}
                // It is looked at again in an hour.
                said => tracing::warn!(company.id = %company, ?said, "what counted on past days cannot be closed"),
            }
        }
    }
}

/// A part may be below zero, where a node has given back what another had counted.
fn back(account: Account, posted: i64) -> Option<Kind> {
    let world = Account { holder: Holder::World, ..account };
    match posted {
        0 => None,
        1.. => Some(Kind::Post { debit: account, credit: world, amount: posted }),
        _ => Some(Kind::Post { debit: world, credit: account, amount: -posted }),
    }
}

fn batch(company: CompanyId, subject: u128, number: u64, kinds: Vec<Kind>, now: Now) -> Batch {
    let clock = u64::try_from(now.wall.as_unix_micros()).unwrap_or(0);
    Batch {
        id: BatchId { subject, sequence: clock + number },
        company,
        at: now.wall,
        transfers: kinds.into_iter().map(|kind| Transfer { kind, code: Code::DailyCap }).collect(),
        memo: None,
    }
}
