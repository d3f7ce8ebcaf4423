//! Two nodes of the redis engine, step by step on a pretended Redis, against the memory engine: random batches to either, with connections
//! that break before, amid and after a round, parts of rounds that are done late, a Redis that dies, is flushed, forgets its functions or
//! loses its last writes, and nodes that die. No thread, no server, no waiting.
//!
//! `EPOCHS` is how often everything begins anew (default 100), `EPOCH` repeats one, `TRACE=1` tells what happens. The simulation of whole calls is in `simulation.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use clerk::posting::{COMPANIES, Poster, chance_of, number};
use clerk::together::Together;
use clerk::{ask, company};
use domain::credit::{Batch, Durability, Outcome};
use ledger::Ledger;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use testkit::ledgers::{House, Stepped};
use testkit::redis::{Cut, FunctionBug, PretendedRedis, Rest};

/// What every epoch's chance begins with.
const SEED: u64 = 0x5ed1_5000_1e06_e204;
/// Batches of an epoch.
const BATCHES: u64 = 150;
/// How often a batch is asked at most: Redis may be away, and the other node's part missing.
const ASKED_AGAIN: usize = 20;
/// Epochs within which each planted bug must be found.
const FOUND_WITHIN: u64 = 1_000;

#[test]
fn two_nodes_do_together_what_the_specification_does_whatever_becomes_of_redis() {
    let epochs = match std::env::var("EPOCH") {
        Ok(epoch) => epoch.parse().unwrap()..epoch.parse::<u64>().unwrap() + 1,
        Err(_) => 0..number("EPOCHS", 100),
    };
    let mut told: BTreeMap<&str, u64> = BTreeMap::new();
    let is_long = epochs.end - epochs.start >= 100;
    for epoch in epochs {
        let found = catch_unwind(|| one_epoch(epoch, None)).unwrap_or_else(|_| panic!("EPOCH={epoch} failed"));
        found.into_iter().for_each(|(what, times)| *told.entry(what).or_default() += times);
    }
    println!("{told:?}");
    let needed =
        ["applied", "replayed", "cut", "done late", "flushed", "latest writes lost", "node died", "redis killed"];
    assert!(!is_long || needed.iter().all(|what| told.get(what).is_some_and(|times| *times > 0)), "{needed:?}");
}

/// Each in the functions that Redis runs; found by a difference, or by a comparison of Redis with the journals.
#[test]
fn every_planted_bug_of_the_functions_makes_a_difference() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut found = BTreeMap::new();
    for bug in FunctionBug::ALL {
        let is_found = |epoch: &u64| catch_unwind(AssertUnwindSafe(|| one_epoch(*epoch, Some(bug)))).is_err();
        found.insert(format!("{bug:?}"), (0..FOUND_WITHIN).find(is_found));
    }
    drop(std::panic::take_hook());
    println!("by epoch: {found:?}");
    assert!(found.values().all(Option::is_some), "not all were found within {FOUND_WITHIN} epochs: {found:?}");
    // Each bug is a change of the text as it is now.
    let texts =
        [include_str!("../../ledger/src/redis/function.lua"), include_str!("../../ledger/src/redis/laying.lua")];
    assert!(FunctionBug::ALL.iter().all(|bug| texts.iter().any(|text| bug.is_of(text))));
}

fn one_epoch(epoch: u64, bug: Option<FunctionBug>) -> BTreeMap<&'static str, u64> {
    let mut two = Two::new(epoch, bug);
    for _ in 0..BATCHES {
        two.one_step();
    }
    two.settle();
    two.told
}

struct Two {
    house: House,
    nodes: [Option<Arc<Stepped>>; 2],
    posters: [Poster; 2],
    together: Together,
    told: BTreeMap<&'static str, u64>,
}

impl Two {
    fn new(epoch: u64, bug: Option<FunctionBug>) -> Self {
        let house = House::new(PretendedRedis::with_bug(bug));
        let nodes = ["one", "other"].map(|name| Some(house.open(name).unwrap()));
        let posters = [0, 1].map(|which| Poster::new(chance_of(SEED, 2 * epoch + which)));
        let (together, told) = Default::default();
        Self { house, nodes, posters, together, told }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.posters[0].chance.below(limit)
    }

    fn happened(&mut self, what: &'static str) {
        *self.told.entry(what).or_default() += 1;
        if std::env::var_os("TRACE").is_some() {
            println!("{what}");
        }
    }

    fn one_step(&mut self) {
        match self.below(200) {
            0..2 => {
                self.happened("flushed");
                self.house.redis.flush();
            }
            2..4 => {
                self.happened("redis killed");
                self.house.redis.kill();
            }
            4..6 => self.lose_the_latest(),
            6 => {
                self.happened("functions forgotten");
                self.house.redis.forget_functions();
            }
            7..10 => self.kill_a_node(),
            10..30 => self.cut(),
            30..33 => self.settle(),
            _ => {}
        }
        let which = self.below(2) as usize;
        self.post(which);
    }

    fn cut(&mut self) {
        let (done, late) = (self.below(4) as usize, self.below(40) as usize);
        let is_late = self.below(2) == 0;
        self.happened(if is_late { "done late" } else { "cut" });
        let rest = if is_late { Rest::Late(late) } else { Rest::Lost };
        let dies = self.below(3) == 0;
        let cut = Cut { done, rest, dies };
        if std::env::var_os("TRACE").is_some() {
            println!("{cut:?}");
        }
        self.house.redis.cut_next(cut);
    }

    fn post(&mut self, which: usize) {
        let Some(batch) = self.together.next(which, &mut self.posters[which]) else { return };
        if std::env::var_os("TRACE").is_some() {
            println!("node {which}, company {}", batch.company.bits());
        }
        let durability = self.posters[0].any_durability();
        let theirs = self.insist(which, &batch, durability);
        let word = self.together.judge(which, &batch, durability, theirs);
        self.happened(word);
        self.posters[which].posted.push(batch);
    }

    /// Asks until there is an answer, as a call does; meanwhile Redis comes back and the other node hears what is needed of it.
    fn insist(&mut self, which: usize, batch: &Batch, durability: Durability) -> Outcome {
        for _ in 0..ASKED_AGAIN {
            let ledger = Arc::clone(self.nodes[which].as_ref().unwrap());
            match ask(&*ledger, batch.clone(), durability) {
                Outcome::Unavailable => self.happened("unavailable"),
                outcome => return outcome,
            }
            self.heal();
        }
        panic!("the ledger never answered again");
    }

    fn heal(&mut self) {
        if !self.house.redis.is_up() {
            self.house.redis.start();
        }
        self.house.step();
    }

    /// A replica without the last writes is promoted; both nodes notice before anybody asks.
    fn lose_the_latest(&mut self) {
        self.happened("latest writes lost");
        let writes = 1 + self.below(60) as usize;
        self.house.redis.lose(writes);
        self.house.redis.cut_nothing();
        self.house.step();
    }

    /// Everything agrees: each part with its journal, the totals with the parts, the balances with the specification.
    fn settle(&mut self) {
        self.house.redis.cut_nothing();
        self.heal();
        self.house.settle();
        for node in self.nodes.iter().flatten() {
            let audited = node.engine().compare().unwrap();
            assert_eq!((audited.faults, audited.busy), (Vec::new(), 0));
            assert_eq!(node.engine().disagreements(), 0);
            for number in 1..=COMPANIES {
                assert_eq!(node.engine().balances(company(number)), self.together.memory.balances(company(number)));
            }
        }
        let nodes = self.nodes.iter().flatten();
        let mut open: Vec<_> = nodes.flat_map(|node| node.open_holds(None, usize::MAX)).collect();
        open.sort_unstable_by_key(|open| (open.debit.company, open.hold));
        assert_eq!(open, self.together.memory.open_holds(None, usize::MAX));
    }

    /// A node dies with what was not on disk, and starts again; what Redis knows more than its journal is undone.
    fn kill_a_node(&mut self) {
        self.happened("node died");
        let dead = self.below(2) as usize;
        self.post(dead);
        let ledger = Arc::try_unwrap(self.nodes[dead].take().unwrap());
        ledger.unwrap_or_else(|_| panic!("somebody else has the ledger")).abandon();
        self.house.redis.cut_nothing();
        self.house.redis.do_what_is_late();
        self.heal();
        let name = ["one", "other"][dead];
        self.nodes[dead] = Some(self.house.open(name).unwrap());
        let kept = self.nodes[dead].as_ref().unwrap().totals().journalled as usize;
        self.together.rewind(dead, kept);
        self.settle();
    }
}
