//! Two nodes on one real Redis, on a cluster, and on a master that Sentinels watch, against the memory engine: random batches to either, with
//! crashes of nodes, a node that stays dead for a while, `FLUSHALL`, restarts of Redis, and a Redis that comes back, or a replica that takes
//! over, without the latest writes. Each answer must be the specification's, for it has had all batches of both in the order of their asking.
//!
//! `OPERATIONS` is the number of batches (default 10,000), `SEED` repeats a run. Not here: one node alone (`redis_differential.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::kinds::Kind as Redis;
use clerk::posting::{COMPANIES, Poster, chance_of, number};
use clerk::roster::Roster;
use clerk::server::RedisServer;
use clerk::together::Together;
use clerk::{ask, company};
use domain::credit::{Batch, Durability, Outcome};
use ledger::redis::{RedisLedger, Settings};
use ledger::{Ledger, Lines, StatementLine, StatementQuery};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Batches on one pair of files and one Redis; then everything begins anew.
const EPOCH: u64 = 2_500;

/// The same where Redis is several servers, and the one that has a company dies half-way with its latest writes.
fn on_several(redis: Redis, epoch: u64) {
    let seed = number("SEED", 0x5ed1_5000_1e06_e201);
    println!("SEED={seed}");
    let mut house = Two::new(redis, seed, epoch);
    while house.posted < EPOCH {
        if house.posted > EPOCH / 2 && !house.told.contains_key("failed over") {
            house.fail_over();
        }
        house.one_step();
    }
    house.settle();
    println!("{:?}", house.told);
}

#[test]
fn two_nodes_on_a_cluster_do_together_what_the_specification_does() {
    on_several(Redis::cluster(), 1 << 32);
}

/// As a user who may do nothing but what `config/tandem.toml` names.
#[test]
fn two_nodes_on_a_master_that_sentinels_watch_do_together_what_the_specification_does() {
    on_several(Redis::watched(), 2 << 32);
}

#[test]
fn two_nodes_on_one_redis_do_together_what_the_specification_does() {
    let (operations, seed) = (number("OPERATIONS", 10_000), number("SEED", 0x5ed1_5000_1e06_e201));
    println!("SEED={seed} OPERATIONS={operations}");
    let lanes: Vec<_> = (0..operations.div_ceil(EPOCH))
        .collect::<Vec<_>>()
        .chunks(operations.div_ceil(EPOCH).div_ceil(4) as usize)
        .map(|epochs| {
            let epochs = epochs.to_vec();
            std::thread::spawn(move || {
                let mut told = BTreeMap::new();
                for epoch in epochs {
                    let mut house = Two::new(Redis::one(), seed, epoch);
                    while house.posted < EPOCH {
                        house.one_step();
                    }
                    house.settle();
                    house.told.into_iter().for_each(|(what, times)| *told.entry(what).or_insert(0u64) += times);
                }
                told
            })
        })
        .collect();
    let mut told: BTreeMap<&str, u64> = BTreeMap::new();
    for lane in lanes {
        lane.join().unwrap().into_iter().for_each(|(what, times)| *told.entry(what).or_default() += times);
    }
    println!("{told:?}");
    let needed =
        ["applied", "flushed", "flushed while a node was dead", "latest writes lost", "node died", "redis killed"];
    assert!(
        operations < 10_000 || needed.iter().all(|what| told.get(what).is_some_and(|times| *times > 0)),
        "the run must have gone through all of {needed:?}"
    );
}

/// A node, and what its journal must hold.
struct Node {
    settings: Settings,
    ledger: Option<RedisLedger>,
    _folder: tempfile::TempDir,
}

struct Two {
    redis: Redis,
    nodes: [Node; 2],
    posters: [Poster; 2],
    together: Together,
    posted: u64,
    told: BTreeMap<&'static str, u64>,
}

impl Two {
    fn new(redis: Redis, seed: u64, epoch: u64) -> Self {
        let house = Arc::new(Roster::default());
        let node = |_| {
            let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let mut settings = RedisServer::settings_of(redis.server(), folder.path());
            settings.house = Some(house.clone());
            let ledger = Some(RedisLedger::open(settings.clone()).unwrap());
            Node { settings, ledger, _folder: folder }
        };
        let nodes = [0, 1].map(node);
        let posters = [0, 1].map(|which| Poster::new(chance_of(seed, 2 * epoch + which)));
        let (together, told) = Default::default();
        Self { redis, nodes, posters, together, posted: 0, told }
    }

    fn ledger(&self, which: usize) -> &RedisLedger {
        self.nodes[which].ledger.as_ref().unwrap()
    }

    fn happened(&mut self, what: &'static str) {
        *self.told.entry(what).or_default() += 1;
    }

    fn one_step(&mut self) {
        match self.posters[0].chance.below(1_500) {
            0..3 => self.flush(),
            3..6 => self.kill_redis(),
            6..8 => self.lose_the_latest(),
            8..12 => self.kill_a_node(),
            12..14 => self.restart_a_node(),
            14..20 => self.settle(),
            _ => {}
        }
        let which = self.posters[0].chance.below(2) as usize;
        self.post(which);
    }

    fn post(&mut self, which: usize) {
        self.posted += 1;
        let Some(batch) = self.together.next(which, &mut self.posters[which]) else { return };
        let durability = self.posters[which].any_durability();
        let theirs = self.insist(which, &batch, durability);
        let word = self.together.judge(which, &batch, durability, theirs);
        self.happened(word);
        self.posters[which].posted.push(batch);
    }

    /// Asks until there is an answer, as a call does: after a flush the other node has to lay its part first.
    fn insist(&mut self, which: usize, batch: &Batch, durability: Durability) -> Outcome {
        for _ in 0..60_000 {
            match ask(self.ledger(which), batch.clone(), durability) {
                Outcome::Unavailable => self.happened("unavailable"),
                outcome => return outcome,
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        panic!("the ledger never answered again");
    }

    fn flush(&mut self) {
        self.happened("flushed");
        self.redis.flush();
    }

    fn kill_redis(&mut self) {
        // One of several has somebody who takes over: `fail_over`.
        if let Redis::One(server) = &mut self.redis {
            server.restart();
            self.happened("redis killed");
        }
    }

    /// Redis comes back without what both had done since a moment before: as soon as both have noticed, nothing is missing.
    fn lose_the_latest(&mut self) {
        self.settle();
        let Redis::One(server) = &mut self.redis else { return };
        server.save();
        self.post_some(40);
        let Redis::One(server) = &mut self.redis else { return };
        server.restart_saved();
        self.happened("latest writes lost");
        self.settle();
    }

    /// A replica takes over that has not heard the latest.
    fn fail_over(&mut self) {
        self.settle();
        let number = 1 + u128::from(self.posters[0].chance.below(COMPANIES as u64));
        self.redis.cut_off(company(number));
        self.post_some(40);
        self.redis.fail_over();
        self.happened("failed over");
        self.settle();
    }

    fn post_some(&mut self, batches: u64) {
        for _ in 0..batches {
            let which = self.posters[0].chance.below(2) as usize;
            self.post(which);
        }
    }

    /// Both have heard of whatever happened to Redis, and everything agrees: each part with its journal, the totals with the parts,
    /// the balances with the specification.
    fn settle(&mut self) {
        for which in 0..2 {
            self.agree(which);
        }
        for which in 0..2 {
            for number in 1..=COMPANIES {
                let theirs = self.whole(which, number);
                assert_eq!(theirs, self.together.memory.balances(company(number)), "company {number} by node {which}");
            }
            assert_eq!(self.ledger(which).disagreements(), 0);
        }
        self.compare_statements();
        let mut open: Vec<_> = (0..2).flat_map(|which| self.ledger(which).open_holds(None, usize::MAX)).collect();
        open.sort_unstable_by_key(|open| (open.debit.company, open.hold));
        assert_eq!(open, self.together.memory.open_holds(None, usize::MAX));
        assert!(self.together.memory.verify().unwrap().is_clean());
    }

    /// The statement is that of both journals, each line once, in pages as in one piece.
    fn compare_statements(&self) {
        for number in 1..=COMPANIES {
            let mut query = StatementQuery {
                company: company(number),
                account: None,
                lines: Lines::All,
                before: None,
                after: 0,
                limit: usize::MAX,
            };
            (0..2).for_each(|which| self.ledger(which).flush().unwrap());
            let key = |line: &StatementLine| (line.batch, line.transfer, line.amount, line.debit, line.credit);
            let whole = self.ledger(0).statement(&query).unwrap();
            assert!(
                whole.next.is_none()
                    && whole.lines.is_sorted_by(|one, other| one.journal_sequence >= other.journal_sequence)
            );
            let mut theirs: Vec<_> = whole.lines.iter().map(key).collect();
            let mut ours: Vec<_> = self.together.memory.statement(&query).unwrap().lines.iter().map(key).collect();
            theirs.sort_unstable();
            ours.sort_unstable();
            assert_eq!(theirs, ours, "the lines of company {number}");
            query.limit = 50;
            let mut in_pages = Vec::new();
            loop {
                let page = self.ledger(1).statement(&query).unwrap();
                in_pages.extend(page.lines);
                let Some(next) = page.next else { break };
                query.before = Some(next);
            }
            assert_eq!(in_pages, whole.lines);
        }
    }

    /// Waits until a node has its connection and its parts are what its journal says.
    fn agree(&self, which: usize) {
        let mut last = String::new();
        for _ in 0..20_000 {
            for number in 1..=COMPANIES {
                self.ledger(which).balances(company(number));
            }
            match self.ledger(which).compare() {
                Ok(audited) if audited.fault_count == 0 && audited.busy == 0 => return,
                Ok(audited) => last = format!("{audited:?}"),
                Err(why) => last = why,
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        panic!("node {which} never agreed with Redis: {last}");
    }

    fn whole(&self, which: usize, number: u128) -> Vec<(domain::credit::Account, domain::credit::Balance)> {
        self.ledger(which).balances(company(number))
    }

    /// A node dies with what was not on disk; the other one goes on, perhaps without Redis's memory; then the dead one starts again.
    fn kill_a_node(&mut self) {
        self.happened("node died");
        let dead = self.posters[0].chance.below(2) as usize;
        self.post(dead);
        self.nodes[dead].ledger.take().unwrap().abandon();
        let living = 1 - dead;
        for _ in 0..20 {
            self.post(living);
        }
        if self.posters[0].chance.below(2) == 0 {
            self.happened("flushed while a node was dead");
            self.flush();
            // What was not on disk is gone from now on: the living node lays what the dead one's journal has.
            let path = self.nodes[dead].settings.journal.path.clone();
            self.together.rewind(dead, ledger::sqlite::verify(&path).unwrap().batches as usize);
            for _ in 0..20 {
                self.post(living);
            }
        }
        self.reopen(dead);
        self.ledger(dead).flush().unwrap();
        let kept = self.ledger(dead).totals().journalled as usize;
        self.together.rewind(dead, kept);
        self.settle();
    }

    /// A clean stop: nothing is lost but refusals that were not journalled.
    fn restart_a_node(&mut self) {
        self.happened("node restarted");
        let which = self.posters[0].chance.below(2) as usize;
        self.nodes[which].ledger.take().unwrap().close().unwrap();
        self.reopen(which);
        self.together.rewind(which, usize::MAX);
        let (verification, _) = ledger::redis::verify(&self.nodes[which].settings).unwrap();
        assert!(verification.is_clean(), "{verification}");
    }

    fn reopen(&mut self, which: usize) {
        let settings = self.nodes[which].settings.clone();
        let open = || match RedisLedger::open(settings.clone()) {
            Err(ledger::Error::InUse { .. } | ledger::Error::RedisAway { .. } | ledger::Error::RedisUnfit { .. }) => {
                std::thread::park_timeout(Duration::from_millis(1));
                None
            }
            opened => Some(opened.unwrap()),
        };
        self.nodes[which].ledger = (0..60_000).find_map(|_| open());
    }
}
