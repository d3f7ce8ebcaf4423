//! RFC 4475 section 3.1.1, valid messages, and 3.2 and 3.4, which are valid too.

use super::{Case, Outcome, SDP, case};
use sip::message::{Contact, Transport};
use sip::uri::{Scheme, unescape};
use sip::{Host, Method, Name};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = strange_forms();
    cases.extend(long_and_many());
    cases.extend(responses_and_old_ones());
    cases
}

fn strange_forms() -> Vec<Case> {
    vec![
        // 3.1.1.1: folds, blanks and cases wherever the grammar lets them be.
        case(
            "wsinv",
            Outcome::Accepted,
            format!(
                "INVITE sip:desk@pbx.example.net;novelparam SIP/2.0\nTO :\n sip:desk@pbx.example.net ;   tag    = 77q1\n\
                 from   : \"Ada L. \\\\\\\"\"       <sip:ada@example.org>\n  ;\n  tag = a88\nMaX-fOrWaRdS: 0068\n\
                 Call-ID: wsinv.own@198.51.100.1\nContent-Length   : @L\ncseq: 0009\n  INVITE\n\
                 Via  : SIP  /   2.0\n /UDP\n    198.51.100.2;branch=oldstyle1\ns :\nInventedHeader:   invented value\n \
                 goes on here\nUnknownHeaderWithUnusualValue: ;;,,;;,;\nContent-Type: application/sdp\n\
                 Route:\n <sip:edge.example.net;lr;strangewith=value;strange-without>\n\
                 v:  SIP  / 2.0  / TCP     loom.example.net   ;\n  branch  =   z9hG4bKown1  ,\n SIP  /    2.0   / UDP  \
                 10.1.2.3   ; branch=\n z9hG4bKown2\nm:\"A \\\"quoted\\\"\" <sip:ada@example.org> ; fresh =\n      bread ;\n  \
                 bare ; q = 0.33\n\n{SDP}"
            ),
            |message| {
                assert_eq!(message.uri().unwrap().params().count(), 1);
                assert_eq!(message.max_forwards(), Ok(Some(68)));
                let cseq = message.cseq().unwrap();
                assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
                let transports: Vec<_> = message.vias().map(|via| via.unwrap().transport()).collect();
                assert_eq!(transports, [Transport::Udp, Transport::Tcp, Transport::Udp]);
                let cookies = message.vias().filter(|via| via.unwrap().rfc3261_branch().is_some()).count();
                assert_eq!(cookies, 2);
                assert!(message.from().unwrap().display_text().ends_with("\\\""));
                assert!(message.from_tag().is_some() && message.to_tag().is_some());
                assert_eq!(message.header(Name::Subject), Some(&b""[..]));
                assert_eq!(message.header_named("unknownheaderwithunusualvalue"), Some(&b";;,,;;,;"[..]));
                let route = message.routes().next().unwrap().unwrap();
                assert!(route.uri().is_loose_route());
                assert_eq!(route.uri().params().count(), 3);
                let contact = message.contact().unwrap();
                assert_eq!(contact.params().text("q"), Some("0.33"));
                assert!(contact.display_text().contains('"'));
                assert!(message.body().starts_with(b"v=0\r\n"));
            },
            "an INVITE like any other",
        ),
        // 3.1.1.2: every character that the grammar allows, where it allows it.
        case(
            "intmeth",
            Outcome::Accepted,
            "!odd-Method42_*+`.%indeed'~ sip:1_odd.URI~(be!it)&so'it+is$/?,/;;*:&pass+=1,word!*$~_.(no)@example.net SIP/2.0\n\
             Via: SIP/2.0/TCP host9.example.net;branch=z9hG4bK-.!%66*_+`'~\n\
             To: \"BEL:\\\u{7} NUL:\\\u{0} DEL:\\\u{7f}\" <sip:1_odd.URI~(be!it)&so'it+is$/?,/;;*@example.net>\n\
             From: word1~` word2'+_ word3*%!.- <sip:plain@example.net>;oddParam''~+*_!.-%=\"\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}\";\
             tag=_odd~1'+`*%!-.\nCall-ID: intmeth.own%ZK-!.*_+'@word`~)(><:\\/\"][?}{\nCSeq: 139122385 !odd-Method42_*+`.%indeed'~\n\
             Max-Forwards: 255\noddHeader-!.%*+_`'~:\u{feff}\u{96fb}\u{8a71}\nContent-Length: 0\n\n",
            |message| {
                assert!(matches!(message.method(), Some(Method::Other(name)) if name.ends_with("%indeed'~")));
                let uri = message.uri().unwrap();
                assert!(uri.user().unwrap().ends_with("?,/;;*"));
                assert!(uri.password().is_some());
                assert!(matches!(uri.host(), Some(Host::Name(name)) if name.starts_with("example.")));
                assert_eq!(&message.to().unwrap().display()[..], b"BEL:\x07 NUL:\x00 DEL:\x7f");
                assert!(message.from().unwrap().display_text().ends_with("*%!.-"));
                assert!(message.from_tag().unwrap().ends_with("1'+`*%!-."));
                assert_eq!(message.cseq().unwrap().number, 139_122_385);
                assert!(message.call_id().unwrap().ends_with("@word`~)(><:\\/\"][?}{"));
                assert_eq!(message.max_forwards(), Ok(Some(255)));
                let (_, _, value) = message.lines().find(|(name, ..)| *name == Name::Other).unwrap();
                assert!(value.starts_with("\u{feff}".as_bytes()));
            },
            "405, for the method is none of ours",
        ),
        // 3.1.1.3: what % means in a URI, and only there.
        case(
            "esc01",
            Outcome::Accepted,
            format!(
                "INVITE sip:sips%3Adesk%40example.net@example.org SIP/2.0\nTo: sip:%64es%6B@example.net\n\
                 From: <sip:some%20one%20here@example.org>;tag=412\nMax-Forwards: 87\ni: esc01.own\nCSeq: 234234 INVITE\n\
                 Via: SIP/2.0/UDP host8.example.org;branch=z9hG4bKesc\nC: application/sdp\n\
                 Contact:\n  <sip:cal%6Cer@host8.example.org;%6C%72;n%61me=v%61lue%25%34%31>\nContent-Length: @L\n\n{SDP}"
            ),
            |message| {
                let uri = message.uri().unwrap();
                assert!(uri.user_unescaped().starts_with(b"sips:"));
                assert!(uri.user_unescaped().contains(&b'@'));
                assert!(message.from().unwrap().uri().user_unescaped().contains(&b' '));
                let contact = message.contact().unwrap();
                assert_eq!(&contact.uri().user_unescaped()[..], b"caller");
                assert!(contact.uri().is_loose_route());
                assert_eq!(&unescape(contact.uri().param("name").unwrap())[..], b"value%41");
            },
            "an INVITE like any other",
        ),
        // 3.1.1.4: a NUL that is escaped is one character of a user.
        case(
            "escnull",
            Outcome::Accepted,
            "REGISTER sip:example.net SIP/2.0\nTo: sip:nil-%00-nil@example.net\nFrom: sip:nil-%00-nil@example.net;tag=62\n\
             Max-Forwards: 70\nCall-ID: escnull.own\nCSeq: 14398234 REGISTER\nVia: SIP/2.0/UDP host8.example.net;branch=z9hG4bKnul\n\
             Contact: <sip:%00@host8.example.net>\nContact: <sip:%00%00@host8.example.net>\nL:0\n\n",
            |message| {
                assert!(message.to().unwrap().uri().user_unescaped().contains(&0));
                let users: Vec<_> = message
                    .contacts()
                    .map(|contact| match contact.unwrap() {
                        Contact::Address(address) => address.uri().user_unescaped().into_owned(),
                        Contact::Any => panic!("there is no *"),
                    })
                    .collect();
                assert_eq!(users, [vec![0], vec![0, 0]]);
            },
            "404: no such profile",
        ),
        // 3.1.1.5: % where it escapes nothing: in methods, display names and header names.
        case(
            "esc02",
            Outcome::Accepted,
            "RE%47IST%45R sip:reg.example.net SIP/2.0\nTo: \"%Z%45\" <sip:thing@example.net>\nFrom: \"%Z%45\" <sip:thing@example.net>;\
             tag=f2\nCall-ID: esc02.own\nVia: SIP/2.0/TCP host.example.net;branch=z9hG4bK209%fzown\nCSeq: 29344 RE%47IST%45R\n\
             Max-Forwards: 70\nContact: <sip:one@host1.example.net>\nC%6Fntact: <sip:two@host2.example.net>\n\
             Contact: <sip:three@host3.example.net>\nl: 0\n\n",
            |message| {
                assert_eq!(message.method(), Some(&Method::Other("RE%47IST%45R".into())));
                assert_eq!(message.to().unwrap().display_text(), "%Z%45");
                assert_eq!(message.contacts().count(), 2);
                assert!(message.header_named("c%6fntact").is_some());
                assert!(message.top_via().unwrap().branch().unwrap().starts_with("z9hG4bK209%fz"));
            },
            "405, for the method is not REGISTER",
        ),
        // 3.1.1.6: no blank between display name and <.
        case(
            "lwsdisp",
            Outcome::Accepted,
            "OPTIONS sip:desk@example.net SIP/2.0\nTo: sip:desk@example.net\nFrom: caller<sip:ada@example.net>;tag=32\n\
             Max-Forwards: 70\nCall-ID: lwsdisp.own@example.net\nCSeq: 60 OPTIONS\nVia: SIP/2.0/UDP host.example.net;branch=z9hG4bKlws\n\
             l: 0\n\n",
            |message| {
                assert_eq!(message.from().unwrap().display_text(), "caller");
                assert!(message.from_tag().unwrap().starts_with("32"));
            },
            "200",
        ),
    ]
}

/// A word repeated until it is long.
fn long(word: &str, times: usize) -> String {
    word.repeat(times)
}

fn long_and_many() -> Vec<Case> {
    let vias: String = (1..=33).rev().map(|hop| format!("vIa : SIP/2.0/TCP hop{hop}.example.net\n")).collect();
    vec![
        // 3.1.1.7: long values, and 34 Vias. It is read whole; that it went over our limit of 20 Vias is then what it is refused for.
        case(
            "longreq",
            Outcome::Refused(513, Some(Name::Via)),
            format!(
                "INVITE sip:desk@example.net SIP/2.0\nTo: \"A name that is {} indeed\"<sip:desk@example.net:6000;strange={};other={}>\n\
                 F: sip:{}@example.org;tag={};more={};{}\nCall-ID: longreq.{}\nCSeq: 3882340 INVITE\nStrange-{}-Name: {}; strange-{}\n\
                 {vias}Via: SIP/2.0/TCP host.example.net;received=198.51.100.5;branch={}\nMax-Forwards: 70\nContact: <sip:{}@host8.example.org>\n\
                 Content-Type: application/sdp\nl: @L\n\n{SDP}",
                long("very", 25),
                long("long", 60),
                long("long", 60),
                long("caller", 20),
                long("982", 70),
                long("long", 50),
                long("bare", 60),
                long("quite", 30),
                long("Long", 25),
                long("long", 40),
                long("value", 40),
                long("long", 60),
                long("caller", 20),
            ),
            |message| {
                assert_eq!(message.lines().filter(|(name, ..)| *name == Name::Via).count(), 34);
                assert!(message.vias().all(|via| via.unwrap().transport() == Transport::Tcp));
                let last = message.headers(Name::Via).last().unwrap();
                let via = sip::message::Via::parse(last).unwrap();
                assert!(via.branch().unwrap().len() > 150 && via.received().is_some());
                assert!(message.to().unwrap().display_raw().len() > 90);
                assert_eq!(message.to().unwrap().uri().port(), Some(6000));
                assert!(message.from_tag().unwrap().len() > 150);
                assert!(message.call_id().unwrap().len() > 100);
                assert_eq!(message.cseq().unwrap().number, 3_882_340);
                assert!(message.body().starts_with(b"v=0\r\n"));
            },
            "with 20 Vias or fewer, an INVITE like any other; with 34 it is refused, our stated limit",
        ),
        // 3.1.1.8: a second request behind the first in one datagram is not read.
        case(
            "dblreq",
            Outcome::Accepted,
            format!(
                "REGISTER sip:example.net SIP/2.0\nTo: sip:ada@example.net\nFrom: sip:ada@example.net;tag=43\nMax-Forwards: 8\n\
                 I: dblreq.own1\nContact: sip:ada@host.example.net\nCSeq: 8 REGISTER\nVia: SIP/2.0/UDP 198.51.100.125;branch=z9hG4bKdbl1\n\
                 Content-Length: 0\n\n\nINVITE sip:joe@example.net SIP/2.0\nt: sip:joe@example.net\nFrom: sip:ada@example.org;tag=14\n\
                 Max-Forwards: 8\nCall-ID: dblreq.own2@198.51.100.15\nCSeq: 8 INVITE\nVia: SIP/2.0/UDP 198.51.100.15;branch=z9hG4bKdbl2\n\
                 Content-Type: application/sdp\nContent-Length: {}\n\n{SDP}",
                SDP.replace('\n', "\r\n").len()
            ),
            |message| {
                assert_eq!(message.method(), Some(&Method::Register));
                assert!(message.body().is_empty());
                assert!(message.header(Name::ContentType).is_none());
                assert!(message.contact().is_some());
            },
            "a REGISTER like any other; on a stream both are read",
        ),
        // 3.1.1.9: a ; and an escaped @ inside the user.
        case(
            "semiuri",
            Outcome::Accepted,
            "OPTIONS sip:user;par=u%40example.org@example.net SIP/2.0\nTo: sip:desk@example.net\nFrom: sip:ada@example.com;tag=33\n\
             Max-Forwards: 3\nCall-ID: semiuri.own\nCSeq: 8 OPTIONS\nAccept: application/sdp, application/pkcs7-mime,\n        \
             multipart/mixed, multipart/signed,\n        message/sip, message/sipfrag\n\
             Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKsemi\nl: 0\n\n",
            |message| {
                let uri = message.uri().unwrap();
                assert!(uri.user().unwrap().starts_with("user;par=u%40example."));
                assert!(uri.user_unescaped().starts_with(b"user;par=u@example."));
                assert_eq!(uri.params().count(), 0);
                assert_eq!(message.headers(Name::Accept).count(), 6);
            },
            "200 or 404",
        ),
        // 3.1.1.10: transports that nobody knows are transports.
        case(
            "transports",
            Outcome::Accepted,
            "OPTIONS sip:desk@example.net SIP/2.0\nTo: sip:desk@example.net\nFrom: <sip:ada@example.net>;tag=32\nMax-Forwards: 70\n\
             Call-ID:  transports.own\nAccept: application/sdp\nCSeq: 60 OPTIONS\nVia: SIP/2.0/UDP h1.example.net;branch=z9hG4bKt1\n\
             Via: SIP/2.0/SCTP h2.example.net;branch=z9hG4bKt2\nVia: SIP/2.0/TLS h3.example.net;branch=z9hG4bKt3\n\
             Via: SIP/2.0/UNKNOWN h4.example.net;branch=z9hG4bKt4\nVia: SIP/2.0/TCP h5.example.net;branch=z9hG4bKt5\nl: 0\n\n",
            |message| {
                let transports: Vec<_> = message.vias().map(|via| via.unwrap().transport().as_str()).collect();
                assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
            },
            "200",
        ),
        // 3.1.1.11: a multipart body, one part of it binary.
        case(
            "mpart01",
            Outcome::Accepted,
            "MESSAGE sip:desk@example.com SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-own-1;rport\nMax-Forwards: 70\n\
             Route: <sip:127.0.0.1:5080>\nIdentity: q83vEjRWeJCrze8=\nContact: <sip:ada@127.0.0.1:5070>\nTo: <sip:desk@example.com>\n\
             From: <sip:ada@example.net>;tag=2f\nCall-ID: mpart.own@b3du\nCSeq: 1 MESSAGE\nContent-Transfer-Encoding: binary\n\
             Content-Type: multipart/mixed;boundary=7own7\nDate: Sat, 15 Oct 2005 04:44:56 GMT\nUser-Agent: own/0.1\nContent-Length: @L\n\n\
             --7own7\nContent-Type: text/plain\nContent-Transfer-Encoding: binary\n\nHello\n--7own7\n\
             Content-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n0\u{2}\u{1}\u{6}\u{0}\u{7f}\u{b}\u{e9}\n--7own7--",
            |message| {
                assert_eq!(message.method(), Some(&Method::Message));
                assert!(message.is_content("multipart/mixed"));
                assert!(message.body().starts_with(b"--7") && message.body().trim_ascii_end().ends_with(b"--"));
                assert!(message.body().iter().any(|byte| *byte > 0x7f));
                assert!(message.top_via().unwrap().wants_rport());
                assert!(message.header(Name::Identity).is_some());
            },
            "405, for we take no MESSAGE",
        ),
    ]
}

fn responses_and_old_ones() -> Vec<Case> {
    vec![
        // 3.1.1.12: a reason phrase of any characters.
        case(
            "unreason",
            Outcome::Accepted,
            format!(
                "SIP/2.0 200 = 3**2 * 7 \u{434}\u{430} - \u{445}\u{43e}\u{440}\u{43e}\u{448}\u{43e}\n\
                 Via: SIP/2.0/UDP 198.51.100.198;branch=z9hG4bKunr\nCall-ID: unreason.own\nCSeq: 35 INVITE\nFrom: sip:ada@example.net;tag=11\n\
                 To: sip:desk@example.edu;tag=22\nContent-Length: @L\nContent-Type: application/sdp\nContact: <sip:desk@host198.example.net>\n\
                 \n{SDP}"
            ),
            |message| {
                let sip::Kind::Response { status, reason } = message.kind() else { panic!("it is a response") };
                assert_eq!(status, 200);
                assert!(reason.starts_with(b"= ") && !reason.is_ascii());
                assert!(message.body().starts_with(b"v=0"));
            },
            "a 200 like any other",
        ),
        // 3.1.1.13: a reason phrase of no characters.
        case(
            "noreason",
            Outcome::Accepted,
            "SIP/2.0 100 \nVia: SIP/2.0/UDP 198.51.100.105;branch=z9hG4bKnor\nCall-ID: noreason.own\nCSeq: 35 INVITE\n\
             From: <sip:ada@example.net>;tag=39\nTo: <sip:desk@example.edu>;tag=90\nContent-Length: 0\n\
             Contact: <sip:desk@host105.example.net>\n\n",
            |message| assert_eq!(message.kind(), sip::Kind::Response { status: 100, reason: b"" }),
            "a 100 like any other",
        ),
        // 3.2.1: the magic cookie with nothing behind it identifies nothing.
        case(
            "badbranch",
            Outcome::Accepted,
            "OPTIONS sip:desk@example.net SIP/2.0\nTo: sip:desk@example.net\nFrom: sip:ada@example.com;tag=33\nMax-Forwards: 3\n\
             Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK\nAccept: application/sdp\nCall-ID: badbranch.own\nCSeq: 8 OPTIONS\nl: 0\n\n",
            |message| {
                assert_eq!(message.top_via().unwrap().branch(), Some("z9hG4bK"));
                assert_eq!(message.top_via().unwrap().rfc3261_branch(), None);
            },
            "transactions match it as RFC 2543 did",
        ),
        // 3.4.1: a request from before RFC 3261: no branch, no From tag, no Max-Forwards, no Content-Length.
        case(
            "inv2543",
            Outcome::Accepted,
            format!(
                "INVITE sip:desk@example.net SIP/2.0\nVia: SIP/2.0/UDP gw.example.net\n\
                 From: <sip:+13035550100@client.example.org;user=phone>\nRecord-Route: <sip:desk@example.net;maddr=ss9.example.net>\n\
                 To: sip:+16505550100@ss9.example.org;user=phone\nCall-ID: inv2543.own@client.example.net\nCSeq: 56 INVITE\n\
                 Content-Type: application/sdp\n\n{SDP}"
            ),
            |message| {
                assert_eq!(message.top_via().unwrap().branch(), None);
                assert_eq!(message.from_tag(), None);
                assert_eq!(message.max_forwards(), Ok(None));
                let route = message.record_routes().next().unwrap().unwrap();
                assert_eq!(route.uri().scheme(), Scheme::Sip);
                assert!(route.uri().param("maddr").unwrap().starts_with("ss"));
                // Without angle brackets, what follows ; belongs to the header.
                assert_eq!(message.to().unwrap().params().text("user"), Some("phone"));
                assert_eq!(message.from().unwrap().uri().param("user"), Some("phone"));
                assert!(message.body().starts_with(b"v=0"));
            },
            "accepted for the sake of old callers",
        ),
    ]
}
