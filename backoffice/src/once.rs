//! Orders that move money: done once for each `Idempotency-Key`, and answered the same ever after.
//!
//! That money moves once does not depend on the kept answer: the ledger's batch is named after the key.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::posting::subject;
use crate::problem::ProblemKind;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::time::Duration;
use store::KeptAnswer;
use store::answers::KEY_CHARS_MAX;

/// How long answers are kept. An order that is repeated later still moves nothing: its batch has the same name.
pub const ANSWERS_KEPT_FOR: Duration = Duration::from_hours(24);

/// The key of a request that moves money, and what the request was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    key: String,
    request_sha256: [u8; 32],
}

impl Order {
    /// An order under this key; `request` is everything that makes it this request: method, path, body.
    ///
    /// # Errors
    /// [`Error::KeyRequired`], [`Error::KeyInvalid`].
    pub fn new(key: Option<&str>, request: &[&[u8]]) -> Result<Order> {
        let key = key.ok_or(Error::KeyRequired)?;
        if !(1..=KEY_CHARS_MAX).contains(&key.len()) || !key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(Error::KeyInvalid(format!("expected 1 to {KEY_CHARS_MAX} printable ASCII characters")));
        }
        let mut sha = Sha256::new();
        for part in request {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part);
        }
        Ok(Order { key: key.to_owned(), request_sha256: sha.finalize().into() })
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// The answer of an order: the first that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The HTTP status.
    pub status: u16,
    /// JSON: a problem where the status is 400 or more.
    pub body: String,
}

impl Office {
    /// Forgets answers that are older than [`ANSWERS_KEPT_FOR`], so that their table does not grow for ever; returns how many. To be
    /// called every hour or so.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn forget_old_answers(&self) -> Result<u64> {
        Ok(self.store().forget_answers(self.wall() - ANSWERS_KEPT_FOR)?)
    }

    /// Does an order, or gives the answer that it was given before. What is final is kept: done, or refused for want of credit.
    /// `run` gets the subject that its batches are to be named after.
    pub(crate) fn once<T: Serialize>(
        &self,
        caller: &Caller,
        order: &Order,
        run: impl FnOnce(u128) -> Result<T>,
    ) -> Result<Given> {
        if let Some(kept) = self.store().kept_answer(caller.token, &order.key, order.request_sha256)? {
            return Ok(given(kept));
        }
        let name = subject(&["order", &caller.token.to_string(), &order.key]);
        let reuse = |error| match error {
            // The ledger knows the key with another batch, and the answer was lost in a crash.
            Error::KeyReused(_) => Error::KeyReused(order.key.clone()),
            other => other,
        };
        let answer = match run(name).map_err(reuse) {
            Ok(value) => KeptAnswer { status: 200, body: json(&value)? },
            Err(refused) if refused.kind() == ProblemKind::InsufficientCredit => {
                KeptAnswer { status: refused.kind().status(), body: json(&refused.problem())? }
            }
            Err(error) => return Err(error),
        };
        let kept = self.store().keep_answer(caller.token, &order.key, order.request_sha256, &answer, self.wall())?;
        Ok(given(kept))
    }
}

fn given(kept: KeptAnswer) -> Given {
    Given { status: kept.status, body: kept.body }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Internal(format!("an answer is no JSON: {error}")))
}
