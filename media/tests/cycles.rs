//! Ten thousand calls, one after the other: nothing is left of them. The only test of its process, which counts descriptors.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod common;

use common::{Room, settings};
use media::{BySide, OpenRequest};
use std::collections::BTreeSet;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn after_ten_thousand_calls_every_port_and_socket_is_back() {
    let settings = settings(10_000);
    let range = settings.ports;
    let room = Room::start(settings);
    let before = descriptors();
    let mut ports = BTreeSet::new();
    for session in 0..10_000 {
        let opened = room.open(session, OpenRequest::relay()).unwrap();
        let b = opened.b.unwrap();
        assert!((range.first..range.last).contains(&opened.a.port()) && opened.a.port().is_multiple_of(2));
        assert_ne!(opened.a, b);
        ports.extend([opened.a.port(), b.port()]);
        assert_eq!(room.close(session).unwrap().sides, BySide::default());
    }
    assert_eq!(descriptors(), before, "no socket is left");
    let totals = room.totals();
    assert_eq!((totals.ports_in_use, totals.port_limit, totals.sessions_relay), (0, 10_000, 0));
    assert_eq!((totals.sessions_opened, totals.sessions_refused), (10_000, 0));
    // 20,000 draws from 5,000 pairs leave e^-4 of them, 92, undrawn on average.
    assert!(ports.len() > 4_700, "{} of 5,000 pairs were drawn: not random", ports.len());
    room.media.stop();
    assert!(descriptors() < before, "the threads' pollers are closed");
}
