//! The credentials of a request, read as far as they can be without knowing any user.
//!
//! Whether they are right is judged in [`super::challenger`].

use super::hash::Algorithm;
use super::params::{self, Value};
use super::window::Count;
use std::borrow::Cow;

/// Digest parameters of credentials, as they stand on the wire.
#[derive(Default)]
pub(super) struct Given<'a> {
    pub(super) username: Option<Value<'a>>,
    pub(super) realm: Option<Value<'a>>,
    pub(super) nonce: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) response: &'a [u8],
    pub(super) algorithm: Option<&'a [u8]>,
    pub(super) cnonce: &'a [u8],
    pub(super) qop: Option<&'a [u8]>,
    pub(super) count: &'a [u8],
}

impl<'a> Given<'a> {
    pub(super) fn read(value: &'a [u8]) -> Option<Result<Given<'a>, &'static str>> {
        let mut given = Given::default();
        let outcome = params::read(value, |name, value| {
            given.take(name, value);
            Ok(())
        })?;
        Some(outcome.map(|()| given))
    }

    fn take(&mut self, name: &[u8], value: Value<'a>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("username") {
            self.username = Some(value);
        } else if is("realm") {
            self.realm = Some(value);
        } else if is("nonce") {
            self.nonce = value.raw;
        } else if is("uri") {
            self.uri = value.raw;
        } else if is("response") {
            self.response = value.raw;
        } else if is("algorithm") {
            self.algorithm = Some(value.raw);
        } else if is("cnonce") {
            self.cnonce = value.raw;
        } else if is("qop") {
            self.qop = Some(value.raw);
        } else if is("nc") {
            self.count = value.raw;
        }
    }

    pub(super) fn user(&self) -> Result<Cow<'a, str>, &'static str> {
        let user = self.username.ok_or("the digest credentials have no username")?;
        user.text().ok_or("the username of the digest credentials is not UTF-8")
    }

    /// RFC 7616 3.4: MD5 where none is named.
    pub(super) fn algorithm(&self) -> Result<Algorithm, &'static str> {
        match self.algorithm {
            None => Ok(Algorithm::Md5),
            Some(token) => Algorithm::parse(token).ok_or("digest algorithms offered here are SHA-256 and MD5"),
        }
    }

    pub(super) fn count(&self, algorithm: Algorithm) -> Result<Count, &'static str> {
        match self.qop {
            Some(qop) if !qop.eq_ignore_ascii_case(b"auth") => Err("only qop=auth is offered here"),
            Some(_) if self.cnonce.is_empty() => Err("digest credentials with qop need a cnonce"),
            Some(_) => parse_count(self.count).ok_or("nc of digest credentials is eight hexadecimal digits"),
            None if algorithm == Algorithm::Md5 => Ok(Count::Once),
            None => Err("digest credentials with SHA-256 need qop=auth"),
        }
    }
}

fn parse_count(digits: &[u8]) -> Option<Count> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits
        .iter()
        .try_fold(0u32, |count, digit| Some(count << 4 | char::from(*digit).to_digit(16)?))
        .map(Count::Numbered)
}
