//! A SIP message as a view over the bytes that arrived: split once, read lazily, never copied.
//!
//! What a message leads to (transactions, dialogs, refusals by policy) does not live here, nor does SDP.

mod access;
mod check;
pub(crate) mod lex;
mod malformed;
mod marks;
mod method;
mod name;
mod name_addr;
mod params;
pub(crate) mod split;
mod values;
pub(crate) mod via;

use bytes::Bytes;
use marks::Marks;
use smallvec::SmallVec;
use std::sync::Arc;

pub use check::Complaint;
pub use malformed::{Malformed, Reason, Wrong};
pub use method::Method;
pub use name::Name;
pub use name_addr::{Contact, NameAddr};
pub use params::{Param, Params};
pub use values::{CSeq, Privacy, RAck, ReasonValue};
pub use via::{Transport, Via};

/// What the start line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A request (RFC 3261 7.1).
    Request {
        /// The method.
        method: &'a Method,
        /// The Request-URI as written. Read it with [`Message::uri`].
        uri: &'a [u8],
    },
    /// A response (RFC 3261 7.2).
    Response {
        /// The status code, 100 to 699.
        status: u16,
        /// The reason phrase as written; may be empty, need not be UTF-8.
        reason: &'a [u8],
    },
}

/// A message that could be split into start line, headers and body. Cloning it copies neither the bytes nor the index.
#[derive(Clone)]
pub struct Message {
    /// The whole message; folds are already blanks.
    bytes: Bytes,
    /// Behind a pointer, since a message is handed on from room to room.
    index: Arc<Index>,
}

/// What stands where.
struct Index {
    start: Start,
    /// One entry per header line, in their order.
    slots: SmallVec<[Slot; 24]>,
    body: Span,
    marks: Marks,
}

/// The start line, cut.
#[derive(Debug, Clone)]
enum Start {
    Request { method: Method, uri: Span, version: Span },
    Response { status: u16, reason: Span, version: Span },
}

/// A part of the message's bytes. 32 bits are enough: a message has at most 64 KiB.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// One header line.
#[derive(Debug, Clone, Copy)]
struct Slot {
    name: Name,
    name_length: u8,
    line_start: u32,
    value: Span,
}

impl Message {
    /// Splits one whole message: a datagram, or what [`Framer`](crate::Framer) cut from a stream. Bytes behind Content-Length are
    /// dropped; without Content-Length the body is the rest (RFC 3261 18.3).
    ///
    /// One pass; one allocation for a message of at most 24 header lines without folds.
    ///
    /// # Errors
    /// [`Malformed`] says what was wrong, and hands back what could be read, so that a request can still be answered with 400.
    pub fn parse(bytes: Bytes) -> Result<Message, Malformed> {
        split::split(bytes)
    }

    /// What the start line says.
    pub fn kind(&self) -> Kind<'_> {
        match &self.index.start {
            Start::Request { method, uri, .. } => Kind::Request { method, uri: self.part(*uri) },
            Start::Response { status, reason, .. } => Kind::Response { status: *status, reason: self.part(*reason) },
        }
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.index.start, Start::Request { .. })
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&Method> {
        match &self.index.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The status of a response, 100 to 699.
    pub fn status(&self) -> Option<u16> {
        match &self.index.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(*status),
        }
    }

    /// The protocol version as written, `SIP/2.0` in everything that [`check`](Message::check) lets through.
    pub fn version(&self) -> &[u8] {
        match &self.index.start {
            Start::Request { version, .. } | Start::Response { version, .. } => self.part(*version),
        }
    }

    /// The body, empty if there is none.
    pub fn body(&self) -> &[u8] {
        self.part(self.index.body)
    }

    /// The body as a view that outlives the message.
    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice(self.index.body.start as usize..self.index.body.end as usize)
    }

    /// The whole message as it was read: to log or to send on. Folded lines are unfolded.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn part(&self, span: Span) -> &[u8] {
        self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
