//! Who an agent is at its server, and its answer to a digest challenge.
//!
//! The arithmetic is `sip::digest`'s, and how often a challenge is answered the caller's.

use sip::digest::{Credentials, Secret, answer};
use sip::{Message, Method, Name};
use std::net::SocketAddr;

/// A user and its password.
#[derive(Clone)]
pub struct Account {
    /// The SIP user.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// Never prints the password.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.user)
    }
}

/// An account, and the server that has it.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Who.
    pub account: Account,
    /// Where requests are sent.
    pub server: SocketAddr,
    /// What stands behind the `@` in the server's URIs: a name, or the address again.
    pub domain: String,
}

impl Subscriber {
    /// A subscriber of a server that goes by its address.
    pub fn at(account: Account, server: SocketAddr) -> Subscriber {
        Subscriber { account, server, domain: server.to_string() }
    }

    /// The From value, without tag.
    pub fn address(&self) -> String {
        format!("<sip:{}@{}>", self.account.user, self.domain)
    }

    /// The Contact value of an agent that listens at `local`.
    pub fn contact(&self, local: SocketAddr) -> String {
        format!("<sip:{}@{local}>", self.account.user)
    }
}

/// The header that answers the challenge in a 401 or 407; the reason where it cannot be answered.
pub(crate) fn answer_to(
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
