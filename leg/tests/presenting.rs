//! What an INVITE says of its caller, as a call hears it: identities, wishes to stay unknown, diversions, and lines that may pass.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use domain::CarrierId;
use domain::call_control::{Invitation, Proof};
use sip::Message;

fn heard(lines: &str) -> Invitation {
    let text = format!(
        "INVITE sip:+12025550123@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\n\
         From: <sip:99050000040027@192.0.2.1>;tag=1\r\nTo: <sip:+12025550123@192.0.2.1>\r\nCall-ID: a\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:198.51.100.7>\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    let message = Message::parse(text.into()).unwrap();
    leg::invitation::read(&message, Proof::Carrier(CarrierId::from_bits(1)), "198.51.100.7:5060".parse().unwrap()).0
}

/// L5: every header by which PBXs ask for a caller ID.
#[test]
fn identities_are_read_from_all_three_headers() {
    let heard = heard(
        "P-Preferred-Identity: <sip:+12025550101@x>\r\nP-Asserted-Identity: \"A\" <tel:+12025550102>\r\n\
         Remote-Party-ID: \"B\" <sip:+12025550103@x>;party=calling;privacy=off;screen=yes\r\n",
    );
    assert_eq!(heard.preferred_identity.as_deref(), Some("+12025550101"));
    assert_eq!(heard.asserted_identity.as_deref(), Some("+12025550102"));
    assert_eq!(heard.remote_party.as_deref(), Some("+12025550103"));
    assert!(!heard.anonymous);
}

/// L6, RFC 3323.
#[test]
fn whoever_asks_to_stay_unknown_is_heard_in_every_dialect() {
    for lines in [
        "Privacy: id\r\n",
        "Privacy: user;critical\r\n",
        "Privacy: header\r\n",
        "Remote-Party-ID: <sip:1@x>;privacy=full\r\n",
        "Remote-Party-ID: <sip:1@x>;privacy=name-uri\r\n",
    ] {
        assert!(heard(lines).anonymous, "{lines}");
    }
    for lines in ["", "Privacy: none\r\n", "Privacy: session\r\n", "Remote-Party-ID: <sip:1@x>;privacy=name\r\n"] {
        assert!(!heard(lines).anonymous, "{lines}");
    }
    assert!(!heard("Privacy: none\r\nRemote-Party-ID: <sip:1@x>;privacy=full\r\n").anonymous);
}

/// RFC 5806, RFC 7044.
#[test]
fn diversions_are_read_newest_first_and_the_present_target_is_none() {
    let heard = heard(
        "Diversion: <sip:+12025550111@x>;reason=user-busy, <sip:+12025550112@x>\r\n\
         History-Info: <sip:+12025550113@x>;index=1, <sip:+12025550123@x>;index=1.1\r\n",
    );
    assert_eq!(heard.diverted_from, ["+12025550111", "+12025550112", "+12025550113"]);
}

/// Lesson 31.
#[test]
fn only_lines_that_may_pass_are_kept_and_no_more_than_sixteen() {
    let few =
        heard("User-to-User: 00\r\nX-Tenant: 7\r\nRoute: <sip:evil;lr>\r\nAuthorization: Digest x=1\r\ns: hello\r\n");
    let names: Vec<&str> = few.headers.iter().map(|line| &*line.name).collect();
    assert_eq!(names, ["User-to-User", "X-Tenant", "s"]);
    let many: String = (0..40).map(|number| format!("X-{number}: {number}\r\n")).collect();
    assert_eq!(heard(&many).headers.len(), domain::header::PASSED_MAX);
    assert!(heard(&format!("X-Long: {}\r\n", "x".repeat(600))).headers.is_empty());
}
