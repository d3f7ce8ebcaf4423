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
//! | `inviting` | the INVITE that opens such a leg, printed |
//! | [`proving`] | digest for carriers that ask who we are |
//! | `presenting` | who calls, as headers say it; which headers may pass |
//! | `passing` | headers that go along with what is said after the INVITE |
//! | `capabilities` | what our messages say that we can do |
//! | `talk` | what both do once there is a dialog |
//! | `early` | the branches of an INVITE of ours that ring |
//! | `reliable` | what rings, repeated until its PRACK (RFC 3262) |
//! | `replies` | answers that say why |
//! | [`secrecy`] | keys for secure sound (SDES): offered, chosen, agreed |
//! | `noting` | what of refused requests stands in the call's trace |
//! | `put` | numbers and addresses as text |
//! | `reach` | where a request inside a dialog is sent |
//! | [`session_timer`] | session timers (RFC 4028) |
//! | [`sdp`], [`negotiation`] | session descriptions: text, offer and answer |
//! | `keys` | key presses in INFO |
//! | `formats`, `flow` | which codecs are the same; which way sound flows |
#![forbid(unsafe_code)]

pub mod advice;
mod called;
pub mod caller;
pub mod invitation;
pub mod negotiation;
pub mod proving;
pub mod sdp;
pub mod secrecy;
pub mod session_timer;
pub mod target;
pub mod words;

mod capabilities;
mod early;
mod flow;
mod formats;
mod inviting;
mod keys;
mod noting;
mod passing;
mod presenting;
mod put;
mod reach;
mod reliable;
mod replies;
mod talk;

pub use called::{CalledLeg, LegNaming};
pub use caller::CallerLeg;
pub use proving::{Account, Prover};
pub use replies::{Given, reasons_given, refusal};
pub use session_timer::SessionTimers;
pub use target::{CarrierTarget, Hop, PbxTarget, Redirects, Target};
pub use words::{Effect, Event, Identity, Sent, SoundOrder};
