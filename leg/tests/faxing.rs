//! A caller that offers fax over T.38 in its first INVITE: which of its streams is carried, and what it is answered.
//!
//! What the called side makes of it is in `carrier/faxing.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall stop")]

mod phone;

use domain::call_control::LegOrder;
use domain::fax::FaxPolicy;
use domain::media::Carriage;
use domain::srtp::SrtpPolicy;
use leg::{Event, sdp};
use phone::{Phone, calls};

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n";
const IMAGE: &str = "m=image 12000 udptl t38\r\na=T38FaxVersion:0\r\n";
const NO_SOUND: &str = "m=audio 0 RTP/AVP 0\r\n";
const SOUND: &str = "m=audio 12002 RTP/AVP 0\r\n";
const VIDEO: &str = "m=video 12004 RTP/AVP 31\r\n";

fn caller(streams: &[&str], t38: FaxPolicy, srtp: SrtpPolicy) -> Phone {
    let mut phone = calls(srtp, &format!("{HEAD}{}", streams.concat()));
    phone.leg.permit_fax(t38);
    phone
}

/// RFC 3264 6: as many streams as were offered, in their order; the others with port 0.
#[test]
fn fax_as_the_only_stream_or_beside_others_is_answered_in_its_place() {
    let theirs = sdp::read(format!("{HEAD}{}", IMAGE.replace("12000", "14000")).as_bytes()).unwrap();
    for (streams, place) in [
        (vec![IMAGE], 0),
        (vec![NO_SOUND, IMAGE], 1),
        (vec![IMAGE, NO_SOUND], 0),
        (vec![VIDEO, NO_SOUND, IMAGE], 2),
        (vec![IMAGE, IMAGE], 0),
    ] {
        let mut phone = caller(&streams, FaxPolicy::Relay, SrtpPolicy::Preferred);
        let order = phone.leg.sound().unwrap();
        assert_eq!((order.carriage, order.rtp.port()), (Carriage::Udptl, 12_000));
        let (answer, _) = phone.hears(Event::Ordered(LegOrder::Answer { media: theirs.clone() }));
        assert_eq!(answer.streams.len(), streams.len());
        for (index, stream) in answer.streams.iter().enumerate() {
            assert_eq!(stream.receives_at.map(|at| at.port()), (index == place).then_some(20_000), "{streams:?}");
            assert!(stream.crypto.is_empty());
        }
        assert_eq!(answer.streams[place].fax, ["T38FaxVersion:0"]);
    }
}

/// Where both are offered, sound is carried and fax asks again in the call: no answer may take both, for there is one port.
#[test]
fn of_sound_and_fax_the_sound_is_taken() {
    for (streams, place) in [([SOUND, IMAGE], 0), ([IMAGE, SOUND], 1)] {
        let mut phone = caller(&streams, FaxPolicy::Relay, SrtpPolicy::Off);
        assert_eq!(phone.leg.sound().unwrap().carriage, Carriage::Rtp);
        let answer = phone.is_answered();
        assert_eq!(answer.streams.len(), 2);
        assert!(answer.streams[place].receives_at.is_some() && answer.streams[1 - place].receives_at.is_none());
    }
}

#[test]
fn fax_that_may_not_pass_has_no_sound() {
    assert_eq!(caller(&[IMAGE], FaxPolicy::Refuse, SrtpPolicy::Off).leg.sound(), None);
    assert_eq!(caller(&[IMAGE], FaxPolicy::Relay, SrtpPolicy::Required).leg.sound(), None);
}
