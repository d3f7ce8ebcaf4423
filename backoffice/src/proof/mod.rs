//! Whether a call was charged what it should be: its record, the journal's captures, the statement and the deck held against each other.
//!
//! Pure: who reads them is [`crate::explain`] for one call and [`month`] for many. The price in words is in [`arithmetic`].

pub mod arithmetic;
pub mod month;

use domain::call_record::CallRecord;
use domain::credit::{Code, Unit};
use domain::{Micros, ReleaseCause, Wall};
use ledger::{LineKind, StatementLine};
use rating::stream::charges;
use rating::{Deck, Tariff};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Which of the witnesses does not say what the others say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// The call record in the store.
    Record,
    /// The ledger's journal.
    Journal,
    /// The statement of the account that paid.
    Statement,
    /// The rows of the deck.
    Deck,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// Who is off.
    pub off: Off,
    /// What it says, and what it should.
    pub what: String,
}

/// The deck that a record names.
#[derive(Clone, Copy, Debug)]
pub enum DeckFound<'a> {
    /// As it was imported.
    Intact(&'a Deck),
    /// Its rows are not what was imported.
    Changed(&'a Deck),
    /// There is no such version, or none is named.
    Missing,
}

impl<'a> DeckFound<'a> {
    /// Its rows, changed or not.
    pub fn deck(self) -> Option<&'a Deck> {
        match self {
            DeckFound::Intact(deck) | DeckFound::Changed(deck) => Some(deck),
            DeckFound::Missing => None,
        }
    }
}

/// One charge, as the journal has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The billed second up to which it pays; none where its hold had lapsed and the amount was posted.
    pub until_s: Option<u32>,
    /// How much.
    pub amount: Micros,
    /// When.
    pub at: Wall,
    /// The row of the journal.
    pub journal: u64,
}

/// What was taken for a call, in order.
pub fn captured(history: &[StatementLine]) -> Vec<Captured> {
    let is_taken = |line: &&StatementLine| {
        let is_charge = line.code == Code::CallCharge && matches!(line.debit.unit, Unit::Money(_));
        is_charge && matches!(line.kind, LineKind::Capture | LineKind::Post)
    };
    let capture = |line: &StatementLine| Captured {
        until_s: line.hold.map(|hold| hold.number),
        amount: Micros::new(line.amount),
        at: line.at,
        journal: line.journal_sequence,
    };
    history.iter().filter(is_taken).map(capture).collect()
}

/// What the witnesses say of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What the call should have been charged; none where its record is older than version 5 and does not tell its increments.
    pub should: Option<Micros>,
    /// What the journal's captures add up to.
    pub journal: Micros,
    /// Seconds that were talked and not paid: the call had no credit for them, or nobody could be asked for it.
    pub unpaid_s: u32,
    /// Whatever is wrong.
    pub differences: Vec<Difference>,
}

impl Judgement {
    fn differs(&mut self, off: Off, what: String) {
        self.differences.push(Difference { off, what });
    }
}

/// Judges a call. `history` is [`ledger::Ledger::history`] of it.
pub fn judge(record: &CallRecord, history: &[StatementLine], deck: DeckFound<'_>) -> Judgement {
    let taken = captured(history);
    let journal: Micros = taken.iter().map(|capture| capture.amount).sum();
    let mut judgement = Judgement { journal, ..Judgement::default() };
    match Tariff::of_record(record) {
        None => unrated(record, &mut judgement),
        Some(Err(fault)) => judgement.differs(Off::Record, format!("its terms are none: {fault}")),
        Some(Ok(tariff)) => rated(record, &tariff, &taken, deck, &mut judgement),
    }
    judgement
}

/// Nothing says what it costs: a free call, or a record that is older than version 5.
fn unrated(record: &CallRecord, judgement: &mut Judgement) {
    let is_old = record.rate_per_minute.is_positive() || record.connection_fee.is_positive();
    if !is_old {
        judgement.should = Some(Micros::ZERO);
    }
    let (journal, recorded) = (judgement.journal, record.amount);
    if !is_old && recorded != Micros::ZERO {
        judgement.differs(Off::Record, format!("it says {recorded}, but the call was free"));
    }
    if !is_old && journal != Micros::ZERO {
        judgement.differs(Off::Journal, format!("it captured {journal}, but the call was free"));
    }
    if is_old && journal != recorded {
        judgement.differs(Off::Record, format!("it says {recorded}, the journal captured {journal}"));
    }
}

fn rated(record: &CallRecord, tariff: &Tariff, taken: &[Captured], deck: DeckFound<'_>, judgement: &mut Judgement) {
    let tariff = &by_deck(record, tariff, deck, judgement);
    // The record cuts talk time to the millisecond: a call that went on for a part of one has begun what follows.
    let of_talk =
        |micros| tariff.billed_seconds(Duration::from_millis(record.talked_ms) + Duration::from_micros(micros));
    let (least_s, talked_s) = match record.answered_at {
        Some(_) => (of_talk(0), of_talk(999)),
        None => (0, 0),
    };
    // Where every charge is named by its hold, the journal knows the seconds too.
    let paid_s = taken.iter().map(|capture| capture.until_s).try_fold(0, |most, until_s| Some(most.max(until_s?)));
    // A call that died with the switch is billed as it was captured: nobody saw when it ended.
    let talked_s = match record.cause {
        ReleaseCause::SwitchRestarted => talked_s.max(paid_s.unwrap_or(0)),
        _ => talked_s,
    };
    // Two of three that agree are believed; and nobody pays for what was not talked.
    let should_s = match paid_s.unwrap_or(record.billed_s) {
        paid_s if paid_s == record.billed_s => paid_s.min(talked_s),
        _ if [least_s, talked_s].contains(&record.billed_s) => record.billed_s,
        paid_s => paid_s.min(talked_s),
    };
    let should = tariff.price(should_s);
    judgement.should = Some(should);
    judgement.unpaid_s = least_s.saturating_sub(should_s);
    let (journal, recorded) = (judgement.journal, record.amount);
    if journal != should {
        let what = format!("it captured {journal}; {should_s} s cost {should}");
        judgement.differs(Off::Journal, what);
    } else if let Some(what) = misplaced(tariff, should_s, taken) {
        judgement.differs(Off::Journal, what);
    }
    if recorded != should {
        judgement.differs(Off::Record, format!("it says {recorded}; {should_s} s cost {should}"));
    }
    if record.billed_s != should_s {
        let (said, talked) = (record.billed_s, record.talked_ms);
        judgement
            .differs(Off::Record, format!("it says {said} s billed; {talked} ms talked and paid are {should_s} s"));
    }
}

/// The tariff by which the call should have been charged: the deck's row, where the deck is what was imported.
fn by_deck(record: &CallRecord, recorded: &Tariff, deck: DeckFound<'_>, judgement: &mut Judgement) -> Tariff {
    let Some(priced) = &record.priced else { return *recorded };
    let Some(found) = deck.deck() else {
        judgement.differs(Off::Deck, format!("there is no deck \"{}\" any more", priced.deck));
        return *recorded;
    };
    let row = record.callee.and_then(|callee| found.lookup(callee));
    let is_same = row.is_some_and(|row| row.prefix == priced.prefix && row.tariff == *recorded);
    if is_same {
        return *recorded;
    }
    let says = match row {
        Some(row) => format!("prefix {}: {}", row.prefix, terms(&row.tariff)),
        None => "no price".to_owned(),
    };
    let label = &priced.deck;
    match (deck, row) {
        (DeckFound::Intact(_), Some(row)) => {
            let what = format!("it says prefix {}: {}; deck {label} has {says}", priced.prefix, terms(recorded));
            judgement.differs(Off::Record, what);
            row.tariff
        }
        _ => {
            let what = format!(
                "deck {label} has {says}; when it was imported it had prefix {}: {}",
                priced.prefix,
                terms(recorded)
            );
            judgement.differs(Off::Deck, what);
            *recorded
        }
    }
}

/// A tariff in a few words.
fn terms(tariff: &Tariff) -> String {
    format!(
        "{} a minute, fee {}, {}/{} s, {} to {} decimals",
        tariff.rate_per_minute(),
        tariff.connection_fee(),
        tariff.minimum_s(),
        tariff.increment_s(),
        tariff.rounding(),
        tariff.scale()
    )
}

/// The first charge that is not the tariff's, though the sum is right.
fn misplaced(tariff: &Tariff, until_s: u32, taken: &[Captured]) -> Option<String> {
    let mut should = charges(tariff, until_s);
    for capture in taken {
        let Some(charge) = should.next() else {
            return Some(format!("row {} captures {} more than there is to pay for", capture.journal, capture.amount));
        };
        let is_there = capture.until_s.is_none_or(|until_s| until_s == charge.until_s);
        if !is_there || capture.amount != charge.amount {
            return Some(format!(
                "row {} captures {}; charge {} is {} for seconds {} to {}",
                capture.journal, capture.amount, charge.sequence, charge.amount, charge.from_s, charge.until_s
            ));
        }
    }
    should.next().map(|charge| format!("charge {}, up to second {}, is missing", charge.sequence, charge.until_s))
}
