//! A stub resolver: asks the servers of this node one after the other, over UDP and, where an answer does not fit, TCP. It blocks.
//!
//! Nothing is remembered here; which questions to ask is `sip::locating`'s.

use super::message::{Kind, Record, Reply, UDP_BYTES_MAX, question, read};
use crate::chance;
use sip::locating::{Answer, Question, Records};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;
use telemetry::Telemetry;
use telemetry::labels::{DnsKind, DnsOutcome};

/// How often each server is asked before a question has failed.
const ROUNDS: usize = 2;
/// Servers at most (resolv.conf(5)).
const SERVERS_MAX: usize = 3;
/// Where they are named.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Names that need no DNS.
const HOSTS: &str = "/etc/hosts";
/// The port of DNS.
const PORT: u16 = 53;
/// For how long what stands in a file is good.
const FILE_TTL: Duration = Duration::from_secs(60);
/// Answers to others' questions that are passed over while waiting for ours.
const STRAYS_MAX: usize = 8;

/// Whom to ask, and how long to wait.
#[derive(Clone, Debug)]
pub(super) struct Stub<'a> {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) timeout: Duration,
    pub(super) telemetry: &'a Telemetry,
}

/// The servers that this machine is told to ask.
pub(super) fn system_servers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    named_servers(&text)
}

fn named_servers(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok());
    let servers: Vec<SocketAddr> = named.take(SERVERS_MAX).map(|ip| SocketAddr::new(ip, PORT)).collect();
    // resolv.conf(5): without any the one of this machine is meant.
    if servers.is_empty() { vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))] } else { servers }
}

/// The addresses of a host in a file of hosts (hosts(5)).
fn in_hosts(text: &str, host: &str) -> Vec<IpAddr> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let named = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let ip = words.next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(ip)
    });
    named.collect()
}

impl Stub<'_> {
    /// Answers a question; where both families of addresses are asked for, one of them is enough.
    pub(super) fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Naptr(name) => self.ask(name, Kind::Naptr),
            Question::Srv(name) => self.ask(name, Kind::Srv),
            Question::Addresses(name) => self.addresses(name),
        }
    }

    fn addresses(&self, name: &str) -> Answer {
        let hosts = std::fs::read_to_string(HOSTS).unwrap_or_default();
        let known = in_hosts(&hosts, name.trim_end_matches('.'));
        if !known.is_empty() {
            return Answer::Found(Records::Addresses(known), FILE_TTL);
        }
        match (self.ask(name, Kind::A), self.ask(name, Kind::Aaaa)) {
            (Answer::Found(Records::Addresses(mut four), ttl), Answer::Found(Records::Addresses(six), other)) => {
                four.extend(six);
                Answer::Found(Records::Addresses(four), ttl.min(other))
            }
            (found @ Answer::Found(..), _) | (_, found @ Answer::Found(..)) => found,
            (Answer::Failed, _) | (_, Answer::Failed) => Answer::Failed,
            (nothing, _) => nothing,
        }
    }

    fn ask(&self, name: &str, kind: Kind) -> Answer {
        let label = match kind {
            Kind::A => DnsKind::A,
            Kind::Aaaa => DnsKind::Aaaa,
            Kind::Srv => DnsKind::Srv,
            Kind::Naptr => DnsKind::Naptr,
        };
        let mut outcome = DnsOutcome::Timeout;
        for _ in 0..ROUNDS {
            for server in &self.servers {
                let answer = match self.ask_server(*server, name, kind) {
                    Ok(Reply::Found(records, ttl)) => Some((DnsOutcome::Ok, found(records, ttl))),
                    Ok(Reply::Nothing(ttl)) => Some((DnsOutcome::Nxdomain, Answer::Nothing(ttl))),
                    Ok(Reply::Failed | Reply::Truncated) => {
                        outcome = DnsOutcome::Error;
                        None
                    }
                    Err(error) => {
                        let is_late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                        outcome = if is_late { DnsOutcome::Timeout } else { DnsOutcome::Error };
                        None
                    }
                };
                if let Some((outcome, answer)) = answer {
                    self.telemetry.count_dns_query(label, outcome);
                    return answer;
                }
            }
        }
        self.telemetry.count_dns_query(label, outcome);
        Answer::Failed
    }

    /// A port of chance and a number of chance, and nobody heard but the server (RFC 5452 9).
    fn ask_server(&self, server: SocketAddr, name: &str, kind: Kind) -> io::Result<Reply> {
        let mut id = [0; 2];
        chance::fill(&mut id)?;
        let id = u16::from_be_bytes(id);
        let Some(asked) = question(id, name, kind) else { return Ok(Reply::Nothing(None)) };
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(self.timeout))?;
        socket.send(&asked)?;
        let mut bytes = [0; UDP_BYTES_MAX];
        for _ in 0..STRAYS_MAX {
            let length = socket.recv(&mut bytes)?;
            match read(&bytes[..length], id, name, kind) {
                Some(Reply::Truncated) => return self.ask_over_tcp(server, &asked, id, name, kind),
                Some(reply) => return Ok(reply),
                None => {}
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// RFC 7766 8: each message behind its length.
    fn ask_over_tcp(&self, server: SocketAddr, asked: &[u8], id: u16, name: &str, kind: Kind) -> io::Result<Reply> {
        let mut stream = TcpStream::connect_timeout(&server, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        let length = u16::try_from(asked.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        stream.write_all(&[&length.to_be_bytes()[..], asked].concat())?;
        let mut head = [0; 2];
        stream.read_exact(&mut head)?;
        let mut bytes = vec![0; u16::from_be_bytes(head).into()];
        stream.read_exact(&mut bytes)?;
        Ok(read(&bytes, id, name, kind).unwrap_or(Reply::Failed))
    }
}

fn found(records: Vec<Record>, ttl: Duration) -> Answer {
    let (mut addresses, mut srv, mut naptr) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        match record {
            Record::Address(ip) => addresses.push(ip),
            Record::Srv(record) => srv.push(record),
            Record::Naptr(record) => naptr.push(record),
        }
    }
    let records = match (srv.is_empty(), naptr.is_empty()) {
        (false, _) => Records::Srv(srv),
        (true, false) => Records::Naptr(naptr),
        (true, true) => Records::Addresses(addresses),
    };
    Answer::Found(records, ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_the_machine_are_read_and_itself_where_it_names_none() {
        let text = "# mine\nsearch example.net\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions ndots:1\n";
        let named: Vec<String> = named_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(named, ["192.0.2.53:53", "[2001:db8::53]:53"]);
        assert_eq!(named_servers("nameserver nowhere\n"), ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!(named_servers(&"nameserver 192.0.2.53\n".repeat(9)).len(), SERVERS_MAX);
    }

    #[test]
    fn a_file_of_hosts_is_read_by_every_name_of_a_line() {
        let text = "127.0.0.1 localhost # not this\n192.0.2.7 carrier.example Carrier\n2001:db8::7 carrier\n#192.0.2.8 carrier\n";
        assert_eq!(in_hosts(text, "CARRIER"), ["192.0.2.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]);
        assert!(in_hosts(text, "this").is_empty() && in_hosts(text, "car").is_empty());
    }
}
