//! `tandem ledger rebuild`: Redis made anew from the journals of a house, while none of its nodes runs.
//!
//! Nodes that lay their own part while they run are in `redis_nodes.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::pair::Pair;
use clerk::*;
use domain::credit::Code;
use ledger::redis::{RedisLedger, relay};
use ledger::{Error, Ledger, Lines, StatementLine, StatementPage, StatementQuery, Trim};

fn both(house: &Pair) -> [RedisLedger; 2] {
    [house.open(0), house.open(1)]
}

/// One node gives credit, both speak: 100 in, 30 and 12 spoken, 8 held.
fn live(house: &Pair) {
    let [first, second] = both(house);
    endow(&first, 100, 10);
    let call = |ledger: &RedisLedger, subject: u128, amount: i64, next: i64| {
        let opening = vec![hold(subject, 0, channels(), 1), hold(subject, 30, profile(), amount)];
        assert!(is_applied(&tell(ledger, batch(subject, 0, opening))));
        let tick = vec![capture(subject, 30, amount), hold(subject, 36, profile(), next)];
        assert!(is_applied(&tell(ledger, batch(subject, 1, tick))));
    };
    call(&first, 1, 30, 5);
    call(&second, 2, 12, 3);
    assert_eq!(first.balance(profile()), has(58, 8));
    // The second node's part of the profile is below zero, since its credit came in at the first. That is no overdraft.
    for ledger in [&first, &second] {
        let usd = ledger.totals().money(domain::Currency::USD);
        assert_eq!((usd.overdraft, usd.below_zero), (0, 0));
    }
    for ledger in [first, second] {
        ledger.close().unwrap();
    }
}

fn assert_whole(house: &Pair) {
    for ledger in both(house) {
        assert_eq!((ledger.balance(profile()), ledger.balance(revenue())), (has(58, 8), has(42, 0)));
        assert_eq!(ledger.balance(channels()), has(10, 2));
        assert_sound(&ledger);
        ledger.close().unwrap();
    }
    let (verification, _) = ledger::redis::verify(&house.settings[0]).unwrap();
    assert!(verification.is_clean(), "{verification}");
}

/// The statement of the company and what happened to both calls, as a node tells it.
fn told(ledger: &RedisLedger) -> (StatementPage, [Vec<StatementLine>; 2]) {
    let query =
        StatementQuery { company: company(1), account: None, lines: Lines::All, before: None, after: 0, limit: 1_000 };
    (ledger.statement(&query).unwrap(), [1, 2].map(|call| ledger.history(call).unwrap()))
}

#[test]
fn a_redis_that_was_flushed_has_afterwards_what_the_journals_of_all_nodes_say() {
    let house = Pair::new();
    live(&house);
    house.flush();
    let relaid = relay(&house.settings[0]).unwrap();
    assert_eq!((relaid.nodes.len(), relaid.companies), (2, 1));
    assert_whole(&house);
}

/// The rows of one node, and then of both, are in the archive only.
#[test]
fn journals_that_were_trimmed_say_the_same() {
    let house = Pair::new();
    live(&house);
    for trimmed in 1..=2 {
        let nodes = both(&house);
        let before = nodes.each_ref().map(told);
        assert!(!before[0].0.lines.is_empty() && !before[1].1[0].is_empty(), "there is something to tell");
        let node = &nodes[trimmed - 1];
        let done = node.trim(&Trim::all(at(1_000_000))).unwrap();
        assert!(done.is_done && done.deleted > 0 && done.kept == 0, "{done:?}");
        assert_eq!(nodes.each_ref().map(told), before, "{trimmed} trimmed, told by nodes that run");
        nodes.into_iter().for_each(|node| node.close().unwrap());
        house.flush();
        assert_eq!(relay(&house.settings[0]).unwrap().nodes.len(), 2);
        assert_whole(&house);
        let nodes = both(&house);
        assert_eq!(nodes.each_ref().map(told), before, "{trimmed} trimmed, told after a start");
        nodes.into_iter().for_each(|node| node.close().unwrap());
    }
}

/// Twice, and over a Redis in which somebody has written: what stood there before does not matter.
#[test]
fn what_stood_in_redis_before_does_not_matter() {
    let house = Pair::new();
    live(&house);
    let key = format!("tandem:{{{:032x}}}:balances", 1);
    let fields: Vec<String> = redis::cmd("HKEYS").arg(&key).query(&mut house.server.connection()).unwrap();
    for field in &fields {
        redis::cmd("HSET").arg(&key).arg(field).arg("7 0").exec(&mut house.server.connection()).unwrap();
    }
    assert!(!fields.is_empty(), "there is something to write over");
    relay(&house.settings[1]).unwrap();
    relay(&house.settings[0]).unwrap();
    assert_whole(&house);
}

#[test]
fn nothing_is_rebuilt_under_a_node_that_runs() {
    let house = Pair::new();
    live(&house);
    let running = RedisLedger::open(house.settings[1].clone()).unwrap();
    let refused = relay(&house.settings[0]).unwrap_err();
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    assert!(is_applied(&order(&running, batch(9, 0, vec![post(world(USD), purse(), 1, Code::TopUp)]))));
    assert_eq!(running.balance(profile()), has(58, 8), "it goes on");
    running.close().unwrap();
    assert_eq!(relay(&house.settings[0]).unwrap().nodes.len(), 2);
}
