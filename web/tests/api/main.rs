//! The doors as strangers see them: a real server on a port of its own, a real store and ledger, and a switchboard by hand.
//!
//! Nothing here looks into the crate; unit tests stand beside what they test.

#![allow(clippy::unwrap_used)] // A test that unwraps nothing has failed; the lint exempts test functions, not their helpers.

mod bans;
mod calls;
mod client;
mod companies;
mod configuring;
mod credit;
mod doctoring;
mod document;
mod doors;
mod events;
mod guarding;
mod identity;
mod paying;
mod profiles;
mod recharging;
mod shadowing;
mod switchboard;
mod tokens;
mod webhooks;
mod world;
