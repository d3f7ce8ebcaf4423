//! `a=crypto` lines as text (RFC 4568 9.1): `1 AES_CM_128_HMAC_SHA1_80 inline:BASE64|2^31|1:4`.
//!
//! Which line is taken is `secrecy`'s. A line that we could not honour to the letter is not read at all, so that nobody takes it.

use crate::put;
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::srtp::{CryptoLine, MKI_SIZE_MAX, MasterKey, Mki, Suite};

/// Keys are written with padding and read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Digits of a tag at most (RFC 4568 9.1).
const TAG_DIGITS_MAX: usize = 9;

/// Packets that a key may live for at most, as a power of two (RFC 3711 9.2).
const LIFETIME_BITS_MAX: u32 = 48;

/// Reads what stands behind `a=crypto:`; none for a suite, key or parameter that we do not know or support.
pub(super) fn read(value: &str) -> Option<CryptoLine> {
    let mut words = value.split_ascii_whitespace();
    let tag = words.next().filter(|tag| tag.len() <= TAG_DIGITS_MAX && is_number(tag))?.parse().ok()?;
    let suite = Suite::from_label(words.next()?)?;
    let key = key(suite, words.next()?)?;
    words.all(is_harmless).then_some(CryptoLine { tag, key })
}

/// One key: `inline:` key and salt, perhaps its lifetime, perhaps its name. Of several keys, which need names, none is taken.
fn key(suite: Suite, parameters: &str) -> Option<MasterKey> {
    let mut parts = parameters.strip_prefix("inline:")?.split('|');
    let key_and_salt = BASE64.decode(parts.next()?).ok()?;
    let (mut mki, mut has_lifetime) = (None, false);
    for part in parts {
        match part.split_once(':') {
            Some((value, size)) if mki.is_none() => mki = Some(name(value, size)?),
            None if mki.is_none() && !has_lifetime => {
                has_lifetime = true;
                is_lifetime(part).then_some(())?;
            }
            _ => return None,
        }
    }
    MasterKey::new(suite, &key_and_salt, mki)
}

fn name(value: &str, size: &str) -> Option<Mki> {
    let size: u8 = Some(size).filter(|size| is_number(size))?.parse().ok()?;
    let value: u64 = Some(value).filter(|value| is_number(value))?.parse().ok()?;
    let fits = size >= 8 || value >> (u32::from(size) * 8) == 0;
    ((1..=MKI_SIZE_MAX).contains(&size) && fits).then_some(Mki { value, size })
}

/// A number of packets, or a power of two (RFC 4568 6.1). How long a call lasts, it says nothing about: at 50 packets a second the
/// usual 2^31 are more than a year.
fn is_lifetime(text: &str) -> bool {
    match text.strip_prefix("2^") {
        Some(power) => is_number(power) && power.parse().is_ok_and(|power: u32| power <= LIFETIME_BITS_MAX),
        None => {
            is_number(text) && text.parse().is_ok_and(|packets: u64| (1..=1 << LIFETIME_BITS_MAX).contains(&packets))
        }
    }
}

/// Session parameters (RFC 4568 6.3): a hint about windows, and what may be ignored by its own word. Every other one changes what
/// goes over the wire.
fn is_harmless(parameter: &str) -> bool {
    parameter.starts_with('-') || parameter.strip_prefix("WSH=").is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Prints a line with its end.
pub(super) fn print(text: &mut String, line: &CryptoLine) {
    text.push_str("a=crypto:");
    put::number(text, line.tag.into());
    text.push(' ');
    text.push_str(line.key.suite().as_str());
    text.push_str(" inline:");
    BASE64.encode_string(line.key.key_and_salt(), text);
    if let Some(mki) = line.key.mki() {
        text.push('|');
        put::number(text, mki.value);
        text.push(':');
        put::number(text, mki.size.into());
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    /// RFC 4568 4 and 9.1, field lesson 38: lifetime and the name of the key, each or both.
    #[test]
    fn keys_with_lifetime_and_name_are_read() {
        for (parameters, mki) in [
            ("", None),
            ("|2^20", None),
            ("|1048576", None),
            ("|2^20|1:4", Some(Mki { value: 1, size: 4 })),
            ("|66051:3", Some(Mki { value: 66_051, size: 3 })),
            ("|2^31|1:1", Some(Mki { value: 1, size: 1 })),
        ] {
            let line = read(&format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}{parameters}")).unwrap();
            assert_eq!((line.tag, line.key.suite(), line.key.mki()), (1, Suite::AesCm128HmacSha1_80, mki));
            let mut text = String::new();
            print(&mut text, &line);
            assert_eq!(read(text.trim_end().strip_prefix("a=crypto:").unwrap()), Some(line));
        }
        let line = read(&format!("42 aes_cm_128_hmac_sha1_32 {KEY} WSH=64 -SOMETHING=7")).unwrap();
        assert_eq!((line.tag, line.key.suite()), (42, Suite::AesCm128HmacSha1_32));
        for padding in ["", "=="] {
            let gcm = format!("3 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw{padding}");
            assert_eq!(read(&gcm).unwrap().key.salt()[11], 27);
        }
    }

    #[test]
    fn what_could_not_be_honoured_to_the_letter_is_passed_over() {
        for line in [
            "",
            "1",
            "1 AES_CM_128_HMAC_SHA1_80",
            "x AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            "1234567890 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            "1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            "1 AES_CM_128_HMAC_SHA1_80 uri:https://example.com/key",
            "1 AES_CM_128_HMAC_SHA1_80 inline:dG9vIHNob3J0",
            "1 AES_CM_128_HMAC_SHA1_80 inline:not base64!",
            "1 AEAD_AES_128_GCM inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
        for more in [
            "|2^49",
            "|0",
            "|2^",
            "|1:0",
            "|1:129",
            "|256:1",
            "|1:4|2^20",
            "|1:4|1:4",
            "|2^20|2^20",
            "|x:1",
            ";inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            " KDR=1",
            " UNENCRYPTED_SRTP",
            " UNENCRYPTED_SRTCP",
            " UNAUTHENTICATED_SRTP",
            " FEC_ORDER=FEC_SRTP",
            " WSH=",
            " SOMETHING_NEW",
        ] {
            assert_eq!(read(&format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}{more}")), None, "{more}");
        }
    }
}
