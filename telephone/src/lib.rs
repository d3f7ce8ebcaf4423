//! The other end of the line: just enough SIP, SDP, RTP and digest for a telephone, a PBX or a carrier, as machines without sockets.
//!
//! Nothing of the switch is known here, and no socket, clock, thread or chance: the demo lends these machines a thread each, the
//! load test a runtime with thousands of them. What is said on the line, and when, is theirs.
//!
//! | File | Holds |
//! |---|---|
//! | [`Line`] | a SIP endpoint at one address: bytes and time in, effects out |
//! | [`Account`] | who an agent is, and its answer to a challenge |
//! | [`Registering`] | a registration, kept alive |
//! | [`Calling`] | one call that is placed |
//! | [`Called`] | one call that is taken |
//! | [`Switchboard`] | all calls that an agent takes |
//! | [`sdp`], [`rtp`], [`g711`] | just enough of each for two telephones |
#![forbid(unsafe_code)]

mod account;
mod called;
mod calling;
pub mod g711;
mod line;
mod registering;
pub mod rtp;
pub mod sdp;
mod switchboard;

pub use account::{Account, Subscriber};
pub use called::Called;
pub use calling::{Calling, News};
pub use line::{Line, LineSettings, Role, address_of};
pub use registering::Registering;
pub use switchboard::{Happening, Switchboard};

/// How often a challenge is answered in a row: the second time because the nonce was stale.
pub const ANSWERS_MAX: u8 = 2;
