//! Stories of the switch on a virtual clock: calls, profiles and a plain ledger, without SIP and without sockets.
//!
//! Each story names the rule that it proves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a story that cannot be told is a failed test")]

mod admission;
mod adversity;
mod advising;
mod capping;
mod carriers;
mod counting;
mod enrolling;
mod fraud;
mod hunting;
mod identity;
mod ledger;
mod money;
mod nodes;
mod outage;
mod paths;
mod pricing;
mod receiving;
mod recharge;
mod registration;
mod rehearsing;
mod securing;
mod sharing;
mod town;
mod warning;
mod world;
