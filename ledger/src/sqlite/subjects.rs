//! What is remembered of each subject (a call, a profile's recharges, one request): its open and ended holds, its last outcomes,
//! and when all of that may be forgotten. Balances are in [`super::books`]; what is forgotten here is found again in the journal.

use super::Quick;
use super::books::Place;
use super::settings::{REMEMBERED_OUTCOMES, REMEMBERED_REFUSALS};
use domain::credit::{Batch, BatchRefusal, Code, HoldId, Kind, Transfer};
use domain::{CompanyId, Wall};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// An open hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) debit: Place,
    pub(super) credit: Place,
    pub(super) amount: i64,
    pub(super) until: Wall,
    pub(super) code: Code,
}

/// The holds of a subject in one company. Nearly always a subject has one company.
#[derive(Debug)]
pub(super) struct Holds {
    pub(super) company: CompanyId,
    /// Few: a call has its channel, one increment and perhaps a bundle.
    pub(super) open: Vec<(u32, Held)>,
    /// Ended ones with what was captured, in order of number.
    pub(super) closed: Vec<(u32, i64)>,
}

/// A journalled batch, as its row has it.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    pub(super) sequence: u64,
    pub(super) line: u64,
    pub(super) row: Arc<[u8]>,
}

/// A refusal that is not journalled.
#[derive(Debug)]
struct Refused {
    sequence: u64,
    company: CompanyId,
    transfers: Vec<Transfer>,
    refusal: BatchRefusal,
}

/// All that is remembered of one subject.
#[derive(Debug, Default)]
pub(super) struct Subject {
    /// The highest sequence of its journalled batches, if `knows_highest`.
    pub(super) highest: Option<u64>,
    /// Whether a sequence above `highest` is certainly new.
    pub(super) knows_highest: bool,
    /// Whether a hold's name that is not in `holds` is certainly free.
    pub(super) knows_names: bool,
    pub(super) holds: Vec<Holds>,
    recent: VecDeque<Recent>,
    refused: VecDeque<Refused>,
    /// Its last row; it is not forgotten before that is journalled.
    line: u64,
    /// An outcome found in the journal, kept until the next is.
    found: Option<Recent>,
    /// Changes, never to return, when an outcome is forgotten: what the journal said before is then no longer the whole truth.
    stamp: u64,
    is_in_queue: bool,
}

impl Subject {
    pub(super) fn is_live(&self) -> bool {
        self.holds.iter().any(|holds| !holds.open.is_empty())
    }

    fn holds(&mut self, company: CompanyId) -> &mut Holds {
        let place = self.holds.iter().position(|holds| holds.company == company).unwrap_or_else(|| {
            self.holds.push(Holds { company, open: Vec::with_capacity(3), closed: Vec::new() });
            self.holds.len() - 1
        });
        &mut self.holds[place]
    }
}

/// What must be asked of the journal before a batch can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) subject: u128,
    /// This batch of it.
    pub(super) sequence: Option<u64>,
    /// The names of all its holds.
    pub(super) names: bool,
    /// The subject's stamp when the question was put.
    stamp: u64,
}

/// The journal's answer.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) highest: Option<u64>,
    pub(super) recent: Option<Recent>,
    /// Ended holds by company; none where names were not asked for.
    pub(super) names: Option<Vec<(CompanyId, u32, i64)>>,
}

/// What is known of a batch's id.
pub(super) enum Known {
    /// It is journalled, or about to be.
    Row(Recent),
    /// It was refused with these transfers.
    Refusal(BatchRefusal),
    /// It was refused, with other transfers.
    Other,
}

/// Every subject that is live or was lately.
#[derive(Default)]
pub(super) struct Subjects {
    all: HashMap<u128, Subject, Quick>,
    /// Subjects to forget, oldest first; the live ones among them are skipped.
    queue: VecDeque<u128>,
    /// The newest subject that sorts by birth and may be in the journal without being in `all`: of a former life, or forgotten in this
    /// one. One that is newer and not in `all` is nowhere, so nothing need be asked of the journal about it.
    newest: u128,
    /// A batch id that the journal does not have, by the last answer of the journal.
    absent: Option<(u128, u64)>,
    /// The stamp given last.
    stamps: u64,
    /// The stamp of every subject that is not remembered: changes when one is forgotten.
    stamp_of_absent: u64,
    pub(super) open_holds: u64,
}

/// Whether a subject sorts by birth: a UUID version 7 (RFC 9562 5.7) of before the year 2109. Of the hashes of 128 bits that
/// others use as subjects, one in 4,096 looks like one; such a hash only makes later answers slower, never wrong.
pub(super) const fn sorts_by_birth(subject: u128) -> bool {
    subject >> 122 == 0 && subject >> 76 & 0xf == 7 && subject >> 62 & 3 == 2
}

/// No subject that sorts by birth is at or above this.
pub(super) const BIRTHS_END: u128 = 1 << 122;

impl Subjects {
    /// From now on no subject up to this one is new.
    pub(super) fn newest_at_least(&mut self, subject: u128) {
        self.newest = self.newest.max(subject);
    }

    fn is_new(&self, subject: u128) -> bool {
        sorts_by_birth(subject) && subject > self.newest
    }

    /// What is remembered of a batch's id.
    pub(super) fn known(&self, batch: &Batch) -> Option<Known> {
        let subject = self.all.get(&batch.id.subject)?;
        let of_id = |sequence: u64| sequence == batch.id.sequence;
        if let Some(recent) = subject.recent.iter().rev().chain(&subject.found).find(|recent| of_id(recent.sequence)) {
            return Some(Known::Row(recent.clone()));
        }
        subject.refused.iter().rev().find(|refused| of_id(refused.sequence)).map(|refused| {
            match refused.company == batch.company && refused.transfers == batch.transfers {
                true => Known::Refusal(refused.refusal),
                false => Known::Other,
            }
        })
    }

    /// What must be asked of the journal before this batch, whose id is not remembered, can be decided.
    pub(super) fn question(&self, batch: &Batch) -> Option<Question> {
        let id = batch.id;
        let is_certain = match self.all.get(&id.subject) {
            Some(subject) => subject.knows_highest && subject.highest.is_none_or(|highest| id.sequence > highest),
            None => self.is_new(id.subject),
        };
        if !is_certain && self.absent != Some((id.subject, id.sequence)) {
            let names = batch.transfers.iter().any(|transfer| {
                matches!(transfer.kind, Kind::Hold { hold, .. } if hold.subject == id.subject && !self.knows_names(hold.subject))
            });
            return Some(Question { sequence: Some(id.sequence), names, ..self.question_of_names(id.subject) });
        }
        batch.transfers.iter().find_map(|transfer| match transfer.kind {
            Kind::Hold { hold, .. } if !self.knows_names(hold.subject) => Some(self.question_of_names(hold.subject)),
            _ => None,
        })
    }

    fn knows_names(&self, subject: u128) -> bool {
        self.all.get(&subject).map_or_else(|| self.is_new(subject), |known| known.knows_names)
    }

    /// A question about the names of a subject's holds.
    pub(super) fn question_of_names(&self, subject: u128) -> Question {
        Question { subject, sequence: None, names: true, stamp: self.stamp_of(subject) }
    }

    fn stamp_of(&self, subject: u128) -> u64 {
        self.all.get(&subject).map_or(self.stamp_of_absent, |known| known.stamp)
    }

    /// The subject, remembered from now on.
    fn entry(&mut self, id: u128) -> &mut Subject {
        let is_new = self.is_new(id);
        let stamps = &mut self.stamps;
        self.all.entry(id).or_insert_with(|| {
            *stamps += 1;
            Subject { knows_highest: is_new, knows_names: is_new, stamp: *stamps, ..Subject::default() }
        })
    }

    /// Takes in what the journal said, unless something was forgotten in between: then the question must be put again.
    pub(super) fn learn(&mut self, question: Question, findings: Findings) {
        if self.stamp_of(question.subject) != question.stamp {
            return;
        }
        let subject = self.entry(question.subject);
        if !subject.knows_highest {
            subject.highest = subject.highest.max(findings.highest);
            subject.knows_highest = true;
        }
        if let (Some(names), false) = (findings.names, subject.knows_names) {
            for (company, number, captured) in names {
                let closed = &mut subject.holds(company).closed;
                if let Err(place) = closed.binary_search_by_key(&number, |(number, _)| *number) {
                    closed.insert(place, (number, captured));
                }
            }
            subject.knows_names = true;
        }
        match (question.sequence, findings.recent) {
            (_, Some(recent)) => subject.found = Some(recent),
            (Some(sequence), None) => self.absent = Some((question.subject, sequence)),
            (None, None) => {}
        }
        self.enqueue(question.subject);
    }

    /// Remembers a batch that is journalled or about to be.
    pub(super) fn remember(&mut self, batch: &Batch, line: u64, row: Arc<[u8]>, journalled: u64) {
        let id = batch.id;
        self.absent = None;
        self.entry(id.subject);
        let Subjects { all, stamps, .. } = self;
        let Some(subject) = all.get_mut(&id.subject) else { return };
        subject.highest = subject.highest.max(Some(id.sequence));
        subject.line = line;
        subject.recent.push_back(Recent { sequence: id.sequence, line, row });
        while subject.recent.len() > REMEMBERED_OUTCOMES
            && subject.recent.front().is_some_and(|oldest| oldest.line <= journalled)
        {
            subject.recent.pop_front();
            *stamps += 1;
            subject.stamp = *stamps;
        }
        self.enqueue(id.subject);
    }

    /// Remembers a refusal that is not journalled, if the subject is live in the company.
    pub(super) fn remember_refusal(&mut self, batch: Batch, refusal: BatchRefusal) {
        let Some(subject) = self.all.get_mut(&batch.id.subject) else { return };
        if !subject.holds.iter().any(|holds| holds.company == batch.company && !holds.open.is_empty()) {
            return;
        }
        if subject.refused.len() >= REMEMBERED_REFUSALS {
            subject.refused.pop_front();
        }
        let Batch { id, company, transfers, .. } = batch;
        subject.refused.push_back(Refused { sequence: id.sequence, company, transfers, refusal });
    }

    fn enqueue(&mut self, id: u128) {
        if let Some(subject) = self.all.get_mut(&id)
            && !subject.is_in_queue
        {
            subject.is_in_queue = true;
            self.queue.push_back(id);
        }
    }

    /// Forgets the oldest subjects that are not live, down to `limit`.
    pub(super) fn forget(&mut self, limit: usize, journalled: u64) {
        while self.queue.len() > limit {
            let Some(oldest) = self.queue.pop_front() else { return };
            let Some(subject) = self.all.get_mut(&oldest) else { continue };
            subject.is_in_queue = false;
            if subject.is_live() {
                continue;
            }
            if subject.line > journalled {
                subject.is_in_queue = true;
                self.queue.push_back(oldest);
                return;
            }
            self.all.remove(&oldest);
            if sorts_by_birth(oldest) {
                self.newest_at_least(oldest);
            }
            self.stamps += 1;
            self.stamp_of_absent = self.stamps;
        }
    }

    /// The open hold with this name.
    pub(super) fn held(&self, company: CompanyId, hold: HoldId) -> Option<&Held> {
        let holds = self.all.get(&hold.subject)?.holds.iter().find(|holds| holds.company == company)?;
        holds.open.iter().find(|(number, _)| *number == hold.number).map(|(_, held)| held)
    }

    pub(super) fn held_mut(&mut self, company: CompanyId, hold: HoldId) -> Option<&mut Held> {
        let holds = self.all.get_mut(&hold.subject)?.holds.iter_mut().find(|holds| holds.company == company)?;
        holds.open.iter_mut().find(|(number, _)| *number == hold.number).map(|(_, held)| held)
    }

    /// Whether the name is or was a hold's.
    pub(super) fn is_name_taken(&self, company: CompanyId, hold: HoldId) -> bool {
        let Some(subject) = self.all.get(&hold.subject) else { return false };
        subject.holds.iter().filter(|holds| holds.company == company).any(|holds| {
            holds.open.iter().any(|(number, _)| *number == hold.number)
                || holds.closed.binary_search_by_key(&hold.number, |(number, _)| *number).is_ok()
        })
    }

    /// Opens a hold; true where its subject was not remembered before.
    pub(super) fn open(&mut self, company: CompanyId, hold: HoldId, held: Held) -> bool {
        let is_made = !self.all.contains_key(&hold.subject);
        let subject = self.entry(hold.subject);
        subject.holds(company).open.push((hold.number, held));
        self.open_holds += 1;
        is_made
    }

    /// Ends a hold.
    pub(super) fn end(&mut self, company: CompanyId, hold: HoldId, captured: i64) -> Option<Held> {
        let subject = self.all.get_mut(&hold.subject)?;
        let holds = subject.holds(company);
        let place = holds.open.iter().position(|(number, _)| *number == hold.number)?;
        let (_, held) = holds.open.remove(place);
        let place = holds.closed.partition_point(|(number, _)| *number < hold.number);
        holds.closed.insert(place, (hold.number, captured));
        self.open_holds -= 1;
        Some(held)
    }

    /// Takes back [`Subjects::open`].
    pub(super) fn unopen(&mut self, company: CompanyId, hold: HoldId) {
        if let Some(subject) = self.all.get_mut(&hold.subject) {
            subject.holds(company).open.retain(|(number, _)| *number != hold.number);
            self.open_holds -= 1;
        }
    }

    /// Takes back [`Subjects::end`].
    pub(super) fn reopen(&mut self, company: CompanyId, hold: HoldId, held: Held) {
        if let Some(subject) = self.all.get_mut(&hold.subject) {
            let holds = subject.holds(company);
            holds.closed.retain(|(number, _)| *number != hold.number);
            holds.open.push((hold.number, held));
            self.open_holds += 1;
        }
    }

    /// Takes back the making of a subject.
    pub(super) fn unmake(&mut self, subject: u128) {
        self.all.remove(&subject);
    }

    /// After an applied batch: a subject that has no open hold left in the company forgets its refusals (law 7), and stands in
    /// line to be forgotten itself.
    pub(super) fn settle(&mut self, batch: &Batch) {
        for transfer in &batch.transfers {
            let (Kind::Capture { hold, .. } | Kind::Release { hold } | Kind::Hold { hold, .. }) = transfer.kind else {
                continue;
            };
            let Some(subject) = self.all.get_mut(&hold.subject) else { continue };
            let is_live = subject.holds.iter().any(|holds| holds.company == batch.company && !holds.open.is_empty());
            if !is_live {
                subject.refused.retain(|refused| refused.company != batch.company);
                self.enqueue(hold.subject);
            }
        }
    }

    /// The holds of every subject that is live, in each company where it is, in order of company and subject.
    pub(super) fn live(&self) -> Vec<(u128, &Subject, &Holds)> {
        let mut live = self.with_past();
        live.retain(|(_, _, holds)| !holds.open.is_empty());
        live
    }

    /// The holds of every subject that is live in any company, in all companies, in order of company and subject.
    pub(super) fn with_past(&self) -> Vec<(u128, &Subject, &Holds)> {
        let mut all: Vec<_> = self
            .all
            .iter()
            .filter(|(_, subject)| subject.is_live())
            .flat_map(|(id, subject)| subject.holds.iter().map(move |holds| (*id, subject, holds)))
            .collect();
        all.sort_unstable_by_key(|(id, _, holds)| (holds.company, *id));
        all
    }

    /// Puts a live subject in, as a snapshot has it.
    pub(super) fn restore(&mut self, id: u128, highest: Option<u64>, holds: Holds) {
        self.open_holds += holds.open.len() as u64;
        let subject = self.all.entry(id).or_default();
        subject.highest = subject.highest.max(highest);
        subject.knows_highest = true;
        subject.knows_names = true;
        subject.holds.push(holds);
    }

    /// For the start: notes a journalled batch of a subject, and drops the subject where it is not live.
    pub(super) fn pass(&mut self, batch: &Batch) {
        if let Some(subject) = self.all.get_mut(&batch.id.subject) {
            subject.highest = subject.highest.max(Some(batch.id.sequence));
        }
        let named = batch.transfers.iter().filter_map(|transfer| match transfer.kind {
            Kind::Capture { hold, .. } | Kind::Release { hold } => Some(hold.subject),
            _ => None,
        });
        for id in named {
            if self.all.get(&id).is_some_and(|subject| !subject.is_live()) {
                self.all.remove(&id);
            }
        }
    }

    /// Live subjects whose past is not wholly known.
    pub(super) fn incomplete(&self) -> Vec<u128> {
        let incomplete = self.all.iter().filter(|(_, subject)| !subject.knows_names || !subject.knows_highest);
        let mut ids: Vec<u128> = incomplete.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}
