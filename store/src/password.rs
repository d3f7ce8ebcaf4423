//! SIP passwords (P3, P5, S11): made here only, sealed, and shown with an audit row.
//!
//! Digest arithmetic does not live here: HA1 hashes are computed by who knows the realm.

use crate::{Error, Result, Signed, Store, audit};
use domain::ProfileId;
use rusqlite::{OptionalExtension, params};
use std::fmt;

/// Characters of a password: a letter and 13 of 62 are 83 bits (P3 asks for at least 80).
pub const LENGTH: usize = 14;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The letters stand first.
const LETTERS: usize = 52;

/// A SIP password in the clear. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password, to be shown to who may see it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A new password, every character equally likely. It begins with a letter: what begins with a digit is taken for a number by some who read it,
    /// and SIPp takes `0x...` for hexadecimal.
    pub(crate) fn make(random: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut text = String::with_capacity(LENGTH);
        let mut bytes = [0u8; 32];
        while text.len() < LENGTH {
            random(&mut bytes);
            for byte in bytes {
                let of = if text.is_empty() { LETTERS } else { ALPHABET.len() };
                text.extend(drawn(byte, of).filter(|_| text.len() < LENGTH));
            }
        }
        Password(text)
    }

    /// One that somebody else has made, and tells us.
    pub fn told(text: String) -> Self {
        Password(text)
    }

    pub(crate) fn from_sealed(text: String) -> Self {
        Password(text)
    }
}

/// One of so many characters, each of them equally likely; none for a byte above the largest multiple of their number.
fn drawn(byte: u8, of: usize) -> Option<char> {
    let byte = usize::from(byte);
    (byte < 256 / of * of).then(|| char::from(ALPHABET[byte % of]))
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The hashes of `user:realm:password` that digest authentication needs (RFC 7616 3.4.2). As secret as the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    /// By MD5.
    pub md5: [u8; 16],
    /// By SHA-256.
    pub sha256: [u8; 32],
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1")
    }
}

/// Computes the hashes of a SIP user and password in the realm that the caller knows.
pub type Ha1Maker<'a> = &'a dyn Fn(&str, &Password) -> Ha1;

impl Store {
    /// The password of a profile (P5), noted in the audit.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::SealingKey`] where it cannot be unsealed.
    pub fn reveal_password(&self, profile: ProfileId, signed: Signed<'_>) -> Result<Password> {
        self.write(|transaction| {
            let sealed: Vec<u8> = transaction
                .prepare_cached("SELECT sealed_password FROM profiles WHERE id = ?1")?
                .query_row([profile.to_string()], |row| row.get(0))
                .optional()?
                .ok_or_else(|| Error::not_found("profile", profile))?;
            let password = self.key.unseal(&profile.to_string(), &sealed)?;
            audit::write(transaction, signed, "password_revealed", &profile.to_string(), "")?;
            Ok(Password::from_sealed(password))
        })
    }

    /// Gives a profile a new password (S11) and returns it; the old one is worthless at once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn renew_password(&self, profile: ProfileId, ha1: Ha1Maker<'_>, signed: Signed<'_>) -> Result<Password> {
        self.change(signed, "password_renewed", profile, "", |transaction| {
            let user: String = transaction
                .prepare_cached("SELECT sip_user FROM profiles WHERE id = ?1")?
                .query_row([profile.to_string()], |row| row.get(0))
                .optional()?
                .ok_or_else(|| Error::not_found("profile", profile))?;
            let mut random = self.random.lock();
            let password = Password::make(&mut *random);
            let sealed = self.key.seal(&profile.to_string(), password.reveal(), &mut *random)?;
            let hashes = ha1(&user, &password);
            transaction.execute(
                "UPDATE profiles SET ha1_md5 = ?2, ha1_sha256 = ?3, sealed_password = ?4 WHERE id = ?1",
                params![profile.to_string(), hashes.md5, hashes.sha256, sealed],
            )?;
            Ok(password)
        })
    }

    /// Makes every HA1 fit `realm`: computes all of them anew where the realm is another than at the last call, else does
    /// nothing. Returns how many were computed. To be called at every start, before the first snapshot.
    ///
    /// # Errors
    /// [`Error::SealingKey`], [`Error::Database`].
    pub fn ensure_realm(&self, realm: &str, ha1: Ha1Maker<'_>, signed: Signed<'_>) -> Result<u64> {
        let known: Option<String> = self.read(|connection| {
            Ok(connection.query_row("SELECT value FROM meta WHERE name = 'realm'", [], |row| row.get(0)).optional()?)
        })?;
        if known.as_deref() == Some(realm) {
            return Ok(0);
        }
        self.change(signed, "realm_changed", "realm", realm, |transaction| {
            let mut statement = transaction.prepare("SELECT id, sip_user, sealed_password FROM profiles")?;
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<Vec<(String, String, Vec<u8>)>>>()?;
            for (id, user, sealed) in &rows {
                let hashes = ha1(user, &Password::from_sealed(self.key.unseal(id, sealed)?));
                transaction
                    .prepare_cached("UPDATE profiles SET ha1_md5 = ?2, ha1_sha256 = ?3 WHERE id = ?1")?
                    .execute(params![id, hashes.md5, hashes.sha256])?;
            }
            transaction.execute("INSERT OR REPLACE INTO meta VALUES ('realm', ?1)", [realm])?;
            Ok(rows.len() as u64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// P3.
    #[test]
    fn a_password_begins_with_a_letter_and_its_characters_are_equally_likely() {
        let mut state = 1_u64;
        let mut chance = |bytes: &mut [u8]| {
            for byte in bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = (state >> 56) as u8;
            }
        };
        for _ in 0..10_000 {
            let password = Password::make(&mut chance);
            let text = password.reveal();
            assert_eq!(text.len(), LENGTH);
            assert!(text.starts_with(|first: char| first.is_ascii_alphabetic()), "{text}");
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        }
        for of in [LETTERS, ALPHABET.len()] {
            let mut counts = BTreeMap::<char, u32>::new();
            (0..=u8::MAX).filter_map(|byte| drawn(byte, of)).for_each(|drawn| *counts.entry(drawn).or_default() += 1);
            assert_eq!(counts.len(), of);
            assert!(counts.values().all(|count| *count == 4), "{counts:?}");
        }
    }
}
