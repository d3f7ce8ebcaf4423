//! What a batch costs, in groups and alone, in one run: batches a second flat out, and microseconds of CPU (user and system, all
//! threads, writer included) a batch, also at the pace of 200 calls/s of four batches each.
//!
//! The paced parts sleep between batches, so they pay for cold caches and wake-ups as a switch at that pace does; what the waking
//! alone costs is measured beside them. CPU is told for the writer and for the callers.
//!
//! `cargo bench -p ledger`; `SECONDS` is the length of each paced part (default 5).

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use domain::credit::{Account, Batch, BatchId, Code, Durability, HoldId, Holder, Kind, Memo, Outcome, Transfer, Unit};
use domain::{CompanyId, Currency, ProfileId, Wall};
use ledger::Ledger;
use ledger::sqlite::{Group, Settings, SqliteLedger};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Batches of one call: hold; answer; one tick; end.
const BATCHES_PER_CALL: u64 = 4;
const PROFILES: u128 = 200;

fn main() {
    let seconds: u64 = std::env::var("SECONDS").map_or(5, |text| text.parse().expect("SECONDS is a number"));
    println!("a call = {BATCHES_PER_CALL} batches (hold, answer, tick, end) with two memos of 300 and 600 bytes");
    paced("groups of 5 ms, 200 calls/s", quicker, Durability::WithNextGroup, 200, seconds);
    paced("groups of 20 ms, 200 calls/s", slower, Durability::WithNextGroup, 200, seconds);
    paced("one commit a batch, 200 calls/s", alone, Durability::BeforeAnswer, 200, seconds);
    flat_out("groups, flat out", Settings::new, Durability::WithNextGroup, 50_000);
    flat_out("one commit a batch, flat out", alone, Durability::BeforeAnswer, 1_000);
}

fn quicker(path: std::path::PathBuf) -> Settings {
    Settings { group_after: Duration::from_millis(5), ..Settings::new(path) }
}

fn slower(path: std::path::PathBuf) -> Settings {
    Settings { group_after: Duration::from_millis(20), ..Settings::new(path) }
}

fn alone(path: std::path::PathBuf) -> Settings {
    Settings { group_batches: 1, ..Settings::new(path) }
}

struct Bench {
    ledger: SqliteLedger,
    groups: Arc<Mutex<Vec<Group>>>,
    folder: tempfile::TempDir,
}

fn bench(settings: impl Fn(std::path::PathBuf) -> Settings) -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let groups = Arc::new(Mutex::new(Vec::new()));
    let heard = groups.clone();
    let began = now();
    let settings = Settings {
        clock: Some(Arc::new(move || domain::Monotonic::from_micros(now().duration_since(began).as_micros() as u64))),
        on_group: Some(Arc::new(move |group| heard.lock().expect("no panic").push(group))),
        ..settings(folder.path().join("ledger.db"))
    };
    let ledger = SqliteLedger::open(settings).expect("a ledger");
    for profile in 0..PROFILES {
        let transfers = vec![
            post(account(Holder::World, money()), payer(profile), 1_000_000_000_000),
            post(account(Holder::World, Unit::Channels), channel(profile), 1_000_000),
        ];
        post_and_wait(&ledger, batch(profile, 0, transfers, None), Durability::BeforeAnswer);
    }
    groups.lock().expect("no panic").clear();
    Bench { ledger, groups, folder }
}

fn paced(
    name: &str,
    settings: impl Fn(std::path::PathBuf) -> Settings,
    durability: Durability,
    calls_per_second: u64,
    seconds: u64,
) {
    let bench = bench(settings);
    let cpu = cpu_now();
    let began = now();
    let total = calls_per_second * seconds * BATCHES_PER_CALL;
    for number in 0..total {
        let due = Duration::from_micros(number * 1_000_000 / (calls_per_second * BATCHES_PER_CALL));
        if let Some(wait) = due.checked_sub(began.elapsed()) {
            std::thread::sleep(wait);
        }
        // Calls overlap: each takes its next step 40 calls later.
        let (call, step) = (number / BATCHES_PER_CALL, number % BATCHES_PER_CALL);
        if let Some(call) = call.checked_sub(step * 40) {
            post_and_wait(&bench.ledger, step_of(call, step), durability);
        }
    }
    bench.ledger.flush().expect("a healthy ledger");
    report(name, &bench, total, began.elapsed(), cpu_now().since(cpu));
    pacing(total, calls_per_second * BATCHES_PER_CALL);
}

/// What the pacing itself costs, so that it can be taken off.
fn pacing(total: u64, per_second: u64) {
    let cpu = cpu_now();
    let began = now();
    for number in 0..total {
        let due = Duration::from_micros(number * 1_000_000 / per_second);
        if let Some(wait) = due.checked_sub(began.elapsed()) {
            std::thread::sleep(wait);
        }
    }
    let spent = cpu_now().since(cpu).callers;
    println!("    of which the pacing (timers alone): {} us a call", spent * BATCHES_PER_CALL / total);
}

fn flat_out(name: &str, settings: impl Fn(std::path::PathBuf) -> Settings, durability: Durability, calls: u64) {
    let bench = bench(settings);
    let cpu = cpu_now();
    let began = now();
    for call in 0..calls {
        for step in 0..BATCHES_PER_CALL {
            // A full queue says so, and the caller comes back: here as soon as the disk has caught up.
            while post_and_wait(&bench.ledger, step_of(call, step), durability) == Outcome::Unavailable {
                bench.ledger.flush().expect("a healthy ledger");
            }
        }
    }
    bench.ledger.flush().expect("a healthy ledger");
    report(name, &bench, calls * BATCHES_PER_CALL, began.elapsed(), cpu_now().since(cpu));
    let Bench { ledger, folder, .. } = bench;
    ledger.abandon();
    let began = now();
    let ledger = SqliteLedger::open(Settings::new(folder.path().join("ledger.db"))).expect("a ledger");
    println!(
        "    a start after a crash with these {} batches: {} ms",
        ledger.totals().applied,
        began.elapsed().as_millis()
    );
}

fn report(name: &str, bench: &Bench, batches: u64, took: Duration, cpu: Cpu) {
    let mut groups = bench.groups.lock().expect("no panic").clone();
    groups.sort_by_key(|group| group.took);
    let at = |percent: usize| groups.get(groups.len() * percent / 100).map_or(0, |group| group.took.as_micros());
    println!(
        "{name}: {batches} batches in {} ms = {} batches/s; CPU a call: writer {} us, callers {} us; {} groups, commit p50 {} us, p99 {} us",
        took.as_millis(),
        u128::from(batches) * 1_000_000 / took.as_micros().max(1),
        cpu.writer * BATCHES_PER_CALL / batches,
        cpu.callers * BATCHES_PER_CALL / batches,
        groups.len(),
        at(50),
        at(99),
    );
    let audit = bench.ledger.verify().expect("a readable journal");
    assert!(audit.is_clean(), "{audit}");
}

fn step_of(call: u64, step: u64) -> Batch {
    let subject = u128::from(1_000_000_000_000 + call) << 80 | 0x7 << 76 | 0b10 << 62 | u128::from(call);
    let profile = u128::from(call) % PROFILES;
    let name = |number| HoldId { subject, number };
    let hold = |number, debit: Account, amount| {
        let holder = if debit.unit == Unit::Channels { Holder::World } else { Holder::Revenue };
        let kind = Kind::Hold {
            hold: name(number),
            debit,
            credit: Account { holder, ..debit },
            amount,
            until: Wall::from_unix_seconds(60),
        };
        Transfer { kind, code: Code::CallCharge }
    };
    let other = |kind| Transfer { kind, code: Code::CallCharge };
    let tick = |paid: u32, next: u32| {
        vec![
            other(Kind::Capture { hold: name(paid), amount: 10_000 }),
            hold(next, payer(profile), 10_000),
            other(Kind::Extend { hold: name(0), until: Wall::from_unix_seconds(120) }),
        ]
    };
    let text = |bytes: usize| -> Arc<str> { "x".repeat(bytes).into() };
    let (transfers, memo) = match step {
        0 => (vec![hold(0, channel(profile), 1), hold(30, payer(profile), 10_000)], Some(Memo::CallOpened(text(300)))),
        1 => (tick(30, 36), None),
        2 => (tick(36, 42), None),
        _ => (
            vec![other(Kind::Release { hold: name(42) }), other(Kind::Release { hold: name(0) })],
            Some(Memo::CallEnded(text(600))),
        ),
    };
    batch(subject, step, transfers, memo)
}

fn post_and_wait(ledger: &SqliteLedger, batch: Batch, durability: Durability) -> Outcome {
    let (tell, told) = sync_channel(1);
    ledger.submit(batch, durability, Box::new(move |outcome| drop(tell.send(outcome))));
    let outcome = told.recv().expect("an answer");
    assert!(matches!(outcome, Outcome::Applied(_) | Outcome::Unavailable), "{outcome:?}");
    outcome
}

fn batch(subject: u128, sequence: u64, transfers: Vec<Transfer>, memo: Option<Memo>) -> Batch {
    let at = Wall::from_unix_seconds(1_000_000_000);
    Batch { id: BatchId { subject, sequence }, company: CompanyId::from_bits(1), at, transfers, memo }
}

fn money() -> Unit {
    Unit::Money(Currency::USD)
}

fn account(holder: Holder, unit: Unit) -> Account {
    Account { company: CompanyId::from_bits(1), holder, unit }
}

fn payer(profile: u128) -> Account {
    account(Holder::Profile(ProfileId::from_bits(profile)), money())
}

fn channel(profile: u128) -> Account {
    account(Holder::Profile(ProfileId::from_bits(profile)), Unit::Channels)
}

fn post(debit: Account, credit: Account, amount: i64) -> Transfer {
    Transfer { kind: Kind::Post { debit, credit, amount }, code: Code::TopUp }
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// User and system time in microseconds.
#[derive(Clone, Copy)]
struct Cpu {
    writer: u64,
    callers: u64,
}

impl Cpu {
    fn since(self, earlier: Cpu) -> Cpu {
        Cpu { writer: self.writer.saturating_sub(earlier.writer), callers: self.callers - earlier.callers }
    }
}

/// What the threads of this process have used (proc(5): `schedstat` of each thread, in nanoseconds).
fn cpu_now() -> Cpu {
    let mut cpu = Cpu { writer: 0, callers: 0 };
    for thread in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        let read = |file: &str| std::fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let nanos = read("schedstat").split_whitespace().next().and_then(|text| text.parse::<u64>().ok());
        match read("comm").trim() {
            "ledger" => cpu.writer += nanos.unwrap_or(0) / 1_000,
            _ => cpu.callers += nanos.unwrap_or(0) / 1_000,
        }
    }
    cpu
}
