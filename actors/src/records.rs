//! The drain: finished call records are copied from the ledger's journal to the store, each once.
//!
//! The journal is the truth; the watermark moves in the same transaction as the records (`docs/decisions`), so a crash at any
//! point loses and doubles nothing.

use crate::clock::Clock;
use ledger::Ledger;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use store::record_json::Finished;
use store::{Inserted, Store};
use telemetry::Telemetry;
use telemetry::labels::RecordOutcome;

/// Records copied in one transaction at most.
const BATCH_MAX: usize = 1_000;
/// The drain rests this long between two copies, so that a busy second costs four transactions and their fsyncs instead of one
/// for each group of the journal. A record after a quiet moment is copied at once.
const REST: Duration = Duration::from_millis(250);
/// How long the drain waits before it tries again where the store failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A thread that copies records for as long as the process lives.
pub(crate) struct Drain {
    work: Arc<Work>,
}

/// What the thread works with.
struct Work {
    ledger: Arc<dyn Ledger>,
    store: Arc<Store>,
    /// By what name the store knows the ledger's journal.
    journal: String,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    /// Up to where the store was when it last said so.
    drained_to: AtomicU64,
}

impl Drain {
    /// Copies what is there already, then whatever is journalled.
    pub(crate) fn start(
        ledger: Arc<dyn Ledger>,
        store: Arc<Store>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> std::io::Result<Drain> {
        // One wake-up is enough for any number of records: a second one finds the first still waiting.
        let (wake, woken) = sync_channel(1);
        let listener: SyncSender<()> = wake.clone();
        let on_journalled = Box::new(move |_| {
            let _ = listener.try_send(());
        });
        ledger.on_journalled(on_journalled).map_err(std::io::Error::other)?;
        let journal = ledger.journal();
        let work = Arc::new(Work { journal, ledger, store, telemetry, clock, drained_to: AtomicU64::new(0) });
        let thread = Arc::clone(&work);
        std::thread::Builder::new().name("records".to_owned()).spawn(move || thread.run(&woken))?;
        // What an earlier life left behind.
        let _ = wake.try_send(());
        Ok(Drain { work })
    }

    /// Copies what is journalled by now. To be called after the ledger was flushed; the thread finds nothing left to do then.
    pub(crate) fn finish(&self) {
        if let Err(error) = self.work.copy_all() {
            tracing::error!(%error, "the last call records cannot be copied to the store; the next start copies them");
        }
    }
}

impl Work {
    fn run(&self, woken: &Receiver<()>) {
        while woken.recv().is_ok() {
            while let Err(error) = self.copy_all() {
                tracing::error!(%error, "call records cannot be copied to the store; they wait in the journal");
                // The next record, or the next second, tries again.
                let _ = woken.recv_timeout(RETRY_AFTER);
            }
            // Whatever is journalled meanwhile leaves one wake-up behind.
            std::thread::sleep(REST);
        }
    }

    fn copy_all(&self) -> Result<(), String> {
        loop {
            let from = self.drained_to()?;
            let ended = self.ledger.ended_after(from, BATCH_MAX).map_err(|error| error.to_string())?;
            let Some(last) = ended.last().map(|(sequence, _)| *sequence) else { return Ok(()) };
            let records = ended.iter().filter_map(|(sequence, text)| Some((*sequence, read(text)?)));
            let records: Vec<(u64, Finished<'_>)> = records.collect();
            // Until they are there: a store that cannot be written to shows.
            self.say_waiting(&records);
            let inserted = write(&self.store, &self.journal, &records, last)?;
            self.telemetry.count_records(RecordOutcome::Written, inserted.written);
            self.telemetry.count_records(RecordOutcome::Replayed, inserted.known);
            self.telemetry.set_record_backlog(0, Duration::ZERO);
            if ended.len() < BATCH_MAX {
                return Ok(());
            }
        }
    }

    fn drained_to(&self) -> Result<u64, String> {
        match self.store.drained_to(&self.journal) {
            Ok(from) => {
                self.drained_to.store(from, Ordering::Relaxed);
                Ok(from)
            }
            Err(error) => {
                // A store that cannot even be read: what waits is counted from where it was.
                let waiting = self.ledger.ended_after(self.drained_to.load(Ordering::Relaxed), BATCH_MAX);
                let waiting = waiting.unwrap_or_default();
                let read = waiting.iter().filter_map(|(sequence, text)| Some((*sequence, read(text)?)));
                self.say_waiting(&read.collect::<Vec<_>>());
                Err(error.to_string())
            }
        }
    }

    fn say_waiting(&self, records: &[(u64, Finished<'_>)]) {
        let Some((_, oldest)) = records.first() else { return };
        let age = self.clock.now().wall.since(oldest.ended_at());
        self.telemetry.set_record_backlog(records.len() as u64, age);
    }
}

/// A record of ours that cannot be read back is lost to the store, but stays in the journal.
fn read(text: &str) -> Option<Finished<'_>> {
    Finished::read(text)
        .map_err(|error| tracing::error!(%error, "a call record in the journal cannot be read; it stays there"))
        .ok()
}

/// Writes records and moves their journal's watermark to `last`.
fn write(store: &Store, journal: &str, records: &[(u64, Finished<'_>)], last: u64) -> Result<Inserted, String> {
    let inserted = store.insert_finished(journal, records).map_err(|error| error.to_string())?;
    // The records moved the watermark with them; only one that could not be read is left to step over.
    if records.last().is_none_or(|(sequence, _)| *sequence != last) {
        store.advance_drained_to(journal, last).map_err(|error| error.to_string())?;
    }
    Ok(inserted)
}

/// Copies what a ledger's journal has of finished calls to the store, once, where no drain does: for a node that is dead. Gives how many
/// were written.
///
/// # Errors
/// A sentence where the journal cannot be read or the store not written.
pub fn copy_records(ledger: &dyn Ledger, store: &Store) -> Result<u64, String> {
    let (journal, mut written) = (ledger.journal(), 0);
    loop {
        let from = store.drained_to(&journal).map_err(|error| error.to_string())?;
        let ended = ledger.ended_after(from, BATCH_MAX).map_err(|error| error.to_string())?;
        let Some(last) = ended.last().map(|(sequence, _)| *sequence) else { return Ok(written) };
        let records: Vec<(u64, Finished<'_>)> =
            ended.iter().filter_map(|(sequence, text)| Some((*sequence, read(text)?))).collect();
        written += write(store, &journal, &records, last)?.written;
    }
}

#[cfg(test)]
mod tests;
