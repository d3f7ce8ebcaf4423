//! What two legs tell each other about sound: session descriptions as typed values. Their text form (SDP) is `leg`'s.

use crate::srtp::{CryptoLine, SrtpPolicy};
use std::net::{IpAddr, SocketAddr};

/// The kind of a stream (RFC 8866 8.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Sound.
    Audio,
    /// Anything else, by its token: refused with port 0 until something carries it.
    Other(String),
}

/// A version of IP: sound goes from and to addresses of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4 (`IN IP4`).
    V4,
    /// IPv6 (`IN IP6`).
    V6,
}

impl Family {
    /// Of an address; one of IPv4 that is mapped into IPv6 is of IPv4.
    pub const fn of(ip: IpAddr) -> Family {
        if ip.to_canonical().is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// For a person.
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }
}

/// The families that a node has addresses of for sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// An IPv4 address.
    pub v4: bool,
    /// An IPv6 address.
    pub v6: bool,
}

impl Families {
    /// Both.
    pub const BOTH: Families = Families { v4: true, v6: true };

    /// Whether there is an address of this one.
    pub const fn has(self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    /// Those that are there, for a person.
    pub const fn as_str(self) -> &'static str {
        match self {
            Families { v4: true, v6: true } => "IPv4 or IPv6",
            Families { v4: true, v6: false } => "IPv4",
            Families { v4: false, v6: true } => "IPv6",
            Families { v4: false, v6: false } => "none",
        }
    }
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

/// Attributes of fax over T.38 (ITU-T T.38 D.2.3) that are kept of a stream.
pub const FAX_ATTRIBUTES_MAX: usize = 16;

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
    /// The attributes of fax over T.38 (`T38FaxVersion:0`), as they stood, at most [`FAX_ATTRIBUTES_MAX`].
    pub fax: Vec<String>,
    /// Milliseconds a packet (`ptime`).
    pub ptime_ms: Option<u16>,
    /// At most this many milliseconds a packet (`maxptime`).
    pub maxptime_ms: Option<u16>,
    /// The ways to secure it that can be used, in order of preference; their keys are this description's and never another's.
    pub crypto: Vec<CryptoLine>,
}

/// What travels on the ports of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carriage {
    /// Sound in RTP.
    #[default]
    Rtp,
    /// Fax in UDPTL (ITU-T T.38).
    Udptl,
}

/// By which RTP payload type one side of a call knows one format (RFC 3264 5.1: each side numbers what it receives).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatNumber {
    /// The format, whatever its number: equal on both sides of a call where the format is the same.
    pub codec: CodecName,
    /// What the far end sends it as: the number in our description.
    pub sent_as: u8,
    /// What the far end receives it as: the number in its own description.
    pub received_as: u8,
}

/// The name and clock of a format as one number, so that two sides' formats are compared at no cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodecName(pub u64);

impl CodecName {
    /// Of a name such as `telephone-event/8000`, in any case of letters (FNV-1a).
    pub fn of(name: &str) -> CodecName {
        let mixed = |hash: u64, byte: u8| (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x100_0000_01b3);
        CodecName(name.bytes().fold(0xcbf2_9ce4_8422_2325, mixed))
    }
}

/// How one side receives key presses in its sound (RFC 4733).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFormat {
    /// The RTP payload type.
    pub payload_type: u8,
    /// Ticks a second of their timestamps.
    pub clock_rate_hz: u32,
}

/// One key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// The event's number (RFC 4733 3.2): 0 to 9, 10 for `*`, 11 for `#`, 12 to 15 for A to D, 16 for a flash of the hook.
    pub event: u8,
    /// For how long, in milliseconds.
    pub duration_ms: u16,
}

/// What a stream of sound says about being secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Plain RTP only.
    Plain,
    /// Plain RTP, or secure RTP with one of its keys (RFC 8643).
    Optional,
    /// Secure RTP with one of its keys.
    Mandatory,
    /// Secure RTP in no way that can be used: no suite that is known, or keys by other means.
    Unknown,
}

impl Stream {
    /// Whether it is fax over T.38 by UDPTL that is not refused (RFC 3362, ITU-T T.38 D.2).
    pub fn is_fax(&self) -> bool {
        self.kind == StreamKind::Other("image".to_owned())
            && self.transport.eq_ignore_ascii_case("udptl")
            && self.receives_at.is_some()
            && self.format_tokens.iter().any(|token| token.eq_ignore_ascii_case("t38"))
    }

    /// What it says about being secured, by its transport and keys.
    pub fn security(&self) -> Security {
        let is_secure = ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"].contains(&&*self.transport);
        match (is_secure, self.crypto.is_empty()) {
            (false, true) => Security::Plain,
            (false, false) => Security::Optional,
            (true, false) if self.transport.starts_with("RTP/") => Security::Mandatory,
            (true, _) => Security::Unknown,
        }
    }
}

/// Why a description and what a trunk wants of its sound do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It has plain RTP only, and that is refused.
    PlainOnly,
    /// It has secure RTP only, and that is switched off.
    SecureOnly,
    /// It has secure RTP only, in no way that is known here.
    NoKnownSuite,
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

    /// The first stream of fax that is not refused, where there is no sound: the one that is carried then (ITU-T T.38 D.2).
    pub fn fax(&self) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.is_fax()).filter(|_| self.audio().is_none())
    }

    /// The family that its describer takes sound at: that of the stream that is carried, or else of its signalling, where the description
    /// names nobody's address (a hold of RFC 2543, an offer that was left to us).
    pub fn family(&self, signalling: IpAddr) -> Family {
        let described = self.audio().or_else(|| self.fax()).and_then(|stream| stream.receives_at);
        let named = described.map(|at| at.ip()).filter(|ip| !ip.is_unspecified());
        Family::of(named.unwrap_or(signalling))
    }

    /// The description as far as `policy` takes it: sound that it does not take is as if it were refused (port 0), and of sound
    /// both with and without SRTP, the secure one is left where that is wanted.
    ///
    /// # Errors
    /// Where no sound is left, though there was some.
    pub fn permitted(&self, policy: SrtpPolicy) -> Result<MediaDescription, Mismatch> {
        let sound = |stream: &&Stream| stream.kind == StreamKind::Audio && stream.receives_at.is_some();
        let is_secure = |stream: &Stream| matches!(stream.security(), Security::Optional | Security::Mandatory);
        let has_secure = self.streams.iter().filter(sound).any(is_secure);
        let is_taken = |stream: &Stream| match policy {
            SrtpPolicy::Off => matches!(stream.security(), Security::Plain | Security::Optional),
            SrtpPolicy::Preferred if !has_secure => stream.security() == Security::Plain,
            SrtpPolicy::Preferred | SrtpPolicy::Required => is_secure(stream),
        };
        let mut taken = self.clone();
        for stream in taken.streams.iter_mut().filter(|stream| sound(&&**stream) && !is_taken(stream)) {
            stream.receives_at = None;
        }
        if taken.audio().is_some() || self.audio().is_none() {
            return Ok(taken);
        }
        let securities = || self.streams.iter().filter(sound).map(Stream::security);
        Err(match policy {
            SrtpPolicy::Off if securities().any(|security| security == Security::Mandatory) => Mismatch::SecureOnly,
            SrtpPolicy::Required if securities().any(|security| security == Security::Plain) => Mismatch::PlainOnly,
            SrtpPolicy::Off | SrtpPolicy::Preferred | SrtpPolicy::Required => Mismatch::NoKnownSuite,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::srtp::{MasterKey, Suite};

    fn stream(transport: &str, keys: u32) -> Stream {
        let key = MasterKey::mint(Suite::AesCm128HmacSha1_80, &mut Entropy::from_seed([1; 16]));
        Stream {
            kind: StreamKind::Audio,
            transport: transport.to_owned(),
            receives_at: Some(([192, 0, 2, 1], 4_000).into()),
            receives_rtcp_at: None,
            direction: Direction::SendRecv,
            formats: vec![Format { payload_type: 0, rtpmap: None, fmtp: Vec::new() }],
            format_tokens: Vec::new(),
            fax: Vec::new(),
            ptime_ms: None,
            maxptime_ms: None,
            crypto: (1..=keys).map(|tag| CryptoLine { tag, key }).collect(),
        }
    }

    /// RFC 8643, field lesson 38.
    #[test]
    fn of_what_is_offered_the_policy_takes_its_own() {
        use Mismatch::{NoKnownSuite, PlainOnly, SecureOnly};
        use SrtpPolicy::{Off, Preferred, Required};
        let (plain, optional, secure) = (stream("RTP/AVP", 0), stream("RTP/AVP", 1), stream("RTP/SAVP", 1));
        let (strange, dtls) = (stream("RTP/SAVP", 0), stream("UDP/TLS/RTP/SAVPF", 0));
        for (offered, expected) in [
            (vec![&plain], [Ok(0), Ok(0), Err(PlainOnly)]),
            (vec![&optional], [Ok(0), Ok(0), Ok(0)]),
            (vec![&secure], [Err(SecureOnly), Ok(0), Ok(0)]),
            (vec![&strange], [Err(NoKnownSuite); 3]),
            (vec![&dtls], [Err(NoKnownSuite); 3]),
            (vec![&plain, &secure], [Ok(0), Ok(1), Ok(1)]),
            (vec![&secure, &plain], [Ok(1), Ok(0), Ok(0)]),
            (vec![&dtls, &plain], [Ok(1), Ok(1), Err(PlainOnly)]),
            (vec![], [Ok(0); 3]),
        ] {
            let offer = MediaDescription { streams: offered.into_iter().cloned().collect() };
            for (policy, expected) in [Off, Preferred, Required].into_iter().zip(expected) {
                let place = |taken: MediaDescription| {
                    taken.streams.iter().position(|stream| stream.receives_at.is_some()).unwrap_or(0)
                };
                assert_eq!(offer.permitted(policy).map(place), expected, "{policy} {offer:?}");
            }
        }
    }
}
