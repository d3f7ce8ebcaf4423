//! Which formats are the same codec, whatever number they have: static payload types may come without a name, and dynamic ones
//! are numbered by each side as it likes (RFC 3264 6.1, RFC 3551 6).
//!
//! Which of them are offered or answered is `negotiation`'s and `talk`'s.

use domain::media::{CodecName, Format};

/// The names of the static payload types that telephony uses (RFC 3551 table 4).
const STATIC: [(u8, &str); 7] = [
    (0, "PCMU/8000"),
    (3, "GSM/8000"),
    (4, "G723/8000"),
    (8, "PCMA/8000"),
    (9, "G722/8000"),
    (15, "G728/8000"),
    (18, "G729/8000"),
];

/// The numbers that mean what a description says (RFC 3551 3).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// The name and clock of a format; none for a dynamic number without `rtpmap`.
fn name(format: &Format) -> Option<&str> {
    let known = || STATIC.iter().find(|(number, _)| *number == format.payload_type).map(|(_, name)| *name);
    // One channel is what a map without channels means (RFC 8866 6.6).
    format.rtpmap.as_deref().map(|map| map.trim().strip_suffix("/1").unwrap_or(map.trim())).or_else(known)
}

/// The codec of a format, whatever its number.
pub(crate) fn codec(format: &Format) -> CodecName {
    match name(format) {
        Some(name) => CodecName::of(name),
        None => CodecName::of(&format.payload_type.to_string()),
    }
}

/// The formats that a side is to be told, under the numbers by which it knows them: a number never changes its meaning within a session
/// (RFC 3264 8.3.2). What it does not know keeps its number where that is free.
pub(crate) fn renumbered(wanted: &[Format], known: &[Format]) -> Vec<Format> {
    let mut told: Vec<Format> = Vec::with_capacity(wanted.len());
    for format in wanted {
        let is_taken = |number: u8| {
            let in_use = |other: &Format| other.payload_type == number && !is_same(other, format);
            known.iter().any(in_use) || told.iter().any(in_use)
        };
        let number = match known.iter().find(|other| is_same(other, format)) {
            Some(same) => Some(same.payload_type),
            None if !is_taken(format.payload_type) => Some(format.payload_type),
            None => DYNAMIC.into_iter().find(|number| !is_taken(*number)),
        };
        if let Some(payload_type) = number.filter(|_| !has(&told, format)) {
            told.push(Format { payload_type, ..format.clone() });
        }
    }
    told
}

/// Those of `wanted` that `offered` has too, under the numbers that stand there (RFC 3264 6.1): who offers finds its own numbers again.
pub(crate) fn answered_as(wanted: &[Format], offered: &[Format]) -> Vec<Format> {
    let mut told: Vec<Format> = Vec::with_capacity(wanted.len());
    for format in wanted {
        let same = offered.iter().find(|other| is_same(other, format));
        if let Some(same) = same.filter(|_| !has(&told, format)) {
            let rtpmap = same.rtpmap.clone().or_else(|| format.rtpmap.clone());
            told.push(Format { payload_type: same.payload_type, rtpmap, fmtp: format.fmtp.clone() });
        }
    }
    told
}

/// Whether two formats are the same codec at the same clock rate.
pub(crate) fn is_same(one: &Format, other: &Format) -> bool {
    match (name(one), name(other)) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => one.payload_type == other.payload_type,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Whether a format carries key presses (RFC 4733) rather than sound.
pub(crate) fn is_keys(format: &Format) -> bool {
    let map = format.rtpmap.as_deref().unwrap_or_default();
    map.get(..16).is_some_and(|name| name.eq_ignore_ascii_case("telephone-event/"))
}

/// Whether a format is comfort noise (RFC 3389): nobody talks over it alone.
fn is_noise(format: &Format) -> bool {
    format.payload_type == 13
        || format.rtpmap.as_deref().is_some_and(|map| map.get(..3).is_some_and(|cn| cn.eq_ignore_ascii_case("CN/")))
}

/// Whether a format carries speech.
pub(crate) fn is_speech(format: &Format) -> bool {
    !is_keys(format) && !is_noise(format)
}

/// Whether a codec is in a list.
pub(crate) fn has(list: &[Format], format: &Format) -> bool {
    list.iter().any(|known| is_same(known, format))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(payload_type: u8, rtpmap: Option<&str>) -> Format {
        Format { payload_type, rtpmap: rtpmap.map(str::to_owned), fmtp: Vec::new() }
    }

    /// Field lesson 39.
    #[test]
    fn each_side_is_told_a_format_under_its_own_number() {
        let (keys, opus) = (Some("telephone-event/8000"), Some("opus/48000/2"));
        let wanted = [format(0, None), format(96, opus), format(101, keys)];
        let known = [format(0, None), format(96, keys)];
        let numbers = |formats: Vec<Format>| formats.iter().map(|format| format.payload_type).collect::<Vec<_>>();
        assert_eq!(numbers(renumbered(&wanted, &known)), [0, 97, 96], "96 means keys there, so opus gets another");
        assert_eq!(numbers(renumbered(&wanted, &[])), [0, 96, 101]);
        assert_eq!(numbers(answered_as(&wanted, &known)), [0, 96]);
        assert_eq!(answered_as(&wanted, &known)[1].rtpmap.as_deref(), keys);
    }

    #[test]
    fn a_codec_is_known_by_its_name_and_clock_and_a_static_one_by_its_number() {
        for (one, other, same) in [
            (format(8, None), format(8, Some("PCMA/8000")), true),
            (format(8, None), format(96, Some("pcma/8000/1")), true),
            (format(101, Some("telephone-event/8000")), format(96, Some("telephone-event/8000")), true),
            (format(101, Some("telephone-event/8000")), format(101, Some("telephone-event/16000")), false),
            (format(97, Some("opus/48000/2")), format(97, Some("iLBC/8000")), false),
            (format(97, None), format(97, None), true),
            (format(97, None), format(98, None), false),
        ] {
            assert_eq!(is_same(&one, &other), same, "{one:?} {other:?}");
        }
        assert!(is_keys(&format(96, Some("Telephone-Event/8000"))));
        assert!(!is_speech(&format(13, None)) && is_speech(&format(0, None)));
    }
}
