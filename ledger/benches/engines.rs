//! What the engines do, side by side in one run: ticks a second, and how long the answer to one takes (p50, p99, the longest), one at a
//! time and with many calls' ticks under way. sqlite, and a real Redis whose append-only file is synced every second, and always.
//!
//! A tick is what a talking call posts each increment: a capture, a hold, a longer lease of its channel. With Redis its intent is on
//! the node's disk before it is sent, so the time of an answer has the wait for the journal's group in it (`ledger.group_ms`).
//!
//! `cargo bench -p ledger --bench engines`; `TICKS` is how many each row posts with many under way (default 40000), `GROUP_MS` the group (20).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use clerk::server::RedisServer;
use clerk::{batch, channels, endow, hold, is_applied, order, profile, tick};
use domain::credit::{Batch, Durability, Outcome};
use ledger::redis::RedisLedger;
use ledger::sqlite::{Settings, SqliteLedger};
use ledger::{Error, Ledger};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Calls whose ticks are under way at one time.
const CALLS: u128 = 1_000;
/// Ticks that are posted one after the other.
const ALONE: usize = 300;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn settings(folder: &Path) -> Settings {
    let group_ms = number("GROUP_MS", 20) as u64;
    Settings { group_after: Duration::from_millis(group_ms), ..Settings::new(folder.join("ledger.db")) }
}

fn main() {
    println!("a tick = capture, hold, extend; {CALLS} calls, groups of {} ms", number("GROUP_MS", 20));
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite: Box<dyn Ledger> = Box::new(SqliteLedger::open(settings(folder.path())).expect("a ledger"));
    measure("sqlite", &*sqlite);
    for (name, fsync) in [("Redis, AOF everysec", "everysec"), ("Redis, AOF always", "always")] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", fsync]);
        measure(name, &redis(&server, folder.path()).expect("a ledger"));
    }
}

fn redis(server: &RedisServer, folder: &Path) -> Result<RedisLedger, Error> {
    RedisLedger::open(ledger::redis::Settings::new(settings(folder), server.server()))
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

fn measure(name: &str, ledger: &dyn Ledger) {
    let ticks = number("TICKS", 40_000);
    endow(ledger, 1 << 40, 1 << 20);
    for call in 1..=CALLS {
        let begin = vec![hold(call, 0, channels(), 1), hold(call, 1, profile(), 1)];
        assert!(is_applied(&order_softly(ledger, batch(call, 0, begin))));
    }
    let (tell, told) = sync_channel(CALLS as usize);
    let mut alone = Vec::with_capacity(ALONE);
    for sequence in 1..=ALONE as u32 {
        submit(ledger, 1, sequence, &tell);
        alone.push(heard(&told).2);
    }
    show(name, "one at a time", &mut alone, None);
    let mut many = Vec::with_capacity(ticks);
    let began = now();
    for call in 2..=CALLS {
        submit(ledger, call, 1, &tell);
    }
    for _ in 0..ticks {
        let (call, sequence, took) = heard(&told);
        many.push(took);
        submit(ledger, call, sequence + 1, &tell);
    }
    let took = began.elapsed();
    for _ in 2..=CALLS {
        heard(&told);
    }
    show(name, "many under way", &mut many, Some(took));
    ledger.flush().expect("a healthy ledger");
}

/// As an order, which the queue may have no room for.
fn order_softly(ledger: &dyn Ledger, wanted: Batch) -> Outcome {
    clerk::tell(ledger, wanted.clone());
    match order(ledger, wanted) {
        Outcome::Replayed(first) => *first,
        outcome => outcome,
    }
}

type Heard = (u128, u32, Duration);

fn submit(ledger: &dyn Ledger, call: u128, sequence: u32, tell: &SyncSender<Heard>) {
    let (tell, began) = (tell.clone(), now());
    ledger.submit(
        tick(call, sequence),
        Durability::WithNextGroup,
        Box::new(move |outcome| {
            assert!(is_applied(&outcome), "{outcome:?}");
            tell.send((call, sequence, began.elapsed())).unwrap();
        }),
    );
}

fn heard(told: &Receiver<Heard>) -> Heard {
    told.recv_timeout(Duration::from_secs(60)).expect("the ledger answers")
}

fn show(name: &str, how: &str, times: &mut [Duration], took: Option<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_micros();
    let rate = took.map_or(String::new(), |took| {
        format!("{} ticks/s, ", times.len() as u128 * 1_000_000 / took.as_micros().max(1))
    });
    println!("{name}, {how}: {rate}p50 {} us, p99 {} us, longest {} us", at(50), at(99), at(100));
}
