//! Keys that one side presses in its sound (RFC 4733), heard for a side that does not hear them there: each once, however often its
//! packets are repeated, lost or out of order.
//!
//! Which packets carry keys is `session`'s knowledge; what becomes of a key, whoever is told's.

use crate::packet::{RTP_HEADER_SIZE, RtpHeader};
use domain::Monotonic;
use domain::media::KeyPress;
use std::collections::VecDeque;
use std::time::Duration;

/// A key of which nothing more is heard for so long was let go: all that said its end are lost (RFC 4733 2.5.1.4 sends three).
const GONE: Duration = Duration::from_millis(200);

/// Keys of a side that are told in a burst, and one more each [`KEY_EVERY`]: no hand and no dialler is faster (40 ms of tone and 40 ms of
/// pause, RFC 4733 3.2 and ITU-T Q.24). More is a flood, and is not told.
const BURST_MAX: u32 = 20;
const KEY_EVERY: Duration = Duration::from_millis(80);

/// The last event that is a key: the flash of a hook (RFC 4733 3.2). Those behind it are tones of fax and modems.
const LAST_KEY: u8 = 16;

/// What a key lasts of which nobody said how long, in milliseconds: the shortest that is understood (ITU-T Q.24).
const SHORTEST_MS: u64 = 40;

/// A timestamp that lies further back than this is not late: its sender counts anew.
const LATE_MAX_S: u32 = 10;

/// What one packet says (RFC 4733 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    event: u8,
    is_end: bool,
    /// Ticks since it began.
    ticks: u16,
}

/// The keys of one side.
pub(crate) struct Presses {
    down: Option<Down>,
    /// Of the last key that was told: whatever else comes of it is a repetition.
    last: Option<(u32, u32)>,
    heard: VecDeque<KeyPress>,
    tokens: u32,
    refilled_at: Monotonic,
}

/// A key that is down.
#[derive(Clone, Copy, Debug)]
struct Down {
    ssrc: u32,
    /// The timestamp of its present segment; a key that is longer than its field goes on under a new one (RFC 4733 2.5.1.3).
    timestamp: u32,
    event: u8,
    rate_hz: u32,
    /// Ticks of the segments before.
    before: u32,
    ticks: u16,
    heard_at: Monotonic,
}

impl Presses {
    pub(crate) fn new() -> Presses {
        Presses {
            down: None,
            last: None,
            heard: VecDeque::new(),
            tokens: BURST_MAX,
            refilled_at: Monotonic::from_micros(0),
        }
    }

    /// A packet of a key arrived, at `rate_hz` ticks a second. False where more keys come than anybody presses.
    pub(crate) fn hear(&mut self, packet: &[u8], header: RtpHeader, rate_hz: u32, now: Monotonic) -> bool {
        let Some(said) = read(packet) else { return true };
        let name = (header.ssrc, header.timestamp);
        if self.last == Some(name) {
            return true;
        }
        let is_late = self.is_late(header, rate_hz);
        match &mut self.down {
            Some(down) if (down.ssrc, down.timestamp) == name => {
                if down.event == said.event {
                    down.ticks = down.ticks.max(said.ticks);
                    down.heard_at = now;
                }
            }
            Some(down) if down.is_gone_on_by(header, said) => {
                down.before = down.before.saturating_add(u32::from(down.ticks));
                (down.timestamp, down.ticks, down.heard_at) = (header.timestamp, said.ticks, now);
            }
            _ if is_late => return true,
            _ => {
                let was_told = self.let_go(now);
                self.down = Some(Down {
                    ssrc: header.ssrc,
                    timestamp: header.timestamp,
                    event: said.event,
                    rate_hz: rate_hz.max(1),
                    before: 0,
                    ticks: said.ticks,
                    heard_at: now,
                });
                return if said.is_end { self.let_go(now) && was_told } else { was_told };
            }
        }
        !said.is_end || self.let_go(now)
    }

    /// Whether a packet of another key is of one before the present or the last.
    fn is_late(&self, header: RtpHeader, rate_hz: u32) -> bool {
        let newest = self.down.map(|down| (down.ssrc, down.timestamp)).or(self.last);
        newest.is_some_and(|(ssrc, timestamp)| {
            let behind = timestamp.wrapping_sub(header.timestamp);
            ssrc == header.ssrc && behind != 0 && behind < rate_hz.saturating_mul(LATE_MAX_S)
        })
    }

    /// Whether a key is down, so that its end may be missed.
    pub(crate) fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// A key of which nothing is heard any more was let go. False likewise.
    pub(crate) fn expire(&mut self, now: Monotonic) -> bool {
        match self.down {
            Some(down) if now.since(down.heard_at) >= GONE => self.let_go(now),
            _ => true,
        }
    }

    /// The next key that is to be told.
    pub(crate) fn take(&mut self) -> Option<KeyPress> {
        self.heard.pop_front()
    }

    fn let_go(&mut self, now: Monotonic) -> bool {
        let Some(down) = self.down.take() else { return true };
        self.last = Some((down.ssrc, down.timestamp));
        if down.event > LAST_KEY {
            return true;
        }
        let new = u32::try_from(now.since(self.refilled_at).as_micros() / KEY_EVERY.as_micros()).unwrap_or(u32::MAX);
        if new > 0 {
            (self.tokens, self.refilled_at) = (self.tokens.saturating_add(new).min(BURST_MAX), now);
        }
        if self.tokens == 0 {
            return false;
        }
        self.tokens -= 1;
        let ticks = u64::from(down.before) + u64::from(down.ticks);
        let lasted_ms = (ticks * 1_000 / u64::from(down.rate_hz)).max(SHORTEST_MS);
        self.heard.push_back(KeyPress { event: down.event, duration_ms: u16::try_from(lasted_ms).unwrap_or(u16::MAX) });
        true
    }
}

impl Down {
    /// Whether a packet under a new timestamp goes on with this key: its field was full (RFC 4733 2.5.1.3).
    fn is_gone_on_by(&self, header: RtpHeader, said: Said) -> bool {
        self.ssrc == header.ssrc
            && self.event == said.event
            && self.ticks == u16::MAX
            && header.timestamp == self.timestamp.wrapping_add(u32::from(u16::MAX))
    }
}

/// What a packet says; none where it has no room for it.
fn read(packet: &[u8]) -> Option<Said> {
    let first = *packet.first()?;
    let mut at = RTP_HEADER_SIZE + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let words = packet.get(at + 2..at + 4)?;
        at += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    let said: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
    Some(Said { event: said[0], is_end: said[1] & 0x80 != 0, ticks: u16::from_be_bytes([said[2], said[3]]) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Entropy;

    const RATE_HZ: u32 = 8_000;

    fn at(milliseconds: u64) -> Monotonic {
        Monotonic::from_micros(10_000_000 + milliseconds * 1_000)
    }

    fn packet(event: u8, is_end: bool, ticks: u16) -> Vec<u8> {
        let mut bytes = vec![0x80, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, event, if is_end { 0x8a } else { 0x0a }];
        bytes.extend(ticks.to_be_bytes());
        bytes
    }

    /// A key's packets as a phone sends them: one each 20 ms, and its end three times.
    fn key(event: u8, timestamp: u32, ms: u16) -> Vec<(u32, Vec<u8>)> {
        let steps = (1..=ms / 20).map(|step| packet(event, false, step * 160));
        let ends = (0..3).map(|_| packet(event, true, ms * 8));
        steps.chain(ends).map(|packet| (timestamp, packet)).collect()
    }

    fn hear(presses: &mut Presses, timestamp: u32, packet: &[u8], now: Monotonic) -> bool {
        presses.hear(packet, RtpHeader { sequence: 0, timestamp, ssrc: 7 }, RATE_HZ, now)
    }

    fn told(presses: &mut Presses) -> Vec<(u8, u16)> {
        std::iter::from_fn(|| presses.take()).map(|key| (key.event, key.duration_ms)).collect()
    }

    /// RFC 4733 2.5.1.4: the end is said three times, and is one end.
    #[test]
    fn a_key_is_told_once_with_its_length_whatever_is_repeated() {
        let mut presses = Presses::new();
        for (number, (timestamp, packet)) in key(5, 1_000, 100).into_iter().chain(key(5, 3_000, 240)).enumerate() {
            assert!(hear(&mut presses, timestamp, &packet, at(number as u64 * 20)));
        }
        assert_eq!(told(&mut presses), [(5, 100), (5, 240)], "the same key twice is two");
        assert!(!presses.is_down());
    }

    #[test]
    fn a_key_whose_ends_are_lost_ends_with_the_next_one_or_with_silence() {
        let mut presses = Presses::new();
        let lossy = |event, timestamp| key(event, timestamp, 100).into_iter().take(5);
        for (timestamp, packet) in lossy(1, 1_000).chain(lossy(2, 4_000)) {
            hear(&mut presses, timestamp, &packet, at(0));
        }
        assert_eq!(told(&mut presses), [(1, 100)]);
        presses.expire(at(199));
        assert!(presses.is_down());
        presses.expire(at(200));
        assert_eq!(told(&mut presses), [(2, 100)]);
        hear(&mut presses, 4_000, &packet(2, true, 800), at(210));
        assert_eq!(told(&mut presses), [], "its end came late");
        hear(&mut presses, 6_000, &packet(3, true, 0), at(400));
        assert_eq!(told(&mut presses), [(3, 40)], "only an end came, and it does not say how long");
    }

    /// Any loss but of all packets, any order within a key, any doubling: each key once, in order.
    #[test]
    fn loss_reordering_and_doubling_neither_lose_a_key_nor_make_one() {
        for seed in 0..200u8 {
            let mut entropy = Entropy::from_seed([seed; 16]);
            let mut presses = Presses::new();
            let mut expected = Vec::new();
            let mut now = 0;
            for number in 0..30u32 {
                let event = entropy.below(16) as u8;
                let mut packets = key(event, 1_000 + number * 4_000, 200);
                let kept = entropy.below(packets.len() as u64) as usize;
                for index in (0..packets.len()).rev() {
                    if index != kept && entropy.below(3) == 0 {
                        packets.remove(index);
                    } else if entropy.below(4) == 0 {
                        packets.insert(index, packets[index.min(packets.len() - 1)].clone());
                    }
                }
                for index in (1..packets.len()).rev() {
                    packets.swap(index, entropy.below(index as u64 + 1) as usize);
                }
                for (timestamp, packet) in packets {
                    now += 20;
                    assert!(hear(&mut presses, timestamp, &packet, at(now)));
                }
                // A late one of the key before.
                if number > 0 {
                    hear(&mut presses, 1_000 + (number - 1) * 4_000, &packet(15, true, 9), at(now));
                }
                now += 300;
                presses.expire(at(now));
                expected.push(event);
            }
            let events: Vec<u8> = told(&mut presses).into_iter().map(|(event, _)| event).collect();
            assert_eq!(events, expected, "seed {seed}");
        }
    }

    /// RFC 4733 2.5.1.3.
    #[test]
    fn a_key_longer_than_its_field_is_one_key() {
        let mut presses = Presses::new();
        hear(&mut presses, 1_000, &packet(9, false, u16::MAX), at(0));
        hear(&mut presses, 1_000 + 65_535, &packet(9, false, 8_000), at(20));
        hear(&mut presses, 1_000 + 65_535, &packet(9, true, 16_000), at(40));
        assert_eq!(told(&mut presses), [(9, 10_191)]);
    }

    #[test]
    fn tones_of_fax_are_no_keys_and_what_has_no_room_for_one_says_nothing() {
        let mut presses = Presses::new();
        hear(&mut presses, 1_000, &packet(32, true, 800), at(0));
        hear(&mut presses, 2_000, &packet(1, true, 800)[..15], at(0));
        let mut extended = packet(1, true, 800);
        extended[0] = 0x90;
        hear(&mut presses, 3_000, &extended, at(0));
        assert_eq!(told(&mut presses), []);
        let mut extended: Vec<u8> = packet(1, true, 800)[..12].to_vec();
        extended[0] = 0x91;
        extended.extend([0, 0, 0, 9, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 7, 0x8a, 3, 32]);
        hear(&mut presses, 4_000, &extended, at(0));
        assert_eq!(told(&mut presses), [(7, 100)], "behind a contributing source and an extension");
    }

    #[test]
    fn a_flood_of_keys_is_not_told() {
        let mut presses = Presses::new();
        let told_of = |presses: &mut Presses, from: u32, now| {
            (from..from + 1_000).filter(|number| hear(presses, number * 200, &packet(1, true, 100), now)).count()
        };
        assert_eq!(told_of(&mut presses, 1, at(0)), BURST_MAX as usize);
        assert_eq!(told_of(&mut presses, 2_000, at(800)), 10, "one each 80 ms");
        assert_eq!(told(&mut presses).len(), BURST_MAX as usize + 10);
    }

    #[test]
    fn a_sender_that_counts_anew_is_heard() {
        let mut presses = Presses::new();
        hear(&mut presses, 4_000_000_000, &packet(1, true, 800), at(0));
        hear(&mut presses, 1_000, &packet(2, true, 800), at(20));
        hear(&mut presses, 500_000, &packet(3, true, 800), at(40));
        presses.hear(&packet(4, true, 800), RtpHeader { sequence: 0, timestamp: 7, ssrc: 8 }, RATE_HZ, at(60));
        assert_eq!(told(&mut presses).into_iter().map(|(event, _)| event).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
