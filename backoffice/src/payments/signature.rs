//! Signatures of what goes to a payment provider and of what comes from it: HMAC-SHA256 over a timestamp and the body.
//!
//! `Tandem-Timestamp` is the Unix time in seconds; `Tandem-Signature` is `v1=` and the hexadecimal HMAC of the timestamp's digits, a
//! dot, and the body. Who has taken which message before is not known here.

use domain::Wall;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

/// The header with the time.
pub const TIMESTAMP: &str = "tandem-timestamp";
/// The header with the signature.
pub const SIGNATURE: &str = "tandem-signature";
/// How old a message may be, and how far in the future; longer than clocks that are set differ, shorter than a log is kept.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The headers are missing or of another form.
    #[error(
        "Tandem-Timestamp and Tandem-Signature are needed: Unix seconds, and v1= with the hexadecimal HMAC-SHA256 of timestamp, dot, body"
    )]
    Unsigned,
    /// The HMAC is another.
    #[error("the signature is not that of this timestamp and body under our secret")]
    Wrong,
    /// Too old, or from the future.
    #[error("the timestamp is more than 300 s from the time here: sign anew, or set the clock")]
    Stale,
}

/// The secret that a provider and this node share.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

/// Never prints the secret.
impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// The key of this secret; of any length.
    pub fn new(secret: &str) -> SigningKey {
        // HMAC takes keys of every length: the other arm is never reached, and would believe nobody.
        SigningKey(Hmac::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    fn over(&self, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }

    /// Both headers' values for a message of now.
    pub fn sign(&self, body: &[u8], now: Wall) -> (String, String) {
        let timestamp = now.as_unix_seconds().to_string();
        let code = self.over(&timestamp, body).finalize().into_bytes();
        let digits: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        (timestamp, format!("v1={digits}"))
    }

    /// Passes what was signed with this key, lately.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn verify(&self, timestamp: &str, signature: &str, body: &[u8], now: Wall) -> Result<(), Forged> {
        let seconds: i64 = timestamp.parse().map_err(|_| Forged::Unsigned)?;
        let code = signature.strip_prefix("v1=").and_then(bytes_of).ok_or(Forged::Unsigned)?;
        self.over(timestamp, body).verify_slice(&code).map_err(|_| Forged::Wrong)?;
        let apart = now.as_unix_seconds().abs_diff(seconds);
        if apart > TOLERANCE.as_secs() { Err(Forged::Stale) } else { Ok(()) }
    }
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks_exact(2);
    if digits.len() != 64 || !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall::from_unix_seconds(1_800_000_000);

    #[test]
    fn what_is_signed_is_believed_for_five_minutes_and_nothing_else_is() {
        let key = SigningKey::new("a secret of this test");
        let (timestamp, signature) = key.sign(b"{}", NOON);
        for seconds in [0, 299, 300] {
            assert_eq!(key.verify(&timestamp, &signature, b"{}", NOON + Duration::from_secs(seconds)), Ok(()));
            assert_eq!(key.verify(&timestamp, &signature, b"{}", NOON - Duration::from_secs(seconds)), Ok(()));
        }
        let later = NOON + Duration::from_secs(301);
        assert_eq!(key.verify(&timestamp, &signature, b"{}", later), Err(Forged::Stale));
        assert_eq!(key.verify(&timestamp, &signature, b"{ }", NOON), Err(Forged::Wrong));
        let another = later.as_unix_seconds().to_string();
        assert_eq!(key.verify(&another, &signature, b"{}", later), Err(Forged::Wrong), "the time is signed too");
        let other = SigningKey::new("another secret");
        assert_eq!(other.verify(&timestamp, &signature, b"{}", NOON), Err(Forged::Wrong));
    }

    #[test]
    fn what_is_no_signature_is_said_to_be_none() {
        let key = SigningKey::new("s");
        let (timestamp, signature) = key.sign(b"", NOON);
        let cut = &signature[..signature.len() - 1];
        for (timestamp, signature) in [("", &*signature), ("1e9", &signature), (&timestamp, cut), (&timestamp, "")] {
            assert_eq!(key.verify(timestamp, signature, b"", NOON), Err(Forged::Unsigned), "{timestamp} {signature}");
        }
        // RFC 4231, test case 2, with the dot that we put between the parts.
        let known = SigningKey::new("Jefe").over("what do ya want", b"for nothing?").finalize().into_bytes();
        assert_eq!(known.len(), 32);
    }
}
