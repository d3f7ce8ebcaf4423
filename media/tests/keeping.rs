//! Ports that are kept open after their sessions: who gets them, and that nothing of the session before is heard in them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on shall stop, by the clock")]

mod common;

use common::{PATIENCE, Phone, Room, settings};
use media::{MediaSettings, OpenRequest, Opened, SessionId, Side};
use std::collections::BTreeSet;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

const FIRST_PORT: u16 = 40_000;
/// Sessions that are opened together, and closed together.
const CROWD: u64 = 400;

/// Opens a relay; whether it was answered by the thread that asked, as only sockets that are open already allow.
fn open(room: &Room, session: u64) -> (Opened, bool) {
    let (sender, receiver) = sync_channel(1);
    let asker = thread::current().id();
    let reply = move |opened| sender.send((opened, thread::current().id() == asker)).unwrap();
    room.media.open(SessionId(session), OpenRequest::relay(), Box::new(reply));
    let (opened, is_kept) = receiver.recv_timeout(PATIENCE).unwrap();
    (Result::unwrap(opened), is_kept)
}

fn close(room: &Room, sessions: std::ops::Range<u64>) {
    let (sender, closed) = sync_channel(CROWD as usize);
    for session in sessions.clone() {
        let sender = sender.clone();
        room.media.close(SessionId(session), Box::new(move |report| sender.send(report).unwrap()));
    }
    for _ in sessions {
        assert!(closed.recv_timeout(PATIENCE).unwrap().is_some());
    }
}

#[test]
fn ports_of_ended_calls_serve_later_ones_which_hear_nobody_but_their_own() {
    wire::raise_open_files_limit().unwrap();
    let room = Room::start(MediaSettings { threads: 1, ..settings(FIRST_PORT) });
    let began = Instant::now();
    let (mut session, mut former, mut again) = (0, BTreeSet::new(), None);
    while again.is_none() {
        assert!(began.elapsed() < PATIENCE, "no port of {} was given again", former.len());
        let first = session;
        for _ in 0..CROWD {
            let (opened, is_kept) = open(&room, session);
            let ports = [opened.a.port(), opened.b.unwrap().port()];
            assert!(!is_kept || ports.iter().all(|port| former.contains(port)));
            if is_kept {
                again = again.or(Some((session, opened)));
            }
            former.extend(ports);
            session += 1;
        }
        assert_eq!(room.totals().ports_in_use, CROWD * 4);
        let kept = again.map(|(session, _)| session);
        close(&room, first..kept.unwrap_or(session));
        if let Some(kept) = kept {
            close(&room, kept + 1..session);
        }
        assert_eq!(room.totals().ports_in_use, if kept.is_some() { 4 } else { 0 }, "kept ports are free ones");
    }
    let (session, opened) = again.unwrap();
    let (a, b, stranger) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"), Phone::new("127.0.0.66"));
    room.media.set_remote(SessionId(session), Side::A, a.remote()).unwrap();
    room.media.set_remote(SessionId(session), Side::B, b.remote()).unwrap();
    stranger.speak(opened.a, 0);
    for number in 0..20 {
        assert_eq!(a.speak(opened.a, number), b.hear());
        assert_eq!(b.speak(opened.b.unwrap(), number), a.hear());
    }
    let sides = room.close(session).unwrap().sides;
    assert_eq!((sides.a.packets_received, sides.b.packets_received), (20, 20));
    assert_eq!((sides.a.discarded.total(), sides.b.discarded.total()), (1, 0));
}
