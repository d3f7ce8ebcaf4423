//! The cap of a day over two nodes that share one Redis: what both count never passes it, and reaches it exactly; a flush, a node that dies,
//! and one that comes back change nothing of it.
//!
//! What counts, and when, is `switch`'s; the laws for each engine are in `laws.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::pair::Pair;
use clerk::*;
use domain::credit::{Batch, Code, RefusedBecause, Unit};
use ledger::Ledger;
use ledger::redis::RedisLedger;
use std::sync::{Arc, Barrier};

const TODAY: u16 = 20_779;
const CAP: i64 = 137;

fn counted(ledger: &RedisLedger) -> i64 {
    ledger.balance(day(TODAY)).posted
}

/// A call of `amount` asks to be placed.
fn opening(subject: u128, amount: i64) -> Batch {
    let held = [hold(subject, 0, channels(), 1), count(TODAY, amount, CAP), hold(subject, 30, profile(), amount)];
    batch(subject, 0, held.to_vec())
}

fn admits(ledger: &RedisLedger, subject: u128, amount: i64) -> bool {
    is_applied(&tell(ledger, opening(subject, amount)))
}

fn gives_back(ledger: &RedisLedger, subject: u128, amount: i64) {
    let back = post(day(TODAY), world(Unit::Day(TODAY)), amount, Code::DailyCap);
    assert!(is_applied(&tell(ledger, batch(subject, 2, vec![release(subject, 30), back]))));
}

#[test]
fn two_nodes_admit_together_exactly_what_the_cap_has_room_for() {
    let house = Pair::new();
    let nodes = [Arc::new(house.open(0)), Arc::new(house.open(1))];
    endow(&*nodes[0], 1_000_000, 10_000);
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4u128)
        .map(|number| {
            let (node, start) = (Arc::clone(&nodes[number as usize % 2]), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                (0..100u128).filter(|call| admits(&node, number << 64 | call << 8 | 1, 1)).count()
            })
        })
        .collect();
    let admitted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(admitted, CAP as usize, "of 400 calls on two nodes");
    for node in &nodes {
        assert_eq!(counted(node), CAP);
        assert_sound(&**node);
    }
}

#[test]
fn what_was_counted_outlives_the_node_that_counted_it_and_a_flush() {
    let house = Pair::new();
    let (first, second) = (Arc::new(house.open(0)), Arc::new(house.open(1)));
    endow(&*first, 1_000, 10);
    assert!(admits(&first, 1, 100) && admits(&second, 2, 30));
    first.flush().unwrap();
    Arc::into_inner(first).unwrap().abandon();
    assert!(!admits(&second, 3, 8), "130 of 137 are gone");
    house.flush();
    let first = Arc::new(house.open(0));
    let beyond = insist(&*second, &opening(4, 8));
    assert_eq!(beyond, refused(1, RefusedBecause::AboveLimit), "still 130 of 137, once both have laid what they have");
    gives_back(&first, 1, 100);
    assert!(admits(&second, 5, 107), "exactly what is left");
    assert!(!admits(&first, 6, 1));
    assert_eq!((counted(&first), counted(&second)), (CAP, CAP));
    assert_sound(&*first);
    assert_sound(&*second);
}

/// Each node posts back what it has counted itself; then nothing of that day is left in Redis.
#[test]
fn a_day_that_both_nodes_have_closed_is_gone_from_redis() {
    let house = Pair::new();
    let nodes = [Arc::new(house.open(0)), Arc::new(house.open(1))];
    endow(&*nodes[0], 1_000, 10);
    assert!(admits(&nodes[0], 1, 100) && admits(&nodes[1], 2, 30));
    for (node, ledger) in nodes.iter().enumerate() {
        let share = ledger.share(company(1)).into_iter().find(|(account, _)| *account == day(TODAY)).unwrap();
        assert_eq!(share.1.posted, [100, 30][node]);
        let back = post(day(TODAY), world(Unit::Day(TODAY)), share.1.posted, Code::DailyCap);
        assert!(is_applied(&tell(&**ledger, batch(900 + node as u128, 0, vec![back]))));
    }
    for key in ["balances".to_owned(), format!("part:{}", nodes[0].node()), format!("part:{}", nodes[1].node())] {
        let key = format!("tandem:{{{:032x}}}:{key}", 1);
        let fields: Vec<String> = redis::cmd("HKEYS").arg(&key).query(&mut house.server.connection()).unwrap();
        assert!(!fields.is_empty() && !fields.iter().any(|field| field.contains(":day/")), "{key}: {fields:?}");
    }
    for ledger in &nodes {
        assert_sound(&**ledger);
    }
}
