//! Printing responses to a request (RFC 3261 8.2.6, 18.2.1, RFC 3581 4).
//!
//! Which response is sent, and where to, does not live here.

use super::Lines;
use super::lines::{put_clean, put_ip, put_number};
use crate::message::{Message, Name, Params, Via, Wrong, lex};
use bytes::{BufMut, BytesMut};
use std::net::SocketAddr;

/// A response that is to be printed.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    request: &'a Message,
    status: u16,
    phrase: &'a str,
    tag: Option<&'a str>,
    source: Option<SocketAddr>,
    has_record_route: bool,
}

impl<'a> Response<'a> {
    /// A response to that request. Via, From, To, Call-ID and CSeq are copied as they are written; what the request lacks is left out.
    /// A 100 copies Timestamp too (RFC 3261 8.2.6.1). A status outside of 100 to 699 becomes the nearest one inside.
    pub fn to(request: &'a Message, status: u16, phrase: &'a str) -> Response<'a> {
        let status = status.clamp(100, 699);
        Response { request, status, phrase, tag: None, source: None, has_record_route: false }
    }

    /// Our tag, added to To if the request's To has none. Not for 100 (RFC 3261 8.2.6.2).
    pub fn tag(self, tag: &'a str) -> Response<'a> {
        Response { tag: Some(tag), ..self }
    }

    /// Where the request came from: the top Via gets `received` where it differs from `sent-by` or `rport` is asked for, and `rport`
    /// its value. A `received` or `rport` value that the request brought along is replaced.
    pub fn received_from(self, source: SocketAddr) -> Response<'a> {
        Response { source: Some(source), ..self }
    }

    /// Copies the request's Record-Route lines too, for responses that make a dialog (RFC 3261 12.1.1).
    pub fn record_route(self) -> Response<'a> {
        Response { has_record_route: true, ..self }
    }

    /// Prints the status line and the copied headers; others are added to what is returned. The buffer is appended to.
    pub fn print<'b>(&self, out: &'b mut BytesMut) -> Lines<'b> {
        let digit = |place: u16| b'0' + (self.status / place % 10) as u8;
        out.reserve(self.request.as_bytes().len() + 256);
        let mut start = *b"SIP/2.0 000 ";
        start[8..11].copy_from_slice(&[digit(100), digit(10), digit(1)]);
        out.put_slice(&start);
        put_clean(out, self.phrase.as_bytes());
        out.put_slice(b"\r\n");
        self.copy(out);
        let lines = Lines::new(out);
        match self.request.header(Name::Timestamp) {
            Some(timestamp) if self.status == 100 => lines.copied(Name::Timestamp, &[timestamp]),
            _ => lines,
        }
    }

    /// Prints the copied headers alone, and says where the value of To ends, if the request has one.
    pub(crate) fn copy(&self, out: &mut BytesMut) -> Option<usize> {
        let mut is_top = true;
        for line in self.request.lines_of(Name::Via) {
            out.put_slice(b"Via: ");
            match self.source.filter(|_| is_top) {
                Some(source) => put_top_via(out, line, self.request.top_via(), source),
                None => out.put_slice(line),
            }
            out.put_slice(b"\r\n");
            is_top = false;
        }
        let mut lines = Lines::new(out);
        if self.has_record_route {
            for line in self.request.lines_of(Name::RecordRoute) {
                lines = lines.copied(Name::RecordRoute, &[line]);
            }
        }
        if let Some(from) = self.request.header(Name::From) {
            lines = lines.copied(Name::From, &[from]);
        }
        let mut to_end = None;
        if let Some(to) = self.request.header(Name::To) {
            lines = match self.tag.filter(|_| !has_tag(to)) {
                Some(tag) => lines.copied(Name::To, &[to, b";tag=", tag.as_bytes()]),
                None => lines.copied(Name::To, &[to]),
            };
            to_end = Some(lines.length() - b"\r\n".len());
        }
        for name in [Name::CallId, Name::CSeq] {
            if let Some(value) = self.request.header(name) {
                lines = lines.copied(name, &[value]);
            }
        }
        to_end
    }
}

/// Whether an address has a tag: its parameters begin at the first `;` outside of the display name and the angle brackets.
fn has_tag(address: &[u8]) -> bool {
    let params = lex::find_outside(address, b';').map(|at| Params::read(&address[at..]));
    params.is_some_and(|params| params.is_ok_and(|params| params.get("tag").is_some()))
}

/// The first Via line, whose first value is the hop that the request came from (RFC 3261 18.2.1, RFC 3581 4). What cannot be read is
/// copied.
pub(crate) fn put_top_via(out: &mut BytesMut, line: &[u8], top: Result<Via<'_>, Wrong>, source: SocketAddr) {
    let value_end = lex::find_outside(line, b',').unwrap_or(line.len());
    // The topmost value is in the first line that has one.
    let (Ok(via), false) = (top, line.is_empty()) else { return out.put_slice(line) };
    let ip = source.ip().to_canonical();
    let wants_rport = via.wants_rport();
    if !wants_rport && via.host().ip() == Some(ip) && via.params().get("received").is_none() {
        return out.put_slice(line);
    }
    let value = via.as_bytes();
    let hop_end = memchr::memchr(b';', value).unwrap_or(value.len());
    out.put_slice(&value[..hop_end]);
    for param in via.params().iter() {
        if param.name.eq_ignore_ascii_case(b"received") || param.name.eq_ignore_ascii_case(b"rport") {
            continue;
        }
        out.put_u8(b';');
        out.put_slice(param.name);
        if let Some(value) = param.value {
            out.put_u8(b'=');
            out.put_slice(value);
        }
    }
    out.put_slice(b";received=");
    put_ip(out, ip);
    if wants_rport {
        out.put_slice(b";rport=");
        put_number(out, source.port().into());
    }
    out.put_slice(&line[value_end..]);
}
