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
    let digits = number.digits();
    let by_prefix = (1..=digits.as_str().len()).rev().filter_map(|length| digits.as_str()[..length].parse().ok());
    let serving =
        by_prefix.flat_map(|prefix| directory.carriers_for(prefix)).chain(directory.carriers_for_everything());
    let mut chosen: Vec<Arc<Carrier>> = Vec::new();
    for carrier in serving {
        if chosen.len() == ATTEMPTS_MAX {
            break;
        }
        if !chosen.iter().any(|known| known.id == carrier.id) {
            chosen.push(carrier.clone());
        }
    }
    chosen
}

/// What a call of this company to `number` costs; none where its deck does not cover the number, or counts in another currency.
pub fn rate(company: &Company, number: E164) -> Option<&Rate> {
    company.deck.as_deref().filter(|deck| deck.currency() == company.currency)?.lookup(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{CarrierId, Prefix};

    fn carrier(id: u128, prefixes: &[&str], priority: u32, enabled: bool) -> Carrier {
        Carrier {
            id: CarrierId::from_bits(id),
            name: format!("carrier{id}").into(),
            prefixes: prefixes.iter().map(|prefix| prefix.parse::<Prefix>().unwrap()).collect(),
            priority,
            progress_timeout: None,
            failover: None,
            sources: Vec::new(),
            srtp: Default::default(),
            enabled,
        }
    }

    /// O1.
    #[test]
    fn the_longest_prefix_goes_first_and_then_the_priority() {
        let (directory, faults) = Directory::builder()
            .carrier(carrier(1, &[], 1, true))
            .carrier(carrier(2, &["44", "1"], 9, true))
            .carrier(carrier(3, &["44", "4420"], 5, true))
            .carrier(carrier(4, &["4420"], 5, true))
            .carrier(carrier(5, &["4420"], 1, false))
            .carrier(carrier(6, &["4420"], 2, true))
            .build();
        assert!(faults.is_empty());
        let order = |number: &str| -> Vec<u128> {
            carriers(&directory, number.parse().unwrap()).iter().map(|carrier| carrier.id.bits()).collect()
        };
        assert_eq!(order("+442079460123"), [6, 3, 4, 2, 1]);
        assert_eq!(order("+441619460123"), [3, 2, 1]);
        assert_eq!(order("+12025550123"), [2, 1]);
        assert_eq!(order("+33155501234"), [1]);
    }

    #[test]
    fn no_more_carriers_are_chosen_than_a_record_can_hold() {
        let builder =
            (0..50).fold(Directory::builder(), |builder, id| builder.carrier(carrier(id, &[], id as u32, true)));
        assert_eq!(carriers(&builder.build().0, "+12025550123".parse().unwrap()).len(), ATTEMPTS_MAX);
    }
}
