//! Where a carrier's requests go: its own places, its outbound proxy, and what a Service-Route makes of them.
#![allow(clippy::unwrap_used)]

use crate::desk::{Desk, NodeRules};
use crate::whereabouts::Whereabouts;
use domain::{CarrierId, Entropy, Monotonic, Wall};
use leg::CarrierTarget;
use std::sync::Arc;
use store::{Carrier, Everything, Terms};

const ID: CarrierId = CarrierId::from_bits(1);

fn desk(addresses: &[&str], outbound_proxy: Option<&str>) -> (Desk, Arc<Whereabouts>) {
    let whereabouts = Arc::new(Whereabouts::default());
    let terms = Terms { outbound_proxy: outbound_proxy.map(|proxy| proxy.parse().unwrap()), ..Terms::default() };
    let rules = rules(&whereabouts);
    let carriers = vec![Carrier { terms, ..carrier(addresses) }];
    let (desk, faults) = Desk::build(Everything { carriers, ..Everything::default() }, &rules);
    assert!(faults.is_empty(), "{faults:?}");
    (desk, whereabouts)
}

fn carrier(addresses: &[&str]) -> Carrier {
    Carrier {
        id: ID,
        name: "north".to_owned(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        transport: domain::fact::Transport::Udp,
        priority: 1,
        prefixes: Vec::new(),
        progress_timeout_s: None,
        failover: Default::default(),
        inbound_sources: Vec::new(),
        terms: Terms::default(),
        srtp: Default::default(),
        t38: Default::default(),
        dtmf: Default::default(),
        certificates: Vec::new(),
        media_networks: Vec::new(),
        enabled: true,
        created_at: Wall::default(),
    }
}

fn rules(whereabouts: &Arc<Whereabouts>) -> NodeRules {
    NodeRules {
        calls: Default::default(),
        echo_codes: Vec::new(),
        countries: Vec::new(),
        listeners: vec!["203.0.113.1:5060".parse().unwrap()],
        tls_listeners: Vec::new(),
        asks_for_certificates: false,
        whereabouts: Arc::clone(whereabouts),
        options_every: None,
        profile_calls_per_second: None,
    }
}

fn target(desk: &Desk) -> CarrierTarget {
    desk.carrier(ID, &mut Entropy::from_seed([1; 16]), Monotonic::default()).unwrap()
}

/// RFC 3261 8.1.2.
#[test]
fn behind_an_outbound_proxy_the_address_is_the_host_of_request_uris_only() {
    let (desk, _) = desk(&["north.example", "192.0.2.9:5070"], Some("sip:192.0.2.1:5080;transport=tcp"));
    assert!(desk.names().is_empty(), "nobody has to know where it is");
    let target = target(&desk);
    assert_eq!((target.destination.addr, &*target.host), ("192.0.2.1:5080".parse().unwrap(), "north.example"));
    assert_eq!(target.proxy.as_deref(), Some("<sip:192.0.2.1:5080;transport=tcp;lr>"));
    assert!(target.others.is_empty());
    for (source, is_its) in [("192.0.2.1:5080", true), ("192.0.2.9:5070", true), ("192.0.2.2:5080", false)] {
        assert_eq!(desk.carrier_at(source.parse().unwrap()).is_some(), is_its, "a call from {source}");
    }
}

/// RFC 3608 6.1, RFC 3261 8.1.2: where requests go is configured, and what a registrar says chooses among that.
#[test]
fn a_service_route_is_followed_among_the_carriers_places_and_leads_to_no_others() {
    let (desk, whereabouts) = desk(&["192.0.2.1:5060", "192.0.2.2:5060"], None);
    let first = |route: &[&str]| {
        whereabouts.route(ID, route.iter().map(|hop| Arc::from(*hop)).collect());
        let target = target(&desk);
        assert_eq!((target.service_route.len(), target.others.len()), (route.len(), 1));
        target.destination.addr.to_string()
    };
    assert_eq!(first(&["<sip:192.0.2.2;lr>", "<sip:core.north.example;lr>"]), "192.0.2.2:5060");
    assert_eq!(first(&["<sip:198.51.100.66;lr>"]), "192.0.2.1:5060", "somebody else's address");
    assert_eq!(first(&["<sip:core.north.example;lr>"]), "192.0.2.1:5060");
    assert_eq!(first(&[]), "192.0.2.1:5060");
}

/// RFC 5922 7: a name that nobody is asked to prove is told to whoever reads the log, once for all of them.
#[test]
fn who_is_to_be_known_by_a_certificate_that_nobody_asks_for_is_told() {
    let certificates = vec!["sbc.north.example".parse().unwrap()];
    let carriers = vec![Carrier { certificates, ..carrier(&["192.0.2.1:5060"]) }];
    let everything = || Everything { carriers: carriers.clone(), ..Everything::default() };
    let rules = rules(&Arc::default());
    let (_, faults) = Desk::build(everything(), &rules);
    assert!(
        matches!(&faults[..], [one] if one.contains("(north first)") && one.contains("tls.client_certificates")),
        "{faults:?}"
    );
    let (_, faults) = Desk::build(everything(), &NodeRules { asks_for_certificates: true, ..rules });
    assert!(faults.is_empty(), "{faults:?}");
}
