//! The request that opens a WebSocket, and its answer (RFC 6455 4.2, RFC 7118 4).
//!
//! Frames are `frames`'; from which page it may come is the caller's to say.

use sha1::{Digest, Sha1};
use std::borrow::Cow;

/// Bytes of the request at most: a browser sends its cookies along.
pub const HEAD_BYTES_MAX: usize = 8_192;
/// RFC 6455 1.3.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// RFC 7118 4.1.
const SUBPROTOCOL: &str = "sip";

/// What became of what was read so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// The request is not whole yet.
    Unfinished,
    /// Send this; frames follow behind so many bytes of what was read.
    Opened {
        /// 101.
        answer: Vec<u8>,
        /// Bytes of the request.
        length: usize,
    },
    /// Send this and close.
    Refused {
        /// A status of 400 or more, with a sentence.
        answer: Vec<u8>,
        /// The sentence.
        why: Cow<'static, str>,
    },
}

/// Reads what came; `is_welcome` says whether pages of an origin (`https://phone.example.com`) may speak to us. Who shows no origin is
/// no browser.
pub fn open(bytes: &[u8], is_welcome: impl Fn(&str) -> bool) -> Opening {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        if bytes.len() > HEAD_BYTES_MAX {
            return refused(431, "Request Header Fields Too Large", "The request has more than 8,192 bytes");
        }
        return Opening::Unfinished;
    };
    let length = end + 4;
    let Ok(head) = std::str::from_utf8(&bytes[..end]) else {
        return refused(400, "Bad Request", "The request is not UTF-8");
    };
    if length > HEAD_BYTES_MAX {
        return refused(431, "Request Header Fields Too Large", "The request has more than 8,192 bytes");
    }
    match answer(head, is_welcome) {
        Ok(answer) => Opening::Opened { answer, length },
        Err((status, phrase, why)) => refused(status, phrase, why),
    }
}

type Wrong = (u16, &'static str, &'static str);

fn answer(head: &str, is_welcome: impl Fn(&str) -> bool) -> Result<Vec<u8>, Wrong> {
    let bad = |why| (400, "Bad Request", why);
    let mut lines = head.split("\r\n");
    let request = lines.next().unwrap_or_default();
    if !(request.starts_with("GET ") && request.ends_with(" HTTP/1.1")) {
        return Err(bad("A WebSocket begins with GET and HTTP/1.1"));
    }
    let headers: Vec<(&str, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim())).collect();
    let values = |wanted: &'static str| {
        headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
    };
    let has = |wanted, token: &str| {
        values(wanted).flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(token))
    };
    if values("Host").next().is_none() {
        return Err(bad("The request has no Host"));
    }
    if !has("Upgrade", "websocket") || !has("Connection", "upgrade") {
        return Err((
            426,
            "Upgrade Required",
            "Only WebSockets are spoken here: Connection: Upgrade, Upgrade: websocket",
        ));
    }
    if !has("Sec-WebSocket-Version", "13") {
        return Err((426, "Upgrade Required", "Sec-WebSocket-Version must be 13"));
    }
    let key = values("Sec-WebSocket-Key").next().filter(|key| key.len() == 24 && key.ends_with("=="));
    let key = key.ok_or(bad("Sec-WebSocket-Key must be 16 bytes in base64"))?;
    if !has("Sec-WebSocket-Protocol", SUBPROTOCOL) {
        return Err(bad("Sec-WebSocket-Protocol must offer sip (RFC 7118)"));
    }
    if values("Origin").next().is_some_and(|origin| !is_welcome(origin)) {
        return Err((403, "Forbidden", "Pages of this origin may not speak to this switch: see websocket.origins"));
    }
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\
         Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n",
        accept(key)
    )
    .into_bytes())
}

fn refused(status: u16, phrase: &str, why: &'static str) -> Opening {
    let version = if status == 426 { "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n" } else { "" };
    let answer = format!(
        "HTTP/1.1 {status} {phrase}\r\n{version}Connection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{why}\n",
        why.len() + 1
    );
    Opening::Refused { answer: answer.into_bytes(), why: why.into() }
}

/// The proof that the request was understood (RFC 6455 4.2.2, 5.4).
fn accept(key: &str) -> String {
    let mut hasher = Sha1::new();
    hasher.update(key.as_bytes());
    hasher.update(MAGIC);
    base64(&hasher.finalize())
}

/// RFC 4648 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_that_of_the_standard() {
        // RFC 6455 1.3.
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
