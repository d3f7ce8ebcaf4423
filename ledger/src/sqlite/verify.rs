//! The audit: every balance recomputed from the first row of the journal, the archived ones included, by arithmetic of its own. It shares no code with
//! [`super::books`], writes nothing, and does not stop at the first fault.

mod chain;
#[cfg(test)]
mod tests;

use super::books::Books;
use super::journal::{self, Line};
use super::past::{Past, Shelf};
use super::row::{OnHold, Row};
use super::start::rebuild;
use crate::api::Verification;
use crate::archive::Archive;
use crate::error::Error;
use domain::CompanyId;
use domain::credit::{Account, Balance, BatchId, HoldId, Kind, Unit};
use siphasher::sip::SipHasher13;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

/// The balances and open holds that are compared with the journal.
pub(super) struct Kept {
    balances: BTreeMap<Account, Balance>,
    open: BTreeMap<(CompanyId, HoldId), OnHold>,
}

impl Kept {
    pub(super) fn of(books: &Books) -> Self {
        let balances = books.existing().map(|slot| (slot.account, slot.balance)).collect();
        let live = books.subjects.live();
        let open = live.iter().flat_map(|(subject, _, holds)| {
            holds.open.iter().map(|(number, held)| {
                let shown = books.show(HoldId { subject: *subject, number: *number }, held);
                let OnHold { debit, credit, amount } =
                    OnHold { debit: shown.debit, credit: shown.credit, amount: shown.amount };
                ((holds.company, shown.hold), OnHold { debit, credit, amount })
            })
        });
        Self { balances, open: open.collect() }
    }
}

/// As [`verify_with`], without an archive: of a journal that was trimmed, what it has been since.
pub fn verify(path: &Path) -> Result<Verification, Error> {
    verify_with(path, None)
}

/// Verifies a ledger that need not be running; opens it for reading only.
///
/// What a start would keep (the newest snapshot and the rows after it) is compared with what follows from the first row; and so is
/// every opening that its archive has.
pub fn verify_with(path: &Path, archive: Option<&Arc<dyn Archive>>) -> Result<Verification, Error> {
    let connection = journal::open_to_read(path)?;
    // One transaction: a running switch may write on meanwhile.
    connection.execute_batch("BEGIN").map_err(journal::read)?;
    let sequence = journal::last(&connection)?;
    let shelf = Shelf::of(archive, path);
    let past = Past { connection: &connection, shelf: shelf.as_ref() };
    match rebuild(&connection) {
        Ok(rebuilt) => recompute(past, sequence, Some(&Kept::of(&rebuilt.books))),
        Err(error @ Error::Damaged { .. }) => {
            let mut found = recompute(past, sequence, None)?;
            found.fault(format!("the next start will fail: {error}"));
            Ok(found)
        }
        Err(error) => Err(error),
    }
}

/// Recomputes everything up to row `until`, within one reading transaction.
pub(super) fn recompute(past: Past<'_>, until: u64, kept: Option<&Kept>) -> Result<Verification, Error> {
    let mut audit = Audit::default();
    let cut = audit.begin(past, until)?;
    journal::each_line(past.connection, cut, until, |sequence, line| {
        audit.on_row(sequence);
        match line {
            Ok(line) => audit.on_line(&line),
            Err(error @ Error::Damaged { .. }) => audit.found.fault(error.to_string()),
            Err(error) => return Err(error),
        }
        Ok(())
    })?;
    if audit.sequence != until {
        audit.found.fault(format!("rows {} to {until} are missing", audit.sequence + 1));
    }
    for (sequence, company, hold) in std::mem::take(&mut audit.suspects) {
        if past.times_made(company, hold)? > 1 {
            audit
                .found
                .fault(format!("row {sequence} makes hold {} of subject {:032x} again", hold.number, hold.subject));
        }
    }
    audit.finish(kept);
    Ok(audit.found)
}

#[derive(Clone, Copy, Default)]
struct Recount {
    posted: i128,
    held: i128,
    line: u64,
}

/// Whether an account exists: a day's is forgotten once nothing is on it.
fn is_there((account, recount): &(&Account, &Recount)) -> bool {
    !account.unit.is_passing() || (recount.posted, recount.held) != (0, 0)
}

#[derive(Default)]
struct Audit {
    found: Verification,
    sequence: u64,
    accounts: BTreeMap<Account, Recount>,
    companies: BTreeMap<CompanyId, u64>,
    open: HashMap<(CompanyId, HoldId), OnHold>,
    /// Fingerprints of every name that was ever given, 8 bytes each.
    names: HashSet<u64>,
    /// Names whose fingerprint was there already; looked at exactly in the end.
    suspects: Vec<(u64, CompanyId, HoldId)>,
    /// The row of each batch that moves something and touches no hold: an order. Of other batches a second row shows itself by its holds.
    orders: HashMap<BatchId, u64>,
    /// The row at hand was decided by totals that this journal does not have.
    is_part: bool,
}

impl Audit {
    fn on_row(&mut self, sequence: u64) {
        if sequence != self.sequence + 1 {
            self.found.fault(format!("rows {} to {} are missing", self.sequence + 1, sequence - 1));
        }
        self.sequence = sequence;
        self.found.batches += 1;
    }

    fn on_line(&mut self, line: &Line) {
        let Line { sequence, row, .. } = line;
        self.is_part = row.is_part;
        if !line.is_sound {
            self.found.fault(format!("row {sequence} was changed after it was written: its checksum is wrong"));
        }
        let last = self.companies.entry(row.company).or_default();
        let before = *last;
        if row.refusal.is_some() {
            self.found.refused += 1;
            return;
        }
        if !row.transfers.is_empty() {
            *last = *sequence;
            if row.before != before {
                self.found
                    .fault(format!("row {sequence} says that row {} is before it, which is {before}", row.before));
            }
        }
        self.check_order(line);
        for (transfer, on_hold) in &row.transfers {
            self.found.transfers += 1;
            self.on_transfer(*sequence, row.company, transfer.kind, *on_hold);
        }
        self.compare(*sequence, row);
    }

    /// What was ordered once is done once: no index says so, see [`super::places`].
    fn check_order(&mut self, line: &Line) {
        let kinds = || line.row.transfers.iter().map(|(transfer, _)| transfer.kind);
        let moves = kinds().any(|kind| matches!(kind, Kind::Post { .. } | Kind::PostIfAvailableAtMost { .. }));
        let touches_hold =
            kinds().any(|kind| matches!(kind, Kind::Hold { .. } | Kind::Capture { .. } | Kind::Release { .. }));
        if moves
            && !touches_hold
            && let Some(first) = self.orders.insert(line.id, line.sequence)
        {
            let (row, BatchId { subject, sequence }) = (line.sequence, line.id);
            self.found
                .fault(format!("row {row} does batch {sequence} of subject {subject:032x} again: row {first} did it"));
        }
    }

    fn on_transfer(&mut self, sequence: u64, company: CompanyId, kind: Kind, on_hold: Option<OnHold>) {
        match kind {
            Kind::Post { debit, credit, amount } => self.on_post(sequence, debit, credit, amount),
            Kind::PostIfAvailableAtMost { debit, credit, amount, watched, limit } => {
                let watched = self.accounts.get(&watched).copied().unwrap_or_default();
                if !self.is_part && watched.posted - watched.held > i128::from(limit) {
                    self.found.fault(format!("row {sequence} posts though more than {limit} was available"));
                }
                self.on_post(sequence, debit, credit, amount);
            }
            Kind::Hold { hold, debit, credit, amount, .. } => {
                self.on_hold(sequence, company, hold, OnHold { debit, credit, amount });
            }
            Kind::Capture { hold, amount } => {
                let Some(open) = self.end(sequence, company, hold, on_hold) else { return };
                if amount > open.amount {
                    self.found.fault(format!("row {sequence} captures {amount} of a hold of {}", open.amount));
                }
                self.held(open.debit, -i128::from(open.amount));
                self.posted(open.debit, -i128::from(amount));
                self.posted(open.credit, i128::from(amount));
                if !open.debit.unit.may_fall_short() {
                    self.check_above_zero(sequence, open.debit);
                }
            }
            Kind::Release { hold } => {
                let Some(open) = self.end(sequence, company, hold, on_hold) else { return };
                self.held(open.debit, -i128::from(open.amount));
            }
            Kind::Extend { hold, .. } => {
                if self.open.get(&(company, hold)).copied() != on_hold {
                    self.found.fault(format!(
                        "row {sequence} extends hold {} of subject {:032x}, which is not open or not as it says",
                        hold.number, hold.subject
                    ));
                }
            }
        }
    }

    fn on_post(&mut self, sequence: u64, debit: Account, credit: Account, amount: i64) {
        if amount < 0 || debit.unit != credit.unit || debit.company != credit.company {
            self.found.fault(format!("row {sequence} posts {amount} from {debit:?} to {credit:?}"));
        }
        self.posted(debit, -i128::from(amount));
        self.posted(credit, i128::from(amount));
        // A change of subscription may take channels below what is in use (C11); a new hold of one may not.
        if !debit.unit.may_fall_short() {
            self.check_above_zero(sequence, debit);
        }
    }

    fn on_hold(&mut self, sequence: u64, company: CompanyId, hold: HoldId, made: OnHold) {
        self.found.holds += 1;
        let mut hasher = SipHasher13::new();
        (company, hold).hash(&mut hasher);
        if !self.names.insert(hasher.finish()) {
            self.suspects.push((sequence, company, hold));
        }
        self.open.insert((company, hold), made);
        self.held(made.debit, i128::from(made.amount));
        self.check_above_zero(sequence, made.debit);
    }

    fn end(&mut self, sequence: u64, company: CompanyId, hold: HoldId, said: Option<OnHold>) -> Option<OnHold> {
        let open = self.open.remove(&(company, hold));
        if open.is_none() || open != said {
            self.found.fault(format!(
                "row {sequence} ends hold {} of subject {:032x}, which is not open or not as it says",
                hold.number, hold.subject
            ));
        }
        open
    }

    fn posted(&mut self, account: Account, by: i128) {
        self.accounts.entry(account).or_default().posted += by;
    }

    fn held(&mut self, account: Account, by: i128) {
        self.accounts.entry(account).or_default().held += by;
    }

    fn check_above_zero(&mut self, sequence: u64, account: Account) {
        let Recount { posted, held, .. } = self.accounts.get(&account).copied().unwrap_or_default();
        if account.holder.is_customer() && posted < held && !self.is_part {
            self.found.fault(format!("row {sequence} leaves {account:?} with {} available", posted - held));
        }
    }

    /// Compares what the row says of its accounts with what was recomputed, and goes on with what the row says, so that one
    /// fault is told once.
    fn compare(&mut self, sequence: u64, row: &Row) {
        for touched in &row.touched {
            let recount = self.accounts.entry(touched.account).or_default();
            let said = match row.is_part {
                true => (recount.posted, recount.held),
                false => (i128::from(touched.after.posted), i128::from(touched.after.held)),
            };
            if said != (recount.posted, recount.held) {
                self.found.fault(format!(
                    "row {sequence} says that {:?} has {} posted and {} held after it; recomputed: {} and {}",
                    touched.account, said.0, said.1, recount.posted, recount.held
                ));
                (recount.posted, recount.held) = said;
            }
            // A day's account on which nothing was left was forgotten with the next start.
            let was_forgotten = touched.before == 0 && touched.account.unit.is_passing();
            if touched.before != recount.line && !was_forgotten {
                self.found.fault(format!(
                    "row {sequence} says that {:?} was touched by row {} before; it was row {}",
                    touched.account, touched.before, recount.line
                ));
            }
            recount.line = sequence;
        }
    }

    fn finish(&mut self, kept: Option<&Kept>) {
        self.found.accounts = self.accounts.iter().filter(is_there).count() as u64;
        self.found.companies = self.companies.len() as u64;
        self.found.open_holds = self.open.len() as u64;
        let mut sums: BTreeMap<(CompanyId, Unit), i128> = BTreeMap::new();
        let mut held: BTreeMap<Account, i128> = BTreeMap::new();
        for (account, recount) in &self.accounts {
            *sums.entry((account.company, account.unit)).or_default() += recount.posted;
        }
        self.open.values().for_each(|open| *held.entry(open.debit).or_default() += i128::from(open.amount));
        for ((company, unit), sum) in sums {
            if sum != 0 {
                self.found.fault(format!("{unit:?} of {company} sums to {sum}, not zero"));
            }
        }
        for (account, recount) in &self.accounts {
            let open = held.get(account).copied().unwrap_or(0);
            if recount.held != open {
                self.found.fault(format!("{account:?} has {} held, its open holds say {open}", recount.held));
            }
        }
        if let Some(kept) = kept {
            self.compare_with(kept, "");
        }
    }

    /// Compares what was recomputed up to here with what is kept `of` this moment.
    fn compare_with(&mut self, kept: &Kept, of: &str) {
        for (account, balance) in &kept.balances {
            let recount = self.accounts.get(account).copied().unwrap_or_default();
            if (i128::from(balance.posted), i128::from(balance.held)) != (recount.posted, recount.held) {
                self.found.fault(format!(
                    "{of}{account:?} is kept as {} posted and {} held; recomputed: {} and {}",
                    balance.posted, balance.held, recount.posted, recount.held
                ));
            }
        }
        for (account, _) in self.accounts.iter().filter(is_there).filter(|(it, _)| !kept.balances.contains_key(*it)) {
            self.found.fault(format!("{of}{account:?} is in the journal and not among the balances"));
        }
        let recomputed: BTreeMap<_, _> = self.open.iter().map(|(name, open)| (*name, *open)).collect();
        for (name, open) in &recomputed {
            if kept.open.get(name) != Some(open) {
                let HoldId { subject, number } = name.1;
                self.found.fault(format!("{of}hold {number} of subject {subject:032x} is open in the journal only"));
            }
        }
        for HoldId { subject, number } in
            kept.open.keys().filter(|name| !recomputed.contains_key(name)).map(|name| name.1)
        {
            self.found
                .fault(format!("{of}hold {number} of subject {subject:032x} is kept open; the journal says it is not"));
        }
    }
}
