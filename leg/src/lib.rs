//! One SIP leg as a machine: call-control words on one side; dialog, offer and answer, and in-dialog life on the other.
//!
//! A leg never meets its partner: the call does, in words that are not SIP. No sockets and no clock live here.
#![forbid(unsafe_code)]

pub mod negotiation;
pub mod sdp;
