//! Addresses of SIP: `sip`, `sips`, `tel`, `urn` and whatever else, as borrowed views (RFC 3261 19.1, RFC 3966).
//!
//! Which address a call is sent to is not decided here, and no name is resolved.

mod compare;
mod host;
mod read;

use crate::message::lex;
use std::borrow::Cow;

pub use host::Host;

/// The scheme of a URI, compared without case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// `urn:` (RFC 5031 for emergency services)
    Urn,
    /// Any other, as written.
    Other(&'a str),
}

impl Scheme<'_> {
    /// Whether the URI has the form of RFC 3261 19.1.1: user, host, port, parameters, headers.
    pub fn is_sip(self) -> bool {
        matches!(self, Scheme::Sip | Scheme::Sips)
    }
}

/// A URI, borrowed from the message that it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Uri<'a> {
    /// All of it is ASCII; the other parts are parts of this.
    raw: &'a [u8],
    scheme: Scheme<'a>,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    host: Option<Host<'a>>,
    port: Option<u16>,
    /// What stands between the scheme and the first `;` or `?`, for schemes without user and host.
    opaque: &'a [u8],
    params: &'a [u8],
    headers: &'a [u8],
}

/// What is wrong with a URI: one clause for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadUri(pub &'static str);

impl<'a> Uri<'a> {
    /// Reads a URI without angle brackets and without blanks around it.
    ///
    /// # Errors
    /// [`BadUri`] names what is wrong. An unknown scheme is no error: see [`Uri::scheme`].
    pub fn parse(bytes: &'a [u8]) -> Result<Uri<'a>, BadUri> {
        read::read(bytes)
    }

    /// The whole URI as it is written.
    pub fn as_str(&self) -> &'a str {
        lex::text(self.raw)
    }

    /// The same as bytes.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme<'a> {
        self.scheme
    }

    /// The user as written, escapes and all: of `sip:` and `sips:` what stands before `@` or the password, of `tel:` the number,
    /// of other schemes nothing. An empty user is `None`.
    pub fn user(&self) -> Option<&'a str> {
        self.user.map(lex::text)
    }

    /// The user with `%41` turned into `A`. Bytes, for what is escaped may be anything, NUL too.
    pub fn user_unescaped(&self) -> Cow<'a, [u8]> {
        unescaped(self.user.unwrap_or_default())
    }

    /// The password as written (RFC 3261 19.1.1 advises against it).
    pub fn password(&self) -> Option<&'a str> {
        self.password.map(lex::text)
    }

    /// The host: always there in `sip:` and `sips:`, never in others.
    pub fn host(&self) -> Option<Host<'a>> {
        self.host
    }

    /// The port, if one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// What stands between the scheme and the parameters, as written: `service:sos` of `urn:service:sos`.
    pub fn opaque(&self) -> &'a str {
        lex::text(self.opaque)
    }

    /// The parameters in their order, at most [`PARAMS_MAX`](crate::limits::PARAMS_MAX): name, and the value as written.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        pairs(lex::text(self.params), ';')
    }

    /// The parameters as written, without the leading `;`.
    pub fn params_raw(&self) -> &'a str {
        lex::text(self.params)
    }

    /// The value of a parameter, named without case: `Some("")` for one without a value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        if self.params.is_empty() {
            return None;
        }
        self.params().find(|(key, _)| same_unescaped(key, name)).map(|(_, value)| value.unwrap_or_default())
    }

    /// The headers of the URI (`?Subject=x&...`) in their order, as written.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        pairs(lex::text(self.headers), '&')
    }

    /// The headers as written, without the leading `?`.
    pub fn headers_raw(&self) -> &'a str {
        lex::text(self.headers)
    }

    /// Whether `;lr` is there: the route is a loose one (RFC 3261 19.1.1).
    pub fn is_loose_route(&self) -> bool {
        self.param("lr").is_some()
    }

    /// The `transport` parameter as written.
    pub fn transport(&self) -> Option<&'a str> {
        self.param("transport")
    }

    /// Whether both URIs mean the same by RFC 3261 19.1.4 (or, for `tel:`, RFC 3966 4; for others, byte for byte).
    pub fn is_equivalent(&self, other: &Uri<'_>) -> bool {
        compare::equivalent(self, other)
    }
}

impl std::fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `name[=value]` parted by `separator`; empty parts are passed over.
fn pairs<'a>(text: &'a str, separator: char) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
    text.split(separator).filter(|part| !part.is_empty()).take(crate::limits::PARAMS_MAX).map(|part| {
        match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        }
    })
}

/// Turns `%41` into `A`; what is no proper escape stays as it is.
pub fn unescape(text: &str) -> Cow<'_, [u8]> {
    unescaped(text.as_bytes())
}

fn unescaped(bytes: &[u8]) -> Cow<'_, [u8]> {
    if lex::find_near(b'%', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(plain(bytes).collect())
}

/// The unescaped bytes one by one, without a buffer.
fn plain(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        if byte == b'%'
            && let (Some(high), Some(low)) = (hex(bytes.get(at + 1)), hex(bytes.get(at + 2)))
        {
            at += 3;
            return Some(high << 4 | low);
        }
        at += 1;
        Some(byte)
    })
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    match byte? {
        byte @ b'0'..=b'9' => Some(byte - b'0'),
        byte @ b'a'..=b'f' => Some(byte - b'a' + 10),
        byte @ b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Whether two names are the same once unescaped, without case.
fn same_unescaped(one: &str, other: &str) -> bool {
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    (lex::has_escape(one) || lex::has_escape(other))
        && plain(one.as_bytes())
            .map(|b| b.to_ascii_lowercase())
            .eq(plain(other.as_bytes()).map(|b| b.to_ascii_lowercase()))
}
