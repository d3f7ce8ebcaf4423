//! TLS, WebSockets and connections over real sockets: who gets in, with which certificate, and who is hung up on.
//!
//! Calls over them are the strangers' stories.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod authority;
mod identity;
mod limits;
mod tls;
#[path = "../world/mod.rs"]
mod world;
