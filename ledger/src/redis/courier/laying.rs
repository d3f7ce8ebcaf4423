//! The courier and the parts of companies: its own laid where Redis has lost it or another node needs it, those of others asked for;
//! and what people ask of all parts together. How a part is laid is [`crate::redis::laying`]'s.

use super::Courier;
use crate::api::Ledger;
use crate::redis::audit::{self, Audited};
use crate::redis::laying::{self, Layer};
use crate::redis::link::{Lost, Order};
use crate::redis::names::{self, Keys};
use crate::redis::queue::Query;
use crate::redis::seen::{Op, Seen};
use crate::redis::settings::ROUND;
use crate::redis::start::{self, Part};
use domain::CompanyId;
use domain::credit::{Account, Balance};
use redis::Value;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

impl Courier {
    /// Makes this node's part of a company what the journal says. Others are granted by it from now on, and Redis may have forgotten which
    /// batches it stands for, so that nobody could tell the next life of this node: it is on the disk first.
    pub(super) fn lay(&mut self, company: CompanyId) -> Result<(), Lost> {
        self.shared.journal.flush().map_err(|error| Lost(error.to_string()))?;
        let state = self.shared.journal.company(company);
        let Some(link) = &mut self.link else { return Err(no_link()) };
        let (house, node) = (self.shared.house.as_ref(), self.shared.identity.node.as_str());
        self.layings += 1;
        let mark = start::mark(&self.shared.identity, self.layings);
        let laid = Layer { house, node, life: &self.life, mark: &mark }.lay(link, company, &state)?;
        start::tell_below_zero(company, laid.below_zero);
        self.shared.below_zero.fetch_add(laid.below_zero, Ordering::Relaxed);
        self.shared.rebuilt.fetch_add(1, Ordering::Relaxed);
        self.shared.watch.tell(Seen::Rebuilt);
        self.parts.insert(company, Part { laying: self.layings, changes: 0 });
        self.missed.retain(|(of, _)| *of != company);
        Ok(())
    }

    /// Cares for the parts of a company that are missing: a node that lives is told, for one that is dead they are laid. Whether all are
    /// there now.
    pub(super) fn gather(&mut self, company: CompanyId, nodes: &[String]) -> Result<bool, Lost> {
        let members = self.shared.house.members(company).map_err(Lost)?;
        let mut is_whole = true;
        for member in members.nodes.iter().filter(|member| nodes.contains(&member.node)) {
            if member.node != self.shared.identity.node && self.tend(member) {
                continue;
            }
            is_whole = false;
            let Some(link) = &mut self.link else { return Err(no_link()) };
            laying::call(link, &member.node, company)?;
            if self.missed.insert((company, member.node.clone())) {
                let (name, journal) = (&member.name, member.journal.display());
                match member.journal.exists() {
                    true => {
                        tracing::warn!(company = %company, node = %name, "a part is missing in Redis: its node is told, nobody of this company is granted anything until it is there")
                    }
                    false => {
                        tracing::error!(company = %company, node = %name, %journal, "the journal of a node is gone, and with it what it did: nobody of this company is granted anything until the file is back")
                    }
                }
            }
        }
        Ok(is_whole)
    }

    /// Lays the parts of a node that is dead; false where it is not, or they could not be laid.
    fn tend(&self, member: &crate::redis::Member) -> bool {
        match laying::is_dead(member).then(|| start::tend(&self.settings, self.shared.house.as_ref(), member)) {
            Some(Ok(is_done)) => is_done,
            Some(Err(error)) => {
                tracing::error!(node = %member.name, %error, "the parts of a node that is dead cannot be laid from its journal");
                false
            }
            None => false,
        }
    }

    /// After a loss of everybody's writes the dead have nobody who would notice: who lives lays their parts.
    pub(super) fn tend_the_dead(&self) {
        match self.shared.house.nodes() {
            Ok(nodes) => nodes.iter().filter(|member| member.node != self.shared.identity.node).for_each(|member| {
                self.tend(member);
            }),
            Err(error) => tracing::error!(%error, "the nodes that share this Redis cannot be read"),
        }
    }

    /// Hears in which companies others need this node's part, and lays it; so a dead Redis is also known before a call needs it.
    pub(super) fn listen(&mut self) -> Result<(), Lost> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let said = link.run_well(Op::Ping, &[laying::listen(&self.shared.identity.node)])?;
        if link.servers() > 1 {
            link.ping()?;
        }
        said.iter().flat_map(laying::heard).try_for_each(|company| self.lay(company))
    }

    /// Compares this node's parts with its journal, and the totals with all parts. A part that Redis has lost, and that nobody has asked for
    /// since, is no difference: it is laid, as the next batch would have it laid.
    pub(super) fn audit(&mut self) -> Result<Audited, String> {
        let companies = self.shared.journal.companies();
        self.lay_what_is_gone(companies.keys().copied()).map_err(|lost| lost.0)?;
        let Some(link) = &mut self.link else {
            return Err(format!("Redis at {} is away", self.shared.server.address()));
        };
        audit::compare(link, &self.shared.identity.node, &companies).map_err(|lost| lost.0)
    }

    fn lay_what_is_gone(&mut self, companies: impl Iterator<Item = CompanyId>) -> Result<(), Lost> {
        let companies: Vec<CompanyId> = companies.collect();
        for some in companies.chunks(ROUND) {
            let Some(link) = &mut self.link else { return Ok(()) };
            let node = &self.shared.identity.node;
            let have = some.iter().map(|company| {
                let keys = Keys::of(*company, node);
                let mut have = redis::cmd("HGET");
                have.arg(&keys.meta).arg(names::have(node));
                Order::about(&keys.meta, have)
            });
            let said = link.run_well(Op::Get, &have.collect::<Vec<_>>())?;
            let gone = some.iter().zip(said).filter(|(_, said)| *said == Value::Nil);
            gone.map(|(company, _)| *company).try_for_each(|company| self.lay(company))?;
        }
        Ok(())
    }

    /// What Redis has over all nodes; none where it is away or a part is missing, which then is cared for.
    pub(super) fn look_up(&mut self, query: &Query) -> Option<Vec<(Account, Balance)>> {
        let found = self.try_look_up(query);
        match found {
            Ok(found) => found,
            Err(lost) => {
                self.lose(&lost);
                None
            }
        }
    }

    fn try_look_up(&mut self, query: &Query) -> Result<Option<Vec<(Account, Balance)>>, Lost> {
        if self.link.is_some() && !self.parts.contains_key(&query.company) {
            self.lay(query.company)?;
        }
        let Some(link) = &mut self.link else { return Ok(None) };
        let keys = Keys::of(query.company, &self.shared.identity.node);
        let mut meta = redis::cmd("HMGET");
        meta.arg(&keys.meta).arg("missing").arg(names::have(&self.shared.identity.node));
        let balances = match query.account {
            Some(account) => {
                let mut one = redis::cmd("HMGET");
                one.arg(&keys.balances).arg(names::account(&account));
                one
            }
            None => {
                let mut all = redis::cmd("HGETALL");
                all.arg(&keys.balances);
                all
            }
        };
        let said = link.run_well(Op::Get, &[Order::about(&keys.meta, meta), Order::about(&keys.meta, balances)])?;
        let [meta, balances] = said.as_slice() else { return Ok(None) };
        let words: Vec<Option<String>> = read(meta)?;
        let (missing, have) = (words.first().cloned().flatten(), words.get(1).cloned().flatten());
        if have.is_none() {
            self.lay(query.company)?;
            return Ok(None);
        }
        let missing = missing.unwrap_or_default();
        if !missing.is_empty() {
            let nodes: Vec<String> = missing.split(' ').map(str::to_owned).collect();
            self.gather(query.company, &nodes)?;
            return Ok(None);
        }
        let texts: BTreeMap<String, String> = match query.account {
            Some(account) => {
                let text: Vec<Option<String>> = read(balances)?;
                text.into_iter().flatten().map(|text| (names::account(&account), text)).collect()
            }
            None => read(balances)?,
        };
        let mut found: Vec<(Account, Balance)> = Vec::with_capacity(texts.len());
        for (name, text) in texts {
            let (Some(account), Some(balance)) = (names::account_of(query.company, &name), audit::balance_of(&text))
            else {
                return Err(Lost(format!("{name} of {} is \"{text}\"", query.company)));
            };
            found.push((account, balance));
        }
        found.sort_unstable_by_key(|(account, _)| *account);
        Ok(Some(found))
    }
}

fn no_link() -> Lost {
    Lost("there is no connection".to_owned())
}

fn read<T: redis::FromRedisValue>(value: &Value) -> Result<T, Lost> {
    redis::from_redis_value(value.clone()).map_err(|error| Lost(error.to_string()))
}
