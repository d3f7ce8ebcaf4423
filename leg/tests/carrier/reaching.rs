//! Where a request inside the dialog goes over connections: over the one that the peer spoke over last; where that is gone, to where the
//! peer listens.

use crate::world::{SDP, World};
use domain::ReleaseCause;
use domain::call_control::LegOrder;
use leg::Event;
use sip::Method;
use sip::endpoint::{Flow, Source, Transport};

/// RFC 3261 12.2.1.1, 18.1.1.
#[test]
fn a_bye_names_where_the_peer_listens_besides_the_connection_that_it_spoke_over() {
    for (transport, contact, listens) in [
        (Transport::Tcp, "sip:carrier@198.51.100.7:5080;transport=tcp", "198.51.100.7:5080"),
        (Transport::Tcp, "sip:carrier@198.51.100.7", "198.51.100.7:5060"),
        (Transport::Tls, "sip:carrier@198.51.100.7;transport=tls", "198.51.100.7:5061"),
        (Transport::Tls, "sip:carrier@sbc.example.net:5081;transport=tls", "198.51.100.7:5081"),
        (Transport::Tcp, "sip:carrier@203.0.113.80:5080", "203.0.113.80:5080"),
        // Behind NAT it listens nowhere for us.
        (Transport::Tcp, "sip:carrier@10.0.0.7:5060;transport=tcp", "198.51.100.7:40000"),
    ] {
        let mut world = World::new(None);
        let flow = Some(Flow { shard: 0, slot: 1, generation: 1 });
        world.from = Source { transport, peer: "198.51.100.7:40000".parse().unwrap(), flow, ..world.from };
        world.answer(Method::Invite, 200, &format!("Contact: <{contact}>\r\n"), SDP);
        world.hear(Event::Ordered(LegOrder::Release(ReleaseCause::Normal)));
        assert_eq!(world.went_to(Method::Bye), [listens.parse().unwrap()], "{contact}");
    }
}
