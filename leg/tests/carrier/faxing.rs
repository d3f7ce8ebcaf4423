//! Fax over T.38 from the first INVITE on, and sound at a version of IP that is not ours.
//!
//! How it is agreed in the middle of a call is told in `actors`.

use crate::world::{SDP, World, destination};
use domain::call_control::{LegEvent, LegFailure, LegOrder, SessionWord};
use domain::fax::FaxPolicy;
use domain::media::{Carriage, MediaDescription};
use domain::srtp::SrtpPolicy;
use leg::{CarrierTarget, Event, sdp};
use sip::Method;

const FAX: &str =
    "v=0\r\nc=IN IP4 192.0.2.10\r\nm=image 12000 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

const KEY: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";

fn fax() -> MediaDescription {
    sdp::read(FAX.as_bytes()).unwrap()
}

fn offered(world: &World) -> String {
    String::from_utf8(world.last(Method::Invite).body().to_vec()).unwrap()
}

fn calls(offer: MediaDescription, t38: FaxPolicy, srtp: SrtpPolicy) -> World {
    World::ordered(CarrierTarget::at(destination()), |order| {
        (order.offer, order.manner.t38, order.srtp) = (offer, t38, srtp);
    })
}

/// ITU-T T.38 D.2.
#[test]
fn a_fax_call_is_offered_in_the_machines_words_and_its_answer_is_relayed_as_udptl() {
    for srtp in [SrtpPolicy::Off, SrtpPolicy::Preferred] {
        let mut world = calls(fax(), FaxPolicy::Relay, srtp);
        let offer = offered(&world);
        assert!(
            offer.contains("m=image 20000 udptl t38\r\n") && offer.contains("a=T38FaxUdpEC:t38UDPRedundancy"),
            "{offer}"
        );
        assert!(!offer.contains("m=audio") && !offer.contains("a=crypto"), "{offer}");
        world.answer(Method::Invite, 200, "", &FAX.replace("12000", "14000"));
        let order = world.sounds.last().unwrap();
        assert_eq!((order.carriage, order.rtp.port()), (Carriage::Udptl, 14_000));
        assert!(matches!(&world.told[..], [LegEvent::Answered { media }] if media.fax().is_some()));
    }
}

#[test]
fn fax_that_may_not_pass_is_never_offered_and_sound_is_no_answer_to_it() {
    for (t38, srtp) in [(FaxPolicy::Refuse, SrtpPolicy::Off), (FaxPolicy::Relay, SrtpPolicy::Required)] {
        let world = calls(fax(), t38, srtp);
        assert!(world.sent.is_empty(), "{t38} {srtp}");
        assert!(matches!(world.told[..], [LegEvent::Failed(LegFailure::UnusableAnswer)]));
    }
    let mut world = calls(fax(), FaxPolicy::Relay, SrtpPolicy::Off);
    world.answer(Method::Invite, 200, "", SDP);
    assert!(matches!(world.told[..], [LegEvent::Failed(LegFailure::UnusableAnswer)]));
    let mut world = calls(sdp::read(SDP.as_bytes()).unwrap(), FaxPolicy::Relay, SrtpPolicy::Off);
    world.answer(Method::Invite, 200, "", FAX);
    assert!(matches!(world.told[..], [LegEvent::Failed(LegFailure::UnusableAnswer)]), "nor fax to sound");
}

/// RFC 3264 8.3.3: after the last page the machine's telephone is picked up; its leg had no sound before.
#[test]
fn a_call_that_began_with_fax_comes_to_sound_with_keys_of_its_own() {
    let mut world = calls(fax(), FaxPolicy::Relay, SrtpPolicy::Preferred);
    world.answer(Method::Invite, 200, "", FAX);
    let sound = sdp::read(format!("{}{KEY}", SDP.replace("RTP/AVP", "RTP/SAVP")).as_bytes()).unwrap();
    world.hear(Event::Ordered(LegOrder::Session(SessionWord::Offered(sound))));
    let offer = offered(&world);
    assert!(offer.contains("m=audio 20000 RTP/AVP 0") && offer.contains("a=crypto:1 "), "its own policy: {offer}");
    world.answer(Method::Invite, 200, "", SDP);
    assert_eq!(world.sounds.last().unwrap().carriage, Carriage::Rtp);
    assert!(matches!(world.told.last(), Some(LegEvent::Session(SessionWord::Accepted(_)))));
}

/// RFC 6157: ports of one version of IP do not reach the other.
#[test]
fn an_answer_at_another_version_of_ip_is_no_answer() {
    let mut world = World::new(None);
    let elsewhere = SDP.replace("IP4 192.0.2.10", "IP6 2001:db8::10");
    world.answer(Method::Invite, 183, "", &elsewhere);
    assert!(world.sounds.is_empty() && matches!(&world.told[..], [LegEvent::Ringing { media: None, .. }]));
    world.answer(Method::Invite, 200, "", &elsewhere);
    assert!(matches!(world.told.last(), Some(LegEvent::Failed(LegFailure::UnusableAnswer))));
    assert_eq!(world.went_to(Method::Bye).len(), 1, "who was connected is let go");
}
