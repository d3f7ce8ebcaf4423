//! Key presses as INFO carries them (`application/dtmf-relay`, `application/dtmf`), read and written, and who hears them so.
//!
//! How they stand in sound (RFC 4733) is `media`'s.

use crate::formats::{is_keys, is_speech};
use crate::negotiation::carried;
use domain::dtmf::DtmfPolicy;
use domain::media::{Format, KeyPress, MediaDescription, Stream};

/// What an INFO of ours is.
pub(crate) const RELAY: &str = "application/dtmf-relay";

/// The payload type that keys have nearly everywhere; where it is taken, the next that is free (RFC 3551 3).
const USUAL_TYPE: u8 = 101;
const LAST_TYPE: u8 = 127;
const FIRST_TYPE: u8 = 96;

/// Whether a side that describes itself so hears keys by INFO: as its trunk wants it, and only where its Allow has INFO.
pub(crate) fn are_by_info(policy: DtmfPolicy, takes_info: bool, sound: Option<&Stream>) -> bool {
    match policy {
        DtmfPolicy::Rfc4733 => false,
        DtmfPolicy::Info => takes_info,
        DtmfPolicy::Auto => takes_info && sound.is_some_and(|sound| !sound.formats.iter().any(is_keys)),
    }
}

/// The description of a side that hears keys by INFO, for the other side: as if it heard them in its sound, at every clock of its codecs
/// (RFC 4733 2.1), so that the other one may press them there.
pub(crate) fn presented(mut media: MediaDescription) -> MediaDescription {
    let Some(place) =
        carried(&media).and_then(|sound| media.streams.iter().position(|stream| std::ptr::eq(stream, sound)))
    else {
        return media;
    };
    let Some(sound) = media.streams.get_mut(place) else { return media };
    if sound.formats.iter().any(is_keys) {
        return media;
    }
    let mut clocks: Vec<&str> = Vec::new();
    for format in sound.formats.iter().filter(|format| is_speech(format)) {
        let map = format.rtpmap.as_deref().and_then(|map| map.split('/').nth(1));
        let clock = map.map_or("8000", str::trim);
        if !clocks.contains(&clock) {
            clocks.push(clock);
        }
    }
    let rtpmaps: Vec<String> = clocks.into_iter().map(|clock| format!("telephone-event/{clock}")).collect();
    for rtpmap in rtpmaps {
        let is_free = |number: &u8| sound.formats.iter().all(|format| format.payload_type != *number);
        let number = (USUAL_TYPE..=LAST_TYPE).chain(FIRST_TYPE..USUAL_TYPE).find(is_free);
        if let Some(payload_type) = number {
            sound.formats.push(Format { payload_type, rtpmap: Some(rtpmap), fmtp: vec!["0-15".to_owned()] });
        }
    }
    media
}

/// A key as an INFO carries it; none for what has no sign.
pub(crate) fn written(key: KeyPress) -> Option<String> {
    let signal = match key.event {
        digit @ 0..=9 => char::from(b'0' + digit).to_string(),
        10 => "*".to_owned(),
        11 => "#".to_owned(),
        letter @ 12..=15 => char::from(b'A' + letter - 12).to_string(),
        16 => "16".to_owned(),
        _ => return None,
    };
    Some(format!("Signal={signal}\r\nDuration={}\r\n", key.duration_ms))
}

/// Milliseconds of a key whose INFO does not say, and the least and most that are taken.
const USUAL_MS: u16 = 160;
const SHORTEST_MS: u16 = 50;
const LONGEST_MS: u16 = 5_000;

/// The key that an INFO carries; none where it cannot be read.
pub(crate) fn read(content_type: &str, body: &[u8]) -> Option<KeyPress> {
    let text = std::str::from_utf8(body).ok()?;
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let signal = match value("Signal") {
        Some(signal) => signal,
        // `application/dtmf` is the key alone.
        None if content_type.eq_ignore_ascii_case("application/dtmf") => text.trim(),
        None => return None,
    };
    let asked = value("Duration").and_then(|duration| duration.parse::<u32>().ok());
    let duration_ms = asked.map_or(USUAL_MS, |asked| asked.clamp(SHORTEST_MS.into(), LONGEST_MS.into()) as u16);
    Some(KeyPress { event: event(signal)?, duration_ms })
}

/// RFC 4733 3.2. Some senders write `*` and `#` as 10 and 11, and a flash of the hook as 16 or `!`.
fn event(signal: &str) -> Option<u8> {
    let mut letters = signal.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return match letter.to_ascii_uppercase() {
            '0'..='9' => letter.to_digit(10).map(|digit| digit as u8),
            '*' => Some(10),
            '#' => Some(11),
            letter @ 'A'..='D' => Some(12 + (letter as u8 - b'A')),
            '!' => Some(16),
            _ => None,
        };
    }
    signal.parse().ok().filter(|event| (10..=16).contains(event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp;

    #[test]
    fn what_is_written_reads_back() {
        for event in 0..=16 {
            let key = KeyPress { event, duration_ms: 250 };
            assert_eq!(read(RELAY, written(key).unwrap().as_bytes()), Some(key));
        }
        assert_eq!(written(KeyPress { event: 17, duration_ms: 250 }), None);
        assert_eq!(written(KeyPress { event: 11, duration_ms: 160 }).as_deref(), Some("Signal=#\r\nDuration=160\r\n"));
    }

    fn described(formats: &str) -> MediaDescription {
        sdp::read(format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP {formats}").as_bytes()).unwrap()
    }

    #[test]
    fn who_hears_keys_by_info_is_presented_with_keys_at_every_clock_of_its_codecs() {
        let numbers = |media: MediaDescription| -> Vec<(u8, String)> {
            let formats = media.streams[0].formats.iter().filter(|format| is_keys(format));
            formats.map(|format| (format.payload_type, format.rtpmap.clone().unwrap())).collect()
        };
        let event = |number: u8, clock: u32| (number, format!("telephone-event/{clock}"));
        assert_eq!(numbers(presented(described("0 8\r\n"))), [event(101, 8_000)]);
        let opus = described("96 0 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 speex/8000\r\n");
        assert_eq!(numbers(presented(opus)), [event(102, 48_000), event(103, 8_000)]);
        let has = described("0 97\r\na=rtpmap:97 telephone-event/8000\r\n");
        assert_eq!(presented(has.clone()), has);
        assert_eq!(presented(MediaDescription::default()), MediaDescription::default());
    }

    #[test]
    fn info_is_for_who_takes_it_and_by_its_trunks_policy() {
        use DtmfPolicy::{Auto, Info, Rfc4733};
        let (without, with) = (described("0\r\n"), described("0 97\r\na=rtpmap:97 telephone-event/8000\r\n"));
        for (policy, takes_info, of_without, of_with) in [
            (Auto, true, true, false),
            (Auto, false, false, false),
            (Rfc4733, true, false, false),
            (Info, true, true, true),
            (Info, false, false, false),
        ] {
            assert_eq!(are_by_info(policy, takes_info, carried(&without)), of_without, "{policy}");
            assert_eq!(are_by_info(policy, takes_info, carried(&with)), of_with, "{policy}");
        }
    }

    #[test]
    fn a_key_is_read_in_every_way_that_phones_write_it() {
        for (content_type, body, expected) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=250\r\n", Some((5, 250))),
            ("application/dtmf-relay", "Signal= #\nDuration= 160", Some((11, 160))),
            ("application/dtmf-relay", "signal=*\r\n", Some((10, 160))),
            ("application/dtmf-relay", "Signal=11\r\nDuration=10", Some((11, 50))),
            ("application/dtmf-relay", "Signal=b\r\nDuration=99999999", Some((13, 5_000))),
            ("application/dtmf-relay", "Signal=16\r\n", Some((16, 160))),
            ("application/dtmf", "7\r\n", Some((7, 160))),
            ("application/dtmf", "Signal=0\r\n", Some((0, 160))),
            ("application/dtmf-relay", "7", None),
            ("application/dtmf", "", None),
            ("application/dtmf", "99", None),
            ("application/dtmf", "E", None),
        ] {
            let key = read(content_type, body.as_bytes()).map(|key| (key.event, key.duration_ms));
            assert_eq!(key, expected, "{content_type} {body:?}");
        }
        assert_eq!(read("application/dtmf", &[0xff]), None);
    }
}
