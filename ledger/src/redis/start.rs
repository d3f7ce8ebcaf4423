//! The start: what a former life asked and did not hear is settled, and Redis is made what the journal says. How a living node asks
//! is [`super::courier`]'s.

use super::asking::{self, Answer};
use super::audit;
use super::link::{Link, Lost, Order};
use super::names::{self, Keys};
use super::seen::{Op, Watch};
use super::server::Server;
use super::settings::{ROUND, Settings};
use crate::api::Ledger;
use crate::error::Error;
use crate::sqlite::{CompanyState, Identity, Look, SqliteLedger, node_of};
use domain::CompanyId;
use domain::credit::{Batch, Durability, Outcome};
use redis::Cmd;
use std::collections::BTreeMap;

/// Fields that are written with one command, at most: a large company keeps nobody waiting long.
const FIELDS: usize = 1_000;

/// What the courier begins with.
pub(super) struct Begun {
    pub(super) link: Link,
    pub(super) identity: Identity,
    pub(super) life: String,
    pub(super) changes: BTreeMap<CompanyId, u64>,
    pub(super) next_intent: u64,
}

/// Settles the past.
pub(super) fn begin(journal: &SqliteLedger, server: &Server, watch: &Watch) -> Result<Begun, Error> {
    let identity = journal.prepare_intents()?;
    let away = |lost: Lost| Error::RedisUnfit { address: server.address(), what: format!("broke off: {}", lost.0) };
    let mut link = Link::open(server, &identity.node, watch)?;
    let life = life(&identity, 0);
    let next_intent = settle(journal, &mut link).map_err(|failure| match failure {
        Failure::Ledger(error) => error,
        Failure::Redis(lost) => away(lost),
    })?;
    link.run_well(Op::Set, &[claim_life(&identity)]).map_err(away)?;
    let companies = journal.companies();
    let audited = audit::compare(&mut link, &companies).map_err(away)?;
    if audited.fault_count > 0 {
        tracing::warn!(
            differences = audited.fault_count,
            first = audited.faults.first().map(String::as_str),
            "Redis was not what the journal says, as after a crash or a loss; it is made so"
        );
    }
    audited.strangers.iter().try_for_each(|company| forget(&mut link, *company)).map_err(away)?;
    let mut changes = BTreeMap::new();
    for (company, state) in &companies {
        rebuild(&mut link, &life, *company, state).map_err(away)?;
        changes.insert(*company, 0);
    }
    Ok(Begun { link, identity, life, changes, next_intent })
}

/// From now on this process writes for its node, and no earlier one does.
fn claim_life(identity: &Identity) -> Order {
    let mut claim = redis::cmd("HSET");
    claim.arg(names::LIVES).arg(&identity.node).arg(&identity.life);
    Order::about(names::LIVES, claim)
}

/// Which process writes for the node: this one, where a flush has taken it away.
pub(super) fn living(link: &mut Link, identity: &Identity) -> Result<String, Lost> {
    let (mut keep, mut get) = (redis::cmd("HSETNX"), redis::cmd("HGET"));
    keep.arg(names::LIVES).arg(&identity.node).arg(&identity.life);
    get.arg(names::LIVES).arg(&identity.node);
    let said = link.run_well(Op::Set, &[Order::about(names::LIVES, keep), Order::about(names::LIVES, get)])?;
    redis::from_redis_value(said.into_iter().nth(1).unwrap_or_default()).map_err(|error| Lost(error.to_string()))
}

/// The mark of one connection of one life of a node.
pub(super) fn life(identity: &Identity, connection: u64) -> String {
    format!("{}{connection}", life_of_process(identity))
}

/// What the marks of all connections of this life begin with.
pub(super) fn life_of_process(identity: &Identity) -> String {
    format!("{}:{}:", identity.node, identity.life)
}

enum Failure {
    Ledger(Error),
    Redis(Lost),
}

/// Asks Redis what became of the intents that the former life left open. What was done is journalled; what was not is forgotten:
/// nobody was told that it was. Gives the number of the next intent.
fn settle(journal: &SqliteLedger, link: &mut Link) -> Result<u64, Failure> {
    let open = journal.open_intents().map_err(Failure::Ledger)?;
    let Some(last) = open.last().map(|(number, _, _)| *number) else { return Ok(1) };
    let mut done = 0;
    for some in open.chunks(ROUND) {
        let asked: Vec<Order> = some.iter().map(|(_, batch, _)| outcome_of(batch)).collect();
        let said = link.run_well(Op::Get, &asked).map_err(Failure::Redis)?;
        for ((_, batch, durability), said) in some.iter().zip(said) {
            done += u64::from(follow(journal, batch, *durability, &said));
        }
    }
    journal.settle_intents(last);
    journal.flush().map_err(Failure::Ledger)?;
    tracing::warn!(intents = open.len(), done, "what the former life had asked of Redis and not heard was settled");
    Ok(last + 1)
}

fn outcome_of(batch: &Batch) -> Order {
    let (keys, mut cmd) = (Keys::of(batch.company), redis::cmd("HGET"));
    cmd.arg(&keys.outcomes).arg(asking::id(batch.id));
    Order::about(&keys.outcomes, cmd)
}

/// Journals an intent that Redis has decided; true where it was.
fn follow(journal: &SqliteLedger, batch: &Batch, durability: Durability, said: &redis::Value) -> bool {
    let redis::Value::BulkString(text) = said else { return false };
    let Some(decided) = asking::kept_outcome(batch, text) else { return false };
    // Known: its row was journalled before the intent was taken away.
    if !matches!(journal.look(batch), Look::New { .. }) {
        return false;
    }
    let followed = journal.follow(batch.clone(), durability, Box::new(drop));
    let is_alike = matches!(
        (&decided, &followed),
        (Answer::Decided(Outcome::Applied(_)), Outcome::Applied(_))
            | (Answer::Decided(Outcome::Refused(_)), Outcome::Refused(_))
    );
    if !is_alike {
        // Something without an intent came before it and is lost, such as a hold that was given back: nobody was told.
        tracing::warn!(batch = %asking::id(batch.id), ?decided, ?followed, "what Redis did does not follow from the journal; it is undone");
    }
    is_alike
}

/// Makes a company in Redis what it is here, in one piece.
pub(super) fn rebuild(link: &mut Link, life: &str, company: CompanyId, state: &CompanyState) -> Result<(), Lost> {
    let keys = Keys::of(company);
    let mut commands = vec![redis::cmd("MULTI"), delete(&keys)];
    for some in state.balances.chunks(FIELDS) {
        let mut set = redis::cmd("HSET");
        set.arg(&keys.balances);
        for (account, balance) in some {
            set.arg(names::account(account)).arg(audit::balance_text(*balance));
        }
        commands.push(set);
    }
    for some in state.open.chunks(FIELDS) {
        let mut set = redis::cmd("HSET");
        set.arg(&keys.holds);
        for open in some {
            set.arg(names::hold(open.hold)).arg(audit::hold_text(open));
        }
        commands.push(set);
    }
    let mut meta = redis::cmd("HSET");
    meta.arg(&keys.meta).arg("life").arg(life).arg("have").arg(0);
    commands.extend([meta, redis::cmd("EXEC")]);
    let orders: Vec<Order> = commands.into_iter().map(|cmd| Order::about(&keys.meta, cmd)).collect();
    link.run_well(Op::Set, &orders).map(drop)
}

fn delete(keys: &Keys) -> Cmd {
    let mut delete = redis::cmd("DEL");
    keys.all().into_iter().for_each(|key| {
        delete.arg(key);
    });
    delete
}

/// Takes away a company that the journal does not know.
fn forget(link: &mut Link, company: CompanyId) -> Result<(), Lost> {
    let keys = Keys::of(company);
    link.run_well(Op::Set, &[Order::about(&keys.meta, delete(&keys))]).map(drop)
}

/// Takes away everything that the node of this journal has in Redis, for who takes away the journal too. Nothing of another node's is
/// touched.
///
/// # Errors
/// Where the journal cannot be read, Redis does not answer, or it keeps the ledger of another node.
pub fn leave(settings: &Settings) -> Result<(), Error> {
    let Settings { journal, server, .. } = settings;
    let node = node_of(&journal.path)?;
    let mut link = Link::open(server, &node, &Watch::default())?;
    let away = |lost: Lost| Error::RedisUnfit { address: server.address(), what: format!("broke off: {}", lost.0) };
    for company in audit::all(&mut link).map_err(away)? {
        forget(&mut link, company).map_err(away)?;
    }
    let mut forget_life = redis::cmd("HDEL");
    forget_life.arg(names::LIVES).arg(&node);
    link.run_well(Op::Set, &[Order::about(names::LIVES, forget_life)]).map_err(away)?;
    let mut release = redis::cmd("DEL");
    release.arg(names::NODE);
    link.run_well(Op::Set, &[Order::about(names::NODE, release)]).map(drop).map_err(away)
}
