//! What a person or a program may ask of the switch: companies, profiles, credit, carriers, decks, numbers, calls, prices, tokens.
//!
//! HTTP does not live here (it is `web`'s), nor decisions about calls (`switch`), nor balances (`ledger`), nor rows (`store`). Every
//! function of [`Office`] blocks on the disk and must be called from a thread that may block, unless it is `async`.
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod account;
pub mod advice;
pub mod ban;
pub mod breaker;
pub mod call;
pub mod caller;
pub mod carrier;
mod channel;
pub mod company;
pub mod credit;
pub mod credit_failure;
pub mod deck;
pub mod doctor;
pub mod dtmf;
mod error;
pub mod events;
pub mod explain;
pub mod export;
pub mod fax;
pub mod fraud;
pub mod identity;
pub mod landline;
pub mod number;
mod office;
pub mod once;
pub mod page;
pub mod payments;
mod posting;
pub mod problem;
pub mod profile;
pub mod proof;
pub mod rate;
pub mod recharge;
pub mod simulation;
pub mod spending;
pub mod srtp;
pub mod statement;
mod switchboard;
pub mod text;
pub mod token;
pub mod trimming;
pub mod webhook;

pub use caller::{Caller, StartToken};
pub use channel::{CHANNELS_MAX, Reconciled, rounded_channels};
pub use error::{Error, FieldFault, Result};
pub use office::{Clock, Office, Parts, Random, Settings, Tell};
pub use page::{Page, PageAsk};
pub use problem::{Problem, ProblemKind};
pub use switchboard::{Future, Switchboard};
