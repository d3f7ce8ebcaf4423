//! The redis engine against the memory engine: the same random batches, many of them wrong, against a real redis-server, with
//! restarts and crashes of the node and of Redis, lost connections, a lost function and lost data in between.
//!
//! `OPERATIONS` is the number of batches (default 20,000; the long form takes 1,000,000), `SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::ask;
use clerk::comparing::{Journal, is_journalled, is_promise, replay, row_of};
use clerk::posting::{Poster, chance_of, label, number};
use clerk::server::RedisServer;
use domain::Entropy;
use domain::credit::{Batch, Durability, Kind, Outcome};
use ledger::Ledger;
use ledger::memory::MemoryLedger;
use ledger::redis::{BALANCE_MAX, RedisLedger, Settings};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Batches on one file and one Redis; then everything begins anew, so that the model's history stays short enough to be replayed.
const EPOCH: u64 = 10_000;
/// Epochs that run at the same time: each waits for its answers.
const LANES: u64 = 8;

#[test]
fn the_redis_engine_does_what_the_specification_does() {
    let (operations, seed) = (number("OPERATIONS", 20_000), number("SEED", 0x5ed1_5000_1e06_e200));
    println!("SEED={seed} OPERATIONS={operations}");
    let length = EPOCH.min(operations.div_ceil(LANES)).max(1);
    let epochs = operations.div_ceil(length);
    let next = AtomicU64::new(0);
    let lane = || {
        let mut told = Told::default();
        loop {
            let epoch = next.fetch_add(1, Ordering::Relaxed);
            if epoch >= epochs {
                return told;
            }
            told.add(one_epoch(seed, epoch, length.min(operations - epoch * length)));
        }
    };
    let mut told = Told::default();
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        for lane in lanes {
            told.add(lane.join().unwrap());
        }
    });
    println!("{:?}", told.tally);
    println!("{:?}", told.events);
    println!("{} rows lost with the node, none of them promised, none of them money", told.lost);
    let compared = told.tally.values().sum::<u64>();
    assert!(compared >= operations);
    println!("{compared} operations, 0 differences");
    let happened = |what| told.events.get(what).is_some_and(|times| *times > 0);
    let needed = ["node killed", "redis killed", "redis lost everything", "flushed", "function lost", "connection cut"];
    assert!(
        operations < 20_000 || needed.into_iter().all(happened),
        "the run must have gone through all of {needed:?}"
    );
}

/// What a run went through.
#[derive(Default)]
struct Told {
    tally: BTreeMap<&'static str, u64>,
    events: BTreeMap<&'static str, u64>,
    lost: u64,
}

impl Told {
    fn add(&mut self, other: Told) {
        other.tally.into_iter().for_each(|(word, times)| *self.tally.entry(word).or_default() += times);
        other.events.into_iter().for_each(|(word, times)| *self.events.entry(word).or_default() += times);
        self.lost += other.lost;
    }
}

fn one_epoch(seed: u64, epoch: u64, operations: u64) -> Told {
    let folder = quick_folder();
    let mut pair = Pair::new(&folder, chance_of(seed, epoch));
    while pair.posted < operations {
        pair.one_step();
    }
    pair.restart();
    pair.compare_everything();
    pair.told
}

/// In memory where there is such a place: thousands of batches wait for the disk, and the disk is not what is tested here.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Both engines, and what was posted to them.
struct Pair {
    poster: Poster,
    server: RedisServer,
    settings: Settings,
    redis: Option<RedisLedger>,
    memory: MemoryLedger,
    /// What the journal must hold.
    journal: Journal,
    /// Rows up to this one must survive the node: they were answered as durable, or moved money.
    promised: u64,
    posted: u64,
    /// Something was taken from Redis, and nobody may have noticed yet.
    is_robbed: bool,
    told: Told,
}

impl Pair {
    fn new(folder: &tempfile::TempDir, mut chance: Entropy) -> Self {
        let server = RedisServer::start();
        let mut settings = server.settings(folder.path());
        settings.journal.group_after = Duration::from_millis(chance.below(5));
        settings.journal.remembered_subjects = 1 + chance.below(40) as usize;
        settings.journal.snapshot_every = 1 + chance.below(3_000);
        settings.journal.placed_together = 1 + chance.below(500) as usize;
        let redis = Some(RedisLedger::open(settings.clone()).unwrap());
        let memory = MemoryLedger::with_balance_max(BALANCE_MAX);
        let (journal, told) = (Vec::new(), Told::default());
        Self {
            poster: Poster::new(chance),
            server,
            settings,
            redis,
            memory,
            journal,
            promised: 0,
            posted: 0,
            is_robbed: false,
            told,
        }
    }

    fn redis(&self) -> &RedisLedger {
        self.redis.as_ref().unwrap()
    }

    /// Perhaps something happens; then one batch, or a burst about one subject.
    fn one_step(&mut self) {
        match self.poster.chance.below(6_000) {
            0..2 => self.restart(),
            2..6 => self.kill_node(),
            6..9 => self.kill_redis(),
            9..11 => self.lose_redis(),
            11..15 => self.by_hand("flushed", &["FLUSHALL"]),
            15..19 => self.by_hand("function lost", &["SCRIPT", "FLUSH"]),
            19..25 => self.by_hand("connection cut", &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]),
            25..40 => self.compare_balances(),
            40..44 => self.compare_everything(),
            _ => {}
        }
        if self.poster.chance.below(40) == 0 {
            return self.burst();
        }
        self.posted += 1;
        let (batch, durability) = (self.poster.next_batch(), self.poster.any_durability());
        let theirs = self.insist(&batch, durability);
        self.compare(batch, durability, theirs);
    }

    /// Several batches about one subject at once: none waits for the answer to the one before it.
    fn burst(&mut self) {
        let many = 2 + self.poster.chance.below(6);
        self.posted += many;
        let first = self.poster.next_batch();
        let posted: Vec<(Batch, Durability)> = (0..many)
            .map(|_| {
                let mut batch = self.poster.next_batch();
                batch.id.subject = first.id.subject;
                (batch, self.poster.any_durability())
            })
            .collect();
        let answers: Vec<_> = posted
            .iter()
            .map(|(batch, durability)| {
                let (tell, told) = sync_channel(1);
                let reply = Box::new(move |outcome| tell.send(outcome).unwrap());
                self.redis().submit(batch.clone(), *durability, reply);
                told
            })
            .collect();
        let mut unanswered = Vec::new();
        for ((batch, durability), told) in posted.into_iter().zip(answers) {
            match told.recv_timeout(Duration::from_secs(60)).expect("the ledger answers") {
                Outcome::Unavailable => unanswered.push((batch, durability)),
                theirs => self.compare(batch, durability, theirs),
            }
        }
        for (batch, durability) in unanswered {
            self.happened("unavailable");
            let theirs = self.insist(&batch, durability);
            self.compare(batch, durability, theirs);
        }
    }

    /// Asks until there is an answer, as a call does: on a busy machine Redis may be away for longer than the ledger's patience.
    fn insist(&mut self, batch: &Batch, durability: Durability) -> Outcome {
        for _ in 0..60_000 {
            match ask(self.redis(), batch.clone(), durability) {
                Outcome::Unavailable => self.happened("unavailable"),
                outcome => return outcome,
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        panic!("the ledger never answered again");
    }

    fn compare(&mut self, batch: Batch, durability: Durability, theirs: Outcome) {
        let ours = ask(&self.memory, batch.clone(), durability);
        assert_eq!(theirs, ours, "redis and memory differ on {batch:#?} ({durability:?}), row {}", self.journal.len());
        if is_journalled(&ours, durability) {
            self.journal.push((batch.clone(), durability, ours.clone()));
        }
        if is_promise(&ours, durability) || matches!(ours, Outcome::Applied(_)) && moves_money(&batch) {
            self.promised = self.promised.max(row_of(&self.journal, &batch).unwrap_or(0));
        }
        self.poster.posted.push(batch);
        *self.told.tally.entry(label(&ours)).or_default() += 1;
    }

    fn happened(&mut self, what: &'static str) {
        *self.told.events.entry(what).or_default() += 1;
    }

    fn agree(&self) {
        assert_eq!(self.redis().disagreements(), 0, "the function and the journal decide alike");
    }

    /// A clean stop and start of the node: nothing is lost but refusals that were not journalled.
    fn restart(&mut self) {
        self.happened("node restarted");
        self.agree();
        self.redis.take().unwrap().close().unwrap();
        let audit = match self.is_robbed {
            true => ledger::sqlite::verify(&self.settings.journal.path).unwrap(),
            false => ledger::redis::verify(&self.settings).unwrap().0,
        };
        assert!(audit.is_clean(), "{audit}");
        self.reopen();
        assert_eq!(self.redis().totals().journalled, self.journal.len() as u64);
        self.rewind(self.journal.len());
    }

    /// The node dies: what was promised and what moved money is there, and Redis has nothing else.
    fn kill_node(&mut self) {
        self.happened("node killed");
        self.agree();
        // Something that is certainly not on disk yet.
        for _ in 0..3 {
            let batch = self.poster.next_batch();
            let theirs = self.insist(&batch, Durability::WithNextGroup);
            self.compare(batch, Durability::WithNextGroup, theirs);
            self.posted += 1;
        }
        self.redis.take().unwrap().abandon();
        self.reopen();
        let kept = self.redis().totals().journalled;
        assert!(kept >= self.promised, "row {} was promised or moved money, and only {kept} are there", self.promised);
        assert!(kept <= self.journal.len() as u64);
        self.told.lost += self.journal.len() as u64 - kept;
        self.rewind(kept as usize);
    }

    /// Redis dies and comes back with what its append-only file has. The next batch finds out.
    fn kill_redis(&mut self) {
        self.happened("redis killed");
        self.server.restart();
    }

    /// Redis comes back with nothing.
    fn lose_redis(&mut self) {
        self.happened("redis lost everything");
        self.is_robbed = true;
        self.server.restart_empty();
    }

    fn by_hand(&mut self, what: &'static str, command: &[&str]) {
        self.happened(what);
        self.is_robbed |= command == ["FLUSHALL"];
        let mut cmd = redis::cmd(command[0]);
        command[1..].iter().for_each(|word| {
            cmd.arg(*word);
        });
        cmd.exec(&mut self.server.connection()).unwrap();
    }

    /// A lock that is let go is held a moment longer where another lane is just then starting a process, which has all files of
    /// this one until it becomes another program.
    fn reopen(&mut self) {
        let open = || match RedisLedger::open(self.settings.clone()) {
            Err(ledger::Error::InUse { .. } | ledger::Error::RedisAway { .. }) => {
                std::thread::park_timeout(Duration::from_millis(1));
                None
            }
            opened => Some(opened.unwrap()),
        };
        self.redis = (0..60_000).find_map(|_| open());
        self.is_robbed = false;
    }

    /// The model again, after its first `rows` rows.
    fn rewind(&mut self, rows: usize) {
        self.memory = MemoryLedger::with_balance_max(BALANCE_MAX);
        replay(&mut self.journal, rows, &self.memory);
        self.compare_balances();
        self.compare_unfinished();
        self.compare_redis();
    }

    fn compare_balances(&self) {
        clerk::comparing::compare_balances(self.redis(), &self.memory);
        self.agree();
    }

    fn compare_unfinished(&self) {
        clerk::comparing::compare_unfinished(self.redis(), &self.memory);
    }

    /// What stands in Redis itself.
    fn compare_redis(&self) {
        let compared = self.redis().compare().unwrap();
        assert_eq!(compared.faults, Vec::<String>::new());
    }

    fn compare_everything(&mut self) {
        self.compare_balances();
        self.redis().flush().unwrap();
        self.compare_unfinished();
        let redis = self.redis.as_ref().unwrap();
        clerk::comparing::compare_readings(redis, &self.memory, &mut self.poster, self.journal.len() as u64);
        assert!(self.memory.verify().unwrap().is_clean());
    }
}

fn moves_money(batch: &Batch) -> bool {
    let moves =
        |kind: Kind| matches!(kind, Kind::Post { .. } | Kind::PostIfAvailableAtMost { .. } | Kind::Capture { .. });
    batch.transfers.iter().any(|transfer| moves(transfer.kind))
}
