//! The simulated world: one node with every machine of the switch, PBXs, carriers, a network between them, and one clock.
//!
//! For tests only: no sockets, threads or actors are here, and no clock but the one that is an argument. Where an effect goes is
//! `actors::ways`, as in production.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

pub mod company;
pub mod ledgers;
pub mod reckoning;
pub mod redis;
pub mod simulation;
pub mod world;
