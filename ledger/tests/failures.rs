//! What fails around the ledger, done to the real thing: a journal's disk that is full and has room again, a journal that somebody
//! locks, a Redis that is slow, read-only, out of memory, on a full disk, that evicts keys, a clock that steps, and two processes that
//! both believe they are the node. The table of them is `docs/failures.md`; a Redis that dies, flushes or fails over is in `redis.rs`
//! and `redis_servers.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::server::RedisServer;
use clerk::*;
use domain::credit::{Code, Durability, Memo, Outcome, RefusedBecause};
use ledger::redis::{Failure, RedisLedger, Seen};
use ledger::sqlite::{Settings, SqliteLedger, verify};
use ledger::{Ledger, Verification};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

fn top_up(number: u64) -> domain::credit::Batch {
    batch(1 << 127, number, vec![post(world(USD), purse(), 10, Code::TopUp)])
}

/// The ledger of a child process: its folder, and the port of its Redis where it has one.
const CHILD: &str = "LEDGER_TEST_FULL_DISK";
const REDIS: &str = "LEDGER_TEST_REDIS";
/// No file of the child grows beyond this: its journal's log is full after some dozens of groups.
const FILE_BYTES: u64 = 400 * 1024;

fn open_child(folder: &Path) -> Arc<dyn Ledger> {
    let settings = Settings {
        group_after: Duration::from_millis(1),
        stalled_again_after: Duration::from_millis(20),
        ..Settings::new(folder.join("ledger.db"))
    };
    match std::env::var(REDIS) {
        Ok(port) => {
            let server = ledger::redis::Server::single("127.0.0.1", port.parse().unwrap());
            Arc::new(RedisLedger::open(ledger::redis::Settings::new(settings, server)).unwrap())
        }
        Err(_) => Arc::new(SqliteLedger::open(settings).unwrap()),
    }
}

/// Posts until the disk is full, waits for room, and goes on where it was.
fn play_full_disk(folder: &Path) {
    let ledger = open_child(folder);
    endow(&*ledger, 1_000, 10);
    let call = vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 5)];
    assert!(is_applied(&tell(&*ledger, with_memo(batch(7, 0, call), Memo::CallOpened("up".into())))));
    ledger.flush().unwrap();
    let mut number = 1;
    while is_applied(&order(&*ledger, top_up(number))) {
        number += 1;
        assert!(number < 100_000, "the disk is never full");
    }
    assert!(!ledger.is_healthy(), "the door is shut");
    let tick = batch(7, 1, vec![capture(7, 30, 5), hold(7, 36, profile(), 1)]);
    assert_eq!(tell(&*ledger, batch(8, 0, vec![hold(8, 0, channels(), 1)])), Outcome::Unavailable, "a new call");
    assert_eq!(tell(&*ledger, tick.clone()), Outcome::Unavailable, "nothing is granted that is not written");
    println!("full {number}");
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).unwrap();
    // Once more of each: the answer is the first one's, whether the disk had it or not.
    for again in 1..=number {
        let outcome = insist(&*ledger, &top_up(again));
        assert!(
            matches!(&outcome, Outcome::Replayed(_)) || again == number && is_applied(&outcome),
            "{again}: {outcome:?}"
        );
    }
    assert!(ledger.is_healthy(), "it has come back by itself");
    assert!(is_applied(&tell(&*ledger, tick)), "the call asks again, and goes on");
    assert_eq!(
        ledger.balance(purse()),
        has(10 * i64::try_from(number).unwrap(), 0),
        "nothing is lost, nothing done twice"
    );
    assert_sound(&*ledger);
    println!("done");
    std::io::stdin().read_line(&mut told).unwrap();
}

/// Runs the test's own program with a full disk, gives it room, kills it, and reads what it left behind.
fn full_disk(redis: Option<&RedisServer>, test: &str) -> (tempfile::TempDir, u64) {
    let folder = tempfile::tempdir().unwrap();
    // What is beyond the limit is refused to who ignores the signal, as the kernel refuses a full disk.
    let line = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$@\"", FILE_BYTES / 512);
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &line, "sh"]).arg(program).args(["--exact", test, "--nocapture"]);
    command.env(CHILD, folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    if let Some(redis) = redis {
        command.env(REDIS, redis.port().to_string());
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let number =
        lines.find_map(|line| line.strip_prefix("full ")?.parse().ok()).expect("the child tells of a full disk");
    let process = child.id().to_string();
    assert!(
        Command::new("prlimit").args(["--pid", &process, "--fsize=unlimited:unlimited"]).status().unwrap().success()
    );
    child.stdin.as_mut().unwrap().write_all(b"room\n").unwrap();
    assert!(lines.any(|line| line == "done"), "the child says why on its own");
    child.kill().unwrap();
    child.wait().unwrap();
    (folder, number)
}

fn clean(found: &Verification) {
    assert!(found.is_clean(), "{found}");
}

/// A disk that is full refuses, and lets in again by itself when there is room; what was on its way is there once.
#[test]
fn a_full_disk_grants_nothing_loses_nothing_and_is_left_behind_by_itself() {
    if let Ok(folder) = std::env::var(CHILD) {
        return play_full_disk(Path::new(&folder));
    }
    let (folder, number) = full_disk(None, "a_full_disk_grants_nothing_loses_nothing_and_is_left_behind_by_itself");
    clean(&verify(&folder.path().join("ledger.db")).unwrap());
    let ledger = open_in(folder.path());
    assert_eq!(ledger.balance(purse()), has(10 * i64::try_from(number).unwrap(), 0));
    assert_eq!(ledger.unfinished().unwrap()[0].captured().map(|(_, amount)| amount).sum::<i64>(), 5, "the call's tick");
}

/// The same where the balances are in Redis and only the journal is on that disk.
#[test]
fn a_full_disk_beside_redis_grants_nothing_and_both_agree_afterwards() {
    if let Ok(folder) = std::env::var(CHILD) {
        return play_full_disk(Path::new(&folder));
    }
    let redis = RedisServer::start();
    let (folder, number) = full_disk(Some(&redis), "a_full_disk_beside_redis_grants_nothing_and_both_agree_afterwards");
    let ledger = RedisLedger::open(redis.settings(folder.path())).unwrap();
    assert_eq!(ledger.balance(purse()), has(10 * i64::try_from(number).unwrap(), 0));
    assert_sound(&ledger);
}

/// A backup or a shell of sqlite3 that holds the journal's file: as a full disk, until it lets go.
#[test]
fn a_journal_that_somebody_locks_is_waited_for_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (tell_us, told) = sync_channel(100_000);
    let settings = Settings {
        busy: Duration::from_millis(50),
        stalled_again_after: Duration::from_millis(20),
        on_stalled: Some(Arc::new(move |is_stalled| tell_us.try_send(is_stalled).unwrap())),
        ..Settings::new(folder.path().join("ledger.db"))
    };
    let ledger = SqliteLedger::open(settings).unwrap();
    endow(&ledger, 100, 10);
    let other = rusqlite::Connection::open(folder.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(order(&ledger, top_up(1)), Outcome::Unavailable);
    assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(true));
    assert!(!ledger.is_healthy());
    other.execute_batch("COMMIT").unwrap();
    while told.recv_timeout(Duration::from_secs(60)).expect("it comes back") {}
    assert!(matches!(insist(&ledger, &top_up(1)), Outcome::Replayed(_)), "it was done when there was a way");
    assert_eq!(ledger.balance(purse()), has(10, 0));
    assert_sound(&ledger);
}

/// A ledger in this Redis that is quick to give up, and what it has seen fail.
fn ledger_at(server: &RedisServer, folder: &Path) -> (RedisLedger, std::sync::mpsc::Receiver<Seen>) {
    let (tell_us, told) = sync_channel(1_000_000);
    let mut settings = server.settings(folder);
    settings.away_patience = Duration::from_millis(50);
    settings.on_seen = Some(Arc::new(move |seen| tell_us.try_send(seen).unwrap()));
    (RedisLedger::open(settings).unwrap(), told)
}

fn said(server: &RedisServer, command: &[&str]) {
    let mut cmd = redis::cmd(command[0]);
    command[1..].iter().for_each(|argument| {
        cmd.arg(*argument);
    });
    cmd.exec(&mut server.connection()).unwrap();
}

/// Credit, a call with a held increment, what fails, and that it costs nothing: the same for each failure of Redis.
fn costs_nothing(server: &RedisServer, fail: impl Fn(), mend: impl Fn(), is_seen: impl Fn(&Seen) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, told) = ledger_at(server, folder.path());
    endow(&ledger, 100, 10);
    assert!(is_applied(&tell(&ledger, batch(7, 0, vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 5)]))));
    fail();
    // Redis notices a disk that it cannot write to a second later.
    let mut number = 1;
    while is_applied(&order(&ledger, top_up(number))) {
        number += 1;
        assert!(number < 100_000, "nothing fails");
    }
    let tick = batch(7, 1, vec![capture(7, 30, 5), hold(7, 36, profile(), 1)]);
    assert_eq!(tell(&ledger, tick.clone()), Outcome::Unavailable);
    assert_eq!(tell(&ledger, batch(8, 0, vec![hold(8, 0, channels(), 1)])), Outcome::Unavailable, "a new call");
    assert!(told.try_iter().any(|seen| is_seen(&seen)), "it is counted");
    mend();
    assert!(is_applied(&insist(&ledger, &tick)), "the call asks again");
    for again in 1..=number {
        let outcome = insist(&ledger, &top_up(again));
        assert!(
            matches!(&outcome, Outcome::Replayed(_)) || again == number && is_applied(&outcome),
            "{again}: {outcome:?}"
        );
    }
    assert_eq!(ledger.balance(purse()), has(10 * i64::try_from(number).unwrap(), 0));
    assert_eq!(ledger.balance(profile()), has(95, 1));
    assert!(ledger.is_healthy());
    assert_eq!(ledger.disagreements(), 0);
    assert_sound(&ledger);
}

fn is_refused(seen: &Seen) -> bool {
    *seen == Seen::Failed(Failure::Refused)
}

#[test]
fn a_redis_that_has_become_a_replica_costs_nothing() {
    let (server, other) = (RedisServer::start(), RedisServer::start());
    let port = other.port().to_string();
    costs_nothing(
        &server,
        || said(&server, &["REPLICAOF", "127.0.0.1", &port]),
        || said(&server, &["REPLICAOF", "NO", "ONE"]),
        is_refused,
    );
}

#[test]
fn a_redis_without_memory_left_costs_nothing() {
    let server = RedisServer::start();
    let set = |bytes: &str| said(&server, &["CONFIG", "SET", "maxmemory", bytes]);
    costs_nothing(&server, || set("1"), || set("0"), is_refused);
}

#[test]
fn a_redis_on_a_full_disk_costs_nothing() {
    let server = RedisServer::start();
    costs_nothing(&server, || server.limit_files(Some(1)), || server.limit_files(None), is_refused);
}

#[test]
fn a_slow_redis_is_waited_for_and_one_that_is_too_slow_is_away() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let (ledger, told) = ledger_at(&server, folder.path());
    endow(&ledger, 100, 10);
    let pause = |ms: &str| said(&server, &["CLIENT", "PAUSE", ms, "WRITE"]);
    pause("300");
    assert!(is_applied(&tell(&ledger, batch(7, 0, vec![hold(7, 30, profile(), 5)]))), "a second is not too long");
    assert!(ledger.is_healthy());
    pause("5000");
    assert_eq!(tell(&ledger, batch(8, 0, vec![hold(8, 30, profile(), 5)])), Outcome::Unavailable);
    assert!(told.try_iter().any(|seen| seen == Seen::Failed(Failure::Timeout)));
    said(&server, &["CLIENT", "UNPAUSE"]);
    assert!(is_applied(&insist(&ledger, &batch(9, 0, vec![hold(9, 30, profile(), 5)]))));
    assert_eq!(ledger.balance(profile()), has(100, 10), "what was answered as unavailable is not held");
    assert_sound(&ledger);
}

/// A Redis that was told to evict after we had looked: whichever key goes, the journal knows better.
#[test]
fn an_evicted_key_costs_nothing() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let (ledger, _told) = ledger_at(&server, folder.path());
    endow(&ledger, 1_000, 10);
    for (number, what) in (1u32..).zip(["meta", "balances", "holds", "outcomes", "order"]) {
        let call = u128::from(number);
        assert!(is_applied(&tell(&ledger, batch(call, 0, vec![hold(call, 30, profile(), 10)]))));
        said(&server, &["DEL", &format!("tandem:{{{:032x}}}:{what}", 1)]);
        let tick = batch(call, 1, vec![capture(call, 30, 10), hold(call, 36, profile(), 2)]);
        assert!(is_applied(&tell(&ledger, tick.clone())), "without {what}");
        assert!(matches!(tell(&ledger, tick), Outcome::Replayed(_)), "without {what}, asked twice");
        assert_eq!(ledger.balance(profile()), has(1_000 - 10 * i64::from(number), 2 * i64::from(number)));
        let too_much = tell(&ledger, batch(call, 2, vec![hold(call, 42, profile(), 1_000)]));
        assert!(matches!(because(&too_much), RefusedBecause::InsufficientFunds { .. }), "without {what}: {too_much:?}");
        assert_sound(&ledger);
    }
}

/// Times are written down, and nothing is decided by them: a clock that steps a day back and a year forward moves no money.
#[test]
fn a_clock_that_steps_moves_no_money() {
    let (server, of_redis, of_sqlite) =
        (RedisServer::start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (redis, _told) = ledger_at(&server, of_redis.path());
    let sqlite = open_in(of_sqlite.path());
    for ledger in [&redis as &dyn Ledger, &sqlite] {
        endow(ledger, 100, 10);
        for (number, now) in (0u32..).zip([1_000_000i64, 1_000_000 - 86_400, 1_000_000 + 31_536_000, 1_000_001]) {
            let until = at(now + 60);
            let mut tick = vec![hold(7, 36 + number, profile(), 2)];
            if number > 0 {
                tick.insert(0, capture(7, 35 + number, 2));
                tick.push(extend(7, 36 + number, until));
            }
            let tick = domain::credit::Batch { at: at(now), ..batch(7, u64::from(number), tick) };
            assert!(is_applied(&ask(ledger, tick.clone(), Durability::WithNextGroup)), "at {now}");
            assert!(matches!(ask(ledger, tick, Durability::WithNextGroup), Outcome::Replayed(_)), "at {now}");
        }
        assert_eq!(ledger.balance(profile()), has(94, 2));
        assert_sound(ledger);
    }
}

/// Two processes that both believe they are the node: a copy of the data folder, started beside it. One of them is refused, for ever.
#[test]
fn of_two_processes_that_own_one_call_one_is_refused() {
    let (server, mine, copy) = (RedisServer::start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (stale, _told) = ledger_at(&server, mine.path());
    endow(&stale, 100, 10);
    let call = vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 10)];
    assert!(is_applied(&tell(&stale, with_memo(batch(7, 0, call), Memo::CallOpened("up".into())))));
    stale.flush().unwrap();
    let source = rusqlite::Connection::open(mine.path().join("ledger.db")).unwrap();
    source.execute("VACUUM INTO ?1", [copy.path().join("ledger.db").to_str().unwrap()]).unwrap();
    let (fresh, _told) = ledger_at(&server, copy.path());
    // The call is charged by the later one alone, whoever asks first and however often.
    let tick = |sequence, amount| batch(7, sequence, vec![capture(7, 30, amount), hold(7, 36, profile(), 2)]);
    for sequence in 1..=3 {
        assert_eq!(tell(&stale, tick(sequence, 10)), Outcome::Unavailable);
    }
    assert!(!stale.is_healthy() && fresh.is_healthy());
    assert!(is_applied(&tell(&fresh, tick(1, 10))));
    // A connection that is lost and made again does not let the earlier one in.
    said(&server, &["CLIENT", "KILL", "TYPE", "normal"]);
    for sequence in 4..=6 {
        assert_eq!(tell(&stale, tick(sequence, 10)), Outcome::Unavailable);
    }
    assert!(is_applied(&insist(&fresh, &batch(7, 2, vec![capture(7, 36, 2)]))));
    assert_eq!(fresh.balance(profile()), has(88, 0), "charged once");
    assert_sound(&fresh);
}

/// The same where the earlier one was only cut off while the later one was started.
#[test]
fn a_process_that_was_cut_off_finds_itself_replaced() {
    let (server, mine, copy) = (RedisServer::start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (stale, _told) = ledger_at(&server, mine.path());
    endow(&stale, 100, 10);
    stale.flush().unwrap();
    let source = rusqlite::Connection::open(mine.path().join("ledger.db")).unwrap();
    source.execute("VACUUM INTO ?1", [copy.path().join("ledger.db").to_str().unwrap()]).unwrap();
    let (fresh, _told) = ledger_at(&server, copy.path());
    said(&server, &["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(is_applied(&insist(&fresh, &batch(7, 0, vec![hold(7, 30, profile(), 10)]))));
    assert_eq!(tell(&stale, batch(8, 0, vec![hold(8, 30, profile(), 10)])), Outcome::Unavailable);
    assert_eq!(tell(&stale, batch(8, 0, vec![hold(8, 30, profile(), 10)])), Outcome::Unavailable);
    assert!(fresh.is_healthy());
    assert_eq!(fresh.balance(profile()), has(100, 10));
    assert_sound(&fresh);
}

/// The lock is the fence, and may be lost: somebody deletes its file. Who was there first finds the row taken that it would write, and grants
/// nothing any more; the journal is the other's, and sound.
#[test]
fn a_process_whose_lock_was_taken_away_grants_nothing_once_another_has_written() {
    let folder = tempfile::tempdir().unwrap();
    let stale = open_in(folder.path());
    endow(&stale, 100, 10);
    let call = vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 10)];
    assert!(is_applied(&tell(&stale, with_memo(batch(7, 0, call), Memo::CallOpened("up".into())))));
    stale.flush().unwrap();
    std::fs::remove_file(folder.path().join("ledger.db.lock")).unwrap();
    let fresh = open_in(folder.path());
    assert!(is_applied(&order(&fresh, batch(7, 1, vec![release(7, 0), release(7, 30)]))));
    let tick = |sequence| batch(7, sequence, vec![capture(7, 30, 10)]);
    // What was granted in memory before the disk was asked is the last.
    tell(&stale, tick(1));
    assert!(matches!(stale.flush(), Err(ledger::Error::Closed)));
    assert_eq!(tell(&stale, tick(2)), Outcome::Unavailable);
    assert!(!stale.is_healthy());
    assert_eq!(fresh.balance(profile()), has(100, 0), "what the call held is free, and charged by nobody");
    drop(stale);
    fresh.close().unwrap();
    clean(&verify(&folder.path().join("ledger.db")).unwrap());
}
