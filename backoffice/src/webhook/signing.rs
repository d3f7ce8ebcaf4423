//! Signatures of deliveries, as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, timestamp and body, in base64.
//!
//! Secrets are kept by the store; who verifies is somebody else. Made of the HMAC that signs payments too: the crate of that name would
//! bring a second HMAC and its own types of time and headers for these thirty lines.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Wall;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header with the event's name: the same for every attempt.
pub const ID: &str = "webhook-id";
/// The header with the Unix seconds of the attempt.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, a space between them.
pub const SIGNATURE: &str = "webhook-signature";

/// What a secret begins with; what follows is base64.
const PREFIX: &str = "whsec_";
/// Bytes of a secret: between the 24 and 64 that are asked for.
pub const SECRET_BYTES: usize = 32;

/// A secret of these bytes, as it is shown.
pub fn secret_of(bytes: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

/// The signatures of one attempt, one under each secret.
pub fn signatures(secrets: &[String], id: &str, at: Wall, body: &str) -> String {
    let signed = |secret: &String| {
        let key = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        // HMAC takes keys of every length: the other arm is never reached.
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(format!("{id}.{}.{body}", at.as_unix_seconds()).as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.iter().map(signed).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn a_delivery_is_signed_as_the_specification_signs_its_example() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let at = Wall::from_unix_seconds(1_614_265_330);
        let made =
            signatures(std::slice::from_ref(&secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, "{\"test\": 2432232314}");
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two =
            signatures(&[secret_of(b"another"), secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, "{\"test\": 2432232314}");
        assert_eq!(two.split(' ').count(), 2);
        assert!(two.ends_with(&made));
    }
}
