//! A client of the switch's own REST API: HTTP/1.1 over a plain socket, and problems in words (RFC 9457).
//!
//! What can be asked is in `/api/v1/openapi.json`; nothing is known here but how to ask.

mod streaming;

use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) use streaming::Happened;

/// How long an answer may take. A deck of a million rows is stored in less.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the switch may take to accept a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer at most.
const ANSWER_MAX: u64 = 64 << 20;
/// Bytes of a body that are handed to the kernel at a time: the grain of the progress that is told.
const CHUNK: usize = 64 << 10;

/// Where a listener on all addresses can be reached from this machine.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The API of one switch, with a token.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    token: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Nobody answers there, or not in HTTP.
    Unreachable(String),
    /// The switch says no.
    Refused {
        /// Method and path.
        asked: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        problem: Box<Problem>,
    },
}

/// A problem (RFC 9457), as far as a person wants to read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) title: String,
    pub(crate) detail: String,
    pub(crate) errors: Vec<Fault>,
}

/// One field, or one line of a file, that is wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fault {
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Unreachable(why) => f.write_str(why),
            Failed::Refused { asked, status, problem } => {
                write!(f, "{asked} was answered {status}: {}", problem.title)?;
                // The detail is the first of the faults, where there are any.
                if problem.errors.is_empty() && !problem.detail.is_empty() {
                    write!(f, "\n  {}", problem.detail)?;
                }
                for fault in &problem.errors {
                    write!(f, "\n  {}: {}", fault.pointer.trim_start_matches('/'), fault.detail)?;
                }
                Ok(())
            }
        }
    }
}

impl Client {
    /// The API at this address.
    pub(crate) fn new(address: SocketAddr, token: String) -> Client {
        Client { address, token }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token that it shows.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Asks the API: `path` begins behind `/api/v1`. `key` is the Idempotency-Key of an order that moves money.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, Failed> {
        self.ask_telling(method, path, body, key, |_, _| {})
    }

    /// As [`Client::ask`]; `sent` is told how many bytes of how many have gone out.
    pub(crate) fn ask_telling(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
        sent: impl FnMut(usize, usize),
    ) -> Result<Value, Failed> {
        let (status, text) = self.exchange(method, &format!("/api/v1{path}"), body, key, sent)?;
        let asked = format!("{method} {path}");
        if (200..300).contains(&status) {
            let text = if text.is_empty() { "null" } else { &text };
            let nonsense = |error| Failed::Unreachable(format!("{asked} was answered with other JSON: {error}"));
            return serde_json::from_str(text).map_err(nonsense);
        }
        let problem = serde_json::from_str(&text).unwrap_or_else(|_| Problem { title: text, ..Problem::default() });
        Err(Failed::Refused { asked, status, problem: Box::new(problem) })
    }

    /// One request to any path of the server: status and body.
    pub(crate) fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
        sent: impl FnMut(usize, usize),
    ) -> Result<(u16, String), Failed> {
        self.raw(method, path, body, key, sent).map(|(_, read)| read)
    }

    /// The whole answer, and its status and body.
    fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
        mut sent: impl FnMut(usize, usize),
    ) -> Result<(String, (u16, String)), Failed> {
        let failed =
            |error: std::io::Error| Failed::Unreachable(format!("{method} http://{}{path}: {error}", self.address));
        let mut stream = TcpStream::connect_timeout(&self.address, CONNECT_PATIENCE).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        let content = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{content}{key}\
             Content-Length: {}\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).map_err(failed)?;
        let mut written = 0;
        for chunk in body.as_bytes().chunks(CHUNK) {
            // A server that has seen enough (413) answers and closes: its answer says more than the broken pipe.
            if stream.write_all(chunk).is_err() {
                break;
            }
            written += chunk.len();
            sent(written, body.len());
        }
        let mut answer = String::new();
        stream.take(ANSWER_MAX).read_to_string(&mut answer).map_err(failed)?;
        let nonsense = || {
            Failed::Unreachable(format!(
                "{method} http://{}{path}: the answer is no HTTP that this client reads",
                self.address
            ))
        };
        let read = read(&answer).ok_or_else(nonsense)?;
        Ok((answer, read))
    }

    /// As [`Client::exchange`] with a GET below `/api/v1`: the body as it is, and one of the headers.
    pub(crate) fn download(&self, path: &str, header: &str) -> Result<(String, Option<String>), Failed> {
        let (answer, (status, body)) = self.raw("GET", &format!("/api/v1{path}"), None, None, |_, _| {})?;
        if status != 200 {
            let problem = serde_json::from_str(&body).unwrap_or_else(|_| Problem { title: body, ..Problem::default() });
            return Err(Failed::Refused { asked: format!("GET {path}"), status, problem: Box::new(problem) });
        }
        let head = answer.split("\r\n\r\n").next().unwrap_or_default();
        let is_it = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(header).then(|| value.trim().to_owned())
        };
        Ok((body, head.lines().find_map(is_it)))
    }
}

/// Status and body. Our server says Content-Length wherever there is a body; what it does not say is not read.
fn read(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding:");
    if is_chunked { None } else { Some((status, body.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        assert_eq!(reachable("0.0.0.0:8080".parse().unwrap()), "127.0.0.1:8080".parse().unwrap());
        assert_eq!(reachable("[::]:8080".parse().unwrap()), "[::1]:8080".parse().unwrap());
        assert_eq!(reachable("192.0.2.1:80".parse().unwrap()), "192.0.2.1:80".parse().unwrap());
    }
}
