//! From one place of a carrier to the next within one attempt (RFC 3263 4.3), and where it sends us elsewhere (RFC 3261 8.1.3.4).

use crate::outgoing::destination;
use crate::world::{SDP, World};
use domain::call_control::{LegEvent, LegFailure};
use leg::{CarrierTarget, Hop, Redirects};
use sip::Method;
use sip::endpoint::Destination;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_millis(1_500);

fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, last], 5060))
}

fn hop(last: u8, host: &str) -> Hop {
    Hop { destination: Destination { addr: at(last), ..destination() }, host: host.into() }
}

/// A carrier at .7, .8 and .9.
fn of_three() -> CarrierTarget {
    let others = vec![hop(8, "north.example"), hop(9, "north.example")];
    CarrierTarget { others, patience: PATIENCE, host: "north.example".into(), ..CarrierTarget::at(destination()) }
}

/// RFC 3261 8.1.2 and RFC 3608 6.1; who is named by a 3xx is not behind them.
#[test]
fn proxies_stand_in_route_at_every_place_of_the_carrier_and_at_no_other() {
    let routes = |message: &sip::Message| -> Vec<String> {
        message.routes().map(|route| route.unwrap().uri().as_str().to_owned()).collect()
    };
    let behind = |carrier| CarrierTarget {
        proxy: Some("<sip:proxy.example;lr>".into()),
        service_route: ["<sip:core.example;lr>".into()].into(),
        ..carrier
    };
    let both = ["sip:proxy.example;lr", "sip:core.example;lr"];
    let mut world = World::towards(behind(of_three()));
    world.answer(Method::Invite, 503, "", "");
    let invites: Vec<_> = world.sent.iter().filter(|(_, sent)| sent.method() == Some(&Method::Invite)).collect();
    assert_eq!(invites.len(), 2);
    for (_, invite) in invites {
        assert_eq!(routes(invite), both);
    }
    let mut world = World::towards(behind(redirecting(Vec::new(), &["192.0.2.0/24"])));
    world.answer(Method::Invite, 302, "Contact: <sip:+12025550123@192.0.2.9>\r\n", "");
    let invite = world.last(Method::Invite);
    assert_eq!(invite.uri().unwrap().as_str(), "sip:+12025550123@192.0.2.9");
    assert!(routes(invite).is_empty(), "{:?}", routes(invite));
}

fn redirecting(own: Vec<Hop>, networks: &[&str]) -> CarrierTarget {
    let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    CarrierTarget { redirects: Some(Arc::new(Redirects { own, networks })), ..CarrierTarget::at(destination()) }
}

#[test]
fn a_place_that_is_not_there_or_has_no_room_is_left_for_the_next_with_a_number_of_its_own() {
    let mut world = World::towards(of_three());
    world.unreachable(at(7));
    assert_eq!((world.went_to(Method::Invite), &world.avoided[..]), (vec![at(7), at(8)], &[at(7)][..]));
    world.answer(Method::Invite, 503, "", "");
    assert_eq!(world.went_to(Method::Invite), [at(7), at(8), at(9)]);
    assert_eq!(world.avoided, [at(7)], "who answers is there");
    let invite = world.last(Method::Invite);
    assert_eq!((invite.cseq().unwrap().number, invite.call_id().unwrap()), (3, "ours@203.0.113.1"));
    assert_eq!(invite.uri().unwrap().as_str(), "sip:+12025550123@north.example");
    assert!(world.told.is_empty(), "the call hears nothing of it: {:?}", world.told);
    world.answer(Method::Invite, 503, "", "");
    assert!(
        matches!(world.told[..], [LegEvent::Refused { status: 503, .. }]),
        "the last one's answer is the carrier's"
    );
}

#[test]
fn a_place_that_says_nothing_is_left_after_its_time_and_the_last_one_is_the_calls_to_leave() {
    let mut world = World::towards(of_three());
    world.wait(PATIENCE - Duration::from_millis(1));
    assert_eq!(world.went_to(Method::Invite), [at(7)]);
    world.wait(Duration::from_millis(1));
    assert_eq!(world.went_to(Method::Invite), [at(7), at(8)]);
    world.wait(PATIENCE);
    assert_eq!((world.went_to(Method::Invite), &world.avoided[..]), (vec![at(7), at(8), at(9)], &[at(7), at(8)][..]));
    world.wait(PATIENCE * 3);
    assert_eq!(world.went_to(Method::Invite).len(), 3);
    assert!(world.told.is_empty());
}

#[test]
fn a_100_is_enough_to_be_waited_for() {
    let mut world = World::towards(of_three());
    world.answer(Method::Invite, 100, "", "");
    world.wait(PATIENCE * 3);
    assert_eq!(world.went_to(Method::Invite), [at(7)]);
    assert!(matches!(world.told[..], [LegEvent::Trying]));
}

/// RFC 3261 9.1, 13.2.2.4: nobody is left talking to nobody.
#[test]
fn a_place_that_was_left_is_cancelled_when_it_wakes_and_hung_up_on_where_it_answers_all_the_same() {
    let mut world = World::towards(of_three());
    let first = world.last(Method::Invite).clone();
    world.wait(PATIENCE);
    world.answer_to(&first, 180, "", "");
    assert_eq!(world.last(Method::Cancel).cseq().unwrap().number, 1);
    assert!(world.told.is_empty(), "it rings where nobody listens any more: {:?}", world.told);
    world.answer_to(&first, 200, "", SDP);
    assert_eq!(world.last(Method::Ack).cseq().unwrap().number, 1);
    assert_eq!(world.last(Method::Bye).to_tag(), Some("theirs"));
    world.answer(Method::Bye, 200, "", "");
    world.answer(Method::Invite, 200, "", SDP);
    assert!(matches!(world.told[..], [LegEvent::Answered { .. }]), "{:?}", world.told);
}

#[test]
fn where_the_last_place_is_not_there_either_the_attempt_has_failed() {
    let mut world = World::towards(of_three());
    for last in 7..=9 {
        world.unreachable(at(last));
    }
    assert!(matches!(world.told[..], [LegEvent::Failed(LegFailure::Transport)]), "{:?}", world.told);
    let mut world = World::towards(of_three());
    world.answer(Method::Invite, 486, "", "");
    assert_eq!(world.went_to(Method::Invite), [at(7)], "busy is busy everywhere");
}

#[test]
fn a_redirection_is_followed_by_q_to_places_that_are_the_carriers_or_named_by_it() {
    let mut world = World::towards(redirecting(vec![hop(7, "a:5060"), hop(8, "north.example")], &["203.0.113.0/24"]));
    let contacts = "Contact: <sip:+12025550123@192.0.2.66>;q=1.0, <sip:+12025550123@203.0.113.9:5070>;q=0.5, \
                    <sip:+12025550123@north.example>;q=0.75\r\n";
    world.answer(Method::Invite, 302, contacts, "");
    assert_eq!(world.went_to(Method::Invite), [at(7), at(8)], "192.0.2.66 is nobody's");
    assert_eq!(world.last(Method::Invite).uri().unwrap().as_str(), "sip:+12025550123@north.example");
    world.answer(Method::Invite, 503, "", "");
    let named: SocketAddr = "203.0.113.9:5070".parse().unwrap();
    assert_eq!(world.went_to(Method::Invite), [at(7), at(8), named]);
    world.answer(Method::Invite, 200, "", SDP);
    assert!(matches!(world.told[..], [LegEvent::Answered { .. }]));
}

#[test]
fn another_number_another_way_and_a_loop_are_not_followed() {
    for contact in [
        "Contact: <sip:+88161234567@198.51.100.8>\r\n",
        "Contact: <sip:198.51.100.8>\r\n",
        "Contact: <tel:+12025550123>\r\n",
        "Contact: <sips:+12025550123@198.51.100.8>\r\n",
        "Contact: <sip:+12025550123@198.51.100.8;transport=tcp>\r\n",
        "Contact: <sip:+12025550123@elsewhere.example>\r\n",
        "Contact: <sip:+12025550123@[2001:db8::1]>\r\n",
        "Contact: *\r\n",
    ] {
        let mut world = World::towards(redirecting(vec![hop(8, "north.example")], &["2001:db8::/32"]));
        world.answer(Method::Invite, 302, contact, "");
        assert!(matches!(world.told[..], [LegEvent::Refused { status: 302, .. }]), "{contact}: {:?}", world.told);
    }
    let mut world = World::towards(redirecting(vec![hop(8, "north.example")], &[]));
    for _ in 0..4 {
        world.answer(Method::Invite, 302, "Contact: <sip:+12025550123@198.51.100.8>\r\n", "");
    }
    assert_eq!(world.went_to(Method::Invite).len(), 4, "three redirections");
    assert!(matches!(world.told[..], [LegEvent::Refused { status: 302, .. }]));
}

#[test]
fn without_leave_a_redirection_is_a_refusal() {
    let mut world = World::towards(CarrierTarget::at(destination()));
    world.answer(Method::Invite, 302, "Contact: <sip:+12025550123@198.51.100.7>\r\n", "");
    assert!(matches!(world.told[..], [LegEvent::Refused { status: 302, .. }]));
}
