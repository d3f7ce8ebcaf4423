//! A node's part of a company in Redis, made what the node's journal says (`laying.lua`), and what is to be done about the parts of
//! others that are missing: living nodes are told, the journals of dead ones are read. When it is to be done is [`super::courier`]'s.

use super::audit;
use super::house::{House, Member, Members};
use super::link::{Link, Lost, Order};
use super::names::{self, Keys};
use super::seen::Op;
use crate::error::Error;
use crate::sqlite::{self, CompanyState};
use domain::{CompanyId, Wall};
use redis::Value;

/// How often a part is laid anew because the list of members was too old.
const TRIES: usize = 4;
/// Companies in which a node is asked to lay its part, at most; it asks for the next ones itself when it needs them.
const CALLED: usize = 1_024;
/// How long a node is called: longer than one that lives needs, and nobody keeps a list for one that does not.
const CALLED_S: usize = 60;

/// Who lays a part, and over which connection it may write afterwards.
pub(super) struct Layer<'a> {
    pub(super) house: &'a dyn House,
    pub(super) node: &'a str,
    pub(super) life: &'a str,
    /// Its mark: no two layings have the same.
    pub(super) mark: &'a str,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Laid {
    /// Customer accounts that have less than nothing available: facts outran what was there.
    pub(super) below_zero: u64,
    /// Whose parts are not there.
    pub(super) missing: Vec<Member>,
}

impl Layer<'_> {
    /// Lays the part of one company.
    pub(super) fn lay(&self, link: &mut Link, company: CompanyId, state: &CompanyState) -> Result<Laid, Lost> {
        self.house.enrol(self.node, &[company]).map_err(Lost)?;
        for _ in 0..TRIES {
            let members = self.house.members(company).map_err(Lost)?;
            let order = self.order(&link.laying_sha, company, state, &members);
            let said = link.run(Op::Set, &[order])?.pop().unwrap_or_default();
            if super::link::is_no_script(&said) {
                link.reload()?;
                continue;
            }
            let text = match &said {
                Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => return Err(Lost(format!("laying a part of {company}: {other:?}"))),
            };
            if text == "stale" {
                continue;
            }
            return laid(&text, members).ok_or_else(|| Lost(format!("laying a part of {company}: {text}")));
        }
        Err(Lost(format!("the list of the nodes of {company} in the store stays behind the one in Redis")))
    }

    fn order(&self, sha: &str, company: CompanyId, state: &CompanyState, members: &Members) -> Order {
        let keys = Keys::of(company, self.node);
        let others: Vec<&Member> = members.nodes.iter().filter(|member| member.node != self.node).collect();
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(sha).arg(6 + others.len());
        [&keys.meta, &keys.balances, &keys.outcomes, &keys.order, &keys.holds, &keys.part].into_iter().for_each(
            |key| {
                cmd.arg(key);
            },
        );
        others.iter().for_each(|member| {
            cmd.arg(Keys::of(company, &member.node).part);
        });
        cmd.arg(self.node).arg(self.life).arg(self.mark).arg(members.version).arg(1 + others.len()).arg(self.node);
        others.iter().for_each(|member| {
            cmd.arg(&member.node);
        });
        cmd.arg(state.balances.len());
        for (account, balance) in &state.balances {
            cmd.arg(names::account(account)).arg(audit::balance_text(*balance));
        }
        for open in &state.open {
            cmd.arg(names::hold(open.hold)).arg(audit::hold_text(open));
        }
        Order::about(&keys.meta, cmd)
    }
}

fn laid(text: &str, members: Members) -> Option<Laid> {
    let mut words = text.strip_prefix("laid ")?.split(' ');
    let below_zero = words.next()?.parse().ok()?;
    let ids: Vec<&str> = words.collect();
    let missing = members.nodes.into_iter().filter(|member| ids.contains(&member.node.as_str()));
    Some(Laid { below_zero, missing: missing.collect() })
}

/// Whether nobody has this node's journal: it is dead, and whoever needs its part may lay it.
pub fn is_dead(member: &Member) -> bool {
    sqlite::is_free(&member.journal)
}

/// The end of the last lease that a node's journal has; none where no hold is open.
///
/// # Errors
/// Where the journal cannot be read.
pub fn last_lease(member: &Member) -> Result<Option<Wall>, Error> {
    let companies = sqlite::read_companies(&member.journal)?;
    Ok(companies.values().flat_map(|company| &company.open).map(|open| open.until).max())
}

/// Tells a node that its part of a company is needed.
pub(super) fn call(link: &mut Link, node: &str, company: CompanyId) -> Result<(), Lost> {
    let key = names::called(node);
    let (mut push, mut trim, mut expire) = (redis::cmd("RPUSH"), redis::cmd("LTRIM"), redis::cmd("EXPIRE"));
    push.arg(&key).arg(format!("{:032x}", company.bits()));
    trim.arg(&key).arg(-(CALLED as i64)).arg(-1);
    expire.arg(&key).arg(CALLED_S);
    let orders: Vec<Order> = [push, trim, expire].into_iter().map(|cmd| Order::about(&key, cmd)).collect();
    link.run_well(Op::Set, &orders).map(drop)
}

/// The order that asks where this node's part is needed.
pub(super) fn listen(node: &str) -> Order {
    let (key, mut cmd) = (names::called(node), redis::cmd("LPOP"));
    cmd.arg(&key).arg(CALLED);
    Order::about(&key, cmd)
}

/// The companies that the answer names, each once.
pub(super) fn heard(said: &Value) -> Vec<CompanyId> {
    let Value::Array(items) = said else { return Vec::new() };
    let mut companies: Vec<CompanyId> = Vec::new();
    for item in items {
        let Value::BulkString(bytes) = item else { continue };
        let bits = std::str::from_utf8(bytes).ok().and_then(|text| u128::from_str_radix(text, 16).ok());
        if let Some(company) = bits.map(CompanyId::from_bits)
            && !companies.contains(&company)
        {
            companies.push(company);
        }
    }
    companies
}
