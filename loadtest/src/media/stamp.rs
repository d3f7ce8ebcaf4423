//! What a packet says about its own journey: whose it is and when it left, in the first samples of its sound.
//!
//! A server that changes the sound (transcodes, mixes) loses the stamp; then packets are counted and no time is known.

use domain::Monotonic;
use telephone::rtp::FRAME;

/// Tells a stamp from sound; four bytes that are loud and of no tone.
const MAGIC: [u8; 4] = [0x2a, 0xd3, 0x54, 0x9e];
/// Magic, name, instant.
const STAMP: usize = 20;

/// A packet's name and birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The stream that it was made by.
    pub(super) stream: u64,
    /// When.
    pub(super) at: Monotonic,
}

impl Stamp {
    /// Prints it over the beginning of a frame.
    pub(super) fn print(self, frame: &mut [u8; FRAME]) {
        frame[..4].copy_from_slice(&MAGIC);
        frame[4..12].copy_from_slice(&self.stream.to_be_bytes());
        frame[12..STAMP].copy_from_slice(&self.at.as_micros().to_be_bytes());
    }

    /// Reads it; none where the sound has none.
    pub(super) fn read(payload: &[u8]) -> Option<Stamp> {
        let stamp = payload.get(..STAMP)?;
        let number = |from: usize| {
            let bytes: Result<[u8; 8], _> = stamp[from..from + 8].try_into();
            bytes.map(u64::from_be_bytes).ok()
        };
        let (stream, at) = (number(4)?, number(12)?);
        (stamp[..4] == MAGIC).then_some(Stamp { stream, at: Monotonic::from_micros(at) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_printed_and_sound_has_none() {
        let stamp = Stamp { stream: u64::MAX - 1, at: Monotonic::from_micros(123_456_789) };
        let mut frame = [0xff; FRAME];
        assert_eq!(Stamp::read(&frame), None);
        stamp.print(&mut frame);
        assert_eq!(Stamp::read(&frame), Some(stamp));
        assert_eq!(frame[STAMP..], [0xff; FRAME - STAMP]);
        assert_eq!(Stamp::read(&frame[..19]), None);
    }
}
