//! A simulation: one seed tells what the network, the PBXs, the carriers, the ledger and the machine do, for some minutes of a
//! busy switch; after every step the audit looks.
//!
//! | File | Holds |
//! |---|---|
//! | `story` | what may happen, and by what chance |
//! | `operating` | what operators and customers order |
//! | `faults` | crashes, restarts, bad weather, a slow ledger |
//! | `paying` | payments of companies, and their provider |
//! | `sharing` | a Redis that fails, and another node of the house |
//! | `terms` | what each profile may spend and speak unpaid |
//! | `audit` | what must be true |
//! | `trace` | what was seen, for people and as a hash |

mod audit;
mod faults;
mod operating;
mod paying;
mod sharing;
mod story;
mod terms;
mod trace;

pub use audit::{Invariant, Violation};

use crate::ledgers::{Bug, Disk, Engine, Sabotaged, Watched};
use crate::redis::FunctionBug;
use crate::world::{Beginning, Datagram, Recharge, Seen, TermsBug, WireBug, World};
use actors::SessionTimers;
use audit::Audit;
use domain::{AdviceOfCharge, Entropy, ReleaseCause};
use ledger::Ledger;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use switch::directory::CallSettings;
use trace::Trace;

/// Of so many seeds one has the sqlite engine on a disk, and one the redis engine.
const ENGINES_EVERY: u64 = 8;
/// Which of them has the sqlite engine.
const OF_SQLITE: u64 = 7;
/// Which has the redis engine.
const OF_REDIS: u64 = 3;
/// Calls that each carrier takes at one time.
const CARRIER_CHANNELS: u32 = 5;
/// Calls that each carrier takes in any second.
const CARRIER_CALLS_PER_SECOND: u32 = 2;
/// Things that happen in a simulation.
const ACTS: std::ops::RangeInclusive<u64> = 40..=120;
/// Nobody can be left hanging for longer than the longest call, should every BYE be lost.
const LONGEST_CALL: Duration = Duration::from_secs(240);
/// Time for everything to run out: registrations last an hour at most, a recharge is remembered as long.
const DUST: Duration = Duration::from_secs(7_500);

/// What came of a seed in which everything was right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Over everything that was seen: the same for the same seed.
    pub hash: u64,
    /// Datagrams, batches and acts.
    pub lines: u64,
    /// Calls that were opened.
    pub calls: usize,
    /// How many of them ended how.
    pub causes: BTreeMap<ReleaseCause, u32>,
    /// How often the switch was killed.
    pub crashes: u32,
    /// What went wrong with Redis and the other node, and how often.
    pub troubles: BTreeMap<&'static str, u32>,
    /// How many calls came to a bound of their profile's terms.
    pub reached: BTreeMap<&'static str, u32>,
}

/// What came of a seed in which something was wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// What should have been.
    pub invariant: Invariant,
    /// What was.
    pub what: String,
    /// The last lines of the trace.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\nseed {}: not true: {}\n  {}\nreplay: SEED={} cargo test --release -p testkit --test simulation -- --nocapture every_invariant\n",
            self.trace, self.seed, self.invariant, self.what, self.seed
        )
    }
}

/// Tells the story of a seed.
///
/// # Errors
/// The first thing that was not true.
pub fn run(seed: u64) -> Result<Told, Box<Failure>> {
    tell(seed, None)
}

/// The same, with a bug between the switch and its ledger.
///
/// # Errors
/// The first thing that was not true: with luck the bug.
pub fn run_with_bug(seed: u64, bug: Bug) -> Result<Told, Box<Failure>> {
    tell(seed, Some(Planted::InOrders(bug)))
}

/// The same, with a bug in the functions that Redis runs: of a seed whose ledger is the redis engine.
///
/// # Errors
/// The first thing that was not true: with luck the bug.
pub fn run_with_function_bug(seed: u64, bug: FunctionBug) -> Result<Told, Box<Failure>> {
    tell(seed, Some(Planted::InFunctions(bug)))
}

/// The same, with a bug in what the switch says on the wire.
///
/// # Errors
/// The first thing that was not true: with luck the bug.
pub fn run_with_wire_bug(seed: u64, bug: WireBug) -> Result<Told, Box<Failure>> {
    tell(seed, Some(Planted::OnTheWire(bug)))
}

/// The same, with a switch that goes by other terms than those of its profiles.
///
/// # Errors
/// The first thing that was not true: with luck the bug.
pub fn run_with_terms_bug(seed: u64, bug: TermsBug) -> Result<Told, Box<Failure>> {
    tell(seed, Some(Planted::InTerms(bug)))
}

/// The seeds whose ledger is the redis engine, in order.
pub fn seeds_with_redis() -> impl Iterator<Item = u64> {
    (OF_REDIS..).step_by(ENGINES_EVERY as usize)
}

/// Where a bug is planted.
#[derive(Clone, Copy, Debug)]
enum Planted {
    /// Between the switch and its ledger.
    InOrders(Bug),
    /// In Redis.
    InFunctions(FunctionBug),
    /// Between the switch and the network.
    OnTheWire(WireBug),
    /// In what the switch knows of its profiles.
    InTerms(TermsBug),
}

fn tell(seed: u64, planted: Option<Planted>) -> Result<Told, Box<Failure>> {
    let mut simulation = Simulation::new(seed, planted);
    // A machine that panics is found like everything else, with its seed and its trace.
    let told = catch_unwind(AssertUnwindSafe(|| simulation.tell()));
    let violation = match told {
        Ok(Ok(())) => return Ok(simulation.told()),
        Ok(Err(violation)) => violation,
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Violation { invariant: Invariant::NoPanic, what: said.unwrap_or_default() }
        }
    };
    let (invariant, what, trace) = (violation.invariant, violation.what, simulation.trace.tail());
    Err(Box::new(Failure { seed, invariant, what, trace }))
}

/// A story being told.
struct Simulation {
    world: World,
    disk: Disk,
    audit: Audit,
    trace: Trace,
    chance: Entropy,
    bug: Option<Bug>,
    /// Acts that are still to come.
    acts: u64,
    crashes: u32,
    troubles: BTreeMap<&'static str, u32>,
    neighbour: sharing::Neighbour,
    till: paying::Till,
    outages: Entropy,
    /// Whether the nodes are about to look what the others need.
    is_listening: bool,
    /// Orders about money so far.
    top_ups: u64,
    /// Whether the disk is about to be reached.
    is_syncing: bool,
    /// Whether the disk does not answer.
    is_stuck: bool,
}

impl Simulation {
    fn new(seed: u64, planted: Option<Planted>) -> Simulation {
        // Other streams than the world's own, which begins with the seed itself.
        let mut chance = Entropy::from_seed((u128::from(seed) | 0x51_u128 << 64).to_le_bytes());
        let engine = match (seed % ENGINES_EVERY, planted) {
            (_, Some(Planted::InFunctions(bug))) => Engine::Redis(Some(bug)),
            (OF_SQLITE, _) => Engine::Sqlite,
            (OF_REDIS, _) => Engine::Redis(None),
            _ => Engine::Memory,
        };
        let bug = match planted {
            Some(Planted::InOrders(bug)) => Some(bug),
            _ => None,
        };
        let mut beginning = Simulation::beginning(seed, &mut chance);
        if let Some(Planted::InTerms(bug)) = planted {
            beginning.misread = Some(bug);
        }
        let disk = Disk::new(engine);
        let witness = crate::world::Witness::attentive();
        let ledger = wrapped(&disk, &witness, bug, &mut chance);
        let mut world = World::watched(beginning, ledger, witness);
        world.lateness_max = faults::LATENESS_MAX;
        if let Some(Planted::OnTheWire(bug)) = planted {
            world.bug = Some(bug);
        }
        let acts = ACTS.start() + chance.below(ACTS.end() - ACTS.start());
        let (audit, trace) = (Audit::default(), Trace::default());
        let mut simulation = Simulation {
            world,
            disk,
            audit,
            trace,
            chance,
            bug,
            acts,
            crashes: 0,
            troubles: BTreeMap::new(),
            neighbour: sharing::Neighbour::default(),
            till: paying::Till::new(seed),
            outages: terms::outages(seed),
            is_listening: false,
            top_ups: 0,
            is_syncing: false,
            is_stuck: false,
        };
        simulation.trace.say(simulation.world.now.monotonic, &format!("seed {seed}, {engine:?}, {acts} acts"));
        simulation
    }

    /// Two companies with two profiles each; some poor, some rich, some that recharge.
    fn beginning(seed: u64, chance: &mut Entropy) -> Beginning {
        let credits = [20_000, 50_000, 250_000, 10_000_000, 10_000_000];
        let rates = [("0.02", 20_000), ("0.013", 13_000), ("0.4", 400_000)];
        let recharge = Recharge { amount: 30_000, threshold: 10_000, company_credit: 150_000 };
        let channels = [2, 4, 8][chance.below(3) as usize];
        let credit = credits[chance.below(5) as usize];
        let (rate, rate_micros) = rates[chance.below(3) as usize];
        let beginning = Beginning {
            seed,
            companies: 2,
            profiles: 2,
            channels,
            credit,
            rate,
            recharge: (chance.below(3) == 0).then_some(recharge),
            // So few that calls go over to the second carrier, and some find no room at all.
            carrier_limits: (Some(CARRIER_CHANNELS), Some(CARRIER_CALLS_PER_SECOND)),
            // Sessions are refreshed every 45 s, so that calls of some minutes see it.
            session: SessionTimers { expires_s: 90, min_se_s: 90 },
            // By the seed alone, so that chance tells the same story to each.
            advice: AdviceOfCharge::ALL[(seed / ENGINES_EVERY) as usize % AdviceOfCharge::ALL.len()],
            settings: CallSettings { max_duration: LONGEST_CALL, ..CallSettings::default() },
            ..Beginning::default()
        };
        terms::drawn(seed, rate_micros, beginning)
    }

    fn tell(&mut self) -> Result<(), Violation> {
        self.see()?;
        self.world.cue(Duration::ZERO, story::ACT);
        while self.acts > 0 {
            self.step()?;
        }
        self.settle_the_dust()?;
        // After a flush nobody lays a company that nobody asks about.
        if let Some((house, _)) = self.disk.house() {
            house.settle();
        }
        self.audit.after_the_dust(&self.world)?;
        self.check_payments_at_the_end()?;
        self.check_house_at_the_end()
    }

    fn step(&mut self) -> Result<(), Violation> {
        if let Some(cue) = self.world.step() {
            self.on_cue(cue)?;
        }
        self.see()
    }

    /// What this step has shown goes into the trace and before the audit.
    fn see(&mut self) -> Result<(), Violation> {
        let mut seen = self.world.witness.take();
        if let Some(bug) = self.world.bug {
            seen = seen.into_iter().filter_map(|seen| falsified(bug, seen)).collect();
        }
        let at = self.world.now.monotonic;
        for seen in &seen {
            self.trace.saw(at, seen);
        }
        self.check_payments(&seen)?;
        self.sync_soon(&seen);
        self.listen_soon(&seen);
        self.check_house()?;
        self.audit.after_step(&self.world, &seen)
    }

    fn settle_the_dust(&mut self) -> Result<(), Violation> {
        self.all_is_well_again()?;
        for _ in 0..3 {
            self.everybody_hangs_up();
            self.run_for(Duration::from_secs(100))?;
        }
        self.run_for(DUST)
    }

    fn run_for(&mut self, duration: Duration) -> Result<(), Violation> {
        let until = self.world.now.monotonic + duration;
        while self.world.next_at().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.world.now = self.world.now.after(until.since(self.world.now.monotonic));
        Ok(())
    }

    fn told(&self) -> Told {
        let mut causes = BTreeMap::new();
        for record in self.audit.records() {
            *causes.entry(record.cause).or_default() += 1;
        }
        Told {
            hash: self.trace.hash(),
            lines: self.trace.count(),
            calls: self.audit.count(),
            causes,
            crashes: self.crashes,
            troubles: self.troubles.clone(),
            reached: self.audit.reached(),
        }
    }
}

/// What has left the node is what the bug has made of it.
fn falsified(bug: WireBug, seen: Seen) -> Option<Seen> {
    match seen {
        Seen::Sent(datagram) => {
            let text = bug.falsify(datagram.text)?;
            Some(Seen::Sent(Datagram { text, ..datagram }))
        }
        seen => Some(seen),
    }
}

/// What the node gets as its ledger: the engine, a witness before it, and the bug before that.
fn wrapped(disk: &Disk, witness: &crate::world::Witness, bug: Option<Bug>, chance: &mut Entropy) -> Arc<dyn Ledger> {
    let watched: Arc<dyn Ledger> = Arc::new(Watched::new(disk.ledger(), witness.clone()));
    let chance = chance.fork();
    match bug {
        Some(bug) => Arc::new(Sabotaged::new(watched, bug, chance)),
        None => watched,
    }
}
