//! The answer to a digest challenge, as a telephone gives it.
//!
//! The arithmetic is `sip::digest`'s, and how often a challenge is answered the caller's.

use sip::digest::{Credentials, Secret, answer};
use sip::{Message, Method, Name};

/// Who an agent is.
#[derive(Clone)]
pub(crate) struct Account {
    /// The SIP user.
    pub(crate) user: String,
    /// Its password.
    pub(crate) password: String,
}

/// Never prints the password.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.user)
    }
}

/// The header that answers the challenge in a 401 or 407; the reason where it cannot be answered.
pub(super) fn answer_to(
    response: &Message,
    account: &Account,
    method: &Method,
    uri: &str,
    cnonce: &str,
) -> Result<(Name, String), String> {
    let (asked, given) = match response.status() {
        Some(401) => (Name::WwwAuthenticate, Name::Authorization),
        _ => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
    };
    let credentials = Credentials { user: &account.user, secret: Secret::Password(&account.password) };
    // Each challenge has a nonce of its own, so each is used once.
    answer(response.headers(asked), credentials, method.as_str(), uri, 1, cnonce)
        .map(|value| (given, value))
        .map_err(|why| why.to_string())
}
