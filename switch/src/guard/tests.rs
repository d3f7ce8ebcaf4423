//! What the guard does over a day, on a virtual clock.
//!
//! Not here: what is dropped on the wire (`actors`, and the strangers' subject `attacking`).

use super::*;
use Evidence::{Certain, Forgeable};

fn rules() -> Rules {
    Rules { trusted: vec!["198.51.100.0/24".parse().unwrap()], ..Rules::default() }
}

fn source(number: u8) -> Source {
    Source::of([192, 0, 2, number].into())
}

fn at(seconds: u64) -> Now {
    Now::default().after(Duration::from_secs(200_000 + seconds))
}

/// Fails so many times at one instant; the last ban that came of it.
fn fail(guard: &mut Guard, source: Source, times: u32, now: Now) -> Option<Ban> {
    (0..times).filter_map(|_| guard.fail(source, Offence::BadPassword, Certain, now)).last()
}

#[test]
fn the_tenth_wrong_password_in_a_minute_bans_for_five_minutes() {
    let mut guard = Guard::new(rules());
    assert_eq!(fail(&mut guard, source(1), 9, at(0)), None);
    let ban = fail(&mut guard, source(1), 1, at(1)).unwrap();
    assert_eq!((ban.offence, ban.number), (Offence::BadPassword, 1));
    assert_eq!(ban.until.since(ban.since), Duration::from_secs(300));
    assert_eq!(guard.bans(at(300).monotonic).len(), 1);
    assert!(guard.bans(at(301).monotonic).is_empty());
}

#[test]
fn who_mistypes_a_password_every_ten_seconds_is_never_banned() {
    let mut guard = Guard::new(rules());
    assert!((0..1_000).all(|n| fail(&mut guard, source(1), 1, at(n * 10)).is_none()));
}

#[test]
fn each_ban_is_twice_as_long_up_to_a_day_and_a_quiet_day_is_forgiven() {
    let mut guard = Guard::new(rules());
    let (mut begins, mut lengths) = (0, Vec::new());
    for _ in 0..11 {
        let ban = fail(&mut guard, source(1), 10, at(begins)).unwrap();
        let length = ban.until.since(ban.since).as_secs();
        begins += length;
        lengths.push(length);
    }
    assert_eq!(lengths, [300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 76_800, 86_400, 86_400]);
    let ban = fail(&mut guard, source(1), 10, at(begins + 86_400)).unwrap();
    assert_eq!(ban.number, 1, "a day after its last ban ended");
}

/// Looking around without a password counts a tenth.
#[test]
fn a_scanner_over_a_connection_is_banned_after_a_hundred_requests_in_a_minute() {
    let mut guard = Guard::new(rules());
    let first = (1..=200).find(|_| guard.fail(source(1), Offence::Probing, Certain, at(0)).is_some());
    assert_eq!(first, Some(100));
}

/// The lock-out: a stranger sends in the name of a PBX that is not registered yet.
#[test]
fn forged_datagrams_ban_nobody_and_leave_no_mark() {
    let mut guard = Guard::new(rules());
    for _ in 0..10_000 {
        assert_eq!(guard.fail(source(1), Offence::BadPassword, Forgeable, at(0)), None);
    }
    assert_eq!(guard.suspects.len(), 0);
    assert_eq!(fail(&mut guard, source(1), 9, at(0)), None, "nothing was counted before");
}

#[test]
fn who_is_known_is_neither_slowed_nor_banned() {
    let (pbx, trusted, carrier) = (source(1), Source::of([198, 51, 100, 9].into()), source(2));
    let carrier_v6: IpAddr = "2001:db8:0:1::5".parse().unwrap();
    let mut guard = Guard::new(rules());
    guard.prove(pbx, at(0));
    guard.acquaint([carrier.address(), carrier_v6].into());
    for known in [pbx, trusted, carrier, Source::of(carrier_v6)] {
        assert_eq!(fail(&mut guard, known, 1_000, at(1)), None, "{known}");
        assert!((0..1_000).all(|_| guard.answers(known, at(1))), "{known}");
    }
    let stranger = Source::of("2001:db8:0:2::5".parse().unwrap());
    assert!(fail(&mut guard, stranger, 10, at(1)).is_some());
    // Two hours after its last proof a PBX is a stranger again.
    assert!(fail(&mut guard, pbx, 10, at(7_200)).is_some());
}

#[test]
fn a_right_password_makes_up_for_wrong_ones() {
    let mut guard = Guard::new(Rules { proven_for: Duration::from_secs(1), ..rules() });
    fail(&mut guard, source(1), 9, at(0));
    guard.prove(source(1), at(0));
    assert_eq!(fail(&mut guard, source(1), 9, at(2)), None);
}

#[test]
fn a_stranger_gets_a_hundred_answers_a_second_and_one_once_he_has_failed_half_as_often_as_he_may() {
    let mut guard = Guard::new(rules());
    let answered = |guard: &mut Guard, now| (0..500).filter(|_| guard.answers(source(1), now)).count();
    assert_eq!((answered(&mut guard, at(0)), answered(&mut guard, at(1))), (100, 100));
    fail(&mut guard, source(1), 5, at(2));
    assert_eq!((answered(&mut guard, at(2)), answered(&mut guard, at(3))), (1, 1));
    assert_eq!(answered(&mut guard, at(70)), 100, "his failures are forgotten in a minute");
    assert!(guard.answers(source(2), at(3)), "others are not his business");
}

#[test]
fn a_ban_is_lifted_by_a_person_or_by_making_its_source_a_carriers() {
    let mut guard = Guard::new(rules());
    let ban = fail(&mut guard, source(1), 10, at(0)).unwrap();
    assert_eq!((guard.lift(source(1), at(1)), guard.lift(source(1), at(1))), (Some(ban), None));
    assert_eq!(fail(&mut guard, source(1), 10, at(1)).unwrap().number, 1, "and nothing is remembered of it");
    let ended = guard.acquaint([source(1).address()].into());
    assert_eq!(ended.iter().map(|ban| ban.source).collect::<Vec<_>>(), [source(1)]);
    assert!(guard.bans(at(2).monotonic).is_empty());
}

#[test]
fn no_table_grows_beyond_its_limit() {
    let mut guard = Guard::new(Rules { failures_max: 1, ..rules() });
    for number in 0..u32::try_from(PROVEN_MAX + 100).unwrap() {
        let source = Source::of(IpAddr::V4((0x0a00_0000 + number).into()));
        guard.answers(source, at(0));
        guard.fail(source, Offence::UnknownUser, Certain, at(0));
        guard.prove(Source::of(IpAddr::V4((0x0b00_0000 + number).into())), at(0));
    }
    let lengths = (guard.bans.len(), guard.suspects.len(), guard.answered.len(), guard.proven.len());
    assert_eq!(lengths, (BANS_MAX, SUSPECTS_MAX, ANSWERED_MAX, PROVEN_MAX));
}
