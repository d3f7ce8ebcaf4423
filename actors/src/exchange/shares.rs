//! What each shard of a switch is given: how it names itself, its endpoint's settings, its challenger.
//!
//! The shards themselves are started by the exchange.

use super::ExchangeSettings;
use crate::call::Naming;
use crate::clock::Clock;
use domain::Entropy;
use sip::Method;
use sip::digest::Challenger;
use sip::digest::nonce::Issuer;
use sip::endpoint::front_door::FrontDoor;
use sip::endpoint::steering::SteeringKey;
use sip::endpoint::{self, Transport};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Methods that are understood.
const METHODS: [Method; 9] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Options,
    Method::Register,
    Method::Update,
    Method::Info,
    Method::Prack,
];

pub(super) fn naming(
    settings: &ExchangeSettings,
    shard: u16,
    steering: SteeringKey,
    listeners: &[SocketAddr],
) -> Naming {
    let first = listeners.first().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 5060)));
    let contact = SocketAddr::new(settings.advertised.unwrap_or(first.ip()), first.port());
    let host: Arc<str> = match &settings.host {
        Some(host) => host.as_str().into(),
        None => host_of(contact.ip()).into(),
    };
    Naming {
        shard,
        steering,
        identity: Arc::new(leg::Identity {
            host,
            user_agent: settings.user_agent.as_str().into(),
            contact,
            transport: Transport::Udp,
            is_sips: false,
            timers: settings.session,
        }),
        advertised: settings.advertised,
        media: settings.media_addresses,
    }
}

/// An address as the host of a URI or a Via (RFC 3261 25.1).
fn host_of(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

pub(super) fn endpoint_settings(settings: &ExchangeSettings, naming: &Naming, shards: u16) -> endpoint::Settings {
    let transactions_max = settings.transactions_max.div_ceil(usize::from(shards));
    let mut front_door = FrontDoor {
        methods: METHODS.to_vec(),
        min_se_s: settings.session.min_se_s,
        server: settings.user_agent.clone(),
        ..FrontDoor::default()
    };
    // What REGISTERs may require (RFC 3327, RFC 5626).
    front_door.extensions.extend(["path", "outbound"]);
    endpoint::Settings {
        shard: naming.shard,
        timing: settings.timing,
        datagram_bytes_max: settings.datagram_bytes_max,
        server_transactions_max: transactions_max,
        client_transactions_max: transactions_max,
        advertised_host: settings.advertised.map(host_of),
        front_door,
        ..endpoint::Settings::default()
    }
}

pub(super) fn challenger(
    settings: &ExchangeSettings,
    shard: u16,
    secret: &[u8; 32],
    entropy: Entropy,
    clock: Clock,
) -> Challenger {
    let issuer = sip::digest::Settings {
        lifetime: settings.nonce_lifetime,
        algorithms: settings.digest_algorithms.clone(),
        ..sip::digest::Settings::new(settings.realm.as_str(), Issuer(shard))
    };
    Challenger::new(issuer, secret, entropy, clock.now())
}
