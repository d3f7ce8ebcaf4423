//! DNS for carriers that are known by name (RFC 3263): a thread of its own asks, again and again as answers run out, and publishes what it
//! finds. Calls read what is known and never wait.
//!
//! While DNS does not answer, what it said last stays in force.
//!
//! | File | Holds |
//! |---|---|
//! | `message` | questions and answers as bytes |
//! | `stub` | sockets to the servers |

mod message;
mod stub;

use crate::clock::Clock;
use crate::desk::local_towards;
use crate::whereabouts::{Located, Whereabouts};
use domain::Monotonic;
use parking_lot::{Condvar, Mutex};
use sip::endpoint::Transport;
use sip::locating::{Candidate, Found, Search, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use stub::Stub;
use telemetry::Telemetry;

/// Names that are looked up at one time: one that nobody answers for does not hold up the others.
const AT_ONCE: usize = 8;
/// How soon a name is asked for again that nobody answered for.
const RETRY: Duration = Duration::from_secs(5);
/// How long somebody waits at most for the first answers about names that are new.
const FIRST_ANSWER: Duration = Duration::from_secs(3);

/// How DNS is asked.
#[derive(Clone, Debug)]
pub struct DnsSettings {
    /// Whom to ask; those of the machine where there is none.
    pub servers: Vec<SocketAddr>,
    /// How long a server may take.
    pub timeout: Duration,
    /// An answer is good for so long at least.
    pub ttl_min: Duration,
    /// And for so long at most.
    pub ttl_max: Duration,
    /// That there is nothing is good for so long at most.
    pub negative_ttl: Duration,
}

impl Default for DnsSettings {
    fn default() -> Self {
        DnsSettings {
            servers: Vec::new(),
            timeout: Duration::from_secs(1),
            ttl_min: Duration::from_secs(5),
            ttl_max: Duration::from_secs(3_600),
            negative_ttl: Duration::from_secs(30),
        }
    }
}

/// The listeners by which places are reached.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    /// UDP and TCP.
    pub(crate) plain: Vec<SocketAddr>,
    /// TLS.
    pub(crate) tls: Vec<SocketAddr>,
}

impl Ways {
    /// The listener of ours that reaches a place.
    pub(crate) fn local(&self, transport: Transport, addr: SocketAddr) -> Option<SocketAddr> {
        let listeners = if transport.is_secure() { &self.tls } else { &self.plain };
        let listener = listeners.iter().find(|listener| listener.is_ipv4() == addr.is_ipv4())?;
        Some(local_towards(addr, *listener))
    }

    /// What we speak, the preferred first: UDP is what a `sip:` URI means without a word (RFC 3263 4.1).
    fn spoken(&self) -> Vec<Transport> {
        let tls = (!self.tls.is_empty()).then_some(Transport::Tls);
        [Transport::Udp, Transport::Tcp].into_iter().chain(tls).collect()
    }
}

/// What is asked for, and whether it is to go on.
#[derive(Default)]
struct Orders {
    wanted: BTreeSet<Wanted>,
    is_over: bool,
}

struct Shared {
    orders: Mutex<Orders>,
    /// The orders have changed.
    changed: Condvar,
    /// Something was answered, or could not be.
    answered: Condvar,
    /// Names of which one answer, or none, is there: whoever waits for the first waits no longer.
    tried: Mutex<BTreeSet<Wanted>>,
    whereabouts: Arc<Whereabouts>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    settings: DnsSettings,
    ways: Ways,
}

/// The thread that asks DNS.
pub(crate) struct Resolver {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Resolver {
    /// Starts the thread; nothing is wanted yet.
    pub(crate) fn start(
        settings: DnsSettings,
        ways: Ways,
        whereabouts: Arc<Whereabouts>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> std::io::Result<Resolver> {
        let shared = Arc::new(Shared {
            orders: Mutex::default(),
            changed: Condvar::new(),
            answered: Condvar::new(),
            tried: Mutex::default(),
            whereabouts,
            telemetry,
            clock,
            settings,
            ways,
        });
        let thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("dns".to_owned()).spawn(move || thread.run())?;
        Ok(Resolver { shared, thread: Mutex::new(Some(thread)) })
    }

    /// These names are wanted now, and no others. Waits until each was asked for once, at most three seconds. Blocks.
    pub(crate) fn want(&self, wanted: BTreeSet<Wanted>) {
        let shared = &self.shared;
        shared.whereabouts.keep(|name| wanted.contains(name));
        shared.tried.lock().retain(|name| wanted.contains(name));
        shared.orders.lock().wanted.clone_from(&wanted);
        shared.changed.notify_one();
        let until = shared.clock.monotonic() + FIRST_ANSWER;
        let mut tried = shared.tried.lock();
        while !wanted.is_subset(&tried) {
            let left = shared.clock.until(until);
            if left.is_zero() || shared.answered.wait_for(&mut tried, left).timed_out() {
                return;
            }
        }
    }

    /// Ends the thread; a question that is under way is waited for.
    pub(crate) fn stop(&self) {
        self.shared.orders.lock().is_over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn run(&self) {
        // When each name is asked for next.
        let mut due: BTreeMap<Wanted, Monotonic> = BTreeMap::new();
        loop {
            let Some(now_due) = self.wait(&mut due) else { return };
            for some in now_due.chunks(AT_ONCE) {
                let pauses: Vec<(Wanted, Duration)> = std::thread::scope(|scope| {
                    let searches: Vec<_> =
                        some.iter().map(|wanted| (wanted, scope.spawn(|| self.look_up(wanted)))).collect();
                    let pause = |(wanted, search): (&Wanted, std::thread::ScopedJoinHandle<'_, Duration>)| {
                        (wanted.clone(), search.join().unwrap_or(RETRY))
                    };
                    searches.into_iter().map(pause).collect()
                });
                let now = self.clock.monotonic();
                due.extend(pauses.into_iter().map(|(wanted, pause)| (wanted, now + pause)));
                self.tried.lock().extend(some.iter().cloned());
                self.answered.notify_all();
            }
        }
    }

    /// Waits until something is due, and says what; none where it is over.
    fn wait(&self, due: &mut BTreeMap<Wanted, Monotonic>) -> Option<Vec<Wanted>> {
        let mut orders = self.orders.lock();
        loop {
            if orders.is_over {
                return None;
            }
            due.retain(|wanted, _| orders.wanted.contains(wanted));
            let now = self.clock.monotonic();
            let is_due = |wanted: &&Wanted| due.get(*wanted).is_none_or(|at| *at <= now);
            let ready: Vec<Wanted> = orders.wanted.iter().filter(is_due).cloned().collect();
            if !ready.is_empty() {
                return Some(ready);
            }
            match due.values().min() {
                Some(at) => drop(self.changed.wait_for(&mut orders, self.clock.until(*at))),
                None => self.changed.wait(&mut orders),
            }
        }
    }

    /// Asks for one name, and publishes the answer; how long it is good.
    fn look_up(&self, wanted: &Wanted) -> Duration {
        let DnsSettings { servers, timeout, ttl_min, ttl_max, negative_ttl } = &self.settings;
        let servers = if servers.is_empty() { stub::system_servers() } else { servers.clone() };
        let stub = Stub { servers, timeout: *timeout, telemetry: &self.telemetry };
        let mut search = Search::new(wanted.clone(), self.ways.spoken());
        while let Some(question) = search.question() {
            let answer = stub.answer(question);
            search.hear(answer);
        }
        let Some(Found { candidates, ttl }) = search.finish() else {
            let is_known = self.whereabouts.knows(wanted);
            let stays = if is_known { "; what it said last stays in force" } else { "" };
            tracing::warn!(target: "tandem::dns", host = &*wanted.host, "DNS does not answer about a carrier{stays}");
            return RETRY;
        };
        let is_nothing = candidates.is_empty();
        let reach = |candidate: Candidate| {
            Some(Located { candidate, local: self.ways.local(candidate.transport, candidate.addr)? })
        };
        let located: Vec<Located> = candidates.into_iter().filter_map(reach).collect();
        if located.is_empty() {
            let why = if is_nothing { "there is no such server" } else { "no listener of ours reaches what it says" };
            tracing::warn!(target: "tandem::dns", host = &*wanted.host, "DNS names no place of a carrier: {why}");
        }
        self.whereabouts.publish(wanted, located);
        let most = if is_nothing { *negative_ttl } else { *ttl_max };
        ttl.unwrap_or(most).min(most).max(*ttl_min)
    }
}
