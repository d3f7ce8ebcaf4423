//! Trimming while the engine runs: what is next is decided on the caller's thread, what changes the journal is done by the writer with its
//! groups. What is next is [`crate::sqlite::trimming`]'s to say.

use super::super::trimming::{self, Next, Slice};
use super::{SqliteLedger, Stop, journal};
use crate::archive::{Archive, Trim, Trimmed};
use crate::error::Error;
use crate::sqlite::intents::Step;
use std::sync::Arc;

impl SqliteLedger {
    /// Where its old rows are.
    pub(crate) fn archive(&self) -> Option<&Arc<dyn Archive>> {
        self.shared.settings.archive.as_ref()
    }

    pub(super) fn trim_by(&self, order: &Trim) -> Result<Trimmed, Error> {
        let mut trimmed = Trimmed { is_done: true, ..Trimmed::default() };
        let Some(shelf) = &self.shelf else { return Ok(trimmed) };
        let mut slices = self.trimming.lock();
        if order.to_the_end {
            self.take_snapshot()?;
        }
        let connection = journal::open_to_read(&self.shared.settings.path)?;
        trimmed.is_done = false;
        for _ in 0..order.steps {
            if slices.is_empty() {
                match trimming::next(&connection, shelf, order.before)? {
                    Next::Keep(segment, mentions) => {
                        let kept = shelf.archive.keep(&shelf.name, &segment, &mentions);
                        kept.map_err(|what| Error::Archive { doing: "written", what })?;
                        trimmed.archived += segment.mark.last + 1 - segment.mark.first;
                        continue;
                    }
                    Next::Slices(next) => slices.extend(next),
                    Next::Nothing(waits) => {
                        (trimmed.is_done, trimmed.waits) = (true, waits);
                        break;
                    }
                }
            }
            let Some(slice) = slices.pop_front() else { continue };
            if let Slice::Rows(from, to) = slice {
                trimmed.deleted += to + 1 - from;
            }
            if let Err(error) = self.do_with_group(Some(Step::Trim(slice))) {
                // It may be done or not: what is left to do is decided anew.
                slices.clear();
                return Err(error);
            }
        }
        trimming::stand(&connection, shelf, &mut trimmed)?;
        Ok(trimmed)
    }

    /// Has a snapshot written of how everything stands now, unless there is one.
    fn take_snapshot(&self) -> Result<(), Error> {
        {
            let mut state = self.shared.state.lock();
            if state.applied == state.snapshot {
                return Ok(());
            }
            state.wants_snapshot = true;
        }
        self.do_with_group(None)
    }

    /// Waits for a group, with this step in it.
    fn do_with_group(&self, step: Option<Step>) -> Result<(), Error> {
        let mut state = self.shared.state.lock();
        if state.is_stalled || state.has_failed || state.stop != Stop::No {
            return Err(Error::Closed);
        }
        state.intents.extend(step);
        self.wait_for_group(state)
    }
}
