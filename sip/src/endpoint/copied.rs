//! What is kept of a request so that responses can be made long after it is gone: the lines that every response copies (RFC
//! 3261 8.2.6.2), a few hundred bytes instead of the message.
//!
//! Which response is sent is not decided here.

use super::Reply;
use crate::print::{put_clean, put_number};
use crate::{Message, Name, Response};
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;

/// The copied lines of one request.
#[derive(Debug, Default)]
pub(super) struct Copied {
    /// Via (with `received` and `rport`), From, To, Call-ID, CSeq, each with its CRLF; Record-Route behind them.
    lines: Box<[u8]>,
    /// Where a tag is to be inserted: behind the value of To; `None` if it has one already.
    tag_at: Option<u32>,
    /// Where the Record-Route lines begin.
    record_route_at: u32,
}

impl Copied {
    /// `has_tag`: whether the request's To has a tag.
    pub(super) fn of(request: &Message, has_tag: bool, peer: SocketAddr) -> Copied {
        let mut lines = BytesMut::with_capacity(1024);
        let end_of_to = Response::to(request, 200, "OK").received_from(peer).copy(&mut lines);
        let tag_at = end_of_to.filter(|_| !has_tag).map(|at| at as u32);
        let record_route_at = lines.len() as u32;
        for route in request.lines_of(Name::RecordRoute) {
            for part in [b"Record-Route: ", route, b"\r\n"] {
                lines.extend_from_slice(part);
            }
        }
        Copied { lines: lines[..].into(), tag_at, record_route_at }
    }

    /// Whether a response to this request may bear a tag of ours.
    pub(super) fn wants_tag(&self) -> bool {
        self.tag_at.is_some()
    }

    /// The 100 to an INVITE; it repeats a Timestamp (RFC 3261 8.2.6.1) and has no tag.
    pub(super) fn trying(&self, request: &Message) -> Bytes {
        let mut reply = Reply::new(100, "Trying");
        if let Some(stamp) = request.header(Name::Timestamp) {
            reply = reply.header(Name::Timestamp, stamp);
        }
        self.compose(&reply, RecordRoute::LeftOut)
    }

    /// The whole response.
    pub(super) fn compose(&self, reply: &Reply, record_route: RecordRoute) -> Bytes {
        let body = reply.content.as_ref().map_or(&[][..], |(_, body)| body);
        let mut out = Vec::with_capacity(self.lines.len() + reply.lines.as_bytes().len() + body.len() + 160);
        out.extend_from_slice(b"SIP/2.0 ");
        put_number(&mut out, reply.status.clamp(100, 699).into());
        out.push(b' ');
        put_clean(&mut out, reply.phrase.as_bytes());
        out.extend_from_slice(b"\r\n");
        let end = match record_route {
            RecordRoute::Copied => self.lines.len(),
            RecordRoute::LeftOut => self.record_route_at as usize,
        };
        match (self.tag_at, &reply.tag) {
            (Some(at), Some(tag)) => {
                out.extend_from_slice(&self.lines[..at as usize]);
                out.extend_from_slice(b";tag=");
                out.extend_from_slice(tag.as_bytes());
                out.extend_from_slice(&self.lines[at as usize..end]);
            }
            _ => out.extend_from_slice(&self.lines[..end]),
        }
        put_rest(reply, &mut out);
        Bytes::from(out)
    }
}

/// Whether the Record-Route lines are copied: in responses that make a dialog (RFC 3261 12.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordRoute {
    Copied,
    LeftOut,
}

/// A response whose request is at hand, with nothing kept.
pub(super) fn answer(request: &Message, peer: SocketAddr, reply: &Reply) -> Bytes {
    Copied::of(request, request.to_tag().is_some(), peer).compose(reply, RecordRoute::LeftOut)
}

fn put_rest(reply: &Reply, out: &mut Vec<u8>) {
    out.extend_from_slice(reply.lines.as_bytes());
    let Some((content_type, body)) = &reply.content else {
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        return;
    };
    for part in [b"Content-Type: ", content_type.as_bytes(), b"\r\nContent-Length: "] {
        out.extend_from_slice(part);
    }
    put_number(out, body.len() as u64);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}
