//! A whole month re-rated: every call's record, journal, statement and deck held against each other, and the journal's charges against the
//! records.
//!
//! What is wrong with one call is the parent's to say. Nothing is written.

use super::{DeckFound, Difference, Off, judge};
use crate::statement::call_of;
use crate::text::Instant;
use domain::call_record::CallRecord;
use domain::credit::{Account, Code, Holder, Unit};
use domain::{CallId, Currency, Micros, ProfileId, Wall};
use ledger::sqlite::Journal;
use ledger::{LineKind, Lines, StatementLine, StatementQuery};
use rating::Deck;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use store::record_json::from_json;
use store::{CallFilter, Store};

/// Differences that are listed at most; the count tells of all.
pub const LISTED_MAX: usize = 1_000;
/// Records read at a time.
const PAGE: u32 = 1_000;

/// A calendar month, in UTC: the calls whose INVITE came within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    from: Wall,
    to: Wall,
}

/// Why a text is no month.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a month: expected a year and a month, such as 2026-11")]
pub struct NotAMonth(pub String);

impl FromStr for Month {
    type Err = NotAMonth;
    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        let refused = || NotAMonth(text.chars().take(64).collect());
        let (year, month) = text.split_once('-').ok_or_else(refused)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| refused());
        let (year, month) = (number(year)?, number(month)?);
        let first = |year: u32, month: u32| {
            let instant = format!("{year:04}-{month:02}-01T00:00:00Z").parse::<Instant>();
            instant.map(|instant| instant.0).map_err(|_| refused())
        };
        let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        Ok(Month { from: first(year, month)?, to: first(next.0, next.1)? })
    }
}

/// A call, or a deck, about which the witnesses do not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonthDifference {
    /// Which call; null where it is a deck, or the journal itself.
    pub call: Option<String>,
    /// What the call should have been charged, where that is known.
    pub should: Option<String>,
    /// What its record says.
    pub record: Option<String>,
    /// What the journal captured.
    pub journal: Option<String>,
    /// What the statement of who paid shows.
    pub statement: Option<String>,
    /// Who is off, and what it says.
    pub differences: Vec<Difference>,
}

/// What a month's proof found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Records read.
    pub calls: u64,
    /// Of these, calls that were charged something.
    pub charged: u64,
    /// Of these, records older than version 5: their sums were compared, their increments are not known.
    pub without_terms: u64,
    /// Calls that talked longer than they could pay for.
    pub unpaid_calls: u64,
    /// What was charged, by currency.
    pub amounts: BTreeMap<String, String>,
    /// Versions of decks that calls were charged by.
    pub decks: Vec<String>,
    /// Whatever differs, listed up to 1000.
    pub differences: Vec<MonthDifference>,
    /// All of it.
    pub difference_count: u64,
}

impl Proof {
    /// Whether nothing differs.
    pub fn is_clean(&self) -> bool {
        self.difference_count == 0
    }

    fn differs(&mut self, difference: MonthDifference) {
        self.difference_count += 1;
        if self.differences.len() < LISTED_MAX {
            self.differences.push(difference);
        }
    }

    fn general(&mut self, off: Off, what: String) {
        let differences = vec![Difference { off, what }];
        let nothing =
            MonthDifference { call: None, should: None, record: None, journal: None, statement: None, differences };
        self.differs(nothing);
    }
}

/// For people.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amounts: Vec<String> =
            self.amounts.iter().map(|(currency, amount)| format!("{amount} {currency}")).collect();
        let amounts = if amounts.is_empty() { "nothing".to_owned() } else { amounts.join(", ") };
        write!(f, "{} calls, {} charged, {amounts} in all", self.calls, self.charged)?;
        if !self.decks.is_empty() {
            write!(f, ", by {}", self.decks.join(", "))?;
        }
        if self.without_terms > 0 {
            write!(f, "; of {} the records are older than version 5 and tell sums only", self.without_terms)?;
        }
        if self.unpaid_calls > 0 {
            write!(f, "; {} talked longer than they could pay for", self.unpaid_calls)?;
        }
        if self.is_clean() {
            return f.write_str(": record, journal, statement and deck agree about every one");
        }
        write!(f, ": {} differences", self.difference_count)?;
        for one in &self.differences {
            let text = |amount: &Option<String>| amount.clone().unwrap_or_else(|| "-".to_owned());
            let call = one.call.as_deref().unwrap_or("in general");
            write!(
                f,
                "\n- {call}: should be {}; record {}, journal {}, statement {}",
                text(&one.should),
                text(&one.record),
                text(&one.journal),
                text(&one.statement)
            )?;
            for difference in &one.differences {
                write!(f, "\n    {:?} is off: {}", difference.off, difference.what)?;
            }
        }
        Ok(())
    }
}

/// A deck as it is in the store, and whether it is what was imported.
struct Known {
    deck: Deck,
    is_intact: bool,
}

/// The record with which a call ended, and where it stands.
struct Ended<'a> {
    journal: &'a Journal,
    row: u64,
    text: Arc<str>,
}

/// Reads a store and the journals of its nodes, for one month.
struct Prover<'a> {
    store: &'a Store,
    journals: &'a [Journal],
    month: Month,
    proof: Proof,
    decks: BTreeMap<Arc<str>, Option<Known>>,
    /// What the statements show of each call.
    shown: BTreeMap<u128, Micros>,
    /// Profiles whose statement could not be read to its end.
    unreadable: BTreeSet<ProfileId>,
    seen: BTreeSet<u128>,
    amounts: BTreeMap<Currency, Micros>,
}

/// Re-rates every call of a month, by the journals of every node of the store; `progress` is told how many records of how many are done.
///
/// # Errors
/// Where store or journal cannot be read at all.
pub fn prove(
    store: &Store,
    journals: &[Journal],
    month: Month,
    mut progress: impl FnMut(u64, u64),
) -> Result<Proof, String> {
    let mut prover = Prover {
        store,
        journals,
        month,
        proof: Proof::default(),
        decks: BTreeMap::new(),
        shown: BTreeMap::new(),
        unreadable: BTreeSet::new(),
        seen: BTreeSet::new(),
        amounts: BTreeMap::new(),
    };
    prover.read_statements();
    prover.read_records(&mut progress)?;
    prover.look_for_strays()?;
    prover.proof.decks = prover.decks.keys().map(ToString::to_string).collect();
    let amounts = prover.amounts.iter().map(|(currency, amount)| (currency.to_string(), amount.to_string()));
    prover.proof.amounts = amounts.collect();
    Ok(prover.proof)
}

impl Prover<'_> {
    /// What customers read: each profile's statement, newest first, back to the beginning of the month.
    fn read_statements(&mut self) {
        let journals = self.journals;
        journals.iter().for_each(|journal| self.read_statements_of(journal));
    }

    fn read_statements_of(&mut self, journal: &Journal) {
        let newest = match journal.newest_of_accounts() {
            Ok(newest) => newest,
            Err(error) => return self.proof.general(Off::Journal, error.to_string()),
        };
        for (account, newest) in newest {
            let Holder::Profile(profile) = account.holder else { continue };
            if matches!(account.unit, Unit::Money(_))
                && let Err(error) = self.read_statement(journal, account, newest)
            {
                self.unreadable.insert(profile);
                self.proof.general(Off::Statement, format!("that of {profile} cannot be read: {error}"));
            }
        }
    }

    fn read_statement(&mut self, journal: &Journal, account: Account, newest: u64) -> Result<(), ledger::Error> {
        let mut query = StatementQuery {
            company: account.company,
            account: Some(account),
            lines: Lines::Posted,
            before: None,
            after: 0,
            limit: PAGE as usize,
        };
        loop {
            let page = journal.statement(&query, newest)?;
            for line in &page.lines {
                if line.code == Code::CallCharge && line.debit == account {
                    *self.shown.entry(call_of(line)).or_default() += Micros::new(line.amount);
                }
            }
            let is_past = page.lines.last().is_none_or(|line| line.at < self.month.from);
            match page.next {
                Some(next) if !is_past => query.before = Some(next),
                _ => return Ok(()),
            }
        }
    }

    fn read_records(&mut self, progress: &mut impl FnMut(u64, u64)) -> Result<(), String> {
        let filter = CallFilter { from: Some(self.month.from), to: Some(self.month.to), ..CallFilter::default() };
        let in_words = |error: store::Error| error.to_string();
        let total = self.store.call_totals(&filter).map_err(in_words)?.count;
        let mut after = 0;
        progress(0, total);
        loop {
            let texts = self.store.leaving_texts(&filter, after, PAGE).map_err(in_words)?;
            let Some((last, _)) = texts.last() else { return Ok(()) };
            after = *last;
            for (_, text) in &texts {
                self.proof.calls += 1;
                match from_json(text) {
                    Ok(record) => self.look_at(&record, text)?,
                    Err(error) => self.proof.general(Off::Record, error.to_string()),
                }
            }
            progress(self.proof.calls, total);
        }
    }

    fn look_at(&mut self, record: &CallRecord, text: &str) -> Result<(), String> {
        let call = record.id.bits();
        self.seen.insert(call);
        self.learn_deck(record)?;
        let mut history = Vec::new();
        for journal in self.journals {
            history.extend(journal.history(call).map_err(|error| error.to_string())?);
        }
        let known = record.priced.as_ref().and_then(|priced| self.decks.get(&priced.deck)?.as_ref());
        let found = match known {
            Some(Known { deck, is_intact: true }) => DeckFound::Intact(deck),
            Some(Known { deck, is_intact: false }) => DeckFound::Changed(deck),
            None => DeckFound::Missing,
        };
        let mut judgement = judge(record, &history, found);
        match self.ended(call)? {
            Some(Ended { text: ended, .. }) if *ended == *text => {}
            Some(_) => judgement.differences.push(Difference {
                off: Off::Record,
                what: "it is not what the journal has: somebody changed it after the call".to_owned(),
            }),
            None => judgement
                .differences
                .push(Difference { off: Off::Journal, what: "it has no end of this call".to_owned() }),
        }
        let shown = self.shown.get(&call).copied().unwrap_or_default();
        let is_shown = !self.unreadable.contains(&record.profile);
        if is_shown && shown != judgement.journal {
            let what = format!("it shows {shown}; the captures are {}", judgement.journal);
            judgement.differences.push(Difference { off: Off::Statement, what });
        }
        self.proof.charged += u64::from(record.amount.is_positive());
        self.proof.without_terms += u64::from(judgement.should.is_none());
        self.proof.unpaid_calls += u64::from(judgement.unpaid_s > 0);
        *self.amounts.entry(record.currency).or_default() += record.amount;
        if !judgement.differences.is_empty() {
            self.proof.differs(MonthDifference {
                call: Some(record.id.to_string()),
                should: judgement.should.map(|should| should.to_string()),
                record: Some(record.amount.to_string()),
                journal: Some(judgement.journal.to_string()),
                statement: is_shown.then(|| shown.to_string()),
                differences: judgement.differences,
            });
        }
        Ok(())
    }

    /// Reads the deck that a record names, once, and says where it is not what was imported.
    fn learn_deck(&mut self, record: &CallRecord) -> Result<(), String> {
        let Some(priced) = &record.priced else { return Ok(()) };
        if self.decks.contains_key(&priced.deck) {
            return Ok(());
        }
        let in_words = |error: store::Error| error.to_string();
        let known = match self.store.deck_labelled(&priced.deck).map_err(in_words)? {
            None => None,
            Some(named) => {
                let is_intact = self.store.deck_content(named.id).map_err(in_words)? == named.content;
                if !is_intact {
                    let what = format!("the rows of {} ({}) are not what was imported", priced.deck, named.id);
                    self.proof.general(Off::Deck, what);
                }
                match named.with_rows(&self.store.deck_rows(named.id).map_err(in_words)?) {
                    Ok(deck) => Some(Known { deck, is_intact }),
                    Err(fault) => {
                        self.proof.general(Off::Deck, format!("{}: {fault}", priced.deck));
                        None
                    }
                }
            }
        };
        self.decks.insert(Arc::clone(&priced.deck), known);
        Ok(())
    }

    /// With which record a call ended, in which row of which journal.
    fn ended(&self, call: u128) -> Result<Option<Ended<'_>>, String> {
        for journal in self.journals {
            if let Some((row, text)) = journal.ended(call).map_err(|error| error.to_string())? {
                return Ok(Some(Ended { journal, row, text }));
            }
        }
        Ok(None)
    }

    /// Charges in the journals for calls of which the store knows nothing.
    fn look_for_strays(&mut self) -> Result<(), String> {
        let mut strays = BTreeMap::<u128, Micros>::new();
        let (month, seen) = (self.month, &self.seen);
        let mut look = |line: StatementLine| {
            let is_taken = matches!(line.kind, LineKind::Capture | LineKind::Post) && line.amount > 0;
            let is_charge = line.code == Code::CallCharge && matches!(line.debit.unit, Unit::Money(_));
            if is_taken && is_charge && line.at >= month.from && line.at < month.to {
                let call = call_of(&line);
                if !seen.contains(&call) {
                    *strays.entry(call).or_default() += Micros::new(line.amount);
                }
            }
            Ok(())
        };
        // What a journal itself suffers from was said when the statements were read.
        if self.journals.iter().any(|journal| journal.each_line(0, &mut look).is_err()) {
            return Ok(());
        }
        for (call, journal) in strays {
            let id = CallId::from_bits(call);
            let is_known = match self.store.call_record(id) {
                // Of another month: it began before this one, or goes on in it.
                Ok(_) => true,
                Err(store::Error::NotFound { .. }) => false,
                Err(error) => return Err(error.to_string()),
            };
            // A call that is up, or whose record is about to be copied, has none yet.
            let Some(Ended { journal: of, row, .. }) = self.ended(call)?.filter(|_| !is_known) else { continue };
            if row > self.store.drained_to(of.name()).map_err(|error| error.to_string())? {
                continue;
            }
            self.proof.differs(MonthDifference {
                call: Some(id.to_string()),
                should: Some(journal.to_string()),
                record: None,
                journal: Some(journal.to_string()),
                statement: self.shown.get(&call).map(|shown| shown.to_string()),
                differences: vec![Difference { off: Off::Record, what: "the store has none of this call".to_owned() }],
            });
        }
        Ok(())
    }
}
