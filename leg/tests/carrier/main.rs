//! What a leg and a carrier have to say to each other before and around the call itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod faxing;
mod hopping;
mod pressing;
mod proving;
mod reaching;
mod world;
