//! Addresses in headers: `"Display" <uri>;params` and `uri;params` (RFC 3261 20.10, 25.1).
//!
//! Who may be called by them is not decided here.

use super::{Params, lex};
use crate::Uri;
use std::borrow::Cow;

/// The value of From, To, Contact, Route, P-Asserted-Identity and their like.
#[derive(Debug, Clone, Copy)]
pub struct NameAddr<'a> {
    display: &'a [u8],
    uri: Uri<'a>,
    params: Params<'a>,
    raw: &'a [u8],
}

/// One value of Contact.
#[derive(Debug, Clone, Copy)]
pub enum Contact<'a> {
    /// `*`: all bindings (RFC 3261 10.2.2).
    Any,
    /// An address.
    Address(NameAddr<'a>),
}

impl<'a> NameAddr<'a> {
    /// Reads one value, without the commas that part values.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the header's name.
    pub fn parse(raw: &'a [u8]) -> Result<NameAddr<'a>, &'static str> {
        let raw = lex::trim(raw);
        let (display, rest) = match raw.first() {
            None => return Err("is empty"),
            Some(b'"') => {
                let end = lex::quoted_end(raw).ok_or("has a display name whose quote never closes")?;
                match lex::trim_start(&raw[end..]) {
                    rest @ [b'<', ..] => (&raw[..end], rest),
                    _ => return Err("has a quoted display name without <uri> behind it"),
                }
            }
            Some(b'<') => (&raw[..0], raw),
            Some(_) => match memchr::memchr(b'<', raw) {
                Some(angle) => (lex::trim(&raw[..angle]), &raw[angle..]),
                None => return Self::bare(raw),
            },
        };
        if !display.starts_with(b"\"") && !display.iter().all(|byte| may_stand_unquoted(*byte)) {
            return Err("has a display name that must stand in quotes");
        }
        let close = memchr::memchr(b'>', rest).ok_or("has a < that never closes")?;
        let uri = Uri::parse(&rest[1..close]).map_err(clause)?;
        Ok(NameAddr { display, uri, params: Params::read(&rest[close + 1..])?, raw })
    }

    /// Without angle brackets, `;` ends the URI and what follows belongs to the header; `?` and `,` are not allowed (RFC 3261 20).
    fn bare(raw: &'a [u8]) -> Result<NameAddr<'a>, &'static str> {
        let end = memchr::memchr(b';', raw).unwrap_or(raw.len());
        let uri = Uri::parse(lex::trim(&raw[..end])).map_err(clause)?;
        if memchr::memchr2(b'?', b',', uri.as_bytes()).is_some() {
            return Err("has a URI with ? or , that must stand in angle brackets");
        }
        Ok(NameAddr { display: b"", uri, params: Params::read(&raw[end..])?, raw })
    }

    /// The display name as written, quotes and all; empty if there is none.
    pub fn display_raw(&self) -> &'a [u8] {
        self.display
    }

    /// The display name without quotes and backslashes; need not be UTF-8; empty if there is none.
    pub fn display(&self) -> Cow<'a, [u8]> {
        match self.display {
            [b'"', inside @ .., b'"'] => lex::unescape_quoted(inside),
            other => Cow::Borrowed(other),
        }
    }

    /// The display name as text; what is not UTF-8 becomes U+FFFD.
    pub fn display_text(&self) -> Cow<'a, str> {
        match self.display() {
            Cow::Borrowed(bytes) => lex::lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(lex::lossy(&bytes).into_owned()),
        }
    }

    /// The address.
    pub fn uri(&self) -> &Uri<'a> {
        &self.uri
    }

    /// The parameters of the header value, not those of the URI.
    pub fn params(&self) -> &Params<'a> {
        &self.params
    }

    /// The tag of From or To.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.text("tag").filter(|tag| !tag.is_empty())
    }

    /// The `expires` of a Contact, in seconds. What is not a number is as if it were 3600 (RFC 3261 20.10), what is larger than 32
    /// bits is the largest (RFC 4475 3.1.2.4).
    pub fn expires_s(&self) -> Option<u32> {
        let value = self.params.get("expires")?.value.unwrap_or_default();
        Some(super::values::seconds(value).unwrap_or(super::values::EXPIRES_UNREADABLE_S))
    }

    /// The whole value as written.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }
}

/// RFC 3261 25.1 grants tokens and blanks. Phones also send umlauts and brackets without quotes, which mislead nobody; what parts
/// values, parameters or schemes stays forbidden (`baddn` of RFC 4475).
fn may_stand_unquoted(byte: u8) -> bool {
    !matches!(byte, b',' | b';' | b':' | b'"' | b'\\' | b'>' | 0x7f) && (byte >= b' ' || byte == b'\t')
}

fn clause(bad: crate::uri::BadUri) -> &'static str {
    bad.0
}
