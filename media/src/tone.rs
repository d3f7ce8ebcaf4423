//! The tone that warns a side, in place of what it would hear: G.711 in packets of 20 ms, 200 ms long.
//!
//! When it sounds, and where its packets stand in the stream, is `keys`'; why it sounds is not known in this room.

/// Samples of one packet: 20 ms at 8,000 Hz.
pub(crate) const SAMPLES: usize = 160;
/// Samples a second of G.711.
pub(crate) const CLOCK_RATE_HZ: u32 = 8_000;
/// Packets of one tone.
pub(crate) const PACKETS: u8 = 10;
/// One wave of 1,000 Hz at -12 dBm0, as loud as a pay tone (ITU-T E.182): heard beside speech, and not startling.
const WAVE: [i16; 8] = [0, 4_012, 5_674, 4_012, 0, -4_012, -5_674, -4_012];

/// How G.711 writes a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// PCMU, payload type 0.
    Mu,
    /// PCMA, payload type 8.
    A,
}

impl Law {
    /// Of a static payload type (RFC 3551 6).
    pub(crate) const fn of(payload_type: u8) -> Option<Law> {
        match payload_type {
            0 => Some(Law::Mu),
            8 => Some(Law::A),
            _ => None,
        }
    }

    pub(crate) const fn payload_type(self) -> u8 {
        match self {
            Law::Mu => 0,
            Law::A => 8,
        }
    }

    const fn byte(self, sample: i16) -> u8 {
        match self {
            Law::Mu => mu(sample),
            Law::A => a(sample),
        }
    }
}

/// Writes one packet's sound. A packet holds whole waves, so each begins where the one before ended.
pub(crate) fn write(law: Law, room: &mut [u8]) {
    for (byte, sample) in room.iter_mut().zip(WAVE.iter().cycle()) {
        *byte = law.byte(*sample);
    }
}

/// ITU-T G.711, table 2.
const fn mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let unsigned = sample.unsigned_abs();
    let magnitude = if unsigned > 32_635 { 32_635 } else { unsigned } + 132;
    let exponent = 8 - magnitude.leading_zeros() as u16;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

/// ITU-T G.711, table 1: every other bit is inverted.
const fn a(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = if sample < 0 { !sample } else { sample } as u16 >> 3;
    let byte = if magnitude < 32 {
        (magnitude >> 1) as u8
    } else {
        let exponent = 11 - magnitude.leading_zeros() as u16;
        let mantissa = (magnitude >> exponent) & 0x0f;
        ((exponent << 4) | mantissa) as u8
    };
    (sign | byte) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a byte back, by the tables of ITU-T G.711.
    fn read(law: Law, byte: u8) -> i32 {
        match law {
            Law::Mu => {
                let byte = !byte;
                let magnitude = ((i32::from(byte & 0x0f) << 3) + 132) << (byte >> 4 & 7);
                if byte & 0x80 == 0 { magnitude - 132 } else { 132 - magnitude }
            }
            Law::A => {
                let byte = byte ^ 0x55;
                let (exponent, mantissa) = (byte >> 4 & 7, i32::from(byte & 0x0f));
                let magnitude = match exponent {
                    0 => (mantissa << 4) + 8,
                    _ => ((mantissa << 4) + 0x108) << (exponent - 1),
                };
                if byte & 0x80 == 0 { -magnitude } else { magnitude }
            }
        }
    }

    #[test]
    fn every_sample_is_written_as_near_as_the_law_has_one() {
        for law in [Law::Mu, Law::A] {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let heard = read(law, law.byte(sample));
                let off = (heard - i32::from(sample)).abs();
                assert!(off <= 8.max(i32::from(sample).abs() / 16), "{law:?} {sample} is heard as {heard}");
            }
        }
    }

    #[test]
    fn the_tone_is_one_wave_after_the_other() {
        for law in [Law::Mu, Law::A] {
            let mut room = [0; SAMPLES];
            write(law, &mut room);
            assert!(room.chunks(8).all(|wave| wave == &room[..8]), "{law:?}");
            assert_eq!(Law::of(law.payload_type()), Some(law));
        }
    }
}
