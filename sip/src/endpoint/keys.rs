//! The 64-bit keys by which transactions, dialogs, ACKs and merged requests are found: SipHash under a secret of this endpoint, so
//! that nobody outside can make two of them collide.
//!
//! The tables do not live here.

use crate::{Host, Message, Method};
use domain::Entropy;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The secret.
#[derive(Clone)]
pub(super) struct Keys(u64, u64);

/// A tag that the endpoint made, printed as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag(u64);

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A hash in which the parts of a key cannot run into each other.
struct Parts(SipHasher13);

impl Parts {
    fn add(mut self, part: &[u8]) -> Parts {
        self.0.write(part);
        self.0.write_usize(part.len());
        self
    }

    fn number(mut self, number: u32) -> Parts {
        self.0.write_u32(number);
        self
    }

    fn host(self, host: Host<'_>, port: Option<u16>) -> Parts {
        let parts = self.number(u32::from(port.unwrap_or(super::via::DEFAULT_PORT)));
        match host {
            Host::V4(address) => parts.add(&address.octets()),
            Host::V6(address) => parts.add(&address.octets()),
            Host::Name(name) => {
                let lower = name.bytes().map(|byte| byte.to_ascii_lowercase());
                parts.add(&lower.collect::<smallvec::SmallVec<[u8; 64]>>())
            }
        }
    }

    fn end(self) -> u64 {
        self.0.finish()
    }
}

impl Keys {
    pub(super) fn new(entropy: &mut Entropy) -> Keys {
        Keys(entropy.next_u64(), entropy.next_u64())
    }

    fn parts(&self, kind: u8) -> Parts {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write_u8(kind);
        Parts(hasher)
    }

    /// The server transaction of a request (RFC 3261 17.2.3). An ACK or CANCEL asks for its INVITE with `method`.
    ///
    /// The Call-ID is part of the key, though the RFC does not ask for it: behind one NAT, phones with poor branches share one
    /// private `sent-by`. Without the magic cookie of RFC 3261 the rule for RFC 2543 holds, To tag left out, since an ACK
    /// bears ours.
    pub(super) fn server(&self, request: &Message, method: &Method) -> Option<u64> {
        let via = request.top_via().ok()?;
        let call_id = request.call_id().ok()?;
        let parts = self.parts(b's').add(method.as_str().as_bytes()).add(call_id.as_bytes());
        Some(match via.rfc3261_branch() {
            Some(branch) => parts.add(branch.as_bytes()).host(via.host(), via.port()).end(),
            None => parts
                .add(via.as_bytes())
                .add(request.from_tag().unwrap_or_default().as_bytes())
                .number(request.cseq().ok()?.number)
                .add(request.uri().map(|uri| uri.as_str()).unwrap_or_default().as_bytes())
                .end(),
        })
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

    /// What two copies of one request have in common when they come over two ways (RFC 3261 8.2.2.2).
    pub(super) fn merged(&self, request: &Message) -> Option<u64> {
        let cseq = request.cseq().ok()?;
        Some(
            self.parts(b'm')
                .add(request.call_id().ok()?.as_bytes())
                .add(request.from_tag()?.as_bytes())
                .number(cseq.number)
                .add(cseq.method.as_str().as_bytes())
                .end(),
        )
    }

    /// A To tag that every retransmission of a request gets again, without anything being remembered (RFC 3261 8.2.7).
    pub(super) fn stateless_tag(&self, request: &Message) -> Tag {
        let branch = request.top_via().ok().and_then(|via| via.branch().map(str::as_bytes)).unwrap_or_default();
        let tag = self
            .parts(b't')
            .add(request.call_id().unwrap_or_default().as_bytes())
            .add(request.from_tag().unwrap_or_default().as_bytes())
            .add(branch)
            .end();
        Tag(tag)
    }

    /// A tag of a peer, as a number.
    pub(super) fn tag(&self, tag: &str) -> u64 {
        self.parts(b'g').add(tag.as_bytes()).end()
    }
}
