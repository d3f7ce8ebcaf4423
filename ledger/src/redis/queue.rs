//! What the courier shares with its callers: the bounded queue of what is asked, and whether Redis is there. What is done with it is
//! in [`super::courier`].

use super::audit::Audited;
use super::house::House;
use super::link::Link;
use super::seen::{Failure, Seen, Watch};
use super::server::Server;
use super::settings::{BACK_OFF_FIRST, BACK_OFF_MAX};
use crate::api::Reply;
use crate::error::Error;
use crate::sqlite::{Identity, SqliteLedger};
use domain::CompanyId;
use domain::credit::{Account, Balance, Batch, Durability};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

/// Whether the courier should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It should not.
    No,
    /// After everything asked.
    Closed,
    /// At once.
    Abandoned,
}

/// A batch that waits for its answer.
pub(super) struct Asked {
    pub(super) batch: Batch,
    pub(super) durability: Durability,
    pub(super) reply: Reply,
}

/// A question of people: what accounts of a company have, over all nodes. None where Redis cannot say it now.
pub(super) struct Query {
    pub(super) company: CompanyId,
    /// Only this one.
    pub(super) account: Option<Account>,
    pub(super) tell: SyncSender<Option<Vec<(Account, Balance)>>>,
}

/// What the courier is told.
pub(super) struct Queue {
    pub(super) asked: VecDeque<Asked>,
    /// Everything that was asked and is not answered, wherever it is.
    pub(super) in_all: usize,
    /// Intents that are on disk, or failed to be, in order.
    pub(super) written: VecDeque<(u64, bool)>,
    pub(super) audits: Vec<SyncSender<Result<Audited, String>>>,
    pub(super) queries: Vec<Query>,
    /// A new connection.
    pub(super) dialled: Option<Link>,
    pub(super) stop: Stop,
}

impl Queue {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
            && self.written.is_empty()
            && self.audits.is_empty()
            && self.queries.is_empty()
            && self.dialled.is_none()
    }
}

/// What the courier shares with its callers.
pub(super) struct Shared {
    pub(super) queue: Mutex<Queue>,
    pub(super) work: Condvar,
    /// Signalled when `dialled` is there.
    pub(super) redialled: Condvar,
    pub(super) is_up: AtomicBool,
    pub(super) disagreements: AtomicU64,
    pub(super) rebuilt: AtomicU64,
    pub(super) below_zero: AtomicU64,
    /// The last answers about accounts that several nodes share.
    pub(super) last_known: Mutex<BTreeMap<Account, Balance>>,
    pub(super) journal: Arc<SqliteLedger>,
    pub(super) server: Server,
    pub(super) identity: Identity,
    pub(super) house: Arc<dyn House>,
    pub(super) house_id: String,
    pub(super) watch: Watch,
}

impl Shared {
    pub(super) fn new(
        journal: Arc<SqliteLedger>,
        server: Server,
        identity: Identity,
        house: Arc<dyn House>,
        house_id: String,
        watch: Watch,
    ) -> Self {
        let queue = Queue {
            asked: VecDeque::new(),
            in_all: 0,
            written: VecDeque::new(),
            audits: Vec::new(),
            queries: Vec::new(),
            dialled: None,
            stop: Stop::No,
        };
        Self {
            queue: Mutex::new(queue),
            work: Condvar::new(),
            redialled: Condvar::new(),
            is_up: AtomicBool::new(true),
            disagreements: AtomicU64::new(0),
            rebuilt: AtomicU64::new(0),
            below_zero: AtomicU64::new(0),
            last_known: Mutex::new(BTreeMap::new()),
            journal,
            server,
            identity,
            house,
            house_id,
            watch,
        }
    }

    /// Notes whether Redis answers; gives back what was known before.
    pub(super) fn set_up(&self, is_up: bool) -> bool {
        let was_up = self.is_up.swap(is_up, Ordering::Relaxed);
        if was_up != is_up {
            self.watch.tell(Seen::Up(is_up));
        }
        was_up
    }

    fn is_stopped(&self) -> bool {
        self.queue.lock().stop != Stop::No
    }

    /// Tries until there is a connection, with waits that grow up to [`BACK_OFF_MAX`]. A thread of its own.
    pub(super) fn redial(&self) {
        let mut back_off = BACK_OFF_FIRST;
        let mut said_unfit = false;
        while !self.is_stopped() {
            if self.dial_again(&mut said_unfit) {
                return;
            }
            std::thread::sleep(back_off);
            back_off = (back_off * 2).min(BACK_OFF_MAX);
        }
    }
    /// Tries once; whether there is a connection now, for the courier to take up. That Redis is unfit is said once.
    pub(super) fn dial_again(&self, said_unfit: &mut bool) -> bool {
        match Link::open(&self.server, &self.house_id, &self.watch) {
            Ok(link) => {
                self.queue.lock().dialled = Some(link);
                self.work.notify_one();
                self.redialled.notify_one();
                true
            }
            Err(error @ Error::RedisUnfit { .. }) => {
                self.watch.failed(Failure::Refused);
                if !std::mem::replace(said_unfit, true) {
                    tracing::error!(%error, "Redis is back and cannot be used: no call is let in until that is changed");
                }
                false
            }
            Err(error) => {
                let failure = match &error {
                    Error::RedisAway { source, .. } => Failure::of(source),
                    _ => Failure::Connection,
                };
                self.watch.failed(failure);
                tracing::debug!(%error, "Redis is not back yet");
                false
            }
        }
    }
}
