//! A batch applied: the books moved, the row made and handed to the writer, the answer given or kept until the row is on disk. Whether it is
//! new, and whether it may be applied, was decided before: in [`super`], or elsewhere (`following.rs`).

use super::super::writer::{Pending, PendingRow};
use super::{Decision, SqliteLedger, State, journal};
use crate::api::Reply;
use crate::error::Error;
use domain::credit::{Batch, Durability, Kind, Outcome};
use parking_lot::MutexGuard;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

impl SqliteLedger {
    /// Applies a batch as the next row. What was decided elsewhere, by the totals of several nodes, is done as it was decided: a refusal is
    /// one, and the row has the balances that were answered. Only a batch that is impossible in itself is refused all the same.
    pub(super) fn apply(
        &self,
        state: &mut State,
        batch: Batch,
        durability: Durability,
        reply: &mut Option<Reply>,
        decided: Option<&Outcome>,
    ) -> Decision {
        let line = state.applied + 1;
        let refusal = match decided {
            None => state.books.apply(&batch, line).err(),
            Some(Outcome::Refused(refusal)) => Some(*refusal),
            Some(_) => state.books.apply_decided(&batch, line).err(),
        };
        if let (None, Some(Outcome::Applied(totals))) = (refusal, decided) {
            for touched in &mut state.books.touched {
                if let Some((_, total)) = totals.iter().find(|(account, _)| *account == touched.account) {
                    touched.after = *total;
                }
            }
        }
        let outcome = match refusal {
            None => state.books.outcome(),
            Some(refusal) => Outcome::Refused(refusal),
        };
        if let (Some(refusal), Durability::WithNextGroup) = (refusal, durability) {
            state.books.subjects.remember_refusal(batch, refusal);
            return Decision::Answer(outcome);
        }
        state.applied = line;
        let before = match refusal {
            None if !batch.transfers.is_empty() => state.books.chain(batch.company, line),
            _ => 0,
        };
        let body: Arc<[u8]> = match refusal {
            None => {
                let (touched, on_holds) = (&state.books.touched, &state.books.on_holds);
                state.scribe.write(&batch, before, touched, on_holds, None, decided.is_some())
            }
            Some(refusal) => state.scribe.write(&batch, before, &[], &[], Some(refusal), decided.is_some()),
        }
        .into();
        if refusal.is_none() {
            state.captures.note(&state.books, &batch, line);
        }
        let journalled = state.journalled;
        state.books.subjects.remember(&batch, line, body.clone(), journalled);
        state.books.subjects.settle(&batch);
        state.books.subjects.forget(self.shared.settings.remembered_subjects.max(1), journalled);
        let strangers = journal::strangers(&batch);
        // A refused batch did nothing, so its memo is not what happened.
        let memo = batch.memo.filter(|_| refusal.is_none());
        let row = Some(PendingRow { sequence: line, id: batch.id, body, memo, strangers });
        match durability {
            Durability::WithNextGroup => {
                self.push(state, Pending { row, answer: None });
                Decision::Answer(outcome)
            }
            Durability::BeforeAnswer => {
                self.push(state, Pending { row, answer: reply.take().map(|reply| (reply, outcome)) });
                Decision::Wait
            }
        }
    }

    /// Whether the queue to the disk has no room for such a batch; while the disk takes nothing, for none.
    pub(super) fn is_full(&self, state: &State, batch: &Batch) -> bool {
        if state.is_stalled {
            return true;
        }
        let settings = &self.shared.settings;
        if only_ends(batch) {
            return state.pending_rows >= settings.queue_batches_reserved;
        }
        state.pending_rows >= settings.queue_batches || state.pending_bytes >= settings.queue_bytes
    }

    /// Has the writer do a group, with everything that is pending, and waits until it is on disk.
    pub(super) fn wait_for_group(&self, mut state: MutexGuard<'_, State>) -> Result<(), Error> {
        let (tell, told) = sync_channel(1);
        let reply: Reply = Box::new(move |outcome| {
            // Nobody listens only where the waiting thread is gone.
            let _ = tell.send(outcome);
        });
        self.push(&mut state, Pending { row: None, answer: Some((reply, Outcome::Applied(Vec::new()))) });
        drop(state);
        match told.recv() {
            Ok(Outcome::Applied(_)) => Ok(()),
            _ => Err(Error::Closed),
        }
    }

    pub(super) fn push(&self, state: &mut State, pending: Pending) {
        let is_first = state.pending.is_empty();
        let makes_urgent = pending.answer.is_some() && !state.is_urgent;
        state.is_urgent |= pending.answer.is_some();
        if let Some(row) = &pending.row {
            state.pending_rows += 1;
            state.pending_bytes += row.bytes();
        }
        state.pending.push(pending);
        if is_first || makes_urgent || state.pending.len() == self.shared.settings.group_batches {
            self.shared.work.notify_one();
        }
    }
}

/// Whether a batch only ends or extends holds, or only carries a memo: such a one always finds room (design 1).
pub(crate) fn only_ends(batch: &Batch) -> bool {
    let makes_hold = batch.transfers.iter().any(|transfer| matches!(transfer.kind, Kind::Hold { .. }));
    let is_of_a_call = batch.transfers.is_empty()
        || batch
            .transfers
            .iter()
            .any(|transfer| matches!(transfer.kind, Kind::Capture { .. } | Kind::Release { .. } | Kind::Extend { .. }));
    is_of_a_call && !makes_hold
}
