//! Ten thousand calls, one after the other: nothing is left of them. The only test of its process, which counts descriptors.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod common;

use common::{PATIENCE, Room, settings};
use media::{BySide, MediaSettings, OpenRequest, SessionId};
use std::collections::BTreeSet;
use std::sync::mpsc::sync_channel;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn after_ten_thousand_calls_every_port_and_socket_is_back() {
    let settings = MediaSettings { kept_pairs_max: 0, ..settings(10_000) };
    let range = settings.ports;
    let room = Room::start(settings);
    let before = descriptors();
    let mut ports = BTreeSet::new();
    for hundred in 0..100 {
        let sessions = hundred * 100..(hundred + 1) * 100;
        for session in sessions.clone() {
            let opened = room.open(session, OpenRequest::relay()).unwrap();
            let b = opened.b.unwrap();
            assert!((range.first..range.last).contains(&opened.a.port()) && opened.a.port().is_multiple_of(2));
            assert_ne!(opened.a, b);
            ports.extend([opened.a.port(), b.port()]);
        }
        let (sender, closed) = sync_channel(100);
        for session in sessions.clone() {
            let sender = sender.clone();
            room.media.close(SessionId(session), Box::new(move |report| sender.send(report).unwrap()));
        }
        for _ in sessions {
            assert_eq!(closed.recv_timeout(PATIENCE).unwrap().unwrap().sides, BySide::default());
        }
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
