//! From text to a [`MediaDescription`]. Unknown lines and attributes are passed over; what is kept is typed.

use super::{CRYPTO_LINES_MAX, FMTP_LINES_MAX, FORMATS_MAX, SDP_BYTES_MAX, STREAMS_MAX};
use domain::media::{Direction, FAX_ATTRIBUTES_MAX, Format, MediaDescription, Stream, StreamKind};
use domain::srtp::CryptoLine;
use std::net::{IpAddr, SocketAddr};

/// Bytes of an attribute of T.38 at most that is kept: the longest of ITU-T T.38 D.2.3 has 40.
const FAX_ATTRIBUTE_BYTES_MAX: usize = 80;

/// Why a text is no session description that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpFault {
    /// Larger than [`SDP_BYTES_MAX`].
    #[error("the session description has {0} bytes; at most {SDP_BYTES_MAX} are read")]
    TooLarge(usize),
    /// A line that must be there is missing.
    #[error("the session description has no {0} line")]
    Missing(&'static str),
    /// A line does not follow its grammar.
    #[error("line {line} of the session description is not understood: expected {expected}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What would be right.
        expected: &'static str,
    },
    /// More of something than is read.
    #[error("line {line} of the session description: at most {most} {what} are read")]
    TooMany {
        /// Counted from 1.
        line: usize,
        /// How many are permitted.
        most: usize,
        /// Of what.
        what: &'static str,
    },
}

/// Reads a session description.
///
/// Lines may end in CRLF or LF. A `c=` line with a host name is refused: sound is sent to addresses only.
pub fn read(text: &[u8]) -> Result<MediaDescription, SdpFault> {
    if text.len() > SDP_BYTES_MAX {
        return Err(SdpFault::TooLarge(text.len()));
    }
    let mut reader = Reader::default();
    for (index, raw) in text.split(|byte| *byte == b'\n').enumerate() {
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        if raw.is_empty() {
            continue;
        }
        // Free text (s=, i=, u=) may be in any character set (RFC 8866 6.10); nothing that is kept is free text.
        let Ok(line) = std::str::from_utf8(raw) else { continue };
        reader.take(index + 1, line)?;
    }
    reader.finish()
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    version_seen: bool,
    session_address: Option<IpAddr>,
    session_direction: Option<Direction>,
    streams: Vec<Reading>,
}

/// A stream whose lines are still coming.
struct Reading {
    stream: Stream,
    line: usize,
    port: u16,
    address: Option<IpAddr>,
    direction: Option<Direction>,
    rtcp_port: Option<u16>,
    rtcp_address: Option<IpAddr>,
}

impl Reader {
    fn take(&mut self, line: usize, text: &str) -> Result<(), SdpFault> {
        let Some((kind, value)) = text.split_once('=') else {
            return Err(SdpFault::Line { line, expected: "a letter, =, and a value" });
        };
        if !self.version_seen && kind != "v" {
            return Err(SdpFault::Line { line, expected: "v=0 as the first line" });
        }
        match kind {
            "v" => self.on_version(line, value),
            "c" => self.on_connection(line, value),
            "m" => self.on_media(line, value),
            "a" => self.on_attribute(line, value),
            _ => Ok(()),
        }
    }

    fn on_version(&mut self, line: usize, value: &str) -> Result<(), SdpFault> {
        self.version_seen = true;
        if value.trim() == "0" { Ok(()) } else { Err(SdpFault::Line { line, expected: "v=0" }) }
    }

    fn on_connection(&mut self, line: usize, value: &str) -> Result<(), SdpFault> {
        let fault = SdpFault::Line { line, expected: "c=IN IP4 or IP6 and an address" };
        let mut words = value.split_ascii_whitespace();
        let (Some("IN"), Some(family), Some(address)) = (words.next(), words.next(), words.next()) else {
            return Err(fault);
        };
        // A multicast address may carry /ttl; no multicast is sent to, but the line is well formed.
        let address = address.split('/').next().unwrap_or_default();
        let address: IpAddr = address.parse().map_err(|_| fault.clone())?;
        if (family == "IP4") != address.is_ipv4() || !matches!(family, "IP4" | "IP6") {
            return Err(fault);
        }
        match self.streams.last_mut() {
            Some(reading) => reading.address = Some(address),
            None => self.session_address = Some(address),
        }
        Ok(())
    }

    fn on_media(&mut self, line: usize, value: &str) -> Result<(), SdpFault> {
        let fault = SdpFault::Line { line, expected: "m= with media, port, transport and formats" };
        if self.streams.len() == STREAMS_MAX {
            return Err(SdpFault::TooMany { line, most: STREAMS_MAX, what: "media lines" });
        }
        let mut words = value.split_ascii_whitespace();
        let (Some(kind), Some(port), Some(transport)) = (words.next(), words.next(), words.next()) else {
            return Err(fault);
        };
        let port = port.split('/').next().unwrap_or_default();
        let port: u16 = port.parse().map_err(|_| fault.clone())?;
        let tokens: Vec<&str> = words.collect();
        if tokens.len() > FORMATS_MAX {
            return Err(SdpFault::TooMany { line, most: FORMATS_MAX, what: "formats" });
        }
        if tokens.is_empty() {
            return Err(fault);
        }
        let is_rtp = transport.starts_with("RTP/") || transport.starts_with("UDP/TLS/RTP/");
        let mut formats = Vec::with_capacity(if is_rtp { tokens.len() } else { 0 });
        let mut format_tokens = Vec::new();
        for token in tokens {
            match token.parse::<u8>() {
                Ok(payload_type) if is_rtp && payload_type < 128 => {
                    formats.push(Format { payload_type, rtpmap: None, fmtp: Vec::new() });
                }
                _ if is_rtp => return Err(SdpFault::Line { line, expected: "RTP payload types of 0 to 127" }),
                _ if token.bytes().all(|byte| byte.is_ascii_graphic()) => format_tokens.push(token.to_owned()),
                _ => return Err(fault),
            }
        }
        let kind = if kind == "audio" { StreamKind::Audio } else { StreamKind::Other(kind.to_owned()) };
        let stream = Stream {
            kind,
            transport: transport.to_owned(),
            receives_at: None,
            receives_rtcp_at: None,
            direction: Direction::SendRecv,
            formats,
            format_tokens,
            fax: Vec::new(),
            ptime_ms: None,
            maxptime_ms: None,
            crypto: Vec::new(),
        };
        self.streams.push(Reading {
            stream,
            line,
            port,
            address: None,
            direction: None,
            rtcp_port: None,
            rtcp_address: None,
        });
        Ok(())
    }

    fn on_attribute(&mut self, line: usize, value: &str) -> Result<(), SdpFault> {
        let whole = value;
        let (name, value) = value.split_once(':').unwrap_or((value, ""));
        let direction = match name {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        };
        let Some(reading) = self.streams.last_mut() else {
            self.session_direction = direction.or(self.session_direction);
            return Ok(());
        };
        reading.direction = direction.or(reading.direction);
        match name {
            "rtpmap" => reading.on_rtpmap(line, value),
            "fmtp" => reading.on_fmtp(line, value),
            "rtcp" => reading.on_rtcp(line, value),
            "crypto" => {
                reading.on_crypto(value);
                Ok(())
            }
            _ if name.get(..3).is_some_and(|kind| kind.eq_ignore_ascii_case("T38")) => {
                reading.on_fax(whole);
                Ok(())
            }
            "ptime" => {
                reading.stream.ptime_ms = milliseconds(value);
                Ok(())
            }
            "maxptime" => {
                reading.stream.maxptime_ms = milliseconds(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<MediaDescription, SdpFault> {
        if !self.version_seen {
            return Err(SdpFault::Missing("v="));
        }
        let streams =
            self.streams.into_iter().map(|reading| reading.finish(self.session_address, self.session_direction));
        Ok(MediaDescription { streams: streams.collect::<Result<_, _>>()? })
    }
}

impl Reading {
    /// The format with the payload type that begins `value`, and what follows; none for a type that `m=` did not list.
    fn format_of<'a>(&mut self, line: usize, value: &'a str) -> Result<Option<(&mut Format, &'a str)>, SdpFault> {
        let fault = SdpFault::Line { line, expected: "a payload type and its parameters" };
        let (payload_type, rest) = value.split_once(' ').ok_or(fault.clone())?;
        // T.38 and the like have attributes of their own shape; only RTP payload types are ours to read.
        if self.stream.formats.is_empty() {
            return Ok(None);
        }
        let payload_type: u8 = payload_type.parse().map_err(|_| fault)?;
        let format = self.stream.formats.iter_mut().find(|format| format.payload_type == payload_type);
        Ok(format.map(|format| (format, rest.trim())))
    }

    fn on_rtpmap(&mut self, line: usize, value: &str) -> Result<(), SdpFault> {
        if let Some((format, map)) = self.format_of(line, value)? {
            format.rtpmap = Some(map.to_owned());
        }
        Ok(())
    }

    fn on_fmtp(&mut self, line: usize, value: &str) -> Result<(), SdpFault> {
        if let Some((format, parameters)) = self.format_of(line, value)? {
            if format.fmtp.len() == FMTP_LINES_MAX {
                return Err(SdpFault::TooMany { line, most: FMTP_LINES_MAX, what: "fmtp lines for one format" });
            }
            format.fmtp.push(parameters.to_owned());
        }
        Ok(())
    }

    /// A line that cannot be used, and one more with a number that stands already, is as if it were not there (RFC 4568 7.1.2).
    fn on_crypto(&mut self, value: &str) {
        let lines = &mut self.stream.crypto;
        let is_new = |line: &CryptoLine| lines.iter().all(|other| other.tag != line.tag);
        let line = super::crypto::read(value).filter(is_new);
        if let Some(line) = line.filter(|_| lines.len() < CRYPTO_LINES_MAX) {
            lines.push(line);
        }
    }

    /// Attributes of T.38 are passed on as they stand; one too many, or too long, is as if it were not there.
    fn on_fax(&mut self, text: &str) {
        let is_its_place = self.stream.transport.eq_ignore_ascii_case("udptl");
        let kept = &mut self.stream.fax;
        if is_its_place && kept.len() < FAX_ATTRIBUTES_MAX && text.len() <= FAX_ATTRIBUTE_BYTES_MAX {
            kept.push(text.trim().to_owned());
        }
    }

    /// `a=rtcp:port [IN IP4 address]` (RFC 3605).
    fn on_rtcp(&mut self, line: usize, value: &str) -> Result<(), SdpFault> {
        let fault = SdpFault::Line { line, expected: "a=rtcp: and a port, perhaps with IN IP4 and an address" };
        let mut words = value.split_ascii_whitespace();
        self.rtcp_port = Some(words.next().and_then(|port| port.parse().ok()).ok_or(fault)?);
        self.rtcp_address = words.nth(2).and_then(|address| address.parse().ok());
        Ok(())
    }

    fn finish(mut self, address: Option<IpAddr>, direction: Option<Direction>) -> Result<Stream, SdpFault> {
        self.stream.direction = self.direction.or(direction).unwrap_or_default();
        if self.port == 0 {
            return Ok(self.stream);
        }
        let expected = "a c= line for this stream or for the session";
        let address = self.address.or(address).ok_or(SdpFault::Line { line: self.line, expected })?;
        self.stream.receives_at = Some(SocketAddr::new(address, self.port));
        self.stream.receives_rtcp_at =
            self.rtcp_port.map(|port| SocketAddr::new(self.rtcp_address.unwrap_or(address), port));
        Ok(self.stream)
    }
}

/// Milliseconds, fractions dropped; none for what is not a number from 1 to 65535.
fn milliseconds(value: &str) -> Option<u16> {
    value.trim().split('.').next()?.parse().ok().filter(|milliseconds| *milliseconds > 0)
}
