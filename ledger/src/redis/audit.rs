//! Redis compared with the journals: the parts of each node, and the totals with their sum. Nothing here changes anything.

use super::house::Member;
use super::link::{Link, Lost, Order};
use super::names::{self, Keys};
use super::seen::{Op, Watch};
use super::server::Server;
use super::settings::{ROUND, Settings};
use super::start::house_of;
use crate::api::{OpenHold, Verification};
use crate::error::Error;
use crate::sqlite::{self, CompanyState, node_of, read_companies};
use domain::CompanyId;
use domain::credit::Balance;
use redis::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long after it was read from Redis a company is in the journal at the latest: ten of the longest groups that can be set, and
/// a disk that stalls.
const SETTLED_AFTER: Duration = Duration::from_millis(1_500);
/// How often a company that changes under our eyes is looked at again.
const TRIES: usize = 3;
/// Keys that a `SCAN` is told to look at.
const SCANNED: usize = 1_000;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Companies that are the same in Redis and in the journal.
    pub companies: u64,
    /// Companies that changed under our eyes each time they were looked at, so that nothing can be said of them.
    pub busy: u64,
    /// Differences, one sentence each, at most [`Verification::FAULTS_MAX`].
    pub faults: Vec<String>,
    /// All differences, listed or not.
    pub fault_count: u64,
    /// Companies that are in Redis only.
    pub(super) strangers: Vec<CompanyId>,
}

impl Audited {
    fn fault(&mut self, fault: String) {
        self.fault_count += 1;
        if self.faults.len() < Verification::FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

pub(super) fn balance_text(balance: Balance) -> String {
    format!("{} {}", balance.posted, balance.held)
}

/// The balance of such a text.
pub(super) fn balance_of(text: &str) -> Option<Balance> {
    let (posted, held) = text.split_once(' ')?;
    Some(Balance { posted: posted.parse().ok()?, held: held.parse().ok()? })
}

pub(super) fn hold_text(open: &OpenHold) -> String {
    let (debit, credit) = (names::account(&open.debit), names::account(&open.credit));
    format!("{debit} {credit} {} {} {}", open.amount, open.until.as_unix_micros(), open.code.as_str())
}

/// A company as Redis has it: names and texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    balances: BTreeMap<String, String>,
    holds: BTreeMap<String, String>,
}

impl Found {
    fn of(state: &CompanyState) -> Self {
        let balances =
            state.balances.iter().map(|(account, balance)| (names::account(account), balance_text(*balance)));
        let holds = state.open.iter().map(|open| (names::hold(open.hold), hold_text(open)));
        Self { balances: balances.collect(), holds: holds.collect() }
    }
}

/// Compares the parts of one node, at a moment at which it does not write; and of the companies in which it has one, the totals with the
/// sum of all parts.
pub(super) fn compare(
    link: &mut Link,
    node: &str,
    companies: &BTreeMap<CompanyId, CompanyState>,
) -> Result<Audited, Lost> {
    let mut audited = Audited::default();
    let known: Vec<CompanyId> = companies.keys().copied().collect();
    for (company, found) in read(link, node, &known)? {
        let faults = audited.fault_count;
        let kept = companies.get(&company).map(Found::of).unwrap_or_default();
        differ(&mut audited, company, &kept, &found);
        add_up(link, &mut audited, company)?;
        audited.companies += u64::from(audited.fault_count == faults);
    }
    for company in self::companies(link, &names::parts_of_all(node))? {
        if !companies.contains_key(&company) {
            audited.fault(format!("{company} is in Redis and not in the journal"));
            audited.strangers.push(company);
        }
    }
    Ok(audited)
}

fn read(link: &mut Link, node: &str, companies: &[CompanyId]) -> Result<Vec<(CompanyId, Found)>, Lost> {
    let mut found = Vec::with_capacity(companies.len());
    for some in companies.chunks(ROUND) {
        let asked = |company: &CompanyId| {
            let keys = Keys::of(*company, node);
            [get_all(&keys.part), get_all(&keys.holds)]
        };
        let said = link.run_well(Op::Get, &some.iter().flat_map(asked).collect::<Vec<_>>())?;
        for (company, said) in some.iter().zip(said.chunks(2)) {
            found.push((*company, Found { balances: table(said.first())?, holds: table(said.get(1))? }));
        }
    }
    Ok(found)
}

fn table(value: Option<&Value>) -> Result<BTreeMap<String, String>, Lost> {
    redis::from_redis_value(value.cloned().unwrap_or_default()).map_err(|error| Lost(error.to_string()))
}

fn get_all(key: &str) -> Order {
    let mut cmd = redis::cmd("HGETALL");
    cmd.arg(key);
    Order::about(key, cmd)
}

/// Compares the totals of a company with the sum of its parts, and what is held in each part with its open holds, all read in one piece.
pub(super) fn add_up(link: &mut Link, audited: &mut Audited, company: CompanyId) -> Result<(), Lost> {
    for _ in 0..TRIES {
        let meta = Keys::of(company, "").meta;
        let said = link.run_well(Op::Get, &[get_all(&meta)])?;
        let nodes = laid(&table(said.first())?);
        let mut orders = vec![Order::about(&meta, redis::cmd("MULTI")), get_all(&meta)];
        orders.push(get_all(&Keys::of(company, "").balances));
        for node in &nodes {
            let keys = Keys::of(company, node);
            orders.extend([get_all(&keys.part), get_all(&keys.holds)]);
        }
        orders.push(Order::about(&meta, redis::cmd("EXEC")));
        let Some(Value::Array(tables)) = link.run_well(Op::Get, &orders)?.pop() else {
            return Err(Lost("a transaction has no answer".to_owned()));
        };
        if laid(&table(tables.first())?) != nodes {
            continue;
        }
        let mut sums: BTreeMap<String, (i128, i128)> = BTreeMap::new();
        for tables in tables[2..].chunks(2) {
            let (part, holds) = (table(tables.first())?, table(tables.get(1))?);
            let mut held: BTreeMap<&str, i128> = BTreeMap::new();
            for text in holds.values() {
                let mut words = text.split(' ');
                let debit = words.next().unwrap_or_default();
                *held.entry(debit).or_default() += words.nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
            }
            for (name, text) in &part {
                let (posted, its_held) = numbers(text);
                let sum = sums.entry(name.clone()).or_default();
                *sum = (sum.0 + posted, sum.1 + its_held);
                let open = held.get(name.as_str()).copied().unwrap_or(0);
                if its_held != open {
                    audited
                        .fault(format!("a part of {name} of {company} has {its_held} held, its open holds say {open}"));
                }
            }
        }
        let totals = table(tables.get(1))?;
        let names: BTreeSet<&String> = totals.keys().chain(sums.keys()).collect();
        for name in names {
            let sum = sums.get(name).copied().unwrap_or_default();
            let total = totals.get(name).map_or("nothing", String::as_str);
            if total == "nothing" && sum == (0, 0) && names::is_passing(name) {
                continue;
            }
            if total == "nothing" || numbers(total) != sum {
                let (posted, held) = sum;
                audited.fault(format!(
                    "{name} of {company} is \"{total}\" in Redis, its parts add up to \"{posted} {held}\""
                ));
            }
        }
        return Ok(());
    }
    audited.busy += 1;
    Ok(())
}

/// The nodes whose parts are laid.
fn laid(meta: &BTreeMap<String, String>) -> Vec<String> {
    meta.keys().filter_map(|field| field.strip_prefix("have:").map(str::to_owned)).collect()
}

fn numbers(text: &str) -> (i128, i128) {
    let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).unwrap_or(i128::MIN);
    let mut words = text.split(' ');
    (number(words.next()), number(words.next()))
}

/// Every company that has a key of this pattern.
pub(super) fn companies(link: &mut Link, pattern: &str) -> Result<BTreeSet<CompanyId>, Lost> {
    let mut found = BTreeSet::new();
    for server in 0..link.servers() {
        let mut cursor = 0u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED);
            let said = link.run_at(server, Op::Get, &scan)?;
            let (next, keys): (u64, Vec<String>) =
                redis::from_redis_value(said).map_err(|error| Lost(error.to_string()))?;
            found.extend(keys.iter().filter_map(|key| names::company_of(key)));
            if next == 0 {
                break;
            }
            cursor = next;
        }
    }
    Ok(found)
}

fn differ(audited: &mut Audited, company: CompanyId, kept: &Found, found: &Found) {
    let tables = [("", &kept.balances, &found.balances), ("hold ", &kept.holds, &found.holds)];
    for (what, kept, found) in tables {
        let names: BTreeSet<&String> = kept.keys().chain(found.keys()).collect();
        for name in names {
            let (here, there) = (kept.get(name), found.get(name));
            if here != there {
                let said = |text: Option<&String>| text.map_or("nothing", String::as_str).to_owned();
                audited.fault(format!(
                    "{what}{name} of {company} is \"{}\" in Redis, the journal says \"{}\"",
                    said(there),
                    said(here)
                ));
            }
        }
    }
}

/// Verifies the journals of a house that need not be running, and compares Redis with them.
///
/// Switches may write meanwhile: a part is compared where it stood still for long enough to be in its journal.
///
/// # Errors
/// Where a journal cannot be read or Redis does not answer.
pub fn verify(settings: &Settings) -> Result<(Verification, Audited), Error> {
    let Settings { journal, server, house, .. } = settings;
    let mut link = Link::connect(server, &Watch::default())?;
    let me = node_of(&journal.path).unwrap_or_default();
    let members = house_of(house.as_ref(), &me, &journal.path).nodes().map_err(Error::House)?;
    let (mut verification, mut audited) = (Verification::default(), Audited::default());
    let mut all: BTreeSet<CompanyId> = BTreeSet::new();
    for member in &members {
        let found = sqlite::verify_with(&member.journal, journal.archive.as_ref())?;
        match members.len() {
            1 => verification = found,
            _ => verification.add(&member.name, found),
        }
        all.extend(verify_parts(&mut link, settings, member, &mut audited)?);
    }
    let away = |lost: Lost| unfit(server, &lost);
    for company in &all {
        let faults = audited.fault_count;
        add_up(&mut link, &mut audited, *company).map_err(away)?;
        audited.companies += u64::from(audited.fault_count == faults);
    }
    for company in companies(&mut link, names::ALL_OF_ALL).map_err(away)? {
        if !all.contains(&company) {
            audited.fault(format!("{company} is in Redis and not in any journal"));
        }
    }
    verification.companies = all.len() as u64;
    audited.faults.iter().for_each(|fault| verification.fault(fault.clone()));
    Ok((verification, audited))
}

/// Compares the parts of one node; gives the companies of its journal.
fn verify_parts(
    link: &mut Link,
    settings: &Settings,
    member: &Member,
    audited: &mut Audited,
) -> Result<BTreeSet<CompanyId>, Error> {
    let away = |lost: Lost| unfit(&settings.server, &lost);
    let all: BTreeSet<CompanyId> = read_companies(&member.journal)?.into_keys().collect();
    let mut left: Vec<CompanyId> = all.iter().copied().collect();
    for attempt in 1..=TRIES {
        let before = read(link, &member.node, &left).map_err(away)?;
        let kept = read_companies(&member.journal)?;
        let agrees =
            |company: &CompanyId, found: &Found| kept.get(company).map(Found::of).unwrap_or_default() == *found;
        let others: Vec<_> = before.into_iter().filter(|(company, found)| !agrees(company, found)).collect();
        if others.is_empty() {
            left.clear();
            break;
        }
        // What Redis had a moment ago is in the journal by now; what has changed since then is looked at anew.
        std::thread::sleep(SETTLED_AFTER);
        let kept = read_companies(&member.journal)?;
        left = others.iter().map(|(company, _)| *company).collect();
        let after: BTreeMap<_, _> = read(link, &member.node, &left).map_err(away)?.into_iter().collect();
        let stood_still: Vec<_> = others.iter().filter(|(company, found)| after.get(company) == Some(found)).collect();
        for (company, found) in &stood_still {
            differ(audited, *company, &kept.get(company).map(Found::of).unwrap_or_default(), found);
        }
        left.retain(|company| !stood_still.iter().any(|(still, _)| still == company));
        if left.is_empty() || attempt == TRIES {
            break;
        }
    }
    audited.busy += left.len() as u64;
    Ok(all)
}

fn unfit(server: &Server, lost: &Lost) -> Error {
    Error::RedisUnfit { address: server.address(), what: format!("broke off: {}", lost.0) }
}
