//! Posting batches: accounts by name, identities derived from what a batch is about, and waiting for the answer.
//!
//! What the batches say is in the files beside; that nobody overdraws is the ledger's.

use crate::error::{Error, Result};
use crate::office::Office;
use domain::credit::{Account, Balance, Batch, Code, Durability, Holder, Kind, Outcome, Transfer, Unit};
use domain::{CompanyId, Currency, Micros, ProfileId};
use sha2::{Digest, Sha256};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long the disk may take before a request is answered 503: well above a stalled fsync, below a client's patience.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

pub(crate) const fn company_money(company: CompanyId, currency: Currency) -> Account {
    Account { company, holder: Holder::Company, unit: Unit::Money(currency) }
}

pub(crate) const fn world_money(company: CompanyId, currency: Currency) -> Account {
    Account { company, holder: Holder::World, unit: Unit::Money(currency) }
}

pub(crate) const fn profile_money(company: CompanyId, profile: ProfileId, currency: Currency) -> Account {
    Account { company, holder: Holder::Profile(profile), unit: Unit::Money(currency) }
}

pub(crate) const fn profile_channels(company: CompanyId, profile: ProfileId) -> Account {
    Account { company, holder: Holder::Profile(profile), unit: Unit::Channels }
}

pub(crate) const fn world_channels(company: CompanyId) -> Account {
    Account { company, holder: Holder::World, unit: Unit::Channels }
}

/// The subject of a batch: 128 bits that nothing else hashes to. Parts are separated, so that no two lists of parts are alike.
pub(crate) fn subject(parts: &[&str]) -> u128 {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    let digest: [u8; 32] = sha.finalize().into();
    digest[..16].iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

/// One movement.
pub(crate) fn post(debit: Account, credit: Account, amount: i64, code: Code) -> Transfer {
    Transfer { kind: Kind::Post { debit, credit, amount }, code }
}

/// What an account had after a batch; what it has now where the batch did not touch it.
pub(crate) fn after(balances: &[(Account, Balance)], account: Account) -> Option<Balance> {
    balances.iter().find(|(touched, _)| *touched == account).map(|(_, balance)| *balance)
}

/// In words: too little.
pub(crate) fn too_little(whose: &str, wanted: Micros, available: i64, currency: Currency, remedy: &str) -> Error {
    Error::InsufficientCredit(format!(
        "{whose} has {currency} {} available and {currency} {wanted} is asked for: {remedy}",
        Micros::new(available)
    ))
}

impl Office {
    /// Posts a batch and waits until it is durable. `Replayed` is unwrapped: who repeats gets the first outcome.
    pub(crate) fn submit(&self, batch: Batch) -> Outcome {
        let (sender, receiver) = sync_channel(1);
        // The receiver is gone where the answer took too long: the caller has been told so.
        let reply = Box::new(move |outcome| drop(sender.try_send(outcome)));
        self.inner.ledger.submit(batch, Durability::BeforeAnswer, reply);
        match receiver.recv_timeout(ANSWER_WITHIN) {
            Ok(Outcome::Replayed(first)) => *first,
            Ok(outcome) => outcome,
            Err(_) => Outcome::Unavailable,
        }
    }

    /// What an account has now.
    pub(crate) fn balance(&self, account: Account) -> Balance {
        self.inner.ledger.balance(account)
    }

    /// The balances after a batch that nothing can refuse but a fault of ours.
    pub(crate) fn applied(&self, batch: Batch) -> Result<Vec<(Account, Balance)>> {
        match self.submit(batch) {
            Outcome::Applied(balances) => Ok(balances),
            Outcome::Refused(refusal) => Err(Error::Internal(format!("the ledger refused: {:?}", refusal.because))),
            Outcome::Unavailable | Outcome::Replayed(_) => Err(Error::LedgerUnavailable),
        }
    }
}
