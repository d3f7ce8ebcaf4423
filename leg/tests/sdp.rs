//! Session descriptions as PBXs and carriers really write them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::media::{Direction, MediaDescription, StreamKind};
use leg::negotiation::{answer_back, answer_ourselves, offer_onwards};
use leg::sdp::{Origin, SdpFault, print, read};
use std::net::SocketAddr;

const PBX: &str = "v=0\r\no=- 20518 0 IN IP4 192.0.2.10\r\ns=caf\u{e9}\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
    m=audio 12000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

const CARRIER: &str = "v=0\no=x 1 1 IN IP4 198.51.100.7\ns=-\nt=0 0\nm=audio 40000 RTP/AVP 8 101\nc=IN IP4 198.51.100.7\n\
    a=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=rtcp:40007 IN IP4 198.51.100.8\n";

fn ours() -> SocketAddr {
    "203.0.113.1:20000".parse().unwrap()
}

fn origin() -> Origin {
    Origin { session: 1, version: 1, address: ours().ip() }
}

fn described(text: &str) -> MediaDescription {
    read(text.as_bytes()).unwrap()
}

#[test]
fn an_offer_is_read_with_its_codecs_address_and_direction() {
    let offer = described(PBX);
    let audio = offer.audio().unwrap();
    assert_eq!(audio.receives_at, Some("192.0.2.10:12000".parse().unwrap()));
    assert_eq!(audio.formats.iter().map(|format| format.payload_type).collect::<Vec<_>>(), [0, 8, 101]);
    assert_eq!(audio.formats[2].fmtp, ["0-15"]);
    assert_eq!(audio.ptime_ms, Some(20));
    assert_eq!(audio.direction, Direction::SendRecv);
}

#[test]
fn lines_without_carriage_returns_and_addresses_per_stream_are_read() {
    let answer = described(CARRIER);
    let audio = answer.audio().unwrap();
    assert_eq!(audio.receives_at, Some("198.51.100.7:40000".parse().unwrap()));
    assert_eq!(audio.receives_rtcp_at, Some("198.51.100.8:40007".parse().unwrap()));
}

#[test]
fn a_session_direction_holds_for_streams_that_do_not_say_otherwise() {
    let held = described(
        "v=0\r\nc=IN IP4 0.0.0.0\r\na=sendonly\r\nm=audio 9 RTP/AVP 0\r\nm=audio 11 RTP/AVP 0\r\na=inactive\r\n",
    );
    assert_eq!(held.streams[0].direction, Direction::SendOnly);
    assert_eq!(held.streams[1].direction, Direction::Inactive);
}

#[test]
fn what_is_printed_reads_back_as_it_was() {
    let mut offer = offer_onwards(&described(PBX), ours()).unwrap();
    let text = print(&offer, origin());
    assert_eq!(read(text.as_bytes()).unwrap(), offer);
    offer.streams[0].receives_at = Some("[2001:db8::1]:9000".parse().unwrap());
    let text = print(&offer, Origin { address: "2001:db8::1".parse().unwrap(), ..origin() });
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n"));
    assert_eq!(read(text.as_bytes()).unwrap(), offer);
}

#[test]
fn the_carrier_sees_our_address_and_the_callers_codecs_only() {
    let text = print(&offer_onwards(&described(PBX), ours()).unwrap(), origin());
    assert!(!text.contains("192.0.2.10"));
    assert!(text.contains("m=audio 20000 RTP/AVP 0 8 101\r\n"));
    assert!(text.contains("a=fmtp:101 0-15\r\n"));
}

#[test]
fn the_caller_gets_the_carriers_choice_and_every_other_stream_refused() {
    let video = format!("{PBX}m=video 12002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
    let answer = answer_back(&described(&video), &described(CARRIER), ours()).unwrap();
    assert_eq!(answer.streams.len(), 2);
    assert_eq!(answer.streams[0].formats.iter().map(|format| format.payload_type).collect::<Vec<_>>(), [8, 101]);
    assert_eq!(answer.streams[0].receives_at, Some(ours()));
    assert_eq!(answer.streams[1].kind, StreamKind::Other("video".into()));
    assert_eq!(answer.streams[1].receives_at, None);
}

/// ITU-T T.38 D.2.3: the words of one machine reach the other as they stand, and stand nowhere else.
#[test]
fn fax_is_read_and_printed_with_its_attributes_and_nothing_of_it_clings_to_sound() {
    let words = "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxFillBitRemoval\r\n";
    let fax = format!("v=0\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=image 12000 udptl t38\r\n{words}");
    let offer = described(&fax);
    assert!(offer.streams[0].is_fax());
    let text = print(&offer, origin());
    assert!(text.contains(&format!("m=image 12000 udptl t38\r\nc=IN IP4 192.0.2.10\r\n{words}")), "{text}");
    assert_eq!(read(text.as_bytes()).unwrap(), offer);
    assert!(!described(&fax.replace("image 12000", "image 0")).streams[0].is_fax(), "refused");
    assert!(described(&format!("{PBX}{words}")).streams[0].fax.is_empty());
    let endless = format!("{fax}{}", "a=T38Vendor:x\r\n".repeat(50));
    assert_eq!(described(&endless).streams[0].fax.len(), domain::media::FAX_ATTRIBUTES_MAX);
}

#[test]
fn an_answer_without_a_common_codec_is_none() {
    let foreign = "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 40000 RTP/AVP 18\r\n";
    assert_eq!(answer_back(&described(PBX), &described(foreign), ours()), None);
    let refused = "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 0 RTP/AVP 0\r\n";
    assert_eq!(answer_back(&described(PBX), &described(refused), ours()), None);
}

/// RFC 3264 6.1, field lesson 39: who offers finds its own numbers again, at each clock rate; the relay puts the carrier's in their place.
#[test]
fn a_caller_is_answered_with_its_own_numbers_however_the_carrier_numbers_keys() {
    let carrier = CARRIER.replace("101", "96");
    let answer = answer_back(&described(PBX), &described(&carrier), ours()).unwrap();
    let keys = answer.streams[0].formats.last().unwrap();
    assert_eq!((keys.payload_type, keys.rtpmap.as_deref()), (101, Some("telephone-event/8000")));
    let wide = CARRIER.replace("telephone-event/8000", "telephone-event/16000");
    let answer = answer_back(&described(PBX), &described(&wide), ours()).unwrap();
    assert_eq!(answer.streams[0].formats.len(), 1, "keys of another clock are not what was offered");
}

#[test]
fn our_own_answer_takes_the_preferred_codec_and_keys() {
    let answer = answer_ourselves(&described(PBX), ours()).unwrap();
    assert_eq!(answer.streams[0].formats.iter().map(|format| format.payload_type).collect::<Vec<_>>(), [0, 101]);
}

#[test]
fn encrypted_sound_alone_is_not_carried_until_it_can_be() {
    let secure = PBX.replace("RTP/AVP", "RTP/SAVP");
    assert_eq!(offer_onwards(&described(&secure), ours()), None);
}

#[test]
fn what_is_no_description_is_refused_with_the_line_and_what_would_be_right() {
    let fault = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(fault("s=-\r\n"), "line 1 of the session description is not understood: expected v=0 as the first line");
    assert_eq!(fault(""), "the session description has no v= line");
    assert!(fault("v=0\r\nm=audio 9 RTP/AVP 0\r\n").contains("line 2"));
    assert!(fault("v=0\r\nc=IN IP4 host.example\r\n").contains("expected c=IN IP4 or IP6 and an address"));
    assert!(fault("v=0\r\nc=IN IP4 2001:db8::1\r\n").contains("line 2"));
    assert!(fault("v=0\r\nm=audio 99999 RTP/AVP 0\r\n").contains("m= with media"));
    assert!(fault("v=0\r\nm=audio 9 RTP/AVP 200\r\n").contains("payload types of 0 to 127"));
    assert_eq!(read(&vec![b'v'; 20_000]), Err(SdpFault::TooLarge(20_000)));
}

#[test]
fn lists_without_end_are_cut_off_with_a_reason() {
    let streams = format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{}", "m=audio 9 RTP/AVP 0\r\n".repeat(9));
    assert!(read(streams.as_bytes()).unwrap_err().to_string().contains("at most 8 media lines"));
    let formats = format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 9 RTP/AVP{}\r\n", " 0".repeat(33));
    assert!(read(formats.as_bytes()).unwrap_err().to_string().contains("at most 32 formats"));
}

#[test]
fn nothing_from_the_other_leg_can_break_out_of_its_line() {
    let mut offer = described(PBX);
    offer.streams[0].formats[0].rtpmap = Some("PCMU/8000\r\na=evil".into());
    assert!(!print(&offer, origin()).contains("\r\na=evil"));
}
