//! Where a number goes and what it costs: carriers in order, and the customer's tariff.
//!
//! Trying them is `call::hunting`'s, whether one has room its own (`carrier`); the arithmetic of a tariff is `rating`'s.

use crate::directory::{Carrier, Company, Directory, RouteOrder};
use domain::{Currency, E164, Entropy, Micros, Wall};
use rating::{Deck, Rate};
use std::cmp::Reverse;
use std::sync::Arc;

/// Carriers tried for one call at most: what a call record is sized for ([`domain::credit::Batch::MEMO_BYTES_MAX`]).
pub const ATTEMPTS_MAX: usize = 20;

/// A carrier that serves a number, and what decides its place.
struct Serving {
    carrier: Arc<Carrier>,
    /// Digits of the prefix by which it serves the number; 0 where it serves every number.
    precision: usize,
    /// What it asks for a minute, its fee included.
    price: Option<Micros>,
}

impl Serving {
    /// Those with one rank are equal, and share by weight.
    fn rank(&self, order: RouteOrder) -> (Reverse<usize>, (bool, Option<Micros>), u32) {
        match order {
            RouteOrder::Priority => (Reverse(self.precision), (false, None), self.carrier.priority),
            RouteOrder::Price => (Reverse(0), self.dearness(), self.carrier.priority),
        }
    }

    /// Whoever has no price comes last.
    fn dearness(&self) -> (bool, Option<Micros>) {
        (self.price.is_none(), self.price)
    }
}

/// The enabled carriers that serve `number`, in the order in which they are tried (O1), each once, at most [`ATTEMPTS_MAX`]:
/// the longest prefix first, then by priority; or the cheapest first. Those that are equal so far share by weight, drawn from
/// `chance`; those without weight follow, by price, then id. Prices are those in force at `at`.
pub fn carriers(
    directory: &Directory,
    number: E164,
    currency: Currency,
    at: Wall,
    chance: &mut Entropy,
) -> Vec<Arc<Carrier>> {
    let order = directory.settings().route_order;
    let mut serving = serving(directory, number, currency, at);
    serving.sort_by_key(|it| (it.rank(order), it.carrier.weight == 0, it.dearness(), it.carrier.id));
    let mut chosen = Vec::with_capacity(serving.len().min(ATTEMPTS_MAX));
    let mut rest = serving.as_slice();
    while let Some(first) = rest.first().filter(|_| chosen.len() < ATTEMPTS_MAX) {
        let rank = first.rank(order);
        let equals = rest.iter().take_while(|other| other.rank(order) == rank).count();
        let (group, others) = rest.split_at(equals);
        let weighted = group.iter().take_while(|other| other.carrier.weight > 0).count();
        chosen.extend(drawn(&group[..weighted], chance));
        chosen.extend(group[weighted..].iter().map(|other| Arc::clone(&other.carrier)));
        rest = others;
    }
    chosen.truncate(ATTEMPTS_MAX);
    chosen
}

/// Every enabled carrier that serves the number, with its longest prefix for it.
fn serving(directory: &Directory, number: E164, currency: Currency, at: Wall) -> Vec<Serving> {
    let digits = number.digits();
    let by_prefix = (1..=digits.as_str().len()).rev().filter_map(|length| {
        let prefix = digits.as_str()[..length].parse().ok()?;
        Some((length, directory.carriers_for(prefix)))
    });
    let mut serving: Vec<Serving> = Vec::new();
    for (precision, carriers) in by_prefix.chain([(0, directory.carriers_for_everything())]) {
        for carrier in carriers {
            if !serving.iter().any(|known| known.carrier.id == carrier.id) {
                let price = carrier.cost(number, currency, at).map(a_minute);
                serving.push(Serving { carrier: Arc::clone(carrier), precision, price });
            }
        }
    }
    serving
}

/// All of them, one after the other as their weights have it (RFC 2782).
fn drawn(equals: &[Serving], chance: &mut Entropy) -> Vec<Arc<Carrier>> {
    let mut left: Vec<&Arc<Carrier>> = equals.iter().map(|it| &it.carrier).collect();
    let mut drawn = Vec::with_capacity(left.len());
    while left.len() > 1 {
        let mut lot = chance.below(left.iter().map(|carrier| u64::from(carrier.weight)).sum());
        let index = left.iter().position(|carrier| {
            let weight = u64::from(carrier.weight);
            let is_hit = lot < weight;
            lot = lot.saturating_sub(weight);
            is_hit
        });
        drawn.push(Arc::clone(left.remove(index.unwrap_or_default())));
    }
    drawn.extend(left.into_iter().cloned());
    drawn
}

/// What the first minute costs: the fee and a minute's price, as the deck wrote them.
fn a_minute(rate: &Rate) -> Micros {
    rate.tariff.rate_per_minute() + rate.tariff.connection_fee()
}

/// Whether a call sold at `sold` to `number` would lose money at this carrier. Not where the carrier's price is not known.
pub fn is_at_a_loss(carrier: &Carrier, number: E164, sold: &Rate, at: Wall) -> bool {
    carrier.cost(number, sold.tariff.currency(), at).is_some_and(|bought| a_minute(bought) > a_minute(sold))
}

/// What a call of this company to `number` costs that is admitted at this instant, and by which deck; none where the one in force does not
/// cover the number, or counts in another currency.
pub fn rate(company: &Company, number: E164, at: Wall) -> Option<(&Rate, &Deck)> {
    let deck = company.deck.at(at).filter(|deck| deck.currency() == company.currency)?;
    Some((deck.lookup(number)?, deck))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Builder, CallSettings};
    use domain::{CarrierId, Prefix};
    use rating::Deck;

    const NOON: Wall = Wall::from_unix_seconds(1_795_348_800);

    fn carrier(id: u128, prefixes: &[&str], priority: u32, enabled: bool) -> Carrier {
        let prefixes = prefixes.iter().map(|prefix| prefix.parse::<Prefix>().unwrap()).collect();
        Carrier { prefixes, priority, enabled, ..Carrier::new(CarrierId::from_bits(id), format!("carrier{id}")) }
    }

    fn priced(id: u128, priority: u32, weight: u16, price: &str) -> Carrier {
        let csv = format!("prefix,destination,rate_per_minute\n44,United Kingdom,{price}\n");
        let deck = Deck::parse_csv(csv.as_bytes(), Currency::USD, "buy").unwrap();
        Carrier { weight, buy_deck: deck.into(), ..carrier(id, &[], priority, true) }
    }

    fn order(builder: Builder, number: &str, seed: u8) -> Vec<u128> {
        let (directory, faults) = builder.build();
        assert!(faults.is_empty());
        let mut chance = Entropy::from_seed([seed; 16]);
        let chosen = carriers(&directory, number.parse().unwrap(), Currency::USD, NOON, &mut chance);
        chosen.iter().map(|carrier| carrier.id.bits()).collect()
    }

    const LONDON: &str = "+442079460123";

    /// O1.
    #[test]
    fn the_longest_prefix_goes_first_and_then_the_priority() {
        let town = || {
            Directory::builder()
                .carrier(carrier(1, &[], 1, true))
                .carrier(carrier(2, &["44", "1"], 9, true))
                .carrier(carrier(3, &["44", "4420"], 5, true))
                .carrier(carrier(4, &["4420"], 5, true))
                .carrier(carrier(5, &["4420"], 1, false))
                .carrier(carrier(6, &["4420"], 2, true))
        };
        assert_eq!(order(town(), LONDON, 1), [6, 3, 4, 2, 1]);
        assert_eq!(order(town(), "+441619460123", 1), [3, 2, 1]);
        assert_eq!(order(town(), "+12025550123", 1), [2, 1]);
        assert_eq!(order(town(), "+33155501234", 1), [1]);
    }

    #[test]
    fn no_more_carriers_are_chosen_than_a_record_can_hold() {
        let builder =
            (0..50).fold(Directory::builder(), |builder, id| builder.carrier(carrier(id, &[], id as u32, true)));
        assert_eq!(order(builder, "+12025550123", 1).len(), ATTEMPTS_MAX);
    }

    /// RFC 2782: 70 to 20 to 10 among equals, and who has no weight is tried last.
    #[test]
    fn carriers_of_one_priority_share_the_calls_by_their_weights() {
        let weighted = |id, weight| Carrier { weight, ..carrier(id, &[], 5, true) };
        let (directory, _) = Directory::builder()
            .carrier(weighted(1, 70))
            .carrier(weighted(2, 20))
            .carrier(weighted(3, 10))
            .carrier(weighted(4, 0))
            .carrier(carrier(5, &[], 9, true))
            .build();
        let mut chance = Entropy::from_seed([42; 16]);
        let mut firsts = [0; 4];
        for _ in 0..10_000 {
            let chosen = carriers(&directory, LONDON.parse().unwrap(), Currency::USD, NOON, &mut chance);
            let ids: Vec<u128> = chosen.iter().map(|carrier| carrier.id.bits()).collect();
            assert_eq!((ids.len(), &ids[3..]), (5, &[4, 5][..]));
            firsts[ids[0] as usize] += 1;
        }
        for (id, share) in [(1, 7_000), (2, 2_000), (3, 1_000)] {
            assert!((share - 200..=share + 200).contains(&firsts[id]), "seed 42: {firsts:?}");
        }
    }

    #[test]
    fn the_cheaper_of_two_equals_is_tried_first_and_who_has_no_price_last() {
        let town = Directory::builder()
            .carrier(carrier(1, &[], 5, true))
            .carrier(priced(2, 5, 0, "0.03"))
            .carrier(priced(3, 5, 0, "0.02"))
            .carrier(priced(4, 1, 0, "0.09"));
        assert_eq!(order(town, LONDON, 1), [4, 3, 2, 1]);
    }

    #[test]
    fn by_price_the_cheapest_goes_first_whatever_its_priority_and_prefix() {
        let settings = CallSettings { route_order: RouteOrder::Price, ..CallSettings::default() };
        let town = Directory::builder()
            .settings(settings)
            .carrier(carrier(1, &["4420"], 1, true))
            .carrier(priced(2, 1, 0, "0.03"))
            .carrier(priced(3, 9, 0, "0.02"))
            .carrier(priced(4, 2, 0, "0.03"));
        assert_eq!(order(town, LONDON, 1), [3, 2, 4, 1]);
    }

    #[test]
    fn a_carrier_that_costs_more_than_the_call_is_sold_for_is_at_a_loss() {
        let csv = "prefix,destination,rate_per_minute\n44,United Kingdom,0.02\n";
        let sold = Deck::parse_csv(csv.as_bytes(), Currency::USD, "sell").unwrap();
        let number: E164 = LONDON.parse().unwrap();
        let sold = sold.lookup(number).unwrap();
        for (price, is_loss) in [("0.019", false), ("0.02", false), ("0.0201", true)] {
            assert_eq!(is_at_a_loss(&priced(1, 1, 0, price), number, sold, NOON), is_loss, "{price}");
        }
        assert!(!is_at_a_loss(&carrier(1, &[], 1, true), number, sold, NOON));
    }
}
