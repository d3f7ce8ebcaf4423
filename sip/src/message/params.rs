//! Parameters of header values: `;name`, `;name=token`, `;name="quoted"`, with blanks anywhere between.
//!
//! Parameters of URIs are not these: see `uri`.

use super::lex;
use crate::limits;
use std::borrow::Cow;

/// The parameters of one header value, in their order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Params<'a> {
    /// Without the leading `;`, already read once from end to end.
    raw: &'a [u8],
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name as written, ASCII; compare it without case.
    pub name: &'a [u8],
    /// The value as written, quotes and all.
    pub value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// The value as text, if it is ASCII.
    pub fn text(&self) -> Option<&'a str> {
        self.value.filter(|value| value.is_ascii()).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The value without quotes and backslashes.
    pub fn unquoted(&self) -> Cow<'a, [u8]> {
        match self.value {
            Some([b'"', inside @ .., b'"']) => lex::unescape_quoted(inside),
            other => Cow::Borrowed(other.unwrap_or_default()),
        }
    }
}

impl<'a> Params<'a> {
    /// Checks parameters; `raw` is empty or begins with `;`.
    pub(crate) fn read(raw: &'a [u8]) -> Result<Params<'a>, &'static str> {
        let raw = lex::trim(raw);
        let raw = match raw {
            [] => return Ok(Params::default()),
            [b';', rest @ ..] => rest,
            _ => return Err("has something between the address and its parameters"),
        };
        let mut rest = Some(raw);
        let mut count = 0;
        while let Some(bytes) = rest {
            let (_, after) = next(bytes)?;
            count += 1;
            if count > limits::PARAMS_MAX {
                return Err("has more than 64 parameters");
            }
            rest = after;
        }
        Ok(Params { raw })
    }

    /// Parameters that were read before, from what [`Params::raw`] said of them.
    pub(super) fn read_before(raw: &'a [u8]) -> Params<'a> {
        Params { raw }
    }

    /// The parameters one by one.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut rest = (!self.raw.is_empty()).then_some(self.raw);
        std::iter::from_fn(move || {
            let (param, after) = next(rest?).ok()?;
            rest = after;
            Some(param)
        })
    }

    /// The parameter of that name, without case.
    pub fn get(&self, name: &str) -> Option<Param<'a>> {
        if self.raw.is_empty() {
            return None;
        }
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The value of that parameter as text; `Some("")` for one without a value.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let param = self.get(name)?;
        if param.value.is_none() { Some("") } else { param.text() }
    }

    /// The parameters as written, without the leading `;`.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

/// One parameter, and what comes after its `;`, if one follows.
fn next(bytes: &[u8]) -> Result<(Param<'_>, Option<&[u8]>), &'static str> {
    let bytes = lex::trim_start(bytes);
    let (name, bytes) = bytes.split_at(lex::token_length(bytes));
    if name.is_empty() {
        return Err("has an empty parameter or one whose name is no token");
    }
    let (value, bytes) = match lex::trim_start(bytes) {
        [b'=', bytes @ ..] => {
            let (value, bytes) = value(lex::trim_start(bytes))?;
            (Some(value), lex::trim_start(bytes))
        }
        bytes => (None, bytes),
    };
    match bytes {
        [] => Ok((Param { name, value }, None)),
        [b';', rest @ ..] => Ok((Param { name, value }, Some(rest))),
        _ => Err("has a parameter that does not end with ; or the end of the value"),
    }
}

/// A token, host or quoted string: everything up to a blank, `;` or `,`. More than RFC 3261 25.1 grants, as real tags and branches
/// need it.
fn value(bytes: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let end = match bytes.first() {
        Some(b'"') => lex::quoted_end(bytes).ok_or("has a quoted parameter whose quote never closes")?,
        _ => lex::value_length(bytes),
    };
    if end == 0 {
        return Err("has a parameter with = but no value");
    }
    Ok(bytes.split_at(end))
}
