//! Connections made and checked: which servers there are now, each fit for money, the function known to each. What is said over them
//! is [`super::link`]'s.

use super::asking::{FUNCTION, LAYING};
use super::fitness::unfit;
use super::server::{Place, Server, Servers};
use super::settings::{CONNECT_TIMEOUT, REPLY_TIMEOUT};
use super::slots::SlotMap;
use super::wire::Wire;
use crate::error::Error;
use redis::io::tcp::TcpSettings;
use redis::{
    Client, ClientTlsConfig, Cmd, Connection, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates, Value,
};

/// A way to one server.
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) wire: Wire,
}

/// Connects to every server that is Redis now, and checks each; with what the slots say, and the functions' names.
pub(super) fn dial(server: &Server) -> Result<(Vec<Node>, SlotMap, [String; 2]), Error> {
    let slots = match &server.servers {
        Servers::Single { place, .. } => SlotMap::of_one(place.clone()),
        Servers::Sentinel { sentinels, service, .. } => SlotMap::of_one(master(server, sentinels, service)?),
        Servers::Cluster { seeds } => slots(server, seeds)?,
        Servers::Pretended(_) => SlotMap::of_one(Place { host: server.address(), port: 0 }),
    };
    let mut nodes = Vec::with_capacity(slots.masters.len());
    let mut shas = [String::new(), String::new()];
    for place in &slots.masters {
        let away = |source: RedisError| away(server, place, source);
        let mut wire = match &server.servers {
            Servers::Pretended(pretence) => {
                Wire::Pretended(pretence.0.connect().map_err(RedisError::from).map_err(away)?)
            }
            _ => connect(server, place, true).map_err(away)?.into(),
        };
        let info: String = wire.ask(&redis::cmd("INFO")).map_err(away)?;
        if let Some(what) = unfit(&info, &server.servers) {
            return Err(Error::RedisUnfit { address: at(server, place), what });
        }
        for (sha, function) in shas.iter_mut().zip([FUNCTION, LAYING]) {
            *sha = wire.ask(redis::cmd("SCRIPT").arg("LOAD").arg(function)).map_err(away)?;
        }
        nodes.push(Node { place: place.clone(), wire });
    }
    Ok((nodes, slots, shas))
}

/// One connection, signed in.
fn connect(server: &Server, place: &Place, is_redis: bool) -> Result<Connection, RedisError> {
    let mut login = RedisConnectionInfo::default();
    if let (true, Servers::Single { database, .. } | Servers::Sentinel { database, .. }) = (is_redis, &server.servers) {
        login = login.set_db((*database).into());
    }
    // Sentinels that want no password must not be given one: they refuse it.
    if is_redis {
        if let Some(user) = &server.user {
            login = login.set_username(user);
        }
        if let Some(password) = &server.password {
            login = login.set_password(password);
        }
    }
    let (host, port) = (place.host.clone(), place.port);
    let address = match &server.tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
    };
    let info = address.into_connection_info()?;
    let info = info.set_redis_settings(login).set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let client = match &server.tls {
        None => Client::open(info)?,
        Some(tls) => {
            // Redis's client takes the process's; the first who needs one names it.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client_tls = tls.identity.as_ref().map(|(certificate, key)| ClientTlsConfig {
                client_cert: certificate.clone().into_bytes(),
                client_key: key.clone().into_bytes(),
            });
            let root_cert = Some(tls.authorities.clone().into_bytes());
            Client::build_with_tls(info, TlsCertificates { client_tls, root_cert })?
        }
    };
    let connection = client.get_connection_with_timeout(CONNECT_TIMEOUT)?;
    connection.set_read_timeout(Some(REPLY_TIMEOUT))?;
    connection.set_write_timeout(Some(REPLY_TIMEOUT))?;
    Ok(connection)
}

/// The master that the first Sentinel which knows the service names.
fn master(server: &Server, sentinels: &[Place], service: &str) -> Result<Place, Error> {
    let mut ask = redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
    let mut last = None;
    for sentinel in sentinels {
        match ask_sentinel(server, sentinel, &ask) {
            Ok(Some((host, port))) => return Ok(Place { host, port }),
            Ok(None) => {
                let what = format!(
                    "knows no service \"{service}\": ledger.url ends with the name that `sentinel monitor NAME ...` gives it"
                );
                last = Some(Error::RedisUnfit { address: format!("{sentinel} (Sentinel)"), what });
            }
            // Who does not answer tells less than who does not know.
            Err(source) if last.is_none() => last = Some(away(server, sentinel, source)),
            Err(_) => {}
        }
    }
    Err(last.unwrap_or_else(|| nobody(server)))
}

fn ask_sentinel(server: &Server, sentinel: &Place, ask: &Cmd) -> Result<Option<(String, u16)>, RedisError> {
    let mut connection = connect(server, sentinel, false)?;
    match ask.query(&mut connection) {
        Err(error) if error.code() == Some("NOAUTH") => {}
        answer => return answer,
    }
    let mut login = redis::cmd("AUTH");
    server.user.iter().chain(&server.password).for_each(|word| {
        login.arg(word);
    });
    login.exec(&mut connection)?;
    ask.query(&mut connection)
}

/// Whose the slots are, as the first of the seeds that answers says.
fn slots(server: &Server, seeds: &[Place]) -> Result<SlotMap, Error> {
    let mut last = None;
    for seed in seeds {
        let said = connect(server, seed, true)
            .and_then(|mut connection| redis::cmd("CLUSTER").arg("SLOTS").query::<Value>(&mut connection));
        let wrong = match said {
            Ok(said) => match SlotMap::read(said, seed) {
                Ok(map) => return Ok(map),
                Err(what) => {
                    let what = format!("{what}: see `redis-cli --cluster check {seed}`");
                    Error::RedisUnfit { address: at(server, seed), what }
                }
            },
            Err(error) if error.detail().is_some_and(|said| said.contains("cluster support disabled")) => {
                let what = "is no part of a cluster: write redis://HOST:PORT in ledger.url".to_owned();
                Error::RedisUnfit { address: at(server, seed), what }
            }
            Err(source) => away(server, seed, source),
        };
        if last.is_none() || matches!(wrong, Error::RedisUnfit { .. }) {
            last = Some(wrong);
        }
    }
    Err(last.unwrap_or_else(|| nobody(server)))
}

/// The server's place for people, with what was asked for where that is another.
fn at(server: &Server, place: &Place) -> String {
    match &server.servers {
        Servers::Single { .. } | Servers::Pretended(_) => server.address(),
        Servers::Sentinel { .. } | Servers::Cluster { .. } => format!("{place}, of {},", server.address()),
    }
}

fn away(server: &Server, place: &Place, source: RedisError) -> Error {
    Error::RedisAway { address: at(server, place), source: Box::new(source) }
}

fn nobody(server: &Server) -> Error {
    Error::RedisUnfit { address: server.address(), what: "is nowhere: ledger.url names no server".to_owned() }
}
