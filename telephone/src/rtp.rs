//! RTP packets of 20 ms (RFC 3550 5.1): printed and read.
//!
//! Sockets and pacing are whoever's sends them.

use crate::g711::Law;

/// Samples of one packet: 20 ms.
pub const FRAME: usize = 160;
/// The fixed header.
const HEADER: usize = 12;
/// A printed packet.
pub const PACKET: usize = HEADER + FRAME;

/// The numbers of a stream that is sent.
#[derive(Clone, Copy, Debug)]
pub struct Numbering {
    /// The source's name.
    pub ssrc: u32,
    /// Of the next packet.
    pub sequence: u16,
    /// Of the next packet's first sample.
    pub timestamp: u32,
    /// Whether the next packet is the first one.
    pub is_first: bool,
}

impl Numbering {
    /// Prints the next packet. `payload` has at most [`FRAME`] bytes; gives how much of `out` was used.
    pub fn print(&mut self, payload_type: u8, payload: &[u8], out: &mut [u8; PACKET]) -> usize {
        let payload = &payload[..payload.len().min(FRAME)];
        out[0] = 0x80;
        out[1] = payload_type & 0x7f | if self.is_first { 0x80 } else { 0 };
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..HEADER].copy_from_slice(&self.ssrc.to_be_bytes());
        out[HEADER..HEADER + payload.len()].copy_from_slice(payload);
        self.is_first = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(payload.len() as u32);
        HEADER + payload.len()
    }
}

/// A packet that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its number.
    pub sequence: u16,
    /// Its law.
    pub law: Law,
    /// Companded samples.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet; none where it is not RTP, or not G.711.
    pub fn read(datagram: &'a [u8]) -> Option<Packet<'a>> {
        let (header, rest) = datagram.split_at_checked(HEADER)?;
        if header[0] >> 6 != 2 {
            return None;
        }
        let law = Law::of_payload_type(header[1] & 0x7f)?;
        let mut payload = rest.get(4 * usize::from(header[0] & 0x0f)..)?;
        if header[0] & 0x10 != 0 {
            let words = usize::from(u16::from_be_bytes([*payload.get(2)?, *payload.get(3)?]));
            payload = payload.get(4 + 4 * words..)?;
        }
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            payload = payload.get(..payload.len().checked_sub(padding)?)?;
        }
        Some(Packet { sequence: u16::from_be_bytes([header[2], header[3]]), law, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_packet_reads_back_and_the_numbers_go_on() {
        let mut numbering = Numbering { ssrc: 7, sequence: u16::MAX, timestamp: 1, is_first: true };
        let mut out = [0; PACKET];
        let length = numbering.print(8, &[0xd5; FRAME], &mut out);
        let packet = Packet::read(&out[..length]).unwrap();
        assert_eq!(packet, Packet { sequence: u16::MAX, law: Law::A, payload: &[0xd5; FRAME] });
        assert_eq!((numbering.sequence, numbering.timestamp, numbering.is_first), (0, 161, false));
        assert_eq!(out[1] & 0x80, 0x80, "the first packet of a stream has the marker");
    }

    #[test]
    fn extensions_and_padding_are_no_sound_and_scraps_no_packets() {
        let mut packet = vec![0xb1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0];
        packet.extend([1; 4]);
        packet.extend([0xbe, 0xde, 0, 1, 0, 0, 0, 0]);
        packet.extend([0x55, 0x66, 0, 2]);
        assert_eq!(Packet::read(&packet).unwrap().payload, [0x55, 0x66]);
        for end in 0..packet.len() {
            // Never a panic, whatever is cut off.
            let _ = Packet::read(&packet[..end]);
        }
        assert_eq!(Packet::read(&[0x80, 101, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]), None, "telephone-event is no sound");
    }
}
