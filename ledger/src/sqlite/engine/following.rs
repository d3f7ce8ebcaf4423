//! The journal for an engine that has its balances elsewhere: what is known of a batch before it is asked, the intent before, the
//! row after. The laws are applied by [`super`] as ever, so an answer from elsewhere that breaks them shows at once.

use super::super::intents::{self, Identity, Step};
use super::{Books, Decision, QUESTIONS_MAX, SqliteLedger, State, Stop, check_form, rebuild};
use crate::api::{Ledger, OpenHold, Reply};
use crate::error::Error;
use crate::sqlite::journal;
use crate::sqlite::writer::Pending;
use domain::CompanyId;
use domain::credit::{Account, Balance, Batch, Durability, Kind, Outcome, RefusedBecause};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;

/// What the journal knows of a batch before it is decided elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its answer needs nobody else: its id is known, its form is wrong, or it moves nothing. [`Ledger::submit`] gives it.
    Own,
    /// There is no room for it, or the disk has failed: [`Outcome::Unavailable`].
    NoRoom,
    /// It is to be decided. Bit `i` is set where transfer `i` would make a hold whose name an ended hold had.
    New { ended_names: u32 },
}

/// What one company has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CompanyState {
    /// In order of account.
    pub(crate) balances: Vec<(Account, Balance)>,
    /// In order of name.
    pub(crate) open: Vec<OpenHold>,
}

impl SqliteLedger {
    /// Companies with a customer's account below zero here, in no order and each once: where this is one of several journals, that says nothing
    /// yet.
    pub(crate) fn short_companies(&self) -> Vec<CompanyId> {
        let state = self.shared.state.lock();
        let short =
            state.books.existing().filter(|slot| slot.account.holder.is_customer() && slot.balance.available() < 0);
        let companies: std::collections::BTreeSet<CompanyId> = short.map(|slot| slot.account.company).collect();
        companies.into_iter().collect()
    }

    /// Makes room for intents, and tells who this node is. To be called once, after [`SqliteLedger::open`].
    pub(crate) fn prepare_intents(&self) -> Result<Identity, Error> {
        intents::prepare(&self.second_connection()?)
    }

    /// What was intended and not settled by the former life, in order.
    pub(crate) fn open_intents(&self) -> Result<Vec<(u64, Batch, Durability)>, Error> {
        intents::open(&self.second_connection()?)
    }

    fn second_connection(&self) -> Result<Connection, Error> {
        journal::open(&self.shared.settings.path)
    }

    /// What is known of a batch. Only who also calls [`SqliteLedger::follow`] may trust the answer: nobody else applies anything.
    pub(crate) fn look(&self, batch: &Batch) -> Look {
        let mut learned = None;
        for _ in 0..QUESTIONS_MAX {
            let question = {
                let mut state = self.shared.state.lock();
                if let Some((question, findings)) = learned.take() {
                    state.books.subjects.learn(question, findings);
                }
                if state.has_failed || state.stop != Stop::No {
                    return Look::NoRoom;
                }
                let is_own = batch.transfers.is_empty() || state.books.subjects.known(batch).is_some();
                if is_own {
                    return Look::Own;
                }
                let question = state.books.subjects.question(batch);
                if question.is_none_or(|question| question.sequence.is_none()) && check_form(batch).is_err() {
                    return Look::Own;
                }
                match question {
                    Some(question) => question,
                    None if self.is_full(&state, batch) => return Look::NoRoom,
                    None => return Look::New { ended_names: ended_names(&state, batch) },
                }
            };
            match self.past(&self.reader.lock()).consult(question) {
                Ok(findings) => learned = Some((question, findings)),
                Err(error) => {
                    tracing::error!(%error, "the ledger's journal could not be asked for an older batch");
                    return Look::NoRoom;
                }
            }
        }
        Look::NoRoom
    }

    /// Writes down what is intended, with the next group: at once for an order. `reply` hears when it is on disk, or
    /// [`Outcome::Unavailable`].
    pub(crate) fn intend(&self, number: u64, batch: Batch, durability: Durability, reply: Reply) {
        let refused = {
            let mut state = self.shared.state.lock();
            if state.is_stalled || state.has_failed || state.stop != Stop::No {
                Some(reply)
            } else {
                state.intents.push(Step::Open { number, batch, durability });
                let is_urgent = durability == Durability::BeforeAnswer && !state.is_urgent;
                state.is_urgent |= is_urgent;
                let is_first = state.pending.is_empty();
                state.pending.push(Pending { row: None, answer: Some((reply, Outcome::Applied(Vec::new()))) });
                if is_first || is_urgent || state.pending.len() == self.shared.settings.group_batches {
                    self.shared.work.notify_one();
                }
                None
            }
        };
        if let Some(reply) = refused {
            reply(Outcome::Unavailable);
        }
    }

    /// Has what is pending written at once.
    pub(crate) fn hurry(&self) {
        self.shared.state.lock().is_urgent = true;
        self.shared.work.notify_one();
    }

    /// Takes away the intents up to this number, with whichever group comes next.
    pub(crate) fn settle_intents(&self, until: u64) {
        self.shared.state.lock().intents.push(Step::Settle(until));
    }

    /// Applies and journals a batch that was decided elsewhere, by the same arithmetic, and tells what the journal made of it.
    /// [`SqliteLedger::look`] has said that it is new. A disk that takes nothing for now does not keep it out: it has happened, and is
    /// written when there is room.
    pub(crate) fn follow(&self, batch: Batch, durability: Durability, reply: Reply) -> Outcome {
        self.follow_as(batch, durability, reply, None)
    }

    /// Journals a batch as it was decided by the totals of several nodes. Gives it back where the decision contradicts what this node
    /// has open: then nothing was done.
    pub(crate) fn follow_shared(
        &self,
        batch: Batch,
        durability: Durability,
        reply: Reply,
        decided: &Outcome,
    ) -> Result<Outcome, Box<(Batch, Reply)>> {
        if let Outcome::Refused(refusal) = decided
            && is_of_holds(refusal.because)
            && self.shared.state.lock().books.refusal_of_form(&batch) != Some(*refusal)
        {
            return Err(Box::new((batch, reply)));
        }
        Ok(self.follow_as(batch, durability, reply, Some(decided)))
    }

    fn follow_as(&self, batch: Batch, durability: Durability, reply: Reply, decided: Option<&Outcome>) -> Outcome {
        let mut reply = Some(reply);
        let (decision, outcome) = {
            let mut state = self.shared.state.lock();
            if state.has_failed || state.stop != Stop::No {
                (Decision::Answer(Outcome::Unavailable), Outcome::Unavailable)
            } else {
                let decision = self.apply(&mut state, batch, durability, &mut reply, decided);
                let outcome = match &decision {
                    Decision::Answer(outcome) => outcome.clone(),
                    _ => {
                        let answer = state.pending.last().and_then(|pending| pending.answer.as_ref());
                        answer.map_or(Outcome::Unavailable, |(_, outcome)| outcome.clone())
                    }
                };
                (decision, outcome)
            }
        };
        if let Decision::Answer(outcome) = decision {
            super::tell(reply, outcome);
        }
        outcome
    }

    /// What every company has.
    pub(crate) fn companies(&self) -> BTreeMap<CompanyId, CompanyState> {
        companies_of(&self.shared.state.lock().books)
    }

    /// What one company has.
    pub(crate) fn company(&self, company: CompanyId) -> CompanyState {
        CompanyState { balances: self.balances(company), open: self.open_holds(Some(company), usize::MAX) }
    }
}

/// Whether a refusal says something of holds, which are each node's own.
fn is_of_holds(because: RefusedBecause) -> bool {
    use RefusedBecause::{CaptureExceedsHold, HoldExists, HoldNotOpen};
    matches!(because, HoldExists | HoldNotOpen | CaptureExceedsHold)
}

fn ended_names(state: &State, batch: &Batch) -> u32 {
    let mut ended = 0;
    for (place, transfer) in batch.transfers.iter().enumerate() {
        if let Kind::Hold { hold, .. } = transfer.kind
            && state.books.subjects.is_name_taken(batch.company, hold)
            && state.books.subjects.held(batch.company, hold).is_none()
        {
            // At most `Batch::TRANSFERS_MAX`, 32, of a batch of the right form.
            ended |= 1 << place;
        }
    }
    ended
}

fn companies_of(books: &Books) -> BTreeMap<CompanyId, CompanyState> {
    let mut companies: BTreeMap<CompanyId, CompanyState> = BTreeMap::new();
    for slot in books.existing() {
        companies.entry(slot.account.company).or_default().balances.push((slot.account, slot.balance));
    }
    for (subject, _, holds) in books.subjects.live() {
        companies.entry(holds.company).or_default().open.extend(books.show_all(subject, holds));
    }
    companies.values_mut().for_each(|company| company.balances.sort_unstable_by_key(|(account, _)| *account));
    companies
}

/// What every company has by the journal of a ledger that need not be running; opened for reading only.
pub(crate) fn read_companies(path: &Path) -> Result<BTreeMap<CompanyId, CompanyState>, Error> {
    let connection = journal::open_to_read(path)?;
    // One transaction: a running switch may write on meanwhile.
    connection.execute_batch("BEGIN").map_err(journal::read)?;
    Ok(companies_of(&rebuild(&connection)?.books))
}

/// Which node's journal this is.
pub(crate) fn node_of(path: &Path) -> Result<String, Error> {
    let connection = journal::open_to_read(path)?;
    connection.query_row("SELECT lower(hex(id)) FROM node LIMIT 1", [], |row| row.get(0)).map_err(journal::read)
}
