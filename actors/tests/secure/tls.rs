//! Certificates: shown, asked for, read anew.

use crate::authority::{Authority, Peer, options};
use crate::world::{Beginning, World};
use actors::{ClientCertificates, StreamSettings, TlsError, TlsSettings};
use domain::Micros;
use sip::endpoint::Transport;
use std::net::SocketAddr;

const BEGINNING: Beginning = Beginning { channels: 2, profile_credit: Micros::from_cents(100), rate: "0.02" };

/// A switch with a certificate of this authority at a TLS listener.
pub(crate) fn switch(authority: &Authority, change: impl FnOnce(&mut TlsSettings)) -> (World, SocketAddr) {
    switch_with(authority, change, |_| {})
}

/// The same with settings of its own.
pub(crate) fn switch_with(
    authority: &Authority,
    change: impl FnOnce(&mut TlsSettings),
    set: impl FnOnce(&mut actors::ExchangeSettings),
) -> (World, SocketAddr) {
    let mut tls = authority.of_switch();
    change(&mut tls);
    let world = World::start_with(&BEGINNING, |settings| {
        let listen = vec![(Transport::Tls, "127.0.0.1:0".parse().unwrap())];
        settings.streams = StreamSettings { listen, tls: Some(tls), origins: Vec::new() };
        set(settings);
    });
    let address = world.exchange.stream_listeners()[0].1;
    (world, address)
}

/// What a peer does with blocking sockets, beside the switch's own threads.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    actix_rt::task::spawn_blocking(work).await.unwrap()
}

#[actix_rt::test]
async fn a_peer_is_answered_over_tls() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2099);
    let (_world, address) = switch(&authority, |_| {});
    let folder = authority.folder.path().to_owned();
    let answer = elsewhere(move || Peer::connect(&folder, address, None).unwrap().ask(&options("a")).unwrap()).await;
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    assert!(answer.contains("Via: SIP/2.0/TLS pbx.invalid;branch=z9hG4bKa;received=127.0.0.1;rport="), "{answer}");
}

#[actix_rt::test]
async fn a_new_certificate_is_shown_to_new_peers_and_no_connection_is_dropped() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2098);
    let (world, address) = switch(&authority, |_| {});
    let folder = authority.folder.path().to_owned();
    let (mut old, first) = elsewhere(move || {
        let mut peer = Peer::connect(&folder, address, None).unwrap();
        peer.ask(&options("before")).unwrap();
        let shown = peer.was_shown();
        (peer, shown)
    })
    .await;
    assert!(!world.exchange.has_changed_certificates());
    authority.issue("switch", &["127.0.0.1", "sip.example.net"], 2099);
    assert!(world.exchange.has_changed_certificates());
    assert_eq!(world.exchange.reload_certificates().unwrap().as_deref(), Some("sip.example.net, 127.0.0.1"));
    assert!(!world.exchange.has_changed_certificates());
    let folder = authority.folder.path().to_owned();
    let (answer, second) = elsewhere(move || {
        let answer = old.ask(&options("after")).unwrap();
        (answer, Peer::connect(&folder, address, None).unwrap().was_shown())
    })
    .await;
    assert!(answer.starts_with("SIP/2.0 200 "), "the connection from before still stands: {answer}");
    assert_ne!(first, second, "who comes now is shown the new certificate");
}

#[actix_rt::test]
async fn a_broken_certificate_leaves_the_old_one_in_force() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2099);
    authority.issue("other", &["127.0.0.1"], 2099);
    authority.issue("ended", &["127.0.0.1"], 2001);
    let (world, address) = switch(&authority, |_| {});
    let good = std::fs::read(authority.path("switch.pem")).unwrap();
    std::fs::write(authority.path("switch.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    assert!(matches!(world.exchange.reload_certificates(), Err(TlsError::File { .. })));
    std::fs::copy(authority.path("other.pem"), authority.path("switch.pem")).unwrap();
    let refused = world.exchange.reload_certificates().unwrap_err();
    assert!(matches!(refused, TlsError::Pair { .. }), "{refused}");
    std::fs::copy(authority.path("ended.pem"), authority.path("switch.pem")).unwrap();
    let key = std::fs::read(authority.path("switch.key")).unwrap();
    std::fs::copy(authority.path("ended.key"), authority.path("switch.key")).unwrap();
    assert!(matches!(world.exchange.reload_certificates(), Err(TlsError::Ended { .. })));
    let folder = authority.folder.path().to_owned();
    let answer = elsewhere(move || Peer::connect(&folder, address, None).unwrap().ask(&options("b")).unwrap()).await;
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    std::fs::write(authority.path("switch.pem"), good).unwrap();
    std::fs::write(authority.path("switch.key"), key).unwrap();
    assert!(world.exchange.reload_certificates().is_ok(), "and once the files are good again, they are taken");
}

#[actix_rt::test]
async fn who_has_no_certificate_is_kept_out_where_one_is_required() {
    let authority = Authority::new();
    authority.issue("switch", &["127.0.0.1"], 2099);
    authority.issue("pbx", &["pbx.example.com"], 2099);
    let stranger = Authority::new();
    stranger.issue("pbx", &["pbx.example.com"], 2099);
    std::fs::copy(stranger.path("pbx.pem"), authority.path("forged.pem")).unwrap();
    std::fs::copy(stranger.path("pbx.key"), authority.path("forged.key")).unwrap();
    let (_world, address) = switch(&authority, |tls| {
        tls.client_certificates = ClientCertificates::Required;
        tls.client_ca_file = Some(tls.ca_file.clone());
    });
    let folder = authority.folder.path().to_owned();
    let told = elsewhere(move || {
        // In TLS 1.3 the switch refuses after the peer thinks it is through: what it says is not answered.
        let ask = |shown| Peer::connect(&folder, address, shown).and_then(|mut peer| peer.ask(&options("c")));
        [ask(None).is_ok(), ask(Some("forged")).is_ok(), ask(Some("pbx")).is_ok()]
    })
    .await;
    assert_eq!(told, [false, false, true], "nobody, a forger, and a PBX with a certificate of the authority");
}
