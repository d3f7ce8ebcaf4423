//! URIs: what they mean, and when two of them mean the same (RFC 3261 19.1.4, RFC 3966).
//!
//! Addresses in the midst of messages are read in the torture tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

use sip::{Host, Scheme, Uri};

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text.as_bytes()).unwrap_or_else(|bad| panic!("{text}: {bad}"))
}

#[test]
fn every_part_of_a_sip_uri_is_found() {
    let uri =
        uri("SIPS:a%20b;x=1?y/z:pass@sip.Example.net:5061;transport=tcp;LR;maddr=10.0.0.1?Subject=hi&Priority=urgent");
    assert_eq!(uri.scheme(), Scheme::Sips);
    assert_eq!(uri.user(), Some("a%20b;x=1?y/z"));
    assert_eq!(&uri.user_unescaped()[..], b"a b;x=1?y/z");
    assert_eq!(uri.password(), Some("pass"));
    assert_eq!(uri.host(), Some(Host::Name("sip.example.NET")));
    assert_eq!(uri.port(), Some(5061));
    assert_eq!((uri.transport(), uri.is_loose_route(), uri.param("MADDR")), (Some("tcp"), true, Some("10.0.0.1")));
    assert_eq!(uri.headers().collect::<Vec<_>>(), [("Subject", Some("hi")), ("Priority", Some("urgent"))]);
}

#[test]
fn numbers_and_emergency_services_have_no_host() {
    let number = uri("tel:+1-760-660-4690;phone-context=example.net");
    assert_eq!((number.scheme(), number.user(), number.host()), (Scheme::Tel, Some("+1-760-660-4690"), None));
    assert_eq!(number.param("phone-context"), Some("example.net"));
    let emergency = uri("urn:service:sos");
    assert_eq!((emergency.scheme(), emergency.opaque(), emergency.user()), (Scheme::Urn, "service:sos", None));
}

#[test]
fn what_is_no_uri_is_refused_with_a_clause_for_a_person() {
    for text in [
        "",
        "sip",
        "sip:",
        ":a@b",
        "1sip:a",
        "sip:@b",
        "sip:a@",
        "sip:a@b@c",
        "sip:a@b:x",
        "sip:a@b:65536",
        "sip:a@[::1",
        "sip:a@[::g]",
        "sip:a@b c",
        "sip:a@b\u{e9}",
        "<sip:a@b>",
        "sip:a@b:5060x",
        "sip:a@[::1]x",
        "sip:\"a\"@b",
        "sip:a@b;c@d",
    ] {
        let bad = Uri::parse(text.as_bytes()).expect_err(text);
        assert!(bad.0.starts_with("has ") || bad.0.starts_with("is ") || bad.0.starts_with("stands "), "{text}: {bad}");
    }
}

/// The pairs of RFC 3261 19.1.4 and RFC 3966 4, in names of our own.
#[test]
fn uris_that_mean_the_same_are_equivalent() {
    for (one, other) in [
        ("sip:%61da@pbx.EXAMPLE.net;transport=TCP", "sip:ada@pbx.example.NET;Transport=tcp"),
        ("sip:desk@example.net", "sip:desk@example.net;newparam=5"),
        ("sip:desk@example.net;security=on", "sip:desk@example.net;newparam=5"),
        (
            "sip:example.net;transport=tcp?to=sip:b%40x.example&subject=go",
            "sip:example.net;transport=tcp?subject=go&to=sip:b%40x.example",
        ),
        ("SIP:ada@[2001:db8::1]", "sip:ada@[2001:DB8:0::1]"),
        ("tel:+1-760-660-4690", "TEL:+17606604690"),
        ("tel:+1(760)6604690;a=b;c=d", "tel:+17606604690;C=D;A=B"),
    ] {
        assert!(uri(one).is_equivalent(&uri(other)) && uri(other).is_equivalent(&uri(one)), "{one} {other}");
    }
}

#[test]
fn uris_that_mean_something_else_are_not() {
    for (one, other) in [
        ("sip:Ada@example.net", "sip:ada@example.net"),
        ("sip:ada@example.net", "sips:ada@example.net"),
        ("sip:ada@example.net", "sip:ada@example.net:5060"),
        ("sip:ada@example.net", "sip:ada@example.net;transport=udp"),
        ("sip:ada@example.net;user=phone", "sip:ada@example.net"),
        ("sip:ada@example.net;a=1", "sip:ada@example.net;a=2"),
        ("sip:ada@example.net", "sip:ada@example.net?Subject=x"),
        ("sip:ada:one@example.net", "sip:ada:two@example.net"),
        ("sip:ada@example.net", "sip:ada@192.0.2.1"),
        ("sip:example.net", "sip:ada@example.net"),
        ("tel:+17606604690", "tel:7606604690"),
        ("tel:7606604690;phone-context=a", "tel:7606604690"),
        ("urn:service:sos", "urn:service:sos.fire"),
    ] {
        assert!(!uri(one).is_equivalent(&uri(other)) && !uri(other).is_equivalent(&uri(one)), "{one} {other}");
    }
}

#[test]
fn a_display_name_without_quotes_may_have_umlauts_but_nothing_that_parts_values() {
    for (name, is_read) in [
        ("Jürgen Groß", true),
        ("Front desk (2nd floor)", true),
        ("A.B. Person", true),
        ("Person, Ada", false),
        ("a;b", false),
        ("sip:x", false),
        ("\"open", false),
        ("back\\slash", false),
    ] {
        let value = format!("{name} <sip:a@b>;tag=1");
        let read = sip::message::NameAddr::parse(value.as_bytes());
        assert_eq!(read.is_ok(), is_read, "{value}");
        assert!(
            read.is_err() || read.is_ok_and(|address| address.display_text() == name && address.tag() == Some("1"))
        );
    }
}
