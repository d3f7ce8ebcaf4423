//! A way to one server: bytes out, answers in, in order. TCP and TLS are the redis crate's ([`super::dial`] makes those); a simulation
//! brings its own. What the bytes say is in [`super::asking`].

use redis::{Cmd, Connection, FromRedisValue, RedisResult, Value};
use std::fmt;
use std::io;
use std::sync::Arc;

/// A server that a simulation pretends, in place of one on the network: its commands and answers are those of Redis, in RESP 2.
pub trait Pretended: Send + Sync {
    /// A connection to it.
    ///
    /// # Errors
    /// Where it is away.
    fn connect(&self) -> io::Result<Box<dyn Line>>;
}

/// A connection to a pretended server.
pub trait Line: Send {
    /// Takes commands, one after the other, each an array of bulk strings.
    ///
    /// # Errors
    /// Where the connection is broken; what the server does with what it has got by then is its own.
    fn send(&mut self, commands: &[u8]) -> io::Result<()>;

    /// The answer to the next command that was not answered yet, whole.
    ///
    /// # Errors
    /// Where the connection is broken.
    fn hear(&mut self) -> io::Result<Vec<u8>>;
}

/// The pretended server of some settings. Two are the same where it is the same server.
#[derive(Clone)]
pub struct Pretence(pub Arc<dyn Pretended>);

impl fmt::Debug for Pretence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pretence")
    }
}

impl PartialEq for Pretence {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Pretence {}

/// A connection, whatever it is made of.
pub(super) enum Wire {
    /// To a server on the network.
    Network(Box<Connection>),
    /// To one that is pretended.
    Pretended(Box<dyn Line>),
}

impl Wire {
    pub(super) fn send(&mut self, packed: &[u8]) -> RedisResult<()> {
        match self {
            Wire::Network(connection) => connection.send_packed_command(packed),
            Wire::Pretended(line) => Ok(line.send(packed)?),
        }
    }

    pub(super) fn hear(&mut self) -> RedisResult<Value> {
        match self {
            Wire::Network(connection) => connection.recv_response(),
            Wire::Pretended(line) => redis::parse_redis_value(&line.hear()?),
        }
    }

    /// One command, and its answer where it is no error.
    pub(super) fn ask<T: FromRedisValue>(&mut self, cmd: &Cmd) -> RedisResult<T> {
        match self {
            Wire::Network(connection) => cmd.query(connection.as_mut()),
            Wire::Pretended(_) => {
                self.send(&cmd.get_packed_command())?;
                Ok(redis::from_redis_value(self.hear()?.extract_error()?)?)
            }
        }
    }
}

impl From<Connection> for Wire {
    fn from(connection: Connection) -> Self {
        Wire::Network(Box::new(connection))
    }
}
