//! The header lines of a message that is being printed, and its end.
//!
//! The start line does not live here.

use crate::message::{Method, Name};
use crate::uri::Host;
use bytes::{BufMut, BytesMut};
use std::fmt;
use std::net::IpAddr;

/// A message whose start line stands in the buffer. Add headers, then [`end`](Lines::end) or [`body`](Lines::body).
#[must_use = "a message without its end is no message: call end() or body()"]
#[derive(Debug)]
pub struct Lines<'b> {
    out: &'b mut BytesMut,
}

impl<'b> Lines<'b> {
    pub(super) fn new(out: &'b mut BytesMut) -> Lines<'b> {
        Lines { out }
    }

    /// Bytes in the buffer.
    pub(super) fn length(&self) -> usize {
        self.out.len()
    }

    /// Adds one line. `Name::Other` has no name to print and adds nothing: use [`header_named`](Lines::header_named).
    pub fn header(self, name: Name, value: impl AsRef<[u8]>) -> Self {
        match name {
            // Content-Length is ours to say, once, at the end.
            Name::Other | Name::ContentLength => self,
            name => {
                self.out.put_slice(name.prefix());
                put_clean(self.out, value.as_ref());
                self.out.put_slice(b"\r\n");
                self
            }
        }
    }

    /// Adds one line whose value is formatted: `lines.header_fmt(Name::RSeq, format_args!("{number}"))`.
    pub fn header_fmt(self, name: Name, value: fmt::Arguments<'_>) -> Self {
        if matches!(name, Name::Other | Name::ContentLength) {
            return self;
        }
        self.out.put_slice(name.prefix());
        // Writing to a buffer in memory fails only where a Display of the caller's does; the line then ends early.
        let _ = fmt::write(&mut Clean { out: self.out }, value);
        self.out.put_slice(b"\r\n");
        self
    }

    /// Adds one line whose parts come from a message that was split, or from us: no part has a CR or LF, and a NUL in a quoted string
    /// (`intmeth` of RFC 4475) goes back as it came.
    pub(super) fn copied(self, name: Name, parts: &[&[u8]]) -> Self {
        self.out.put_slice(name.prefix());
        parts.iter().for_each(|part| self.out.put_slice(part));
        self.out.put_slice(b"\r\n");
        self
    }

    /// Adds one line of a header that is not on our list. A name that is no token, or is Content-Length, adds nothing.
    pub fn header_named(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        match Name::parse(name.as_bytes()) {
            Name::ContentLength => self,
            _ if !crate::message::lex::is_token(name.as_bytes()) => self,
            _ => {
                self.out.put_slice(name.as_bytes());
                self.out.put_slice(b": ");
                put_clean(self.out, value.as_ref());
                self.out.put_slice(b"\r\n");
                self
            }
        }
    }

    /// Adds the top Via of a request of ours: `SIP/2.0/UDP host:port;branch=...;rport`.
    pub fn via(self, transport: &str, host: Host<'_>, port: Option<u16>, branch: &str) -> Self {
        match port {
            Some(port) => {
                self.header_fmt(Name::Via, format_args!("SIP/2.0/{transport} {host}:{port};branch={branch};rport"))
            }
            None => self.header_fmt(Name::Via, format_args!("SIP/2.0/{transport} {host};branch={branch};rport")),
        }
    }

    /// Adds CSeq.
    pub fn cseq(self, number: u32, method: &Method) -> Self {
        self.numbered(Name::CSeq, number.into(), method.as_str())
    }

    fn numbered(self, name: Name, number: u64, word: &str) -> Self {
        self.out.put_slice(name.prefix());
        put_number(self.out, number);
        if !word.is_empty() {
            self.out.put_u8(b' ');
            self.out.put_slice(word.as_bytes());
        }
        self.out.put_slice(b"\r\n");
        self
    }

    /// Adds Max-Forwards.
    pub fn max_forwards(self, hops: u8) -> Self {
        self.numbered(Name::MaxForwards, hops.into(), "")
    }

    /// Adds an address: `"Display" <uri>;tag=...`. The display name is quoted and escaped here; none is printed if it is empty. The URI
    /// is to be one: a [`Uri`](crate::Uri) that was read, or made from such parts.
    pub fn address(self, name: Name, display: &str, uri: impl fmt::Display, tag: Option<&str>) -> Self {
        let tag_mark = if tag.is_some() { ";tag=" } else { "" };
        let tag = tag.unwrap_or_default();
        match display {
            "" => self.header_fmt(name, format_args!("<{uri}>{tag_mark}{tag}")),
            display => self.header_fmt(name, format_args!("\"{}\" <{uri}>{tag_mark}{tag}", Quoted(display))),
        }
    }

    /// Ends a message without a body: `Content-Length: 0` and the empty line.
    pub fn end(self) {
        self.out.put_slice(b"Content-Length: 0\r\n\r\n");
    }

    /// Ends the message with a body: Content-Type, Content-Length, the empty line, the body.
    pub fn body(self, content_type: &str, body: &[u8]) {
        let lines = self.header(Name::ContentType, content_type);
        lines.out.put_slice(b"Content-Length: ");
        put_number(lines.out, body.len() as u64);
        lines.out.put_slice(b"\r\n\r\n");
        lines.out.put_slice(body);
    }
}

/// A display name inside its quotes (RFC 3261 25.1): `"` and `\` get a backslash.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['"', '\\']) {
            f.write_str(&rest[..at])?;
            f.write_str("\\")?;
            f.write_str(&rest[at..=at])?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// Puts a value whose CR, LF and NUL are blanks.
pub(crate) fn put_clean(out: &mut impl BufMut, value: &[u8]) {
    if memchr::memchr3(b'\r', b'\n', 0, value).is_none() {
        return out.put_slice(value);
    }
    value.iter().for_each(|byte| out.put_u8(if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { *byte }));
}

/// Puts a number in decimal digits.
pub(crate) fn put_number(out: &mut impl BufMut, number: u64) {
    let mut digits = [0; 20];
    let at = digits_before(&mut digits, 20, number);
    out.put_slice(&digits[at..]);
}

/// Writes a number's digits in front of `end`, and says where they begin.
fn digits_before(digits: &mut [u8; 20], end: usize, mut number: u64) -> usize {
    let mut at = end;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return at;
        }
    }
}

/// Puts an address, IPv6 without brackets.
pub(super) fn put_ip(out: &mut BytesMut, ip: IpAddr) {
    match ip {
        IpAddr::V4(address) => {
            let mut text = [b'.'; 20];
            let mut at = text.len() + 1;
            for octet in address.octets().into_iter().rev() {
                at = digits_before(&mut text, at - 1, octet.into());
            }
            out.put_slice(&text[at..]);
        }
        // Writing to a buffer in memory does not fail.
        IpAddr::V6(address) => drop(fmt::write(&mut Clean { out }, format_args!("{address}"))),
    }
}

/// Formatting into the buffer, cleaned.
struct Clean<'b> {
    out: &'b mut BytesMut,
}

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        put_clean(self.out, text.as_bytes());
        Ok(())
    }
}
