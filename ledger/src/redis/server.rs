//! Which Redis is meant: one server, the master that Sentinels know, or a cluster; and what we show there. How a connection is made is
//! in [`super::dial`].

use super::wire::Pretence;
use std::fmt;

/// Where one server is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Which servers are Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Servers {
    /// One.
    Single {
        /// Where it is.
        place: Place,
        /// The database's number.
        database: u32,
    },
    /// The master of a service: whoever Sentinel says that it is now.
    Sentinel {
        /// Where Sentinels are; the first that knows is believed, and the server is asked whether it is a master.
        sentinels: Vec<Place>,
        /// What they call the service.
        service: String,
        /// The database's number.
        database: u32,
    },
    /// The masters of a cluster.
    Cluster {
        /// Where some of its servers are; the first that answers says which there are.
        seeds: Vec<Place>,
    },
    /// One that a simulation pretends.
    Pretended(Pretence),
}

/// Texts in PEM for connections that are encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    /// Who may have issued the servers' certificates.
    pub authorities: String,
    /// Certificate and private key that we show, where Redis wants them.
    pub identity: Option<(String, String)>,
}

/// Where Redis is, and who we are there.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Which servers.
    pub servers: Servers,
    /// Who connects, where Redis has users.
    pub user: Option<String>,
    /// The password, where Redis wants one. Never printed.
    pub password: Option<String>,
    /// How connections are encrypted; plain where there is none.
    pub tls: Option<Tls>,
}

impl Server {
    /// One server, without user, password or encryption.
    pub fn single(host: impl Into<String>, port: u16) -> Self {
        let servers = Servers::Single { place: Place { host: host.into(), port }, database: 0 };
        Self { servers, user: None, password: None, tls: None }
    }

    /// Where it is, for people: no secrets.
    pub fn address(&self) -> String {
        match &self.servers {
            Servers::Single { place, database } => format!("{place}/{database}"),
            Servers::Sentinel { sentinels, service, database } => {
                format!("{service}/{database} (Sentinels {})", listed(sentinels))
            }
            Servers::Cluster { seeds } => format!("the cluster of {}", listed(seeds)),
            Servers::Pretended(_) => "a pretended server".to_owned(),
        }
    }

    /// The command that empties it, for people.
    pub(super) fn emptied_by(&self) -> String {
        match &self.servers {
            Servers::Single { database, .. } | Servers::Sentinel { database, .. } => {
                format!("redis-cli -n {database} flushdb")
            }
            Servers::Pretended(_) => "FLUSHALL".to_owned(),
            Servers::Cluster { seeds } => {
                let seed = seeds.first().map(ToString::to_string).unwrap_or_default();
                format!("redis-cli --cluster call {seed} flushdb --cluster-only-masters")
            }
        }
    }
}

fn listed(places: &[Place]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.address()).finish()
    }
}
