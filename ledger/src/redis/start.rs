//! The start: what a former life asked and did not hear is settled, and the node's parts in Redis are made what its journal says; for a
//! node that is dead, by one that lives. How a living node asks is [`super::courier`]'s.

use super::asking;
use super::audit;
use super::house::{Alone, House, Member};
use super::laying::Layer;
use super::link::{Link, Lost, Order};
use super::names::{self, Keys};
use super::seen::{Op, Watch};
use super::server::Server;
use super::settings::{ROUND, Settings};
use crate::api::Ledger;
use crate::error::Error;
use crate::sqlite::{self, Identity, Look, SqliteLedger, node_of};
use domain::CompanyId;
use domain::credit::{Batch, Durability, Outcome};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A part that was laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Which laying of this life it was, from 0; at the start all companies have one.
    pub(super) laying: u64,
    /// What was changed since: what `have` must be.
    pub(super) changes: u64,
}

/// The mark of a laying of this life.
pub(super) fn mark(identity: &Identity, laying: u64) -> String {
    format!("{}/{laying}", identity.life)
}

/// What the courier begins with.
pub(super) struct Begun {
    pub(super) link: Link,
    pub(super) identity: Identity,
    pub(super) life: String,
    pub(super) parts: BTreeMap<CompanyId, Part>,
    pub(super) next_intent: u64,
}

/// The house of these settings: that of the node alone where they name none.
pub(super) fn house_of(given: Option<&Arc<dyn House>>, node: &str, journal: &Path) -> Arc<dyn House> {
    let alone = || {
        let me = Member { node: node.to_owned(), name: "this node".to_owned(), journal: journal.to_path_buf() };
        Arc::new(Alone { me }) as Arc<dyn House>
    };
    given.map_or_else(alone, Arc::clone)
}

/// Settles the past of the node that has this journal, and lays its parts.
pub(super) fn begin(
    journal: &SqliteLedger,
    identity: Identity,
    house: &dyn House,
    server: &Server,
    watch: &Watch,
) -> Result<Begun, Error> {
    let away = |lost: Lost| Error::RedisUnfit { address: server.address(), what: format!("broke off: {}", lost.0) };
    let mut link = Link::open(server, &house.id().map_err(Error::House)?, watch)?;
    let life = life(&identity, 0);
    let next_intent = settle(journal, &identity.node, &mut link).map_err(|failure| match failure {
        Failure::Ledger(error) => error,
        Failure::Redis(lost) => away(lost),
    })?;
    link.run_well(Op::Set, &[claim_life(&identity)]).map_err(away)?;
    let mut companies = journal.companies();
    let audited = audit::compare(&mut link, &identity.node, &companies).map_err(away)?;
    if audited.fault_count > 0 {
        tracing::warn!(
            differences = audited.fault_count,
            first = audited.faults.first().map(String::as_str),
            "Redis was not what the journal says, as after a crash or a loss; it is made so"
        );
    }
    let expected = house.companies(&identity.node).map_err(Error::House)?;
    audited.strangers.iter().chain(&expected).for_each(|company| {
        companies.entry(*company).or_default();
    });
    house.enrol(&identity.node, &companies.keys().copied().collect::<Vec<_>>()).map_err(Error::House)?;
    let mut parts = BTreeMap::new();
    let layer = Layer { house, node: &identity.node, life: &life, mark: &mark(&identity, 0) };
    for (company, state) in &companies {
        let laid = layer.lay(&mut link, *company, state).map_err(away)?;
        tell_below_zero(*company, laid.below_zero);
        parts.insert(*company, Part { laying: 0, changes: 0 });
    }
    Ok(Begun { link, identity, life, parts, next_intent })
}

/// From now on this process writes for its node, and no earlier one does.
fn claim_life(identity: &Identity) -> Order {
    let mut claim = redis::cmd("HSET");
    claim.arg(names::LIVES).arg(&identity.node).arg(&identity.life);
    Order::about(names::LIVES, claim)
}

/// Which process writes for the node: this one where a flush has taken it away, or a failover has brought back an earlier one.
pub(super) fn living(link: &mut Link, identity: &Identity) -> Result<String, Lost> {
    let (mut keep, mut get) = (redis::cmd("HSETNX"), redis::cmd("HGET"));
    keep.arg(names::LIVES).arg(&identity.node).arg(&identity.life);
    get.arg(names::LIVES).arg(&identity.node);
    let said = link.run_well(Op::Set, &[Order::about(names::LIVES, keep), Order::about(names::LIVES, get)])?;
    let life: String = redis::from_redis_value(said.into_iter().nth(1).unwrap_or_default())
        .map_err(|error| Lost(error.to_string()))?;
    if !identity.is_after(&life) {
        return Ok(life);
    }
    link.run_well(Op::Set, &[claim_life(identity)])?;
    Ok(identity.life.clone())
}

/// Facts outran what was there, as after a promotion that lost what others had spent: told, and never hidden.
pub(super) fn tell_below_zero(company: CompanyId, accounts: u64) {
    if accounts > 0 {
        tracing::error!(company = %company, accounts, "by what has happened, accounts of this company are below zero");
    }
}

/// Does for a node that is dead what it would do at its next start: settles its past and lays its parts. False where it lives after all,
/// or its journal cannot be opened.
pub(super) fn tend(settings: &Settings, house: &dyn House, member: &Member) -> Result<bool, Error> {
    if !sqlite::is_free(&member.journal) {
        return Ok(false);
    }
    let journal = sqlite::Settings { path: member.journal.clone(), on_group: None, ..settings.journal.clone() };
    let journal = match SqliteLedger::open(journal) {
        Err(Error::InUse { .. }) => return Ok(false),
        opened => opened?,
    };
    let identity = journal.prepare_intents()?;
    begin(&journal, identity, house, &settings.server, &Watch::default())?;
    journal.close()?;
    tracing::warn!(node = %member.name, "a node that is dead has its parts in Redis as its journal says");
    Ok(true)
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
fn settle(journal: &SqliteLedger, node: &str, link: &mut Link) -> Result<u64, Failure> {
    let open = journal.open_intents().map_err(Failure::Ledger)?;
    let Some(last) = open.last().map(|(number, _, _)| *number) else { return Ok(1) };
    let mut done = 0;
    for some in open.chunks(ROUND) {
        let asked: Vec<Order> = some.iter().flat_map(|(_, batch, _)| outcome_of(node, batch)).collect();
        let said = link.run_well(Op::Get, &asked).map_err(Failure::Redis)?;
        for ((_, batch, durability), said) in some.iter().zip(said.chunks(2)) {
            done += u64::from(follow(journal, node, batch, *durability, said));
        }
    }
    journal.settle_intents(last);
    journal.flush().map_err(Failure::Ledger)?;
    tracing::warn!(intents = open.len(), done, "what the former life had asked of Redis and not heard was settled");
    Ok(last + 1)
}

/// What was answered, and whether by the totals of several nodes.
fn outcome_of(node: &str, batch: &Batch) -> [Order; 2] {
    let keys = Keys::of(batch.company, node);
    let (mut outcome, mut shared) = (redis::cmd("HGET"), redis::cmd("HGET"));
    outcome.arg(&keys.outcomes).arg(asking::id(batch.id));
    shared.arg(&keys.meta).arg("shared");
    [Order::about(&keys.outcomes, outcome), Order::about(&keys.meta, shared)]
}

/// Journals an intent that Redis has decided; true where it was.
fn follow(journal: &SqliteLedger, node: &str, batch: &Batch, durability: Durability, said: &[redis::Value]) -> bool {
    let [redis::Value::BulkString(text), shared] = said else { return false };
    let Some(decided) = asking::kept_outcome(node, batch, text) else { return false };
    // Known: its row was journalled before the intent was taken away.
    if !matches!(journal.look(batch), Look::New { .. }) {
        return false;
    }
    let followed = match shared {
        redis::Value::BulkString(flag) if flag == b"1" => {
            match journal.follow_shared(batch.clone(), durability, Box::new(drop), &decided) {
                Ok(followed) => followed,
                Err(_) => Outcome::Unavailable,
            }
        }
        _ => journal.follow(batch.clone(), durability, Box::new(drop)),
    };
    let is_alike = matches!(
        (&decided, &followed),
        (Outcome::Applied(_), Outcome::Applied(_)) | (Outcome::Refused(_), Outcome::Refused(_))
    );
    if !is_alike {
        // Something without an intent came before it and is lost, such as a hold that was given back: nobody was told.
        tracing::warn!(batch = %asking::id(batch.id), ?decided, ?followed, "what Redis did does not follow from the journal; it is undone");
    }
    is_alike
}

/// Takes away everything of a company.
fn forget(link: &mut Link, company: CompanyId, nodes: &[String]) -> Result<(), Lost> {
    let mut delete = redis::cmd("DEL");
    let keys: Vec<Keys> = nodes.iter().map(|node| Keys::of(company, node)).collect();
    keys.iter().flat_map(Keys::all).for_each(|key| {
        delete.arg(key);
    });
    let about = Keys::of(company, "").meta;
    link.run_well(Op::Set, &[Order::about(&about, delete)]).map(drop)
}

/// Takes away everything that the node of this journal has in Redis, for who takes away the journal too; of a house, everything that
/// its nodes have. Nothing of another house is touched.
///
/// # Errors
/// Where the journal cannot be read, Redis does not answer, or it keeps the ledger of another house.
pub fn leave(settings: &Settings) -> Result<(), Error> {
    let Settings { journal, server, house, .. } = settings;
    let node = node_of(&journal.path)?;
    let house = house_of(house.as_ref(), &node, &journal.path);
    let mut link = Link::open(server, &house.id().map_err(Error::House)?, &Watch::default())?;
    let nodes: Vec<String> = house.nodes().map_err(Error::House)?.into_iter().map(|member| member.node).collect();
    let away = |lost: Lost| Error::RedisUnfit { address: server.address(), what: format!("broke off: {}", lost.0) };
    for company in audit::companies(&mut link, names::ALL_OF_ALL).map_err(away)? {
        forget(&mut link, company, &nodes).map_err(away)?;
    }
    let mut forget_life = redis::cmd("HDEL");
    forget_life.arg(names::LIVES).arg(&node);
    link.run_well(Op::Set, &[Order::about(names::LIVES, forget_life)]).map_err(away)?;
    let mut release = redis::cmd("DEL");
    release.arg(names::HOUSE);
    link.run_well(Op::Set, &[Order::about(names::HOUSE, release)]).map(drop).map_err(away)
}

/// What a rebuilding did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relaid {
    /// Whose parts were laid, by name.
    pub nodes: Vec<String>,
    /// Companies that Redis has now.
    pub companies: u64,
}

/// Makes Redis anew from the journals of the house, while none of its nodes runs.
///
/// # Errors
/// Where a node runs, a journal cannot be read, or Redis does not answer.
pub fn relay(settings: &Settings) -> Result<Relaid, Error> {
    let Settings { journal, server, house, .. } = settings;
    let node = node_of(&journal.path)?;
    let house = house_of(house.as_ref(), &node, &journal.path);
    let members = house.nodes().map_err(Error::House)?;
    if let Some(member) = members.iter().find(|member| member.journal.exists() && !sqlite::is_free(&member.journal)) {
        return Err(Error::InUse { path: member.journal.clone() });
    }
    let nodes: Vec<String> = members.iter().map(|member| member.node.clone()).collect();
    let mut link = Link::open(server, &house.id().map_err(Error::House)?, &Watch::default())?;
    let away = |lost: Lost| Error::RedisUnfit { address: server.address(), what: format!("broke off: {}", lost.0) };
    let mut relaid = Relaid::default();
    // What was asked and not heard is asked first, while Redis still knows; then nothing of before is left but the parts.
    for member in &members {
        if !tend(settings, house.as_ref(), member)? {
            return Err(Error::InUse { path: member.journal.clone() });
        }
    }
    for company in audit::companies(&mut link, names::ALL_OF_ALL).map_err(away)? {
        forget(&mut link, company, &nodes).map_err(away)?;
    }
    for member in &members {
        if !tend(settings, house.as_ref(), member)? {
            return Err(Error::InUse { path: member.journal.clone() });
        }
        relaid.nodes.push(member.name.clone());
    }
    relaid.companies = audit::companies(&mut link, names::ALL_OF_ALL).map_err(away)?.len() as u64;
    Ok(relaid)
}
