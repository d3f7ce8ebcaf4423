//! Nodes of one house that share a pretended Redis: the engine that runs in production, its courier without a thread.
//!
//! What the server does, and how it fails, is in `crate::redis`.

use super::disk::NEVER;
use super::pass_other_questions_on;
use crate::redis::PretendedRedis;
use clerk::roster::Roster;
use domain::CompanyId;
use domain::credit::{Account, Balance, Batch, Durability};
use ledger::redis::{RedisLedger, Settings};
use ledger::{Ledger, MemoryArchive, Reply};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

/// The ledger of a node: what is asked is done at once, as far as it can be.
pub struct Stepped {
    engine: RedisLedger,
    house: Arc<Nodes>,
}

/// Nodes that share a Redis, with the folders of their journals.
#[derive(Clone)]
pub struct House {
    /// The server.
    pub redis: PretendedRedis,
    nodes: Arc<Nodes>,
    folder: Arc<tempfile::TempDir>,
    /// Of all nodes, as their store is; it knows their journals by the names of the files.
    archive: Arc<MemoryArchive>,
}

/// The list that the store keeps, and the ledgers that live.
#[derive(Default)]
struct Nodes {
    roster: Arc<Roster>,
    living: Mutex<Vec<Weak<Stepped>>>,
}

impl House {
    /// A house without a node.
    pub fn new(redis: PretendedRedis) -> House {
        // In memory where there is such a folder: what fsync takes is not what is simulated.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        House { redis, nodes: Arc::default(), folder: Arc::new(folder), archive: Arc::default() }
    }

    /// How a node's ledger is set up: its groups close when the story says so.
    pub fn settings(&self, name: &str) -> Settings {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let journal = ledger::sqlite::Settings {
            archive: Some(self.archive.clone()),
            group_after: NEVER,
            group_batches: usize::MAX,
            ..ledger::sqlite::Settings::new(folder.join(format!("ledger-{name}.db")))
        };
        let house: Arc<dyn ledger::redis::House> = self.nodes.roster.clone();
        Settings { house: Some(house), ..Settings::new(journal, self.redis.server()) }
    }

    /// Starts a node.
    ///
    /// # Errors
    /// Where Redis is away.
    pub fn open(&self, name: &str) -> Result<Arc<Stepped>, ledger::Error> {
        let engine = RedisLedger::open_stepped(self.settings(name))?;
        let stepped = Arc::new(Stepped { engine, house: Arc::clone(&self.nodes) });
        let mut living = self.nodes.living.lock().unwrap();
        living.retain(|other| other.strong_count() > 0);
        living.push(Arc::downgrade(&stepped));
        Ok(stepped)
    }

    /// Every node that lives hears what has become of Redis, and what the others need of it.
    pub fn step(&self) {
        // Who is called in the first round lays in the second what the first has asked for.
        for _ in 0..2 {
            self.nodes.living().iter().for_each(|node| node.engine.step());
        }
    }

    /// The nodes that live have had time: each has asked for what it needs, and been heard.
    pub fn settle(&self) {
        let companies = self.nodes.roster.all_companies();
        for _ in 0..3 {
            for node in self.nodes.living() {
                for company in &companies {
                    node.engine.balances(*company);
                }
            }
            self.step();
        }
    }

    /// How often Redis said what does not follow from a journal, over the lives that have not ended.
    pub fn disagreements(&self) -> u64 {
        self.nodes.living().iter().map(|node| node.engine.disagreements()).sum()
    }
}

impl Nodes {
    fn living(&self) -> Vec<Arc<Stepped>> {
        self.living.lock().unwrap().iter().filter_map(Weak::upgrade).collect()
    }
}

impl Stepped {
    /// The engine itself, with what Redis says.
    pub fn engine(&self) -> &RedisLedger {
        &self.engine
    }

    /// Ends as a killed process would.
    pub fn abandon(self) {
        self.engine.abandon();
    }

    /// What the journals of all nodes that live add up to: the truth, whatever Redis says.
    fn added_up(&self, company: CompanyId) -> BTreeMap<Account, Balance> {
        let mut sums: BTreeMap<Account, Balance> = BTreeMap::new();
        for node in self.house.living() {
            for (account, balance) in node.engine.part(company) {
                let sum = sums.entry(account).or_default();
                *sum = Balance { posted: sum.posted + balance.posted, held: sum.held + balance.held };
            }
        }
        sums
    }
}

impl Ledger for Stepped {
    fn submit(&self, batch: Batch, durability: Durability, reply: Reply) {
        self.engine.submit(batch, durability, reply);
        self.engine.step();
    }

    fn balance(&self, account: Account) -> Balance {
        self.added_up(account.company).get(&account).copied().unwrap_or_default()
    }

    fn balances(&self, company: CompanyId) -> Vec<(Account, Balance)> {
        self.added_up(company).into_iter().collect()
    }

    fn flush(&self) -> Result<(), ledger::Error> {
        self.engine.flush()
    }

    pass_other_questions_on!(engine);
}
