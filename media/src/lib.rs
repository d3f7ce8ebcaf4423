//! Sound: joins the RTP and RTCP of two legs (relay), or returns one party's own (echo, rule O2), on threads of its own.
//!
//! No SIP, no session description, no money and no runtime lives here. A leg orders ports with [`Media::open`], tells where the
//! far ends are with [`Media::set_remote`], arms the silence timer with [`Media::answered`] and ends with [`Media::close`];
//! answers come through the closures that it gives, events through the sink.
//!
//! The decisions are pure and take time as an argument: `source` (who may speak), `stream` (loss and jitter), `silence`,
//! `echo`, `ports`, `warm` (ports kept open), `lock` and `srtp` (secure sound), `numbers` (payload types), `keys` (RFC 4733), `udptl` (fax), and `session`, which joins them. The shells are `worker` (poller and the rounds), `passage` (packets through), `sockets`, `slots` (who holds them), `clock` (read once per
//! round) and `queue` (commands in).
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

mod clock;
mod counters;
mod echo;
mod error;
mod handle;
mod keys;
mod lock;
mod numbers;
mod packet;
mod passage;
mod ports;
mod presses;
mod queue;
mod routable;
mod session;
mod settings;
mod shared;
mod silence;
mod slots;
mod sockets;
mod source;
pub mod srtp;
mod stream;
mod tone;
mod totals;
mod udptl;
mod warm;
mod words;
mod worker;

pub use error::Error;
pub use handle::Media;
pub use queue::{CHANGES_MAX, OPENS_MAX};
pub use routable::is_routable;
pub use settings::{Learning, MediaSettings, PortRange};
pub use totals::{MediaTotals, QualitySample, SAMPLES_MAX, SideTotals};
pub use words::{
    BySide, DiscardReason, Discarded, EventSink, MediaEvent, Mode, OpenRefused, OpenRequest, Opened, Overloaded,
    Remote, SessionId, SessionReport, Side, SideReport,
};
