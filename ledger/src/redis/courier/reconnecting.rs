//! The courier without its connection: lost, waited for a little, taken up again once every company in Redis is what the journal says.
//! How a connection is made is in [`crate::redis::link`].

use super::{Courier, Pace};
use crate::redis::link::{Link, Lost, Order};
use crate::redis::names::{self, Keys};
use crate::redis::queue::Stop;
use crate::redis::seen::Op;
use crate::redis::settings::ROUND;
use crate::redis::start::{self, Part};
use domain::CompanyId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Courier {
    /// The connection is gone: another one is made, in a thread of its own.
    pub(super) fn lose(&mut self, why: &Lost) {
        if self.link.take().is_none() || self.is_fenced_off {
            return;
        }
        tracing::warn!(why = %why.0, redis = %self.shared.server.address(), "the connection to Redis is lost");
        if self.pace == Pace::Stepped {
            return;
        }
        let shared = Arc::clone(&self.shared);
        if let Err(error) = std::thread::Builder::new().name("ledger-redial".into()).spawn(move || shared.redial()) {
            tracing::error!(%error, "no thread can be had to call Redis again; the next start will");
        }
    }

    /// Nothing more is asked of Redis by this process: two that both believe they are the node cannot both charge for a call.
    pub(super) fn fence_off(&mut self) {
        if std::mem::replace(&mut self.is_fenced_off, true) {
            return;
        }
        self.link = None;
        self.shared.set_up(false);
        tracing::error!(
            node = %self.shared.identity.node,
            "another process was started with this node's journal, or with a copy of it, and has the ledger now: this one grants nothing \
             any more; stop it, and give each node a data folder of its own"
        );
    }

    /// Waits a little for the next connection; false where there is none.
    pub(super) fn wait_for_link(&mut self, in_flight: &BTreeMap<CompanyId, u64>) -> bool {
        let shared = Arc::clone(&self.shared);
        if self.pace == Pace::Stepped && !self.is_fenced_off {
            shared.dial_again(&mut true);
        }
        let mut queue = shared.queue.lock();
        // Known to be away: nobody waits for it again.
        let may_wait = self.pace == Pace::Threaded && queue.stop == Stop::No && shared.is_up.load(Ordering::Relaxed);
        if queue.dialled.is_none() && may_wait {
            shared.redialled.wait_for(&mut queue, self.patience);
        }
        let dialled = queue.dialled.take();
        drop(queue);
        match dialled {
            Some(link) => self.take_up(link, in_flight),
            None => {
                if shared.set_up(false) {
                    tracing::error!(redis = %shared.server.address(), "Redis is away: no new call is let in, running calls speak on for what they have paid");
                }
                false
            }
        }
    }

    /// Takes up a new connection, after every company there is what the journal says, or that and what is in flight.
    pub(super) fn take_up(&mut self, link: Link, in_flight: &BTreeMap<CompanyId, u64>) -> bool {
        if self.is_fenced_off {
            return false;
        }
        self.link = Some(link);
        if let Err(lost) = self.reconcile(in_flight) {
            self.lose(&lost);
            return false;
        }
        if self.is_fenced_off {
            return false;
        }
        if !self.shared.set_up(true) {
            tracing::info!(redis = %self.shared.server.address(), "Redis is back");
        }
        true
    }

    fn reconcile(&mut self, in_flight: &BTreeMap<CompanyId, u64>) -> Result<(), Lost> {
        let Some(link) = &mut self.link else { return Err(Lost("there is no connection".to_owned())) };
        if start::living(link, &self.shared.identity)? != self.shared.identity.life {
            self.fence_off();
            return Ok(());
        }
        self.connections += 1;
        self.life = start::life(&self.shared.identity, self.connections);
        let node = self.shared.identity.node.clone();
        let companies: Vec<(CompanyId, Part)> = self.parts.iter().map(|(company, part)| (*company, *part)).collect();
        for some in companies.chunks(ROUND) {
            let asked: Vec<_> = some
                .iter()
                .flat_map(|(company, _)| [mark(*company, &node, &self.life), have_of(*company, &node)])
                .collect();
            let Some(link) = &mut self.link else { return Err(Lost("there is no connection".to_owned())) };
            let said = link.run(Op::Set, &asked)?;
            for ((company, part), said) in some.iter().zip(said.into_iter().skip(1).step_by(2)) {
                let most = part.changes + in_flight.get(company).copied().unwrap_or(0);
                let found = redis::from_redis_value::<(Option<u64>, Option<String>)>(said).unwrap_or_default();
                let is_whole = found.0.is_some_and(|have| (part.changes..=most).contains(&have));
                let is_ours = is_whole && found.1 == Some(start::mark(&self.shared.identity, part.laying));
                if !is_ours {
                    tracing::warn!(company = %company, "Redis has lost or kept what it should not; it is made what the journal says");
                    self.lay(*company)?;
                }
            }
        }
        self.tend_the_dead();
        Ok(())
    }
}

fn mark(company: CompanyId, node: &str, life: &str) -> Order {
    let (keys, mut cmd) = (Keys::of(company, node), redis::cmd("HSET"));
    cmd.arg(&keys.meta).arg(names::life(node)).arg(life);
    Order::about(&keys.meta, cmd)
}

fn have_of(company: CompanyId, node: &str) -> Order {
    let (keys, mut cmd) = (Keys::of(company, node), redis::cmd("HMGET"));
    cmd.arg(&keys.meta).arg(names::have(node)).arg(names::laid(node));
    Order::about(&keys.meta, cmd)
}
