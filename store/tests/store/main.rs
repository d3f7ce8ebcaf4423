//! The store as its users see it: one binary, one module for each thing that is kept.
//!
//! Nothing here looks into the crate; unit tests stand beside what they test.

#![allow(clippy::unwrap_used)] // A test that unwraps nothing has failed; the lint exempts test functions, not their helpers.

mod answers;
mod calls;
mod carrier_accounts;
mod configuration;
mod fraud;
mod journal;
mod nodes;
mod opening;
mod passwords;
mod payments;
mod profiles;
mod record_json;
mod webhooks;
mod world;
