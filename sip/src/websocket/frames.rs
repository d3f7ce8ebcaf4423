//! Frames of a WebSocket (RFC 6455 5): whole messages from what a client sends, and the frames that we send.
//!
//! The opening handshake is `opening`'s.

use crate::framing::Unframeable;
use crate::limits;
use crate::message::Reason;
use bytes::{Buf, Bytes, BytesMut};

/// RFC 6455 7.4.1: the purpose of the connection is fulfilled.
pub const CLOSE_NORMAL: u16 = 1000;
/// RFC 6455 7.4.1: this end goes away.
pub const CLOSE_GOING_AWAY: u16 = 1001;
/// RFC 6455 7.4.1: what came breaks the protocol.
const CLOSE_PROTOCOL: u16 = 1002;
/// RFC 6455 7.4.1: a message is too big.
pub const CLOSE_TOO_BIG: u16 = 1009;

/// RFC 6455 5.5: a control frame carries no more.
const CONTROL_BYTES_MAX: usize = 125;
/// Bytes of the largest head of a client's frame: two, a length of eight, a mask of four.
const HEAD_BYTES_MAX: usize = 14;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// What a client's WebSocket yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebSocketFrame {
    /// One whole message, text or binary: one SIP message (RFC 7118 5.1), or a keep-alive.
    Message(Bytes),
    /// To be answered with [`pong_frame`] of the same bytes.
    Ping(Bytes),
    /// The answer to a ping.
    Pong,
    /// The client wants to end; to be answered with [`close_frame`].
    Close,
}

/// Cuts what one client sends. Holds at most one message of [`MESSAGE_BYTES_MAX`](limits::MESSAGE_BYTES_MAX) beyond what was pushed last.
#[derive(Debug, Default)]
pub struct WebSocketFramer {
    buffer: BytesMut,
    /// The fragments of a message that has begun (RFC 6455 5.4).
    message: Option<BytesMut>,
    failure: Option<Unframeable>,
}

struct Head {
    is_last: bool,
    opcode: u8,
    /// Bytes of the head itself.
    length: usize,
    payload: usize,
    mask: [u8; 4],
}

impl WebSocketFramer {
    /// A framer behind the opening handshake.
    pub fn new() -> WebSocketFramer {
        WebSocketFramer::default()
    }

    /// Takes what was read. After a failure nothing is taken any more.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Bytes that wait for the rest of their frame or message.
    pub fn pending(&self) -> usize {
        self.buffer.len() + self.message.as_ref().map_or(0, |message| message.len().max(1))
    }

    /// The next frame, or `None` until more is pushed.
    ///
    /// # Errors
    /// [`Unframeable`], and from then on always: close the connection.
    pub fn next_frame(&mut self) -> Result<Option<WebSocketFrame>, Unframeable> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.advance().inspect_err(|failure| {
            self.failure = Some(failure.clone());
            self.buffer = BytesMut::new();
            self.message = None;
        })
    }

    fn advance(&mut self) -> Result<Option<WebSocketFrame>, Unframeable> {
        loop {
            let Some(head) = head(&self.buffer)? else { return Ok(None) };
            let begun = self.message.as_ref().map_or(0, BytesMut::len);
            if head.opcode < CLOSE && begun + head.payload > limits::MESSAGE_BYTES_MAX {
                return Err(too_big());
            }
            if self.buffer.len() < head.length + head.payload {
                return Ok(None);
            }
            self.buffer.advance(head.length);
            let mut payload = self.buffer.split_to(head.payload);
            unmask(&mut payload, head.mask);
            match (head.opcode, self.message.take()) {
                (CLOSE, _) => return Ok(Some(WebSocketFrame::Close)),
                // A control frame may stand between two fragments.
                (PING, message) => {
                    self.message = message;
                    return Ok(Some(WebSocketFrame::Ping(payload.freeze())));
                }
                (PONG, message) => {
                    self.message = message;
                    return Ok(Some(WebSocketFrame::Pong));
                }
                (CONTINUATION, Some(mut message)) => {
                    message.extend_from_slice(&payload);
                    self.message = Some(message);
                }
                (TEXT | BINARY, None) => self.message = Some(payload),
                (CONTINUATION, None) => return Err(broken("A frame continues a message that was never begun")),
                _ => return Err(broken("A message begins before the one before it has ended")),
            }
            if head.is_last
                && let Some(message) = self.message.take()
            {
                return Ok(Some(WebSocketFrame::Message(message.freeze())));
            }
        }
    }
}

/// The head of a client's frame (RFC 6455 5.2); none until it is whole.
fn head(bytes: &[u8]) -> Result<Option<Head>, Unframeable> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
    if first & 0x70 != 0 {
        return Err(broken("A frame uses an extension that was not agreed"));
    }
    if !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
        return Err(broken("A frame has an opcode that RFC 6455 does not know"));
    }
    if second & 0x80 == 0 {
        return Err(broken("A frame of a client must be masked (RFC 6455 5.1)"));
    }
    let (length_bytes, payload) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (2, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => (8, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
        (126 | 127, _) => return Ok(None),
        (short, _) => (0, u64::from(short)),
    };
    let payload = usize::try_from(payload).unwrap_or(usize::MAX);
    if opcode >= CLOSE && (!is_last || payload > CONTROL_BYTES_MAX) {
        return Err(broken("A control frame is fragmented or longer than 125 bytes"));
    }
    if payload > limits::MESSAGE_BYTES_MAX {
        return Err(too_big());
    }
    let mask_at = 2 + length_bytes;
    let Some(mask) = bytes.get(mask_at..mask_at + 4).and_then(|mask| <[u8; 4]>::try_from(mask).ok()) else {
        return Ok(None);
    };
    debug_assert!(mask_at + 4 <= HEAD_BYTES_MAX);
    Ok(Some(Head { is_last, opcode, length: mask_at + 4, payload, mask }))
}

/// RFC 6455 5.3, eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        if let Ok(bytes) = <[u8; 8]>::try_from(&*chunk) {
            chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
        }
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

fn broken(sentence: &'static str) -> Unframeable {
    Unframeable { reason: Reason::StartLine, sentence: sentence.into() }
}

fn too_big() -> Unframeable {
    let sentence = "A message in a WebSocket is larger than 65,536 bytes";
    Unframeable { reason: Reason::TooLarge, sentence: sentence.into() }
}

/// One SIP message as one frame: text where it is UTF-8, binary otherwise (RFC 7118 5.1). A server does not mask.
pub fn message_frame(message: &[u8]) -> Bytes {
    frame(if std::str::from_utf8(message).is_ok() { TEXT } else { BINARY }, message)
}

/// The answer to a ping.
pub fn pong_frame(ping: &[u8]) -> Bytes {
    frame(PONG, ping)
}

/// The end, with why.
pub fn close_frame(code: u16) -> Bytes {
    frame(CLOSE, &code.to_be_bytes())
}

impl Unframeable {
    /// The code to close a WebSocket with (RFC 6455 7.4.1).
    pub fn close_code(&self) -> u16 {
        if self.reason == Reason::TooLarge { CLOSE_TOO_BIG } else { CLOSE_PROTOCOL }
    }
}

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + 10);
    out.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    Bytes::from(out)
}
