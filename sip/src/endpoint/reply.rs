//! A response that a user orders: status, tag, headers and body, owned, without what is copied from the request.
//!
//! The copied part (Via, From, To, Call-ID, CSeq, Record-Route) is added by the endpoint, which kept it.

use crate::Name;
use crate::print::put_clean;
use bytes::Bytes;
use domain::refusal::RefusalKind;
use std::borrow::Cow;

/// Header lines that are added to a message, cleaned: no value can end its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderLines(Vec<u8>);

/// What the lines of most responses fit into.
const LINES_BYTES: usize = 256;

impl HeaderLines {
    /// No lines.
    pub const fn new() -> HeaderLines {
        HeaderLines(Vec::new())
    }

    /// Lines that are printed already, each with its CRLF ([`crate::digest::Challenger::challenge`] prints such).
    pub const fn from_printed(lines: Vec<u8>) -> HeaderLines {
        HeaderLines(lines)
    }

    /// Adds a line. CR, LF and NUL in the value become blanks. `Name::Other` adds nothing.
    pub fn push(&mut self, name: Name, value: impl AsRef<[u8]>) {
        self.push_named(name.as_str(), value);
    }

    /// Adds a line of a header that is not on our list; `name` is a token of ours, never of the wire.
    pub fn push_named(&mut self, name: &str, value: impl AsRef<[u8]>) {
        if name.is_empty() {
            return;
        }
        if self.0.capacity() == 0 {
            // A response has a handful of short lines: one piece of memory for all of them.
            self.0.reserve(LINES_BYTES);
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        put_clean(&mut self.0, value.as_ref());
        self.0.extend_from_slice(b"\r\n");
    }

    /// The lines, each with its CRLF.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A response, without what is copied from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) phrase: Cow<'static, str>,
    pub(super) tag: Option<Box<str>>,
    pub(super) lines: HeaderLines,
    pub(super) content: Option<(Cow<'static, str>, Bytes)>,
    /// Why it refuses, where the endpoint is to say so in a Warning.
    because: Option<(RefusalKind, Cow<'static, str>)>,
    /// What it refuses with, where that is known.
    refusal: Option<RefusalKind>,
}

impl Reply {
    /// A response with this status (100 to 699) and reason phrase.
    pub fn new(status: u16, phrase: impl Into<Cow<'static, str>>) -> Reply {
        Reply {
            status,
            phrase: phrase.into(),
            tag: None,
            lines: HeaderLines::new(),
            content: None,
            because: None,
            refusal: None,
        }
    }

    /// A refusal of the catalogue with its general sentence; the endpoint adds the Warning, with its own host as agent.
    pub fn refusing(kind: RefusalKind) -> Reply {
        Reply::new(kind.status(), kind.phrase()).because(kind, kind.sentence())
    }

    /// Says why, in a Warning that the endpoint adds.
    pub fn because(mut self, kind: RefusalKind, sentence: impl Into<Cow<'static, str>>) -> Reply {
        self.because = Some((kind, sentence.into()));
        self.refusing_with(kind)
    }

    /// Refuses with this, and has said so itself.
    pub fn refusing_with(mut self, kind: RefusalKind) -> Reply {
        self.refusal = Some(kind);
        self
    }

    /// What it refuses with, where that is known.
    pub fn refusal(&self) -> Option<RefusalKind> {
        self.refusal
    }

    /// With the Warning that it asks for.
    pub(super) fn explained(mut self, host: impl FnOnce() -> String) -> Reply {
        match self.because.take() {
            Some((kind, sentence)) => {
                self.warning_of(kind.warning_code(), &host(), &format!("{}: {sentence}", kind.as_str()))
            }
            None => self,
        }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Our tag, printed in To where the request's To has none. A final response without one gets a tag from the endpoint
    /// (RFC 3261 8.2.6.2).
    pub fn tag(mut self, tag: &str) -> Reply {
        self.tag = Some(tag.into());
        self
    }

    /// Adds a header. CR, LF and NUL in the value become blanks.
    pub fn header(mut self, name: Name, value: impl AsRef<[u8]>) -> Reply {
        self.lines.push(name, value);
        self
    }

    /// Adds a header that is not on our list; `name` is a token of ours, never of the wire.
    pub fn header_named(mut self, name: &str, value: impl AsRef<[u8]>) -> Reply {
        self.lines.push_named(name, value);
        self
    }

    /// Adds lines that are printed already, each with its CRLF.
    pub fn lines(mut self, lines: &[u8]) -> Reply {
        self.lines.0.extend_from_slice(lines);
        self
    }

    /// Adds `Warning: 399 host "sentence"` (RFC 3261 20.43): what was wrong and what would be right, for a person.
    pub fn warning(self, host: &str, sentence: &str) -> Reply {
        self.warning_of(399, host, sentence)
    }

    /// The same with a code of the registry (RFC 3261 20.43).
    pub fn warning_of(self, code: u16, host: &str, sentence: &str) -> Reply {
        let mut text = String::with_capacity(sentence.len());
        sentence.chars().for_each(|char| match char {
            '"' => text.push('\''),
            '\\' => text.push('/'),
            other => text.push(other),
        });
        self.header(Name::Warning, format!("{code} {host} \"{text}\""))
    }

    /// The body and its type.
    pub fn body(mut self, content_type: impl Into<Cow<'static, str>>, body: Bytes) -> Reply {
        self.content = Some((content_type.into(), body));
        self
    }
}
