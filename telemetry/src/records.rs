//! Call records on their way from the ledger's journal to the store.
//!
//! Records themselves do not live here.

use crate::error::Error;
use crate::families::{Counters, Gauges, Maker};
use crate::labels::RecordOutcome;
use crate::telemetry::Telemetry;
use std::time::Duration;

pub(crate) struct RecordHandles {
    records: Counters<(RecordOutcome,)>,
    spool: Gauges<()>,
    oldest: Gauges<()>,
}

impl RecordHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            records: maker.counters("tandem_cdrs_total")?,
            spool: maker.gauges("tandem_cdr_spool_records")?,
            oldest: maker.gauges("tandem_cdr_oldest_unwritten_seconds")?,
        })
    }
}

impl Telemetry {
    /// Records were written, found to be there already, or made for calls that a dead process left behind.
    pub fn count_records(&self, outcome: RecordOutcome, records: u64) {
        self.records.records.at((outcome,)).increment(records);
    }

    /// Records that wait for the store, and the age of the oldest; zero where none waits.
    pub fn set_record_backlog(&self, waiting: u64, oldest: Duration) {
        self.records.spool.at(()).set(waiting as f64);
        self.records.oldest.at(()).set(oldest.as_secs_f64());
    }
}
