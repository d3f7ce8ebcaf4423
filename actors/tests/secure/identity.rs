//! Who is known by the certificate that he connects with (RFC 5922 7.1), and who is not.
//!
//! Calls of such a PBX are the strangers' stories.

use crate::authority::{Authority, Peer};
use crate::tls::switch_with;
use crate::world::World;
use actors::ClientCertificates;
use domain::{CertificateName, ProfileId};
use std::net::SocketAddr;
use store::{CarrierPatch, ProfileAuth, ProfilePatch, Signed};

fn names(texts: &[&str]) -> Vec<CertificateName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A switch that asks for client certificates and takes those of this authority.
fn switch(authority: &Authority) -> (World, SocketAddr) {
    switch_with(
        authority,
        |tls| {
            tls.client_certificates = ClientCertificates::Optional;
            tls.client_ca_file = Some(tls.ca_file.clone());
        },
        |_| {},
    )
}

/// The profile is known by these names, and has no password.
fn known_as(world: &World, profile: ProfileId, texts: &[&str]) {
    let auth = ProfileAuth { registration: false, sources: Vec::new(), certificates: names(texts) };
    let patch = ProfilePatch { auth: Some(auth), ..ProfilePatch::default() };
    let at = actors::clock::Clock::start().now().wall;
    world.store.update_profile(profile, &patch, Signed { by: "test", at }).unwrap();
    assert!(world.exchange.reload().unwrap().is_empty());
}

/// An INVITE to what is no number, from this user: 404 where it is proven who calls.
fn invite(call_id: &str, from: &str, dialled: &str) -> String {
    format!(
        "INVITE sip:{dialled}@127.0.0.1;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS pbx.invalid;branch=z9hG4bK{call_id};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{from}@pbx.invalid>;tag=1\r\nTo: <sip:{dialled}@127.0.0.1>\r\nCall-ID: {call_id}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:pbx.invalid;transport=tls>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The final answer to it, over a connection with this certificate.
fn asked(authority: &Authority, to: SocketAddr, shown: Option<&str>, text: &str) -> Result<String, std::io::Error> {
    let mut peer = Peer::connect(authority.folder.path(), to, shown)?;
    let mut answer = peer.ask(text)?;
    while answer.starts_with("SIP/2.0 1") {
        answer = peer.ask("")?;
    }
    Ok(answer)
}

/// The same beside the switch's own threads.
async fn told(
    authority: &std::sync::Arc<Authority>,
    to: SocketAddr,
    shown: Option<&'static str>,
    text: String,
) -> String {
    let authority = std::sync::Arc::clone(authority);
    let work = move || asked(&authority, to, shown, &text).unwrap_or_else(|error| format!("hung up: {error}"));
    actix_rt::task::spawn_blocking(work).await.unwrap()
}

#[actix_rt::test]
async fn a_pbx_is_known_by_a_name_in_its_certificate_and_by_nothing_less() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2099);
    authority.issue("pbx", &["pbx.example.com"], 2099);
    authority.issue("sip", &["sip:pbx.example.com", "unheard.example.com"], 2099);
    authority.issue("other", &["other.example.com"], 2099);
    authority.issue("wild", &["*.example.com"], 2099);
    let stranger = Authority::new();
    stranger.issue("pbx", &["pbx.example.com"], 2099);
    std::fs::copy(stranger.path("pbx.pem"), authority.path("forged.pem")).unwrap();
    std::fs::copy(stranger.path("pbx.key"), authority.path("forged.key")).unwrap();
    let (world, to) = switch(&authority);
    known_as(&world, world.profile, &["pbx.example.com"]);
    let (authority, user) = (std::sync::Arc::new(authority), world.sip_user.clone());
    let proven = told(&authority, to, Some("pbx"), invite("a", &user, "alice")).await;
    assert!(proven.starts_with("SIP/2.0 404 ") && proven.contains("not_a_number"), "{proven}");
    let by_uri = told(&authority, to, Some("sip"), invite("b", &user, "alice")).await;
    assert!(by_uri.starts_with("SIP/2.0 404 "), "{by_uri}");
    // What an attacker has: no certificate, one of another authority with the right name, a right one with another name, a wildcard.
    let plain = told(&authority, to, None, invite("c", &user, "alice")).await;
    assert!(plain.starts_with("SIP/2.0 407 ") && !plain.contains("certificate_unknown"), "{plain}");
    let forged = told(&authority, to, Some("forged"), invite("d", &user, "alice")).await;
    assert!(forged.starts_with("hung up"), "a certificate of another authority was answered: {forged}");
    for (shown, call_id) in [("other", "e"), ("wild", "f")] {
        let nobodys = told(&authority, to, Some(shown), invite(call_id, &user, "alice")).await;
        assert!(nobodys.starts_with("SIP/2.0 407 ") && nobodys.contains("certificate_unknown"), "{shown}: {nobodys}");
    }
    // The right certificate says whose the connection is, and not who else calls over it.
    let another = told(&authority, to, Some("pbx"), invite("g", "99050000099999", "alice")).await;
    assert!(another.starts_with("SIP/2.0 403 ") && another.contains("from_mismatch"), "{another}");
    // A name that is taken away is no name any more, over a connection that stands as well.
    known_as(&world, world.profile, &[]);
    let gone = told(&authority, to, Some("pbx"), invite("h", &user, "alice")).await;
    assert!(gone.starts_with("SIP/2.0 407 "), "{gone}");
}

#[actix_rt::test]
async fn a_carrier_is_known_by_a_name_in_its_certificate_wherever_it_calls_from() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2099);
    authority.issue("sbc", &["sbc.example.net"], 2099);
    authority.issue("other", &["other.example.net"], 2099);
    let (world, to) = switch(&authority);
    let carrier = world.store.carriers().unwrap()[0].id;
    let at = actors::clock::Clock::start().now().wall;
    let signed = || Signed { by: "test", at };
    let patch = CarrierPatch { certificates: Some(names(&["sbc.example.net"])), ..CarrierPatch::default() };
    world.store.update_carrier(carrier, &patch, signed()).unwrap();
    let taken = ProfileAuth { certificates: names(&["sbc.example.net"]), ..ProfileAuth::default() };
    let patch = ProfilePatch { auth: Some(taken), ..ProfilePatch::default() };
    let refused = world.store.update_profile(world.profile, &patch, signed()).unwrap_err();
    assert!(refused.to_string().contains("sbc.example.net"), "one name is one bearer's: {refused}");
    assert!(world.exchange.reload().unwrap().is_empty());
    let authority = std::sync::Arc::new(authority);
    let incoming = told(&authority, to, Some("sbc"), invite("a", "+12025550111", "+12025550123")).await;
    assert!(incoming.starts_with("SIP/2.0 404 ") && incoming.contains("number_unassigned"), "{incoming}");
    let other = told(&authority, to, Some("other"), invite("b", "+12025550111", "+12025550123")).await;
    assert!(other.starts_with("SIP/2.0 407 "), "{other}");
}
