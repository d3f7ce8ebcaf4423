//! The words that a leg and the media threads exchange: sessions, sides, requests, answers, events, reports.
//!
//! Nothing here acts, and no session description is read here: that is `leg`'s.

use crate::settings::Learning;
use domain::media::{Carriage, Direction, FormatNumber, KeyFormat, KeyPress};
use domain::network::Network;
use domain::srtp::Keying;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// The name that the caller gives a session; unique among the open ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// One of the two parties whose sound a session joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The company's own PBX, whether it calls or is called.
    A,
    /// The carrier. Absent from an echo.
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Side; 2] = [Side::A, Side::B];

    /// The opposite one.
    pub const fn other(self) -> Side {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// One value for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySide<T> {
    /// The PBX's.
    pub a: T,
    /// The carrier's.
    pub b: T,
}

impl<T> Index<Side> for BySide<T> {
    type Output = T;
    fn index(&self, side: Side) -> &T {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

impl<T> IndexMut<Side> for BySide<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}

/// What a session does with sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes it between A and B, unchanged.
    Relay,
    /// Returns it to A (rule O2); there is no B.
    Echo,
}

/// An order to open a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// Relay or echo.
    pub mode: Mode,
    /// The local address for each side's ports; none: that of the settings. B's is not looked at in an echo.
    pub bind_ip: BySide<Option<IpAddr>>,
}

impl OpenRequest {
    /// A relay on the addresses of the settings.
    pub const fn relay() -> Self {
        Self { mode: Mode::Relay, bind_ip: BySide { a: None, b: None } }
    }

    /// An echo on the address of the settings.
    pub const fn echo() -> Self {
        Self { mode: Mode::Echo, bind_ip: BySide { a: None, b: None } }
    }
}

/// The local addresses of an open session: RTP there, RTCP one port above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Where A shall send: an even port.
    pub a: SocketAddr,
    /// Where B shall send: an even port; none in an echo.
    pub b: Option<SocketAddr>,
}

/// Why a session was not opened. Nothing is left of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenRefused {
    /// All ports of the range are taken, by sessions or by others.
    #[error("all RTP ports are taken: widen the port range or let calls end")]
    PortsExhausted,
    /// As many sessions as the settings allow are open.
    #[error("as many media sessions are open as the settings allow: raise the limit or let calls end")]
    SessionsExhausted,
    /// A session of this name is open.
    #[error("the media session {} is open already: names must be unique", .0.0)]
    AlreadyOpen(SessionId),
    /// No session of this name is open, or it has no such side.
    #[error("the media session {} is not open: it ended before", .0.0)]
    NotOpen(SessionId),
    /// The media threads have more commands waiting than they may, or have stopped.
    #[error("the media threads are overloaded or have stopped: try again later")]
    Overloaded,
    /// The operating system refused sockets, for another reason than a taken port.
    #[error("no RTP socket could be opened on {ip}: {reason}")]
    Socket {
        /// The address that was to be bound.
        ip: IpAddr,
        /// What the operating system said.
        reason: String,
    },
}

/// A change was not taken because too many wait, or because media has stopped; the call should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media threads are overloaded or have stopped: the change was not made")]
pub struct Overloaded;

/// The far end of one side, as its latest session description and its signalling tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it wants RTP. An unspecified address (`0.0.0.0`, the hold of RFC 2543) is sent nothing.
    pub rtp: SocketAddr,
    /// Where it wants RTCP (RFC 3605); none: one port above.
    pub rtcp: Option<SocketAddr>,
    /// Where its authenticated signalling came from.
    pub signalling_ip: IpAddr,
    /// Which way the stream flows, seen from the far end: other than `SendRecv` is a hold.
    pub direction: Direction,
    /// How its source may be learned; none: as the settings say.
    pub learning: Option<Learning>,
    /// Ticks per second of its RTP timestamps, for the jitter: 8000 for G.711 (and, by RFC 3551, G.722).
    pub clock_rate: u32,
    /// The keys of secure RTP; none for plain RTP. The same keys again go on where they were; a key that changed is believed
    /// beside the new one for some seconds.
    pub keying: Option<Keying>,
    /// The only networks that its sound may come from, and where its source may be learned, whatever is described; none: as
    /// described and learned.
    pub sources: Option<Arc<[Network]>>,
    /// Sound in RTP, or fax in UDPTL.
    pub carriage: Carriage,
    /// By which numbers it knows its formats; empty where they are those of the other side.
    pub numbers: Arc<[FormatNumber]>,
    /// How it hears keys in its sound, where it does.
    pub keys: Option<KeyFormat>,
    /// Whether keys that the other side presses in its sound are told ([`MediaEvent::Key`]) instead of passed to this one.
    pub keys_are_told: bool,
}

impl Remote {
    /// The clock rate of nearly all telephony (RFC 3551 4.5).
    pub const CLOCK_RATE: u32 = 8_000;

    /// A far end that sends and receives at `rtp`, with RTCP one port above, at 8000 ticks per second.
    pub fn new(rtp: SocketAddr, signalling_ip: IpAddr) -> Self {
        Self {
            rtp,
            rtcp: None,
            signalling_ip,
            direction: Direction::SendRecv,
            learning: None,
            clock_rate: Self::CLOCK_RATE,
            keying: None,
            sources: None,
            carriage: Carriage::Rtp,
            numbers: Arc::default(),
            keys: None,
            keys_are_told: false,
        }
    }
}

/// Something happened to a session that nobody ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    /// An answered call that is not held heard nothing from some side for the silence timeout. Told once per session.
    /// Told of both sides, too, where the session was lost to a bug of ours.
    Silent {
        /// Which session.
        session: SessionId,
        /// Which sides were silent: one or both.
        sides: BySide<bool>,
    },
    /// A key was pressed in the sound of the other side, for this one to hear ([`Remote::keys_are_told`]). Told once it is let go, each
    /// once; at most some twelve a second of a side, so that whoever is told can be told by a bounded queue.
    Key {
        /// Which session.
        session: SessionId,
        /// Who shall hear it.
        side: Side,
        /// What was pressed.
        key: KeyPress,
    },
}

/// Where events go. Called on a media thread: it must neither block nor call back into media and wait.
pub type EventSink = std::sync::Arc<dyn Fn(MediaEvent) + Send + Sync>;

/// Why a datagram went nowhere. The order is that of [`DiscardReason::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum DiscardReason {
    /// It came from elsewhere than the side's fixed source.
    UnknownSource,
    /// Its version is not 2: STUN, DTLS, noise.
    BadVersion,
    /// Version 2, but shorter than its header, longer than a datagram may be, or RTP where only RTCP belongs; no UDPTL where there is fax.
    NotRtp,
    /// It came more than 128 packets behind.
    Late,
    /// Its sequence number was there before.
    Duplicate,
    /// Its sender said that it would not send, or its receiver that it would not receive.
    Held,
    /// There is no address to send it to yet.
    NoDestination,
    /// The kernel did not take it.
    SendFailed,
    /// An echo was sent more than it returns, or keys came faster than anybody presses them.
    Flood,
    /// Secure RTP or RTCP that is not genuine: its tag is not that of the negotiated key.
    SrtpAuth,
    /// Secure RTP or RTCP that was there before, or is too old to say.
    SrtpReplay,
    /// Secure RTP of more streams, or more packets, than one key may protect.
    SrtpSpent,
}

impl DiscardReason {
    /// All, in order.
    pub const ALL: [DiscardReason; 12] = [
        Self::UnknownSource,
        Self::BadVersion,
        Self::NotRtp,
        Self::Late,
        Self::Duplicate,
        Self::Held,
        Self::NoDestination,
        Self::SendFailed,
        Self::Flood,
        Self::SrtpAuth,
        Self::SrtpReplay,
        Self::SrtpSpent,
    ];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown_source",
            Self::BadVersion => "bad_version",
            Self::NotRtp => "not_rtp",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Held => "held",
            Self::NoDestination => "no_destination",
            Self::SendFailed => "send_failed",
            Self::Flood => "flood",
            Self::SrtpAuth => "srtp_auth",
            Self::SrtpReplay => "srtp_replay",
            Self::SrtpSpent => "srtp_spent",
        }
    }
}

/// Datagrams that went nowhere, by reason.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Discarded([u64; DiscardReason::ALL.len()]);

impl Discarded {
    /// How many for this reason.
    pub const fn of(&self, reason: DiscardReason) -> u64 {
        self.0[reason as usize]
    }

    /// How many for any reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn add(&mut self, reason: DiscardReason, count: u64) {
        self.0[reason as usize] += count;
    }
}

/// Only the reasons that occurred.
impl fmt::Debug for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let occurred = DiscardReason::ALL.iter().filter(|reason| self.of(**reason) > 0);
        f.debug_map().entries(occurred.map(|reason| (reason.as_str(), self.of(*reason)))).finish()
    }
}

/// What one side sent and was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideReport {
    /// RTP packets that came from its source.
    pub packets_received: u64,
    /// Their bytes, RTP header included, UDP and IP not.
    pub bytes_received: u64,
    /// RTP packets that were sent to it.
    pub packets_sent: u64,
    /// Their bytes, likewise.
    pub bytes_sent: u64,
    /// RTCP packets that came from its source.
    pub rtcp_received: u64,
    /// RTCP packets that were sent to it.
    pub rtcp_sent: u64,
    /// RTP packets that it sent and that did not come, by sequence number (RFC 3550 A.3, never below zero).
    pub packets_lost: u64,
    /// RTP packets that came behind a later one.
    pub packets_reordered: u64,
    /// Interarrival jitter now, in microseconds (RFC 3550 A.8).
    pub jitter_us: u32,
    /// The highest that it was, in microseconds.
    pub jitter_max_us: u32,
    /// Streams seen: 1, plus one for each new SSRC or restarted sequence.
    pub streams: u32,
    /// Where its sound comes from, once that is fixed.
    pub source: Option<SocketAddr>,
    /// Whether that was learned rather than described.
    pub learned: bool,
    /// What came to its ports, or was meant for it, and went nowhere. `Held`, `NoDestination` and `SendFailed` are counted at
    /// the side that sent.
    pub discarded: Discarded,
}

/// What a session did, up to now or up to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionReport {
    /// Which one.
    pub session: SessionId,
    /// Relay or echo.
    pub mode: Mode,
    /// Per side; B's is all zeros in an echo.
    pub sides: BySide<SideReport>,
}
