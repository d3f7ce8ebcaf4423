//! Telemetry as its users see it: facts and totals go in, text comes out.
//!
//! Log lines are proven beside the code that writes them, because a process has one logger only.
#![allow(clippy::unwrap_used)] // The lint exempts test functions, not their helpers.

mod catalogue;
mod facts;
mod page;
mod totals;
