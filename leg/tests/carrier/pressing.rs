//! A carrier that hears keys by INFO: what the caller's side is told of it, and what the relay is.
//!
//! The INFO itself is told in `tests/pressing.rs`.

use crate::world::{SDP, World, destination};
use domain::call_control::LegEvent;
use domain::dtmf::DtmfPolicy;
use domain::media::MediaDescription;
use leg::CarrierTarget;
use sip::Method;

const ALLOW: &str = "Allow: INVITE, ACK, BYE, INFO\r\n";

fn has_keys(media: &MediaDescription) -> bool {
    let is_keys = |map: &Option<String>| map.as_deref() == Some("telephone-event/8000");
    media.streams[0].formats.iter().any(|format| is_keys(&format.rtpmap))
}

fn with_keys() -> String {
    format!("{}a=rtpmap:96 telephone-event/8000\r\n", SDP.replace("RTP/AVP 0", "RTP/AVP 0 96"))
}

/// RFC 6086 has no answer to who takes INFO but Allow.
#[test]
fn a_carrier_without_keys_in_its_sound_is_presented_with_them_where_its_allow_has_info() {
    use DtmfPolicy::{Auto, Info, Rfc4733};
    for (policy, allow, sdp, by_info, is_presented) in [
        (Auto, ALLOW, SDP.to_owned(), true, true),
        (Auto, "", SDP.to_owned(), false, false),
        (Auto, ALLOW, with_keys(), false, true),
        (Info, ALLOW, with_keys(), true, true),
        (Info, "", with_keys(), false, true),
        (Rfc4733, ALLOW, SDP.to_owned(), false, false),
    ] {
        let mut world = World::ordered(CarrierTarget::at(destination()), |order| order.manner.dtmf = policy);
        world.answer(Method::Invite, 183, allow, &sdp);
        assert!(!world.sounds.last().unwrap().keys_by_info, "nobody is told by INFO before the answer");
        world.answer(Method::Invite, 200, allow, &sdp);
        assert_eq!(world.sounds.last().unwrap().keys_by_info, by_info, "{policy} {allow}");
        for event in &world.told {
            let (LegEvent::Ringing { media: Some(media), .. } | LegEvent::Answered { media }) = event else {
                panic!("{event:?}")
            };
            assert_eq!(has_keys(media), is_presented, "{policy} {allow} {event:?}");
        }
    }
}
