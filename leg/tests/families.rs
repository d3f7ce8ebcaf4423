//! Sound of one leg is by one version of IP: what names the other is not taken (RFC 6157, RFC 3261 20.43).
//!
//! Which version a leg has is decided before it is made.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall stop")]

mod phone;

use domain::media::Family;
use domain::srtp::SrtpPolicy;
use leg::sdp;
use phone::{Phone, calls, described};

fn by_ipv6() -> String {
    described("RTP/AVP", "").replace("IP4 192.0.2.10", "IP6 2001:db8::10")
}

#[test]
fn a_caller_has_its_sound_by_the_version_that_its_offer_names() {
    assert_eq!(calls(SrtpPolicy::Off, &described("RTP/AVP", "")).leg.family(), Family::V4);
    assert_eq!(calls(SrtpPolicy::Off, &by_ipv6()).leg.family(), Family::V6);
    assert_eq!(calls(SrtpPolicy::Off, "").leg.family(), Family::V4, "a late offer: as its signalling came");
    let held = described("RTP/AVP", "").replace("IP4 192.0.2.10", "IP6 ::");
    assert_eq!(calls(SrtpPolicy::Off, &held).leg.family(), Family::V4, "nobody's address says nothing");
}

#[test]
fn a_reinvite_to_another_version_of_ip_is_refused_with_301_and_a_hold_at_nobodys_address_is_not() {
    let mut phone = Phone::talks(SrtpPolicy::Off, &described("RTP/AVP", ""));
    let (_, came) = phone.reinvites(3, &by_ipv6());
    let refused = came.answer.unwrap();
    let warning = String::from_utf8_lossy(refused.header_named("Warning").unwrap()).into_owned();
    assert_eq!(refused.status(), Some(488));
    assert!(warning.starts_with("301 sip.example.net \"media_family: The offer moves"), "{warning}");
    assert!(came.sound.is_none() && came.told.is_empty());
    let hold = described("RTP/AVP", "").replace("IP4 192.0.2.10", "IP6 ::");
    let (_, came) = phone.reinvites(4, &hold);
    let answer = sdp::read(came.answer.unwrap().body()).unwrap();
    assert_eq!(answer.streams[0].direction, domain::media::Direction::RecvOnly, "RFC 3264 8.4");
}
