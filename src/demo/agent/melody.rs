//! A melody that never repeats, made from a number; and how alike is what was heard to what was played.
//!
//! No packet and no clock lives here: samples are counted, 8,000 a second.

use std::f32::consts::TAU;

/// Samples a second, of everything here (G.711).
pub(crate) const SAMPLES_PER_SECOND: usize = 8_000;
/// Samples of one note: 160 ms.
const NOTE: u64 = 1_280;
/// Samples over which a note swells and fades, so that it does not click.
const EDGE: u64 = 80;
/// The loudest sample: a quarter of full scale, as a person speaks.
const LOUDNESS: f32 = 8_000.0;
/// Two octaves of a scale in which any two notes please, in Hz.
const SCALE: [f32; 10] = [262.0, 294.0, 330.0, 392.0, 440.0, 523.0, 587.0, 659.0, 784.0, 880.0];

/// A melody: the same number gives the same notes for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Melody(pub(crate) u32);

impl Melody {
    /// The sample at a place.
    pub(super) fn sample(self, index: u64) -> i16 {
        let (note, within) = (index / NOTE, index % NOTE);
        let pitch = SCALE[(mixed(u64::from(self.0) << 32 | note & 0xffff_ffff) % SCALE.len() as u64) as usize];
        let edge = within.min(NOTE - 1 - within).min(EDGE) as f32 / EDGE as f32;
        let angle = TAU * pitch * within as f32 / SAMPLES_PER_SECOND as f32;
        (LOUDNESS * edge * angle.sin()) as i16
    }
}

/// Spreads a number over all bits (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Samples that are compared: a second, six notes.
const WINDOW: usize = SAMPLES_PER_SECOND;
/// How much earlier or later than played a sample may be heard.
const LAG_MAX: usize = SAMPLES_PER_SECOND;
/// Less than this is not judged: half a second.
const WINDOW_MIN: usize = SAMPLES_PER_SECOND / 2;

/// How alike `heard` is to the melody at the best of all delays: their correlation, 1 where it is the melody, near 0 where it
/// is not, and 0 where less than half a second was heard.
pub(crate) fn likeness(heard: &[i16], melody: Melody) -> f32 {
    let length = heard.len().min(WINDOW);
    if length < WINDOW_MIN {
        return 0.0;
    }
    // The end rather than the beginning: the path has settled by then.
    let start = heard.len() - length;
    let window = &heard[start..];
    let played: Vec<i16> = (0..length + 2 * LAG_MAX)
        .map(|place| (start + place).checked_sub(LAG_MAX).map_or(0, |index| melody.sample(index as u64)))
        .collect();
    let energy = dot(window, window);
    let best = played.windows(length).map(|candidate| alike(dot(window, candidate), energy, dot(candidate, candidate)));
    best.fold(0.0, f32::max)
}

fn alike(product: i64, one: i64, other: i64) -> f32 {
    let norm = (one as f64 * other as f64).sqrt();
    if norm > 0.0 { (product as f64 / norm) as f32 } else { 0.0 }
}

fn dot(one: &[i16], other: &[i16]) -> i64 {
    // In blocks whose sum fits 32 bits at our loudness (64 * 2^15 * 2^10 at most on average), so that it can be vectorised.
    let blocks = one.chunks(16).zip(other.chunks(16));
    blocks.map(|(a, b)| a.iter().zip(b).map(|(a, b)| i64::from(i32::from(*a) * i32::from(*b))).sum::<i64>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(melody: Melody, from: u64, count: usize) -> Vec<i16> {
        (0..count as u64).map(|index| melody.sample(from + index)).collect()
    }

    #[test]
    fn a_melody_is_recognised_after_a_delay_and_after_a_late_start() {
        let mut delayed = vec![0; 1_234];
        delayed.extend(played(Melody(7), 0, 16_000));
        assert!(likeness(&delayed, Melody(7)) > 0.999);
        assert!(likeness(&played(Melody(7), 4_000, 12_000), Melody(7)) > 0.999);
    }

    #[test]
    fn another_melody_silence_and_a_scrap_are_not_taken_for_it() {
        assert!(likeness(&played(Melody(8), 0, 16_000), Melody(7)) < 0.8);
        assert_eq!(likeness(&[0; 16_000], Melody(7)), 0.0);
        assert_eq!(likeness(&played(Melody(7), 0, 3_000), Melody(7)), 0.0);
    }
}
