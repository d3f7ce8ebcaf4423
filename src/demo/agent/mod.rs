//! The strangers of the demo: a PBX and a carrier, each with SIP and RTP sockets and threads of its own, built on the pure `telephone` crate.
//!
//! They know nothing of the switch but its address: whatever they learn, they learn over the wire. What they shall do is told in
//! `demo::story`.
//!
//! | File | Holds |
//! |---|---|
//! | [`line`] | a UDP socket with a line behind it, and the thread that runs a [`line::Role`] |
//! | [`melody`] | what is played, and how alike is what was heard |
//! | [`sound`] | the thread that plays, echoes and hears |
//! | [`pbx`], [`carrier`] | the two roles |

pub(crate) mod carrier;
mod line;
pub(crate) mod melody;
pub(crate) mod pbx;
pub(crate) mod sound;

#[cfg(test)]
mod tests;
