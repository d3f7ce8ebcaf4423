//! `tandem healthcheck`: asks a running switch at `/readyz` whether it takes calls, for container engines and service managers.
//!
//! What makes a switch ready is `backoffice`'s; an image without a shell has no other program that could ask.

use crate::client::reachable;
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// How long the switch may take to accept the question, and then to answer it. Engines ask every 10 to 30 s.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of the answer that are read; it is about 200 long.
const ANSWER_MAX: u64 = 16_384;

/// Asks and says what it heard. 0 where the switch takes calls, 1 where it does not or does not answer.
pub(crate) fn run(settings: &config::Settings) -> ExitCode {
    let address = reachable(settings.http.listen);
    match ask(address, PATIENCE) {
        Ok(answer) if answer.is_ready => {
            crate::print_all(&answer.body);
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            eprintln!("the switch at {address} takes no calls: {}", answer.body);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the switch at {address} does not answer: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Answer {
    is_ready: bool,
    body: String,
}

fn ask(address: SocketAddr, patience: Duration) -> Result<Answer, Error> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    match status {
        Some(status) => Ok(Answer { is_ready: status == "200", body: body.trim().to_owned() }),
        None => Err(Error::new(ErrorKind::InvalidData, "what listens there does not speak HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Somebody who answers one question with these bytes, and where.
    fn answering(bytes: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            assert!(asked.starts_with(b"GET /readyz HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&asked));
            stream.write_all(bytes).unwrap();
        });
        address
    }

    #[test]
    fn a_switch_that_takes_calls_is_healthy() {
        let address = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"ready\":true}");
        let answer = ask(address, PATIENCE).unwrap();
        assert!(answer.is_ready);
        assert_eq!(answer.body, "{\"ready\":true}");
    }

    #[test]
    fn a_switch_that_drains_is_not_and_says_why() {
        let body = b"HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false,\"not_ready_because\":[\"draining\"]}";
        let answer = ask(answering(body), PATIENCE).unwrap();
        assert!(!answer.is_ready);
        assert!(answer.body.contains("draining"));
    }

    #[test]
    fn silence_another_protocol_and_a_closed_port_are_faults() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let waited = ask(silent.local_addr().unwrap(), Duration::from_millis(50));
        assert!(matches!(waited.err().unwrap().kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        assert_eq!(ask(answering(b"SSH-2.0-x\r\n"), PATIENCE).err().unwrap().kind(), ErrorKind::InvalidData);
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(ask(closed, PATIENCE).err().unwrap().kind(), ErrorKind::ConnectionRefused);
    }
}
