//! An engine of the ledger, and what a crash leaves of it: everything up to the last time that the disk was reached.
//!
//! When the disk is reached is the story's to say, so that a seed decides what is lost and not the machine that runs it.

use super::pass_questions_on;
use super::shared::{House, Stepped};
use crate::redis::{FunctionBug, PretendedRedis};
use domain::Wall;
use domain::credit::{Batch, Durability};
use ledger::memory::MemoryLedger;
use ledger::sqlite::{Settings, SqliteLedger};
use ledger::{Ledger, MemoryArchive, Reply, Trim};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// No group closes by itself in this time.
pub(super) const NEVER: Duration = Duration::from_secs(100_000);
/// The folder of this node's journal.
const HERE: &str = "here";

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// In memory; its journal is a list of batches, replayed after a crash.
    Memory,
    /// SQLite in a temporary folder: the real journal, and the real start from it.
    Sqlite,
    /// Balances in a pretended Redis that another node has part in, the journal as in [`Engine::Sqlite`]. With a bug in its functions,
    /// perhaps.
    Redis(Option<FunctionBug>),
}

/// The engine and its disk.
pub struct Disk(Kept);

enum Kept {
    Memory(Arc<Journalled>),
    Sqlite { ledger: Option<Arc<SqliteLedger>>, settings: Box<Settings>, _folder: tempfile::TempDir },
    Redis { ledger: Option<Arc<Stepped>>, house: House },
}

impl Disk {
    /// An empty ledger.
    pub fn new(engine: Engine) -> Disk {
        match engine {
            Engine::Memory => Disk(Kept::Memory(Arc::default())),
            Engine::Redis(bug) => {
                let house = House::new(PretendedRedis::with_bug(bug));
                Disk(Kept::Redis { ledger: Some(house.open(HERE).unwrap()), house })
            }
            Engine::Sqlite => {
                // In memory where there is such a folder: what fsync takes is not what is simulated.
                let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
                let settings = Settings {
                    group_after: NEVER,
                    group_batches: usize::MAX,
                    archive: Some(Arc::new(MemoryArchive::default())),
                    ..Settings::new(folder.path().join("ledger.db"))
                };
                Disk(Kept::Sqlite { ledger: Some(open(&settings)), settings: Box::new(settings), _folder: folder })
            }
        }
    }

    /// The engine.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        match &self.0 {
            Kept::Memory(ledger) => Arc::clone(ledger) as Arc<dyn Ledger>,
            Kept::Sqlite { ledger, .. } => Arc::clone(ledger.as_ref().unwrap()) as Arc<dyn Ledger>,
            Kept::Redis { ledger, .. } => Arc::clone(ledger.as_ref().unwrap()) as Arc<dyn Ledger>,
        }
    }

    /// The nodes that share a Redis, and this one's ledger while it lives; none with another engine.
    pub fn house(&self) -> Option<(&House, Option<&Arc<Stepped>>)> {
        match &self.0 {
            Kept::Redis { ledger, house } => Some((house, ledger.as_ref())),
            _ => None,
        }
    }

    /// The disk is reached: what was applied before survives. A step of trimming follows, which a crash may then interrupt: everything that is
    /// asked of the ledger must be the same with it.
    pub fn sync(&self) {
        let ledger = self.ledger();
        ledger.flush().unwrap();
        let order = Trim { before: Wall::from_unix_micros(i64::MAX), to_the_end: true, steps: 1 };
        ledger.trim(&order).unwrap();
    }

    /// The process is killed. Nobody else may have the engine any more.
    pub fn crash(&mut self) {
        match &mut self.0 {
            Kept::Memory(ledger) => *ledger = Arc::new(ledger.survivors()),
            Kept::Sqlite { ledger, .. } => {
                let alone = Arc::try_unwrap(ledger.take().unwrap());
                alone.unwrap_or_else(|_| panic!("somebody else has the ledger")).abandon();
            }
            Kept::Redis { ledger, .. } => {
                let alone = Arc::try_unwrap(ledger.take().unwrap());
                alone.unwrap_or_else(|_| panic!("somebody else has the ledger")).abandon();
            }
        }
    }

    /// The next process opens the journal.
    pub fn reopen(&mut self) {
        if let Kept::Sqlite { ledger, settings, .. } = &mut self.0 {
            *ledger = Some(open(settings));
        }
        if let Kept::Redis { ledger, house } = &mut self.0 {
            *ledger = Some(house.open(HERE).unwrap());
        }
    }
}

fn open(settings: &Settings) -> Arc<SqliteLedger> {
    Arc::new(SqliteLedger::open(settings.clone()).unwrap())
}

/// The memory engine with a journal that knows what has reached the disk.
#[derive(Default)]
struct Journalled {
    engine: MemoryLedger,
    journal: Mutex<Journal>,
}

#[derive(Default)]
struct Journal {
    batches: Vec<(Batch, Durability)>,
    /// How many of them are on the disk.
    safe: usize,
}

impl Journalled {
    /// What the next process finds.
    fn survivors(&self) -> Journalled {
        let journal = self.journal.lock().unwrap();
        let next = Journalled::default();
        for (batch, durability) in &journal.batches[..journal.safe] {
            next.submit(batch.clone(), *durability, Box::new(|_| {}));
        }
        next.journal.lock().unwrap().safe = journal.safe;
        next
    }

    fn reach_the_disk(&self) {
        let mut journal = self.journal.lock().unwrap();
        journal.safe = journal.batches.len();
    }
}

impl Ledger for Journalled {
    fn submit(&self, batch: Batch, durability: Durability, reply: Reply) {
        self.journal.lock().unwrap().batches.push((batch.clone(), durability));
        if durability == Durability::BeforeAnswer {
            self.reach_the_disk();
        }
        self.engine.submit(batch, durability, reply);
    }

    fn flush(&self) -> Result<(), ledger::Error> {
        self.reach_the_disk();
        self.engine.flush()
    }

    pass_questions_on!(engine);
}
