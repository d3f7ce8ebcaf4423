//! Key presses (RFC 4733) and warning tones put into the sound that one side hears: packets of ours in a stream that is somebody else's.
//!
//! Where a key came from is not known here, nor is any socket; what a tone sounds like is `tone`'s.
//!
//! While a key is pressed, or the tone sounds, the sound gives way to it, under the same SSRC; what follows is numbered on, so that the receiver misses
//! nothing. Sound that does not flow is not waited for.

use crate::packet::{RTP_HEADER_SIZE, RtpHeader};
use crate::tone::{self, Law};
use domain::media::{KeyFormat, KeyPress};
use domain::{Entropy, Monotonic};
use std::collections::VecDeque;
use std::time::Duration;

/// Between two packets of one key (RFC 4733 2.5.1.2 recommends 50 ms at most; sound has 20).
pub(crate) const STEP: Duration = Duration::from_millis(20);
/// Between two keys: what every receiver tells apart.
const PAUSE: Duration = Duration::from_millis(60);
/// How often the end of a key is said, since packets are lost (RFC 4733 2.5.1.4).
const ENDS: u8 = 3;
/// Keys that wait; a hand is slower.
const WAITING_MAX: usize = 32;
/// Power in -dBm0 (RFC 4733 2.3.3): what phones use.
const VOLUME: u8 = 10;
/// Bytes of a key's packet.
pub(crate) const SIZE: usize = RTP_HEADER_SIZE + 4;
/// Bytes of a packet of the tone.
pub(crate) const TONE_SIZE: usize = RTP_HEADER_SIZE + tone::SAMPLES;
/// How long a tone waits for a key to be let go, or for sound of a codec that it can be written in. Later it would warn of nothing.
const TONE_PATIENCE: Duration = Duration::from_secs(1);

/// The keys of one side, and where the stream that it hears stands.
pub(crate) struct Keys {
    waiting: VecDeque<KeyPress>,
    pressing: Option<Pressing>,
    /// Until when a tone that was asked for may begin.
    tone_until: Option<Monotonic>,
    tone: Option<Tone>,
    /// How the sound is written that it hears, where that is G.711.
    law: Option<Law>,
    /// The newest packet that was sent, and when; of our own making where there was none.
    last: (RtpHeader, Monotonic),
    /// Whether the stream is one that was relayed.
    has_sound: bool,
    /// What is added to the numbers of the sound, since keys stood between.
    shift: u16,
    /// The next packet of sound follows a key.
    follows: bool,
    rests_until: Monotonic,
}

/// A tone that sounds.
struct Tone {
    law: Law,
    packets_left: u8,
    next_at: Monotonic,
}

/// A key that is down.
struct Pressing {
    event: u8,
    format: KeyFormat,
    timestamp: u32,
    /// How long it is, in ticks; at most what its field holds.
    length: u16,
    /// How long it has been down, as was said last.
    told: u16,
    ends_left: u8,
    is_begun: bool,
    next_at: Monotonic,
}

impl Keys {
    pub(crate) fn new(entropy: &mut Entropy) -> Keys {
        let chance = entropy.next_u128();
        let header =
            RtpHeader { ssrc: chance as u32, sequence: (chance >> 32) as u16, timestamp: (chance >> 64) as u32 };
        Keys {
            waiting: VecDeque::new(),
            pressing: None,
            tone_until: None,
            tone: None,
            law: None,
            last: (header, Monotonic::from_micros(0)),
            has_sound: false,
            shift: 0,
            follows: false,
            rests_until: Monotonic::from_micros(0),
        }
    }

    /// A key is to be pressed; one too many is as if it had not been.
    pub(crate) fn press(&mut self, key: KeyPress) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(key);
        }
    }

    /// A tone is to sound, in the place of what is heard.
    pub(crate) fn sound(&mut self, now: Monotonic) {
        self.tone_until = Some(now + TONE_PATIENCE);
    }

    /// The side hears no keys.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
        self.follows |= self.pressing.take().is_some();
    }

    /// The side hears nothing at all.
    pub(crate) fn fall_silent(&mut self) {
        self.forget();
        self.tone_until = None;
        self.follows |= self.tone.take().is_some();
    }

    /// Whether something is yet to be sent.
    pub(crate) fn are_pressed(&self) -> bool {
        self.pressing.is_some() || !self.waiting.is_empty() || self.tone.is_some() || self.tone_until.is_some()
    }

    /// A packet of the stream that it hears was taken out: what comes next is numbered on.
    pub(crate) fn skip(&mut self) {
        self.follows = true;
    }

    /// A packet of sound with this header is about to be sent: it is numbered on; false where it gives way to a key.
    pub(crate) fn pass(&mut self, packet: &mut [u8], header: RtpHeader, now: Monotonic) -> bool {
        match packet.get(1).map(|kind| kind & 0x7f) {
            // Silence (RFC 3389) and keys are no codec of their own.
            Some(13 | 96..) | None => {}
            Some(kind) => self.law = Law::of(kind),
        }
        if self.pressing.is_some() || self.tone.is_some() {
            return false;
        }
        let (last, _) = self.last;
        let goes_on = self.has_sound && last.ssrc == header.ssrc;
        if !goes_on {
            (self.shift, self.has_sound) = (0, true);
        } else if self.follows {
            self.shift = last.sequence.wrapping_add(1).wrapping_sub(header.sequence);
        }
        self.follows = false;
        let sequence = header.sequence.wrapping_add(self.shift);
        if let Some(field) = packet.get_mut(2..4).filter(|_| self.shift != 0) {
            field.copy_from_slice(&sequence.to_be_bytes());
        }
        if !goes_on || sequence.wrapping_sub(last.sequence) < 1 << 15 {
            self.last = (RtpHeader { sequence, ..header }, now);
        }
        true
    }

    /// Writes the packet that is due into `room`, if one is, and says how long it is; as often as it says so. Without a format the side
    /// hears no keys.
    pub(crate) fn due(&mut self, format: Option<KeyFormat>, room: &mut [u8], now: Monotonic) -> Option<usize> {
        if self.pressing.is_none() && self.sounds(room, now) {
            return Some(TONE_SIZE);
        }
        match format {
            Some(format) if self.tone.is_none() => self.key_due(format, room, now).then_some(SIZE),
            Some(_) => None,
            None => {
                self.forget();
                None
            }
        }
    }

    /// Writes the packet of the tone that is due, if one is.
    fn sounds(&mut self, room: &mut [u8], now: Monotonic) -> bool {
        if let (None, Some(until)) = (&self.tone, self.tone_until) {
            if let Some(law) = self.law.filter(|_| now <= until) {
                self.tone = Some(Tone { law, packets_left: tone::PACKETS, next_at: now });
            }
            if self.tone.is_some() || until < now {
                self.tone_until = None;
            }
        }
        let Some(sounding) = self.tone.as_mut().filter(|tone| tone.next_at <= now) else { return false };
        let Some(packet) = room.get_mut(..TONE_SIZE) else { return false };
        let (last, at) = &mut self.last;
        let passed = ticks(now.since(*at), tone::CLOCK_RATE_HZ).max(tone::SAMPLES as u32);
        last.sequence = last.sequence.wrapping_add(1);
        // The first one where the sound would be by now, each other one behind the one before.
        let is_first = sounding.packets_left == tone::PACKETS;
        let step = if is_first { passed } else { tone::SAMPLES as u32 };
        last.timestamp = last.timestamp.wrapping_add(step);
        *at = now;
        packet[..2].copy_from_slice(&[0x80, sounding.law.payload_type()]);
        packet[2..4].copy_from_slice(&last.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&last.timestamp.to_be_bytes());
        packet[8..RTP_HEADER_SIZE].copy_from_slice(&last.ssrc.to_be_bytes());
        tone::write(sounding.law, &mut packet[RTP_HEADER_SIZE..]);
        sounding.next_at = sounding.next_at + STEP;
        sounding.packets_left -= 1;
        if sounding.packets_left == 0 {
            self.tone = None;
            self.follows = true;
        }
        true
    }

    /// Writes the packet of a key that is due, if one is.
    fn key_due(&mut self, format: KeyFormat, room: &mut [u8], now: Monotonic) -> bool {
        if self.pressing.is_none() && self.rests_until <= now {
            self.pressing = self.waiting.pop_front().map(|key| self.began(key, format, now));
        }
        let Some(pressing) = self.pressing.as_mut().filter(|pressing| pressing.next_at <= now) else { return false };
        let Some(packet) = room.get_mut(..SIZE) else { return false };
        let step = ticks(STEP, pressing.format.clock_rate_hz).min(u32::from(u16::MAX)) as u16;
        pressing.told = pressing.told.saturating_add(step).min(pressing.length);
        let is_end = pressing.told == pressing.length;
        let (last, at) = &mut self.last;
        last.sequence = last.sequence.wrapping_add(1);
        let marker = if pressing.is_begun { 0 } else { 0x80 };
        packet[..2].copy_from_slice(&[0x80, marker | (pressing.format.payload_type & 0x7f)]);
        packet[2..4].copy_from_slice(&last.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&pressing.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&last.ssrc.to_be_bytes());
        packet[12..14].copy_from_slice(&[pressing.event, if is_end { 0x80 | VOLUME } else { VOLUME }]);
        packet[14..16].copy_from_slice(&pressing.told.to_be_bytes());
        pressing.is_begun = true;
        if !is_end {
            pressing.next_at = pressing.next_at + STEP;
            return true;
        }
        pressing.ends_left -= 1;
        if pressing.ends_left == 0 {
            last.timestamp = pressing.timestamp.wrapping_add(u32::from(pressing.length));
            *at = now;
            self.rests_until = now + PAUSE;
            self.follows = true;
            self.pressing = None;
        }
        true
    }

    fn began(&self, key: KeyPress, format: KeyFormat, now: Monotonic) -> Pressing {
        let (last, at) = self.last;
        let passed = ticks(now.since(at), format.clock_rate_hz).max(1);
        let length = ticks(Duration::from_millis(key.duration_ms.into()), format.clock_rate_hz);
        Pressing {
            event: key.event,
            format,
            timestamp: last.timestamp.wrapping_add(passed),
            length: length.clamp(1, u32::from(u16::MAX)) as u16,
            told: 0,
            ends_left: ENDS,
            is_begun: false,
            next_at: now,
        }
    }
}

/// A time in ticks of a clock; what lies further back than the field reaches wraps as the field does.
fn ticks(time: Duration, clock_rate_hz: u32) -> u32 {
    (time.as_micros() * u128::from(clock_rate_hz) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: KeyFormat = KeyFormat { payload_type: 96, clock_rate_hz: 8_000 };

    fn at(milliseconds: u64) -> Monotonic {
        Monotonic::from_micros(1_000_000 + milliseconds * 1_000)
    }

    fn sound(number: u16) -> RtpHeader {
        RtpHeader { sequence: number, timestamp: u32::from(number) * 160, ssrc: 7 }
    }

    /// Number, SSRC, timestamp, marker and type, event, whether it is the end, and how long.
    type Told = (u16, u32, u32, u8, u8, bool, u16);

    fn read(packet: &[u8]) -> Told {
        let two = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        let four = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        (two(2), four(8), four(4), packet[1], packet[12], packet[13] & 0x80 != 0, two(14))
    }

    /// What is sent, looked after every 20 ms from one instant to another.
    fn sent(keys: &mut Keys, from_ms: u64, to_ms: u64) -> Vec<Told> {
        let mut told = Vec::new();
        for now in (from_ms..=to_ms).step_by(20) {
            let mut room = [0; 64];
            while keys.due(Some(FORMAT), &mut room, at(now)).is_some() {
                told.push(read(&room));
            }
        }
        told
    }

    /// RFC 4733 2.5.1: one timestamp, a growing duration, a marked first packet and three ends.
    #[test]
    fn a_key_grows_in_steps_of_20_ms_and_its_end_is_said_three_times() {
        let mut keys = Keys::new(&mut Entropy::from_seed([1; 16]));
        assert!(keys.pass(&mut [0; 172], sound(100), at(0)));
        keys.press(KeyPress { event: 5, duration_ms: 100 });
        let told = sent(&mut keys, 20, 200);
        let timestamp = 100 * 160 + 160;
        let packet = |number, marker: u8, is_end, length| (number, 7, timestamp, marker | 96, 5, is_end, length);
        assert_eq!(
            told,
            [
                packet(101, 0x80, false, 160),
                packet(102, 0, false, 320),
                packet(103, 0, false, 480),
                packet(104, 0, false, 640),
                packet(105, 0, true, 800),
                packet(106, 0, true, 800),
                packet(107, 0, true, 800),
            ]
        );
        assert!(!keys.are_pressed());
    }

    #[test]
    fn sound_gives_way_and_goes_on_without_a_gap() {
        let mut keys = Keys::new(&mut Entropy::from_seed([1; 16]));
        let mut packet = [0; 172];
        assert!(keys.pass(&mut packet, sound(65_530), at(0)));
        keys.press(KeyPress { event: 11, duration_ms: 60 });
        let last = sent(&mut keys, 20, 20).pop().unwrap();
        assert!(!keys.pass(&mut packet, sound(65_531), at(30)), "the key is down");
        let last = sent(&mut keys, 40, 100).pop().unwrap_or(last);
        for number in [65_535, 0, 1] {
            assert!(keys.pass(&mut packet, sound(number), at(120)));
        }
        let number = u16::from_be_bytes([packet[2], packet[3]]);
        assert_eq!(number, last.0.wrapping_add(3), "three packets behind the last of the key");
        let other = RtpHeader { ssrc: 8, ..sound(500) };
        packet[2..4].copy_from_slice(&500_u16.to_be_bytes());
        assert!(keys.pass(&mut packet, other, at(140)));
        assert_eq!(packet[2..4], 500_u16.to_be_bytes(), "another stream is its own");
    }

    #[test]
    fn keys_are_told_apart_and_need_no_sound() {
        let mut keys = Keys::new(&mut Entropy::from_seed([2; 16]));
        for event in [1, 2, 2] {
            keys.press(KeyPress { event, duration_ms: 60 });
        }
        let told = sent(&mut keys, 0, 1_000);
        let ends: Vec<_> = told.iter().filter(|packet| packet.5).map(|packet| (packet.4, packet.2)).collect();
        assert_eq!(ends.len(), 9);
        let mut timestamps: Vec<_> = ends.iter().map(|end| end.1).collect();
        timestamps.dedup();
        assert_eq!(timestamps.len(), 3, "each key has a time of its own: {ends:?}");
        assert!(told.windows(2).all(|pair| pair[1].0 == pair[0].0.wrapping_add(1)), "numbers without gaps: {told:?}");
    }

    /// What a tone sends from one instant to another: number, timestamp, payload type.
    fn sounded(keys: &mut Keys, from_ms: u64, to_ms: u64) -> Vec<(u16, u32, u8)> {
        let mut told = Vec::new();
        for now in (from_ms..=to_ms).step_by(20) {
            let mut room = [0; TONE_SIZE];
            while keys.due(None, &mut room, at(now)) == Some(TONE_SIZE) {
                let packet = read(&room);
                told.push((packet.0, packet.2, packet.3));
            }
        }
        told
    }

    #[test]
    fn a_tone_of_200_ms_takes_the_place_of_the_sound_and_what_follows_is_numbered_on() {
        for kind in [0, 8] {
            let mut keys = Keys::new(&mut Entropy::from_seed([4; 16]));
            let mut packet = [0; 172];
            packet[1] = kind;
            assert!(keys.pass(&mut packet, sound(100), at(0)));
            keys.sound(at(10));
            let told = sounded(&mut keys, 20, 60);
            assert_eq!(told, [(101, 16_160, kind), (102, 16_320, kind), (103, 16_480, kind)]);
            assert!(!keys.pass(&mut packet, sound(103), at(70)), "the sound gives way");
            let rest = sounded(&mut keys, 80, 1_000);
            assert_eq!((told.len() + rest.len(), rest.last().map(|last| last.0)), (10, Some(110)));
            assert!(!keys.are_pressed());
            assert!(keys.pass(&mut packet, sound(113), at(220)));
            assert_eq!(packet[2..4], 111_u16.to_be_bytes());
        }
    }

    #[test]
    fn a_tone_that_cannot_be_written_in_the_codec_is_not_heard_later() {
        let mut keys = Keys::new(&mut Entropy::from_seed([5; 16]));
        let mut packet = [0; 72];
        packet[1] = 18;
        assert!(keys.pass(&mut packet, sound(1), at(0)));
        keys.sound(at(0));
        assert_eq!(sounded(&mut keys, 0, 1_020), []);
        assert!(!keys.are_pressed(), "it waits for nothing");
        packet[1] = 0;
        assert!(keys.pass(&mut packet, sound(2), at(1_040)));
        assert_eq!(sounded(&mut keys, 1_040, 2_000), []);
    }

    #[test]
    fn a_hand_cannot_press_without_end() {
        let mut keys = Keys::new(&mut Entropy::from_seed([3; 16]));
        (0..1_000).for_each(|_| keys.press(KeyPress { event: 1, duration_ms: 5_000 }));
        assert_eq!(keys.waiting.len(), WAITING_MAX);
        let wide = KeyFormat { payload_type: 96, clock_rate_hz: 48_000 };
        assert!(keys.due(Some(wide), &mut [0; 64], at(0)).is_some());
        assert_eq!(keys.pressing.as_ref().map(|pressing| pressing.length), Some(u16::MAX), "what its field holds");
        keys.forget();
        assert!(!keys.are_pressed());
    }
}
