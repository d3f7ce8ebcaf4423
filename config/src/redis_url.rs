//! Where Redis is, as a setting: `redis://[USER@]HOST[:PORT][/DATABASE]`, several servers behind Sentinel
//! (`redis+sentinel://[USER@]HOST[:PORT],HOST[:PORT].../SERVICE[/DATABASE]`) or a cluster
//! (`redis+cluster://[USER@]HOST[:PORT],HOST[:PORT]...`); `rediss` in place of `redis` is the same over TLS.
//!
//! The password is a file of its own ([`crate::secret`]), so that nothing that prints settings prints it. Whether anybody answers
//! there is found out by `ledger`.

use crate::values::{NotAValue, as_text};
use std::fmt;
use std::str::FromStr;

/// Where Redis listens unless told otherwise.
const PORT: u16 = 6379;
/// Where Sentinel does.
const SENTINEL_PORT: u16 = 26_379;
/// Characters of a host name at most (RFC 1035 2.3.4).
const HOST_MAX: usize = 253;
/// Servers that can be named: enough for any three sites, and a typing error is no flood.
const PLACES_MAX: usize = 16;
/// Characters that are repeated of what is wrong.
const REPEATED_MAX: usize = 64;
/// What would be right.
const EXPECTED: &str = "one such as \"redis://127.0.0.1:6379\" or \"redis://cache.example/1\", \
     \"redis+sentinel://one.example,two.example/mymaster\" or \"redis+cluster://one.example:7000,two.example:7000\"; rediss for TLS";

/// Where Redis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrl {
    /// Whether the connection is encrypted.
    pub is_tls: bool,
    /// Who connects, where Redis has users.
    pub user: Option<String>,
    /// Which servers.
    pub servers: RedisServers,
}

/// Which servers are Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisServers {
    /// One.
    Single {
        /// Where it is.
        place: RedisPlace,
        /// The database's number.
        database: u32,
    },
    /// One of several, and Sentinel says which.
    Sentinel {
        /// Where Sentinels are, at least one.
        sentinels: Vec<RedisPlace>,
        /// What they call the service.
        service: String,
        /// The database's number.
        database: u32,
    },
    /// All of a cluster, which says itself which they are.
    Cluster {
        /// Where some of them are, at least one.
        seeds: Vec<RedisPlace>,
    },
}

/// Where one server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisPlace {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for RedisPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.servers {
            RedisServers::Single { .. } => "",
            RedisServers::Sentinel { .. } => "+sentinel",
            RedisServers::Cluster { .. } => "+cluster",
        };
        write!(f, "redis{}{kind}://", if self.is_tls { "s" } else { "" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match &self.servers {
            RedisServers::Single { place, database } => write!(f, "{place}/{database}"),
            RedisServers::Sentinel { sentinels, service, database } => {
                write!(f, "{}/{service}/{database}", listed(sentinels))
            }
            RedisServers::Cluster { seeds } => f.write_str(&listed(seeds)),
        }
    }
}

fn listed(places: &[RedisPlace]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn wrong(found: &str, what: &'static str, expected: &'static str) -> NotAValue {
    NotAValue { found: found.chars().take(REPEATED_MAX).collect(), what, expected }
}

impl FromStr for RedisUrl {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let bad = || wrong(text, "where a Redis is", EXPECTED);
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let (is_tls, kind) = match scheme.strip_prefix("redis").ok_or_else(bad)? {
            kind if kind.starts_with('s') => (true, &kind[1..]),
            kind => (false, kind),
        };
        let (user, rest) = match rest.rsplit_once('@') {
            Some((login, _)) if login.contains(':') => {
                // What follows the colon is not repeated.
                let said = format!("{scheme}://{}:...", login.split(':').next().unwrap_or_default());
                return Err(wrong(&said, "free of secrets", "the password in a file that ledger.password_file names"));
            }
            Some(("", _)) => return Err(bad()),
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (places, path) = rest.split_once('/').unwrap_or((rest, ""));
        let servers = match kind {
            "" => RedisServers::Single {
                place: place(places, PORT).ok_or_else(bad)?,
                database: number(path).ok_or_else(bad)?,
            },
            "+sentinel" => {
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                let (service, database) = (service_of(service).ok_or_else(bad)?, number(database).ok_or_else(bad)?);
                RedisServers::Sentinel {
                    sentinels: places_of(places, SENTINEL_PORT).ok_or_else(bad)?,
                    service,
                    database,
                }
            }
            // A cluster has one database.
            "+cluster" if matches!(path, "" | "0") => {
                RedisServers::Cluster { seeds: places_of(places, PORT).ok_or_else(bad)? }
            }
            _ => return Err(bad()),
        };
        Ok(RedisUrl { is_tls, user, servers })
    }
}

/// A database's number; the first where none is given.
fn number(text: &str) -> Option<u32> {
    if text.is_empty() { Some(0) } else { text.parse().ok() }
}

/// What Sentinel can call a service: it takes letters, digits and `.-_`.
fn service_of(text: &str) -> Option<String> {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (!text.is_empty() && text.len() <= HOST_MAX && text.bytes().all(is_of_name)).then(|| text.to_owned())
}

fn places_of(text: &str, port: u16) -> Option<Vec<RedisPlace>> {
    let places: Vec<RedisPlace> = text.split(',').map(|text| place(text, port)).collect::<Option<_>>()?;
    (places.len() <= PLACES_MAX).then_some(places)
}

fn place(text: &str, unless_told: u16) -> Option<RedisPlace> {
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map_or(Some(unless_told), |port| port.parse().ok())?;
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let is_name = !host.is_empty() && host.len() <= HOST_MAX && host.bytes().all(is_of_name);
    (port != 0 && is_name).then(|| RedisPlace { host: host.to_owned(), port })
}

as_text!(RedisUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_reads_back_with_what_it_left_out() {
        for (text, said) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
            ("redis://cache.example:7000/3", "redis://cache.example:7000/3"),
            ("redis://tandem@[::1]:7000/", "redis://tandem@[::1]:7000/0"),
            ("redis://[fe80::1]/2", "redis://[fe80::1]:6379/2"),
            ("rediss://cache.example", "rediss://cache.example:6379/0"),
            ("redis+sentinel://a.example,[::1]:7/money", "redis+sentinel://a.example:26379,[::1]:7/money/0"),
            ("rediss+sentinel://tandem@a/money/2", "rediss+sentinel://tandem@a:26379/money/2"),
            ("redis+cluster://a,b:7001", "redis+cluster://a:6379,b:7001"),
            ("rediss+cluster://tandem@a/0", "rediss+cluster://tandem@a:6379"),
        ] {
            let url: RedisUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), said);
            assert_eq!(said.parse(), Ok(url));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_and_a_password_is_not_repeated() {
        let crowd = format!("redis+cluster://{}", ["a"; PLACES_MAX + 1].join(","));
        for text in [
            "127.0.0.1:6379",
            "redis://",
            "redis://:6379",
            "redis://a:0",
            "redis://a:70000",
            "redis://a/b",
            "redis://a,b",
            "redis://@a",
            "redis://[::1",
            "redis://[a]",
            "redis://[::1]7",
            "redis://a b",
            "redis+sentinel://a",
            "redis+sentinel://a/mymaster/x",
            "redis+sentinel://a,/mymaster",
            "redis+sentinel://a/my master",
            "redis+cluster://a/1",
            "redis+ring://a",
            "redisses://a",
            "http://a",
            &crowd,
        ] {
            let error = text.parse::<RedisUrl>().unwrap_err().to_string();
            assert!(error.contains("expected one such as \"redis://127.0.0.1:6379\""), "{text}: {error}");
        }
        for text in ["redis://tandem:hunter2@cache", "rediss+cluster://tandem:hunter2@a,b"] {
            let error = text.parse::<RedisUrl>().unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.contains("ledger.password_file"), "{error}");
        }
    }
}
