//! A message as a proxy sends it on: a Via and perhaps Record-Routes more or a Via less, Routes that were followed left out, one hop less
//! to go; the rest as it came (RFC 3261 16.6, 16.7).
//!
//! Where it goes is the parent's.

use crate::message::lex;
use crate::print::put_top_via;
use crate::{Kind, Message, Name};
use bytes::{BufMut, Bytes, BytesMut};
use std::net::SocketAddr;

/// What a request gets and loses on its way.
pub(super) struct Change<'a> {
    /// Our Via's value.
    pub(super) via: String,
    /// Our Record-Routes, the topmost first.
    pub(super) record_routes: Vec<String>,
    /// How many Routes were followed.
    pub(super) routes_followed: usize,
    /// Where it came from, for its sender's Via (RFC 3581 4).
    pub(super) source: SocketAddr,
    /// Its Max-Forwards from here on.
    pub(super) hops: u8,
    /// The request.
    pub(super) request: &'a Message,
}

impl Change<'_> {
    /// The request as it goes on; none of what is no request.
    pub(super) fn print(&self) -> Option<Bytes> {
        let Kind::Request { method, uri } = self.request.kind() else { return None };
        let mut out = BytesMut::with_capacity(self.request.as_bytes().len() + 512);
        out.put_slice(method.as_str().as_bytes());
        out.put_u8(b' ');
        out.put_slice(uri);
        out.put_slice(b" SIP/2.0\r\n");
        put(&mut out, "Via", self.via.as_bytes());
        self.record_routes.iter().for_each(|route| put(&mut out, "Record-Route", route.as_bytes()));
        put(&mut out, "Max-Forwards", self.hops.to_string().as_bytes());
        let (mut is_top, mut followed) = (true, self.routes_followed);
        for (name, written, value) in self.request.lines() {
            match name {
                Name::Via if std::mem::take(&mut is_top) => {
                    out.put_slice(b"Via: ");
                    put_top_via(&mut out, value, self.request.top_via(), self.source);
                    out.put_slice(b"\r\n");
                }
                Name::Route => {
                    let (rest, left) = without_first(value, followed);
                    followed = left;
                    if let Some(rest) = rest {
                        put(&mut out, "Route", rest);
                    }
                }
                Name::MaxForwards => {}
                _ => put(&mut out, written, value),
            }
        }
        end(&mut out, self.request);
        Some(out.freeze())
    }
}

/// A response without its topmost Via; none of what is no response.
pub(super) fn response(response: &Message) -> Option<Bytes> {
    let Kind::Response { status, reason } = response.kind() else { return None };
    let mut out = BytesMut::with_capacity(response.as_bytes().len());
    out.put_slice(format!("SIP/2.0 {status} ").as_bytes());
    out.put_slice(reason);
    out.put_slice(b"\r\n");
    let mut ours = 1;
    for (name, written, value) in response.lines() {
        if name != Name::Via {
            put(&mut out, written, value);
            continue;
        }
        let (rest, left) = without_first(value, ours);
        ours = left;
        if let Some(rest) = rest {
            put(&mut out, "Via", rest);
        }
    }
    end(&mut out, response);
    Some(out.freeze())
}

fn put(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

fn end(out: &mut BytesMut, message: &Message) {
    if message.header(Name::ContentLength).is_none() {
        put(out, "Content-Length", message.body().len().to_string().as_bytes());
    }
    out.put_slice(b"\r\n");
    out.put_slice(message.body());
}

/// A list without so many of its first values; with how many are to be left out of the next line.
fn without_first(mut line: &[u8], mut count: usize) -> (Option<&[u8]>, usize) {
    while count > 0 {
        count -= 1;
        match lex::find_outside(line, b',') {
            Some(comma) => line = lex::trim(&line[comma + 1..]),
            None => return (None, count),
        }
    }
    (Some(line), 0)
}
