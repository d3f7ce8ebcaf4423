//! The whole switch on a virtual clock: PBX, network, carriers and every machine of a node, hours in milliseconds.
//!
//! Sockets, threads and actors are not here; where an effect goes is `actors::ways`, as in production.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod changing;
mod crash;
mod credit;
mod echo;
mod hunting;
mod inside;
mod leaving;
mod limits;
mod long;
mod loss;
mod noting;
mod passing;
mod planted;
mod races;
mod receiving;
mod refresh;
mod registration;
mod reliable;
