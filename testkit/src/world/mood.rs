//! How the ledger behaves towards a node. What a node makes of it is in `node`.

#[allow(unused_imports, reason = "the docs name it")]
use domain::credit::Outcome;
use std::time::Duration;

/// How a ledger behaves: the embedded one answers at once, one on another machine may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mood {
    /// How long an answer may take at most.
    pub late: Duration,
    /// Of a thousand batches, how many are not done and answered [`Outcome::Unavailable`].
    pub away_permille: u64,
    /// Of a thousand batches, how many are done although the answer is [`Outcome::Unavailable`].
    pub cut_permille: u64,
    /// Whether it answers nobody: no batch is done, and each is answered [`Outcome::Unavailable`].
    pub is_gone: bool,
    /// Whether the ledger itself has trouble with its server; nothing is falsified for that.
    pub is_shaky: bool,
}
