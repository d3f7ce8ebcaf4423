//! One shard's endpoint as its users see it: what is reported, what leaves, and what is stored.
//!
//! The state tables of single transactions are proven in `tests/transactions`.
#![allow(clippy::unwrap_used)]

mod admission;
mod answered;
mod bounced;
mod cancelling;
mod dialogs;
mod door;
mod lossy;
mod memory;
mod requesting;
mod spoofing;
mod support;
