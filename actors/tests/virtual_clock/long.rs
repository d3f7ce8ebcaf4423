//! A call of ten hours.

use domain::credit::Unit;
use domain::{Micros, ReleaseCause};
use ledger::{LineKind, Lines, StatementQuery};
use std::time::Duration;
use switch::directory::CallSettings;
use testkit::world::{Beginning, FIRST, World, ms_between};

const TEN_HOURS_S: u64 = 36_000;

/// Design 5: leases are extended while the call lives, and every tick is at its boundary (R1), to the microsecond.
#[test]
fn a_call_of_ten_hours_ends_at_its_longest_with_its_leases_extended_and_no_tick_adrift() {
    let settings = CallSettings { max_duration: Duration::from_secs(TEN_HOURS_S), ..CallSettings::default() };
    let mut world = World::new(Beginning { credit: 20_000_000, settings, ..Beginning::default() });
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    world.dial();
    world.run_s(2);
    let mut checked = 0;
    while world.agents[0].talk().is_up {
        world.run_s(7);
        if world.agents[0].talk().is_up {
            let holds = world.node.ledger().open_holds(Some(world.company), 100);
            assert_eq!(holds.len(), 2, "a channel and the next increment: {holds:?}");
            assert!(holds.iter().all(|hold| hold.until > world.now.wall), "no lease has run out: {holds:?}");
            checked += 1;
        }
    }
    assert!(checked > 5_000);
    let caller = world.agents[0].talk().clone();
    let lasted = ms_between(caller.answered_at.unwrap(), caller.bye_heard_at.expect("a BYE came"));
    assert_eq!(lasted, TEN_HOURS_S as i64 * 1_000);
    let record = world.record();
    assert_eq!(record.cause, ReleaseCause::MaxDuration);
    assert_eq!((record.billed_s, record.amount), (TEN_HOURS_S as u32, Micros::from_cents(1_200)));
    let answered = record.answered_at.unwrap();
    let query = StatementQuery {
        company: world.company,
        account: None,
        lines: Lines::All,
        before: None,
        after: 0,
        limit: 100_000,
    };
    let lines = world.node.ledger().statement(&query).unwrap().lines;
    let captures = lines.iter().filter(|line| line.kind == LineKind::Capture && line.debit.unit != Unit::Channels);
    let mut ticks: Vec<u64> = captures.map(|line| line.at.since(answered).as_micros() as u64).collect();
    ticks.reverse();
    let expected: Vec<u64> =
        std::iter::once(0).chain((30..TEN_HOURS_S).step_by(6).map(|second| second * 1_000_000)).collect();
    assert_eq!(ticks.len(), expected.len());
    assert_eq!(ticks, expected, "each tick is at its boundary");
    world.run_s(300);
    world.assert_all_is_over();
}
