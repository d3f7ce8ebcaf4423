//! The redis engine where the laws do not reach: servers that cannot be trusted, a Redis that is away, loses, forgets or is meddled
//! with, a node that dies between answer and journal, and the function by itself. The laws are in `laws.rs`, chance in
//! `redis_differential.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::server::RedisServer;
use clerk::*;
use domain::Monotonic;
use domain::credit::{Code, Durability, Memo, Outcome};
use ledger::redis::{Failure, Op, Place, RedisLedger, Seen, Servers, Settings};
use ledger::{Error, Ledger};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

fn open(server: &RedisServer, folder: &tempfile::TempDir) -> RedisLedger {
    RedisLedger::open(server.settings(folder.path())).unwrap()
}

fn refusal(settings: Settings) -> String {
    let error = RedisLedger::open(settings).err().expect("a refusal");
    assert!(matches!(error, Error::RedisUnfit { .. } | Error::RedisAway { .. }), "{error}");
    error.to_string()
}

fn top_up(subject: u128, amount: i64) -> domain::credit::Batch {
    batch(subject, 0, vec![post(world(USD), purse(), amount, Code::TopUp)])
}

const PROFILE: &str = "profile/00000000000000000000000000000001:USD";

/// A hash of the company that the tests use.
fn key(what: &str) -> String {
    format!("tandem:{{{:032x}}}:{what}", 1)
}

fn in_redis(server: &RedisServer, hash: &str, field: &str) -> Option<String> {
    redis::cmd("HGET").arg(key(hash)).arg(field).query(&mut server.connection()).unwrap()
}

#[test]
fn a_redis_that_would_forget_credit_is_refused_with_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start_with(&["--appendonly", "no"]);
    let told = refusal(server.settings(folder.path()));
    assert!(told.contains("keeps no append-only file") && told.contains("set `appendonly yes`"), "{told}");
    let server = RedisServer::start_with(&["--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"]);
    let told = refusal(server.settings(folder.path()));
    assert!(told.contains("maxmemory-policy allkeys-lru") && told.contains("`maxmemory-policy noeviction`"), "{told}");
    // As it should be, the same journal opens.
    open(&RedisServer::start(), &folder);
}

#[test]
fn a_redis_that_is_not_there_is_named_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = RedisServer::start();
    let settings = server.settings(folder.path());
    server.kill();
    let told = refusal(settings);
    assert!(told.contains("does not answer") && told.contains("name another in ledger.url"), "{told}");
}

#[test]
fn a_password_is_asked_for_given_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start_with(&["--appendonly", "yes", "--requirepass", "hunter2-hunter2"]);
    let mut settings = server.settings(folder.path());
    assert!(refusal(settings.clone()).contains("NOAUTH"));
    settings.server.password = Some("hunter2-hunter2".to_owned());
    assert!(!format!("{:?}", settings.server).contains("hunter2"));
    endow(&RedisLedger::open(settings).unwrap(), 10, 1);
}

#[test]
fn two_nodes_may_not_have_one_redis() {
    let (server, mine, theirs) = (RedisServer::start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = open(&server, &mine);
    endow(&ledger, 100, 1);
    let told = refusal(server.settings(theirs.path()));
    assert!(told.contains("keeps the ledger of another house"), "{told}");
    let mut settings = server.settings(theirs.path());
    let place = Place { host: "127.0.0.1".to_owned(), port: server.port() };
    settings.server.servers = Servers::Single { place, database: 1 };
    endow(&RedisLedger::open(settings).unwrap(), 7, 1);
    assert_eq!(ledger.balance(profile()), has(100, 0));
    // Who goes for good makes room for another.
    ledger.close().unwrap();
    ledger::redis::leave(&server.settings(mine.path())).unwrap();
    let ledger = open(&server, &theirs);
    assert_eq!(ledger.balance(profile()), has(7, 0));
    assert_sound(&ledger);
}

/// Design 5, point 8: what is granted is spoken; nothing new is granted, nothing is guessed.
#[test]
fn while_redis_is_away_nothing_is_granted_and_afterwards_everything_goes_on() {
    let (mut server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let mut settings = server.settings(folder.path());
    settings.away_patience = Duration::from_millis(50);
    let ledger = RedisLedger::open(settings).unwrap();
    endow(&ledger, 100, 2);
    let begin = vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 10)];
    assert!(is_applied(&tell(&ledger, batch(7, 0, begin))));
    server.kill();
    let second = batch(8, 0, vec![hold(8, 0, channels(), 1)]);
    assert_eq!(tell(&ledger, second.clone()), Outcome::Unavailable);
    assert!(!ledger.is_healthy(), "the door is shut");
    assert_eq!(order(&ledger, top_up(9, 5)), Outcome::Unavailable);
    let tick = batch(7, 1, vec![capture(7, 30, 10), hold(7, 36, profile(), 2)]);
    assert_eq!(tell(&ledger, tick.clone()), Outcome::Unavailable);
    assert_eq!(ledger.balance(profile()), has(100, 10), "what was last known is told");
    let memo = with_memo(batch(99, 0, vec![]), Memo::CallEnded("needs no balance".into()));
    assert!(is_applied(&order(&ledger, memo)));
    server.restart();
    assert!(is_applied(&insist(&ledger, &top_up(9, 5))), "asked again with the same id");
    assert!(ledger.is_healthy());
    assert!(is_applied(&tell(&ledger, tick)));
    assert!(is_applied(&tell(&ledger, second)));
    assert_eq!((ledger.balance(profile()), ledger.balance(channels())), (has(90, 2), has(2, 2)));
    assert_eq!(ledger.disagreements(), 0);
    assert_sound(&ledger);
}

/// What an operator sees: `tandem_redis_up`, the round trips, and the failures by their kind.
#[test]
fn a_redis_that_dies_or_stands_still_is_seen_to_be_down_until_it_is_back() {
    let (mut server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let mut settings = server.settings(folder.path());
    settings.away_patience = Duration::from_millis(50);
    let ticks = AtomicU64::new(0);
    settings.journal.clock = Some(Arc::new(move || Monotonic::from_micros(ticks.fetch_add(1, Ordering::Relaxed))));
    let (tell_us, told) = sync_channel(100_000);
    settings.on_seen = Some(Arc::new(move |seen| tell_us.try_send(seen).unwrap()));
    let ledger = RedisLedger::open(settings).unwrap();
    let seen_until = |last: Seen| {
        let seen = std::iter::from_fn(|| Some(told.recv_timeout(Duration::from_secs(60)).expect("something to see")));
        seen.take_while(|seen| *seen != last).collect::<Vec<_>>()
    };
    let asked = |seen: &[Seen], wanted: Op| {
        seen.iter().any(|seen| matches!(seen, Seen::Answered { op, took } if *op == wanted && !took.is_zero()))
    };
    let failed = |seen: &[Seen]| seen.iter().any(|seen| matches!(seen, Seen::Failed(_)));

    let at_start = seen_until(Seen::Up(true));
    assert!(asked(&at_start, Op::Get) && !failed(&at_start), "{at_start:?}");
    endow(&ledger, 100, 1);
    server.kill();
    let dying = seen_until(Seen::Up(false));
    assert!(asked(&dying, Op::Script) && dying.contains(&Seen::Failed(Failure::Connection)), "{dying:?}");
    assert!(!ledger.is_healthy());
    server.restart();
    seen_until(Seen::Up(true));
    assert!(ledger.is_healthy());
    server.stand_still();
    let waiting = seen_until(Seen::Up(false));
    assert!(waiting.contains(&Seen::Failed(Failure::Timeout)), "{waiting:?}");
    server.go_on();
    seen_until(Seen::Up(true));
    assert!(is_applied(&insist(&ledger, &top_up(9, 5))));
    assert_sound(&ledger);
}

/// What was sent and answered as unavailable may still lie in Redis's buffers: it is not done when Redis goes on.
#[test]
fn a_redis_that_stood_still_does_nothing_behind_our_back() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let mut settings = server.settings(folder.path());
    settings.away_patience = Duration::from_millis(50);
    let ledger = RedisLedger::open(settings).unwrap();
    endow(&ledger, 100, 2);
    server.stand_still();
    assert_eq!(tell(&ledger, batch(7, 0, vec![hold(7, 30, profile(), 60)])), Outcome::Unavailable);
    assert_eq!(order(&ledger, top_up(9, 5)), Outcome::Unavailable);
    assert!(!ledger.is_healthy());
    server.go_on();
    assert!(is_applied(&insist(&ledger, &top_up(10, 1))));
    assert!(is_applied(&tell(&ledger, batch(8, 0, vec![hold(8, 30, profile(), 100)]))), "nothing else is held");
    assert_eq!((ledger.balance(purse()), ledger.balance(profile())), (has(1, 0), has(100, 100)));
    assert_eq!(ledger.disagreements(), 0);
    assert_sound(&ledger);
}

#[test]
fn a_restart_of_redis_passes_unnoticed() {
    let (mut server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let ledger = open(&server, &folder);
    endow(&ledger, 100, 50);
    for call in 1..=20 {
        server.restart();
        let begin = vec![hold(call, 0, channels(), 1), hold(call, 30, profile(), 1)];
        assert!(is_applied(&tell(&ledger, batch(call, 0, begin))));
        assert!(is_applied(&tell(&ledger, batch(call, 1, vec![capture(call, 30, 1)]))));
    }
    assert_eq!((ledger.balance(profile()), ledger.balance(channels())), (has(80, 0), has(50, 20)));
    assert_sound(&ledger);
}

/// Field lesson 14: Redis is the shared balance, never the only record of money.
#[test]
fn whatever_redis_loses_is_made_again_from_the_journal() {
    let (mut server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let ledger = open(&server, &folder);
    endow(&ledger, 100, 2);
    tell(&ledger, batch(7, 0, vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 40)]));
    server.restart_empty();
    let too_dear = batch(8, 0, vec![hold(8, 30, profile(), 61)]);
    assert_eq!(
        tell(&ledger, too_dear),
        refused(0, too_little(profile(), 60)),
        "neither credit nor holds are forgotten"
    );
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    assert!(is_applied(&tell(&ledger, batch(7, 1, vec![capture(7, 30, 40)]))));
    assert_eq!(in_redis(&server, "balances", PROFILE).as_deref(), Some("60 0"));
    assert_eq!(ledger.disagreements(), 0);
    // The node is not there either while Redis loses everything.
    ledger.close().unwrap();
    server.restart_empty();
    let ledger = open(&server, &folder);
    assert_eq!(in_redis(&server, "balances", PROFILE).as_deref(), Some("60 0"));
    assert_sound(&ledger);
}

/// Found by the simulation: Redis forgets what was done and told, is given it anew, and the node dies before its own disk has it.
#[test]
fn what_was_laid_anew_after_a_loss_outlives_the_node_that_laid_it() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let mut settings = server.settings(folder.path());
    settings.journal.group_after = Duration::from_millis(500);
    let ledger = RedisLedger::open(settings.clone()).unwrap();
    endow(&ledger, 100, 10);
    assert!(is_applied(&tell(&ledger, top_up(5, 30))));
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    assert!(is_applied(&tell(&ledger, batch(6, 0, vec![hold(6, 0, channels(), 1)]))), "the company is laid for it");
    ledger.abandon();
    let ledger = RedisLedger::open(settings).unwrap();
    assert!(
        matches!(tell(&ledger, top_up(5, 30)), Outcome::Replayed(_)),
        "what others may have been granted by is known"
    );
    assert_sound(&ledger);
}

/// It is made again by the next call, and until then nobody misses it.
#[test]
fn a_company_that_nobody_has_called_from_since_a_flush_is_no_difference() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let ledger = open(&server, &folder);
    endow(&ledger, 100, 10);
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    let verification = ledger.verify().unwrap();
    assert!(verification.is_clean(), "{verification}");
    assert_eq!(ledger.compare().unwrap().faults, Vec::<String>::new());
}

#[test]
fn credit_that_somebody_wrote_into_redis_is_not_spent() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let ledger = open(&server, &folder);
    endow(&ledger, 100, 1);
    redis::cmd("HSET").arg(key("balances")).arg(PROFILE).arg("1000000 0").exec(&mut server.connection()).unwrap();
    let verification = ledger.verify().unwrap();
    assert_eq!(verification.fault_count, 1);
    assert!(verification.faults[0].contains("\"1000000 0\" in Redis, its parts add up to \"100 0\""), "{verification}");
    assert_eq!(tell(&ledger, batch(7, 0, vec![hold(7, 30, profile(), 500)])), refused(0, too_little(profile(), 100)));
    // The journal answers at once, and Redis is put right after it; the audit stands in the same queue behind both.
    assert_sound(&ledger);
    assert_eq!(ledger.disagreements(), 1);
    assert_eq!(
        in_redis(&server, "balances", PROFILE).as_deref(),
        Some("100 0"),
        "Redis is what the journal says again"
    );
    redis::cmd("HSET").arg(key("balances")).arg(PROFILE).arg("1.5 0").exec(&mut server.connection()).unwrap();
    assert!(is_applied(&tell(&ledger, batch(7, 1, vec![hold(7, 30, profile(), 100)]))), "a fraction is no balance");
    assert_sound(&ledger);
}

#[test]
fn a_forgotten_function_is_told_again() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let ledger = open(&server, &folder);
    endow(&ledger, 100, 1);
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.connection()).unwrap();
    assert!(is_applied(&tell(&ledger, batch(7, 0, vec![hold(7, 30, profile(), 5)]))));
    assert_sound(&ledger);
}

/// The intent is on disk before Redis is asked, the outcome only with the next group: a node that dies in between has moved the
/// money, and finds it moved.
#[test]
fn money_that_moved_before_its_row_was_written_is_found_at_the_next_start() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let mut settings = server.settings(folder.path());
    settings.journal.group_after = Duration::from_millis(300);
    let ledger = RedisLedger::open(settings.clone()).unwrap();
    endow(&ledger, 100, 3);
    tell(&ledger, batch(7, 0, vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 10)]));
    ledger.flush().unwrap();
    assert!(is_applied(&tell(&ledger, batch(7, 1, vec![capture(7, 30, 10), hold(7, 36, profile(), 2)]))));
    // Held only: nobody wrote that down, and nobody owes it.
    assert!(is_applied(&tell(&ledger, batch(8, 0, vec![hold(8, 0, channels(), 1)]))));
    let rows = ledger.totals();
    assert!(rows.journalled < rows.applied, "the row of the capture is not on disk");
    ledger.abandon();
    assert_eq!(in_redis(&server, "balances", PROFILE).as_deref(), Some("90 2"), "Redis has moved it");
    let ledger = RedisLedger::open(settings).unwrap();
    assert_eq!((ledger.balance(profile()), ledger.balance(channels())), (has(90, 2), has(3, 1)));
    assert_eq!(ledger.balance(revenue()), has(10, 0));
    assert_eq!(ledger.unfinished().unwrap().len(), 1);
    let again = tell(&ledger, batch(7, 1, vec![capture(7, 30, 10), hold(7, 36, profile(), 2)]));
    assert!(matches!(again, Outcome::Replayed(_)), "done once: {again:?}");
    assert_sound(&ledger);
}

/// Every queue has a number; a hang-up always finds room.
#[test]
fn a_full_queue_to_redis_refuses_new_calls_and_lets_the_old_ones_end() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let mut settings = server.settings(folder.path());
    (settings.asked, settings.asked_reserved) = (3, 6);
    // Longer than Redis stands still below, on a machine that is busy with other tests.
    settings.away_patience = Duration::from_secs(30);
    let ledger = RedisLedger::open(settings).unwrap();
    endow(&ledger, 100, 20);
    for call in 1..=3 {
        assert!(is_applied(&tell(&ledger, batch(call, 0, vec![hold(call, 0, channels(), 1)]))));
    }
    // The audit is told when nothing is on its way any more: then the queue is empty.
    assert_sound(&ledger);
    redis::cmd("CLIENT").arg("PAUSE").arg(600).arg("WRITE").exec(&mut server.connection()).unwrap();
    let (tell_us, told) = sync_channel(32);
    let submit = |batch| {
        let tell_us = tell_us.clone();
        ledger.submit(batch, Durability::WithNextGroup, Box::new(move |outcome| tell_us.send(outcome).unwrap()));
    };
    (4..=6).for_each(|call| submit(batch(call, 0, vec![hold(call, 0, channels(), 1)])));
    submit(batch(7, 0, vec![hold(7, 0, channels(), 1)]));
    assert_eq!(told.try_recv(), Ok(Outcome::Unavailable), "the fourth that waits");
    (1..=3).for_each(|call| submit(batch(call, 1, vec![release(call, 0)])));
    submit(batch(1, 2, vec![extend(1, 0, at(90))]));
    assert_eq!(told.try_recv(), Ok(Outcome::Unavailable), "even the reserve has an end");
    for _ in 0..6 {
        let outcome = told.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(is_applied(&outcome), "{outcome:?}");
    }
    assert_eq!(ledger.balance(channels()), has(20, 3));
    assert_sound(&ledger);
}

#[test]
fn the_same_journal_serves_with_and_without_redis() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let ledger = open_in(folder.path());
    endow(&ledger, 100, 1);
    ledger.close().unwrap();
    let ledger = open(&server, &folder);
    assert!(is_applied(&tell(&ledger, batch(7, 0, vec![hold(7, 30, profile(), 30), capture(7, 30, 30)]))));
    ledger.close().unwrap();
    let (verification, compared) = ledger::redis::verify(&server.settings(folder.path())).unwrap();
    assert!(verification.is_clean() && compared.companies == 1 && compared.busy == 0, "{verification}");
    let ledger = open_in(folder.path());
    assert_eq!(ledger.balance(profile()), has(70, 0));
    order(&ledger, top_up(9, 5));
    ledger.close().unwrap();
    let (verification, _) = ledger::redis::verify(&server.settings(folder.path())).unwrap();
    assert_eq!(verification.fault_count, 2, "Redis has not heard of the last: {verification}");
    let ledger = open(&server, &folder);
    assert_eq!(ledger.balance(purse()), has(5, 0));
    assert_sound(&ledger);
}

// The function by itself.

const FUNCTION: &str = include_str!("../src/redis/function.lua");

fn call(server: &RedisServer, life: &str, id: &str, body: &str, transfers: &[&str]) -> String {
    let mut cmd = redis::cmd("EVAL");
    cmd.arg(FUNCTION).arg(6);
    ["meta", "balances", "outcomes", "part:me", "holds:me", "order:me"].into_iter().for_each(|what| {
        cmd.arg(key(what));
    });
    cmd.arg("me").arg(life).arg(id).arg(body).arg("0").arg(transfers);
    cmd.query(&mut server.connection()).unwrap_or_else(|error: redis::RedisError| format!("error {error}"))
}

/// Field lesson 3.
#[test]
fn the_function_answers_a_replay_with_the_first_outcome_and_refuses_another_body() {
    let server = RedisServer::start();
    let pay = ["P", "world:USD", "company:USD", "70", "1"];
    assert_eq!(call(&server, "me", "a/0", "b1", &pay), "recovering", "a company that nobody has made");
    redis::cmd("HSET").arg(key("meta")).arg(&["life:me", "me", "have:me", "0"]).exec(&mut server.connection()).unwrap();
    let first = "applied world:USD -70 0 company:USD 70 0";
    assert_eq!(call(&server, "me", "a/0", "b1", &pay), first);
    assert_eq!(call(&server, "me", "a/1", "b1", &pay), "applied world:USD -140 0 company:USD 140 0");
    assert_eq!(call(&server, "me", "a/0", "b1", &pay), format!("replayed {first}"));
    assert_eq!(call(&server, "me", "a/0", "b2", &pay), "different");
    assert_eq!(call(&server, "they", "a/2", "b1", &pay), "taken me");
    assert_eq!(in_redis(&server, "meta", "have:me").as_deref(), Some("2"));
}

#[test]
fn the_function_counts_in_integers_below_two_to_the_53() {
    let server = RedisServer::start();
    redis::cmd("HSET").arg(key("meta")).arg(&["life:me", "me", "have:me", "0"]).exec(&mut server.connection()).unwrap();
    let most = ["P", "world:USD", "company:USD", "9007199254740991", "1"];
    let applied = "applied world:USD -9007199254740991 0 company:USD 9007199254740991 0";
    assert_eq!(call(&server, "me", "a/0", "b", &most), applied);
    for (number, amount) in ["1", "2", "9007199254740991", "9007199254740993", "9223372036854775807"].iter().enumerate()
    {
        let more = ["P", "world:USD", "company:USD", amount, "1"];
        assert_eq!(call(&server, "me", &format!("b/{number}"), "b", &more), "refused 0 overflow");
    }
    let part = ["P", "company:USD", "revenue:USD", "0.5", "0"];
    assert!(call(&server, "me", "c/0", "b", &part).contains("not an integer: 0.5"));
    redis::cmd("HSET")
        .arg(key("balances"))
        .arg("company:USD")
        .arg("9007199254740992 0")
        .exec(&mut server.connection())
        .unwrap();
    let any = ["P", "company:USD", "revenue:USD", "1", "0"];
    assert!(call(&server, "me", "c/1", "b", &any).contains("not below 2^53"));
}
