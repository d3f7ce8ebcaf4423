//! Key presses as INFO carries them (`application/dtmf-relay`, `application/dtmf`), read.
//!
//! How they stand in sound (RFC 4733) is `media`'s.

use domain::media::KeyPress;

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
