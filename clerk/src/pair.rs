//! Two nodes of one house that share a Redis, and may share an archive. What they do is each test's.

use crate::roster::Roster;
use crate::server::RedisServer;
use ledger::redis::{RedisLedger, Settings};
use ledger::{Archive, MemoryArchive};
use std::sync::Arc;

/// Their settings, and what they stand on until it is dropped.
pub struct Pair {
    /// The Redis that both share.
    pub server: RedisServer,
    /// Of each node.
    pub settings: [Settings; 2],
    _folders: [tempfile::TempDir; 2],
}

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair {
    /// Two nodes that have nothing yet. Their journals have names of their own, as a house wants it.
    pub fn new() -> Self {
        let (server, house) = (RedisServer::start(), Arc::new(Roster::default()));
        let archive: Arc<dyn Archive> = Arc::new(MemoryArchive::default());
        let folders = [1, 2].map(|number| (number, tempfile::tempdir().unwrap()));
        let settings = folders.each_ref().map(|(number, folder)| {
            let mut settings = server.settings(folder.path());
            settings.house = Some(house.clone());
            settings.journal.path = folder.path().join(format!("ledger-{number}.db"));
            settings.journal.archive = Some(Arc::clone(&archive));
            settings
        });
        Self { server, settings, _folders: folders.map(|(_, folder)| folder) }
    }

    /// Starts one of them.
    pub fn open(&self, which: usize) -> RedisLedger {
        RedisLedger::open(self.settings[which].clone()).unwrap()
    }

    /// Redis forgets everything.
    pub fn flush(&self) {
        redis::cmd("FLUSHALL").exec(&mut self.server.connection()).unwrap();
    }
}
