//! What one side's stream is worth: loss by sequence number (RFC 3550 A.1 and A.3) and interarrival jitter (A.8), in integers.
//!
//! Whether a packet may be heard at all is `source`'s; what happens to late ones is `session`'s.

use crate::packet::RtpHeader;
use domain::Monotonic;

/// A gap of more packets than this is a new beginning, not a loss (RFC 3550 A.1 `MAX_DROPOUT`): a minute of 20 ms packets.
const DROPOUT_MAX: u16 = 3_000;

/// Packets behind the newest one whose arrival is remembered; one that comes later than that is late (2.5 s at 20 ms).
const WINDOW: u16 = u128::BITS as u16;

/// A step of transit time above this many seconds is a new time base (a clip of music begins), not jitter.
const TIME_BASE_STEP_S: u32 = 2;

/// Timestamps faster than any codec's: a description that says more is not believed (the number is a stranger's, and the sums
/// here are 32 bits wide).
const CLOCK_RATE_MAX: u32 = 384_000;

/// What the arrival of a packet means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The newest so far, or the first of a new beginning.
    Newest,
    /// Behind a newer one, but new.
    Reordered,
    /// It was there before.
    Duplicate,
    /// Too far behind to say, and too late to be of use.
    Late,
}

/// The streams of one side, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    clock_rate: u32,
    current: Option<Current>,
    /// Of the streams before the current one.
    expected_before: u64,
    /// Of the streams before the current one.
    lost_before: u64,
    reordered: u64,
    streams: u32,
    jitter_max: u32,
    /// What the last interval ended at.
    told: Told,
}

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    expected: u64,
    lost: u64,
}

/// One SSRC, counting up without a break.
#[derive(Clone, Copy, Debug)]
struct Current {
    ssrc: u32,
    /// Sequence numbers extended by their wraps, starting one wrap up, so that nothing lies below zero.
    base: u64,
    newest: u64,
    received: u64,
    /// Bit n: the packet n behind the newest has arrived.
    arrived: u128,
    /// What would follow a packet that came far behind: if it does, the sender has started anew.
    restarts_at: Option<u16>,
    transit: u32,
    timestamp: u32,
    /// In 1/16 of a tick, as in A.8.
    jitter_q4: u32,
}

/// One interval of a side's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    /// Packets that should have come.
    pub(crate) expected: u64,
    /// Packets that are newly missing.
    pub(crate) lost: u64,
}

impl Stream {
    /// No stream yet, of timestamps at `clock_rate` ticks per second.
    pub(crate) fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.clamp(1, CLOCK_RATE_MAX),
            current: None,
            expected_before: 0,
            lost_before: 0,
            reordered: 0,
            streams: 0,
            jitter_max: 0,
            told: Told::default(),
        }
    }

    /// From now on timestamps count `clock_rate` ticks per second.
    pub(crate) fn set_clock_rate(&mut self, clock_rate: u32) {
        let clock_rate = clock_rate.clamp(1, CLOCK_RATE_MAX);
        if self.clock_rate != clock_rate {
            self.clock_rate = clock_rate;
            self.retire();
        }
    }

    /// A packet with this header arrived.
    pub(crate) fn on_packet(&mut self, header: RtpHeader, now: Monotonic) -> Arrival {
        let arrival_ticks = (u128::from(now.as_micros()) * u128::from(self.clock_rate) / 1_000_000) as u32;
        let transit = arrival_ticks.wrapping_sub(header.timestamp);
        let arrival = match &mut self.current {
            Some(current) if current.ssrc == header.ssrc => current.on_sequence(header.sequence),
            _ => None,
        };
        match (arrival, &mut self.current) {
            (Some(Arrival::Newest), Some(current)) => current.on_timing(header.timestamp, transit, self.clock_rate),
            (Some(Arrival::Reordered), Some(current)) => {
                current.on_timing(header.timestamp, transit, self.clock_rate);
                self.reordered += 1;
            }
            (Some(Arrival::Duplicate | Arrival::Late), _) => {}
            (None, _) | (_, None) => {
                self.retire();
                self.streams = self.streams.saturating_add(1);
                self.current = Some(Current::new(header, transit));
            }
        }
        self.jitter_max = self.jitter_max.max(self.jitter_us());
        arrival.unwrap_or(Arrival::Newest)
    }

    /// Whether it is the stream of this sender.
    pub(crate) fn is_of(&self, ssrc: u32) -> bool {
        self.current.is_some_and(|current| current.ssrc == ssrc)
    }

    /// Packets that did not come.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.current.as_ref().map_or(0, Current::lost)
    }

    /// Packets that came behind a newer one.
    pub(crate) fn reordered(&self) -> u64 {
        self.reordered
    }

    /// Streams so far.
    pub(crate) fn streams(&self) -> u32 {
        self.streams
    }

    /// Interarrival jitter now, in microseconds.
    pub(crate) fn jitter_us(&self) -> u32 {
        let ticks_q4 = self.current.as_ref().map_or(0, |current| current.jitter_q4);
        let micros = u64::from(ticks_q4) * 1_000_000 / 16 / u64::from(self.clock_rate);
        u32::try_from(micros).unwrap_or(u32::MAX)
    }

    /// The highest jitter so far, in microseconds.
    pub(crate) fn jitter_max_us(&self) -> u32 {
        self.jitter_max
    }

    /// Ends an interval: what changed since the last. None where no packet was due.
    pub(crate) fn take_interval(&mut self) -> Option<Interval> {
        let expected = self.expected_before + self.current.as_ref().map_or(0, Current::expected);
        let due = expected.saturating_sub(self.told.expected);
        let lost = self.lost().saturating_sub(self.told.lost).min(due);
        self.told.expected = self.told.expected.max(expected);
        self.told.lost += lost;
        (due > 0).then_some(Interval { expected: due, lost })
    }

    fn retire(&mut self) {
        if let Some(current) = self.current.take() {
            self.expected_before += current.expected();
            self.lost_before += current.lost();
        }
    }
}

impl Current {
    fn new(header: RtpHeader, transit: u32) -> Self {
        let first = (1 << 16) + u64::from(header.sequence);
        Self {
            ssrc: header.ssrc,
            base: first,
            newest: first,
            received: 1,
            arrived: 1,
            restarts_at: None,
            transit,
            timestamp: header.timestamp,
            jitter_q4: 0,
        }
    }

    /// None where the sender has started anew.
    fn on_sequence(&mut self, sequence: u16) -> Option<Arrival> {
        let ahead = sequence.wrapping_sub(self.newest as u16);
        let behind = ahead.wrapping_neg();
        if behind < WINDOW {
            let bit = 1u128 << behind;
            if self.arrived & bit != 0 {
                return Some(Arrival::Duplicate);
            }
            self.arrived |= bit;
            self.received += 1;
            self.base = self.base.min(self.newest - u64::from(behind));
            return Some(Arrival::Reordered);
        }
        if ahead <= DROPOUT_MAX {
            self.arrived = self.arrived.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.newest += u64::from(ahead);
            self.received += 1;
            self.restarts_at = None;
            return Some(Arrival::Newest);
        }
        if behind <= DROPOUT_MAX && self.restarts_at != Some(sequence) {
            self.restarts_at = Some(sequence.wrapping_add(1));
            return Some(Arrival::Late);
        }
        None
    }

    /// A.8; packets of one instant (a key press, RFC 4733) share a timestamp and say nothing about jitter.
    fn on_timing(&mut self, timestamp: u32, transit: u32, clock_rate: u32) {
        if timestamp == self.timestamp {
            return;
        }
        let step = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
        self.transit = transit;
        self.timestamp = timestamp;
        if step <= clock_rate * TIME_BASE_STEP_S {
            self.jitter_q4 = self.jitter_q4 + step - ((self.jitter_q4 + 8) >> 4);
        }
    }

    fn expected(&self) -> u64 {
        self.newest - self.base + 1
    }

    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender of 20 ms packets at 8000 ticks a second.
    fn packet(number: u64) -> RtpHeader {
        RtpHeader { sequence: number as u16, timestamp: (number * 160) as u32, ssrc: 7 }
    }

    fn arrives(stream: &mut Stream, number: u64) -> Arrival {
        stream.on_packet(packet(number), Monotonic::from_micros(1_000_000 + number * 20_000))
    }

    #[test]
    fn loss_and_reordering_are_counted_across_the_wrap() {
        let mut stream = Stream::new(8_000);
        for number in 65_000..66_000 {
            if number % 100 == 7 {
                continue;
            }
            assert_eq!(arrives(&mut stream, number), Arrival::Newest);
        }
        assert_eq!(stream.lost(), 10);
        assert_eq!(arrives(&mut stream, 65_907), Arrival::Reordered);
        assert_eq!(arrives(&mut stream, 65_907), Arrival::Duplicate);
        assert_eq!(arrives(&mut stream, 65_107), Arrival::Late);
        assert_eq!((stream.lost(), stream.reordered(), stream.streams()), (9, 1, 1));
        assert_eq!(stream.take_interval(), Some(Interval { expected: 1_000, lost: 9 }));
        assert_eq!(stream.take_interval(), None);
    }

    #[test]
    fn the_first_packets_in_the_wrong_order_are_no_loss() {
        let mut stream = Stream::new(8_000);
        for number in [11, 10, 12] {
            arrives(&mut stream, number);
        }
        assert_eq!((stream.lost(), stream.reordered()), (0, 1));
    }

    #[test]
    fn a_new_ssrc_and_a_restarted_sequence_are_new_beginnings_and_keep_what_was_lost_before() {
        let mut stream = Stream::new(8_000);
        arrives(&mut stream, 1_000);
        arrives(&mut stream, 1_003);
        let other = RtpHeader { ssrc: 8, sequence: 50_000, timestamp: 5 };
        assert_eq!(stream.on_packet(other, Monotonic::from_micros(2_000_000)), Arrival::Newest);
        assert_eq!((stream.lost(), stream.streams()), (2, 2));
        let back = RtpHeader { ssrc: 8, sequence: 49_000, timestamp: 0 };
        assert_eq!(stream.on_packet(back, Monotonic::from_micros(2_020_000)), Arrival::Late);
        let next = RtpHeader { sequence: 49_001, timestamp: 160, ..back };
        assert_eq!(stream.on_packet(next, Monotonic::from_micros(2_040_000)), Arrival::Newest);
        assert_eq!((stream.lost(), stream.streams()), (2, 3));
        let far = RtpHeader { sequence: 9_000, timestamp: 320, ..back };
        assert_eq!(stream.on_packet(far, Monotonic::from_micros(2_060_000)), Arrival::Newest);
        assert_eq!((stream.lost(), stream.streams()), (2, 4));
    }

    #[test]
    fn an_even_stream_has_no_jitter_and_a_wobbling_one_has_that_of_the_rfc() {
        let mut stream = Stream::new(8_000);
        for number in 0..100 {
            arrives(&mut stream, number);
        }
        assert_eq!(stream.jitter_us(), 0);
        // Every other packet 5 ms (40 ticks) late: |D| is 40 ticks each time, so J tends to 40 ticks.
        for number in 100..400 {
            let late = (number % 2) * 5_000;
            stream.on_packet(packet(number), Monotonic::from_micros(1_000_000 + number * 20_000 + late));
        }
        let jitter = stream.jitter_us();
        assert!((4_900..=5_000).contains(&jitter), "{jitter} us");
        assert_eq!(stream.jitter_max_us(), jitter);
    }

    #[test]
    fn key_presses_and_new_time_bases_are_not_jitter() {
        let mut stream = Stream::new(8_000);
        arrives(&mut stream, 0);
        for number in 1..50u16 {
            let pressed = RtpHeader { sequence: number, timestamp: 0, ssrc: 7 };
            stream.on_packet(pressed, Monotonic::from_micros(1_000_000 + u64::from(number) * 20_000));
        }
        let music = RtpHeader { sequence: 50, timestamp: 3_000_000_000, ssrc: 7 };
        stream.on_packet(music, Monotonic::from_micros(2_000_000));
        assert_eq!(stream.jitter_us(), 0);
    }

    #[test]
    fn any_order_of_any_packets_neither_panics_nor_loses_more_than_was_due() {
        let seed = [3; 16];
        println!("seed {seed:?}");
        let mut entropy = domain::Entropy::from_seed(seed);
        let mut stream = Stream::new(8_000);
        let mut told = 0;
        for number in 0..200_000u64 {
            let header = RtpHeader {
                sequence: if entropy.below(10) == 0 { entropy.below(65_536) as u16 } else { number as u16 },
                timestamp: entropy.next_u64() as u32,
                ssrc: entropy.below(2) as u32,
            };
            stream.on_packet(header, Monotonic::from_micros(entropy.next_u64() >> 8));
            if let Some(interval) = stream.take_interval() {
                assert!(interval.lost <= interval.expected);
                told += interval.lost;
            }
        }
        assert!(told <= stream.lost() + u64::from(stream.streams()) * 128);
    }
}
