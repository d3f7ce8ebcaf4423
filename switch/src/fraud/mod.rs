//! What tells a thief's calls from a customer's: what is spent, where to, and from where.
//!
//! | File | What it knows |
//! |---|---|
//! | `tally` | what was spent today and in the last minute |
//! | `acquaintance` | countries that were called, networks that were called from |
//! | `watch` | one profile: its rules, what stopped it, what was released |
//! | `breaker` | a company, and the house: what they spend against what they may and are used to |
//!
//! Calls that are up go on whatever a rule says; only the cap of the day ends them, as their credit would, with the last second that it
//! pays for. Emergency numbers and incoming calls are never asked about. What one call may cost at most is `call::capping`'s.

mod acquaintance;
mod breaker;
mod tally;
mod watch;

pub use acquaintance::{Acquaintance, DESTINATIONS_MAX, NETWORKS_MAX};
pub use breaker::{BreakerLimits, Breakers, Circuit, NotACircuit, OpenBreaker};
pub(crate) use watch::Surroundings;
pub use watch::{Memo, Memory, Prospect, Standing, Watch};
