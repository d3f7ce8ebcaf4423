//! Where every metric and log line is born: facts go in, counters and lines come out.
//!
//! Decisions do not live here, nor HTTP, nor a clock. No other room names a metric; label values are closed enums or
//! configured names, never text from the wire.
#![forbid(unsafe_code)]

mod actors;
mod calls;
pub mod catalogue;
mod credit;
mod dns;
mod ears;
mod error;
mod exact;
mod families;
mod http;
pub mod labels;
mod lines;
mod logs;
mod mask;
mod media;
mod money;
mod process;
mod records;
mod redis;
mod registrar;
mod sip;
mod telemetry;
mod webhooks;

pub use calls::{CallsActive, Capacity, CarrierStanding};
pub use catalogue::{CATALOGUE, Group, LabelRow, MetricKind, MetricRow, Values, metrics_json};
pub use credit::CreditTotals;
pub use error::Error;
pub use families::{Counts, LabelSet};
pub use logs::{LogFormat, LogGuard, LogSettings, init_logs};
pub use mask::mask;
pub use media::MediaTotals;
pub use money::{CurrencyTotals, JournalStands, LedgerTotals};
pub use process::{ProcessFigures, RuntimeFigures};
pub use sip::{GuardTotals, SipTotals};
pub use telemetry::{Build, Telemetry};
