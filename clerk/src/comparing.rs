//! What an engine and the specification must agree on: balances, open holds, what is unfinished, and every way to read a statement.
//!
//! Not here: what is posted to them (`posting.rs`), and what happens to the engine in between (the test of each engine).

use crate::posting::{COMPANIES, Poster, is_of_state};
use crate::{ask, company};
use domain::credit::{Batch, Durability, Outcome};
use ledger::{Ledger, Lines, StatementQuery};

/// What a journal holds, in order: the batch of row n is at n - 1.
pub type Journal = Vec<(Batch, Durability, Outcome)>;

/// Whether a batch with this outcome stands in the journal: what was done does, and a refusal that was asked for durably and
/// depended on the state of the accounts.
pub fn is_journalled(outcome: &Outcome, durability: Durability) -> bool {
    match outcome {
        Outcome::Applied(_) => true,
        Outcome::Refused(refusal) => durability == Durability::BeforeAnswer && is_of_state(refusal.because),
        Outcome::Replayed(_) | Outcome::Unavailable => false,
    }
}

/// Whether the answer promises that its row survives the node. A refusal of something wrong in itself is not written.
pub fn is_promise(outcome: &Outcome, durability: Durability) -> bool {
    durability == Durability::BeforeAnswer
        && !matches!(outcome, Outcome::Refused(refusal) if !is_of_state(refusal.because))
}

/// The row that answers for this batch: its own, or where it was replayed, the first with its id.
pub fn row_of(journal: &Journal, batch: &Batch) -> Option<u64> {
    let found = journal.iter().rposition(|(known, _, _)| known.id == batch.id)?;
    Some(found as u64 + 1)
}

/// Feeds the journal's first `rows` rows to a new specification; each must be answered as it was.
pub fn replay(journal: &mut Journal, rows: usize, specification: &impl Ledger) {
    journal.truncate(rows);
    for (batch, durability, outcome) in journal {
        assert_eq!(ask(specification, batch.clone(), *durability), *outcome);
    }
}

/// Every balance, every open hold, and the sums of all.
pub fn compare_balances(engine: &impl Ledger, specification: &impl Ledger) {
    for number in 1..=COMPANIES {
        assert_eq!(engine.balances(company(number)), specification.balances(company(number)));
    }
    assert_eq!(engine.open_holds(None, usize::MAX), specification.open_holds(None, usize::MAX));
    let (theirs, ours) = (engine.totals(), specification.totals());
    assert_eq!((&theirs.units, theirs.open_holds), (&ours.units, ours.open_holds));
    assert_eq!((theirs.open_money_holds, theirs.accounts), (ours.open_money_holds, ours.accounts));
    assert!(theirs.units.values().all(|sums| sums.imbalance == 0));
}

/// What a node that starts would have to finish.
pub fn compare_unfinished(engine: &impl Ledger, specification: &impl Ledger) {
    assert_eq!(engine.unfinished().unwrap(), specification.unfinished().unwrap());
}

/// What ended, and some statements with limits, accounts and places to begin and end of the poster's choice. The engine has
/// written everything down.
pub fn compare_readings(engine: &impl Ledger, specification: &impl Ledger, poster: &mut Poster, rows: u64) {
    let after = poster.chance.below(rows + 1);
    assert_eq!(engine.ended_after(after, 50).unwrap(), specification.ended_after(after, 50).unwrap());
    for _ in 0..4 {
        let subject = poster.any_subject();
        assert_eq!(engine.history(subject).unwrap(), specification.history(subject).unwrap(), "{subject:032x}");
    }
    for _ in 0..4 {
        let number = 1 + u128::from(poster.chance.below(COMPANIES as u64));
        let query = StatementQuery {
            company: company(number),
            account: (poster.chance.below(2) == 0).then(|| poster.any_account(number)),
            lines: if poster.chance.below(2) == 0 { Lines::All } else { Lines::Posted },
            before: (poster.chance.below(2) == 0).then(|| 1 + poster.chance.below(rows + 2)),
            after: if poster.chance.below(3) == 0 { after } else { 0 },
            limit: 1 + poster.chance.below(200) as usize,
        };
        assert_eq!(engine.statement(&query).unwrap(), specification.statement(&query).unwrap(), "{query:?}");
    }
}
