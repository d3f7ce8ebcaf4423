//! Secrets: read from files of their own, never printed.
//!
//! Which files they are is in [`crate::settings`]; what a token permits is decided in `web`.

use crate::fault::{ConfigFaults, Fault};
use crate::payments::PaymentSecrets;
use crate::redis_login::RedisLogin;
use crate::settings::Settings;
use std::fmt;
use std::path::Path;

/// Characters of a token or key at least: 32 hexadecimal digits are 128 bits.
pub const SECRET_CHARACTERS_MIN: usize = 32;
/// Tokens at most.
pub const TOKENS_MAX: usize = 1_000;

/// A text that prints as `******`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself: for comparing and signing, never for printing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("******")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("******")
    }
}

/// A bearer token of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Who holds it, for the audit: unique in the file.
    pub name: String,
    /// The token.
    pub secret: Secret,
}

/// What the `*_file` settings point to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// From `http.tokens_file`, in the order of the file.
    pub api_tokens: Vec<ApiToken>,
    /// From `sip.nonce_key_file`.
    pub nonce_key: Option<Secret>,
    /// From the files of `[payments]`, where provider is `http`.
    pub payments: Option<PaymentSecrets>,
    /// From the files of `[ledger]`.
    pub redis: RedisLogin,
}

impl Settings {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// Every file that cannot be read, and every line that is no secret; texts of the files are not repeated.
    pub fn read_secrets(&self) -> Result<Secrets, ConfigFaults> {
        let mut faults = Vec::new();
        let mut secrets = Secrets::default();
        if let Some(path) = &self.http.tokens_file
            && let Some(text) = read("http.tokens_file", path, &mut faults)
        {
            secrets.api_tokens = tokens(path, &text, &mut faults);
        }
        if let Some(path) = &self.sip.nonce_key_file
            && let Some(text) = read("sip.nonce_key_file", path, &mut faults)
        {
            match text.trim() {
                key if key.chars().count() >= SECRET_CHARACTERS_MIN => secrets.nonce_key = Some(Secret::new(key)),
                _ => faults.push(Fault::new(format!("{}: the key is too short", path.display())).with_help(format!(
                    "at least {SECRET_CHARACTERS_MIN} characters, such as `openssl rand -hex 32` prints"
                ))),
            }
        }
        secrets.payments = self.read_payment_secrets(&mut faults);
        secrets.redis = self.read_redis_login(&mut faults);
        if faults.is_empty() { Ok(secrets) } else { Err(ConfigFaults { file: "secrets".to_owned(), faults }) }
    }
}

pub(crate) fn read(key: &str, path: &Path, faults: &mut Vec<Fault>) -> Option<String> {
    std::fs::read_to_string(path)
        .map_err(|error| {
            faults.push(
                Fault::new(format!("{key}: \"{}\" cannot be read: {error}", path.display()))
                    .with_help("name a file of UTF-8 text that the user of this process may read"),
            );
        })
        .ok()
}

fn tokens(path: &Path, text: &str, faults: &mut Vec<Fault>) -> Vec<ApiToken> {
    let mut tokens: Vec<ApiToken> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fault = |what: &str| {
            faults.push(
                Fault::new(format!("{}, line {}: {what}", path.display(), index + 1)).with_help(format!(
                    "a name, a space, and a token of at least {SECRET_CHARACTERS_MIN} characters, such as `openssl rand -hex 32` prints"
                )),
            );
        };
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, token] if token.chars().count() < SECRET_CHARACTERS_MIN => fault("the token is too short"),
            [name, _] if tokens.iter().any(|known| known.name == name) => fault("the name is taken already"),
            [_, _] if tokens.len() == TOKENS_MAX => {
                fault(&format!("more than {TOKENS_MAX} tokens"));
                return tokens;
            }
            [name, token] => tokens.push(ApiToken { name: name.to_owned(), secret: Secret::new(token) }),
            _ => fault("not a name and a token"),
        }
    }
    tokens
}
