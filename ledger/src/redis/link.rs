//! The connection to Redis, to each of its servers where it has several: what is sent at once, and what is heard. How it is made is
//! in [`super::dial`], what is said in [`super::asking`], when in [`super::courier`].

use super::asking::{FUNCTION, LAYING};
use super::dial::{Node, dial};
use super::names::HOUSE;
use super::seen::{Failure, Op, Watch};
use super::server::Server;
use super::slots::{SlotMap, slot_of};
use crate::error::Error;
use redis::{Cmd, RedisError, ServerErrorKind, Value};

/// Connections that were checked.
pub(super) struct Link {
    nodes: Vec<Node>,
    slots: SlotMap,
    /// The name of the function that decides batches.
    pub(super) sha: String,
    /// The name of the one that lays parts.
    pub(super) laying_sha: String,
    watch: Watch,
}

/// Why a connection is of no more use.
#[derive(Debug)]
pub(super) struct Lost(pub(super) String);

/// A command, and the slot of its keys: in a cluster it goes to whose that is.
pub(super) struct Order {
    slot: u16,
    cmd: Cmd,
}

impl Order {
    /// A command about this key, and others with the same hash tag.
    pub(super) fn about(key: &str, cmd: Cmd) -> Self {
        Self { slot: slot_of(key), cmd }
    }
}

/// What a server says that must not be asked again over this connection: it was restarted or demoted under us, or its slots have moved.
/// Whatever it said, it is not the one that was checked.
fn is_other(value: &Value) -> bool {
    let Value::ServerError(error) = value else { return false };
    let kinds = [
        ServerErrorKind::BusyLoading,
        ServerErrorKind::ReadOnly,
        ServerErrorKind::MasterDown,
        ServerErrorKind::Moved,
        ServerErrorKind::Ask,
        ServerErrorKind::TryAgain,
        ServerErrorKind::ClusterDown,
    ];
    error.kind().is_some_and(|kind| kinds.contains(&kind)) || matches!(error.code(), "MISCONF" | "NOAUTH")
}

impl Link {
    /// Connects, and makes sure that this Redis can be trusted with money and that it is no other house's.
    pub(super) fn open(server: &Server, house: &str, watch: &Watch) -> Result<Self, Error> {
        let mut link = Self::connect(server, watch)?;
        link.claim(server, house)?;
        Ok(link)
    }

    /// Connects and checks, without claiming anything: for who only reads.
    pub(super) fn connect(server: &Server, watch: &Watch) -> Result<Self, Error> {
        let (nodes, slots, [sha, laying_sha]) = dial(server)?;
        Ok(Self { nodes, slots, sha, laying_sha, watch: watch.clone() })
    }

    fn claim(&mut self, server: &Server, house: &str) -> Result<(), Error> {
        let (mut set, mut get) = (redis::cmd("SETNX"), redis::cmd("GET"));
        set.arg(HOUSE).arg(house);
        get.arg(HOUSE);
        let said = self.run_well(Op::Set, &[Order::about(HOUSE, set), Order::about(HOUSE, get)]);
        let broke = |what: String| Error::RedisUnfit { address: server.address(), what: format!("broke off: {what}") };
        let owner = said.map_err(|lost| broke(lost.0))?.pop().unwrap_or_default();
        let owner: String = redis::from_redis_value(owner).map_err(|error| broke(error.to_string()))?;
        if owner == house {
            return Ok(());
        }
        let what = format!(
            "keeps the ledger of another house (its store is {owner}, this one is {house}): nodes that share a Redis share one store \
             (store.path); give this one a Redis or a database number of its own in ledger.url, or, where that store and its nodes' \
             journals are gone for good, empty it with `{}`",
            server.emptied_by()
        );
        Err(Error::RedisUnfit { address: server.address(), what })
    }

    /// How many servers there are.
    pub(super) fn servers(&self) -> usize {
        self.nodes.len()
    }

    /// Sends everything at once, to each server what is its, and hears every answer, errors of single commands among them; in the order
    /// of the commands.
    pub(super) fn run(&mut self, op: Op, orders: &[Order]) -> Result<Vec<Value>, Lost> {
        let whose: Vec<usize> = orders.iter().map(|order| self.slots.master_of(order.slot)).collect();
        self.exchange(op, &whose, |place| &orders[place].cmd)
    }

    /// Sends one command to one of the servers.
    pub(super) fn run_at(&mut self, server: usize, op: Op, cmd: &Cmd) -> Result<Value, Lost> {
        let said = self.exchange(op, &[server], |_| cmd)?.pop().unwrap_or_default();
        well(&self.watch, vec![said]).map(|mut said| said.pop().unwrap_or_default())
    }

    /// Commands in order, and for each whose it is.
    fn exchange<'a>(&mut self, op: Op, whose: &[usize], cmd: impl Fn(usize) -> &'a Cmd) -> Result<Vec<Value>, Lost> {
        let mut packed: Vec<Vec<u8>> = vec![Vec::new(); self.nodes.len()];
        for (place, node) in whose.iter().enumerate() {
            packed[*node].extend_from_slice(&cmd(place).get_packed_command());
        }
        let began = self.watch.now();
        for (node, packed) in self.nodes.iter_mut().zip(&packed).filter(|(_, packed)| !packed.is_empty()) {
            node.wire.send(packed).map_err(|error| lost(&self.watch, node, &error))?;
        }
        let mut answers = Vec::with_capacity(whose.len());
        for node in whose {
            let node = &mut self.nodes[*node];
            answers.push(node.wire.hear().map_err(|error| lost(&self.watch, node, &error))?);
        }
        if !answers.is_empty() {
            self.watch.answered(op, began);
        }
        match answers.iter().find(|answer| is_other(answer)) {
            Some(answer) => {
                self.watch.failed(Failure::Refused);
                Err(Lost(format!("{answer:?}")))
            }
            None => Ok(answers),
        }
    }

    /// The same, each a success.
    pub(super) fn run_well(&mut self, op: Op, orders: &[Order]) -> Result<Vec<Value>, Lost> {
        let answers = self.run(op, orders)?;
        well(&self.watch, answers)
    }

    /// Makes the function known again (`SCRIPT FLUSH`, a restart).
    pub(super) fn reload(&mut self) -> Result<(), Lost> {
        for function in [FUNCTION, LAYING] {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(function);
            (0..self.nodes.len()).try_for_each(|server| self.run_at(server, Op::Script, &load).map(drop))?;
        }
        Ok(())
    }

    /// Whether all of it is still there.
    pub(super) fn ping(&mut self) -> Result<(), Lost> {
        let ping = redis::cmd("PING");
        (0..self.nodes.len()).try_for_each(|server| self.run_at(server, Op::Ping, &ping).map(drop))
    }
}

fn lost(watch: &Watch, node: &Node, error: &RedisError) -> Lost {
    watch.failed(Failure::of(error));
    Lost(format!("{}: {error}", node.place))
}

fn well(watch: &Watch, answers: Vec<Value>) -> Result<Vec<Value>, Lost> {
    match answers.iter().find(|answer| matches!(answer, Value::ServerError(_))) {
        Some(error) => {
            watch.failed(Failure::Refused);
            Err(Lost(format!("{error:?}")))
        }
        None => Ok(answers),
    }
}

/// Whether the answer says that the function is not known.
pub(super) fn is_no_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}
