//! The two agents against each other, without a switch: what they do is true of themselves.
//!
//! What the switch makes of them is told in `demo::story`.

use super::carrier::Carrier;
use super::melody::{Melody, likeness};
use super::pbx::{Account, Call, News, Pbx, PbxSettings, Subscriber};
use actors::clock::Clock;
use domain::Entropy;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(5);
const OURS: Melody = Melody(1);
const THEIRS: Melody = Melody(2);

fn pair() -> (Pbx, Carrier) {
    let clock = Clock::start();
    let carrier = Carrier::start(LOOPBACK, THEIRS, clock, Entropy::from_seed([1; 16])).unwrap();
    let account = Account { user: "pbx".to_owned(), password: "secret".to_owned() };
    let subscriber = Subscriber::at(account, carrier.address());
    let settings = PbxSettings { name: "pbx", ip: LOOPBACK, subscriber, melody: OURS };
    let pbx = Pbx::start(settings, clock, Entropy::from_seed([2; 16])).unwrap();
    (pbx, carrier)
}

fn answered<'a>(pbx: &'a Pbx, number: &str) -> Call<'a> {
    let call = pbx.call(number);
    assert_eq!(call.next(PATIENCE), Some(News::Ringing(180)));
    assert_eq!(call.next(PATIENCE), Some(News::Answered));
    call
}

/// Waits on what can be observed: that so many packets were heard.
fn hear(heard: &super::sound::Heard, packets: u64) {
    let clock = Clock::start();
    while heard.packets() < packets {
        assert!(clock.monotonic().as_micros() < 10_000_000, "{} of {packets} packets after 10 s", heard.packets());
        std::thread::yield_now();
    }
}

#[test]
fn both_hear_what_the_other_plays_until_one_hangs_up() {
    let (pbx, carrier) = pair();
    let call = answered(&pbx, "+12025550123");
    hear(call.heard(), 60);
    let theirs = carrier.answered("+12025550123").unwrap();
    hear(&theirs.heard, 60);
    call.hang_up();
    assert_eq!(call.next(PATIENCE), Some(News::Ended));
    assert!(likeness(&call.heard().samples(), THEIRS) > 0.95);
    assert!(likeness(&theirs.heard.samples(), OURS) > 0.95);
    assert_eq!(theirs.from, "pbx");
}

#[test]
fn the_echo_gives_back_what_was_played() {
    let (pbx, _carrier) = pair();
    let call = answered(&pbx, "442079460104");
    hear(call.heard(), 60);
    call.hang_up();
    assert_eq!(call.next(PATIENCE), Some(News::Ended));
    assert!(likeness(&call.heard().samples(), OURS) > 0.95);
}

#[test]
fn busy_is_refused_and_what_never_answers_can_be_given_up() {
    let (pbx, _carrier) = pair();
    let busy = pbx.call("+12025550102");
    assert!(matches!(busy.next(PATIENCE), Some(News::Refused { status: 486, .. })));
    let rings = pbx.call("+12025550103");
    assert_eq!(rings.next(PATIENCE), Some(News::Ringing(180)));
    rings.hang_up();
    assert!(matches!(rings.next(PATIENCE), Some(News::Refused { status: 487, .. })));
    let nobody = pbx.call("+15550000");
    assert!(matches!(nobody.next(PATIENCE), Some(News::Refused { status: 404, .. })));
}
