//! How a message can fail to be one: what could not be split, and what could not be read in a header.
//!
//! What is answered to it does not live here: see `check`.

use super::{Message, Name};
use std::borrow::Cow;

/// Why bytes are not a SIP message: a closed list, for the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Neither a request line nor a status line.
    StartLine,
    /// A line of the head that is no header.
    Header,
    /// The message ends before the empty line that ends the head.
    Truncated,
    /// Over one of the [limits](crate::limits).
    TooLarge,
    /// Content-Length is no number, contradicts itself, or promises more than came.
    Body,
    /// Bytes outside of ASCII where only a token or a URI may stand.
    Utf8,
}

impl Reason {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::StartLine => "start_line",
            Reason::Header => "header",
            Reason::Truncated => "truncated",
            Reason::TooLarge => "too_large",
            Reason::Body => "body",
            Reason::Utf8 => "utf8",
        }
    }
}

/// Bytes that are not a SIP message.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{sentence}")]
pub struct Malformed {
    /// Why, for the metric.
    pub reason: Reason,
    /// What was wrong, where, and what would be right, for a person.
    pub sentence: Cow<'static, str>,
    /// What could be read of a request, so that it can be answered with 400. `None` for responses, which are dropped, and for what
    /// does not even begin like a request. Its body is what came, whatever Content-Length says.
    pub remains: Option<Box<Message>>,
}

impl Malformed {
    pub(super) fn new(reason: Reason, sentence: impl Into<Cow<'static, str>>) -> Malformed {
        Malformed { reason, sentence: sentence.into(), remains: None }
    }
}

/// A header that is missing or cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} {clause}", if *.header == Name::Other { "The Request-URI" } else { .header.as_str() })]
pub struct Wrong {
    /// Which header. [`Name::Other`] stands for the Request-URI.
    pub header: Name,
    /// Whether it is not there at all.
    pub is_missing: bool,
    /// What is wrong, as the rest of a sentence that begins with the header's name.
    pub clause: &'static str,
}

impl Wrong {
    pub(super) fn missing(header: Name) -> Wrong {
        Wrong { header, is_missing: true, clause: "is missing; every message must have it" }
    }

    pub(super) fn new(header: Name, clause: &'static str) -> Wrong {
        Wrong { header, is_missing: false, clause }
    }
}
