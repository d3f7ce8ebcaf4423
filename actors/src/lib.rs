//! Thin shells around the machines: actors, shards, transports, and the only clock and chance of the house.
//!
//! Nothing is decided here: what a message means is decided by `sip`, `leg` and `switch`; what may be spent by `ledger`.
#![forbid(unsafe_code)]

mod aliases;
mod attempts;
pub mod call;
mod carrier;
mod census;
mod certificates;
pub mod chance;
pub mod clock;
mod core;
pub mod desk;
mod enrolment;
mod exchange;
mod figures;
mod fraud;
mod guarding;
mod listening;
pub mod mailbox;
mod manners;
mod neighbours;
mod profile;
mod records;
mod recovery;
mod registrar;
mod registry;
mod resident;
mod resolving;
mod shard;
pub mod shell;
mod transport;
pub mod ways;
pub mod whereabouts;

pub use core::NodeLimits;
pub use exchange::{Exchange, ExchangeSettings, Rooms, StartError, StreamSettings};
pub use leg::SessionTimers;
pub use neighbours::{Board, Joining, withdraw};
pub use records::copy_records;
pub use recovery::{Recovered, recover};
pub use resolving::DnsSettings;
pub use transport::stream::Patience;
pub use transport::tls::{ClientCertificates, TlsError, TlsSettings};
