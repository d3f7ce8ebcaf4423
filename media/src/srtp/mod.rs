//! Secure RTP and RTCP (RFC 3711, RFC 7714): what one side sends is opened with its key ([`Inbound`]), what it is sent is sealed
//! with ours ([`Outbound`]). In place, without allocating but for the first packet of a stream.
//!
//! Where keys come from is not known here: a session description (SDES) today; a DTLS handshake gives the same [`MasterKey`]s.
//! Nothing is remembered of a packet, and nobody is learned from it, before its tag was checked. Why this is not `rtc-srtp`:
//! `docs/decisions/srtp.md`.

mod cipher;
mod derive;
mod inbound;
mod outbound;
mod window;

pub use inbound::Inbound;
pub(crate) use inbound::Kept;
pub use outbound::Outbound;

use crate::packet::RTP_HEADER_SIZE;
use domain::srtp::{MKI_SIZE_MAX, MasterKey};

/// Streams (SSRCs) of one key that are told apart, at most: of who has more, the further ones are discarded. A call in which
/// every hold and every announcement is a stream of its own stays below.
pub const STREAMS_MAX: usize = 256;

/// Bytes that sealing adds to a packet at most.
pub const GROWTH_MAX: usize = cipher::GROWTH_MAX + MASTER_KEY_NAME_SIZE_MAX;

/// Packets of RTCP under one key at most (RFC 3711 9.2).
const RTCP_INDEX_MAX: u32 = (1 << 31) - 1;

/// Packets of RTP under one key and SSRC at most (RFC 3711 9.2).
const RTP_INDEX_MAX: u64 = (1 << 48) - 1;

const MASTER_KEY_NAME_SIZE_MAX: usize = MKI_SIZE_MAX as usize;

/// Why a packet was not opened, or could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its tag, or the name of its key, is not that of the key; or it is not encrypted at all.
    #[error("the packet is not genuine: its tag is not that of the negotiated key")]
    NotGenuine,
    /// It was there before, or is too far behind to say.
    #[error("the packet was there before")]
    Replayed,
    /// Shorter than its header and tag.
    #[error("the packet is shorter than its header and tag")]
    Short,
    /// No room for the tag behind the packet.
    #[error("there is no room for the tag behind the packet")]
    NoRoom,
    /// [`STREAMS_MAX`], or the number of packets that one key may protect.
    #[error("the key has protected as many streams or packets as it may")]
    Spent,
}

/// The name of a key as packets carry it (MKI).
#[derive(Clone, Copy)]
struct Name {
    bytes: [u8; MASTER_KEY_NAME_SIZE_MAX],
    size: usize,
}

impl Name {
    fn of(key: &MasterKey) -> Name {
        let mut bytes = [0; MASTER_KEY_NAME_SIZE_MAX];
        let size = key.mki().map_or(0, |mki| usize::from(mki.size.min(MKI_SIZE_MAX)));
        if let Some(mki) = key.mki() {
            let value = mki.value.to_be_bytes();
            for (byte, of_value) in bytes[..size].iter_mut().rev().zip(value.into_iter().rev()) {
                *byte = of_value;
            }
        }
        Name { bytes, size }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

/// What is read of an RTP packet before anything is believed of it: SSRC, sequence number, and bytes that stay readable, with
/// contributing sources and extension (RFC 3550 5.1, 5.3.1).
fn rtp_fields(packet: &[u8]) -> Result<(u32, u16, usize), Fault> {
    let header = packet.first_chunk::<RTP_HEADER_SIZE>().ok_or(Fault::Short)?;
    let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    let sequence = u16::from_be_bytes([header[2], header[3]]);
    let mut size = RTP_HEADER_SIZE + usize::from(header[0] & 0x0f) * 4;
    if header[0] & 0x10 != 0 {
        let words = packet.get(size + 2..size + 4).ok_or(Fault::Short)?;
        size += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    if packet.len() < size { Err(Fault::Short) } else { Ok((ssrc, sequence, size)) }
}

/// The SSRC of who sends an RTCP packet.
fn rtcp_sender(packet: &[u8]) -> Result<u32, Fault> {
    let ssrc = packet.get(4..8).and_then(|bytes| bytes.first_chunk()).ok_or(Fault::Short)?;
    Ok(u32::from_be_bytes(*ssrc))
}

#[cfg(test)]
mod tests;
