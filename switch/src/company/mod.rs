//! What is decided of a company's own balance: what its profiles may take from it, and how it is recharged by payments.
//!
//! Profiles decide for themselves when they are recharged ([`crate::profile`]); balances are the ledger's.

mod liabilities;
pub mod paying;
mod recharge;

pub use liabilities::{Liabilities, liability};
pub use paying::Paying;
pub use recharge::{DAY, Decision, MONTH, Terms};
