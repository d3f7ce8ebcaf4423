//! Redis on several servers of the test's own: a cluster of three masters with a replica each, and a master with a replica that
//! Sentinels watch. All on loopback; killed with the value. One server alone is in `server`.

use crate::server::RedisServer;
use ledger::redis::{Place, Server, Servers};
use redis::Connection;
use std::net::TcpListener;
use std::time::Duration;

/// How long servers may take to find each other, or to make another one the master.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before asking again.
const ASKED_EVERY: Duration = Duration::from_millis(10);
/// What a server may be silent before it is held for dead.
const SILENCE_MS: &str = "500";
/// A master does not wait for more replicas before it gives the first what it has.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Where a server is.
pub fn place(server: &RedisServer) -> Place {
    Place { host: "127.0.0.1".to_owned(), port: server.port() }
}

/// Asks until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / ASKED_EVERY.as_millis() {
        if is_so() {
            return;
        }
        std::thread::park_timeout(ASKED_EVERY);
    }
    panic!("waited {PATIENCE:?} for {what}");
}

fn said(connection: &mut Connection, words: &[&str]) -> String {
    let mut cmd = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| {
        cmd.arg(word);
    });
    cmd.query(connection).unwrap()
}

/// Three masters, and behind each a replica.
pub struct Cluster {
    /// The masters at the beginning.
    pub masters: Vec<RedisServer>,
    /// The replica of each, in their order.
    pub replicas: Vec<RedisServer>,
}

impl Cluster {
    /// Starts them, and waits until they know each other.
    pub fn start() -> Self {
        let start = || {
            let bus = free_port();
            let options = ["--appendonly", "yes", "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
            RedisServer::start_with(
                &[&options[..], &["--cluster-node-timeout", SILENCE_MS, "--cluster-port", &bus], &AT_ONCE].concat(),
            )
        };
        // The bus's port is told to the others with `MEET`.
        let masters: Vec<RedisServer> = (0..3).map(|_| start()).collect();
        let replicas: Vec<RedisServer> = (0..3).map(|_| start()).collect();
        let all: Vec<&RedisServer> = masters.iter().chain(&replicas).collect();
        let mut first = masters[0].connection();
        for other in &all[1..] {
            let bus: String = redis::cmd("CONFIG")
                .arg("GET")
                .arg("cluster-port")
                .query::<Vec<String>>(&mut other.connection())
                .unwrap()
                .remove(1);
            said(&mut first, &["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string(), &bus]);
        }
        for (master, [from, to]) in masters.iter().zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]]) {
            said(&mut master.connection(), &["CLUSTER", "ADDSLOTSRANGE", from, to]);
        }
        let cluster = Self { masters, replicas };
        cluster.until_all_agree();
        for (master, replica) in cluster.masters.iter().zip(&cluster.replicas) {
            let id = said(&mut master.connection(), &["CLUSTER", "MYID"]);
            said(&mut replica.connection(), &["CLUSTER", "REPLICATE", &id]);
            until("a replica to follow its master", || {
                let info = said(&mut master.connection(), &["INFO", "replication"]);
                info.contains("state=online")
            });
        }
        cluster.until_all_agree();
        cluster
    }

    fn until_all_agree(&self) {
        until("a cluster of six", || {
            self.masters.iter().chain(&self.replicas).all(|server| {
                let info = said(&mut server.connection(), &["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6")
            })
        });
    }

    /// Which of the masters has had the slot of a key from the beginning.
    pub fn place_of(&self, key: &str) -> usize {
        let living = self.masters.iter().find(|master| master.is_running()).unwrap();
        let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut living.connection()).unwrap();
        [5_460, 10_922, 16_383].iter().position(|last| slot <= *last).unwrap()
    }

    /// Whether a key is of a slot that the first master has had from the beginning.
    pub fn is_of_the_first(&self, key: &str) -> bool {
        self.place_of(key) == 0
    }

    /// By two of its servers, the first of which may be dead.
    pub fn server(&self) -> Server {
        let seeds = vec![place(&self.masters[0]), place(&self.masters[1])];
        Server { servers: Servers::Cluster { seeds }, ..Server::single("", 1) }
    }
}

/// What a switch needs of Redis, and nothing else (`config/tandem.toml`).
pub const RIGHTS: &str =
    "+@hash +@list +@sortedset +@keyspace -@dangerous +@transaction +@scripting +@connection +setnx +get +info";

/// A master, a replica, and three Sentinels that call them `money`; all with the password `hunter2-hunter2`, and with a user `tandem` that
/// has the rights of a switch.
pub struct Watched {
    /// The master at the beginning.
    pub master: RedisServer,
    /// Its replica.
    pub replica: RedisServer,
    /// Who watch both.
    pub sentinels: Vec<RedisServer>,
}

impl Watched {
    /// Of all of them.
    pub const PASSWORD: &str = "hunter2-hunter2";

    /// Starts them, and waits until they know each other.
    pub fn start() -> Self {
        let options = ["--appendonly", "yes", "--requirepass", Self::PASSWORD, "--masterauth", Self::PASSWORD];
        let password = format!(">{}", Self::PASSWORD);
        let user: Vec<&str> =
            ["--user", "tandem", "on", &password, "~tandem:*"].into_iter().chain(RIGHTS.split(' ')).collect();
        let options = [&options[..], &user, &AT_ONCE].concat();
        let master = RedisServer::start_with(&options);
        let port = master.port().to_string();
        let replica = RedisServer::start_with(&[&options[..], &["--replicaof", "127.0.0.1", &port]].concat());
        let lines = [
            format!("sentinel auth-pass money {}", Self::PASSWORD),
            format!("requirepass {}", Self::PASSWORD),
            format!("user tandem on {password} +sentinel +@connection"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let sentinels: Vec<_> = (0..3).map(|_| RedisServer::sentinel(&port, SILENCE_MS, &lines)).collect();
        until("three Sentinels that know each other and the replica", || {
            sentinels.iter().all(|sentinel| {
                let client = redis::Client::open(format!("redis://:{}@127.0.0.1:{}", Self::PASSWORD, sentinel.port()));
                let mut connection = client.unwrap().get_connection().unwrap();
                said(&mut connection, &["INFO", "sentinel"]).contains("status=ok,address=127.0.0.1:")
                    && said(&mut connection, &["INFO", "sentinel"]).contains("slaves=1,sentinels=3")
            })
        });
        Self { master, replica, sentinels }
    }

    /// The same by the user that has few rights; Sentinels know it too.
    pub fn server_for_few_rights(&self) -> Server {
        Server { user: Some("tandem".to_owned()), ..self.server() }
    }

    /// By its Sentinels; the first named is none.
    pub fn server(&self) -> Server {
        let nobody = Place { host: "127.0.0.1".to_owned(), port: 1 };
        let sentinels = std::iter::once(nobody).chain(self.sentinels.iter().map(place)).collect();
        let servers = Servers::Sentinel { sentinels, service: "money".to_owned(), database: 0 };
        Server { servers, password: Some(Self::PASSWORD.to_owned()), ..Server::single("", 1) }
    }
}
