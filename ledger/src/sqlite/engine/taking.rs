//! What the writer takes from the callers, and what it tells them of the disk: done, stalled, failed. How it is written is in
//! [`crate::sqlite::writer`].

use super::{Shared, Stop};
use crate::error::Error;
use crate::sqlite::intents::Step;
use crate::sqlite::snapshot;
use crate::sqlite::writer::Pending;

/// What the writer takes at once.
pub(in crate::sqlite) struct Taken {
    pub(in crate::sqlite) pending: Vec<Pending>,
    pub(in crate::sqlite) intents: Vec<Step>,
    pub(in crate::sqlite) snapshot: Option<(u64, Vec<u8>)>,
    pub(in crate::sqlite) stop: Stop,
    pub(in crate::sqlite) has_failed: bool,
}

impl Shared {
    /// Waits for a group and takes it. Who is behind, because the disk took nothing, waits for a while at most.
    pub(in crate::sqlite) fn take_group(&self, is_behind: bool) -> Taken {
        let mut state = self.state.lock();
        if is_behind {
            if state.stop == Stop::No {
                self.work.wait_for(&mut state, self.settings.stalled_again_after);
            }
        } else {
            while state.pending.is_empty() && state.stop == Stop::No {
                self.work.wait(&mut state);
            }
            if !state.is_urgent && state.pending.len() < self.settings.group_batches && state.stop == Stop::No {
                self.work.wait_for(&mut state, self.settings.group_after);
            }
        }
        state.is_urgent = false;
        state.pending_rows = 0;
        state.pending_bytes = 0;
        let pending = std::mem::take(&mut state.pending);
        let intents = std::mem::take(&mut state.intents);
        let wants_snapshot = std::mem::take(&mut state.wants_snapshot);
        let due = match state.stop {
            Stop::No if wants_snapshot => 1,
            Stop::No => self.settings.snapshot_every.max(1),
            Stop::Closed => 1,
            Stop::Abandoned => u64::MAX,
        };
        // Everything applied is in this group or before it, so these balances are the ones after its last row.
        let snapshot = (!state.has_failed && state.applied - state.snapshot >= due).then(|| {
            state.snapshot = state.applied;
            (state.applied, snapshot::encode(&state.books))
        });
        Taken { pending, intents, snapshot, stop: state.stop, has_failed: state.has_failed }
    }

    /// A group is on the disk, up to this row where it had any.
    pub(in crate::sqlite) fn set_journalled(&self, last: Option<u64>) {
        let was_stalled = {
            let mut state = self.state.lock();
            if let Some(last) = last {
                state.journalled = last;
                state.captures.forget(last);
            }
            std::mem::replace(&mut state.is_stalled, false)
        };
        if was_stalled {
            tracing::info!("the ledger's disk takes batches again: what was owed to it is written, calls are let in");
            self.tell_stalled(false);
        }
    }

    /// The disk did not take a group; whether it may take the same one later. Until then nothing new is answered: what is in memory is
    /// ahead of the disk by what the writer keeps, and by no more.
    pub(in crate::sqlite) fn on_refused(&self, error: &Error) -> bool {
        let may_pass = error.may_pass();
        let was_stalled = {
            let mut state = self.state.lock();
            match may_pass {
                true => std::mem::replace(&mut state.is_stalled, true),
                false => std::mem::replace(&mut state.has_failed, true),
            }
        };
        self.tell_stalled(true);
        match (may_pass, was_stalled) {
            (true, true) => tracing::debug!(%error, "the ledger's disk still takes nothing"),
            (true, false) => tracing::error!(
                %error,
                "the ledger's disk takes nothing: no call is let in, running calls speak on for what they have paid; it is tried again, so \
                 make room"
            ),
            (false, _) if matches!(error, Error::Overtaken { .. }) => tracing::error!(
                %error,
                "another process has written into this one's journal: nothing is granted here any more, and calls end at what they have paid"
            ),
            (false, _) => tracing::error!(
                %error,
                "the ledger's disk failed: no batch is answered until the switch is started again; free or replace the disk first"
            ),
        }
        may_pass
    }

    fn tell_stalled(&self, is_stalled: bool) {
        if let Some(listener) = &self.settings.on_stalled {
            listener(is_stalled);
        }
    }

    pub(in crate::sqlite) fn has_failed(&self) -> bool {
        self.state.lock().has_failed
    }

    /// Whether the ledger ends with batches that it could not write.
    pub(in crate::sqlite) fn fail(&self) {
        self.state.lock().has_failed = true;
    }
}
