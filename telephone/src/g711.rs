//! G.711 companding, both laws (ITU-T G.711, RFC 3551 4.5.14): 16-bit linear samples to one byte and back.
//!
//! How many samples a packet has is `rtp`'s.

/// What a sample becomes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// PCMU: North America, Japan.
    Mu,
    /// PCMA: elsewhere.
    A,
}

impl Law {
    /// The static payload type (RFC 3551 table 4).
    pub const fn payload_type(self) -> u8 {
        match self {
            Law::Mu => 0,
            Law::A => 8,
        }
    }

    /// The law of a payload type, where it is one of the two.
    pub const fn of_payload_type(payload_type: u8) -> Option<Law> {
        match payload_type {
            0 => Some(Law::Mu),
            8 => Some(Law::A),
            _ => None,
        }
    }

    /// One sample as a byte.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::Mu => encode_mu(sample),
            Law::A => encode_a(sample),
        }
    }

    /// One byte as a sample.
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Law::Mu => decode_mu(byte),
            Law::A => decode_a(byte),
        }
    }
}

/// Added before the segment is looked for, so that each segment begins at a power of two.
const MU_BIAS: i32 = 0x84;
/// The loudest sample that still fits after the bias.
const MU_CLIP: i32 = 32_635;

fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    // 7 is the bit of the bias itself: the quietest segment.
    let segment = (31 - magnitude.leading_zeros() as i32) - 7;
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | mantissa as u8)
}

fn decode_mu(byte: u8) -> i16 {
    let byte = !byte;
    let segment = (byte >> 4) & 0x07;
    let magnitude = (((i32::from(byte & 0x0f) << 3) + MU_BIAS) << segment) - MU_BIAS;
    if byte & 0x80 == 0 { magnitude as i16 } else { -magnitude as i16 }
}

/// Every second bit is inverted on the wire, so that silence keeps old line equipment in step.
const A_EVEN_BITS: u8 = 0x55;

fn encode_a(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    // Of negative numbers the ones' complement: the law has no two zeros. Of the magnitude 11 bits count.
    let magnitude = i32::from(if sample < 0 { !sample } else { sample }) >> 4;
    let coded = if magnitude < 32 {
        magnitude
    } else {
        let segment = (31 - magnitude.leading_zeros() as i32) - 3;
        (segment << 4) | ((magnitude >> (segment - 1)) & 0x0f)
    };
    (coded as u8 | sign) ^ A_EVEN_BITS
}

fn decode_a(byte: u8) -> i16 {
    let byte = byte ^ A_EVEN_BITS;
    let segment = (byte >> 4) & 0x07;
    let mantissa = i32::from(byte & 0x0f) << 4;
    let magnitude = match segment {
        0 => mantissa + 8,
        segment => (mantissa + 0x108) << (segment - 1),
    };
    if byte & 0x80 == 0 { -magnitude as i16 } else { magnitude as i16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decoded_is_within_a_step_of_what_was_encoded() {
        for law in [Law::Mu, Law::A] {
            for sample in i16::MIN..=i16::MAX {
                let back = i32::from(law.decode(law.encode(sample)));
                let sample = i32::from(sample);
                let step = (sample.abs() / 16).max(16) + if sample.abs() > 32_000 { 700 } else { 0 };
                assert!((back - sample).abs() <= step, "{law:?}: {sample} came back as {back}");
            }
        }
    }

    #[test]
    fn silence_has_the_bytes_that_the_standard_says() {
        assert_eq!((Law::Mu.encode(0), Law::A.encode(0)), (0xff, 0xd5));
        assert_eq!((Law::Mu.decode(0xff), Law::A.decode(0xd5)), (0, 8));
    }

    #[test]
    fn every_byte_comes_back_as_itself() {
        for law in [Law::Mu, Law::A] {
            // 0x7f of the mu law is minus zero, which is zero.
            for byte in (0..=u8::MAX).filter(|byte| (law, *byte) != (Law::Mu, 0x7f)) {
                assert_eq!(law.encode(law.decode(byte)), byte, "{law:?}");
            }
        }
    }
}
