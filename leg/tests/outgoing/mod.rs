//! What a leg towards the called side is made of, for every test of one.
//!
//! No test is here.
#![allow(dead_code, clippy::unwrap_used, reason = "each test takes what it needs, and stops where it cannot go on")]

use domain::CarrierId;
use domain::call_control::{CallerId, Manner, OutgoingInvitation, Whereto};
use domain::srtp::KeySeed;
use leg::{CalledLeg, Effect, Identity, LegNaming, Target, sdp};
use sip::endpoint::{Destination, Transport};
use std::sync::Arc;

/// An invitation to a carrier that offers this.
pub(crate) fn order(caller_id: CallerId, offer: &str) -> OutgoingInvitation {
    OutgoingInvitation {
        whereto: Whereto::Carrier(CarrierId::from_bits(1)),
        caller_id,
        callee: "+12025550123".parse().unwrap(),
        offer: sdp::read(offer.as_bytes()).unwrap(),
        manner: Manner::default(),
        srtp: Default::default(),
    }
}

pub(crate) fn destination() -> Destination {
    let (addr, local) = ("198.51.100.7:5060".parse().unwrap(), "203.0.113.1:5060".parse().unwrap());
    Destination { transport: Transport::Udp, addr, flow: None, local }
}

/// As whom we show ourselves over this transport.
pub(crate) fn identity(transport: Transport, is_sips: bool) -> Arc<Identity> {
    Arc::new(Identity {
        host: "sip.example.net".into(),
        user_agent: "Tandem".into(),
        contact: "203.0.113.1:5060".parse().unwrap(),
        transport,
        is_sips,
        timers: leg::SessionTimers::default(),
    })
}

/// The leg, and what it orders at once.
pub(crate) fn invite(order: &OutgoingInvitation, target: &Target, identity: Arc<Identity>) -> (CalledLeg, Vec<Effect>) {
    let naming = LegNaming {
        call_id: "ours@203.0.113.1".into(),
        tag: "0123456789abcdef".into(),
        hops_left: 41,
        key_seed: KeySeed([9; 16]),
    };
    let (mut effects, ours) = (Vec::new(), "203.0.113.1:20000".parse().unwrap());
    let leg = CalledLeg::invite(order, target, naming, ours, identity, &mut effects);
    (leg, effects)
}
