//! The process is killed at any moment, and started again from what the SQLite journal has.

use actors::{Recovered, recover};
use domain::credit::Unit;
use domain::{Entropy, ReleaseCause};
use ledger::Ledger;
use ledger::sqlite::{Settings, SqliteLedger};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use testkit::world::{Beginning, FIRST, SECOND, Weather, World, seeds};

fn open(path: &Path) -> Arc<SqliteLedger> {
    Arc::new(SqliteLedger::open(Settings::new(path)).unwrap())
}

/// The node dies as a killed process does; the PBX and the carriers live on.
fn kill(world: &mut World, ledger: Arc<SqliteLedger>) {
    let nothing: Arc<dyn Ledger> = Arc::new(ledger::memory::MemoryLedger::new());
    world.replace_node(nothing);
    let alone = Arc::try_unwrap(ledger).unwrap_or_else(|_| panic!("somebody else has the ledger"));
    alone.abandon();
}

fn subjects_with_holds(world: &World) -> BTreeSet<u128> {
    let holds = world.node.ledger().open_holds(Some(world.company), 1_000);
    holds.iter().filter(|hold| hold.debit.unit == Unit::Channels).map(|hold| hold.hold.subject).collect()
}

fn crash(seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let mut chance = Entropy::from_seed(u128::from(seed + 5_000).to_le_bytes());
    let weather = Weather { jitter: Duration::from_millis(30), ..Weather::FAIR };
    let ledger = open(&path);
    let beginning = Beginning { seed, channels: 20, weather, ..Beginning::default() };
    let mut world = World::with_ledger(beginning, Arc::clone(&ledger) as Arc<dyn Ledger>);
    world.carrier_answers(FIRST, &[(0, 100), (500, 180), (4_000, 200)]);
    world.carrier_answers(SECOND, &[(0, 180), (1_000, 200)]);
    for _ in 0..15 {
        world.dial();
        world.run_for(Duration::from_millis(chance.below(9_000)));
        if chance.below(3) == 0 {
            let now = world.now.monotonic;
            let calls: Vec<String> = world.agents[0].talks.keys().cloned().collect();
            let call = &calls[chance.below(calls.len() as u64) as usize];
            world.pbx().give_up(call, now);
            world.post();
        }
    }
    // A group is journalled after some milliseconds: what is older is safe, what is younger may be lost. Every third time the
    // disk was stuck for longer than that: whatever it had is a beginning of the story, and must be as consistent.
    let is_stuck = seed % 3 == 2;
    let (mut ended, mut up) = (BTreeSet::new(), BTreeSet::new());
    if !is_stuck {
        world.node.ledger().flush().unwrap();
        ended = world.records().iter().map(|record| record.id.bits()).collect();
        up = subjects_with_holds(&world);
        assert!(!up.is_empty(), "calls are up when the process is killed");
        world.run_for(Duration::from_micros(chance.below(5_000)));
    }
    kill(&mut world, ledger);
    world.run_for(Duration::from_millis(chance.below(20_000)));

    let ledger = open(&path);
    let shared = Arc::clone(&ledger) as Arc<dyn Ledger>;
    let recovered = recover(&shared, world.now).unwrap();
    world.replace_node(shared);
    world.assert_money_is_settled();
    let records = world.records();
    let known: BTreeSet<u128> = records.iter().map(|record| record.id.bits()).collect();
    assert_eq!(known.len(), records.len(), "no call has two records");
    assert!(known.is_superset(&up) && known.is_superset(&ended), "every call that was up or over has its record");
    let restarted = records.iter().filter(|record| record.cause == ReleaseCause::SwitchRestarted);
    assert_eq!(restarted.clone().count() as u64, recovered.calls);
    assert_eq!(restarted.map(|record| record.amount).sum::<domain::Micros>(), recovered.charged);
    assert!(recovered.holds >= recovered.calls && recovered.calls as usize >= up.difference(&ended).count().min(1));

    // A second start changes nothing, whether the first one ended well or was killed too.
    let before = (world.credit(), world.channels_free());
    kill(&mut world, ledger);
    let ledger = open(&path);
    let shared = Arc::clone(&ledger) as Arc<dyn Ledger>;
    assert_eq!(recover(&shared, world.now).unwrap(), Recovered::default());
    world.replace_node(shared);
    assert_eq!(world.records(), records);
    assert_eq!((world.credit(), world.channels_free()), before);

    // The new life takes calls, and answers 481 to what the old one knew.
    let before = world.records().len();
    let call = world.dial();
    world.run_s(20);
    assert!(world.agents[0].talks[&call].is_up, "the next call goes through");
    let now = world.now.monotonic;
    let calls: Vec<String> = world.agents[0].talks.keys().cloned().collect();
    calls.iter().for_each(|call| world.pbx().give_up(call, now));
    world.post();
    world.run_s(400);
    world.assert_money_is_settled();
    assert_eq!(world.records().len(), before + 1);
    assert_eq!(world.node.load(), sip::endpoint::Load::default());
}

/// Design 5, point 7; must-show 5.
#[test]
fn after_a_crash_every_call_is_closed_once_at_what_was_captured() {
    for seed in seeds(12) {
        println!("seed {seed}");
        crash(seed);
    }
}
