//! Where Redis is, as a setting: `redis://[USER@]HOST[:PORT][/DATABASE]`.
//!
//! The password is a file of its own ([`crate::secret`]), so that nothing that prints settings prints it. Whether anybody answers
//! there is found out by `ledger`.

use crate::values::{NotAValue, as_text};
use std::fmt;
use std::str::FromStr;

/// Where Redis listens unless told otherwise.
const PORT: u16 = 6379;
/// Characters of a host name at most (RFC 1035 2.3.4).
const HOST_MAX: usize = 253;
/// Characters that are repeated of what is wrong.
const REPEATED_MAX: usize = 64;

/// Where Redis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrl {
    /// Who connects, where Redis has users.
    pub user: Option<String>,
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database's number.
    pub database: u32,
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redis://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}/{}", self.host, self.port, self.database),
            false => write!(f, "{}:{}/{}", self.host, self.port, self.database),
        }
    }
}

impl FromStr for RedisUrl {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let wrong = |found: &str, what, expected| NotAValue {
            found: found.chars().take(REPEATED_MAX).collect(),
            what,
            expected,
        };
        if text.starts_with("rediss://") {
            return Err(wrong(text, "served", "redis:// over a network that is yours; TLS comes with a later version"));
        }
        let bad =
            || wrong(text, "where a Redis is", "one such as \"redis://127.0.0.1:6379\" or \"redis://cache.example/1\"");
        let rest = text.strip_prefix("redis://").ok_or_else(bad)?;
        let (user, place) = match rest.rsplit_once('@') {
            Some((login, _)) if login.contains(':') => {
                // What follows the colon is not repeated.
                let said = format!("redis://{}:...", login.split(':').next().unwrap_or_default());
                return Err(wrong(&said, "free of secrets", "the password in a file that ledger.password_file names"));
            }
            Some(("", _)) => return Err(bad()),
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, rest),
        };
        let (place, database) = match place.split_once('/') {
            Some((place, "")) => (place, 0),
            Some((place, database)) => (place, database.parse().map_err(|_| bad())?),
            None => (place, 0),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
            Some((host, "")) if host.parse::<std::net::Ipv6Addr>().is_ok() => (host, PORT),
            Some((host, port)) if host.parse::<std::net::Ipv6Addr>().is_ok() => {
                (host, port.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or_else(bad)?)
            }
            Some(_) => return Err(bad()),
            None => match place.split_once(':') {
                Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
                None => (place, PORT),
            },
        };
        let is_name = |host: &str| {
            let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
            !host.is_empty() && host.len() <= HOST_MAX && host.bytes().all(is_of_name)
        };
        if port == 0 || !is_name(host) {
            return Err(bad());
        }
        Ok(RedisUrl { user, host: host.to_owned(), port, database })
    }
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
        ] {
            let url: RedisUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), said);
            assert_eq!(said.parse(), Ok(url));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_and_a_password_is_not_repeated() {
        for text in [
            "127.0.0.1:6379",
            "redis://",
            "redis://:6379",
            "redis://a:0",
            "redis://a:70000",
            "redis://a/b",
            "redis://@a",
            "redis://[::1",
            "redis://[a]",
            "redis://a b",
            "http://a",
        ] {
            let error = text.parse::<RedisUrl>().unwrap_err().to_string();
            assert!(error.contains("expected one such as \"redis://127.0.0.1:6379\""), "{text}: {error}");
        }
        let error = "redis://tandem:hunter2@cache".parse::<RedisUrl>().unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("ledger.password_file"), "{error}");
        assert!("rediss://a".parse::<RedisUrl>().unwrap_err().to_string().contains("TLS comes with a later version"));
    }
}
