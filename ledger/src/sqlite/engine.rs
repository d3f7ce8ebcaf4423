//! The engine: decides each batch in memory under one short lock, and hands it to the writer. Balances are in [`super::books`],
//! the journal's questions in [`super::journal`].

mod applying;
mod ending;
pub(crate) mod following;
mod taking;
mod trimming;
mod unjournalled;

pub(super) use taking::Taken;

use super::books::{Books, check_form};
use super::intents::Step;
use super::journal::{self, Lock};
use super::past::{Past, Shelf, name_of};
use super::places::{Placing, Reading, Tail};
use super::row::{self, Row, Scribe};
use super::settings::Settings;
use super::start::{Rebuilt, complete, rebuild};
use super::subjects::{Known, Question};
use super::trimming::Slice;
use super::writer::{self, Pending};
use super::{statement, verify};
use crate::api::{
    ClosedHold, EndedListener, LISTENERS_MAX, Ledger, OpenHold, Reply, StatementLine, StatementPage, StatementQuery,
    Totals, Unfinished, Unjournalled, Verification,
};
use crate::archive::{Trim, Trimmed};
use crate::error::Error;
pub(crate) use applying::only_ends;
use domain::CompanyId;
use domain::credit::{
    Account, Balance, Batch, BatchRefusal, Durability, HoldId, Holder, Outcome, RefusedBecause, Unit,
};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use unjournalled::Captures;

/// How often a batch may have to look into the journal before it is told to ask again: once for its id, once for each strange
/// hold, and a few times more because others made the books forget in between.
const QUESTIONS_MAX: usize = 64;

/// Whether the writer should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It should not.
    No,
    /// After everything pending.
    Closed,
    /// At once.
    Abandoned,
}

/// What the lock guards.
struct State {
    books: Books,
    scribe: Scribe,
    pending: Vec<Pending>,
    intents: Vec<Step>,
    pending_rows: usize,
    pending_bytes: usize,
    captures: Captures,
    /// The last row applied, journalled, and of the last snapshot.
    applied: u64,
    journalled: u64,
    snapshot: u64,
    /// A snapshot is to be written with the next group, whenever the last one was.
    wants_snapshot: bool,
    /// Somebody waits for the disk.
    is_urgent: bool,
    /// The disk takes nothing for now: nothing new is answered, and what is owed to it is tried again.
    is_stalled: bool,
    /// The disk took something that cannot be mended: nothing is answered any more.
    has_failed: bool,
    stop: Stop,
}

/// What the callers and the writer share.
pub(super) struct Shared {
    state: Mutex<State>,
    work: Condvar,
    pub(super) listeners: Mutex<Vec<EndedListener>>,
    pub(super) settings: Settings,
}

/// The ledger with SQLite as its journal.
pub struct SqliteLedger {
    shared: Arc<Shared>,
    reader: Mutex<Reading>,
    shelf: Option<Shelf>,
    /// One trimming at a time: what it has decided and not done yet.
    trimming: Mutex<VecDeque<Slice>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lock: Mutex<Option<Lock>>,
}

/// What to do once the lock is let go.
enum Decision {
    Answer(Outcome),
    /// The answer comes with the group.
    Wait,
    Ask(Question, Batch),
}

impl SqliteLedger {
    /// Opens the ledger, made where there is none, and rebuilds its balances.
    ///
    /// Fails where another process has it, where the disk does, and where the journal contradicts itself.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let lock = journal::lock(&settings.path)?;
        let connection = journal::open(&settings.path)?;
        connection.busy_timeout(settings.busy).map_err(journal::written)?;
        let tail = Tail::load(&connection)?;
        let reader = journal::open_beside(&settings.path, tail.clone())?;
        let Rebuilt { mut books, sequence, snapshot } = rebuild(&reader)?;
        if books.is_part && !settings.is_part {
            return Err(Error::Part { path: settings.path });
        }
        books.balance_max = Some(settings.balance_max);
        let shelf = Shelf::of(settings.archive.as_ref(), &settings.path);
        complete(&mut books, Past { connection: &reader, shelf: shelf.as_ref() })?;
        let state = State {
            books,
            scribe: Scribe::default(),
            pending: Vec::new(),
            intents: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            captures: Captures::default(),
            applied: sequence,
            journalled: sequence,
            snapshot,
            wants_snapshot: false,
            is_urgent: false,
            is_stalled: false,
            has_failed: false,
            stop: Stop::No,
        };
        let placing = Placing::new(tail, settings.placed_together);
        let path = settings.path.clone();
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            listeners: Mutex::new(Vec::new()),
            settings,
        });
        let for_writer = shared.clone();
        let writer = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer::run(&for_writer, connection, placing))
            .map_err(|source| Error::File { path, source })?;
        let (reader, writer, lock) = (Mutex::new(reader), Mutex::new(Some(writer)), Mutex::new(Some(lock)));
        Ok(Self { shared, reader, shelf, trimming: Mutex::default(), writer, lock })
    }

    /// The journal, by this connection, with its archive.
    fn past<'a>(&'a self, connection: &'a Reading) -> Past<'a> {
        Past { connection, shelf: self.shelf.as_ref() }
    }

    /// Decides a batch under the lock. The reply is taken where it has to wait for the disk.
    fn decide(&self, state: &mut State, batch: Batch, durability: Durability, reply: &mut Option<Reply>) -> Decision {
        if state.has_failed || state.stop != Stop::No {
            return Decision::Answer(Outcome::Unavailable);
        }
        let refused = |transfer, because| Outcome::Refused(BatchRefusal { transfer, because });
        match state.books.subjects.known(&batch) {
            Some(Known::Row(recent)) => {
                let outcome = match row::decode(&recent.row, batch.id.subject) {
                    Ok(row) if row.is_body_of(&batch) => replayed(&row),
                    Ok(_) => refused(0, RefusedBecause::DifferentBody),
                    Err(garbled) => {
                        tracing::error!(journal.sequence = recent.line, what = garbled.0, "a ledger row is damaged");
                        Outcome::Unavailable
                    }
                };
                if durability == Durability::BeforeAnswer && recent.line > state.journalled {
                    // Answers that wait take room too; who asks the same thing 65,536 times meanwhile may ask later.
                    if state.pending.len() >= self.shared.settings.queue_batches_reserved {
                        return Decision::Answer(Outcome::Unavailable);
                    }
                    self.push(state, Pending { row: None, answer: reply.take().map(|reply| (reply, outcome)) });
                    return Decision::Wait;
                }
                return Decision::Answer(outcome);
            }
            Some(Known::Refusal(refusal)) => {
                return Decision::Answer(Outcome::Replayed(Box::new(Outcome::Refused(refusal))));
            }
            Some(Known::Other) => return Decision::Answer(refused(0, RefusedBecause::DifferentBody)),
            None => {}
        }
        let question = state.books.subjects.question(&batch);
        if question.is_none_or(|question| question.sequence.is_none())
            && let Err(refusal) = check_form(&batch)
        {
            return Decision::Answer(Outcome::Refused(refusal));
        }
        if let Some(question) = question {
            return Decision::Ask(question, batch);
        }
        if self.is_full(state, &batch) {
            return Decision::Answer(Outcome::Unavailable);
        }
        self.apply(state, batch, durability, reply, None)
    }
}

fn tell(reply: Option<Reply>, outcome: Outcome) {
    if let Some(reply) = reply {
        reply(outcome);
    }
}

fn replayed(row: &Row) -> Outcome {
    Outcome::Replayed(Box::new(row.outcome()))
}

impl Ledger for SqliteLedger {
    fn submit(&self, batch: Batch, durability: Durability, reply: Reply) {
        let (mut batch, mut reply) = (batch, Some(reply));
        let mut learned = None;
        for _ in 0..QUESTIONS_MAX {
            let decision = {
                let mut state = self.shared.state.lock();
                if let Some((question, findings)) = learned.take() {
                    state.books.subjects.learn(question, findings);
                }
                self.decide(&mut state, batch, durability, &mut reply)
            };
            match decision {
                Decision::Answer(outcome) => return tell(reply, outcome),
                Decision::Wait => return,
                Decision::Ask(question, same_batch) => {
                    batch = same_batch;
                    match self.past(&self.reader.lock()).consult(question) {
                        Ok(findings) => learned = Some((question, findings)),
                        Err(error) => {
                            tracing::error!(%error, "the ledger's journal could not be asked for an older batch");
                            return tell(reply, Outcome::Unavailable);
                        }
                    }
                }
            }
        }
        tell(reply, Outcome::Unavailable);
    }

    fn answer_now(&self, batch: Batch) -> Result<Outcome, Batch> {
        let decision = self.decide(&mut self.shared.state.lock(), batch, Durability::WithNextGroup, &mut None);
        match decision {
            Decision::Answer(outcome) => Ok(outcome),
            Decision::Ask(_, batch) => Err(batch),
            // Only an order waits for the disk, and this is none.
            Decision::Wait => Ok(Outcome::Unavailable),
        }
    }

    fn balance(&self, account: Account) -> Balance {
        self.shared.state.lock().books.balance(&account)
    }

    fn balances(&self, company: CompanyId) -> Vec<(Account, Balance)> {
        let mut balances: Vec<_> = {
            let state = self.shared.state.lock();
            let of_company = state.books.existing().filter(|slot| slot.account.company == company);
            of_company.map(|slot| (slot.account, slot.balance)).collect()
        };
        balances.sort_unstable_by_key(|(account, _)| *account);
        balances
    }

    fn statement(&self, query: &StatementQuery) -> Result<StatementPage, Error> {
        let newest = statement::newest(&self.shared.state.lock().books, query);
        self.flush()?;
        statement::page(self.past(&self.reader.lock()), query, newest)
    }

    fn history(&self, subject: u128) -> Result<Vec<StatementLine>, Error> {
        self.flush()?;
        statement::history(self.past(&self.reader.lock()), subject)
    }

    fn open_holds(&self, company: Option<CompanyId>, limit: usize) -> Vec<OpenHold> {
        let state = self.shared.state.lock();
        let live = state.books.subjects.live();
        let wanted = live.iter().filter(|(_, _, holds)| company.is_none_or(|company| company == holds.company));
        wanted.flat_map(|(id, _, holds)| state.books.show_all(*id, holds)).take(limit).collect()
    }

    fn totals(&self) -> Totals {
        let state = self.shared.state.lock();
        let mut totals = Totals {
            open_holds: state.books.subjects.open_holds,
            applied: state.applied,
            journalled: state.journalled,
            queued: state.applied - state.journalled,
            ..Totals::default()
        };
        for slot in state.books.existing() {
            totals.accounts += 1;
            let posted = i128::from(slot.balance.posted);
            let sums = totals.units.entry(slot.account.unit).or_default();
            sums.imbalance += posted;
            sums.held += i128::from(slot.balance.held);
            if slot.account.holder.is_customer() {
                sums.overdraft += (i128::from(slot.balance.held) - posted).max(0);
                sums.below_zero += u64::from(slot.balance.available() < 0);
            }
            match slot.account.holder {
                Holder::Company => sums.companies += posted,
                Holder::Profile(_) => sums.profiles += posted,
                Holder::BusinessAccount(_) => sums.business_accounts += posted,
                Holder::Revenue => sums.revenue += posted,
                Holder::World => {}
            }
        }
        for (_, _, holds) in state.books.subjects.live() {
            let is_money = |place: u32| matches!(state.books.slots[place as usize].account.unit, Unit::Money(_));
            totals.open_money_holds += holds.open.iter().filter(|(_, held)| is_money(held.debit)).count() as u64;
        }
        totals
    }

    fn unjournalled(&self) -> Vec<Unjournalled> {
        self.shared.state.lock().captures.all()
    }

    fn unfinished(&self) -> Result<Vec<Unfinished>, Error> {
        self.flush()?;
        let mut unfinished: Vec<Unfinished> = {
            let state = self.shared.state.lock();
            let about =
                |(id, subject, holds): &(u128, &super::subjects::Subject, &super::subjects::Holds)| Unfinished {
                    subject: *id,
                    company: holds.company,
                    open_holds: state.books.show_all(*id, holds),
                    closed_holds: holds
                        .closed
                        .iter()
                        .map(|(number, captured)| ClosedHold {
                            hold: HoldId { subject: *id, number: *number },
                            captured: *captured,
                        })
                        .collect(),
                    opened: None,
                    last_sequence: subject.highest.unwrap_or(0),
                };
            state.books.subjects.live().iter().map(about).collect()
        };
        let reader = self.reader.lock();
        for call in &mut unfinished {
            call.opened = self.past(&reader).opened_memo(call.subject)?;
        }
        Ok(unfinished)
    }

    fn ended_after(&self, journal_sequence: u64, limit: usize) -> Result<Vec<(u64, Arc<str>)>, Error> {
        self.past(&self.reader.lock()).ended_after(journal_sequence, limit)
    }

    fn on_journalled(&self, listener: EndedListener) -> Result<(), Error> {
        let mut listeners = self.shared.listeners.lock();
        if listeners.len() >= LISTENERS_MAX {
            return Err(Error::TooManyListeners(LISTENERS_MAX));
        }
        listeners.push(listener);
        Ok(())
    }

    fn journal(&self) -> String {
        name_of(&self.shared.settings.path)
    }

    fn flush(&self) -> Result<(), Error> {
        let state = self.shared.state.lock();
        if state.has_failed {
            return Err(Error::Closed);
        }
        if state.journalled == state.applied {
            return Ok(());
        }
        if state.stop != Stop::No {
            return Err(Error::Closed);
        }
        self.wait_for_group(state)
    }

    fn verify(&self) -> Result<Verification, Error> {
        let (kept, sequence) = {
            let state = self.shared.state.lock();
            (verify::Kept::of(&state.books), state.applied)
        };
        self.flush()?;
        // A connection of its own: the reading takes long, and queries must not wait for it.
        let connection = journal::open_to_read(&self.shared.settings.path)?;
        connection.execute_batch("BEGIN").map_err(journal::read)?;
        verify::recompute(self.past(&connection), sequence, Some(&kept))
    }

    fn trim(&self, order: &Trim) -> Result<Trimmed, Error> {
        self.trim_by(order)
    }

    fn balance_max(&self) -> i64 {
        self.shared.settings.balance_max
    }

    fn is_healthy(&self) -> bool {
        let state = self.shared.state.lock();
        !state.is_stalled && !state.has_failed && state.stop == Stop::No
    }

    fn close(&self) -> Result<(), Error> {
        self.stop(Stop::Closed);
        if self.shared.has_failed() { Err(Error::Closed) } else { Ok(()) }
    }
}
