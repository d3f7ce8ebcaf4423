//! The 64-bit keys by which transactions, dialogs, ACKs and merged requests are found: SipHash under a secret of this endpoint, so
//! that nobody outside can make two of them collide.
//!
//! The tables do not live here.

use super::{Destination, Source};
use crate::message::via::has_cookie;
use crate::{Host, Message, Method};
use domain::Entropy;
use siphasher::sip::SipHasher13;

/// The secret.
#[derive(Clone)]
pub(super) struct Keys(u64, u64);

/// A tag that the endpoint made, printed as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag(u64);

impl Tag {
    pub(super) fn new(number: u64) -> Tag {
        Tag(number)
    }

    /// As it is printed.
    pub(super) fn text(self) -> String {
        let mut text = String::with_capacity(16);
        put_hex(&mut text, self.0);
        text
    }
}

/// Adds 16 hexadecimal digits.
pub(super) fn put_hex(text: &mut String, number: u64) {
    for place in (0..16).rev() {
        let digit = (number >> (4 * place) & 15) as u8;
        text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
}

/// What the tables and the way back need of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    /// The key of its server transaction.
    pub(super) server: u64,
    /// The To tag that every retransmission of the request gets again, without anything being remembered (RFC 3261 8.2.7).
    pub(super) tag: Tag,
    /// Where its responses go.
    pub(super) destination: Destination,
}

/// What is hashed: the parts of a key, which cannot run into each other. Gathered first, since a hash is fastest over one piece.
struct Parts {
    hasher: SipHasher13,
    gathered: Vec<u8>,
}

impl Parts {
    fn add(&mut self, part: &[u8]) -> &mut Parts {
        self.gathered.extend_from_slice(part);
        self.gathered.extend_from_slice(&part.len().to_le_bytes());
        self
    }

    fn number(&mut self, number: u32) -> &mut Parts {
        self.gathered.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn host(&mut self, host: Host<'_>, port: Option<u16>) -> &mut Parts {
        self.number(u32::from(port.unwrap_or(super::via::DEFAULT_PORT)));
        match host {
            Host::V4(address) => self.add(&address.octets()),
            Host::V6(address) => self.add(&address.octets()),
            Host::Name(name) => {
                self.gathered.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
                self.gathered.extend_from_slice(&name.len().to_le_bytes());
                self
            }
        }
    }

    fn end(&self) -> u64 {
        self.hasher.hash(&self.gathered)
    }
}

impl Keys {
    pub(super) fn new(entropy: &mut Entropy) -> Keys {
        Keys(entropy.next_u64(), entropy.next_u64())
    }

    fn parts(&self, kind: u8) -> Parts {
        let mut gathered = Vec::with_capacity(256);
        gathered.push(kind);
        Parts { hasher: SipHasher13::new_with_keys(self.0, self.1), gathered }
    }

    /// Reads a request once for all tables. An ACK or CANCEL asks for its INVITE with `method`. `None` where a header is broken
    /// that `check` would have refused.
    ///
    /// The server transaction is found by RFC 3261 17.2.3. The Call-ID is part of its key, though the RFC does not ask for it:
    /// behind one NAT, phones with poor branches share one private `sent-by`. Without the magic cookie of RFC 3261 the rule
    /// for RFC 2543 holds, To tag left out, since an ACK bears ours.
    pub(super) fn identify(&self, request: &Message, method: &Method, source: &Source) -> Option<Identity> {
        let via = request.top_via().ok()?;
        let call_id = request.call_id().ok()?.as_bytes();
        let from_tag = request.from_tag().unwrap_or_default().as_bytes();
        let cseq = request.cseq().ok()?.number;
        let method = method.as_str().as_bytes();
        let branch = via.branch().unwrap_or_default().as_bytes();
        let mut server = self.parts(b's');
        server.add(method).add(call_id);
        match has_cookie(branch) {
            true => server.add(branch).host(via.host(), via.port()),
            false => server
                .add(via.as_bytes())
                .add(from_tag)
                .number(cseq)
                .add(request.uri().map(|uri| uri.as_bytes()).unwrap_or_default()),
        };
        Some(Identity {
            server: server.end(),
            tag: Tag(self.parts(b't').add(call_id).add(from_tag).add(branch).end()),
            destination: super::via::response_destination(&via, source),
        })
    }

    /// What two copies of one new request have in common when they come over two ways (RFC 3261 8.2.2.2).
    pub(super) fn merged(&self, request: &Message) -> u64 {
        let call_id = request.call_id().unwrap_or_default().as_bytes();
        let from_tag = request.from_tag().unwrap_or_default().as_bytes();
        let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or_default();
        let method = request.method().map(Method::as_str).unwrap_or_default().as_bytes();
        self.parts(b'm').add(call_id).add(from_tag).number(cseq).add(method).end()
    }

    /// The client transaction of a request of ours, or of a response: branch, `sent-by` and method (RFC 3261 17.1.3, 18.1.2).
    pub(super) fn client(&self, branch: &str, host: Host<'_>, port: Option<u16>, method: &Method) -> u64 {
        self.parts(b'c').add(branch.as_bytes()).host(host, port).add(method.as_str().as_bytes()).end()
    }

    /// A dialog of ours.
    pub(super) fn dialog(&self, call_id: &str, local_tag: &str) -> u64 {
        self.parts(b'd').add(call_id.as_bytes()).add(local_tag.as_bytes()).end()
    }

    /// The ACK to a 2xx of ours.
    pub(super) fn ack(&self, call_id: &str, local_tag: &str, cseq: u32) -> u64 {
        self.parts(b'a').add(call_id.as_bytes()).add(local_tag.as_bytes()).number(cseq).end()
    }

    /// The tag for what cannot be identified.
    pub(super) fn tag_of_broken(&self, request: &Message) -> Tag {
        Tag(self.parts(b't').add(request.as_bytes()).end())
    }

    /// A tag of a peer, as a number.
    pub(super) fn tag(&self, tag: &str) -> u64 {
        self.parts(b'g').add(tag.as_bytes()).end()
    }
}
