//! The engine: a bounded queue in front of the courier, the node's journal behind it. Who asks Redis, and when, is in
//! [`super::courier`]; every question about the past is the journal's to answer.

use super::audit::Audited;
use super::courier::{Courier, Pace};
use super::queue::{Asked, Query, Shared, Stop};
use super::seen::{Seen, Watch};
use super::settings::Settings;
use super::start;
use crate::api::{
    EndedListener, Ledger, OpenHold, Reply, StatementLine, StatementPage, StatementQuery, Totals, Unfinished,
    Unjournalled, Verification,
};
use crate::archive::{Trim, Trimmed};
use crate::error::Error;
use crate::sqlite::{SqliteLedger, merged_page, only_ends};
use domain::CompanyId;
use domain::credit::{Account, Balance, Batch, Durability, Outcome, Unit};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

/// Comparisons with Redis that may wait at one time; who asks for one more is told that it could not be made.
const AUDITS: usize = 8;
/// Questions of people that may wait at one time; who asks one more is told what was last known.
const QUERIES: usize = 256;
/// How long a person waits for Redis before he is told what was last known: as long as Redis may take for one round.
const QUERY_PATIENCE: Duration = super::settings::REPLY_TIMEOUT;

/// Where the courier is.
enum Works {
    /// In its thread.
    Thread(JoinHandle<()>),
    /// Here, until somebody orders a step.
    Here(Box<Courier>),
    /// It has ended.
    Nowhere,
}

/// The ledger with its balances in Redis and its journal on this node.
pub struct RedisLedger {
    shared: Arc<Shared>,
    journal: Arc<SqliteLedger>,
    courier: Mutex<Works>,
    asked: usize,
    asked_reserved: usize,
}

impl RedisLedger {
    /// Opens the journal, made where there is none, settles what the former life left open, and makes Redis what the journal says.
    ///
    /// Fails where the journal does, where Redis does not answer, and where it cannot be trusted with money as it is set up or keeps
    /// the ledger of another node.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        Self::open_at(settings, Pace::Threaded)
    }

    /// The same without a thread to Redis: what is asked is done in [`RedisLedger::step`]. For simulations, where time is not the
    /// machine's; the journal's own writer is a thread all the same, and waited for.
    ///
    /// # Errors
    /// Those of [`RedisLedger::open`].
    pub fn open_stepped(settings: Settings) -> Result<Self, Error> {
        Self::open_at(settings, Pace::Stepped)
    }

    fn open_at(settings: Settings, pace: Pace) -> Result<Self, Error> {
        let watch = Watch { clock: settings.journal.clock.clone(), listener: settings.on_seen.clone() };
        let (path, server) = (settings.journal.path.clone(), settings.server.clone());
        let (asked, asked_reserved) = (settings.asked, settings.asked_reserved);
        let journal = Arc::new(SqliteLedger::open(settings.journal.clone())?);
        let identity = journal.prepare_intents()?;
        let house = start::house_of(settings.house.as_ref(), &identity.node, &path);
        let house_id = house.id().map_err(Error::House)?;
        house.register(&identity.node, &path).map_err(Error::House)?;
        let begun = start::begin(&journal, identity, house.as_ref(), &server, &watch)?;
        watch.tell(Seen::Up(true));
        let identity = begun.identity.clone();
        let shared = Arc::new(Shared::new(Arc::clone(&journal), server, identity, house, house_id, watch));
        let courier = Courier::new(Arc::clone(&shared), begun, settings, pace);
        let works = match pace {
            Pace::Stepped => Works::Here(Box::new(courier)),
            Pace::Threaded => std::thread::Builder::new()
                .name("ledger-redis".into())
                .spawn(move || courier.run())
                .map(Works::Thread)
                .map_err(|source| Error::File { path, source })?,
        };
        Ok(Self { shared, journal, courier: Mutex::new(works), asked, asked_reserved })
    }

    /// Does all that is asked and can be done now, where the ledger is stepped; and hears whether Redis is there, and what other nodes
    /// need. Does nothing where it has a thread.
    pub fn step(&self) {
        let mut works = self.courier.lock();
        if let Works::Here(courier) = &mut *works
            && !courier.step()
        {
            *works = Works::Nowhere;
        }
    }

    /// There is something to do.
    fn wake(&self) {
        self.shared.work.notify_one();
        self.step();
    }

    /// How often Redis has said something else than follows from the journal, since the start. Anything but 0 was somebody else's
    /// hand, or is a bug; the journal's answer was given and Redis was made what the journal says.
    pub fn disagreements(&self) -> u64 {
        self.shared.disagreements.load(Ordering::Relaxed)
    }

    /// How often a company was made in Redis from what the journal says: once for each at its first batch, and after every loss.
    pub fn rebuilt(&self) -> u64 {
        self.shared.rebuilt.load(Ordering::Relaxed)
    }

    /// How many accounts of customers were below zero when a part was laid, since the start: what has happened is told even where it
    /// outran what was there.
    pub fn below_zero(&self) -> u64 {
        self.shared.below_zero.load(Ordering::Relaxed)
    }

    /// The id of this node: of its journal.
    pub fn node(&self) -> &str {
        &self.shared.identity.node
    }

    /// What this node's journal has of a company: its share of what all nodes have together.
    pub fn part(&self, company: CompanyId) -> Vec<(Account, Balance)> {
        self.journal.balances(company)
    }

    /// Whether other nodes have part in a company; where the store cannot be read, what is last known says more than this journal.
    fn is_shared(&self, company: CompanyId) -> bool {
        self.shared
            .house
            .members(company)
            .map_or(true, |members| members.nodes.iter().any(|member| member.node != self.shared.identity.node))
    }

    /// What Redis has over all nodes; none where it cannot be heard in time.
    fn totals_of(&self, company: CompanyId, account: Option<Account>) -> Option<Vec<(Account, Balance)>> {
        let (tell, told) = sync_channel(1);
        {
            let mut queue = self.shared.queue.lock();
            if queue.stop != Stop::No || queue.queries.len() >= QUERIES {
                return None;
            }
            queue.queries.push(Query { company, account, tell });
        }
        self.wake();
        let found = told.recv_timeout(QUERY_PATIENCE).ok().flatten()?;
        self.shared.last_known.lock().extend(found.iter().copied());
        Some(found)
    }

    /// Compares every company with Redis, at a moment at which nothing is on its way.
    ///
    /// # Errors
    /// A sentence where Redis does not answer or too many ask at once.
    pub fn compare(&self) -> Result<Audited, String> {
        let (tell, told) = sync_channel(1);
        {
            let mut queue = self.shared.queue.lock();
            if queue.stop != Stop::No {
                return Err("the ledger is closed".to_owned());
            }
            if queue.audits.len() >= AUDITS {
                return Err(format!("{AUDITS} others wait for the same"));
            }
            queue.audits.push(tell);
        }
        self.wake();
        told.recv().unwrap_or_else(|_| Err("the ledger was closed".to_owned()))
    }

    /// Ends as a killed process would. For simulations of crashes.
    pub fn abandon(self) {
        self.stop(Stop::Abandoned);
        self.journal.abandon_shared();
    }

    fn stop(&self, stop: Stop) {
        {
            let mut queue = self.shared.queue.lock();
            if queue.stop == Stop::No {
                queue.stop = stop;
            }
        }
        self.shared.work.notify_one();
        self.shared.redialled.notify_one();
        self.step();
        let works = std::mem::replace(&mut *self.courier.lock(), Works::Nowhere);
        if let Works::Thread(courier) = works
            && courier.join().is_err()
        {
            tracing::error!("the ledger's courier to Redis died of a bug; what was journalled is safe");
        }
    }
}

impl Ledger for RedisLedger {
    fn submit(&self, batch: Batch, durability: Durability, reply: Reply) {
        let refused = {
            let mut queue = self.shared.queue.lock();
            let room = if only_ends(&batch) { self.asked_reserved } else { self.asked };
            if queue.stop != Stop::No || queue.in_all >= room {
                Some(reply)
            } else {
                queue.in_all += 1;
                let was_empty = queue.asked.is_empty();
                queue.asked.push_back(Asked { batch, durability, reply });
                if was_empty {
                    self.shared.work.notify_one();
                }
                None
            }
        };
        if let Some(reply) = refused {
            reply(Outcome::Unavailable);
        }
    }

    fn balance(&self, account: Account) -> Balance {
        if !self.is_shared(account.company) {
            return self.journal.balance(account);
        }
        match self.totals_of(account.company, Some(account)) {
            Some(found) => found.first().map(|(_, balance)| *balance).unwrap_or_default(),
            None => {
                self.shared.last_known.lock().get(&account).copied().unwrap_or_else(|| self.journal.balance(account))
            }
        }
    }

    fn balances(&self, company: CompanyId) -> Vec<(Account, Balance)> {
        if !self.is_shared(company) {
            return self.journal.balances(company);
        }
        let mut totals = self.totals_of(company, None).unwrap_or_else(|| {
            let mut balances: BTreeMap<Account, Balance> = self.journal.balances(company).into_iter().collect();
            let last_known = self.shared.last_known.lock();
            balances.extend(last_known.iter().filter(|(account, _)| account.company == company));
            balances.into_iter().collect()
        });
        // Where parts are laid that come to nothing together, Redis has a nothing of an account that is forgotten.
        totals.retain(|(account, balance)| !account.unit.is_passing() || *balance != Balance::default());
        totals
    }

    fn share(&self, company: CompanyId) -> Vec<(Account, Balance)> {
        self.part(company)
    }

    fn statement(&self, query: &StatementQuery) -> Result<StatementPage, Error> {
        let Ok(members) = self.shared.house.members(query.company) else { return self.journal.statement(query) };
        if members.nodes.iter().all(|member| member.node == self.shared.identity.node) {
            return self.journal.statement(query);
        }
        self.journal.flush()?;
        let journals: Vec<&Path> = members.nodes.iter().map(|member| member.journal.as_path()).collect();
        merged_page(&journals, self.journal.archive(), query)
    }

    fn history(&self, subject: u128) -> Result<Vec<StatementLine>, Error> {
        let here = self.journal.history(subject)?;
        if !here.is_empty() {
            return Ok(here);
        }
        // A call of another node: what happened to it stands in that node's journal.
        let nodes = self.shared.house.nodes().map_err(Error::House)?;
        for member in nodes.iter().filter(|member| member.node != self.shared.identity.node && member.journal.exists())
        {
            let there = crate::sqlite::Journal::open_with(&member.journal, self.journal.archive())?.history(subject)?;
            if !there.is_empty() {
                return Ok(there);
            }
        }
        Ok(here)
    }

    fn open_holds(&self, company: Option<CompanyId>, limit: usize) -> Vec<OpenHold> {
        self.journal.open_holds(company, limit)
    }

    /// Sums of this node's part; what is below zero is told of the whole, since a part is where its credit came in at another node.
    fn totals(&self) -> Totals {
        let mut totals = self.journal.totals();
        // While Redis is away nobody waits for it here.
        let short = if self.is_healthy() { self.journal.short_companies() } else { Vec::new() };
        for company in short.into_iter().filter(|company| self.is_shared(*company)) {
            for (unit, (missing, accounts)) in shortfalls(&self.journal.balances(company)) {
                let sums = totals.units.entry(unit).or_default();
                sums.overdraft -= missing;
                sums.below_zero = sums.below_zero.saturating_sub(accounts);
            }
            for (unit, (missing, accounts)) in shortfalls(&self.balances(company)) {
                let sums = totals.units.entry(unit).or_default();
                sums.overdraft += missing;
                sums.below_zero += accounts;
            }
        }
        totals
    }

    /// What Redis has granted waits for the journal's next group as elsewhere. Where its intent is on the disk already nothing of it would be
    /// lost, so this is what would be lost at most.
    fn unjournalled(&self) -> Vec<Unjournalled> {
        self.journal.unjournalled()
    }

    fn unfinished(&self) -> Result<Vec<Unfinished>, Error> {
        self.journal.unfinished()
    }

    fn ended_after(&self, journal_sequence: u64, limit: usize) -> Result<Vec<(u64, Arc<str>)>, Error> {
        self.journal.ended_after(journal_sequence, limit)
    }

    fn on_journalled(&self, listener: EndedListener) -> Result<(), Error> {
        self.journal.on_journalled(listener)
    }

    fn journal(&self) -> String {
        self.journal.journal()
    }

    fn flush(&self) -> Result<(), Error> {
        self.journal.flush()
    }

    /// The journal recomputed, and Redis compared with it.
    fn verify(&self) -> Result<Verification, Error> {
        let compared = self.compare();
        let mut verification = self.journal.verify()?;
        match compared {
            Ok(audited) => audited.faults.into_iter().for_each(|fault| verification.fault(fault)),
            Err(why) => verification.fault(format!("Redis was not compared with the journal: {why}")),
        }
        Ok(verification)
    }

    fn trim(&self, order: &Trim) -> Result<Trimmed, Error> {
        self.journal.trim(order)
    }

    fn balance_max(&self) -> i64 {
        self.journal.balance_max()
    }

    fn is_healthy(&self) -> bool {
        self.shared.is_up.load(Ordering::Relaxed) && self.journal.is_healthy()
    }

    fn close(&self) -> Result<(), Error> {
        self.stop(Stop::Closed);
        self.journal.close()
    }
}

/// What customers' accounts have available below zero, by unit, and how many they are.
fn shortfalls(balances: &[(Account, Balance)]) -> BTreeMap<Unit, (i128, u64)> {
    let mut found = BTreeMap::<Unit, (i128, u64)>::new();
    for (account, balance) in balances.iter().filter(|(account, _)| account.holder.is_customer()) {
        if balance.available() < 0 {
            let (missing, accounts) = found.entry(account.unit).or_default();
            *missing -= i128::from(balance.available());
            *accounts += 1;
        }
    }
    found
}

impl Drop for RedisLedger {
    fn drop(&mut self) {
        // What cannot be closed has said so; the next start reads what there is.
        let _ = self.close();
    }
}
