//! One SIP leg as a machine: call-control words on one side; dialog, offer and answer, and in-dialog life on the other.
//!
//! A leg never meets its partner: the call does, in words that are not SIP. No sockets and no clock live here; retransmission
//! and the wait for ACKs are `sip::endpoint`'s.
//!
//! | File | Holds |
//! |---|---|
//! | [`words`] | what a leg hears and orders: the whole list |
//! | [`invitation`] | from an INVITE to call-control words |
//! | [`caller`] | the leg of who called (UAS) |
//! | [`called`] | a leg towards the called side (UAC) |
//! | [`target`] | where such a leg calls, and how that side is addressed |
//! | `talk` | what both do once there is a dialog |
//! | `replies` | answers that say why |
//! | [`secrecy`] | keys for secure sound (SDES): offered, chosen, agreed |
//! | `put` | numbers and addresses as text |
//! | `reach` | where a request inside a dialog is sent |
//! | [`sdp`], [`negotiation`] | session descriptions: text, offer and answer |
#![forbid(unsafe_code)]

pub mod called;
pub mod caller;
pub mod invitation;
pub mod negotiation;
pub mod sdp;
pub mod secrecy;
pub mod target;
pub mod words;

mod put;
mod reach;
mod replies;
mod talk;

pub use called::{CalledLeg, LegNaming};
pub use caller::CallerLeg;
pub use replies::refusal;
pub use target::{CarrierTarget, PbxTarget, Target};
pub use words::{Effect, Event, Identity, Sent, SoundOrder};
