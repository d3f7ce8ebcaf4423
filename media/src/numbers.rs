//! Payload type numbers of two sides that know the same formats under different ones (field lesson 39): one byte of a packet's header is
//! replaced, in place.
//!
//! Which formats the sides have in common was agreed before.

use domain::media::{CodecName, FormatNumber};

/// What the payload types of one side become on their way to the other.
pub(crate) struct Numbers([u8; 128]);

impl Numbers {
    /// From a side with these formats to a side with those; none where every number stays.
    pub(crate) fn between(from: &[FormatNumber], to: &[FormatNumber]) -> Option<Box<Numbers>> {
        let mut map: [u8; 128] = std::array::from_fn(|number| number as u8);
        let known =
            |one: &FormatNumber| to.iter().find(|other| other.codec == one.codec).map(|other| other.received_as);
        let mut put = |number: u8, other: u8| {
            if let Some(place) = map.get_mut(usize::from(number)) {
                *place = other;
            }
        };
        // Many send a format as they receive it, whatever they were told; what they were told counts more.
        from.iter().for_each(|one| put(one.received_as, known(one).unwrap_or(one.received_as)));
        from.iter().for_each(|one| put(one.sent_as, known(one).unwrap_or(one.sent_as)));
        let is_same = map.iter().enumerate().all(|(number, other)| number == usize::from(*other));
        (!is_same).then(|| Box::new(Numbers(map)))
    }

    /// Replaces the payload type of an RTP packet; the marker stays.
    pub(crate) fn replace(&self, packet: &mut [u8]) {
        if let Some(second) = packet.get_mut(1) {
            *second = (*second & 0x80) | self.0[usize::from(*second & 0x7f)];
        }
    }
}

/// Clocks of keys that are known: those of the codecs that telephones have (RFC 4733 2.1).
const KEY_RATES_HZ: [u32; 4] = [8_000, 16_000, 32_000, 48_000];

/// By which payload types a side sends keys (RFC 4733), and how fast their clocks are. What it was told counts more than what it says itself.
pub(crate) fn keys_sent_as(numbers: &[FormatNumber]) -> Box<[(u8, u32)]> {
    let rate_of = |number: &FormatNumber| {
        let is_key = |rate: &u32| number.codec == CodecName::of(&format!("telephone-event/{rate}"));
        KEY_RATES_HZ.into_iter().find(is_key)
    };
    let keys: Vec<_> = numbers.iter().filter_map(|number| Some((number, rate_of(number)?))).collect();
    let is_taken = |kind: u8| numbers.iter().any(|number| number.sent_as == kind);
    let told = keys.iter().map(|(number, rate)| (number.sent_as, *rate));
    let said = keys.iter().map(|(number, rate)| (number.received_as, *rate)).filter(|(kind, _)| !is_taken(*kind));
    told.chain(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str, sent_as: u8, received_as: u8) -> FormatNumber {
        FormatNumber { codec: CodecName::of(name), sent_as, received_as }
    }

    fn turned(numbers: &Numbers, second: u8) -> u8 {
        let mut packet = [0x80, second, 0, 0];
        numbers.replace(&mut packet);
        packet[1]
    }

    #[test]
    fn keys_and_opus_arrive_under_the_numbers_of_who_hears_them_and_the_marker_stays() {
        let pbx = [number("PCMU/8000", 0, 0), number("telephone-event/8000", 101, 101), number("opus/48000/2", 96, 96)];
        let carrier = [number("opus/48000/2", 107, 107), number("Telephone-Event/8000", 96, 96)];
        let there = Numbers::between(&pbx, &carrier).unwrap();
        assert_eq!([0, 101, 96, 0x80 | 101, 13].map(|second| turned(&there, second)), [0, 96, 107, 0x80 | 96, 13]);
        let back = Numbers::between(&carrier, &pbx).unwrap();
        assert_eq!([107, 96, 0x80 | 96].map(|second| turned(&back, second)), [96, 101, 0x80 | 101]);
    }

    /// RFC 3264 5.1: a side that answers with a number of its own may send under it or under ours.
    #[test]
    fn a_side_is_understood_by_what_it_was_told_and_by_what_it_says_itself() {
        let carrier = [number("telephone-event/8000", 101, 96)];
        let pbx = [number("telephone-event/8000", 100, 100)];
        let numbers = Numbers::between(&carrier, &pbx).unwrap();
        assert_eq!([101, 96, 97].map(|second| turned(&numbers, second)), [100, 100, 97]);
        let crossed = [number("telephone-event/8000", 101, 96), number("opus/48000/2", 96, 101)];
        let same = [number("telephone-event/8000", 101, 101), number("opus/48000/2", 96, 96)];
        assert!(Numbers::between(&crossed, &same).is_none(), "what it was told counts more");
    }

    #[test]
    fn where_every_number_stays_nothing_is_looked_at() {
        let both = [number("PCMA/8000", 8, 8), number("telephone-event/8000", 101, 101)];
        assert!(Numbers::between(&both, &both).is_none());
        assert!(Numbers::between(&[], &both).is_none());
    }
}
