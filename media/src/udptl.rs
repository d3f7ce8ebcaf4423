//! What a datagram of fax is (UDPTL, ITU-T T.38 9.1): a number, and a first packet that fits.
//!
//! Nothing of T.30 is read, and nothing is mended: both machines do that themselves, by the repetitions in each datagram.

/// Bytes at least: the number, the length of the first packet, and what it holds or how errors are mended.
const SIZE_MIN: usize = 4;

/// Whether `bytes` can be a datagram of UDPTL.
pub(crate) fn is_udptl(bytes: &[u8]) -> bool {
    // ASN.1 PER: a length below 128 takes one byte, one below 16,384 two.
    let end = match bytes.get(2..4) {
        Some([length @ 0..=127, _]) => 3 + usize::from(*length),
        Some([high @ 128..=191, low]) => 4 + (usize::from(high & 0x3f) << 8 | usize::from(*low)),
        _ => return false,
    };
    bytes.len() >= SIZE_MIN && end <= bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_holds_what_it_says() {
        assert!(is_udptl(&[0, 1, 1, 6, 0, 0]), "an indicator, without repetitions");
        assert!(is_udptl(&[0xff, 0xff, 2, 0xc0, 1, 0x80, 0]));
        assert!(!is_udptl(&[0, 1, 9, 6, 0, 0]), "the first packet is cut off");
        let mut long = vec![0, 1, 0x81, 0x00];
        long.extend([7; 256]);
        assert!(is_udptl(&long));
        assert!(!is_udptl(&long[..100]));
        assert!(!is_udptl(&[0, 1, 0xc1, 0, 0, 0]), "in fragments, which no machine sends");
        assert!(!is_udptl(&[0, 1]) && !is_udptl(&[]));
    }
}
