//! The small words of the grammar: character classes, trimming, splitting at commas outside quotes, numbers, quoted strings.
//!
//! No header's meaning lives here.

use std::borrow::Cow;

const TOKEN: u8 = 1;
const WORD: u8 = 2;
const URI: u8 = 4;
const HOST: u8 = 8;
const VALUE_END: u8 = 16;

/// One bit per class and byte (RFC 3261 25.1).
const CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let b = byte as u8;
        let alphanumeric = b.is_ascii_alphanumeric();
        if alphanumeric || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~') {
            table[byte] |= TOKEN | WORD;
        }
        if matches!(b, b'(' | b')' | b'<' | b'>' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'{' | b'}') {
            table[byte] |= WORD;
        }
        // Generous: everything printable but the space, the quote and the angle brackets. A `"` never is in a URI unescaped.
        if b > b' ' && b < 0x7f && !matches!(b, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'}' | b'|') {
            table[byte] |= URI;
        }
        if alphanumeric || matches!(b, b'-' | b'.' | b'_') {
            table[byte] |= HOST;
        }
        if matches!(b, b';' | b',' | b' ' | b'\t') {
            table[byte] |= VALUE_END;
        }
        byte += 1;
    }
    table
};

/// Without a branch per byte: what is checked is short, and nearly always right.
fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(class, |kept, byte| kept & CLASS[usize::from(*byte)]) == class
}

/// Whether the bytes are a word of that class: at least one, and all of it.
fn is_word(bytes: &[u8], class: u8) -> bool {
    !bytes.is_empty() && all(bytes, class)
}

/// What was found to be ASCII before, as text. Readers keep bytes and come here only when somebody asks for text: that is seldom,
/// and to prove that bytes are text costs more than to read a parameter.
pub(crate) fn text(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).unwrap_or_default()
}

/// The position of a byte in what is mostly shorter than 16 bytes; for the longer, `memchr` is faster.
pub(crate) fn find_near(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|other| *other == byte)
}

/// A non-empty token (RFC 3261 25.1).
pub(crate) fn token(bytes: &[u8]) -> Option<&str> {
    is_token(bytes).then(|| text(bytes))
}

/// Whether the bytes are a non-empty token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    is_word(bytes, TOKEN)
}

/// How many bytes at the start are a token.
pub(crate) fn token_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(bytes.len())
}

/// Whether the byte may stand in a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    CLASS[usize::from(byte)] & TOKEN != 0
}

/// `word [ "@" word ]` as a Call-ID has it.
pub(crate) fn is_call_id(bytes: &[u8]) -> bool {
    match memchr::memchr(b'@', bytes) {
        None => is_word(bytes, WORD),
        Some(at) => is_word(&bytes[..at], WORD) && is_word(&bytes[at + 1..], WORD),
    }
}

/// Printable ASCII that may stand in a URI.
pub(crate) fn is_uri(bytes: &[u8]) -> bool {
    is_word(bytes, URI)
}

/// Letters, digits, `-`, `.` and the `_` that real host names have.
pub(crate) fn host_text(bytes: &[u8]) -> Option<&str> {
    is_word(bytes, HOST).then(|| text(bytes))
}

/// How many bytes at the start are a parameter's value without quotes: everything up to a blank, `;` or `,`.
pub(crate) fn value_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| CLASS[usize::from(*byte)] & VALUE_END != 0).unwrap_or(bytes.len())
}

/// Whether the byte is linear white space once lines are unfolded.
pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Cuts blanks from the left.
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    bytes
}

/// Cuts blanks from both ends.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// Cuts blanks from the right.
pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Digits only, no sign, no overflow.
pub(crate) fn number_u64(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(value)
}

/// Digits only, at most `u32::MAX`.
pub(crate) fn number(bytes: &[u8]) -> Option<u32> {
    number_u64(bytes).and_then(|value| u32::try_from(value).ok())
}

/// The position behind the closing quote of a quoted string that begins at the start of `bytes`. `None` if it never closes.
pub(crate) fn quoted_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match memchr::memchr2(b'"', b'\\', bytes.get(at..)?)? {
            offset if bytes[at + offset] == b'"' => return Some(at + offset + 1),
            offset => at += offset + 2,
        }
    }
}

/// The position of the first `separator` outside quoted strings and angle brackets. `None` if there is none. A quote or bracket that
/// never closes hides the rest.
pub(crate) fn find_outside(bytes: &[u8], separator: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let offset = memchr::memchr3(b'"', b'<', separator, rest)?;
        match rest[offset] {
            b'"' => at += offset + quoted_end(&rest[offset..])?,
            b'<' => at += offset + memchr::memchr(b'>', &rest[offset..])? + 1,
            _ => return Some(at + offset),
        }
    }
}

/// Removes the backslashes of a quoted string's inside.
pub(crate) fn unescape_quoted(inside: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', inside).is_none() {
        return Cow::Borrowed(inside);
    }
    let mut plain = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'\\' {
            plain.extend(bytes.next());
        } else {
            plain.push(*byte);
        }
    }
    Cow::Owned(plain)
}

/// Text for a person from bytes that may not be UTF-8.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Whether a `%` is there at all.
pub(crate) fn has_escape(text: &str) -> bool {
    find_near(b'%', text.as_bytes()).is_some()
}
