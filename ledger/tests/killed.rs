//! A process that is killed while it posts: what it promised is kept, its calls are closed once. Crashes without a kill, damage and
//! failing disks are in `journal.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::*;
use domain::credit::{Code, Durability, Memo, Outcome};
use ledger::Ledger;
use ledger::sqlite::{Settings, SqliteLedger, verify};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;

const CHILD: &str = "LEDGER_TEST_CHILD";

/// Field lessons 14 and 32. The test runs itself as a child, which posts and tells what it was promised, until it is killed.
#[test]
fn a_killed_process_keeps_every_promise() {
    if let Ok(path) = std::env::var(CHILD) {
        post_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut promised = 0u64;
    for life in 1..=3u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_keeps_every_promise", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(number) = line.unwrap().strip_prefix("promised ") {
                promised = number.parse().unwrap();
                if promised >= life * 40 {
                    break;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let audit = verify(&path).unwrap();
        assert!(audit.is_clean(), "{audit}");
        let ledger = SqliteLedger::open(Settings::new(&path)).unwrap();
        for number in 1..=promised {
            assert!(matches!(order(&ledger, top_up(number)), Outcome::Replayed(_)), "order {number} of {promised}");
        }
        // Each call is closed once, at what it had paid; a second start finds nothing to do.
        for call in ledger.unfinished().unwrap() {
            let releases = call.open_holds.iter().map(|open| release(call.subject, open.hold.number)).collect();
            let closing = batch(call.subject, call.last_sequence + 1, releases);
            let ended = Memo::CallEnded(format!("{} paid {}", call.subject, call.captured().count()).into());
            assert!(is_applied(&order(&ledger, with_memo(closing, ended))));
        }
        assert_eq!(ledger.totals().open_holds, 0);
        assert_eq!(ledger.balance(channels()), has(1_000_000, 0));
        ledger.close().unwrap();
        let ledger = SqliteLedger::open(Settings::new(&path)).unwrap();
        assert!(ledger.unfinished().unwrap().is_empty());
        assert_sound(&ledger);
        ledger.close().unwrap();
    }
    assert!(promised >= 120);
}

fn top_up(number: u64) -> domain::credit::Batch {
    batch(1 << 127, number, vec![post(world(USD), profile(), 1_000_000, Code::TopUp)])
}

/// Many calls as calls do, one order after another as people do; tells of each order that was answered.
fn post_until_killed(path: &Path) -> ! {
    let ledger = SqliteLedger::open(Settings::new(path)).unwrap();
    // Known after the first life.
    let channels_bought =
        batch(2 << 64, 0, vec![post(world(domain::credit::Unit::Channels), channels(), 1_000_000, Code::Subscription)]);
    order(&ledger, channels_bought);
    let mut number = 1;
    while matches!(order(&ledger, top_up(number)), Outcome::Replayed(_)) {
        number += 1;
    }
    let (tell_us, told) = sync_channel::<u64>(1);
    let mut call = u128::from(number) << 32;
    loop {
        number += 1;
        // An order needs room in the queue, which a dozen calls later there may not be.
        ledger.flush().unwrap();
        let tell_us = tell_us.clone();
        ledger.submit(
            top_up(number),
            Durability::BeforeAnswer,
            Box::new(move |outcome| {
                assert!(is_applied(&outcome));
                tell_us.send(number).unwrap();
            }),
        );
        loop {
            call += 1;
            let begin = vec![hold(call, 0, channels(), 1), hold(call, 30, profile(), 1)];
            assert!(is_applied(&tell_when_there_is_room(
                &ledger,
                with_memo(batch(call, 0, begin), Memo::CallOpened("up".into()))
            )));
            let tick = vec![capture(call, 30, 1), hold(call, 36, profile(), 1)];
            assert!(is_applied(&tell_when_there_is_room(&ledger, batch(call, 1, tick))));
            let end = vec![release(call - 1, 36), release(call - 1, 0)];
            // The first of a life has none before it.
            tell_when_there_is_room(&ledger, with_memo(batch(call - 1, 2, end), Memo::CallEnded("down".into())));
            if let Ok(number) = told.try_recv() {
                println!("promised {number}");
                break;
            }
        }
    }
}
