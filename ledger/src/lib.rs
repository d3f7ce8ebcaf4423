//! Credit that cannot be overdrawn: one trait, [`Ledger`], and the engines that keep it ([`memory`], [`sqlite`], [`redis`]).
//!
//! The words (accounts, transfers, batches) are `domain::credit`. Which batch to post, and when, is decided elsewhere: nothing
//! here knows what a call, a price or a subscription is.
//!
//! # The laws, the same for every engine
//!
//! 1. A batch is applied whole or not at all; its transfers take effect in order, each seeing the ones before it.
//! 2. A customer account never has less than zero available; a [`Post`](domain::credit::Kind::Post) of channels is the one exception (C11).
//! 3. Each unit of each company sums to zero over all its accounts.
//! 4. First the batch is looked at by itself, transfer by transfer: company, units, sign. Then its transfers are tried in order.
//!    The first transfer that fails names the refusal; within one transfer the order of [`RefusedBecause`](domain::credit::RefusedBecause) decides.
//! 5. Hold names belong to a company and are used once, for ever. A batch cannot see a hold of another company: it is not open.
//! 6. The balances in `Applied` are those whose balance a movement can change: both sides of a post or a capture, the debit
//!    side of a hold, release or extend.
//! 7. The same id with the same company and transfers is answered `Replayed`; with others, `DifferentBody`. What is remembered:
//!    every applied batch and every refused batch that was posted with `BeforeAnswer`, for ever, in the journal; a refused batch
//!    that was posted with `WithNextGroup`, as long as its subject has an open hold in its company (as long as the call lives).
//!    A malformed batch (`TooLarge` to `NegativeAmount`) is not remembered: asked again, it is refused again.
//!    A refused batch has no effect, so evaluating a forgotten one anew is safe.
//! 8. What was answered with `BeforeAnswer` survives a crash at any point.
//! 9. No balance leaves the engine's range ([`Ledger::balance_max`]): `Overflow`. `memory` and `sqlite` count to the end of `i64`,
//!    `redis` to 2^53 - 1.
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

mod api;
mod archive;
mod error;
pub mod memory;
pub mod redis;
pub mod sqlite;

pub use api::{
    ClosedHold, EndedListener, LISTENERS_MAX, Ledger, LineKind, Lines, MemoKind, OpenHold, Reply, StatementLine,
    StatementPage, StatementQuery, Totals, Unfinished, UnitTotals, Unjournalled, Verification,
};
pub use archive::{Archive, Mark, MemoryArchive, Mention, Segment, Trim, Trimmed};
pub use error::Error;
