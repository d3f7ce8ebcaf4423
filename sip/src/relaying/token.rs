//! Ways back as text that only this house can make: what a proxy remembers of a message stands in the message itself.
//!
//! What they are used for is the parent's.

use crate::endpoint::{Destination, Flow, Transport};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::net::{IpAddr, SocketAddr};

/// Bytes of a signature: as long as HMAC may be cut to (RFC 2104 5).
const SIGNATURE_BYTES: usize = 16;
/// How many bytes follow the transport, two addresses of sixteen bytes and the connection at most.
const BYTES_MAX: usize = 1 + 2 * 19 + 14;

/// What a signature is for: one made for a route is none for a Via.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// A URI in Path, Route and Record-Route.
    Route = 1,
    /// The branch of a Via.
    Branch = 2,
}

/// Makes and reads signed ways.
pub(super) struct Signer {
    keyed: Hmac<Sha256>,
    /// Which life of the node its connections belong to: their names come again after a restart.
    life: u32,
}

/// A way that was read.
pub(super) struct Read {
    pub(super) way: Destination,
    /// Whether its connection was one of an earlier life.
    pub(super) is_stale: bool,
}

impl Signer {
    pub(super) fn new(key: &[u8; 32], life: u32) -> Signer {
        let keyed = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Signer { keyed, life }
    }

    /// A way as hexadecimal digits, signed together with `bound_to`.
    pub(super) fn write(&self, purpose: Use, way: &Destination, bound_to: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(BYTES_MAX + SIGNATURE_BYTES);
        bytes.push(way.transport.index() as u8);
        put_address(&mut bytes, way.addr);
        put_address(&mut bytes, way.local);
        if let Some(flow) = way.flow {
            bytes.extend_from_slice(&self.life.to_be_bytes());
            bytes.extend_from_slice(&flow.shard.to_be_bytes());
            bytes.extend_from_slice(&flow.slot.to_be_bytes());
            bytes.extend_from_slice(&flow.generation.to_be_bytes());
        }
        let signature = self.sign(purpose, &bytes, bound_to).finalize().into_bytes();
        bytes.extend_from_slice(&signature[..SIGNATURE_BYTES]);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn sign(&self, purpose: Use, bytes: &[u8], bound_to: &[u8]) -> Hmac<Sha256> {
        let mut keyed = self.keyed.clone();
        keyed.update(&[purpose as u8, bytes.len() as u8]);
        keyed.update(bytes);
        keyed.update(bound_to);
        keyed
    }

    /// What [`write`](Signer::write) wrote for the same purpose, bound to the same.
    pub(super) fn read(&self, purpose: Use, text: &str, bound_to: &[u8]) -> Option<Read> {
        let bytes = from_hexadecimal(text)?;
        let (bytes, signature) = bytes.split_at_checked(bytes.len().checked_sub(SIGNATURE_BYTES)?)?;
        self.sign(purpose, bytes, bound_to).verify_truncated_left(signature).ok()?;
        let (transport, rest) = bytes.split_first()?;
        let transport = *Transport::ALL.get(usize::from(*transport))?;
        let (addr, rest) = take_address(rest)?;
        let (local, rest) = take_address(rest)?;
        let (flow, is_stale) = match rest.len() {
            0 => (None, false),
            14 => {
                let number = |at: usize| Some(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?));
                let shard = u16::from_be_bytes([*rest.get(4)?, *rest.get(5)?]);
                (Some(Flow { shard, slot: number(6)?, generation: number(10)? }), number(0)? != self.life)
            }
            _ => return None,
        };
        Some(Read { way: Destination { transport, addr, flow, local }, is_stale })
    }
}

fn put_address(bytes: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes.push(4);
            bytes.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes.push(16);
            bytes.extend_from_slice(&ip.octets());
        }
    }
    bytes.extend_from_slice(&address.port().to_be_bytes());
}

fn take_address(bytes: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (ip, rest) = rest.split_at_checked(usize::from(*length))?;
    let ip = match length {
        4 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
        _ => return None,
    };
    let (port, rest) = rest.split_at_checked(2)?;
    Some((SocketAddr::new(ip, u16::from_be_bytes(port.try_into().ok()?)), rest))
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let is_whole = text.len().is_multiple_of(2) && text.len() <= 2 * (BYTES_MAX + SIGNATURE_BYTES) && text.is_ascii();
    is_whole.then_some(())?;
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
