//! HTTP/1.1 over a plain socket, JSON both ways: as much as a client of one API needs.
//!
//! Which paths there are is the parent's.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Where the API begins.
const BASE: &str = "/api/v1";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer at most.
const ANSWER_MAX: u64 = 64 << 20;
/// The characters of a refusal that are shown.
const REFUSAL_CHARS: usize = 500;

/// A server, and the token for it.
pub(super) struct Http {
    host: String,
    address: SocketAddr,
    token: String,
}

impl Http {
    /// A client of `http://HOST:PORT`.
    pub(super) fn new(url: &str, token: &str) -> Result<Http, String> {
        let wrong = |why: &str| format!("--tandem-api {url}: {why}; expected http://HOST:PORT");
        let host = url.strip_prefix("http://").ok_or_else(|| wrong("no http:// in front"))?;
        let host = host.trim_end_matches('/').trim_end_matches(BASE);
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let address = host.to_socket_addrs().map_err(|error| wrong(&error.to_string()))?.next();
        Ok(Http { address: address.ok_or_else(|| wrong("the name has no address"))?, host, token: token.to_owned() })
    }

    /// Reads one thing.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        self.ask("GET", path, None, None)
    }

    /// Makes or does something; what moves money with a key.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, key: Option<&str>) -> Result<T, String> {
        self.ask("POST", path, Some(body), key)
    }

    /// Takes something away.
    pub(super) fn delete(&self, path: &str) -> Result<(), String> {
        self.exchange("DELETE", &format!("{BASE}{path}"), None, None).map(drop)
    }

    /// A page outside the API.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        self.exchange("GET", path, None, None)
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<T, String> {
        let text = self.exchange(method, &format!("{BASE}{path}"), body, key)?;
        serde_json::from_str(&text).map_err(|error| format!("{method} {path} was answered with other JSON: {error}"))
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>, key: Option<&str>) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("{method} {path} at {}: {error}", self.host);
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        let content = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{content}{key}\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut answer = Vec::new();
        stream.take(ANSWER_MAX).read_to_end(&mut answer).map_err(failed)?;
        let answer = String::from_utf8_lossy(&answer);
        let Some((status, body)) = read(&answer) else {
            return Err(format!("{method} {path}: the answer is no HTTP that this client reads"));
        };
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let said: String = body.chars().take(REFUSAL_CHARS).collect();
        Err(format!("{method} {path} was answered {status}: {said}"))
    }
}

/// Status and body, whole or in chunks.
fn read(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Some((status, if is_chunked { joined(body)? } else { body.to_owned() }))
}

/// Chunks put together (RFC 9112 7.1).
fn joined(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, rest) = chunks.split_once("\r\n")?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(rest.get(..size)?);
        chunks = rest.get(size..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_in_chunks() {
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n"), Some((204, String::new())));
        assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), Some((200, "{}".to_owned())));
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read(chunked), Some((200, "abc0123456789".to_owned())));
        assert_eq!(read("nonsense"), None);
    }

    #[test]
    fn an_address_that_is_no_url_is_refused_with_the_right_form() {
        let said = Http::new("127.0.0.1:8080", "t").err().unwrap();
        assert!(said.contains("expected http://HOST:PORT"), "{said}");
        assert_eq!(Http::new("http://127.0.0.1:8080/api/v1", "t").unwrap().address.port(), 8_080);
    }
}
