//! Cutting whole messages from a stream (RFC 3261 18.3), and hearing its keep-alives (RFC 5626 3.5.1).
//!
//! No socket lives here, and nothing is read in a message but its length.

use crate::limits;
use crate::message::{Reason, lex, split};
use bytes::{Buf, Bytes, BytesMut};
use std::borrow::Cow;

/// What a stream yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, for [`Message::parse`](crate::Message::parse).
    Message(Bytes),
    /// A double CRLF between messages: answer it with [`PONG`] (RFC 5626 4.4.1).
    Ping,
    /// A single CRLF between messages: the answer to a ping of ours, or the first half of a ping whose second half has yet to come.
    Pong,
}

/// What a ping is answered with.
pub const PONG: &[u8] = b"\r\n";

/// Whether a datagram is no message but a keep-alive through a NAT: empty, or nothing but CR, LF and NUL (RFC 5626 3.5.1 has CRLFs; phones
/// send NULs too). It is neither answered nor counted as malformed.
pub fn is_keep_alive(datagram: &[u8]) -> bool {
    datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

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
/// [`MESSAGE_BYTES_MAX`](limits::MESSAGE_BYTES_MAX) beyond what was pushed last, and looks at every byte once.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes of the buffer that are known to hold no end of a head.
    scanned: usize,
    /// Bytes of the message at the front, once its head is whole.
    message_length: Option<usize>,
    /// Whether the last thing that the stream yielded was one CRLF.
    after_crlf: bool,
    failure: Option<Unframeable>,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// Takes what was read from the stream. After a failure nothing is taken any more.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame, or `None` until more is pushed.
    ///
    /// # Errors
    /// [`Unframeable`], and from then on always: close the connection.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Unframeable> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.advance().inspect_err(|failure| {
            self.failure = Some(failure.clone());
            self.buffer = BytesMut::new();
        })
    }

    /// Bytes that wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    fn advance(&mut self) -> Result<Option<Frame>, Unframeable> {
        let length = match self.message_length {
            Some(length) => length,
            None if self.buffer.is_empty() => return Ok(None),
            None if self.buffer[0] == b'\r' => return self.keep_alive(),
            None => match self.head()? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        if self.buffer.len() < length {
            self.message_length = Some(length);
            return Ok(None);
        }
        self.message_length = None;
        self.scanned = 0;
        self.after_crlf = false;
        Ok(Some(Frame::Message(self.buffer.split_to(length).freeze())))
    }

    /// CRLFs between messages.
    fn keep_alive(&mut self) -> Result<Option<Frame>, Unframeable> {
        if self.buffer.starts_with(b"\r\n\r\n") && !self.after_crlf {
            self.buffer.advance(4);
            return Ok(Some(Frame::Ping));
        }
        if self.buffer.starts_with(b"\r\n") {
            // A CRLF whose CR of the next one is already here is half a ping: wait for its LF.
            if !self.after_crlf && &self.buffer[..] == b"\r\n\r" {
                return Ok(None);
            }
            self.buffer.advance(2);
            self.after_crlf = !self.after_crlf;
            return Ok(Some(if self.after_crlf { Frame::Pong } else { Frame::Ping }));
        }
        if self.buffer.len() == 1 {
            return Ok(None);
        }
        Err(failure(Reason::StartLine, "The stream has a lone CR between messages; CRLF would be right."))
    }

    /// Looks for the end of the head; once it is there, the length of the whole message.
    fn head(&mut self) -> Result<Option<usize>, Unframeable> {
        if !lex::is_token_byte(self.buffer[0]) {
            return Err(failure(
                Reason::StartLine,
                "The stream has something other than a start line between messages.",
            ));
        }
        if self
            .buffer
            .get(..limits::START_LINE_BYTES_MAX + 2)
            .is_some_and(|start| memchr::memchr(b'\n', start).is_none())
        {
            return Err(failure(Reason::TooLarge, "A start line on the stream has more than 4,096 bytes."));
        }
        let from = self.scanned.saturating_sub(3);
        let Some(offset) = memchr::memmem::find(&self.buffer[from..], b"\r\n\r\n") else {
            self.scanned = self.buffer.len();
            let is_within_limits = self.scanned <= limits::HEAD_BYTES_MAX;
            return if is_within_limits { Ok(None) } else { Err(head_too_large()) };
        };
        let head_length = from + offset + 4;
        if head_length > limits::HEAD_BYTES_MAX {
            return Err(head_too_large());
        }
        let body = split::content_length_of(&self.buffer[..head_length])
            .map_err(|sentence| failure(Reason::Body, sentence))?;
        match head_length.checked_add(body) {
            Some(length) if length <= limits::MESSAGE_BYTES_MAX => Ok(Some(length)),
            _ => Err(failure(Reason::TooLarge, "A message on the stream announces more than 65,536 bytes.")),
        }
    }
}

fn head_too_large() -> Unframeable {
    failure(Reason::TooLarge, "Start line and headers of a message on the stream have more than 49,152 bytes.")
}

fn failure(reason: Reason, sentence: &'static str) -> Unframeable {
    Unframeable { reason, sentence: sentence.into() }
}
