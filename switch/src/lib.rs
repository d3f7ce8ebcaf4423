//! Every decision of the switch as a pure machine: calls, profiles, registrations, and the rules that they read.
//!
//! No socket, clock, chance or runtime lives here, and no SIP: legs speak [`domain::call_control`]. Who runs the machines and
//! where effects go is `actors`; who keeps the balances is `ledger`.
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod attempts;
pub mod call;
pub mod carrier;
pub mod company;
pub mod directory;
pub mod emergency;
pub mod enrolment;
pub mod fraud;
pub mod guard;
pub mod numbering;
pub mod overload;
pub mod profile;
pub mod registration;
pub mod rehearsal;
pub mod routing;

pub use call::Call;
pub use carrier::Carrier;
pub use directory::Directory;
pub use enrolment::Enrolment;
pub use profile::Profile;
pub use registration::Registration;
