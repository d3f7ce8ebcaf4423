//! Where a number goes and what it costs: carriers in order, and the customer's tariff.
//!
//! Trying them is `call::hunting`'s; the arithmetic of a tariff is `rating`'s.

use crate::directory::{Carrier, Company, Directory};
use domain::E164;
use rating::Rate;
use std::sync::Arc;

/// Carriers tried for one call at most: what a call record is sized for ([`domain::credit::Batch::MEMO_BYTES_MAX`]).
pub const ATTEMPTS_MAX: usize = 20;

/// The enabled carriers that serve `number`, in the order in which they are tried: the longest prefix first, then by
/// priority, then by id; each once, at most [`ATTEMPTS_MAX`].
pub fn carriers(directory: &Directory, number: E164) -> Vec<Arc<Carrier>> {
    let _ = (directory, number);
    Vec::new()
}

/// What a call of this company to `number` costs; none where its deck does not cover the number, or counts in another currency.
pub fn rate(company: &Company, number: E164) -> Option<&Rate> {
    company.deck.as_deref().filter(|deck| deck.currency() == company.currency)?.lookup(number)
}
