//! The connection to Redis: made, checked, kept, made again with bounded waits. What is said over it is [`super::asking`]'s, when
//! is [`super::courier`]'s.

use super::asking::FUNCTION;
use super::names::NODE;
use super::seen::{Failure, Op, Watch};
use super::settings::{CONNECT_TIMEOUT, REPLY_TIMEOUT, Server, VERSION_MIN};
use crate::error::Error;
use redis::io::tcp::TcpSettings;
use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionLike, IntoConnectionInfo, Pipeline, RedisConnectionInfo,
};
use redis::{RedisError, ServerErrorKind, Value};

/// A connection that was checked.
pub(super) struct Link {
    connection: Connection,
    /// The function's name.
    pub(super) sha: String,
    watch: Watch,
}

/// Why a connection is of no more use.
#[derive(Debug)]
pub(super) struct Lost(pub(super) String);

impl Link {
    /// Connects, and makes sure that this Redis can be trusted with money and that no other node has it.
    pub(super) fn open(server: &Server, node: &str, watch: &Watch) -> Result<Self, Error> {
        let mut link = Self::connect(server, watch)?;
        link.claim(server, node)?;
        Ok(link)
    }

    /// Connects and checks, without claiming anything: for who only reads.
    pub(super) fn connect(server: &Server, watch: &Watch) -> Result<Self, Error> {
        let away = |source: RedisError| Error::RedisAway { address: server.address(), source: Box::new(source) };
        let mut login = RedisConnectionInfo::default().set_db(server.database.into());
        if let Some(user) = &server.user {
            login = login.set_username(user);
        }
        if let Some(password) = &server.password {
            login = login.set_password(password);
        }
        let info = ConnectionAddr::Tcp(server.host.clone(), server.port).into_connection_info().map_err(away)?;
        let info = info.set_redis_settings(login).set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = Client::open(info).map_err(away)?;
        let mut connection = client.get_connection_with_timeout(CONNECT_TIMEOUT).map_err(away)?;
        connection.set_read_timeout(Some(REPLY_TIMEOUT)).map_err(away)?;
        connection.set_write_timeout(Some(REPLY_TIMEOUT)).map_err(away)?;
        let info: String = redis::cmd("INFO").query(&mut connection).map_err(away)?;
        if let Some(what) = unfit(&info) {
            return Err(Error::RedisUnfit { address: server.address(), what });
        }
        let sha = redis::cmd("SCRIPT").arg("LOAD").arg(FUNCTION).query(&mut connection).map_err(away)?;
        Ok(Self { connection, sha, watch: watch.clone() })
    }

    fn claim(&mut self, server: &Server, node: &str) -> Result<(), Error> {
        let away = |source: RedisError| Error::RedisAway { address: server.address(), source: Box::new(source) };
        let mut pipeline = Pipeline::new();
        pipeline.cmd("SETNX").arg(NODE).arg(node).ignore().cmd("GET").arg(NODE);
        let (owner,): (String,) = pipeline.query(&mut self.connection).map_err(away)?;
        if owner == node {
            return Ok(());
        }
        let what = format!(
            "keeps the ledger of another node (its journal is {owner}, this one is {node}): give this node a Redis or a database \
             number of its own in ledger.url, or, where that node's journal is gone for good, empty the database with \
             `redis-cli -n {} flushdb`; one Redis for several nodes comes with a later version",
            server.database
        );
        Err(Error::RedisUnfit { address: server.address(), what })
    }

    /// Sends everything at once and hears every answer, errors of single commands among them.
    pub(super) fn run(&mut self, op: Op, commands: &[Cmd]) -> Result<Vec<Value>, Lost> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut packed = Vec::with_capacity(commands.len() * 512);
        commands.iter().for_each(|command| packed.extend_from_slice(&command.get_packed_command()));
        let began = self.watch.now();
        let answers = self.connection.req_packed_commands(&packed, 0, commands.len());
        let answers = answers.map_err(|error| {
            self.watch.failed(Failure::of(&error));
            Lost(error.to_string())
        })?;
        self.watch.answered(op, began);
        if answers.len() != commands.len() {
            self.watch.failed(Failure::Connection);
            return Err(Lost(format!("{} answers to {} commands", answers.len(), commands.len())));
        }
        // A server that was restarted or demoted under us: whatever it said, it is not the one that was checked.
        let is_other = |value: &Value| {
            let Value::ServerError(error) = value else { return false };
            let kinds = [ServerErrorKind::BusyLoading, ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown];
            error.kind().is_some_and(|kind| kinds.contains(&kind))
                || error.code() == "MISCONF"
                || error.code() == "NOAUTH"
        };
        match answers.iter().find(|answer| is_other(answer)) {
            Some(answer) => {
                self.watch.failed(Failure::Refused);
                Err(Lost(format!("{answer:?}")))
            }
            None => Ok(answers),
        }
    }

    /// The same, each a success.
    pub(super) fn run_well(&mut self, op: Op, commands: &[Cmd]) -> Result<Vec<Value>, Lost> {
        let answers = self.run(op, commands)?;
        match answers.iter().find(|answer| matches!(answer, Value::ServerError(_))) {
            Some(error) => {
                self.watch.failed(Failure::Refused);
                Err(Lost(format!("{error:?}")))
            }
            None => Ok(answers),
        }
    }

    /// Makes the function known again (`SCRIPT FLUSH`, a restart).
    pub(super) fn reload(&mut self) -> Result<(), Lost> {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(FUNCTION);
        self.run_well(Op::Script, &[load]).map(drop)
    }

    /// Whether it is still there.
    pub(super) fn ping(&mut self) -> Result<(), Lost> {
        self.run_well(Op::Ping, &[redis::cmd("PING")]).map(drop)
    }
}

/// Whether the answer says that the function is not known.
pub(super) fn is_no_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}

/// What is wrong with a server that says this of itself (`INFO`), and what would be right.
fn unfit(info: &str) -> Option<String> {
    let said = |key: &str| {
        info.lines()
            .find_map(|line| line.trim_end().strip_prefix(key)?.strip_prefix(':').map(str::to_owned))
            .unwrap_or_default()
    };
    let version = said("redis_version");
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if (major, minor) < VERSION_MIN {
        let (least, point) = VERSION_MIN;
        return Some(format!("is version {version}: install {least}.{point} or later"));
    }
    if said("role") == "slave" {
        return Some("is a replica and may not be written: name its master in ledger.url".to_owned());
    }
    if said("cluster_enabled") == "1" {
        return Some(
            "is part of a cluster: name a single server in ledger.url; Cluster comes with a later version".to_owned(),
        );
    }
    if said("aof_enabled") != "1" {
        return Some(
            "keeps no append-only file, and would forget credit at a restart: set `appendonly yes` in redis.conf, or \
             `redis-cli config set appendonly yes` and then `redis-cli config rewrite`"
                .to_owned(),
        );
    }
    let policy = said("maxmemory_policy");
    if policy != "noeviction" {
        return Some(format!(
            "throws keys away when its memory is full (maxmemory-policy {policy}), and with them credit: set `maxmemory-policy \
             noeviction` in redis.conf, or `redis-cli config set maxmemory-policy noeviction` and then `redis-cli config rewrite`"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\ncluster_enabled:0\r\naof_enabled:1\r\nmaxmemory_policy:noeviction\r\n";

    #[test]
    fn a_server_that_cannot_be_trusted_with_money_is_told_what_to_change() {
        assert_eq!(unfit(GOOD), None);
        let wrong = [
            ("redis_version:7.0.15", "redis_version:6.2.14", "is version 6.2.14: install 7.0 or later"),
            ("role:master", "role:slave", "name its master"),
            ("cluster_enabled:0", "cluster_enabled:1", "name a single server"),
            ("aof_enabled:1", "aof_enabled:0", "set `appendonly yes`"),
            (
                "noeviction",
                "allkeys-lru",
                "(maxmemory-policy allkeys-lru), and with them credit: set `maxmemory-policy noeviction`",
            ),
        ];
        for (right, instead, told) in wrong {
            let what = unfit(&GOOD.replace(right, instead)).unwrap();
            assert!(what.contains(told), "{what}");
        }
        assert!(unfit("").is_some(), "a server that says nothing of itself");
        assert_eq!(unfit(&GOOD.replace("7.0.15", "10.1.0")), None);
    }
}
