//! The Via header: one hop of the way that a response takes back (RFC 3261 20.42, RFC 3581).
//!
//! Where a response is sent is not decided here.

use super::{Params, Span, lex};
use crate::Host;
use std::net::IpAddr;

/// The transport of a Via, compared without case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport<'a> {
    /// `UDP`
    Udp,
    /// `TCP`
    Tcp,
    /// `TLS`
    Tls,
    /// `WS` (RFC 7118)
    Ws,
    /// `WSS` (RFC 7118)
    Wss,
    /// `SCTP`, `TLS-SCTP` and whatever else, as written.
    Other(&'a str),
}

impl<'a> Transport<'a> {
    /// Reads a transport token.
    pub fn parse(token: &'a str) -> Transport<'a> {
        Transport::read(token.as_bytes())
    }

    fn read(token: &'a [u8]) -> Transport<'a> {
        let is = |name: &str| token.eq_ignore_ascii_case(name.as_bytes());
        if is("UDP") {
            Transport::Udp
        } else if is("TCP") {
            Transport::Tcp
        } else if is("TLS") {
            Transport::Tls
        } else if is("WS") {
            Transport::Ws
        } else if is("WSS") {
            Transport::Wss
        } else {
            Transport::Other(lex::text(token))
        }
    }

    /// As it is written in a Via.
    pub fn as_str(self) -> &'a str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
            Transport::Other(name) => name,
        }
    }
}

/// One Via value.
#[derive(Debug, Clone, Copy)]
pub struct Via<'a> {
    /// The token as written.
    transport: &'a [u8],
    host: Host<'a>,
    port: Option<u16>,
    params: Params<'a>,
    raw: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one value, without the commas that part values.
    ///
    /// # Errors
    /// The rest of a sentence that begins with `Via`.
    pub fn parse(raw: &'a [u8]) -> Result<Via<'a>, &'static str> {
        const SHAPE: &str = "does not begin with SIP/2.0/transport and host";
        let raw = lex::trim(raw);
        let (protocol, rest) = part(raw, b'/').ok_or(SHAPE)?;
        let (version, rest) = part(rest, b'/').ok_or(SHAPE)?;
        if !protocol.eq_ignore_ascii_case(b"SIP") || version != b"2.0" {
            return Err("is not of protocol SIP/2.0");
        }
        let end = lex::token_length(rest);
        if end == 0 {
            return Err(SHAPE);
        }
        let transport = &rest[..end];
        if !rest.get(end).is_some_and(|byte| lex::is_blank(*byte)) {
            return Err(SHAPE);
        }
        let rest = &rest[end..];
        let semicolon = lex::find_near(b';', rest).unwrap_or(rest.len());
        let (host, port) = sent_by(lex::trim(&rest[..semicolon]))?;
        Ok(Via { transport, host, port, params: Params::read(&rest[semicolon..])?, raw })
    }

    /// The transport.
    pub fn transport(&self) -> Transport<'a> {
        Transport::read(self.transport)
    }

    /// The host of `sent-by`.
    pub fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port of `sent-by`, if one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The branch.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.text("branch").filter(|branch| !branch.is_empty())
    }

    /// The branch, if it begins with the magic cookie and has something behind it (RFC 3261 8.1.1.7).
    pub fn rfc3261_branch(&self) -> Option<&'a str> {
        self.branch().filter(|branch| has_cookie(branch.as_bytes()))
    }

    /// Whether `rport` is there, with or without a value (RFC 3581).
    pub fn wants_rport(&self) -> bool {
        self.params.get("rport").is_some()
    }

    /// The value of `rport`: the port that the request came from.
    pub fn rport(&self) -> Option<u16> {
        self.params.text("rport").and_then(|port| port.parse().ok())
    }

    /// The address that the request came from, with or without brackets around IPv6 (RFC 5118 4.5).
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.text("received")?;
        text.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')).unwrap_or(text).parse().ok()
    }

    /// The host of `maddr`.
    pub fn maddr(&self) -> Option<Host<'a>> {
        Host::parse(self.params.get("maddr")?.value?)
    }

    /// All parameters.
    pub fn params(&self) -> &Params<'a> {
        &self.params
    }

    /// The whole value as written.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }
}

/// A Via that was read: where its parts stand in the bytes of its message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    raw: Span,
    transport: Span,
    /// The host if it is an address, or else where its name stands.
    host: Result<IpAddr, Span>,
    port: Option<u16>,
    params: Span,
}

impl Layout {
    /// `via` was read from a part of `bytes`.
    pub(super) fn of(via: &Via<'_>, bytes: &[u8]) -> Layout {
        Layout {
            raw: Span::within(bytes, via.raw),
            transport: Span::within(bytes, via.transport),
            host: match via.host {
                Host::Name(name) => Err(Span::within(bytes, name.as_bytes())),
                Host::V4(address) => Ok(address.into()),
                Host::V6(address) => Ok(address.into()),
            },
            port: via.port,
            params: Span::within(bytes, via.params.raw()),
        }
    }

    /// The Via once more, of the same bytes.
    pub(super) fn in_bytes(self, bytes: &[u8]) -> Via<'_> {
        Via {
            transport: self.transport.of(bytes),
            host: match self.host {
                Ok(IpAddr::V4(address)) => Host::V4(address),
                Ok(IpAddr::V6(address)) => Host::V6(address),
                Err(name) => Host::Name(lex::text(name.of(bytes))),
            },
            port: self.port,
            params: Params::read_before(self.params.of(bytes)),
            raw: self.raw.of(bytes),
        }
    }
}

/// What the branches of RFC 3261 begin with.
pub(crate) const BRANCH_COOKIE: &str = "z9hG4bK";

/// Whether a branch begins with the magic cookie and has something behind it (RFC 3261 8.1.1.7).
pub(crate) fn has_cookie(branch: &[u8]) -> bool {
    branch
        .split_at_checked(BRANCH_COOKIE.len())
        .is_some_and(|(cookie, unique)| cookie.eq_ignore_ascii_case(BRANCH_COOKIE.as_bytes()) && !unique.is_empty())
}

/// A token, and what follows the slash behind it; blanks may stand around the slash.
fn part(bytes: &[u8], slash: u8) -> Option<(&[u8], &[u8])> {
    let at = lex::find_near(slash, bytes)?;
    let word = lex::trim(&bytes[..at]);
    lex::is_token(word).then(|| (word, lex::trim_start(&bytes[at + 1..])))
}

/// `host [ ":" port ]`, blanks allowed around the colon (RFC 3261 25.1, and `wsinv` has them).
fn sent_by(bytes: &[u8]) -> Result<(Host<'_>, Option<u16>), &'static str> {
    let read = Host::parse_with_port(bytes);
    if read.is_ok() || !bytes.iter().any(|byte| lex::is_blank(*byte)) {
        return read;
    }
    let colon = memchr::memrchr(b':', bytes).ok_or("has a blank in its host")?;
    let (host, rest) = Host::parse_with_port(lex::trim(&bytes[..colon]))?;
    let port = lex::number(lex::trim(&bytes[colon + 1..])).and_then(|port| u16::try_from(port).ok());
    match (rest, port) {
        (None, Some(port)) => Ok((host, Some(port))),
        _ => Err("has a port that is not a number from 0 to 65535"),
    }
}
