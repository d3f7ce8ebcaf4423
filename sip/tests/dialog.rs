//! Dialogs of both sides: what their requests say, which requests of the peer they take, and strict routers (RFC 3261 12).
#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use sip::dialog::{Calling, Dialog, Role, Stage, Untimely};
use sip::{Message, Method, Name};

fn message(text: &str) -> Message {
    let message = Message::parse(Bytes::from(text.replace('\n', "\r\n"))).unwrap();
    message.check().unwrap();
    message
}

fn invite(lines: &str) -> Message {
    message(&format!(
        "INVITE sip:+12025550123@tandem.example SIP/2.0\n\
         Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKa\n\
         Max-Forwards: 70\n\
         From: \"Alice, PBX\" <sip:alice@pbx.example>;tag=pbx\n\
         To: <sip:+12025550123@tandem.example>\n\
         Call-ID: c1\n\
         CSeq: 314 INVITE\n\
         Contact: <sip:alice@198.51.100.7:5062;line=7>\n\
         {lines}Content-Length: 0\n\n"
    ))
}

fn response(status: u16, tag: &str, lines: &str) -> Message {
    message(&format!(
        "SIP/2.0 {status} X\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb\n\
         From: <sip:+442079460000@192.0.2.1>;tag=ours\n\
         To: <sip:+12025550123@carrier.example>;tag={tag}\n\
         Call-ID: c2\n\
         CSeq: 2 INVITE\n\
         {lines}Content-Length: 0\n\n"
    ))
}

fn request(method: &str, cseq: u32, from_tag: &str, to_tag: &str, contact: &str) -> Message {
    message(&format!(
        "{method} sip:192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK{cseq}\n\
         Max-Forwards: 70\n\
         From: <sip:alice@pbx.example>;tag={from_tag}\n\
         To: <sip:+12025550123@tandem.example>;tag={to_tag}\n\
         Call-ID: c1\n\
         CSeq: {cseq} {method}\n\
         Contact: <{contact}>\n\
         Content-Length: 0\n\n"
    ))
}

fn calling() -> Calling {
    Calling {
        call_id: "c2".to_owned(),
        local_tag: "ours".to_owned(),
        local: "<sip:+442079460000@192.0.2.1>".to_owned(),
        remote: "<sip:+12025550123@carrier.example>".to_owned(),
        target: "sip:+12025550123@carrier.example".to_owned(),
        routes: Vec::new(),
        sequence: 0,
        max_forwards: 69,
    }
}

fn printed(print: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    print(&mut out);
    String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "\n")
}

#[test]
fn the_invited_side_speaks_back_over_the_recorded_route_in_its_order() {
    let invite = invite("Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr;x=y>\n");
    let mut dialog = Dialog::as_uas(&invite, "t1").unwrap();
    assert_eq!((dialog.role(), dialog.stage()), (Role::Uas, Stage::Early));
    assert_eq!(dialog.next_hop(), "sip:p2.example;lr");
    let bye = printed(|out| dialog.request(&Method::Bye, out).end());
    assert_eq!(
        bye,
        "BYE sip:alice@198.51.100.7:5062;line=7 SIP/2.0\n\
         Route: <sip:p2.example;lr>\n\
         Route: <sip:p1.example;lr;x=y>\n\
         Max-Forwards: 70\n\
         From: <sip:+12025550123@tandem.example>;tag=t1\n\
         To: \"Alice, PBX\" <sip:alice@pbx.example>;tag=pbx\n\
         Call-ID: c1\n\
         CSeq: 1 BYE\n\
         Content-Length: 0\n\n"
    );
    assert!(printed(|out| dialog.request(&Method::Info, out).end()).contains("CSeq: 2 INFO"));
    dialog.confirm();
    assert_eq!(dialog.stage(), Stage::Confirmed);
}

#[test]
fn the_inviting_side_counts_its_attempts_and_acknowledges_with_the_number_of_the_invite() {
    let mut calling = calling();
    let first = printed(|out| calling.request(&Method::Invite, out).end());
    assert!(first.starts_with("INVITE sip:+12025550123@carrier.example SIP/2.0\nMax-Forwards: 69\n"), "{first}");
    assert!(first.contains("\nFrom: <sip:+442079460000@192.0.2.1>;tag=ours\n"), "{first}");
    assert!(first.contains("\nTo: <sip:+12025550123@carrier.example>\n"), "{first}");
    assert!(first.contains("\nCSeq: 1 INVITE\n"));
    // Again, with credentials.
    assert!(printed(|out| calling.request(&Method::Invite, out).end()).contains("\nCSeq: 2 INVITE\n"));

    let lines = "Record-Route: <sip:p1.example;lr>\nRecord-Route: <sip:p2.example;lr>\nContact: <sip:gw@203.0.113.9>\n";
    let mut dialog = calling.established_by(&response(200, "t9", lines)).unwrap();
    assert_eq!((dialog.role(), dialog.stage()), (Role::Uac, Stage::Confirmed));
    let ack = printed(|out| dialog.ack(out).end());
    assert_eq!(
        ack,
        "ACK sip:gw@203.0.113.9 SIP/2.0\n\
         Route: <sip:p2.example;lr>\n\
         Route: <sip:p1.example;lr>\n\
         Max-Forwards: 70\n\
         From: <sip:+442079460000@192.0.2.1>;tag=ours\n\
         To: <sip:+12025550123@carrier.example>;tag=t9\n\
         Call-ID: c2\n\
         CSeq: 2 ACK\n\
         Content-Length: 0\n\n"
    );
    assert!(printed(|out| dialog.request(&Method::Invite, out).end()).contains("\nCSeq: 3 INVITE\n"));
    assert!(printed(|out| dialog.request(&Method::Info, out).end()).contains("\nCSeq: 4 INFO\n"));
    assert!(printed(|out| dialog.ack(out).end()).contains("\nCSeq: 3 ACK\n"), "of the re-INVITE, not of the INFO");
}

#[test]
fn an_early_dialog_is_confirmed_by_its_2xx_which_sets_route_and_target_anew() {
    let mut calling = calling();
    printed(|out| calling.request(&Method::Invite, out).end());
    let early = response(183, "t9", "Record-Route: <sip:old.example;lr>\nContact: <sip:early@203.0.113.9>\n");
    let mut dialog = calling.established_by(&early).unwrap();
    assert_eq!((dialog.stage(), dialog.next_hop()), (Stage::Early, "sip:old.example;lr"));
    dialog.take_response(&response(200, "t9", "Contact: <sip:late@203.0.113.9>\n")).unwrap();
    assert_eq!((dialog.stage(), dialog.target()), (Stage::Confirmed, "sip:late@203.0.113.9"));
    assert_eq!(dialog.next_hop(), "sip:late@203.0.113.9", "RFC 3261 13.2.2.4");
    // A re-INVITE's answer refreshes the target and leaves the route.
    dialog
        .take_response(&response(200, "t9", "Record-Route: <sip:x.example;lr>\nContact: <sip:new@203.0.113.9>\n"))
        .unwrap();
    assert_eq!(dialog.next_hop(), "sip:new@203.0.113.9");
    // A refusal does not.
    dialog.take_response(&response(488, "t9", "Contact: <sip:no@203.0.113.9>\n")).unwrap();
    assert_eq!(dialog.target(), "sip:new@203.0.113.9");
}

#[test]
fn a_peer_without_contact_is_still_reached() {
    let mut calling = calling();
    printed(|out| calling.request(&Method::Invite, out).end());
    assert_eq!(calling.established_by(&response(200, "t9", "")).unwrap().target(), "sip:+12025550123@carrier.example");
    let text = String::from_utf8(invite("").as_bytes().to_vec()).unwrap();
    let without = Message::parse(Bytes::from(text.replace("Contact: <sip:alice@198.51.100.7:5062;line=7>\r\n", "")));
    assert_eq!(Dialog::as_uas(&without.unwrap(), "t1").unwrap().target(), "sip:alice@pbx.example");
}

/// RFC 3261 12.2.1.1, the example of a strict first route.
#[test]
fn a_strict_router_stands_in_the_request_line_and_the_target_at_the_end() {
    let routes = "Record-Route: <sip:proxy1?Subject=x>, <sip:proxy2>, <sip:proxy3;lr>\n";
    let mut dialog = Dialog::as_uas(&invite(routes), "t1").unwrap();
    let bye = printed(|out| dialog.request(&Method::Bye, out).end());
    assert!(
        bye.starts_with(
            "BYE sip:proxy1 SIP/2.0\n\
             Route: <sip:proxy2>\n\
             Route: <sip:proxy3;lr>\n\
             Route: <sip:alice@198.51.100.7:5062;line=7>\n\
             Max-Forwards: 70\n"
        ),
        "{bye}"
    );
    assert_eq!(dialog.next_hop(), "sip:proxy1?Subject=x");
}

#[test]
fn requests_are_taken_in_rising_order_only() {
    let mut dialog = Dialog::as_uas(&invite(""), "t1").unwrap();
    let take = |dialog: &mut Dialog, cseq| dialog.take_request(&request("INFO", cseq, "pbx", "t1", "sip:x"));
    assert_eq!(take(&mut dialog, 314), Err(Untimely::OutOfOrder), "the INVITE had it");
    assert_eq!(take(&mut dialog, 320), Ok(()), "gaps are allowed");
    assert_eq!(take(&mut dialog, 319), Err(Untimely::OutOfOrder));
    assert_eq!(take(&mut dialog, 321), Ok(()));
    assert_eq!(Untimely::OutOfOrder.status(), 500);
}

#[test]
fn requests_with_other_tags_are_not_of_this_dialog() {
    let mut dialog = Dialog::as_uas(&invite(""), "t1").unwrap();
    for (from_tag, to_tag) in [("other", "t1"), ("pbx", "other")] {
        let refused = dialog.take_request(&request("BYE", 400, from_tag, to_tag, "sip:x"));
        assert_eq!(refused, Err(Untimely::OtherDialog));
    }
    assert_eq!(Untimely::OtherDialog.status(), 481);
    assert_eq!(dialog.take_request(&request("BYE", 315, "pbx", "t1", "sip:x")), Ok(()), "nothing was counted");
}

#[test]
fn a_reinvite_and_an_update_move_the_target_and_an_info_does_not() {
    let mut dialog = Dialog::as_uas(&invite(""), "t1").unwrap();
    for (method, cseq, contact, expected) in [
        ("INVITE", 315, "sip:a@1.example", "sip:a@1.example"),
        ("INFO", 316, "sip:b@2.example", "sip:a@1.example"),
        ("UPDATE", 317, "sip:c@3.example", "sip:c@3.example"),
    ] {
        dialog.take_request(&request(method, cseq, "pbx", "t1", contact)).unwrap();
        assert_eq!(dialog.target(), expected, "{method}");
    }
}

#[test]
fn a_message_is_owned_by_the_dialog_whose_call_id_and_tags_it_bears() {
    let mut calling = calling();
    printed(|out| calling.request(&Method::Invite, out).end());
    let dialog = calling.established_by(&response(180, "t9", "")).unwrap();
    assert!(dialog.owns(&response(200, "t9", "")));
    assert!(!dialog.owns(&response(200, "fork", "")));
    assert_eq!((dialog.call_id(), dialog.local_tag(), dialog.remote_tag()), ("c2", "ours", Some("t9")));
}

#[test]
fn what_the_endpoint_adds_its_via_to_is_a_whole_request() {
    let mut calling = calling();
    let text = printed(|out| calling.request(&Method::Invite, out).header(Name::Contact, "<sip:192.0.2.1>").end());
    let via = "SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport";
    message(&text.replacen("SIP/2.0", via, 1));
}
