//! What is decided of a company's own balance: what its profiles may take from it.
//!
//! Profiles decide for themselves when they are recharged ([`crate::profile`]); balances are the ledger's.

mod liabilities;

pub use liabilities::{Liabilities, liability};
