//! Printing responses to a request (RFC 3261 8.2.6, 18.2.1, RFC 3581 4).
//!
//! Which response is sent, and where to, does not live here.

use super::Lines;
use super::lines::put_clean;
use crate::message::{Message, Name};
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
    record_route: bool,
}

impl<'a> Response<'a> {
    /// A response to that request. Via, From, To, Call-ID and CSeq are copied as they are written; what the request lacks is left out.
    pub fn to(request: &'a Message, status: u16, phrase: &'a str) -> Response<'a> {
        let record_route = false;
        Response { request, status, phrase, tag: None, source: None, record_route }
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
        Response { record_route: true, ..self }
    }

    /// Prints the status line and the copied headers; others are added to what is returned. The buffer is appended to.
    pub fn print<'b>(&self, out: &'b mut BytesMut) -> Lines<'b> {
        let _ = (self.source, self.tag, self.record_route, self.request.header(Name::Via));
        out.put_slice(b"SIP/2.0 ");
        let status = self.status.clamp(100, 699);
        out.put_slice(&[
            b'0' + (status / 100) as u8,
            b'0' + (status / 10 % 10) as u8,
            b'0' + (status % 10) as u8,
            b' ',
        ]);
        put_clean(out, self.phrase.as_bytes());
        out.put_slice(b"\r\n");
        Lines::new(out)
    }
}
