//! The end of the engine: closed after everything pending, or abandoned as a killed process is. What is pending is written by
//! [`crate::sqlite::writer`].

use super::{SqliteLedger, Stop};

impl SqliteLedger {
    /// Ends as a killed process would: what is pending is lost, and answered [`Outcome::Unavailable`] where an answer waits. For
    /// simulations of crashes.
    pub fn abandon(self) {
        self.stop(Stop::Abandoned);
    }

    pub(super) fn stop(&self, stop: Stop) {
        {
            let mut state = self.shared.state.lock();
            if state.stop == Stop::No {
                state.stop = stop;
            }
            self.shared.work.notify_all();
        }
        if let Some(writer) = self.writer.lock().take()
            && writer.join().is_err()
        {
            tracing::error!("the ledger's writer died of a bug; what it had journalled is safe");
        }
        *self.lock.lock() = None;
    }

    /// Ends as [`SqliteLedger::abandon`] does, where others have a hand on it too.
    pub(crate) fn abandon_shared(&self) {
        self.stop(Stop::Abandoned);
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.stop(Stop::Closed);
    }
}
