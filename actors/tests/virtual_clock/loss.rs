//! A network that loses three datagrams of ten, by a hundred seeds: whatever was lost, the books and the tables are right.

use crate::world::{Beginning, FIRST, OF_PBX, SECOND, Weather, World};
use domain::{Entropy, ReleaseCause};
use std::collections::BTreeMap;
use std::time::Duration;
use switch::directory::CallSettings;

const SEEDS: u64 = 100;
const CALLS: u64 = 12;

/// Three of ten are lost, one of ten comes twice, all overtake each other.
const STORM: Weather = Weather {
    lost_permille: 300,
    doubled_permille: 100,
    delay: Duration::from_millis(5),
    jitter: Duration::from_millis(80),
};

/// What carriers do, by chance.
const MANNERS: [&[(u64, u16)]; 7] = [
    &[(0, 100), (200, 180), (3_000, 200)],
    &[(0, 183), (1_000, 200)],
    &[(0, 200)],
    &[(0, 100), (5_950, 200)],
    &[(0, 100), (500, 486)],
    &[(0, 100), (500, 503)],
    &[(100, 180)],
];

fn choose<'a, T>(chance: &mut Entropy, of: &'a [T]) -> &'a T {
    &of[chance.below(of.len() as u64) as usize]
}

/// Somebody who has a call does something about it.
fn meddle(world: &mut World, chance: &mut Entropy) {
    let who = *choose(chance, &[OF_PBX, OF_PBX, FIRST, SECOND]);
    let calls: Vec<String> =
        world.agents[who].talks.values().filter(|talk| !talk.is_over).map(|t| t.call_id.clone()).collect();
    if calls.is_empty() {
        return;
    }
    let call = choose(chance, &calls).clone();
    let now = world.now.monotonic;
    world.agents[who].give_up(&call, now);
    world.post();
}

fn everybody_hangs_up(world: &mut World) {
    let now = world.now.monotonic;
    for agent in &mut world.agents {
        let calls: Vec<String> = agent.talks.keys().cloned().collect();
        calls.iter().for_each(|call| agent.give_up(call, now));
    }
    world.post();
}

fn weather_the_storm(seed: u64, causes: &mut BTreeMap<ReleaseCause, u32>) {
    let mut chance = Entropy::from_seed(u128::from(seed + 1_000).to_le_bytes());
    // Ten cents: some calls find nothing left, some end at the last paid second. Nobody can be left hanging for longer than
    // the longest call, should every BYE of both sides be lost.
    let settings = CallSettings { max_duration: Duration::from_secs(240), ..CallSettings::default() };
    let credit = if seed.is_multiple_of(2) { 100_000 } else { 10_000_000 };
    let mut world =
        World::new(Beginning { seed, channels: 6, credit, settings, weather: STORM, ..Beginning::default() });
    for _ in 0..CALLS {
        for carrier in [FIRST, SECOND] {
            let manner = choose(&mut chance, &MANNERS);
            world.carrier_answers(carrier, manner);
            world.agents[carrier].manner.answers_after_cancel = chance.below(4) == 0;
        }
        world.pbx().manner.acknowledges = chance.below(10) > 0;
        world.dial();
        for _ in 0..chance.below(4) {
            world.run_for(Duration::from_millis(chance.below(6_000)));
            meddle(&mut world, &mut chance);
            world.assert_books_balance();
        }
    }
    world.run_for(Duration::from_secs(40));
    world.pbx().manner.acknowledges = true;
    for _ in 0..3 {
        everybody_hangs_up(&mut world);
        world.run_s(100);
    }
    world.run_s(300);
    world.assert_all_is_over();
    assert!(world.network.lost > 50, "it was a storm");
    for record in world.records() {
        *causes.entry(record.cause).or_default() += 1;
    }
}

/// RFC 3261 17, 13.3.1.4; design 5 and 8: no hold, no channel, no transaction and no dialog is left; one record a call; what
/// was captured is what is recorded.
#[test]
fn whatever_the_network_loses_nothing_is_left_and_the_books_are_right() {
    let mut causes = BTreeMap::new();
    for seed in 0..SEEDS {
        println!("seed {seed}");
        weather_the_storm(seed, &mut causes);
    }
    println!("{causes:?}");
    for cause in [ReleaseCause::Normal, ReleaseCause::Cancelled, ReleaseCause::Busy, ReleaseCause::CreditExhausted] {
        assert!(causes.contains_key(&cause), "{cause} was seen: {causes:?}");
    }
}

/// The same seed is the same story: every record to the microsecond.
#[test]
fn a_seed_tells_the_same_story_twice() {
    let tell = || {
        let mut world = World::new(Beginning { seed: 7, weather: STORM, ..Beginning::default() });
        world.carrier_answers(FIRST, MANNERS[0]);
        for _ in 0..5 {
            world.dial();
            world.run_s(3);
        }
        everybody_hangs_up(&mut world);
        world.run_s(300);
        (world.records(), world.agents[OF_PBX].heard.clone())
    };
    assert_eq!(tell(), tell());
}
