//! The Redis that several nodes share, of each kind: one server, a cluster, a master that Sentinels watch; and what befalls it.
//! How the servers are started is in `server` and `several`.

use super::server::RedisServer;
use super::several::{Cluster, Watched, until};
use domain::CompanyId;
use ledger::redis::Server;
use redis::Connection;

/// One of them, killed with the value.
pub enum Kind {
    /// One server.
    One(Box<RedisServer>),
    /// With the place of the master that dies.
    Cluster(Box<Cluster>, Option<usize>),
    /// A master that Sentinels watch.
    Watched(Box<Watched>),
}

impl Kind {
    /// One server.
    pub fn one() -> Self {
        Kind::One(Box::new(RedisServer::start()))
    }

    /// A cluster; none of its masters is dead yet.
    pub fn cluster() -> Self {
        Kind::Cluster(Box::new(Cluster::start()), None)
    }

    /// The nodes come as a user with few rights.
    pub fn watched() -> Self {
        Kind::Watched(Box::new(Watched::start()))
    }

    /// As the nodes name it.
    pub fn server(&self) -> Server {
        match self {
            Kind::One(server) => server.server(),
            Kind::Cluster(cluster, _) => cluster.server(),
            Kind::Watched(watched) => watched.server_for_few_rights(),
        }
    }

    /// Whoever has the slots now.
    fn masters(&self) -> Vec<Connection> {
        match self {
            Kind::One(server) => vec![server.connection()],
            Kind::Cluster(cluster, _) => (0..cluster.masters.len())
                .map(|place| match cluster.masters[place].is_running() {
                    true => cluster.masters[place].connection(),
                    false => cluster.replicas[place].connection(),
                })
                .collect(),
            Kind::Watched(watched) => match watched.master.is_running() {
                true => vec![watched.master.connection()],
                false => vec![watched.replica.connection()],
            },
        }
    }

    /// Takes everything away, everywhere.
    pub fn flush(&self) {
        for mut master in self.masters() {
            redis::cmd("FLUSHALL").exec(&mut master).unwrap();
        }
    }

    /// The replica of the master that has this company hears no more of it; where there is one that can take over.
    pub fn cut_off(&mut self, company: CompanyId) {
        if let Kind::Cluster(cluster, dying) = self {
            *dying = Some(cluster.place_of(&format!("{{{:032x}}}", company.bits())));
        }
        if let Some((_, replica)) = self.dying() {
            replica.stand_still();
        }
    }

    /// The master that was cut off dies, and with it what its replica has not heard, which takes over.
    pub fn fail_over(&mut self) {
        let Some((master, replica)) = self.dying() else { return };
        master.kill();
        replica.go_on();
        until("the replica to take over", || {
            let role: Vec<redis::Value> = redis::cmd("ROLE").query(&mut replica.connection()).unwrap();
            role[0] == redis::Value::BulkString("master".into())
        });
    }

    fn dying(&mut self) -> Option<(&mut RedisServer, &RedisServer)> {
        match self {
            Kind::One(_) => None,
            Kind::Cluster(cluster, dying) => {
                let Cluster { masters, replicas } = &mut **cluster;
                dying.map(|place| (&mut masters[place], &replicas[place]))
            }
            Kind::Watched(watched) => Some((&mut watched.master, &watched.replica)),
        }
    }
}
