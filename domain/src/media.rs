//! What two legs tell each other about sound: session descriptions as typed values. Their text form (SDP) is `leg`'s.

use std::net::SocketAddr;

/// The kind of a stream (RFC 8866 8.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Sound.
    Audio,
    /// Anything else, by its token: refused with port 0 until something carries it.
    Other(String),
}

/// Which way a stream flows, seen from who describes it (RFC 8866 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways; the default.
    #[default]
    SendRecv,
    /// It only sends.
    SendOnly,
    /// It only receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// One payload format of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// `rtpmap` without the payload type (`PCMU/8000`); absent for static types that did not say.
    pub rtpmap: Option<String>,
    /// `fmtp` without the payload type; empty where there is none.
    pub fmtp: Vec<String>,
}

/// One `m=` line and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// What it carries.
    pub kind: StreamKind,
    /// The transport token (`RTP/AVP`).
    pub transport: String,
    /// Where the describer wants to receive; none where the stream is refused (port 0).
    pub receives_at: Option<SocketAddr>,
    /// Where it wants RTCP (RFC 3605), where that is not the next port.
    pub receives_rtcp_at: Option<SocketAddr>,
    /// Which way.
    pub direction: Direction,
    /// In order of preference, at most 32.
    pub formats: Vec<Format>,
    /// Format tokens of a stream that is not RTP, as they stood.
    pub format_tokens: Vec<String>,
    /// Milliseconds a packet (`ptime`).
    pub ptime_ms: Option<u16>,
    /// At most this many milliseconds a packet (`maxptime`).
    pub maxptime_ms: Option<u16>,
}

/// A session description: its streams in order, at most 8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaDescription {
    /// In the order of the `m=` lines.
    pub streams: Vec<Stream>,
}

impl MediaDescription {
    /// The first sound stream that is not refused: the one that is carried.
    pub fn audio(&self) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.kind == StreamKind::Audio && stream.receives_at.is_some())
    }
}
