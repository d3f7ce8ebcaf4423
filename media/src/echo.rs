//! The echo test (rule O2): a caller's packets go back as a stream of our own, so that no phone takes it for a loop.
//!
//! SSRC, sequence and timestamps are ours (RFC 3550 5.1); payload, payload type, marker, gaps and pace are the caller's, so that
//! what was lost on the way in is seen as lost on the way out. RTCP is absorbed.

use crate::packet::{RtpHeader, rewrite, set_marker};
use domain::{Entropy, Monotonic};

/// Packets of one second that are returned at most: ten times the usual 50. Two echoes that were made to talk to each other
/// would otherwise do so as fast as the machine can.
const PACKETS_PER_SECOND_MAX: u32 = 500;

/// Ticks from the last packet of one stream to the first of the next: 20 ms at 8000 ticks a second.
const STREAM_GAP_TICKS: u32 = 160;

/// One echo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    ssrc: u32,
    /// What the next stream starts with: chance at first (RFC 3550 5.1).
    next: (u16, u32),
    heard: Option<Heard>,
    second: u64,
    returned: u32,
}

/// The caller's stream, and how ours differs from it.
#[derive(Clone, Copy, Debug)]
struct Heard {
    ssrc: u32,
    newest: u16,
    sequence_offset: u16,
    timestamp_offset: u32,
}

impl Echo {
    /// A new echo with an SSRC of its own.
    pub(crate) fn new(entropy: &mut Entropy) -> Self {
        let chance = entropy.next_u128();
        Self {
            ssrc: chance as u32,
            next: ((chance >> 32) as u16, (chance >> 64) as u32),
            heard: None,
            second: 0,
            returned: 0,
        }
    }

    /// Turns a packet of the caller into ours, in place; whether it shall be sent. `is_restarted` says that the caller's
    /// sequence began anew.
    pub(crate) fn turn(&mut self, bytes: &mut [u8], header: RtpHeader, is_restarted: bool, now: Monotonic) -> bool {
        if !self.has_room(now) {
            return false;
        }
        let is_known = |heard: &Heard| heard.ssrc == header.ssrc && !is_restarted;
        let mut heard = match self.heard.filter(is_known) {
            Some(heard) => heard,
            None => {
                let heard = self.begin(header);
                if self.heard.is_some() {
                    set_marker(bytes);
                }
                heard
            }
        };
        let own = RtpHeader {
            ssrc: if self.ssrc == header.ssrc { !self.ssrc } else { self.ssrc },
            sequence: header.sequence.wrapping_add(heard.sequence_offset),
            timestamp: header.timestamp.wrapping_add(heard.timestamp_offset),
        };
        rewrite(bytes, own);
        if header.sequence.wrapping_sub(heard.newest) < 1 << 15 {
            heard.newest = header.sequence;
            self.next = (own.sequence.wrapping_add(1), own.timestamp.wrapping_add(STREAM_GAP_TICKS));
        }
        self.heard = Some(heard);
        true
    }

    fn begin(&self, header: RtpHeader) -> Heard {
        Heard {
            ssrc: header.ssrc,
            newest: header.sequence,
            sequence_offset: self.next.0.wrapping_sub(header.sequence),
            timestamp_offset: self.next.1.wrapping_sub(header.timestamp),
        }
    }

    fn has_room(&mut self, now: Monotonic) -> bool {
        let second = now.as_micros() / 1_000_000;
        if second != self.second {
            (self.second, self.returned) = (second, 0);
        }
        self.returned += 1;
        self.returned <= PACKETS_PER_SECOND_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;

    fn packet(header: RtpHeader) -> [u8; 16] {
        let mut bytes = [0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        rewrite(&mut bytes, header);
        bytes
    }

    fn echoed(echo: &mut Echo, header: RtpHeader, is_restarted: bool) -> (RtpHeader, u8) {
        let mut bytes = packet(header);
        assert!(echo.turn(&mut bytes, header, is_restarted, Monotonic::from_micros(0)));
        assert_eq!(bytes[12..], [1, 2, 3, 4], "the payload is the caller's");
        match Packet::read(&bytes) {
            Ok(Packet::Rtp(own)) => (own, bytes[1]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_echo_is_a_stream_of_its_own_with_the_callers_gaps_and_pace() {
        let mut echo = Echo::new(&mut Entropy::from_seed([1; 16]));
        let first = RtpHeader { sequence: 65_534, timestamp: u32::MAX - 100, ssrc: 42 };
        let (own_first, second_byte) = echoed(&mut echo, first, false);
        assert_eq!(second_byte, 8, "the marker is the caller's");
        assert_ne!(own_first.ssrc, 42);
        let third = RtpHeader { sequence: 0, timestamp: first.timestamp.wrapping_add(320), ssrc: 42 };
        let (own_third, _) = echoed(&mut echo, third, false);
        assert_eq!(own_third.sequence, own_first.sequence.wrapping_add(2), "the lost one stays lost");
        assert_eq!(own_third.timestamp, own_first.timestamp.wrapping_add(320));
        assert_eq!(own_third.ssrc, own_first.ssrc);
    }

    #[test]
    fn a_caller_that_starts_anew_is_followed_without_a_jump() {
        let mut echo = Echo::new(&mut Entropy::from_seed([2; 16]));
        let (own, _) = echoed(&mut echo, RtpHeader { sequence: 10, timestamp: 1_000, ssrc: 42 }, false);
        let (next, second_byte) = echoed(&mut echo, RtpHeader { sequence: 7_000, timestamp: 9, ssrc: 43 }, false);
        assert_eq!((next.ssrc, next.sequence), (own.ssrc, own.sequence.wrapping_add(1)));
        assert_eq!(next.timestamp, own.timestamp.wrapping_add(STREAM_GAP_TICKS));
        assert_eq!(second_byte, 0x88, "a talk spurt begins");
        let (again, _) = echoed(&mut echo, RtpHeader { sequence: 1, timestamp: 0, ssrc: 43 }, true);
        assert_eq!(again.sequence, next.sequence.wrapping_add(1));
    }

    #[test]
    fn an_echo_returns_no_flood() {
        let mut echo = Echo::new(&mut Entropy::from_seed([3; 16]));
        let returned = |echo: &mut Echo, second: u64| {
            (0..2_000u16)
                .filter(|number| {
                    let header = RtpHeader { sequence: *number, timestamp: 0, ssrc: 1 };
                    echo.turn(&mut packet(header), header, false, Monotonic::from_micros(second * 1_000_000))
                })
                .count()
        };
        assert_eq!(returned(&mut echo, 5), 500);
        assert_eq!(returned(&mut echo, 6), 500);
    }
}
