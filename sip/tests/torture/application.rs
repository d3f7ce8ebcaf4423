//! RFC 4475 section 3.3: messages that are well formed, and trouble for whoever acts on them.

use super::{Case, Outcome, SDP, case};
use sip::uri::Scheme;
use sip::{Name, Reason};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = missing_and_unknown();
    cases.extend(repeated_and_misplaced());
    cases
}

/// The headers that a case is not about.
fn rest(name: &str, cseq: &str) -> String {
    format!(
        "To: sip:desk@example.net\nFrom: sip:ada@example.org;tag=384\nMax-Forwards: 3\nCall-ID: {name}.own\nCSeq: {cseq}\n\
         Via: SIP/2.0/TCP host9.example.net;branch=z9hG4bK{name}\n"
    )
}

fn missing_and_unknown() -> Vec<Case> {
    vec![
        // 3.3.1: From, To and Call-ID are missing.
        case(
            "insuf",
            Outcome::Refused(400, Some(Name::CallId)),
            format!(
                "INVITE sip:desk@example.net SIP/2.0\nCSeq: 193942 INVITE\nVia: SIP/2.0/UDP 198.51.100.95;branch=z9hG4bKinsuf\n\
                 Content-Type: application/sdp\nl: @L\n\n{SDP}"
            ),
            |message| {
                assert!(message.from().unwrap_err().is_missing);
                assert!(message.to().unwrap_err().is_missing);
                assert!(message.call_id().unwrap_err().is_missing);
            },
            "400",
        ),
        // 3.3.2: a scheme that nobody knows.
        case(
            "unkscm",
            Outcome::Refused(416, None),
            format!(
                "OPTIONS nobodyHasHeardOf:whateverthisis SIP/2.0\n{}Content-Length: 0\n\n",
                rest("unkscm", "3923423 OPTIONS")
            ),
            |message| assert!(matches!(message.uri().unwrap().scheme(), Scheme::Other(_))),
            "416",
        ),
        // 3.3.3: a scheme that is known, but not for SIP.
        case(
            "novelsc",
            Outcome::Refused(416, None),
            format!(
                "OPTIONS soap.beep://198.51.100.103:3002 SIP/2.0\n{}Content-Length: 0\n\n",
                rest("novelsc", "3923423 OPTIONS")
            ),
            |message| assert_eq!(message.uri().unwrap().scheme(), Scheme::Other("soap.beep")),
            "416",
        ),
        // 3.3.4: such schemes in From, To and Contact, where nothing is wrong with them.
        case(
            "unksm2",
            Outcome::Accepted,
            "REGISTER sip:example.net SIP/2.0\nTo: isbn:2983792873\nFrom: <http://www.example.net>;tag=32\n\
             Call-ID: unksm2.own@with-hyphen.example.net\nCSeq: 234902 REGISTER\nMax-Forwards: 70\n\
             Via: SIP/2.0/UDP 198.51.100.21:5060;branch=z9hG4bKuk2\nContact: <name:Ada_Person>\nl: 0\n\n",
            |message| {
                assert_eq!(message.to().unwrap().uri().scheme(), Scheme::Other("isbn"));
                assert_eq!(message.from().unwrap().uri().scheme(), Scheme::Other("http"));
                assert!(message.from_tag().is_some());
                assert_eq!(message.contact().unwrap().uri().scheme(), Scheme::Other("name"));
            },
            "the registrar knows no such profile: 404",
        ),
        // 3.3.5: extensions that nobody has.
        case(
            "bext01",
            Outcome::Accepted,
            format!(
                "OPTIONS sip:desk@example.net SIP/2.0\n{}Require: nobodyHasThis, norThisEither\n\
                 Proxy-Require: noProxyHasThis, norDoesAnyOther\nContent-Length: 0\n\n",
                rest("bext01", "8 OPTIONS")
            ),
            |message| {
                assert_eq!(message.require().count(), 2);
                assert_eq!(message.proxy_require().count(), 2);
            },
            "420 with Unsupported: both option tags",
        ),
        // 3.3.6: a body of a type that nobody reads.
        case(
            "invut",
            Outcome::Accepted,
            format!(
                "INVITE sip:desk@example.net SIP/2.0\n{}Contact: <sip:ada@host8.example.org>\nContent-Type: application/unknownformat\n\
                 Content-Length: @L\n\n<sound>\n <port number=\"443\"/>\n</sound>",
                rest("invut", "235448 INVITE")
            ),
            |message| {
                assert!(message.is_content("application/unknownformat") && !message.is_content("application/sdp"));
                assert!(message.body().starts_with(b"<"));
            },
            "415 with Accept: application/sdp",
        ),
        // 3.3.7: an authorization of a scheme that nobody knows.
        case(
            "regaut01",
            Outcome::Accepted,
            format!(
                "REGISTER sip:example.net SIP/2.0\n{}Authorization: NobodyKnowsThis opaque-data=here\nContent-Length:0\n\n",
                rest("regaut01", "9338 REGISTER")
            ),
            |message| assert_eq!(message.authorizations().count(), 1),
            "401 with a challenge of ours",
        ),
        // 3.3.15: an answer is wanted in a type that no session has.
        case(
            "sdp01",
            Outcome::Accepted,
            format!(
                "INVITE sip:desk@example.net SIP/2.0\n{}Contact: <sip:ada@host15.example.org>\nAccept: text/nobodyKnowsThis\n\
                 Content-Length: @L\nContent-Type: application/sdp\n\n{SDP}",
                rest("sdp01", "8 INVITE")
            ),
            |message| assert_eq!(message.header(Name::Accept), Some(&b"text/nobodyKnowsThis"[..])),
            "406",
        ),
    ]
}

fn repeated_and_misplaced() -> Vec<Case> {
    vec![
        // 3.3.8: single headers that stand twice.
        case(
            "multi01",
            Outcome::Refused(400, Some(Name::CSeq)),
            format!(
                "INVITE sip:desk@company.example SIP/2.0\nContact: <sip:ada@host25.example.org>\n\
                 Via: SIP/2.0/UDP 198.51.100.25;branch=z9hG4bKmul\nMax-Forwards: 70\nCSeq: 5 INVITE\nCall-ID: multi01.own@198.51.100.1\n\
                 CSeq: 59 INVITE\nCall-ID: multi01.own@198.51.100.2\nFrom: sip:ada@example.net;tag=34\nTo: sip:desk@example.net\n\
                 To: sip:other@example.org\nFrom: sip:ada@example.org;tag=29\nContent-Type: application/sdp\nl: @L\n\
                 Contact: <sip:ada@host36.example.org>\nMax-Forwards: 5\n\n{SDP}"
            ),
            |message| assert_eq!(message.contacts().count(), 2),
            "400",
        ),
        // 3.3.9: two Content-Lengths that contradict each other.
        case(
            "mcl01",
            Outcome::AnsweredWith400(Reason::Body),
            format!(
                "OPTIONS sip:desk@example.net SIP/2.0\n{}Content-Length: 13\nContent-Length: 5\nContent-Type: text/plain\n\n\
                 Nobody can say how long this is meant to be.",
                rest("mcl01", "15932 OPTIONS")
            ),
            |message| assert_eq!(message.cseq().unwrap().number, 15932),
            "400; a stream is closed",
        ),
        // 3.3.10: a response whose second Via is a broadcast address: it was never ours to pass on.
        case(
            "bcast",
            Outcome::Refused(400, Some(Name::Via)),
            format!(
                "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 198.51.100.198;branch=z9hG4bKbc1\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKbc2\n\
                 Call-ID: bcast.own\nCSeq: 35 INVITE\nFrom: sip:ada@example.net;tag=11\nTo: sip:desk@example.edu;tag=22\n\
                 Content-Length: @L\nContent-Type: application/sdp\nContact: <sip:desk@host28.example.net>\n\n{SDP}"
            ),
            |message| {
                let last = message.vias().last().unwrap().unwrap();
                assert_eq!(last.host().ip(), Some("255.255.255.255".parse().unwrap()));
            },
            "dropped; nothing is sent to 255.255.255.255",
        ),
        // 3.3.11: no hops left.
        case(
            "zeromf",
            Outcome::Accepted,
            "OPTIONS sip:desk@example.net SIP/2.0\nTo: sip:desk@example.net\nFrom: sip:ada@example.org;tag=3g\nCall-ID: zeromf.own\n\
             CSeq: 39234321 OPTIONS\nVia: SIP/2.0/UDP host1.example.net;branch=z9hG4bKzmf\nMax-Forwards: 0\nContent-Length: 0\n\n",
            |message| assert_eq!(message.max_forwards(), Ok(Some(0))),
            "200, for it is for us; an INVITE that would go on gets 483",
        ),
        // 3.3.12: a parameter of the header, for there are no angle brackets.
        case(
            "cparam01",
            Outcome::Accepted,
            format!(
                "REGISTER sip:example.net SIP/2.0\n{}Contact: sip:+19725550100@gw9.example.org;unknownparam\nl: 0\n\n",
                rest("cparam01", "2 REGISTER")
            ),
            |message| {
                let contact = message.contact().unwrap();
                assert!(contact.params().get("unknownparam").is_some());
                assert_eq!(contact.uri().param("unknownparam"), None);
            },
            "200; the parameter is ignored",
        ),
        // 3.3.13: a parameter of the URI, for it is within them.
        case(
            "cparam02",
            Outcome::Accepted,
            format!(
                "REGISTER sip:example.net SIP/2.0\n{}Contact: <sip:+19725550100@gw9.example.org;unknownparam>\nl: 0\n\n",
                rest("cparam02", "3 REGISTER")
            ),
            |message| {
                let contact = message.contact().unwrap();
                assert_eq!(contact.uri().param("unknownparam"), Some(""));
                assert!(contact.params().get("unknownparam").is_none());
            },
            "200; the parameter is kept with the binding",
        ),
        // 3.3.14: headers in a Contact, within angle brackets.
        case(
            "regescrt",
            Outcome::Accepted,
            format!(
                "REGISTER sip:example.net SIP/2.0\n{}M: <sip:ada@example.net?Route=%3Csip:sip.example.net%3E>\nL:0\n\n",
                rest("regescrt", "14398234 REGISTER")
            ),
            |message| {
                let contact = message.contact().unwrap();
                let (name, value) = contact.uri().headers().next().unwrap();
                assert_eq!((name, value.unwrap().starts_with("%3Csip:")), ("Route", true));
            },
            "200; the Route in it is never followed",
        ),
    ]
}
