//! The one pass over a message: start line, header index, body.
//!
//! No value of a header is read here but Content-Length.

use super::{Malformed, Message, Reason};
use bytes::Bytes;

/// See [`Message::parse`].
pub(super) fn split(bytes: Bytes) -> Result<Message, Malformed> {
    let _ = bytes;
    Err(Malformed::new(Reason::StartLine, "not yet"))
}
