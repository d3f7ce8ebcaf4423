//! `tandem ledger rebuild`: Redis made anew from the journals of a house, while none of its nodes runs.
//!
//! Nodes that lay their own part while they run are in `redis_nodes.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::roster::Roster;
use clerk::server::RedisServer;
use clerk::*;
use domain::credit::Code;
use ledger::redis::{RedisLedger, Settings, relay};
use ledger::{Error, Ledger};
use std::sync::Arc;

struct House {
    server: RedisServer,
    settings: [Settings; 2],
    _folders: [tempfile::TempDir; 2],
}

impl House {
    fn new() -> House {
        let (server, house) = (RedisServer::start(), Arc::new(Roster::default()));
        let folders = [0, 1].map(|_| tempfile::tempdir().unwrap());
        let settings = folders.each_ref().map(|folder| {
            let mut settings = server.settings(folder.path());
            settings.house = Some(house.clone());
            settings
        });
        House { server, settings, _folders: folders }
    }

    fn open(&self) -> [RedisLedger; 2] {
        self.settings.each_ref().map(|settings| RedisLedger::open(settings.clone()).unwrap())
    }

    /// One node gives credit, both speak: 100 in, 30 and 12 spoken, 8 held.
    fn live(&self) {
        let [first, second] = self.open();
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

    fn flush(&self) {
        redis::cmd("FLUSHALL").exec(&mut self.server.connection()).unwrap();
    }

    fn assert_whole(&self) {
        for ledger in self.open() {
            assert_eq!((ledger.balance(profile()), ledger.balance(revenue())), (has(58, 8), has(42, 0)));
            assert_eq!(ledger.balance(channels()), has(10, 2));
            assert_sound(&ledger);
            ledger.close().unwrap();
        }
        let (verification, _) = ledger::redis::verify(&self.settings[0]).unwrap();
        assert!(verification.is_clean(), "{verification}");
    }
}

#[test]
fn a_redis_that_was_flushed_has_afterwards_what_the_journals_of_all_nodes_say() {
    let house = House::new();
    house.live();
    house.flush();
    let relaid = relay(&house.settings[0]).unwrap();
    assert_eq!((relaid.nodes.len(), relaid.companies), (2, 1));
    house.assert_whole();
}

/// Twice, and over a Redis in which somebody has written: what stood there before does not matter.
#[test]
fn what_stood_in_redis_before_does_not_matter() {
    let house = House::new();
    house.live();
    let key = format!("tandem:{{{:032x}}}:balances", 1);
    let fields: Vec<String> = redis::cmd("HKEYS").arg(&key).query(&mut house.server.connection()).unwrap();
    for field in &fields {
        redis::cmd("HSET").arg(&key).arg(field).arg("7 0").exec(&mut house.server.connection()).unwrap();
    }
    assert!(!fields.is_empty(), "there is something to write over");
    relay(&house.settings[1]).unwrap();
    relay(&house.settings[0]).unwrap();
    house.assert_whole();
}

#[test]
fn nothing_is_rebuilt_under_a_node_that_runs() {
    let house = House::new();
    house.live();
    let running = RedisLedger::open(house.settings[1].clone()).unwrap();
    let refused = relay(&house.settings[0]).unwrap_err();
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    assert!(is_applied(&order(&running, batch(9, 0, vec![post(world(USD), purse(), 1, Code::TopUp)]))));
    assert_eq!(running.balance(profile()), has(58, 8), "it goes on");
    running.close().unwrap();
    assert_eq!(relay(&house.settings[0]).unwrap().nodes.len(), 2);
}
