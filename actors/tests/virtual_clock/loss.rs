//! A network that loses three datagrams of ten, by a hundred seeds: whatever was lost, the books and the tables are right.

use domain::{Entropy, ReleaseCause};
use std::collections::BTreeMap;
use std::time::Duration;
use switch::directory::CallSettings;
use testkit::world::{Beginning, FIRST, Mood, OF_PBX, Recharge, Refresh, SECOND, Weather, World, seeds};

const CALLS: u64 = 12;

/// Three of ten are lost, one of ten comes twice, all overtake each other.
const STORM: Weather = Weather {
    lost_permille: 300,
    doubled_permille: 100,
    delay: Duration::from_millis(5),
    jitter: Duration::from_millis(80),
};

/// One of ten is lost, two of ten come twice, and what was sent last may come seconds before what was sent first.
const MAZE: Weather = Weather {
    lost_permille: 100,
    doubled_permille: 200,
    delay: Duration::from_millis(5),
    jitter: Duration::from_secs(3),
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
    let talks = world.agents[who].talks.values().filter(|talk| !talk.is_over);
    let calls: Vec<String> = talks.map(|talk| talk.call_id.clone()).collect();
    let now = world.now;
    if !calls.is_empty() {
        let call = choose(chance, &calls).clone();
        let agent = &mut world.agents[who];
        match chance.below(8) {
            0..4 => agent.give_up(&call, now.monotonic),
            4 => agent.refresh(&call, Refresh::Invite, now.monotonic),
            5 => agent.refresh(&call, Refresh::Update, now.monotonic),
            6 => agent.refresh(&call, Refresh::ChangedInvite, now.monotonic),
            _ => hang_up_by_operator(world, chance),
        }
    }
    match chance.below(12) {
        0 => world.node.unreachable(world.agents[FIRST].address, now),
        1 => world.node.has_ports = false,
        _ => world.node.has_ports = true,
    }
    world.post();
}

fn hang_up_by_operator(world: &mut World, chance: &mut Entropy) {
    if world.node.opened.is_empty() {
        return;
    }
    let call = *choose(chance, &world.node.opened);
    let order = switch::call::Event::HangUpOrdered(ReleaseCause::HungUpByOperator);
    let now = world.now;
    world.node.tell_call(call, order, now);
}

fn everybody_hangs_up(world: &mut World) {
    let now = world.now.monotonic;
    for agent in &mut world.agents {
        let calls: Vec<String> = agent.talks.keys().cloned().collect();
        calls.iter().for_each(|call| agent.give_up(call, now));
    }
    world.post();
}

fn weather_the_storm(seed: u64, weather: Weather, mood: Mood, causes: &mut BTreeMap<ReleaseCause, u32>) {
    let mut chance = Entropy::from_seed(u128::from(seed + 1_000).to_le_bytes());
    // Five cents: some calls find nothing left, some end at the last paid second. Nobody can be left hanging for longer than
    // the longest call, should every BYE of both sides be lost.
    let settings = CallSettings { max_duration: Duration::from_secs(240), ..CallSettings::default() };
    let credit = if seed.is_multiple_of(2) { 50_000 } else { 10_000_000 };
    // K6: every third company recharges its profile, as long as it has credit itself.
    let recharge = Recharge { amount: 30_000, threshold: 10_000, company_credit: 75_000 };
    let recharge = seed.is_multiple_of(3).then_some(recharge);
    let mut world =
        World::new(Beginning { seed, channels: 6, credit, settings, weather, recharge, ..Beginning::default() });
    world.node.mood = mood;
    // A busy machine fires its timers late, a frozen one very late.
    world.lateness = *choose(&mut chance, &[0, 0, 3, 150, 2_500].map(Duration::from_millis));
    for _ in 0..CALLS {
        for carrier in [FIRST, SECOND] {
            let manner = choose(&mut chance, &MANNERS);
            world.carrier_answers(carrier, manner);
            world.agents[carrier].manner.answers_after_cancel = chance.below(4) == 0;
            world.agents[carrier].manner.forks = chance.below(6) == 0;
        }
        world.pbx().manner.acknowledges = chance.below(10) > 0;
        let dialled = *choose(&mut chance, &["12025550123", "+12025550199", "12025550123", "*43", "4930123456", "x"]);
        world.dial_number(dialled);
        for _ in 0..chance.below(4) {
            world.run_for(Duration::from_millis(chance.below(6_000)));
            meddle(&mut world, &mut chance);
            world.assert_books_balance();
        }
    }
    world.run_for(Duration::from_secs(40));
    world.pbx().manner.acknowledges = true;
    if weather.lost_permille == 0 {
        assert_ends_agree(&mut world);
    }
    for _ in 0..3 {
        everybody_hangs_up(&mut world);
        world.run_s(100);
    }
    world.run_s(300);
    world.assert_all_is_over();
    for record in world.records() {
        *causes.entry(record.cause).or_default() += 1;
    }
}

/// RFC 3261 17, 13.3.1.4; design 5 and 8: no hold, no channel, no transaction and no dialog is left; one record a call; what
/// was captured is what is recorded.
#[test]
fn whatever_the_network_loses_nothing_is_left_and_the_books_are_right() {
    let mut causes = BTreeMap::new();
    for seed in seeds(100) {
        println!("seed {seed}");
        let weather = if seed.is_multiple_of(5) { MAZE } else { STORM };
        weather_the_storm(seed, weather, Mood::default(), &mut causes);
    }
    println!("{causes:?}");
    for cause in [ReleaseCause::Normal, ReleaseCause::Cancelled, ReleaseCause::Busy, ReleaseCause::CreditExhausted] {
        assert!(causes.contains_key(&cause), "{cause} was seen: {causes:?}");
    }
}

/// With nobody meddling and nothing lost, who talks here talks there: no leg hangs by itself.
fn assert_ends_agree(world: &mut World) {
    // A call may end by itself just now, and one side hears it before the other: a moment later they agree.
    for _ in 0..3 {
        if ends(world).0 == ends(world).1 {
            return;
        }
        world.run_s(4);
    }
    let (seen, expected) = ends(world);
    assert_eq!(seen, expected, "calls of the PBX and of the switch, and who talks here and there");
}

/// Calls that the PBX has, and callers who talk to a carrier; beside it calls that the switch has, and carriers' phones that talk.
fn ends(world: &World) -> ((usize, usize), (usize, usize)) {
    let up = |agent: usize| world.agents[agent].talks.values().filter(|talk| talk.is_up).count();
    let pbx = || world.agents[OF_PBX].talks.values();
    let alive = pbx().filter(|talk| !talk.is_over).count();
    let talking = pbx().filter(|talk| talk.is_up && !talk.is_echo()).count();
    ((alive, talking), (world.node.live_calls(), up(FIRST) + up(SECOND)))
}

/// Jitter and doubles, but no loss: 40 s after the last event both ends of every call agree whether it is up.
#[test]
fn where_nothing_is_lost_no_leg_is_left_hanging() {
    let calm = Weather { lost_permille: 0, ..STORM };
    for seed in seeds(100) {
        println!("seed {seed}");
        weather_the_storm(seed, calm, Mood::default(), &mut BTreeMap::new());
    }
}

/// Design 5, point 8: a ledger that answers late, or not, leaves nothing held and nothing unrecorded once it is back.
#[test]
fn whatever_the_ledger_delays_or_denies_the_books_are_right() {
    let moods = [
        Mood { late: Duration::from_millis(200), ..Mood::default() },
        Mood { late: Duration::from_secs(5), ..Mood::default() },
        Mood { away_permille: 200, ..Mood::default() },
        Mood { cut_permille: 200, ..Mood::default() },
        Mood { late: Duration::from_secs(5), away_permille: 100, cut_permille: 100, ..Mood::default() },
    ];
    for seed in seeds(100) {
        let mood = moods[seed as usize % moods.len()];
        println!("seed {seed}: {mood:?}");
        weather_the_storm(seed, STORM, mood, &mut BTreeMap::new());
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
