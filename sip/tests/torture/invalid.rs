//! RFC 4475 section 3.1.2: messages that break the grammar.

use super::{Case, Outcome, SDP, case};
use sip::{Method, Name, Reason};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = numbers_and_lengths();
    cases.extend(start_lines());
    cases.extend(headers());
    cases
}

/// The headers that a case is not about.
fn rest(name: &str, cseq: &str) -> String {
    format!(
        "Max-Forwards: 70\nCall-ID: {name}.own\nCSeq: {cseq}\nVia: SIP/2.0/UDP host.example.net;branch=z9hG4bK{name}\n\
         Contact: <sip:ada@host.example.net>\n"
    )
}

const PARTIES: &str = "To: sip:desk@example.net\nFrom: sip:ada@example.org;tag=134\n";

fn sdp(head: impl AsRef<str>) -> String {
    format!("{}Content-Type: application/sdp\nContent-Length: @L\n\n{SDP}", head.as_ref())
}

fn numbers_and_lengths() -> Vec<Case> {
    vec![
        // 3.1.2.2: Content-Length promises more than there is.
        case(
            "clerr",
            Outcome::AnsweredWith400(Reason::Body),
            format!(
                "INVITE sip:desk@example.net SIP/2.0\n{PARTIES}{}Content-Length: 9999\n\n{SDP}",
                rest("clerr", "8 INVITE")
            ),
            |message| assert!(message.body().starts_with(b"v=0") && message.cseq().is_ok()),
            "400 on a datagram; on a stream the framer waits",
        ),
        // 3.1.2.3: a negative Content-Length.
        case(
            "ncl",
            Outcome::AnsweredWith400(Reason::Body),
            format!(
                "INVITE sip:desk@example.net SIP/2.0\n{PARTIES}{}Content-Length: -999\n\n{SDP}",
                rest("ncl", "0 INVITE")
            ),
            |message| assert_eq!(message.cseq().unwrap().number, 0),
            "400; a stream is closed",
        ),
        // 3.1.2.4: numbers that do not fit in a request.
        case(
            "scalar02",
            Outcome::Refused(400, Some(Name::CSeq)),
            "REGISTER sip:example.net SIP/2.0\nVia: SIP/2.0/TCP host129.example.net;branch=z9hG4bKsca\nTo: <sip:ada@example.net>\n\
             From: <sip:ada@example.net>;tag=23\nCSeq: 36893488147419103232 REGISTER\nCall-ID: scalar02.own\nMax-Forwards: 300\n\
             Expires: 100000000000000000000000000000000\nContact: <sip:ada@host129.example.net>\n  ;expires=280297596632815\n\
             Content-Length: 0\n\n",
            |message| {
                assert!(message.max_forwards().is_err());
                assert_eq!(message.expires_s(), Some(u32::MAX));
                assert_eq!(message.contact().unwrap().expires_s(), Some(u32::MAX));
            },
            "400",
        ),
        // 3.1.2.5: numbers that do not fit in a response.
        case(
            "scalarlg",
            Outcome::Refused(400, Some(Name::CSeq)),
            "SIP/2.0 503 Service Unavailable\nVia: SIP/2.0/TCP host129.example.net;branch=z9hG4bKslg;received=198.51.100.129\n\
             To: <sip:desk@example.net>\nFrom: <sip:ada@example.org>;tag=2e\nCSeq: 9292394834772304023312 OPTIONS\nCall-ID: scalarlg.own\n\
             Retry-After: 949302838503028349304023988\nWarning: 1812 prelude \"In Progress\"\nContent-Length: 0\n\n",
            |message| {
                assert_eq!(message.status(), Some(503));
                assert_eq!(message.retry_after_s(), Some(u32::MAX));
            },
            "dropped, as every response that cannot be read",
        ),
        // 3.1.2.19: a status that is larger than every number that we have.
        case(
            "bigcode",
            Outcome::Dropped(Reason::StartLine),
            "SIP/2.0 4294967301 hold on to your hat\nVia: SIP/2.0/UDP 198.51.100.105;branch=z9hG4bKbig\nCall-ID: bigcode.own\n\
             CSeq: 353494 INVITE\nFrom: <sip:ada@example.net>;tag=39\nTo: <sip:desk@example.edu>;tag=90\nContent-Length: 0\n\n",
            |_| {},
            "dropped",
        ),
    ]
}

fn start_lines() -> Vec<Case> {
    let invite = |name: &str, line: &str| sdp(format!("{line}\n{PARTIES}{}", rest(name, "1 INVITE")));
    let is_invite = |message: &sip::Message| assert_eq!(message.method(), Some(&Method::Invite));
    vec![
        // 3.1.2.7: the Request-URI in angle brackets.
        case(
            "ltgtruri",
            Outcome::Refused(400, None),
            invite("ltgtruri", "INVITE <sip:desk@example.net> SIP/2.0"),
            is_invite,
            "400",
        ),
        // 3.1.2.8: a blank inside the Request-URI.
        case(
            "lwsruri",
            Outcome::AnsweredWith400(Reason::StartLine),
            invite("lwsruri", "INVITE sip:desk@example.net; lr SIP/2.0"),
            is_invite,
            "400",
        ),
        // 3.1.2.9: more than one blank between the parts of the request line.
        case(
            "lwsstart",
            Outcome::AnsweredWith400(Reason::StartLine),
            invite("lwsstart", "INVITE  sip:desk@example.net  SIP/2.0"),
            is_invite,
            "400",
        ),
        // 3.1.2.10: blanks behind the request line.
        case(
            "trws",
            Outcome::AnsweredWith400(Reason::StartLine),
            format!(
                "OPTIONS sip:desk@example.net SIP/2.0  \n{PARTIES}{}Content-Length: 0\n\n",
                rest("trws", "238923 OPTIONS")
            ),
            |message| assert_eq!(message.cseq().unwrap().number, 238_923),
            "400",
        ),
        // 3.1.2.11: headers in the Request-URI.
        case(
            "escruri",
            Outcome::Refused(400, None),
            invite("escruri", "INVITE sip:desk@example.net?Route=%3Csip:example.org%3E SIP/2.0"),
            |message| assert_eq!(message.uri().unwrap().headers().count(), 1),
            "400; its Route is never followed",
        ),
        // 3.1.2.16: another version of SIP.
        case(
            "badvers",
            Outcome::Refused(505, None),
            "OPTIONS sip:desk@example.com SIP/7.0\nVia:     SIP/7.0/UDP c.example.net;branch=z9hG4bKver\nMax-Forwards:     70\n\
             From:    A. Person <sip:ada@example.net>;tag=qw\nTo:      B. Person <sip:desk@example.com>\nCall-ID: badvers.own@c.example.net\n\
             CSeq:    1 OPTIONS\nl: 0\n\n",
            |message| assert_eq!(message.version(), b"SIP/7.0"),
            "505",
        ),
        // 3.1.2.17: CSeq names another method than the request line, both known.
        case(
            "mismatch01",
            Outcome::Refused(400, Some(Name::CSeq)),
            format!("OPTIONS sip:desk@example.net SIP/2.0\n{PARTIES}{}l: 0\n\n", rest("mismatch01", "8 INVITE")),
            |message| assert_eq!(message.cseq().unwrap().method, Method::Invite),
            "400",
        ),
        // 3.1.2.18: the same, one of them unknown.
        case(
            "mismatch02",
            Outcome::Refused(400, Some(Name::CSeq)),
            sdp(format!("FRESHMETHOD sip:desk@example.net SIP/2.0\n{PARTIES}{}", rest("mismatch02", "8 INVITE"))),
            |message| assert!(matches!(message.method(), Some(Method::Other(_)))),
            "400 (501 would be allowed too)",
        ),
    ]
}

fn headers() -> Vec<Case> {
    vec![
        // 3.1.2.1: semicolons and commas with nothing between them.
        case(
            "badinv01",
            Outcome::Refused(400, Some(Name::Via)),
            sdp(format!(
                "INVITE sip:desk@example.net SIP/2.0\n{PARTIES}Max-Forwards: 7\nCall-ID: badinv01.own\nCSeq: 8 INVITE\n\
                 Via: SIP/2.0/UDP 198.51.100.15;;,;,,\nContact: \"Joe\" <sip:joe@example.com>;;;;\n"
            )),
            |message| assert!(message.top_via().is_err() && message.contacts().next().unwrap().is_err()),
            "400",
        ),
        // 3.1.2.6: a quote that never closes.
        case(
            "quotbal",
            Outcome::Refused(400, Some(Name::To)),
            sdp(format!(
                "INVITE sip:desk@example.net SIP/2.0\nTo: \"Ms. A. Desk <sip:desk@example.net>\nFrom: sip:ada@example.org;tag=93\n{}",
                rest("quotbal", "8 INVITE")
            )),
            |message| assert!(message.to().unwrap_err().clause.contains("quote")),
            "400",
        ),
        // 3.1.2.12: a time zone that Date may not have. Nothing hangs on it.
        case(
            "baddate",
            Outcome::Accepted,
            sdp(format!(
                "INVITE sip:desk@example.net SIP/2.0\n{PARTIES}Date: Fri, 01 Jan 2010 16:00:00 EST\n{}",
                rest("baddate", "1392934 INVITE")
            )),
            |message| assert!(message.header(Name::Date).unwrap().ends_with(b"EST")),
            "an INVITE like any other, as we do not read Date",
        ),
        // 3.1.2.13: a Contact with URI headers that is not in angle brackets.
        case(
            "regbadct",
            Outcome::Refused(400, Some(Name::Contact)),
            "REGISTER sip:example.net SIP/2.0\nTo: sip:ada@example.net\nFrom: sip:ada@example.net;tag=998\nMax-Forwards: 70\n\
             Call-ID: regbadct.own@10.0.0.9\nCSeq: 1 REGISTER\nVia: SIP/2.0/UDP 198.51.100.133:5060;branch=z9hG4bKrbc\n\
             Contact: sip:ada@example.net?Route=%3Csip:sip.example.net%3E\nl: 0\n\n",
            |message| assert!(message.contact().is_none()),
            "400",
        ),
        // 3.1.2.14: blanks within angle brackets.
        case(
            "badaspec",
            Outcome::Refused(400, Some(Name::To)),
            format!(
                "OPTIONS sip:desk@example.com SIP/2.0\nFrom: \"Person, Ada\" <sip:ada@example.net>;tag=43\n\
                 To: \"Person, Desk\" < sip:desk@example.com >\n{}l: 0\n\n",
                rest("badaspec", "3923239 OPTIONS")
            ),
            |message| assert!(message.from().unwrap().display_text().contains(", ")),
            "400",
        ),
        // 3.1.2.15: a comma in a display name without quotes.
        case(
            "baddn",
            Outcome::Refused(400, Some(Name::From)),
            format!(
                "OPTIONS sip:desk@example.com SIP/2.0\nFrom:    Person, Ada <sip:ada@example.net>;tag=43\n\
                 To:      Person, Desk <sip:desk@example.com>\n{}l: 0\n\n",
                rest("baddn", "3923239 OPTIONS")
            ),
            |message| assert!(message.from().unwrap_err().clause.contains("quotes")),
            "400",
        ),
    ]
}
