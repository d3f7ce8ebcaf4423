//! What a ledger can be asked: the trait, and the shapes of its answers. How balances are kept is in the engines.

use crate::archive::{Trim, Trimmed};
use crate::error::Error;
use domain::credit::{Account, Balance, Batch, BatchId, Code, Durability, HoldId, Memo, Outcome, Unit};
use domain::{CompanyId, Currency, Wall};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Hears the answer to one batch, once. It runs on the caller's thread or on the ledger's own, never under a lock of the
/// ledger; it must be quick and must not block (send a message, fill a slot).
pub type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// Hears the journal sequence number of the last [`Memo::CallEnded`] of a group that has just been committed. It runs on the
/// ledger's writer; it must be quick, and may drop what it hears: [`Ledger::ended_after`] is the truth.
pub type EndedListener = Box<dyn Fn(u64) + Send + Sync>;

/// Keeps the credit of every company. The laws are in the crate's documentation.
pub trait Ledger: Send + Sync {
    /// Posts a batch; `reply` hears the outcome. Never waits for the disk.
    ///
    /// With [`Durability::WithNextGroup`], `reply` may be called before `submit` returns. Never call a query of the ledger from
    /// inside `reply`.
    fn submit(&self, batch: Batch, durability: Durability, reply: Reply);

    /// Posts a batch with [`Durability::WithNextGroup`] where its outcome can be said on the spot, as `submit` would have answered it. Gives
    /// it back, with nothing done, where the disk or a server must be asked first: then it is to be submitted. Who charges calls is spared
    /// a message to itself.
    fn answer_now(&self, batch: Batch) -> Result<Outcome, Batch> {
        Err(batch)
    }

    /// What an account has now; nothing where it was never used.
    fn balance(&self, account: Account) -> Balance;

    /// Every account of a company, in order of [`Account`].
    fn balances(&self, company: CompanyId) -> Vec<(Account, Balance)>;

    /// Of these, what this node has posted and holds: all, where it keeps its company alone.
    fn share(&self, company: CompanyId) -> Vec<(Account, Balance)> {
        self.balances(company)
    }

    /// The movements of a company or of one of its accounts, newest first. Blocks; sees everything that was applied before. Of an account
    /// that is forgotten when nothing is on it ([`domain::credit::Unit::is_passing`]) it costs as much as the company's.
    fn statement(&self, query: &StatementQuery) -> Result<StatementPage, Error>;

    /// Everything that was moved, held, captured and released about a subject: by its own batches, and on its holds by others'. Oldest
    /// first; what was refused moved nothing and is not there. Blocks; sees everything that was applied before.
    fn history(&self, subject: u128) -> Result<Vec<StatementLine>, Error>;

    /// The open holds of a company, or of all, in order of company and name, at most `limit`.
    fn open_holds(&self, company: Option<CompanyId>, limit: usize) -> Vec<OpenHold>;

    /// Sums for metrics. Walks all accounts: ask every few seconds, not for every call.
    fn totals(&self) -> Totals;

    /// What has been captured and is not durable yet, in order: what a process that died now would lose of what was spoken. Captures of
    /// channels are none. Nothing, for an engine that has no disk.
    fn unjournalled(&self) -> Vec<Unjournalled> {
        Vec::new()
    }

    /// Every subject with open holds: at start, the calls that died with the former process. In order of company and subject. Blocks.
    fn unfinished(&self) -> Result<Vec<Unfinished>, Error>;

    /// The records of [`Memo::CallEnded`] that are journalled after this journal sequence number, oldest first, at most
    /// `limit`. Each is given with its own number: the caller's next watermark. 0 is before the first.
    ///
    /// A record is here if and only if it is durable, so a watermark kept in the same transaction as the copied records
    /// hands every record to the store exactly once.
    fn ended_after(&self, journal_sequence: u64, limit: usize) -> Result<Vec<(u64, Arc<str>)>, Error>;

    /// Tells `listener` after each committed group that contained a [`Memo::CallEnded`]. At most [`LISTENERS_MAX`].
    fn on_journalled(&self, listener: EndedListener) -> Result<(), Error>;

    /// The name by which a store knows how far this journal's records were copied: its file's; `ledger.db` for an engine without one.
    fn journal(&self) -> String {
        "ledger.db".to_owned()
    }

    /// Waits until everything that was applied before is journalled.
    fn flush(&self) -> Result<(), Error>;

    /// Recomputes every balance from the first line of the journal, and compares. Reads everything: minutes on a large journal.
    fn verify(&self) -> Result<Verification, Error>;

    /// Copies rows of the journal to the archive, and takes those away that are there and old enough. Blocks, in steps of some tenths of a
    /// second each; batches are answered meanwhile. Does nothing for an engine without a journal or without an archive.
    ///
    /// # Errors
    /// [`Error::Archive`] where it fails or contradicts the journal, [`Error::Damaged`] for a row that is; both stay as they were.
    fn trim(&self, _order: &Trim) -> Result<Trimmed, Error> {
        Ok(Trimmed { is_done: true, ..Trimmed::default() })
    }

    /// What a balance, posted, held or available, may be at most, either way. A batch that would take one further is refused with
    /// [`domain::credit::RefusedBecause::Overflow`].
    fn balance_max(&self) -> i64 {
        i64::MAX
    }

    /// Whether new batches can be answered: false while the server that keeps the balances is away, while the disk takes nothing, and
    /// after [`Ledger::close`].
    fn is_healthy(&self) -> bool;

    /// Journals what is pending and stops. Later batches are answered [`Outcome::Unavailable`]. A second call does nothing.
    fn close(&self) -> Result<(), Error>;
}

/// Listeners that [`Ledger::on_journalled`] takes: the drain of call records, and a few for tests and metrics.
pub const LISTENERS_MAX: usize = 8;

/// Which lines of the journal a statement shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// All: posts, holds, captures, releases and extended leases.
    All,
    /// Only those that changed what is posted: posts and captures of more than zero. What a customer's statement shows.
    Posted,
}

/// A question for a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementQuery {
    /// Whose.
    pub company: CompanyId,
    /// Only the movements of this account; of all the company's accounts where none is given.
    pub account: Option<Account>,
    /// Which movements.
    pub lines: Lines,
    /// Only lines of batches with a journal sequence number below this; none for the newest page. The
    /// [`StatementPage::next`] of the page before.
    pub before: Option<u64>,
    /// Only lines of batches with a journal sequence number above this; 0 for all.
    pub after: u64,
    /// Lines at most, at least 1; a batch is never cut in two, so a page may be up to [`Batch::TRANSFERS_MAX`] - 1 longer.
    pub limit: usize,
}

/// A page of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPage {
    /// Newest first; within a batch, the last transfer first.
    pub lines: Vec<StatementLine>,
    /// What to give as [`StatementQuery::before`] for the page of older lines; none where there is nothing older.
    pub next: Option<u64>,
}

/// What a line did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineKind {
    /// Moved the amount, conditionally or not.
    Post,
    /// Reserved the amount.
    Hold,
    /// Ended a hold, and moved the amount.
    Capture,
    /// Ended a hold of this amount; nothing moved.
    Release,
    /// Moved the lease of a hold of this amount.
    Extend,
}

impl LineKind {
    /// The word in statements and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            LineKind::Post => "post",
            LineKind::Hold => "hold",
            LineKind::Capture => "capture",
            LineKind::Release => "release",
            LineKind::Extend => "extend",
        }
    }
}

/// Which memo a batch carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemoKind {
    /// [`Memo::CallOpened`].
    CallOpened,
    /// [`Memo::CallEnded`].
    CallEnded,
    /// [`Memo::Note`].
    Note,
}

impl MemoKind {
    /// The kind of this memo.
    pub const fn of(memo: &Memo) -> Self {
        match memo {
            Memo::CallOpened(_) => MemoKind::CallOpened,
            Memo::CallEnded(_) => MemoKind::CallEnded,
            Memo::Note(_) => MemoKind::Note,
        }
    }
}

/// One movement as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// The number of its batch in the journal: 1, 2, 3 ... without a gap, in order of application. Of a company that several nodes post
    /// to, the time at which the batch was decided, in microseconds since 1970.
    pub journal_sequence: u64,
    /// Its place within the batch.
    pub transfer: usize,
    /// Its batch.
    pub batch: BatchId,
    /// When its batch was decided.
    pub at: Wall,
    /// Why it was made.
    pub code: Code,
    /// What it did.
    pub kind: LineKind,
    /// The hold, except for a post.
    pub hold: Option<HoldId>,
    /// The losing (or reserving) side.
    pub debit: Account,
    /// The gaining side.
    pub credit: Account,
    /// How much, in the accounts' unit: moved by a post or capture; held by a hold, release or extend.
    pub amount: i64,
    /// The debit side after this line.
    pub debit_after: Balance,
    /// The credit side after this line; none for holds, releases and extends, which do not touch it.
    pub credit_after: Option<Balance>,
    /// The kind of the batch's memo.
    pub memo: Option<MemoKind>,
    /// The text of a [`Memo::Note`].
    pub note: Option<Arc<str>>,
}

/// A hold that is neither captured nor released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenHold {
    /// Its name.
    pub hold: HoldId,
    /// Where it reserves.
    pub debit: Account,
    /// Who a capture pays.
    pub credit: Account,
    /// How much.
    pub amount: i64,
    /// Its lease.
    pub until: Wall,
    /// Why it was made.
    pub code: Code,
}

/// A hold that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedHold {
    /// Its name.
    pub hold: HoldId,
    /// How much of it was captured; 0 where it was released.
    pub captured: i64,
}

/// A subject with open holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// For a call, the bits of its [`domain::CallId`].
    pub subject: u128,
    /// Whose accounts.
    pub company: CompanyId,
    /// What is open, in order of number.
    pub open_holds: Vec<OpenHold>,
    /// What was captured or released of this subject before, in order of number.
    pub closed_holds: Vec<ClosedHold>,
    /// The latest [`Memo::CallOpened`] of a batch about this subject.
    pub opened: Option<Arc<str>>,
    /// The highest sequence of the batches about this subject that are journalled; the closing batch takes a higher one.
    pub last_sequence: u64,
}

impl Unfinished {
    /// What was captured so far, in order of hold number: for a call, the bill (its channel, [`HoldId::is_channel`], is not money).
    pub fn captured(&self) -> impl Iterator<Item = (HoldId, i64)> + '_ {
        self.closed_holds.iter().filter(|closed| closed.captured > 0).map(|closed| (closed.hold, closed.captured))
    }
}

/// The sums of one unit over all companies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitTotals {
    /// Debits minus credits over all accounts; anything but 0 is a bug.
    pub imbalance: i128,
    /// Posted on company accounts.
    pub companies: i128,
    /// Posted on profile accounts.
    pub profiles: i128,
    /// Posted on business accounts.
    pub business_accounts: i128,
    /// Posted as revenue.
    pub revenue: i128,
    /// Held on any account.
    pub held: i128,
    /// What customers' accounts have available below zero, summed as what is missing. Of money and seconds anything but 0 is a bug;
    /// channels may be posted below what is in use (C11).
    pub overdraft: i128,
    /// On how many customers' accounts that is.
    pub below_zero: u64,
}

/// A capture that is not durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unjournalled {
    /// For a call, the bits of its [`domain::CallId`].
    pub subject: u128,
    /// Who paid.
    pub debit: Account,
    /// How much, in the account's unit.
    pub amount: i64,
    /// Of a call: the seconds that it pays, as [`HoldId::number`] says of this capture and the one before it.
    pub seconds: u32,
}

/// Sums for metrics, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By unit.
    pub units: BTreeMap<Unit, UnitTotals>,
    /// Holds that are open, channels included.
    pub open_holds: u64,
    /// Of these, the ones that hold money.
    pub open_money_holds: u64,
    /// Accounts that exist.
    pub accounts: u64,
    /// The number of the last batch applied.
    pub applied: u64,
    /// The number of the last batch journalled.
    pub journalled: u64,
    /// Batches applied and waiting for the disk.
    pub queued: u64,
}

impl Totals {
    /// The sums of one currency.
    pub fn money(&self, currency: Currency) -> UnitTotals {
        self.units.get(&Unit::Money(currency)).copied().unwrap_or_default()
    }
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Journal rows read, archived ones too.
    pub batches: u64,
    /// Of these, rows that are in the archive only.
    pub archived: u64,
    /// Rows before them that are in an archive which was not read: the balances after them were taken as they stand.
    pub unread: u64,
    /// Of these, refusals.
    pub refused: u64,
    /// Transfers recomputed.
    pub transfers: u64,
    /// Accounts recomputed.
    pub accounts: u64,
    /// Companies seen.
    pub companies: u64,
    /// Holds made.
    pub holds: u64,
    /// Holds that are still open.
    pub open_holds: u64,
    /// Whatever is wrong, one sentence each, at most [`Verification::FAULTS_MAX`].
    pub faults: Vec<String>,
    /// All faults, listed or not.
    pub fault_count: u64,
}

impl Verification {
    /// Faults that are listed: enough to see what happened.
    pub const FAULTS_MAX: usize = 100;

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.fault_count == 0
    }

    /// Adds what was found in another journal of the same house, under its node's name.
    pub(crate) fn add(&mut self, name: &str, other: Verification) {
        self.batches += other.batches;
        self.archived += other.archived;
        self.unread += other.unread;
        self.refused += other.refused;
        self.transfers += other.transfers;
        self.accounts += other.accounts;
        self.companies = self.companies.max(other.companies);
        self.holds += other.holds;
        self.open_holds += other.open_holds;
        let unlisted = other.fault_count - other.faults.len() as u64;
        other.faults.into_iter().for_each(|fault| self.fault(format!("{name}: {fault}")));
        self.fault_count += unlisted;
    }

    /// Notes one fault.
    pub(crate) fn fault(&mut self, fault: String) {
        self.fault_count += 1;
        if self.faults.len() < Self::FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// For people: counts in one line, then one line for each listed fault.
impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} batches ({} refused), {} transfers, {} accounts of {} companies, {} holds ({} open): ",
            self.batches, self.refused, self.transfers, self.accounts, self.companies, self.holds, self.open_holds
        )?;
        match (self.archived, self.unread) {
            (0, 0) => {}
            (archived, 0) => write!(f, "{archived} of the batches from the archive, ")?,
            (_, unread) => write!(f, "{unread} batches before these are archived and were not read, ")?,
        }
        match self.fault_count {
            0 => f.write_str("every balance agrees, every unit of every company sums to zero"),
            count => {
                write!(f, "{count} faults")?;
                self.faults.iter().try_for_each(|fault| write!(f, "\n- {fault}"))
            }
        }
    }
}
