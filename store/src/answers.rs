//! What the API has answered, by token and `Idempotency-Key`, so that the same request is answered the same.
//!
//! That money moves once does not depend on this: the ledger's batch is named after the key. Here lie only the answers.

use crate::{Error, Result, Store, TokenId};
use domain::Wall;
use rusqlite::{OptionalExtension, params};

/// Characters of an `Idempotency-Key` at most.
pub const KEY_CHARS_MAX: usize = 255;
/// Bytes of an answer at most.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as it was sent.
    pub body: String,
}

fn check_key(key: &str) -> Result<()> {
    if (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(());
    }
    let problem = format!("expected 1 to {KEY_CHARS_MAX} printable ASCII characters");
    Err(Error::invalid("Idempotency-Key", problem))
}

impl Store {
    /// The answer that this token's request with this key was given, where there is one.
    ///
    /// # Errors
    /// [`Error::KeyReused`] where the key belongs to another request (by its hash); [`Error::Invalid`] (key).
    pub fn kept_answer(&self, token: TokenId, key: &str, request_sha256: [u8; 32]) -> Result<Option<KeptAnswer>> {
        check_key(key)?;
        let found: Option<([u8; 32], KeptAnswer)> = self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT request_sha256, status, body FROM api_answers WHERE token = ?1 AND key = ?2")?
                .query_row(params![token.number(), key], |row| {
                    Ok((row.get(0)?, KeptAnswer { status: row.get(1)?, body: row.get(2)? }))
                })
                .optional()?)
        })?;
        match found {
            Some((request, _)) if request != request_sha256 => Err(Error::KeyReused { key: key.to_owned() }),
            found => Ok(found.map(|(_, answer)| answer)),
        }
    }

    /// Keeps an answer, and returns the one to be sent: the first that was kept, should two requests have raced.
    ///
    /// # Errors
    /// As [`Store::kept_answer`]; [`Error::Invalid`] where the body is too long.
    pub fn keep_answer(
        &self,
        token: TokenId,
        key: &str,
        request_sha256: [u8; 32],
        answer: &KeptAnswer,
        at: Wall,
    ) -> Result<KeptAnswer> {
        check_key(key)?;
        if answer.body.len() > BODY_BYTES_MAX {
            return Err(Error::invalid("body", format!("expected at most {BODY_BYTES_MAX} bytes")));
        }
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO api_answers (token, key, request_sha256, status, body, at_us)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    token.number(),
                    key,
                    request_sha256,
                    answer.status,
                    answer.body,
                    at.as_unix_micros()
                ])?;
            Ok(())
        })?;
        let kept = self.kept_answer(token, key, request_sha256)?;
        Ok(kept.unwrap_or_else(|| answer.clone()))
    }

    /// Forgets answers older than `before`; returns how many.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn forget_answers(&self, before: Wall) -> Result<u64> {
        self.write(|transaction| {
            Ok(transaction.execute("DELETE FROM api_answers WHERE at_us < ?1", [before.as_unix_micros()])? as u64)
        })
    }
}
