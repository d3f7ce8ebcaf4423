//! Bugs, planted between the switch and its ledger, to show that the simulation finds them.
//!
//! Nothing of this is in the product: the switch under test is the one that runs, and only what it orders is falsified here.

use super::pass_questions_on;
use domain::credit::{Batch, BatchId, Code, Durability, Holder, Kind, Memo, Outcome, Transfer, Unit};
use domain::{Entropy, Micros};
use ledger::{Ledger, OpenHold, Reply};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A bug; each strikes at one of [`ONE_IN`] occasions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The settlement of a call forgets to give its channel back.
    LostRelease,
    /// A charge is posted a second time, under another key.
    DoubleCapture,
    /// A tick that was on its way passes after the call has ended.
    TickAfterBye,
    /// Each increment of a call is rounded up to the cent by itself, in place of the whole call (D-10).
    RoundingPerTick,
    /// A batch that is asked again, because its answer was lost, is taken for a new one.
    MissingIdempotency,
    /// What is held counts against the cap of the day, and nobody asks whether there is room.
    UnaskedCap,
    /// What is given back goes on counting against the cap of the day.
    KeptCount,
    /// What is written off does not stand in the record.
    LostWriteOff,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Bug; 8] = [
        Bug::LostRelease,
        Bug::DoubleCapture,
        Bug::TickAfterBye,
        Bug::RoundingPerTick,
        Bug::MissingIdempotency,
        Bug::UnaskedCap,
        Bug::KeptCount,
        Bug::LostWriteOff,
    ];
}

/// How rare a bug is.
const ONE_IN: u64 = 20;
/// What a price is rounded up to: a cent, in micros.
const CENT: i64 = 10_000;
/// Sequences of falsified batches: far from any that the switch uses.
const FALSIFIED: u64 = 1 << 40;

/// The ledger behind it, with one bug in front.
pub struct Sabotaged {
    engine: Arc<dyn Ledger>,
    bug: Bug,
    chance: Mutex<Entropy>,
    /// Batches that were asked once.
    asked: Mutex<BTreeSet<BatchId>>,
}

impl Sabotaged {
    /// Plants a bug in front of this ledger.
    pub fn new(engine: Arc<dyn Ledger>, bug: Bug, chance: Entropy) -> Sabotaged {
        Sabotaged { engine, bug, chance: Mutex::new(chance), asked: Mutex::default() }
    }

    fn strikes(&self) -> bool {
        self.chance.lock().unwrap().below(ONE_IN) == 0
    }

    /// The open money holds that the batch ends in this way.
    fn money_holds(&self, batch: &Batch, is_wanted: impl Fn(Kind, &OpenHold) -> bool) -> Vec<OpenHold> {
        let open = self.engine.open_holds(Some(batch.company), usize::MAX);
        let is_money = |hold: &&OpenHold| matches!(hold.debit.unit, Unit::Money(_));
        let is_ended = |hold: &&OpenHold| batch.transfers.iter().any(|transfer| is_wanted(transfer.kind, hold));
        open.iter().filter(is_money).filter(is_ended).copied().collect()
    }

    /// Charges what a hold was for, once more or too late.
    fn charge(&self, of: &Batch, hold: &OpenHold, later: Duration) {
        let kind = Kind::Post { debit: hold.debit, credit: hold.credit, amount: hold.amount };
        let batch = Batch {
            id: BatchId { subject: of.id.subject, sequence: of.id.sequence + FALSIFIED },
            company: of.company,
            at: of.at + later,
            transfers: vec![Transfer { kind, code: Code::CallCharge }],
            memo: None,
        };
        self.engine.submit(batch, Durability::WithNextGroup, Box::new(|_| {}));
    }

    fn lose_release(&self, batch: &mut Batch) {
        let is_channel = |kind: &Kind| matches!(kind, Kind::Release { hold } if hold.number == 0);
        if batch.transfers.iter().any(|transfer| is_channel(&transfer.kind)) && self.strikes() {
            batch.transfers.retain(|transfer| !is_channel(&transfer.kind));
        }
    }

    /// An increment that costs nothing, because a cent that was begun before covers it, costs a cent of its own; what is captured of
    /// a hold is what was held.
    fn round_each(&self, batch: &mut Batch) {
        let open = self.engine.open_holds(Some(batch.company), usize::MAX);
        for transfer in &mut batch.transfers {
            match &mut transfer.kind {
                Kind::Hold { debit, amount, .. } if matches!(debit.unit, Unit::Money(_)) && *amount < CENT => {
                    *amount = if self.strikes() { CENT } else { *amount };
                }
                Kind::Capture { hold, amount } => {
                    let held = open.iter().find(|open| open.hold == *hold);
                    *amount = held.map_or(*amount, |held| held.amount.max(*amount));
                }
                _ => {}
            }
        }
    }

    /// Who has asked before is given another key, as if it had none.
    fn forget_key(&self, batch: &mut Batch) {
        if !self.asked.lock().unwrap().insert(batch.id) {
            batch.id.sequence += FALSIFIED;
        }
    }

    /// What counts against a cap is posted, whatever counts already.
    fn count_unasked(&self, batch: &mut Batch) {
        for transfer in batch.transfers.iter_mut().filter(|transfer| transfer.code == Code::DailyCap) {
            if let Kind::PostIfAvailableAtMost { debit, credit, amount, .. } = transfer.kind
                && self.strikes()
            {
                transfer.kind = Kind::Post { debit, credit, amount };
            }
        }
    }

    /// What would be counted less is left out.
    fn keep_count(&self, batch: &mut Batch) {
        let is_back = |transfer: &Transfer| {
            let is_given = matches!(transfer.kind, Kind::Post { debit, .. } if debit.holder != Holder::World);
            transfer.code == Code::DailyCap && is_given
        };
        if batch.transfers.iter().any(is_back) && self.strikes() {
            batch.transfers.retain(|transfer| !is_back(transfer));
        }
    }

    /// The record of a call says that it was paid to the last second. Rare enough as it is.
    fn lose_write_off(&self, batch: &mut Batch) {
        if let Some(Memo::CallEnded(text)) = &mut batch.memo
            && let Ok(mut record) = store::record_json::from_json(text)
            && record.written_off.is_positive()
        {
            record.written_off = Micros::ZERO;
            *text = store::record_json::to_json(&record).into();
        }
    }

    /// What is to be charged behind this batch.
    fn falsified(&self, batch: &Batch) -> Option<(OpenHold, Duration)> {
        let ended = matches!(batch.memo, Some(Memo::CallEnded(_)));
        match self.bug {
            Bug::LostRelease
            | Bug::RoundingPerTick
            | Bug::MissingIdempotency
            | Bug::UnaskedCap
            | Bug::KeptCount
            | Bug::LostWriteOff => None,
            Bug::DoubleCapture if ended => None,
            Bug::DoubleCapture => {
                let captured = self.money_holds(
                    batch,
                    |kind, open| matches!(kind, Kind::Capture { hold, amount } if hold == open.hold && amount > 0),
                );
                captured.first().filter(|_| self.strikes()).map(|hold| (*hold, Duration::ZERO))
            }
            Bug::TickAfterBye => {
                let was_answered = match &batch.memo {
                    Some(Memo::CallEnded(text)) => {
                        store::record_json::from_json(text).is_ok_and(|record| record.answered_at.is_some())
                    }
                    _ => false,
                };
                let held = self.money_holds(
                    batch,
                    |kind, open| matches!(kind, Kind::Release { hold } if hold == open.hold && open.amount > 0),
                );
                let held = held.first().filter(|_| was_answered && self.strikes());
                held.map(|hold| (*hold, Duration::from_millis(20)))
            }
        }
    }
}

impl Ledger for Sabotaged {
    fn submit(&self, mut batch: Batch, durability: Durability, reply: Reply) {
        match self.bug {
            Bug::LostRelease => self.lose_release(&mut batch),
            Bug::RoundingPerTick => self.round_each(&mut batch),
            Bug::MissingIdempotency => self.forget_key(&mut batch),
            Bug::UnaskedCap => self.count_unasked(&mut batch),
            Bug::KeptCount => self.keep_count(&mut batch),
            Bug::LostWriteOff => self.lose_write_off(&mut batch),
            Bug::DoubleCapture | Bug::TickAfterBye => {}
        }
        let falsified = self.falsified(&batch);
        let done: Arc<Mutex<bool>> = Arc::default();
        let was_done = Arc::clone(&done);
        let of = batch.clone();
        let reply = Box::new(move |outcome: Outcome| {
            *was_done.lock().unwrap() = matches!(outcome, Outcome::Applied(_));
            reply(outcome);
        });
        self.engine.submit(batch, durability, reply);
        if let Some((hold, later)) = falsified
            && *done.lock().unwrap()
        {
            self.charge(&of, &hold, later);
        }
    }

    fn flush(&self) -> Result<(), ledger::Error> {
        self.engine.flush()
    }

    pass_questions_on!(engine);
}
