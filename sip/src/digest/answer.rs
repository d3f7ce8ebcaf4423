//! The client side of digest: credentials for a challenge, for carriers that ask us and for phones of tests and demo.
//!
//! How often a challenge is answered before giving up is the caller's rule.

use super::hash::{Algorithm, Ha1, Ingredients, response};
use super::params::{self, Value, offers_auth};
use std::borrow::Cow;
use thiserror::Error;

/// What the client knows about itself.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The user name.
    pub user: &'a str,
    /// What proves it.
    pub secret: Secret<'a>,
}

/// A password, or what is kept instead of it.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    /// The password itself: answers any realm.
    Password(&'a str),
    /// H(A1): answers only the realm that it was computed for.
    Ha1(&'a Ha1),
}

/// Never prints the secret.
impl std::fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a challenge cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unanswerable {
    /// No challenge with the scheme `Digest`.
    #[error("the challenge offers no Digest; Tandem speaks Digest with SHA-256 or MD5")]
    NoDigest,
    /// A digest challenge that cannot be read.
    #[error("the digest challenge cannot be read: {0}")]
    Malformed(&'static str),
    /// Algorithms that we do not speak.
    #[error("the challenge asks for a digest algorithm other than SHA-256 and MD5")]
    UnknownAlgorithm,
    /// `qop` without `auth`.
    #[error(
        "the challenge asks for qop=auth-int only, which signs bodies that proxies rewrite; Tandem speaks qop=auth"
    )]
    OnlyAuthInt,
}

/// A challenge that can be answered.
#[derive(Clone, Copy, Debug)]
struct Challenge<'a> {
    realm: Value<'a>,
    nonce: Value<'a>,
    opaque: Option<Value<'a>>,
    algorithm: Algorithm,
    /// As it stands on the wire, to be echoed; `None` where it was not named.
    algorithm_token: Option<&'a [u8]>,
    counted: bool,
}

/// The credentials that answer the first challenge among `challenges` that we can: the value of an `Authorization` or
/// `Proxy-Authorization` header.
///
/// A server lists what it prefers first (RFC 8760 2.3). `count` is 1 for the first use of a nonce, one more for each further
/// one; `cnonce` is any token that is new for each request.
///
/// # Errors
/// Why the last of the challenges could not be answered.
pub fn answer<'h>(
    challenges: impl IntoIterator<Item = &'h [u8]>,
    credentials: Credentials<'_>,
    method: &str,
    uri: &str,
    count: u32,
    cnonce: &str,
) -> Result<String, Unanswerable> {
    let mut why = Unanswerable::NoDigest;
    for value in challenges {
        match Challenge::read(value) {
            Ok(challenge) => return challenge.answer(credentials, method, uri, count, cnonce),
            Err(Unanswerable::NoDigest) => {}
            Err(other) => why = other,
        }
    }
    Err(why)
}

/// The realm of a digest challenge; none where it cannot be read.
pub fn realm_of(challenge: &[u8]) -> Option<Cow<'_, str>> {
    Challenge::read(challenge).ok()?.realm.text()
}

/// Whether a challenge says that only the nonce was wrong (`stale=TRUE`): trying again with a new one is right then, and
/// otherwise the password is wrong.
pub fn is_stale(challenge: &[u8]) -> bool {
    let mut stale = false;
    let read = params::read(challenge, |name, value| {
        stale |= name.eq_ignore_ascii_case(b"stale") && value.raw.eq_ignore_ascii_case(b"true");
        Ok(())
    });
    matches!(read, Some(Ok(()))) && stale
}

impl<'a> Challenge<'a> {
    fn read(value: &'a [u8]) -> Result<Challenge<'a>, Unanswerable> {
        let (mut realm, mut nonce, mut opaque, mut algorithm, mut qop) = (None, None, None, None, None);
        params::read(value, |name, value| {
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            if is("realm") {
                realm = Some(value);
            } else if is("nonce") {
                nonce = Some(value);
            } else if is("opaque") {
                opaque = Some(value);
            } else if is("algorithm") {
                algorithm = Some(value.raw);
            } else if is("qop") {
                qop = Some(value.raw);
            }
            Ok(())
        })
        .ok_or(Unanswerable::NoDigest)?
        .map_err(Unanswerable::Malformed)?;
        if qop.is_some_and(|qop| !offers_auth(qop)) {
            return Err(Unanswerable::OnlyAuthInt);
        }
        Ok(Challenge {
            realm: realm.ok_or(Unanswerable::Malformed("it has no realm"))?,
            nonce: nonce.ok_or(Unanswerable::Malformed("it has no nonce"))?,
            opaque,
            algorithm: match algorithm {
                None => Algorithm::Md5,
                Some(token) => Algorithm::parse(token).ok_or(Unanswerable::UnknownAlgorithm)?,
            },
            algorithm_token: algorithm,
            counted: qop.is_some(),
        })
    }

    fn answer(
        &self,
        credentials: Credentials<'_>,
        method: &str,
        uri: &str,
        count: u32,
        cnonce: &str,
    ) -> Result<String, Unanswerable> {
        let text =
            |value: Value<'a>| std::str::from_utf8(value.raw).map_err(|_| Unanswerable::Malformed("it is not UTF-8"));
        let realm = self.realm.text().ok_or(Unanswerable::Malformed("its realm is not UTF-8"))?;
        let count = format!("{count:08x}");
        let ha1 = match credentials.secret {
            Secret::Password(password) => Ha1::new(credentials.user, &realm, password),
            Secret::Ha1(ha1) => *ha1,
        };
        let ingredients = Ingredients {
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            nonce: self.nonce.raw,
            counted: self.counted.then_some((count.as_bytes(), cnonce.as_bytes())),
        };
        let response = response(self.algorithm, &ha1, &ingredients);
        let mut out = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{}\"",
            escaped(credentials.user),
            text(self.realm)?,
            text(self.nonce)?,
            response.as_str()
        );
        if let Some(token) = self.algorithm_token {
            out.push_str(", algorithm=");
            out.push_str(text(Value { raw: token })?);
        }
        if self.counted {
            out.push_str(&format!(", qop=auth, nc={count}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = self.opaque {
            out.push_str(&format!(", opaque=\"{}\"", text(opaque)?));
        }
        Ok(out)
    }
}

fn escaped(user: &str) -> String {
    user.replace('\\', "\\\\").replace('"', "\\\"")
}
