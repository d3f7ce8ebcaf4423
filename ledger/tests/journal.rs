//! What is particular to the journal on disk: crashes, damage, locks, a full queue, a failing disk. The laws are in `laws.rs`, a process
//! that is killed in `killed.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::*;
use domain::credit::{Code, Durability, Memo, Outcome, RefusedBecause};
use ledger::sqlite::{Settings, SqliteLedger, verify};
use ledger::{Error, Ledger, Unjournalled};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// Thirty batches about ten calls, some of them still up, and a clean stop.
fn a_written_ledger(folder: &Path) -> PathBuf {
    let ledger = open_in(folder);
    endow(&ledger, 1_000, 20);
    for call in 1..=10u128 {
        let begin = vec![hold(call, 0, channels(), 1), hold(call, 30, profile(), 10)];
        assert!(is_applied(&tell(&ledger, batch(call, 0, begin))));
        assert!(is_applied(&tell(&ledger, batch(call, 1, vec![capture(call, 30, 9), hold(call, 36, profile(), 2)]))));
        if call <= 7 {
            assert!(is_applied(&tell(&ledger, batch(call, 2, vec![release(call, 36), release(call, 0)]))));
        }
    }
    ledger.close().unwrap();
    folder.join("ledger.db")
}

fn faults(path: &Path) -> String {
    let audit = verify(path).unwrap();
    assert!(!audit.is_clean());
    audit.to_string()
}

fn edit(path: &Path, sql: &str) {
    assert!(rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap() > 0, "the edit must strike something");
}

#[test]
fn a_written_ledger_verifies_clean_and_verifying_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = a_written_ledger(folder.path());
    let before = std::fs::read(&path).unwrap();
    let audit = verify(&path).unwrap();
    assert!(audit.is_clean(), "{audit}");
    assert_eq!((audit.batches, audit.companies, audit.accounts), (28, 1, 6));
    assert_eq!((audit.holds, audit.open_holds), (30, 6));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_journal_of_another_version_is_refused_in_words_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = a_written_ledger(folder.path());
    let raw = rusqlite::Connection::open(&path).unwrap();
    for version in [1, 999] {
        raw.pragma_update(None, "user_version", version).unwrap();
        let refused = SqliteLedger::open(Settings::new(&path)).err().expect("another version");
        assert!(matches!(refused, Error::Format { found, expected: 4 } if found == version));
        assert!(refused.to_string().contains(&version.to_string()), "{refused}");
        assert!(matches!(verify(&path), Err(Error::Format { .. })));
    }
    let rows: i64 = raw.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 28);
}

#[test]
fn a_journal_of_the_format_before_is_brought_over_and_knows_every_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = a_written_ledger(folder.path());
    let columns = "seq, id, body, memo_kind, memo, sum";
    let as_it_was = format!(
        "DROP TABLE place; DROP TABLE placed; ALTER TABLE journal RENAME TO newer;
         CREATE TABLE journal (seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, body BLOB NOT NULL, memo_kind INTEGER, memo TEXT, sum INTEGER NOT NULL);
         INSERT INTO journal ({columns}) SELECT {columns} FROM newer; DROP TABLE newer; PRAGMA user_version = 2;"
    );
    rusqlite::Connection::open(&path).unwrap().execute_batch(&as_it_was).unwrap();
    let ledger = open_in(folder.path());
    for call in 1..=7 {
        let again = batch(call, 2, vec![release(call, 36), release(call, 0)]);
        assert!(matches!(tell(&ledger, again), Outcome::Replayed(_)), "call {call}");
        assert_eq!(ledger.history(call).unwrap().len(), 6);
    }
    assert!(is_applied(&order(&ledger, batch(8, 2, vec![release(8, 36), release(8, 0)]))));
    ledger.close().unwrap();
    assert!(verify(&path).unwrap().is_clean());
}

#[test]
fn a_day_on_which_nothing_is_left_is_forgotten_alike_with_a_snapshot_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    // With every second row the last snapshot stands right behind the forgetting, and what comes to the day again is read from the rows.
    for snapshot_every in [1, 2, 3, 1_000] {
        let settings = Settings { snapshot_every, ..Settings::new(&path) };
        let ledger = SqliteLedger::open(settings.clone()).unwrap();
        let first = u128::from(snapshot_every) * 100;
        for turn in 0..4 {
            let (there, back) =
                (count(7, 50, 100), post(day(7), world(domain::credit::Unit::Day(7)), 50, Code::DailyCap));
            assert!(is_applied(&order(&ledger, batch(first + turn, 0, vec![there]))));
            assert!(is_applied(&order(&ledger, batch(first + turn, 1, vec![back]))));
        }
        assert!(is_applied(&order(&ledger, batch(first + 9, 0, vec![count(7, 50, 100)]))));
        ledger.abandon();
        let again = SqliteLedger::open(settings).unwrap();
        assert_eq!(again.balance(day(7)).posted, 50);
        let back = post(day(7), world(domain::credit::Unit::Day(7)), 50, Code::DailyCap);
        assert!(is_applied(&order(&again, batch(first + 9, 1, vec![back]))));
        again.close().unwrap();
        let audit = verify(&path).unwrap();
        assert!(audit.is_clean(), "a snapshot every {snapshot_every} rows: {audit}");
    }
}

#[test]
fn a_batch_is_found_by_its_id_before_its_place_is_in_the_table_then_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    // Forty together, two with each group; nothing is remembered, so every question goes to the journal.
    let settings = Settings { placed_together: 40, remembered_subjects: 0, group_batches: 1, ..Settings::new(&path) };
    let mut ledger = SqliteLedger::open(settings.clone()).unwrap();
    endow(&ledger, 100_000, 1_000);
    let mut placed = Vec::new();
    for call in 1..=150u128 {
        assert!(is_applied(&order(&ledger, batch(call, 0, vec![hold(call, 30, profile(), 10)]))));
        assert!(is_applied(&order(&ledger, batch(call, 1, vec![release(call, 30)]))));
        if call % 50 == 0 {
            // Killed amid a run, and started again.
            ledger.abandon();
            ledger = SqliteLedger::open(settings.clone()).unwrap();
        }
        for asked in [1, call.div_ceil(2), call] {
            let again = batch(asked, 1, vec![release(asked, 30)]);
            assert!(matches!(tell(&ledger, again), Outcome::Replayed(_)), "call {asked} after call {call}");
            assert_eq!(ledger.history(asked).unwrap().len(), 2, "call {asked} after call {call}");
            let other = batch(asked, 0, vec![hold(asked, 30, profile(), 11)]);
            assert_eq!(tell(&ledger, other), refused(0, RefusedBecause::DifferentBody));
        }
        let raw = rusqlite::Connection::open(&path).unwrap();
        let count = |sql| raw.query_row::<i64, _, _>(sql, [], |row| row.get(0)).unwrap();
        placed.push((count("SELECT count(*) FROM place"), count("SELECT until FROM placed")));
    }
    ledger.close().unwrap();
    assert!(verify(&path).unwrap().is_clean());
    assert!(placed.iter().any(|(rows, until)| rows > until), "no question was put amid a run: {placed:?}");
    assert!(placed.iter().any(|(rows, until)| rows == until && *until >= 200), "no run was finished: {placed:?}");
}

#[test]
fn verifying_beside_a_running_switch_sees_what_is_journalled() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_in(folder.path());
    endow(&ledger, 1_000, 20);
    let audit = verify(&folder.path().join("ledger.db")).unwrap();
    assert!(audit.is_clean(), "{audit}");
    assert_eq!(audit.batches, 1);
}

#[test]
fn an_edited_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = a_written_ledger(folder.path());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let body: Vec<u8> = connection.query_row("SELECT body FROM journal WHERE seq = 5", [], |row| row.get(0)).unwrap();
    // Every byte in turn, or a planted fault may be one that nobody looks at.
    for place in 0..body.len() {
        let mut edited = body.clone();
        edited[place] ^= 0x02;
        connection.execute("UPDATE journal SET body = ?1 WHERE seq = 5", [edited]).unwrap();
        let found = faults(&path);
        assert!(found.contains("row 5"), "byte {place}: {found}");
    }
    connection.execute("UPDATE journal SET body = ?1 WHERE seq = 5", [body]).unwrap();
    assert!(verify(&path).unwrap().is_clean());
}

#[test]
fn a_row_that_tells_the_story_of_another_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = a_written_ledger(folder.path());
    // Row 4 is a call's end; row 3 its answer. Give row 4 the body of another call's end: sound bytes, a wrong story.
    edit(&path, "UPDATE journal SET body = (SELECT body FROM journal WHERE seq = 7) WHERE seq = 4");
    let found = faults(&path);
    assert!(found.contains("row 4 says that"), "{found}");
}

#[test]
fn a_missing_row_is_named_and_the_next_start_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let path = a_written_ledger(folder.path());
    edit(&path, "DELETE FROM journal WHERE seq = 5");
    assert!(faults(&path).contains("rows 5 to 5 are missing"));
    edit(&path, "DELETE FROM snapshot");
    let refused = SqliteLedger::open(Settings::new(&path)).err().expect("a start from a broken journal");
    assert!(matches!(refused, Error::Damaged { sequence: 5, .. }), "{refused}");
}

#[test]
fn a_balance_kept_otherwise_than_the_journal_says_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = a_written_ledger(folder.path());
    // The kept balances are those of another ledger of the same length.
    let other = tempfile::tempdir().unwrap();
    let ledger = open_in(other.path());
    for number in 0..28 {
        order(&ledger, batch(9, number, vec![post(world(USD), purse(), 7, Code::TopUp)]));
    }
    ledger.close().unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("ATTACH ?1 AS other", [other.path().join("ledger.db").to_str().unwrap()]).unwrap();
    connection.execute("DELETE FROM snapshot", []).unwrap();
    assert_eq!(connection.execute("INSERT INTO snapshot SELECT * FROM other.snapshot WHERE seq = 28", []).unwrap(), 1);
    drop(connection);
    let found = faults(&path);
    assert!(found.contains("holder: Company, unit: Money(USD) } is kept as 196 posted"), "{found}");
}

#[test]
fn a_damaged_snapshot_costs_time_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = a_written_ledger(folder.path());
    edit(&path, "UPDATE snapshot SET body = x'0102'");
    let ledger = open_in(folder.path());
    assert_eq!(ledger.balance(profile()), has(910, 6));
    assert_eq!(ledger.unfinished().unwrap().len(), 3);
    assert_sound(&ledger);
}

#[test]
fn two_processes_may_not_write_one_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_in(folder.path());
    let second = SqliteLedger::open(Settings::new(folder.path().join("ledger.db"))).err().expect("a refusal");
    assert!(matches!(second, Error::InUse { .. }));
    assert!(second.to_string().contains("in use by another process"));
    first.close().unwrap();
    open_in(folder.path());
}

#[test]
fn an_order_is_answered_alike_long_after_memory_forgot_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { remembered_subjects: 2, ..Settings::new(folder.path().join("ledger.db")) };
    let ledger = SqliteLedger::open(settings.clone()).unwrap();
    endow(&ledger, 10, 1);
    let paid = |subject| batch(subject, 0, vec![post(world(USD), purse(), 1, Code::TopUp)]);
    let dear = batch(77, 0, vec![post(profile(), purse(), 11, Code::TakeBack)]);
    let first = order(&ledger, paid(5));
    let refusal = order(&ledger, dear.clone());
    for subject in 1_000..1_100 {
        assert!(is_applied(&order(&ledger, paid(subject))));
    }
    let check = |ledger: &SqliteLedger| {
        assert_eq!(order(ledger, paid(5)), Outcome::Replayed(Box::new(first.clone())));
        assert_eq!(tell(ledger, dear.clone()), Outcome::Replayed(Box::new(refusal.clone())));
        let other = batch(5, 0, vec![post(world(USD), purse(), 2, Code::TopUp)]);
        assert_eq!(because(&order(ledger, other)), RefusedBecause::DifferentBody);
        assert_eq!(ledger.balance(purse()), has(101, 0));
    };
    check(&ledger);
    ledger.close().unwrap();
    check(&SqliteLedger::open(settings).unwrap());
}

/// Design 1: a new call may be refused when a queue is full; a hang-up or a last charge always passes.
#[test]
fn a_full_queue_refuses_new_calls_and_lets_the_old_ones_end() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        group_after: Duration::from_secs(3_600),
        queue_batches: 3,
        queue_batches_reserved: 7,
        ..Settings::new(folder.path().join("ledger.db"))
    };
    let ledger = SqliteLedger::open(settings).unwrap();
    endow(&ledger, 100, 10);
    for call in 1..=3 {
        assert!(is_applied(&tell(
            &ledger,
            batch(call, 0, vec![hold(call, 0, channels(), 1), hold(call, 30, profile(), 5)])
        )));
    }
    let fourth = batch(4, 0, vec![hold(4, 0, channels(), 1)]);
    assert_eq!(tell(&ledger, fourth.clone()), Outcome::Unavailable);
    let top_up = batch(5, 0, vec![post(world(USD), purse(), 1, Code::TopUp)]);
    assert_eq!(tell(&ledger, top_up), Outcome::Unavailable);
    let next_tick = vec![capture(1, 30, 5), hold(1, 36, profile(), 1)];
    assert_eq!(tell(&ledger, batch(1, 1, next_tick)), Outcome::Unavailable, "it holds anew");
    assert!(is_applied(&tell(&ledger, batch(1, 2, vec![capture(1, 30, 5), release(1, 0)]))));
    assert!(is_applied(&tell(&ledger, batch(2, 1, vec![extend(2, 0, at(90))]))));
    assert!(is_applied(&tell(&ledger, batch(2, 2, vec![release(2, 30), release(2, 0)]))));
    assert!(is_applied(&tell(&ledger, with_memo(batch(2, 3, vec![]), Memo::CallEnded("2".into())))));
    assert_eq!(tell(&ledger, batch(3, 1, vec![release(3, 30)])), Outcome::Unavailable, "even the reserve has an end");
    assert!(matches!(tell(&ledger, batch(2, 1, vec![extend(2, 0, at(90))])), Outcome::Replayed(_)));
    ledger.flush().unwrap();
    assert!(is_applied(&tell(&ledger, fourth)), "the disk has caught up");
    assert_sound(&ledger);
}

/// Seconds at risk: what is said to be not durable is what a killed process loses, to the millionth, and nothing else.
#[test]
fn what_is_not_journalled_is_what_a_killed_process_loses() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        Settings { group_after: Duration::from_secs(3_600), ..Settings::new(folder.path().join("ledger.db")) };
    let ledger = SqliteLedger::open(settings.clone()).unwrap();
    endow(&ledger, 100, 10);
    let opening = vec![hold(1, 0, channels(), 1), hold(1, 30, profile(), 10)];
    assert!(is_applied(&tell(&ledger, batch(1, 0, opening))));
    assert_eq!(ledger.unjournalled(), [], "what is held is not lost: it is given back");
    ledger.flush().unwrap();
    for (sequence, until, amount) in [(1, 30, 10), (2, 36, 2)] {
        let tick = vec![capture(1, until, amount), hold(1, until + 6, profile(), 2)];
        assert!(is_applied(&tell(&ledger, batch(1, sequence, tick))));
    }
    let lost = |amount, seconds| Unjournalled { subject: 1, debit: profile(), amount, seconds };
    assert_eq!(ledger.unjournalled(), [lost(10, 30), lost(2, 6)]);
    ledger.flush().unwrap();
    assert_eq!(ledger.unjournalled(), []);
    assert!(is_applied(&tell(&ledger, batch(1, 3, vec![capture(1, 42, 2), hold(1, 48, profile(), 0)]))));
    assert!(is_applied(&tell(&ledger, batch(1, 4, vec![capture(1, 48, 0), release(1, 0)]))));
    let at_risk = ledger.unjournalled();
    assert_eq!(at_risk, [lost(2, 6), lost(0, 6)], "seconds that cost nothing are spoken all the same");
    let earned = ledger.balance(revenue()).posted;
    ledger.abandon();
    let reopened = SqliteLedger::open(settings).unwrap();
    let kept = reopened.balance(revenue()).posted;
    assert_eq!(earned - kept, at_risk.iter().map(|capture| capture.amount).sum::<i64>());
    assert_eq!((kept, reopened.unjournalled()), (12, vec![]));
    assert_sound(&reopened);
}

#[test]
fn a_failed_disk_ends_all_answers_and_loses_no_promise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open_in(folder.path());
    endow(&ledger, 100, 10);
    // The same error path as a full or broken disk: the insert does not succeed.
    let saboteur = rusqlite::Connection::open(&path).unwrap();
    saboteur
        .execute_batch(
            "CREATE TRIGGER broken BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END",
        )
        .unwrap();
    let top_up = batch(5, 0, vec![post(world(USD), purse(), 1, Code::TopUp)]);
    assert_eq!(order(&ledger, top_up.clone()), Outcome::Unavailable);
    assert!(!ledger.is_healthy());
    for durability in [Durability::WithNextGroup, Durability::BeforeAnswer] {
        assert_eq!(ask(&ledger, top_up.clone(), durability), Outcome::Unavailable);
        assert_eq!(ask(&ledger, batch(1, 0, vec![hold(1, 0, channels(), 1)]), durability), Outcome::Unavailable);
    }
    assert!(matches!(ledger.flush(), Err(Error::Closed)));
    assert!(matches!(ledger.close(), Err(Error::Closed)));
    saboteur.execute_batch("DROP TRIGGER broken").unwrap();
    drop(saboteur);
    let ledger = open_in(folder.path());
    assert_eq!(ledger.balance(profile()), has(100, 0));
    assert_eq!(ledger.balance(purse()), has(0, 0), "nobody was told that the last top-up was done");
    assert!(is_applied(&order(&ledger, top_up)), "asked again with the same id");
    assert_sound(&ledger);
}

#[test]
fn orders_from_many_doors_share_groups_and_are_all_journalled_when_answered() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(open_in(folder.path()));
    let start = Arc::new(Barrier::new(16));
    let doors: Vec<_> = (0..16u128)
        .map(|door| {
            let (ledger, start) = (ledger.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                for number in 0..50 {
                    let outcome = order(&*ledger, batch(door, number, vec![post(world(USD), purse(), 1, Code::TopUp)]));
                    assert!(is_applied(&outcome));
                    assert!(ledger.totals().journalled > number);
                }
            })
        })
        .collect();
    doors.into_iter().for_each(|door| door.join().unwrap());
    assert_eq!(ledger.totals().journalled, 800);
    Arc::into_inner(ledger).unwrap().abandon();
    let ledger = open_in(folder.path());
    assert_eq!(ledger.balance(purse()), has(800, 0), "nothing that was answered is lost");
    assert_sound(&ledger);
}

#[test]
fn the_same_order_from_many_doors_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { remembered_subjects: 1, ..Settings::new(folder.path().join("ledger.db")) };
    let ledger = Arc::new(SqliteLedger::open(settings).unwrap());
    let start = Arc::new(Barrier::new(8));
    let doors: Vec<_> = (0..8)
        .map(|_| {
            let (ledger, start) = (ledger.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                let orders =
                    (0..200u128).map(|key| batch(key << 100 | 5, 0, vec![post(world(USD), purse(), 1, Code::TopUp)]));
                orders.filter(|batch| is_applied(&tell(&*ledger, batch.clone()))).count()
            })
        })
        .collect();
    let applied: usize = doors.into_iter().map(|door| door.join().unwrap()).sum();
    assert_eq!(applied, 200);
    assert_eq!(ledger.balance(purse()), has(200, 0));
    assert_sound(&*ledger);
}
