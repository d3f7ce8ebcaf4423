//! Two nodes on one real Redis against the memory engine: random batches to either, with crashes of nodes, a node that stays dead for
//! a while, `FLUSHALL`, restarts of Redis, and a Redis that comes back without its latest writes. Each answer must be the
//! specification's, for it has had all batches of both in the order in which they were asked.
//!
//! `OPERATIONS` is the number of batches (default 10,000), `SEED` repeats a run. Not here: one node alone (`redis_differential.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "differential/comparing.rs"]
#[allow(dead_code)]
mod comparing;
#[path = "differential/posting.rs"]
mod posting;

use common::house::TestHouse;
use common::server::RedisServer;
use common::{ask, company};
use domain::credit::{Batch, BatchId, Durability, Kind, Outcome};
use ledger::memory::MemoryLedger;
use ledger::redis::{BALANCE_MAX, RedisLedger, Settings};
use ledger::{Ledger, Lines, StatementLine, StatementQuery};
use posting::{COMPANIES, Poster, chance_of, is_of_state, label, number};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Batches on one pair of files and one Redis; then everything begins anew.
const EPOCH: u64 = 2_500;
/// In each subject this bit says whose it is: calls belong to one node.
const WHOSE: u128 = 1 << 100;

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
                    let mut house = Two::new(seed, epoch);
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
    server: RedisServer,
    nodes: [Node; 2],
    posters: [Poster; 2],
    memory: MemoryLedger,
    /// Every row that was journalled: whose, and what. In the order in which they were asked.
    rows: Vec<(usize, Batch, Durability, Outcome)>,
    /// Refusals that one of the two remembers, and who has forgotten rows before them may see otherwise: never asked again.
    void: BTreeSet<BatchId>,
    refused: BTreeSet<BatchId>,
    is_rewound: bool,
    posted: u64,
    told: BTreeMap<&'static str, u64>,
}

impl Two {
    fn new(seed: u64, epoch: u64) -> Self {
        let server = RedisServer::start();
        let house = Arc::new(TestHouse::default());
        let node = |_| {
            let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let mut settings = server.settings(folder.path());
            settings.house = Some(house.clone());
            let ledger = Some(RedisLedger::open(settings.clone()).unwrap());
            Node { settings, ledger, _folder: folder }
        };
        let nodes = [0, 1].map(node);
        let posters = [0, 1].map(|which| Poster::new(chance_of(seed, 2 * epoch + which)));
        let memory = MemoryLedger::with_balance_max(BALANCE_MAX);
        let (rows, void, refused, told) = Default::default();
        Self { server, nodes, posters, memory, rows, void, refused, is_rewound: false, posted: 0, told }
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

    /// The next batch of a node: the subjects are its own.
    fn next(&mut self, which: usize) -> Batch {
        let mine = |subject: u128| if which == 0 { subject & !WHOSE } else { subject | WHOSE };
        let mut batch = self.posters[which].next();
        batch.id.subject = mine(batch.id.subject);
        for transfer in &mut batch.transfers {
            if let Kind::Hold { hold, .. }
            | Kind::Capture { hold, .. }
            | Kind::Release { hold }
            | Kind::Extend { hold, .. } = &mut transfer.kind
            {
                hold.subject = mine(hold.subject);
            }
        }
        batch
    }

    fn post(&mut self, which: usize) {
        self.posted += 1;
        let batch = self.next(which);
        if self.void.contains(&batch.id) {
            return;
        }
        let durability = match self.posters[which].chance.below(8) {
            0 => Durability::BeforeAnswer,
            _ => Durability::WithNextGroup,
        };
        let theirs = self.insist(which, &batch, durability);
        let ours = ask(&self.memory, batch.clone(), durability);
        // Where rows were lost, what is replayed had been answered with balances that the specification has not seen.
        let (theirs, ours) = match self.is_rewound {
            true => (without_replayed_balances(theirs), without_replayed_balances(ours)),
            false => (theirs, ours),
        };
        assert_eq!(
            theirs,
            ours,
            "node {which} and memory differ on {batch:#?} ({durability:?}) after {} rows",
            self.rows.len()
        );
        if let Outcome::Refused(refusal) = &ours
            && is_of_state(refusal.because)
        {
            self.refused.insert(batch.id);
        }
        if comparing::is_journalled(&ours, durability) {
            self.rows.push((which, batch.clone(), durability, ours.clone()));
        }
        *self.told.entry(label(&ours)).or_default() += 1;
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
        redis::cmd("FLUSHALL").exec(&mut self.server.connection()).unwrap();
    }

    fn kill_redis(&mut self) {
        self.happened("redis killed");
        self.server.restart();
    }

    /// Redis comes back without what both had done since a moment before: as soon as both have noticed, nothing is missing.
    fn lose_the_latest(&mut self) {
        self.happened("latest writes lost");
        self.settle();
        self.server.save();
        for _ in 0..40 {
            let which = self.posters[0].chance.below(2) as usize;
            self.post(which);
        }
        self.server.restart_saved();
        self.settle();
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
                assert_eq!(theirs, self.memory.balances(company(number)), "company {number} by node {which}");
            }
            assert_eq!(self.ledger(which).disagreements(), 0);
        }
        self.compare_statements();
        let mut open: Vec<_> = (0..2).flat_map(|which| self.ledger(which).open_holds(None, usize::MAX)).collect();
        open.sort_unstable_by_key(|open| (open.debit.company, open.hold));
        assert_eq!(open, self.memory.open_holds(None, usize::MAX));
        assert!(self.memory.verify().unwrap().is_clean());
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
            let mut ours: Vec<_> = self.memory.statement(&query).unwrap().lines.iter().map(key).collect();
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
            self.rewind(dead, ledger::sqlite::verify(&path).unwrap().batches as usize);
            for _ in 0..20 {
                self.post(living);
            }
        }
        self.reopen(dead);
        self.ledger(dead).flush().unwrap();
        let kept = self.ledger(dead).totals().journalled as usize;
        self.rewind(dead, kept);
        self.settle();
    }

    /// A clean stop: nothing is lost but refusals that were not journalled.
    fn restart_a_node(&mut self) {
        self.happened("node restarted");
        let which = self.posters[0].chance.below(2) as usize;
        self.nodes[which].ledger.take().unwrap().close().unwrap();
        self.reopen(which);
        self.rewind(which, usize::MAX);
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

    /// The specification again, without the rows that a node has lost. What was refused then might not be now: it is not asked again.
    fn rewind(&mut self, which: usize, kept: usize) {
        self.is_rewound = true;
        let mut seen = 0;
        self.rows.retain(|(whose, ..)| {
            seen += usize::from(*whose == which);
            *whose != which || seen <= kept
        });
        self.void.append(&mut self.refused);
        self.memory = MemoryLedger::with_balance_max(BALANCE_MAX);
        for (_, batch, durability, outcome) in &self.rows {
            if matches!(outcome, Outcome::Applied(_)) {
                let again = ask(&self.memory, batch.clone(), *durability);
                assert!(matches!(again, Outcome::Applied(_)), "what one node lost is needed by nobody else: {again:?}");
            }
        }
    }
}

fn without_replayed_balances(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Replayed(first) => match *first {
            Outcome::Applied(balances) => {
                let accounts = balances.into_iter().map(|(account, _)| (account, Default::default()));
                Outcome::Replayed(Box::new(Outcome::Applied(accounts.collect())))
            }
            first => Outcome::Replayed(Box::new(first)),
        },
        outcome => outcome,
    }
}
