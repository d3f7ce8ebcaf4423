//! Call records: drained from the ledger's journal, each once, and asked for.
//!
//! Their JSON is in `record_json`; live calls do not live here.

mod asking;
mod draining;
mod leaving;

pub use asking::{CallFilter, CallPage, CallTotals, Cursor, NotACursor, PAGE_MAX};
pub use draining::{Inserted, JOURNAL};
