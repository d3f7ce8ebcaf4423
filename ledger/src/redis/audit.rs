//! Redis compared with the journal: what each company has in both. Nothing here changes anything.

use super::link::{Link, Lost, Order};
use super::names::{self, BALANCES_OF_ALL, Keys};
use super::seen::{Op, Watch};
use super::server::Server;
use super::settings::{ROUND, Settings};
use crate::api::{OpenHold, Verification};
use crate::error::Error;
use crate::sqlite::{self, CompanyState, read_companies};
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

/// Compares every company, at a moment at which nobody writes.
pub(super) fn compare(link: &mut Link, companies: &BTreeMap<CompanyId, CompanyState>) -> Result<Audited, Lost> {
    let mut audited = Audited::default();
    let known: Vec<CompanyId> = companies.keys().copied().collect();
    for (company, found) in read(link, &known)? {
        let faults = audited.fault_count;
        let kept = companies.get(&company).map(Found::of).unwrap_or_default();
        differ(&mut audited, company, &kept, &found);
        audited.companies += u64::from(audited.fault_count == faults);
    }
    for company in all(link)? {
        if !companies.contains_key(&company) {
            audited.fault(format!("{company} is in Redis and not in the journal"));
            audited.strangers.push(company);
        }
    }
    Ok(audited)
}

fn read(link: &mut Link, companies: &[CompanyId]) -> Result<Vec<(CompanyId, Found)>, Lost> {
    let mut read = Vec::with_capacity(companies.len());
    for some in companies.chunks(ROUND) {
        let asked = |company: &CompanyId| {
            let keys = Keys::of(*company);
            [get_all(&keys.balances), get_all(&keys.holds)]
        };
        let said = link.run_well(Op::Get, &some.iter().flat_map(asked).collect::<Vec<_>>())?;
        for (company, said) in some.iter().zip(said.chunks(2)) {
            let table = |value: Option<&Value>| {
                let value = value.cloned().unwrap_or_default();
                redis::from_redis_value::<BTreeMap<String, String>>(value).map_err(|error| Lost(error.to_string()))
            };
            read.push((*company, Found { balances: table(said.first())?, holds: table(said.get(1))? }));
        }
    }
    Ok(read)
}

fn get_all(key: &str) -> Order {
    let mut cmd = redis::cmd("HGETALL");
    cmd.arg(key);
    Order::about(key, cmd)
}

/// Every company that Redis has something of.
pub(super) fn all(link: &mut Link) -> Result<BTreeSet<CompanyId>, Lost> {
    let mut found = BTreeSet::new();
    for server in 0..link.servers() {
        let mut cursor = 0u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(BALANCES_OF_ALL).arg("COUNT").arg(SCANNED);
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

/// Verifies the journal of a ledger that need not be running, and compares Redis with it.
///
/// A switch may write meanwhile: a company is compared where it stood still for long enough to be in the journal.
///
/// # Errors
/// Where the journal cannot be read or Redis does not answer.
pub fn verify(settings: &Settings) -> Result<(Verification, Audited), Error> {
    let Settings { journal, server, .. } = settings;
    let mut link = Link::connect(server, &Watch::default())?;
    let away = |lost: Lost| unfit(server, &lost);
    let mut audited = Audited::default();
    let mut left: Vec<CompanyId> = read_companies(&journal.path)?.into_keys().collect();
    let mut verification = sqlite::verify(&journal.path)?;
    for attempt in 1..=TRIES {
        let before = read(&mut link, &left).map_err(away)?;
        let mut kept = read_companies(&journal.path)?;
        let agrees =
            |company: &CompanyId, found: &Found| kept.get(company).map(Found::of).unwrap_or_default() == *found;
        let (same, others): (Vec<_>, Vec<_>) = before.into_iter().partition(|(company, found)| agrees(company, found));
        audited.companies += same.len() as u64;
        if others.is_empty() {
            left.clear();
            break;
        }
        // What Redis had a moment ago is in the journal by now; what has changed since then is looked at anew.
        std::thread::sleep(SETTLED_AFTER);
        kept = read_companies(&journal.path)?;
        left = others.iter().map(|(company, _)| *company).collect();
        let after: BTreeMap<_, _> = read(&mut link, &left).map_err(away)?.into_iter().collect();
        let stood_still: Vec<_> = others.iter().filter(|(company, found)| after.get(company) == Some(found)).collect();
        for (company, found) in &stood_still {
            let faults = audited.fault_count;
            differ(&mut audited, *company, &kept.get(company).map(Found::of).unwrap_or_default(), found);
            audited.companies += u64::from(audited.fault_count == faults);
        }
        left.retain(|company| !stood_still.iter().any(|(still, _)| still == company));
        if left.is_empty() || attempt == TRIES {
            break;
        }
    }
    audited.busy = left.len() as u64;
    for company in all(&mut link).map_err(away)? {
        if !read_companies(&journal.path)?.contains_key(&company) {
            audited.fault(format!("{company} is in Redis and not in the journal"));
        }
    }
    audited.faults.iter().for_each(|fault| verification.fault(fault.clone()));
    Ok((verification, audited))
}

fn unfit(server: &Server, lost: &Lost) -> Error {
    Error::RedisUnfit { address: server.address(), what: format!("broke off: {}", lost.0) }
}
