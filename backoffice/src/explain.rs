//! Why a call cost what it cost: which row of which deck, every step of the price, every charge with its instants, and what record,
//! journal and deck say of each other; as data and in sentences.
//!
//! Nothing is decided here, and nothing is kept for it: it is read from the record, the journal and the deck. Whether they agree is
//! [`crate::proof`]'s.

mod sentences;

use crate::caller::Caller;
use crate::error::Result;
use crate::office::Office;
use crate::proof::arithmetic::{self, PriceStep};
use crate::proof::{DeckFound, Difference, judge};
use domain::call_record::{CallDirection, CallRecord};
use domain::credit::{Code, Unit};
use domain::{CallId, Micros, ReleaseCause, Wall};
use ledger::{LineKind, StatementLine};
use rating::stream::{charges, runs};
use rating::{Deck, Tariff};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Charges and movements that are listed at most, each; the counts tell of all. A day at 6 s has more; the runs tell of all of it.
pub const LISTED_MAX: usize = 2_000;

/// The row of the deck, or one that covers the number too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedRow {
    /// Its prefix.
    #[schema(example = "372")]
    pub prefix: String,
    /// What the deck calls it.
    pub destination: String,
    /// Price of a minute.
    pub rate_per_minute: String,
    /// Why it is the one, or why it is not.
    pub why: String,
}

/// By what the call was charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedTariff {
    /// The version of the deck, which was in force when the call was admitted.
    #[schema(example = "standard 3")]
    pub deck: String,
    /// The row that matched.
    pub row: ExplainedRow,
    /// The other rows that cover the number, the longest prefix first; empty where the deck is not there any more.
    pub others: Vec<ExplainedRow>,
    /// Price of a minute.
    #[schema(example = "0.02")]
    pub rate_per_minute: String,
    /// Owed once by every answered call.
    pub connection_fee: String,
    /// Seconds charged at least.
    pub minimum_s: u32,
    /// Seconds charged at a time after that.
    pub increment_s: u32,
    /// How the whole call is rounded: `up` or `half_up`.
    pub rounding: String,
    /// Decimal places that it is rounded to.
    pub scale: u32,
}

/// Charges that follow each other for one amount each: the whole stream in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChargeRun {
    /// The first of them, counted from 0.
    pub sequence: u32,
    /// How many there are.
    pub count: u32,
    /// Where the first begins, in seconds from the answer.
    pub from_s: u32,
    /// How long each is.
    pub step_s: u32,
    /// What each adds.
    #[schema(example = "0.01")]
    pub amount: String,
    /// The bill with all of them.
    pub total: String,
}

/// One charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedCharge {
    /// Counted from 0.
    pub sequence: u32,
    /// Out of what it was paid: `profile`.
    pub bucket: String,
    /// Where it begins, in seconds from the answer.
    pub from_s: u32,
    /// Where it ends.
    pub until_s: u32,
    /// What it adds to the bill.
    #[schema(example = "0.01")]
    pub amount: String,
    /// In millionths.
    pub micros: i64,
    /// The bill with it.
    pub total: String,
    /// When it was due: as it begins; RFC 3339.
    pub due_at: Option<String>,
    /// When it was granted, by the journal; null where the journal does not have it.
    pub granted_at: Option<String>,
}

/// What the ledger did for the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedMovement {
    /// The row of the journal.
    pub journal: u64,
    /// When it was decided.
    pub at: String,
    /// `held`, `captured`, `released`, or `recharged` where the profile was recharged for it.
    pub what: String,
    /// How much.
    pub amount: String,
    /// The billed second up to which it pays; null where it does not pay for a part of the call.
    pub until_s: Option<u32>,
}

/// Why a call cost what it cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// Which call.
    #[schema(example = "call_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub call: String,
    /// The number called, where it was one.
    pub number: Option<String>,
    /// Which profile's.
    pub profile: String,
    /// When its INVITE came: what was in force then is what it is charged by; RFC 3339.
    pub admitted_at: String,
    /// When it was answered.
    pub answered_at: Option<String>,
    /// What was charged, by its record.
    #[schema(example = "0.03")]
    pub amount: String,
    /// Of all amounts.
    pub currency: String,
    /// Out of what it was paid: `free` or `profile`.
    pub bucket: String,
    /// By what it was charged; null where nothing was rated, or the record is older than version 5.
    pub tariff: Option<ExplainedTariff>,
    /// Talk time in milliseconds.
    pub talked_ms: u64,
    /// Seconds charged for.
    pub billed_s: u32,
    /// How the price is made of them.
    pub price: Vec<PriceStep>,
    /// The tick stream: the whole of it, equals together.
    pub runs: Vec<ChargeRun>,
    /// How many charges there are.
    pub charge_count: u32,
    /// The first 2000 of them, one by one.
    pub charges: Vec<ExplainedCharge>,
    /// How many movements of money there are in the journal.
    pub movement_count: u64,
    /// The first 2000 of them, oldest first.
    pub movements: Vec<ExplainedMovement>,
    /// The second at which credit ended, where it did.
    pub credit_ended_at_s: Option<u32>,
    /// What the next increment would have added; null where the call was not charged.
    pub next_amount: Option<String>,
    /// The second up to which that would have paid.
    pub next_until_s: Option<u32>,
    /// Why it ended.
    pub cause: String,
    /// What the journal's captures add up to.
    pub journal_amount: String,
    /// What the deck makes of the seconds; null where the record is older than version 5.
    pub rated_amount: Option<String>,
    /// Whether record, journal and deck say the same.
    pub agrees: bool,
    /// What does not, and who is off.
    pub differences: Vec<Difference>,
    /// All of it in words.
    pub sentences: Vec<String>,
}

fn row(rate: &rating::Rate, why: String) -> ExplainedRow {
    ExplainedRow {
        prefix: rate.prefix.to_string(),
        destination: rate.destination.to_string(),
        rate_per_minute: rate.tariff.rate_per_minute().to_string(),
        why,
    }
}

/// The rows with shorter prefixes that cover the number too.
fn others(record: &CallRecord, deck: Option<&Deck>, matched: &str) -> Vec<ExplainedRow> {
    let (Some(callee), Some(deck)) = (record.callee, deck) else { return Vec::new() };
    let covers = |rate: &&rating::Rate| callee.starts_with(rate.prefix) && rate.prefix.to_string() != matched;
    let mut rows: Vec<_> = deck.rates().iter().filter(covers).collect();
    rows.sort_by_key(|rate| std::cmp::Reverse(rate.prefix.as_bytes().len()));
    let why = |rate: &rating::Rate| match rate.prefix.as_bytes().len() < matched.len() {
        true => format!("{} covers the number too, but is shorter than {matched}", rate.prefix),
        false => format!("{} is longer: the deck was changed after the call", rate.prefix),
    };
    rows.into_iter().map(|rate| row(rate, why(rate))).collect()
}

fn tariff(record: &CallRecord, tariff: &Tariff, deck: Option<&Deck>) -> Option<ExplainedTariff> {
    let priced = record.priced.as_ref()?;
    let prefix = priced.prefix.to_string();
    let others = others(record, deck, &prefix);
    let why = match record.callee {
        Some(number) => format!("{prefix} is the longest prefix of {number} in deck {}", priced.deck),
        None => format!("deck {}", priced.deck),
    };
    Some(ExplainedTariff {
        deck: priced.deck.to_string(),
        row: ExplainedRow {
            prefix,
            destination: record.destination.clone(),
            rate_per_minute: record.rate_per_minute.to_string(),
            why,
        },
        others,
        rate_per_minute: tariff.rate_per_minute().to_string(),
        connection_fee: tariff.connection_fee().to_string(),
        minimum_s: tariff.minimum_s(),
        increment_s: tariff.increment_s(),
        rounding: tariff.rounding().to_string(),
        scale: tariff.scale(),
    })
}

fn movement(line: &StatementLine) -> Option<ExplainedMovement> {
    let is_money = matches!(line.debit.unit, Unit::Money(_));
    let what = match (line.kind, line.code) {
        (LineKind::Extend, _) => return None,
        (LineKind::Post, Code::AutoRecharge) => "recharged",
        (LineKind::Hold, _) => "held",
        (LineKind::Release, _) => "released",
        (LineKind::Capture | LineKind::Post, _) => "captured",
    };
    is_money.then(|| ExplainedMovement {
        journal: line.journal_sequence,
        at: line.at.to_string(),
        what: what.to_owned(),
        amount: Micros::new(line.amount).to_string(),
        until_s: line.hold.map(|hold| hold.number),
    })
}

fn listed(record: &CallRecord, tariff: &Tariff, history: &[StatementLine]) -> Vec<ExplainedCharge> {
    let taken = crate::proof::captured(history);
    let due = |from_s: u32| record.answered_at.map(|at: Wall| (at + Duration::from_secs(from_s.into())).to_string());
    let told = charges(tariff, record.billed_s).take(LISTED_MAX).enumerate().map(|(index, charge)| {
        let named = taken.iter().find(|capture| capture.until_s == Some(charge.until_s));
        let granted = named.or_else(|| taken.get(index).filter(|capture| capture.until_s.is_none()));
        ExplainedCharge {
            sequence: charge.sequence,
            bucket: "profile".to_owned(),
            from_s: charge.from_s,
            until_s: charge.until_s,
            amount: charge.amount.to_string(),
            micros: charge.amount.get(),
            total: charge.total.to_string(),
            due_at: due(charge.from_s),
            granted_at: granted.map(|capture| capture.at.to_string()),
        }
    });
    told.collect()
}

/// Explains a call. `history` is [`ledger::Ledger::history`] of it, `deck` what its record names.
pub fn explain(record: &CallRecord, history: &[StatementLine], deck: DeckFound<'_>) -> Explanation {
    let judgement = judge(record, history, deck);
    let rated = Tariff::of_record(record).and_then(|tariff| tariff.ok());
    let is_charged = rated.is_some() && record.answered_at.is_some();
    let billed_s = if is_charged { record.billed_s } else { 0 };
    let next = rated.filter(|_| is_charged).map(|tariff| arithmetic::next_second(&tariff, billed_s));
    let movements: Vec<_> = history.iter().filter_map(movement).collect();
    let run = |run: rating::stream::Run| ChargeRun {
        sequence: run.sequence,
        count: run.count,
        from_s: run.from_s,
        step_s: run.step_s,
        amount: run.amount.to_string(),
        total: run.total.to_string(),
    };
    let mut explanation = Explanation {
        call: record.id.to_string(),
        number: record.callee.map(|number| number.to_string()),
        profile: record.profile.to_string(),
        admitted_at: record.invited_at.to_string(),
        answered_at: record.answered_at.map(|at| at.to_string()),
        amount: record.amount.to_string(),
        currency: record.currency.to_string(),
        bucket: if rated.is_some() { "profile" } else { "free" }.to_owned(),
        tariff: rated.and_then(|rated| tariff(record, &rated, deck.deck())),
        talked_ms: record.talked_ms,
        billed_s: record.billed_s,
        price: rated.map(|tariff| arithmetic::steps(&tariff, billed_s)).unwrap_or_default(),
        runs: rated.map(|tariff| runs(&tariff, billed_s).into_iter().map(run).collect()).unwrap_or_default(),
        charge_count: rated.map_or(0, |tariff| charges(&tariff, billed_s).count() as u32),
        charges: rated.filter(|_| is_charged).map(|tariff| listed(record, &tariff, history)).unwrap_or_default(),
        movement_count: movements.len() as u64,
        movements: movements.into_iter().take(LISTED_MAX).collect(),
        credit_ended_at_s: (record.cause == ReleaseCause::CreditExhausted).then_some(record.billed_s),
        next_amount: next.map(|(_, amount)| amount.to_string()),
        next_until_s: next.map(|(until_s, _)| until_s),
        cause: record.cause.as_str().to_owned(),
        journal_amount: judgement.journal.to_string(),
        rated_amount: judgement.should.map(|should| should.to_string()),
        agrees: judgement.differences.is_empty(),
        differences: judgement.differences.clone(),
        sentences: Vec::new(),
    };
    explanation.sentences = sentences::of(record, &explanation, &judgement);
    explanation
}

impl Office {
    /// Why a call that has ended cost what it cost. Blocks.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`]; [`crate::Error::Ledger`].
    pub fn explain_call(&self, caller: &Caller, id: CallId) -> Result<Explanation> {
        let record = self.store().call_record(id)?;
        caller.may_see(record.company, "call", id)?;
        let history = self.inner.ledger.history(id.bits())?;
        let named = match &record.priced {
            Some(priced) => self.store().deck_labelled(&priced.deck)?,
            None => None,
        };
        let mut explanation = match named {
            None => explain(&record, &history, DeckFound::Missing),
            Some(named) => {
                let rows = self.store().deck_rows(named.id)?;
                let is_intact = self.store().deck_content(named.id)? == named.content;
                match (named.with_rows(&rows), is_intact) {
                    (Ok(deck), true) => explain(&record, &history, DeckFound::Intact(&deck)),
                    (Ok(deck), false) => explain(&record, &history, DeckFound::Changed(&deck)),
                    (Err(_), _) => explain(&record, &history, DeckFound::Missing),
                }
            }
        };
        // Which other prices a deck has is the operators' business.
        if caller.operator("see decks").is_err()
            && let Some(tariff) = &mut explanation.tariff
        {
            tariff.others.clear();
        }
        Ok(explanation)
    }
}

/// Whether a call of this record can have cost anything.
fn is_incoming(record: &CallRecord) -> bool {
    record.direction == CallDirection::Inbound
}
