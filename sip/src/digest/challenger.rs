//! The server side of digest: challenges without state, and verdicts on credentials.
//!
//! What a verdict leads to (403, 407, an event, a counter) is not decided here, except for this rule, which callers must keep:
//! [`Verdict::UnknownUser`] and [`Verdict::BadPassword`] are answered alike, and [`Verdict::Stale`] and [`Verdict::Replayed`]
//! with a challenge that says [`Freshness::Stale`], so that an honest client tries again by itself.
//!
//! **Clients without qop** (RFC 2069) are served for MD5 only, and a nonce is then good for one request.

use super::given::Given;
use super::hash::{Algorithm, Ha1, Ingredients, response};
use super::nonce::{Issuer, Life, Mint, Nonce};
use super::params::Value;
use super::uri::same_user_part;
use super::window::{Count, Use, Window};
use domain::{Entropy, Now, Wall};
use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How one issuer challenges.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The realm (RFC 3261 22.1): the domain that the passwords are for. H(A1) depends on it.
    pub realm: String,
    /// How long a nonce is good for. 300 s.
    pub lifetime: Duration,
    /// What is offered, in this order. RFC 8760 2.1 wants the strongest first; see `docs/decisions` for what clients make of it.
    pub algorithms: Vec<Algorithm>,
    /// Nonces in use that are remembered, see [`super::window`]. 65,536 (some 6 MB when full).
    pub nonces_max: usize,
    /// This node and shard, unique among those who share the secret. A nonce of another issuer is answered `stale`, because
    /// only its issuer knows which counts it has seen.
    pub issuer: Issuer,
}

impl Settings {
    /// The defaults for a realm and an issuer.
    pub fn new(realm: impl Into<String>, issuer: Issuer) -> Settings {
        Settings {
            realm: realm.into(),
            lifetime: Duration::from_secs(300),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonces_max: 65_536,
            issuer,
        }
    }
}

/// In which role we ask (RFC 3261 22.2, 22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// 401, `WWW-Authenticate`, answered in `Authorization`: registrars.
    Registrar,
    /// 407, `Proxy-Authenticate`, answered in `Proxy-Authorization`: calls.
    Proxy,
}

impl Gate {
    /// The status of the challenge.
    pub const fn status(self) -> u16 {
        match self {
            Gate::Registrar => 401,
            Gate::Proxy => 407,
        }
    }

    /// The reason phrase of the challenge.
    pub const fn phrase(self) -> &'static str {
        match self {
            Gate::Registrar => "Unauthorized",
            Gate::Proxy => "Proxy Authentication Required",
        }
    }

    /// The header that carries a challenge.
    pub const fn challenge_header(self) -> &'static str {
        match self {
            Gate::Registrar => "WWW-Authenticate",
            Gate::Proxy => "Proxy-Authenticate",
        }
    }

    /// The header that carries the credentials.
    pub const fn credentials_header(self) -> &'static str {
        match self {
            Gate::Registrar => "Authorization",
            Gate::Proxy => "Proxy-Authorization",
        }
    }
}

/// Why a challenge is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// There were no credentials.
    New,
    /// The credentials were right and the nonce was not: `stale=TRUE`, a person need not be asked again (RFC 7616 3.3).
    Stale,
}

/// What the credentials of a request prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user knows his password, with a fresh nonce.
    Ok {
        /// The user name, escapes undone.
        user: String,
    },
    /// There are no digest credentials for our realm.
    Missing,
    /// There are, and they cannot be read or do not fit the request: a sentence for a person.
    Malformed(&'static str),
    /// No such user. Answer as [`Verdict::BadPassword`].
    UnknownUser,
    /// The response does not come from the user's password.
    BadPassword,
    /// The password is right; the nonce is too old, another node's, another address's or not ours.
    Stale,
    /// The password is right; this nonce count was used before.
    Replayed,
}

/// Challenges and verdicts of one issuer.
#[derive(Debug)]
pub struct Challenger {
    settings: Settings,
    mint: Mint,
    window: Window,
    /// From where the age of nonces is counted: the clock on the wall may be set back, and whoever answers a fresh challenge then
    /// would be told for hours that it is stale.
    born: Now,
    /// This life. Nonces of a former one are stale, also where the clock was set back in between: then some of them were issued after `born`,
    /// and which counts of theirs were used nobody knows any more.
    life: Life,
    entropy: Entropy,
    /// Stands in for the password of users that do not exist, so that they cost the same work.
    nobody: Ha1,
}

impl Challenger {
    /// A challenger born at `born` (a nonce of before, of a former life of this issuer, is stale). `secret` is shared by all
    /// nodes.
    pub fn new(settings: Settings, secret: &[u8; 32], mut entropy: Entropy, born: Now) -> Challenger {
        let mint = Mint::new(secret, &settings.realm);
        let window = Window::new(settings.nonces_max, born.wall);
        let nobody = Ha1::new("", &settings.realm, &entropy.next_u128().to_string());
        let life = Life::of(entropy.next_u64());
        Challenger { settings, mint, window, born, life, entropy, nobody }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.settings.realm
    }

    /// Appends the header lines of a challenge, each with its CRLF: SHA-256 first, MD5 last (RFC 8760 2.1), under one new
    /// nonce, which is good for requests from `asker` alone. Nothing is remembered.
    pub fn challenge(&mut self, gate: Gate, freshness: Freshness, asker: IpAddr, now: Now, lines: &mut Vec<u8>) {
        let nonce = Nonce::of_life(self.life, self.steady(now), self.settings.issuer, self.entropy.next_u64());
        let nonce = self.mint.print(&nonce, asker);
        let stale: &[u8] = match freshness {
            Freshness::New => b"",
            Freshness::Stale => b", stale=TRUE",
        };
        for algorithm in &self.settings.algorithms {
            for part in [
                gate.challenge_header().as_bytes(),
                b": Digest realm=\"",
                self.settings.realm.as_bytes(),
                b"\", nonce=\"",
                &nonce,
                b"\", qop=\"auth\", algorithm=",
                algorithm.as_str().as_bytes(),
                stale,
                b"\r\n",
            ] {
                lines.extend_from_slice(part);
            }
        }
    }

    /// Judges the credentials of a request.
    ///
    /// `values` are the values of all its `Authorization` or `Proxy-Authorization` headers; the first one for our realm counts.
    /// `uri` is the Request-URI as it stands on the wire, `asker` where the request comes from. `lookup` gives H(A1) of a user. Only [`Verdict::Ok`] uses up a nonce
    /// count: whoever accepts a user under several passwords (an old one until he registers again) calls once per password.
    pub fn verify<'h>(
        &mut self,
        values: impl IntoIterator<Item = &'h [u8]>,
        method: &str,
        uri: &[u8],
        asker: IpAddr,
        now: Now,
        lookup: impl FnOnce(&str) -> Option<Ha1>,
    ) -> Verdict {
        match self.find(values) {
            None => Verdict::Missing,
            Some(Err(sentence)) => Verdict::Malformed(sentence),
            Some(Ok(given)) => self.judge(&given, method, uri, asker, now, lookup).unwrap_or_else(Verdict::Malformed),
        }
    }

    /// The first digest credentials for our realm.
    fn find<'h>(&self, values: impl IntoIterator<Item = &'h [u8]>) -> Option<Result<Given<'h>, &'static str>> {
        values.into_iter().find_map(|value| match Given::read(value)? {
            Ok(given) => {
                let realm = given.realm.and_then(Value::text);
                (realm.as_deref() == Some(self.settings.realm.as_str())).then_some(Ok(given))
            }
            Err(sentence) => Some(Err(sentence)),
        })
    }

    fn judge(
        &mut self,
        given: &Given<'_>,
        method: &str,
        uri: &[u8],
        asker: IpAddr,
        now: Now,
        lookup: impl FnOnce(&str) -> Option<Ha1>,
    ) -> Result<Verdict, &'static str> {
        let now = self.steady(now);
        let user = given.user()?;
        let algorithm = given.algorithm()?;
        let count = given.count(algorithm)?;
        if !same_user_part(method, given.uri, uri) {
            return Err("the uri of the digest credentials is not the one that is called");
        }
        let nonce = self.mint.read(given.nonce, asker).filter(|nonce| self.is_current(nonce, now));

        let known = lookup(&user);
        let ingredients = Ingredients {
            method: method.as_bytes(),
            uri: given.uri,
            nonce: given.nonce,
            counted: given.qop.map(|_| (given.count, given.cnonce)),
        };
        let expected = response(algorithm, &known.unwrap_or(self.nobody), &ingredients);
        let mut claimed = [0; 64];
        let claimed = lower_case(given.response, &mut claimed);
        let proven = bool::from(expected.as_bytes().ct_eq(claimed));

        Ok(match (known, proven, nonce) {
            (None, _, _) => Verdict::UnknownUser,
            (Some(_), false, _) => Verdict::BadPassword,
            (Some(_), true, None) => Verdict::Stale,
            (Some(_), true, Some(nonce)) => self.use_up(&nonce, count, user, now),
        })
    }

    /// The clock on the wall as it was at birth, and how long it has been since then.
    fn steady(&self, now: Now) -> Wall {
        self.born.wall + now.monotonic.since(self.born.monotonic)
    }

    fn is_current(&self, nonce: &Nonce, now: Wall) -> bool {
        nonce.issuer == self.settings.issuer && nonce.life() == self.life && self.is_fresh(nonce, now)
    }

    fn is_fresh(&self, nonce: &Nonce, now: Wall) -> bool {
        nonce.issued <= now && now < nonce.issued + self.settings.lifetime
    }

    fn use_up(&mut self, nonce: &Nonce, count: Count, user: Cow<'_, str>, now: Wall) -> Verdict {
        self.window.forget_before(now - self.settings.lifetime);
        match self.window.record(nonce, count) {
            Use::Fresh => Verdict::Ok { user: user.into_owned() },
            Use::Replayed => Verdict::Replayed,
            Use::Forgotten => Verdict::Stale,
        }
    }

    /// Whether the credentials of a request answer a challenge that was sent to where it comes from: then it was not sent in somebody
    /// else's name. Whether they are right is not asked, nor which of those who share the secret sent the challenge.
    pub fn has_heard_us<'h>(&self, values: impl IntoIterator<Item = &'h [u8]>, asker: IpAddr, now: Now) -> bool {
        let Some(Ok(given)) = self.find(values) else { return false };
        self.mint.read(given.nonce, asker).is_some_and(|nonce| self.is_fresh(&nonce, self.steady(now)))
    }

    /// Nonces in use now, of at most [`Settings::nonces_max`].
    pub fn nonces(&self) -> usize {
        self.window.len()
    }
}

/// Some clients send the response in capitals. What is too long stays as it is, and so never matches.
fn lower_case<'a>(response: &'a [u8], buffer: &'a mut [u8; 64]) -> &'a [u8] {
    let Some(buffer) = buffer.get_mut(..response.len()) else { return response };
    buffer.copy_from_slice(response);
    buffer.make_ascii_lowercase();
    buffer
}
