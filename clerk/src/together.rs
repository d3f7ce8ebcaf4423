//! Several nodes of one house beside one specification: whose rows are whose, what both must answer, and what is forgotten with a node.
//!
//! Not here: the nodes, and what becomes of them and of Redis (the test of each kind of node).

use crate::ask;
use crate::comparing::is_journalled;
use crate::posting::{Poster, is_of_state, label};
use domain::credit::{Batch, BatchId, Durability, Kind, Outcome};
use ledger::memory::MemoryLedger;
use ledger::redis::BALANCE_MAX;
use std::collections::BTreeSet;

/// In each subject this bit says whose it is: calls belong to one node.
const WHOSE: u128 = 1 << 100;

/// The specification, and every row that a node must have in its journal.
pub struct Together {
    /// The specification.
    pub memory: MemoryLedger,
    /// Whose row, and what stands in it; in the order in which they were asked.
    rows: Vec<(usize, Batch, Durability, Outcome)>,
    /// Refusals of before rows were forgotten: what is refused then might not be now, so they are never asked again.
    void: BTreeSet<BatchId>,
    refused: BTreeSet<BatchId>,
    is_rewound: bool,
}

impl Default for Together {
    fn default() -> Self {
        let (rows, void, refused) = Default::default();
        Self { memory: specification(), rows, void, refused, is_rewound: false }
    }
}

impl Together {
    /// The next batch of one of two nodes: the subjects are its own. None where nobody can say what the answer must be.
    pub fn next(&self, which: usize, poster: &mut Poster) -> Option<Batch> {
        let batch = of_node(which, poster.next_batch());
        (!self.void.contains(&batch.id)).then_some(batch)
    }

    /// Asks the specification what a node has answered; the word is for the tally.
    pub fn judge(&mut self, which: usize, batch: &Batch, durability: Durability, theirs: Outcome) -> &'static str {
        let ours = ask(&self.memory, batch.clone(), durability);
        let word = label(&ours);
        if let Outcome::Refused(refusal) = &ours
            && is_of_state(refusal.because)
        {
            self.refused.insert(batch.id);
        }
        if is_journalled(&ours, durability) {
            self.rows.push((which, batch.clone(), durability, ours.clone()));
        }
        // Where rows were lost, what is replayed had been answered with balances that the specification has not seen.
        let (theirs, ours) = match self.is_rewound {
            true => (without_replayed_balances(theirs), without_replayed_balances(ours)),
            false => (theirs, ours),
        };
        let rows = self.rows.len();
        assert_eq!(theirs, ours, "node {which} and memory differ on {batch:#?} ({durability:?}) with {rows} rows");
        word
    }

    /// The specification again, without the rows that a node has lost: its first so many were kept.
    pub fn rewind(&mut self, which: usize, kept: usize) {
        self.is_rewound = true;
        let mut seen = 0;
        self.rows.retain(|(whose, ..)| {
            seen += usize::from(*whose == which);
            *whose != which || seen <= kept
        });
        self.void.append(&mut self.refused);
        self.memory = specification();
        for (_, batch, durability, outcome) in &self.rows {
            if matches!(outcome, Outcome::Applied(_)) {
                let again = ask(&self.memory, batch.clone(), *durability);
                assert!(matches!(again, Outcome::Applied(_)), "what one node lost is needed by nobody else: {again:?}");
            }
        }
    }
}

/// With the limits of the redis engine.
fn specification() -> MemoryLedger {
    MemoryLedger::with_balance_max(BALANCE_MAX)
}

fn of_node(which: usize, mut batch: Batch) -> Batch {
    let own = |subject: u128| if which == 0 { subject & !WHOSE } else { subject | WHOSE };
    batch.id.subject = own(batch.id.subject);
    for transfer in &mut batch.transfers {
        if let Kind::Hold { hold, .. }
        | Kind::Capture { hold, .. }
        | Kind::Release { hold }
        | Kind::Extend { hold, .. } = &mut transfer.kind
        {
            hold.subject = own(hold.subject);
        }
    }
    batch
}

fn without_replayed_balances(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Replayed(first) => match *first {
            Outcome::Applied(balances) => {
                let accounts = balances.into_iter().map(|(account, _)| (account, Default::default()));
                Outcome::Replayed(Box::new(Outcome::Applied(accounts.collect())))
            }
            first => Outcome::Replayed(Box::new(first)),
        },
        outcome => outcome,
    }
}
