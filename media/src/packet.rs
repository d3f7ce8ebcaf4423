//! What a datagram is: RTP, RTCP, or neither, by its first bytes (RFC 3550 5.1 and 6.1, RFC 5761 4).
//!
//! Payloads are not looked into.

use crate::words::DiscardReason;

/// Bytes of an RTP header without contributing sources.
pub(crate) const RTP_HEADER_SIZE: usize = 12;

/// Bytes of the shortest RTCP packet: a receiver report without reports, or a BYE.
const RTCP_SIZE_MIN: usize = 8;

/// The fixed fields of an RTP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

/// A datagram of version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Rtp(RtpHeader),
    Rtcp,
}

impl Packet {
    /// What `bytes` are. Second bytes of 192 to 223 mean RTCP, on either port (RFC 5761 4).
    pub(crate) fn read(bytes: &[u8]) -> Result<Packet, DiscardReason> {
        let Some(first) = bytes.first() else { return Err(DiscardReason::NotRtp) };
        if first >> 6 != 2 {
            return Err(DiscardReason::BadVersion);
        }
        if matches!(bytes.get(1), Some(192..=223)) {
            return if bytes.len() >= RTCP_SIZE_MIN { Ok(Packet::Rtcp) } else { Err(DiscardReason::NotRtp) };
        }
        let contributing = usize::from(first & 0x0f) * 4;
        match bytes.first_chunk::<RTP_HEADER_SIZE>() {
            Some(header) if bytes.len() >= RTP_HEADER_SIZE + contributing => Ok(Packet::Rtp(RtpHeader {
                sequence: u16::from_be_bytes([header[2], header[3]]),
                timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
                ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            })),
            _ => Err(DiscardReason::NotRtp),
        }
    }
}

/// Overwrites the fixed fields of an RTP packet; anything shorter than a header is left alone.
pub(crate) fn rewrite(bytes: &mut [u8], header: RtpHeader) {
    if let Some(fields) = bytes.first_chunk_mut::<RTP_HEADER_SIZE>() {
        fields[2..4].copy_from_slice(&header.sequence.to_be_bytes());
        fields[4..8].copy_from_slice(&header.timestamp.to_be_bytes());
        fields[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
    }
}

/// Sets the marker bit (RFC 3551 4.1: the first packet of a talk spurt).
pub(crate) fn set_marker(bytes: &mut [u8]) {
    if let Some(second) = bytes.get_mut(1) {
        *second |= 0x80;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_rtcp_and_noise_are_told_apart_by_their_first_bytes() {
        let mut rtp = [0u8; 13];
        rtp[..12].copy_from_slice(&[0x80, 0x88, 0x12, 0x34, 0, 0, 0, 0xa0, 0xde, 0xad, 0xbe, 0xef]);
        let header = RtpHeader { sequence: 0x1234, timestamp: 160, ssrc: 0xdead_beef };
        assert_eq!(Packet::read(&rtp), Ok(Packet::Rtp(header)));
        assert_eq!(Packet::read(&rtp[..12]), Ok(Packet::Rtp(header)));
        assert_eq!(Packet::read(&rtp[..11]), Err(DiscardReason::NotRtp));
        rtp[0] = 0x81;
        assert_eq!(Packet::read(&rtp), Err(DiscardReason::NotRtp), "a contributing source is missing");
        for kind in [200, 201, 202, 203, 204, 205, 206, 207, 192, 223] {
            assert_eq!(Packet::read(&[0x80, kind, 0, 1, 0, 0, 0, 1]), Ok(Packet::Rtcp));
        }
        assert_eq!(Packet::read(&[0x80, 201, 0, 1]), Err(DiscardReason::NotRtp));
        assert_eq!(Packet::read(&[0x00, 0x01, 0, 0]), Err(DiscardReason::BadVersion), "STUN");
        assert_eq!(Packet::read(&[22, 0xfe, 0xfd]), Err(DiscardReason::BadVersion), "DTLS");
        assert_eq!(Packet::read(&[]), Err(DiscardReason::NotRtp));
    }

    #[test]
    fn a_rewritten_header_reads_back() {
        let mut bytes = [0x80u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        let header = RtpHeader { sequence: 65_535, timestamp: u32::MAX, ssrc: 1 };
        rewrite(&mut bytes, header);
        assert_eq!(Packet::read(&bytes), Ok(Packet::Rtp(header)));
        assert_eq!((bytes[0], bytes[1], bytes[12]), (0x80, 0, 7));
    }
}
