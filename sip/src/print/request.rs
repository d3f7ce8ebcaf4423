//! Printing requests: new ones, and the ACK and CANCEL that belong to an INVITE.
//!
//! When a request is sent does not live here.

use super::Lines;
use super::lines::put_clean;
use crate::message::{Kind, Message, Method, Name};
use bytes::{BufMut, BytesMut};

/// A request that is to be printed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    method: &'a Method,
    uri: &'a str,
}

impl<'a> Request<'a> {
    /// A request for that Request-URI.
    pub fn new(method: &'a Method, uri: &'a str) -> Request<'a> {
        Request { method, uri }
    }

    /// Prints the request line; the headers are added to what is returned. The buffer is appended to.
    ///
    /// Blanks and line ends in the URI are left out, so that it cannot end the request line.
    pub fn print<'b>(&self, out: &'b mut BytesMut) -> Lines<'b> {
        out.put_slice(self.method.as_str().as_bytes());
        out.put_u8(b' ');
        self.uri.as_bytes().split(|byte| *byte <= b' ').for_each(|part| out.put_slice(part));
        out.put_slice(b" SIP/2.0\r\n");
        Lines::new(out)
    }
}

/// Prints the ACK to a final response other than 2xx (RFC 3261 17.1.1.3): Request-URI, top Via, From, Call-ID, CSeq number and Routes
/// of the INVITE, and the To of the response.
pub fn ack_of<'b>(invite: &Message, response: &Message, out: &'b mut BytesMut) -> Lines<'b> {
    of_invite(invite, response, &Method::Ack, out)
}

/// Prints the CANCEL of an INVITE (RFC 3261 9.1): Request-URI, top Via, From, To, Call-ID, CSeq number and Routes of the INVITE.
pub fn cancel_of<'b>(invite: &Message, out: &'b mut BytesMut) -> Lines<'b> {
    of_invite(invite, invite, &Method::Cancel, out)
}

fn of_invite<'b>(invite: &Message, to_from: &Message, method: &Method, out: &'b mut BytesMut) -> Lines<'b> {
    out.put_slice(method.as_str().as_bytes());
    out.put_u8(b' ');
    if let Kind::Request { uri, .. } = invite.kind() {
        put_clean(out, uri);
    }
    out.put_slice(b" SIP/2.0\r\n");
    let mut lines = Lines::new(out);
    if let Some(via) = invite.headers(Name::Via).next() {
        lines = lines.copied(Name::Via, &[via]);
    }
    for route in invite.lines_of(Name::Route) {
        lines = lines.copied(Name::Route, &[route]);
    }
    lines = lines.max_forwards(70);
    for (name, message) in [(Name::From, invite), (Name::To, to_from), (Name::CallId, invite)] {
        if let Some(value) = message.header(name) {
            lines = lines.copied(name, &[value]);
        }
    }
    match invite.cseq() {
        Ok(cseq) => lines.cseq(cseq.number, method),
        Err(_) => lines,
    }
}
