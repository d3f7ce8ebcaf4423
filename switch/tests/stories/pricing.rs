//! Which version of a deck a call is charged by: what is in force at its admission, for as long as it lasts (R13).

use crate::town::*;
use crate::world::*;
use domain::call_control::LegId;
use domain::{Currency, Micros, Wall};
use rating::{Deck, Schedule};
use std::sync::Arc;
use std::time::Duration;
use switch::directory::Company;

/// When a story begins.
const BEGINNING: Wall = Wall::from_unix_seconds(1_800_000_000);

fn version(number: u32, rate: &str) -> Arc<Deck> {
    let csv = format!("prefix,destination,rate_per_minute\n44,United Kingdom,{rate}\n");
    Arc::new(Deck::parse_csv(csv.as_bytes(), Currency::USD, &format!("standard {number}")).unwrap())
}

/// The second version comes into force after 100 seconds.
fn world() -> World {
    let turns = vec![(BEGINNING, version(1, "0.02")), (BEGINNING + Duration::from_secs(100), version(2, "0.60"))];
    let company = Company { deck: Schedule::new(turns), ..company() };
    World::of(town().company(company).profile(profile(profile_id(), SIP_USER)), 1_000, 0)
}

/// A call that is billed as a minute and begins after so many microseconds: its deck and what it cost.
fn after(micros: u64) -> (String, Micros) {
    let mut world = world();
    world.advance(Duration::from_micros(micros));
    let call = world.answered_call(CALLEE);
    world.seconds(59);
    world.leg(call, LegId::CALLER, hung_up());
    let record = world.record(call);
    world.assert_books_closed();
    (record.priced.as_ref().unwrap().deck.to_string(), record.amount)
}

#[test]
fn a_call_at_the_instant_of_a_change_takes_the_version_that_is_in_force_then() {
    let (first, second) = (Micros::from_cents(2), Micros::from_cents(60));
    assert_eq!(after(0), ("standard 1".to_owned(), first));
    assert_eq!(after(99_999_999), ("standard 1".to_owned(), first), "it keeps the version that it began with");
    assert_eq!(after(100_000_000), ("standard 2".to_owned(), second), "by itself, and at its first instant");
}
