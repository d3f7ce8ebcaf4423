//! What has been captured and is not on the disk yet: what a process that died now would lose. Kept beside the queue to the disk, because
//! rows that the writer has taken are not in the queue any more.
//!
//! Nothing is decided by it: it is counted for people and alerts.

use super::super::books::Books;
use super::super::row::OnHold;
use crate::api::Unjournalled;
use domain::credit::{Batch, Kind};
use std::collections::VecDeque;

/// Captures in the order in which they were applied, each with the row that will have it. As long as the queue to the disk: that bounds it.
#[derive(Default)]
pub(super) struct Captures(VecDeque<(u64, Unjournalled)>);

impl Captures {
    /// Notes what a batch captured that was applied as this row. Channels cost nothing.
    pub(super) fn note(&mut self, books: &Books, batch: &Batch, row: u64) {
        for (transfer, on_hold) in batch.transfers.iter().zip(&books.on_holds) {
            let (Kind::Capture { hold, amount }, Some(OnHold { debit, .. })) = (transfer.kind, on_hold) else {
                continue;
            };
            if !hold.is_channel() {
                let seconds = hold.number - books.subjects.captured_before(batch.company, hold);
                self.0.push_back((row, Unjournalled { subject: hold.subject, debit: *debit, amount, seconds }));
            }
        }
    }

    /// Everything up to this row is on the disk.
    pub(super) fn forget(&mut self, journalled: u64) {
        while self.0.front().is_some_and(|(row, _)| *row <= journalled) {
            self.0.pop_front();
        }
    }

    /// What is not on the disk.
    pub(super) fn all(&self) -> Vec<Unjournalled> {
        self.0.iter().map(|(_, capture)| *capture).collect()
    }
}
