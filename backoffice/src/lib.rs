//! What a person or a program may ask of the switch: companies, profiles, credit, carriers, decks, numbers, calls, prices, tokens.
//!
//! HTTP does not live here (it is `web`'s), nor decisions about calls (`switch`), nor balances (`ledger`), nor rows (`store`). Every
//! function of [`Office`] blocks on the disk and must be called from a thread that may block, unless it is `async`.
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod caller;
mod channel;
mod error;
mod office;
pub mod page;
mod posting;
pub mod problem;
mod switchboard;
pub mod text;

pub use caller::{Caller, StartToken};
pub use channel::{CHANNELS_MAX, Reconciled, rounded_channels};
pub use error::{Error, FieldFault, Result};
pub use office::{Clock, Office, Parts, Random, Settings};
pub use page::{Page, PageAsk};
pub use problem::{Problem, ProblemKind};
pub use switchboard::{Future, Switchboard};
