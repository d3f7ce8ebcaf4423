//! Reading `Digest name=value, name="value", ...` of credentials and challenges (RFC 3261 25.1, `auth-param`).
//!
//! What the parameters mean is not decided here.

use std::borrow::Cow;

/// Parameters of one header value; a value with more is refused.
pub const PARAMS_MAX: usize = 32;

/// A parameter's value: as it stands between its quotes, escapes left in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// The bytes between the quotes, or the token.
    pub raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// The value as text with its backslash escapes undone; `None` if it is not UTF-8. Allocates only where there are escapes.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let text = std::str::from_utf8(self.raw).ok()?;
        if !text.contains('\\') {
            return Some(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            match char {
                '\\' => out.extend(chars.next()),
                other => out.push(other),
            }
        }
        Some(Cow::Owned(out))
    }
}

/// Calls `each` with every parameter of a `Digest` value. `None` if the scheme is another one; `Some(Err)` with a sentence where
/// the text is broken.
pub fn read<'a>(
    value: &'a [u8],
    mut each: impl FnMut(&'a [u8], Value<'a>) -> Result<(), &'static str>,
) -> Option<Result<(), &'static str>> {
    let value = value.trim_ascii();
    let scheme_end = value.iter().position(u8::is_ascii_whitespace)?;
    if !value[..scheme_end].eq_ignore_ascii_case(b"Digest") {
        return None;
    }
    Some(read_params(&value[scheme_end..], &mut each))
}

fn read_params<'a>(
    mut rest: &'a [u8],
    each: &mut impl FnMut(&'a [u8], Value<'a>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    for _ in 0..PARAMS_MAX {
        rest = trim_separators(rest);
        if rest.is_empty() {
            return Ok(());
        }
        let equals = memchr::memchr(b'=', rest).ok_or("a digest parameter has no '='")?;
        let name = rest[..equals].trim_ascii();
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic() && !b"\",=".contains(byte)) {
            return Err("the name of a digest parameter is not a token");
        }
        let (raw, after) = read_value(rest[equals + 1..].trim_ascii_start())?;
        each(name, Value { raw })?;
        rest = after.trim_ascii_start();
        if !rest.is_empty() && rest[0] != b',' {
            return Err("digest parameters must be separated by commas");
        }
    }
    if trim_separators(rest).is_empty() { Ok(()) } else { Err("too many digest parameters") }
}

fn trim_separators(rest: &[u8]) -> &[u8] {
    let start = rest.iter().position(|byte| *byte != b',' && !byte.is_ascii_whitespace()).unwrap_or(rest.len());
    &rest[start..]
}

fn read_value(rest: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        let end = rest.iter().position(|byte| *byte == b',' || byte.is_ascii_whitespace()).unwrap_or(rest.len());
        return Ok(rest.split_at(end));
    };
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', &quoted[at..]).ok_or("a quoted digest parameter is not closed")?;
        if quoted[at] == b'"' {
            return Ok((&quoted[..at], &quoted[at + 1..]));
        }
        at += 2;
        if at > quoted.len() {
            return Err("a quoted digest parameter is not closed");
        }
    }
}

/// Whether a comma-separated `qop` list has `auth`.
pub fn offers_auth(qop: &[u8]) -> bool {
    qop.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"auth"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(value: &str) -> Option<Result<Vec<(String, String)>, &'static str>> {
        let mut found = Vec::new();
        let outcome = read(value.as_bytes(), |name, value| {
            found.push((String::from_utf8_lossy(name).into_owned(), value.text().unwrap_or_default().into_owned()));
            Ok(())
        })?;
        Some(outcome.map(|()| found))
    }

    #[test]
    fn quoted_commas_and_escapes_stay_inside_their_parameter() {
        let read = all(r#"digest  username="a\"b,c\\", nc = 00000001 ,,qop=auth"#).unwrap().unwrap();
        let expected = [("username", r#"a"b,c\"#), ("nc", "00000001"), ("qop", "auth")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn broken_credentials_are_named_and_other_schemes_left_alone() {
        assert_eq!(all("Basic abc="), None);
        assert_eq!(all("Digest"), None);
        assert!(all(r#"Digest username="open"#).unwrap().is_err());
        assert!(all(r#"Digest username="open\"#).unwrap().is_err());
        assert!(all(r#"Digest a="b" c="d""#).unwrap().is_err());
        assert!(all("Digest =x").unwrap().is_err());
        assert!(all(&format!("Digest {}", "a=b,".repeat(PARAMS_MAX + 1))).unwrap().is_err());
        assert_eq!(all(&format!("Digest {}", "a=b,".repeat(PARAMS_MAX))).unwrap().unwrap().len(), PARAMS_MAX);
    }
}
