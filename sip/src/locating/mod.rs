//! Where a SIP server is (RFC 3263): which questions DNS is to be asked, and the order in which its answers are tried (RFC 2782).
//!
//! Nobody is asked here, and nothing is remembered: a [`Search`] gives questions and takes answers.
//!
//! | File | Holds |
//! |---|---|
//! | `order` | candidates in the order of one attempt |

mod order;

pub use order::in_order;

use crate::endpoint::Transport;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// NAPTR and SRV records of one answer that count, at most.
const RECORDS_MAX: usize = 16;
/// Addresses of one host that count, at most.
const ADDRESSES_MAX: usize = 8;
/// Candidates of a search at most; those behind are never tried.
pub const CANDIDATES_MAX: usize = 32;
/// Questions of a search at most: three services, and the hosts of their servers.
const QUESTIONS_MAX: usize = 64;

/// What is to be found: the parts of a URI that say where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wanted {
    /// A domain, a host name, or an address.
    pub host: Arc<str>,
    /// The port, where it is said.
    pub port: Option<u16>,
    /// The transport, where it is said; otherwise DNS does.
    pub transport: Option<Transport>,
}

/// What DNS is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Which services a domain has (RFC 3403).
    Naptr(Arc<str>),
    /// Which servers a service has: `_sip._udp.example.net` (RFC 2782).
    Srv(Arc<str>),
    /// Which addresses a host has, of both families.
    Addresses(Arc<str>),
}

/// A NAPTR record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// The lowest first.
    pub order: u16,
    /// The lowest first, of one order.
    pub preference: u16,
    /// `s` where the replacement is a service.
    pub flags: String,
    /// `SIP+D2U`.
    pub service: String,
    /// `_sip._udp.example.net`, with or without a dot at its end.
    pub replacement: String,
}

/// A SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// The lowest first.
    pub priority: u16,
    /// The share, of one priority.
    pub weight: u16,
    /// Where it listens.
    pub port: u16,
    /// Which host; `.` where there decidedly is none.
    pub target: String,
}

/// What DNS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// To [`Question::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Question::Srv`].
    Srv(Vec<Srv>),
    /// To [`Question::Addresses`].
    Addresses(Vec<IpAddr>),
}

/// How a question was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These records, at least one, for so long.
    Found(Records, Duration),
    /// There are none; good for so long, where DNS said (RFC 2308).
    Nothing(Option<Duration>),
    /// Nobody answered, or with a failure.
    Failed,
}

/// A place where the server may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Over what.
    pub transport: Transport,
    /// Where.
    pub addr: SocketAddr,
    /// The place of its service: all of a lower one are tried before.
    pub rank: u16,
    /// Of its SRV record; 0 where there was none.
    pub priority: u16,
    /// Of its SRV record; 0 where there was none.
    pub weight: u16,
    /// Of which SRV record it is, counted over the search: addresses of one host share its weight.
    pub server: u16,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In the order of the answers, at most [`CANDIDATES_MAX`]; empty where there decidedly is no server.
    pub candidates: Vec<Candidate>,
    /// For how long it is good; none where nobody said.
    pub ttl: Option<Duration>,
}

/// A search for a server.
#[derive(Debug)]
pub struct Search {
    wanted: Wanted,
    /// What we speak, the dearest first (RFC 3263 4.1 leaves the choice to us where DNS does not say).
    spoken: Vec<Transport>,
    open: VecDeque<Ask>,
    asked: usize,
    servers: u16,
    candidates: Vec<Candidate>,
    ttl: Option<Duration>,
    has_failed: bool,
    /// Whether the host itself was asked for, for want of services.
    was_plain: bool,
    /// Whether a service said that there decidedly is no server.
    is_denied: bool,
}

/// A question, and what its answer is about.
#[derive(Debug)]
struct Ask {
    question: Question,
    about: About,
}

#[derive(Clone, Copy, Debug)]
struct About {
    transport: Transport,
    rank: u16,
    priority: u16,
    weight: u16,
    port: u16,
    server: u16,
}

impl Search {
    /// A search by one who speaks these transports, the preferred ones first.
    pub fn new(wanted: Wanted, spoken: Vec<Transport>) -> Search {
        let mut search = Search {
            wanted,
            spoken,
            open: VecDeque::new(),
            asked: 0,
            servers: 0,
            candidates: Vec::new(),
            ttl: None,
            has_failed: false,
            was_plain: false,
            is_denied: false,
        };
        search.begin();
        search
    }

    /// RFC 3263 4.1 and 4.2.
    fn begin(&mut self) {
        let Wanted { host, port, transport } = self.wanted.clone();
        let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        match (literal, port, transport) {
            (Some(ip), ..) => {
                let about = self.plainly();
                self.add(ip, about);
            }
            (None, Some(_), _) => self.ask_plainly(),
            (None, None, Some(transport)) => self.ask_service(transport, 0),
            (None, None, None) => {
                let about = self.plainly();
                self.open.push_back(Ask { question: Question::Naptr(host), about });
            }
        }
    }

    /// The host itself, by what was said or is usual.
    fn plainly(&self) -> About {
        let transport = self.wanted.transport.unwrap_or(Transport::Udp);
        let port = self.wanted.port.unwrap_or(usual_port(transport));
        About { transport, rank: 0, priority: 0, weight: 0, port, server: 0 }
    }

    fn ask_plainly(&mut self) {
        self.was_plain = true;
        let (question, about) = (Question::Addresses(Arc::clone(&self.wanted.host)), self.plainly());
        self.open.push_back(Ask { question, about });
    }

    fn ask_service(&mut self, transport: Transport, rank: u16) {
        let service = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
            Transport::Tls => "_sips._tcp",
            // Nobody is found so: browsers listen nowhere (RFC 7118 5).
            Transport::Ws | Transport::Wss => return,
        };
        let question = Question::Srv(format!("{service}.{}", self.wanted.host).into());
        self.open.push_back(Ask { question, about: About { transport, rank, ..self.plainly() } });
    }

    /// The next question, to be answered by [`Search::hear`]; none where all is known.
    pub fn question(&mut self) -> Option<&Question> {
        if self.open.is_empty() {
            self.fall_back();
        }
        if self.asked >= QUESTIONS_MAX || self.candidates.len() >= CANDIDATES_MAX {
            return None;
        }
        self.open.front().map(|ask| &ask.question)
    }

    /// Where no service is known, the host itself is meant (RFC 3263 4.2).
    fn fall_back(&mut self) {
        if self.candidates.is_empty() && !self.was_plain && !self.is_denied && !self.has_failed {
            let is_literal = self.wanted.host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
            if !is_literal {
                self.ask_plainly();
            }
        }
    }

    /// The answer to the question that was given last.
    pub fn hear(&mut self, answer: Answer) {
        let Some(Ask { question, about }) = self.open.pop_front() else { return };
        self.asked += 1;
        let (records, ttl) = match answer {
            Answer::Found(records, ttl) => (Some(records), Some(ttl)),
            Answer::Nothing(ttl) => (None, ttl),
            Answer::Failed => {
                self.has_failed = true;
                (None, None)
            }
        };
        if let Some(ttl) = ttl {
            self.ttl = Some(self.ttl.map_or(ttl, |least| least.min(ttl)));
        }
        match (question, records) {
            (Question::Naptr(_), Some(Records::Naptr(records))) => self.on_naptr(records),
            // No word about transports: every one that we speak is asked for (RFC 3263 4.1).
            (Question::Naptr(_), _) => self.ask_every_service(),
            (Question::Srv(_), Some(Records::Srv(records))) => self.on_srv(records, about),
            (Question::Addresses(_), Some(Records::Addresses(addresses))) => {
                addresses.into_iter().take(ADDRESSES_MAX).for_each(|ip| self.add(ip, about));
            }
            _ => {}
        }
    }

    fn ask_every_service(&mut self) {
        for (rank, transport) in (0..).zip(self.spoken.clone()) {
            self.ask_service(transport, rank);
        }
    }

    fn on_naptr(&mut self, mut records: Vec<Naptr>) {
        records.sort_by_key(|record| (record.order, record.preference));
        records.truncate(RECORDS_MAX);
        let ours = records.iter().filter_map(|record| {
            let transport = match record.service.to_ascii_uppercase().as_str() {
                "SIP+D2U" => Transport::Udp,
                "SIP+D2T" => Transport::Tcp,
                "SIPS+D2T" => Transport::Tls,
                _ => return None,
            };
            let is_usable = record.flags.eq_ignore_ascii_case("s") && self.spoken.contains(&transport);
            is_usable.then(|| (transport, Arc::from(record.replacement.trim_end_matches('.'))))
        });
        let ours: Vec<(Transport, Arc<str>)> = ours.collect();
        if ours.is_empty() {
            return self.ask_every_service();
        }
        for (rank, (transport, service)) in (0..).zip(ours) {
            let about = About { transport, rank, ..self.plainly() };
            self.open.push_back(Ask { question: Question::Srv(service), about });
        }
    }

    fn on_srv(&mut self, mut records: Vec<Srv>, about: About) {
        // RFC 2782: one record with the target "." says that there is no such service.
        if let [Srv { target, .. }] = &records[..]
            && target.trim_end_matches('.').is_empty()
        {
            self.is_denied = true;
            return;
        }
        records.sort_by_key(|record| record.priority);
        for Srv { priority, weight, port, target } in records.into_iter().take(RECORDS_MAX) {
            self.servers = self.servers.saturating_add(1);
            let about = About { priority, weight, port, server: self.servers, ..about };
            let question = Question::Addresses(target.trim_end_matches('.').into());
            self.open.push_back(Ask { question, about });
        }
    }

    fn add(&mut self, ip: IpAddr, about: About) {
        let About { transport, rank, priority, weight, port, server } = about;
        let candidate = Candidate { transport, addr: SocketAddr::new(ip, port), rank, priority, weight, server };
        if self.candidates.len() < CANDIDATES_MAX {
            self.candidates.push(candidate);
        }
    }

    /// What was found; none where DNS could not be asked, so that what was known before is still the best there is.
    pub fn finish(self) -> Option<Found> {
        if self.candidates.is_empty() && self.has_failed {
            return None;
        }
        Some(Found { candidates: self.candidates, ttl: self.ttl })
    }
}

const fn usual_port(transport: Transport) -> u16 {
    transport.default_port()
}

#[cfg(test)]
mod tests;
