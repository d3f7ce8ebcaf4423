//! How long the hot path takes: the longest prefix among 100,000, a price, a block. Run with `cargo bench -p rating`.
//!
//! It prints and judges: it fails where a look-up or a price takes far longer than a call can afford.

use domain::{Currency, E164, Entropy};
use rating::Deck;
use std::hint::black_box;
use std::time::Duration;

const PREFIXES: usize = 100_000;
const NUMBERS: usize = 65_536;
const ROUNDS: usize = 3_000_000;
/// What a look-up and a price may take, generously: a call makes one of the first and one of the second every six seconds.
const LIMIT_NS: u128 = 1_000;

fn main() {
    let mut entropy = Entropy::from_seed([1; 16]);
    let mut prefixes = std::collections::BTreeSet::new();
    while prefixes.len() < PREFIXES {
        let digits = 1 + entropy.below(9) as usize;
        let value = 1_000_000_000 + entropy.below(8_999_999_999);
        prefixes.insert(value.to_string()[..digits].to_owned());
    }
    let mut csv = String::from("prefix,destination,rate_per_minute\n");
    for prefix in &prefixes {
        csv.push_str(&format!("{prefix},Area {},0.0{}\n", &prefix[..1], 1 + entropy.below(99)));
    }
    let mut deck = None;
    let reading = timed(|| deck = Deck::parse_csv(csv.as_bytes(), Currency::USD, "bench").ok());
    let Some(deck) = deck else { return eprintln!("the deck was refused") };
    println!("read {} prefixes: {} ms", deck.len(), reading.as_millis());

    let numbers: Vec<E164> = (0..NUMBERS)
        .filter_map(|_| E164::from_digits((100_000_000_000 + entropy.below(899_999_999_999)).to_string().as_bytes()))
        .collect();
    report("lookup", ROUNDS, |round| {
        black_box(deck.lookup(black_box(numbers[round % NUMBERS])));
    });
    let tariff = deck.rates()[0].tariff;
    report("price", ROUNDS, |round| {
        black_box(black_box(&tariff).price(black_box(30 + 6 * (round as u32 % 600))));
    });
    report("next_block", ROUNDS, |round| {
        black_box(black_box(&tariff).next_block(black_box(30 + 6 * (round as u32 % 600))));
    });
    report("billed_seconds", ROUNDS, |round| {
        black_box(black_box(&tariff).billed_seconds(black_box(Duration::from_millis(round as u64))));
    });
}

fn report(name: &str, rounds: usize, mut work: impl FnMut(usize)) {
    let took = timed(|| (0..rounds).for_each(&mut work));
    let each = took.as_nanos() / rounds as u128;
    println!("{name}: {each} ns");
    assert!(each < LIMIT_NS, "{name} takes {each} ns, at most {LIMIT_NS} are permitted");
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures the real clock")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = std::time::Instant::now();
    work();
    start.elapsed()
}
