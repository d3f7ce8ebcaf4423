//! What a node says of a binding, as others and a later life of its own read it.

use super::row::{About, Told, about, of_binding};
use crate::ways::register::flow_tag;
use domain::fact::Transport;
use domain::{ProfileId, Wall};
use sip::endpoint::Flow;
use sip::relaying::Relay;
use std::net::SocketAddr;
use std::sync::Arc;
use switch::registration::Binding;

const NODE: &str = "192.0.2.1:5060";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn binding(transport: Transport, flow: Option<Flow>) -> Binding {
    Binding {
        contact: "sip:pbx@10.0.0.9;ob".into(),
        source: at("198.51.100.9:40000"),
        local: at(NODE),
        transport,
        flow: flow.map(flow_tag).unwrap_or_default(),
        path: [Arc::from("<sip:proxy.example;lr>")].into(),
        behind_nat: true,
        sip_call_id: "c@d".into(),
        cseq: 7,
        credentials_generation: 2,
        user_agent: "a \"pbx\"".into(),
        granted_s: 45,
        since: Wall::from_unix_seconds(1_800_000_000),
        refreshed_at: Wall::from_unix_seconds(1_800_000_040),
        expires_at: Wall::from_unix_seconds(1_800_000_085),
        elsewhere: None,
    }
}

/// RFC 3327 5.3: the node that took the REGISTER is the first proxy on the way.
#[test]
fn a_binding_is_reached_through_its_node_and_found_again_by_it() {
    let relay = Relay::new(&[1; 32], 1, at(NODE), at(NODE), None);
    let profile = ProfileId::from_bits(5);
    let flow = Flow { shard: 0, slot: 1, generation: 2 };
    for (ours, by) in
        [(binding(Transport::Udp, None), Transport::Udp), (binding(Transport::Wss, Some(flow)), Transport::Tcp)]
    {
        let row = of_binding(profile, Some(&ours), ours.refreshed_at, "north", at(NODE), &relay);
        assert!(matches!(about(&row.name), Some(About::Binding(known)) if known == profile));
        assert_eq!((row.at_us, row.until_ms), (1_800_000_040_000_000, 1_800_000_085_000));
        let Told { node, bound } = serde_json::from_str(&row.text).unwrap();
        let bound = bound.unwrap();
        assert_eq!(bound.is_over_connection, ours.transport != Transport::Udp);
        let there = bound.elsewhere(&node, at("192.0.2.2:5060")).unwrap();
        assert_eq!((there.source, there.transport, there.local), (at(NODE), by, at("192.0.2.2:5060")));
        assert_eq!((there.seen_from(), there.seen_over()), (ours.source, ours.transport));
        assert_eq!((there.path.len(), &*there.path[1], there.is_ours()), (2, &*ours.path[0], false));
        assert!(there.path[0].contains("@192.0.2.1:5060;lr"), "{}", there.path[0]);
        assert_eq!(bound.recalled().unwrap(), Binding { flow: Default::default(), ..ours });
    }
    let gone = of_binding(profile, None, Wall::from_unix_seconds(9), "north", at(NODE), &relay);
    assert!(serde_json::from_str::<Told>(&gone.text).unwrap().bound.is_none());
}
