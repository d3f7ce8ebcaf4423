//! Where a carrier is, and who we are to it, as the store has it: what the desk keeps of each carrier.
//!
//! What DNS says of its names, and in which order its places are tried, does not live here.

use super::NodeRules;
use super::places::{Place, host_of, place};
use domain::NumberFormat;
use domain::network::Network;
use sip::endpoint::Transport;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::Everything;
use switch::directory::EnrolmentTerms;

/// Where a carrier is, and how it is addressed.
#[derive(Debug)]
pub(super) struct CarrierLine {
    pub(super) places: Vec<Place>,
    pub(super) proxy: Option<Proxy>,
    pub(super) number_format: NumberFormat,
    pub(super) account: Option<Arc<leg::Account>>,
    /// Where it may send us besides its own places; none where its 3xx are refusals.
    pub(super) redirects: Option<Vec<Network>>,
    /// How long it may take to its first response.
    pub(super) patience: Duration,
}

/// Where a carrier's requests go, where it has said so: its places are the proxy's.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Its Route value.
    pub(super) route: Arc<str>,
    /// The host of Request-URIs.
    pub(super) domain: Arc<str>,
}

/// Who we are to a carrier that asks.
fn account((account, password): &(store::CarrierAccount, store::Password)) -> Arc<leg::Account> {
    Arc::new(leg::Account {
        user: account.user.as_str().into(),
        auth_user: account.auth_user.as_ref().unwrap_or(&account.user).as_str().into(),
        realm: account.realm.as_deref().map(Into::into),
        password: password.reveal().into(),
    })
}

/// By what we register towards a carrier, where it wants that. Its version is another one wherever it is registered otherwise.
pub(super) fn enrolment(carrier: &store::Carrier, account: &store::CarrierAccount) -> Option<EnrolmentTerms> {
    let mut hasher = SipHasher24::new();
    hasher.write_u32(account.version);
    hasher.write(carrier.transport.as_str().as_bytes());
    carrier.addresses.iter().for_each(|address| hasher.write(address.to_string().as_bytes()));
    if let Some(proxy) = &carrier.terms.outbound_proxy {
        hasher.write(format!(" by {proxy}").as_bytes());
    }
    account.register.then(|| EnrolmentTerms { expires_s: account.expires_s, version: hasher.finish() })
}

/// Where a carrier is, by its addresses in their order. What cannot be reached is said and left out.
pub(super) fn line(
    everything: &Everything,
    carrier: &store::Carrier,
    rules: &NodeRules,
    faults: &mut Vec<String>,
) -> CarrierLine {
    let mut places = Vec::with_capacity(carrier.addresses.len());
    let proxy = carrier.terms.outbound_proxy.as_ref();
    // Behind a proxy the addresses are only what it is asked for: nobody has to know where they are.
    for address in proxy.map_or(&carrier.addresses[..], std::slice::from_ref) {
        match place(carrier.transport, address, rules) {
            Ok(place) => places.push(place),
            Err(fault) => faults.push(format!("carrier {}: {address}: {fault}; it is skipped", carrier.name)),
        }
    }
    let patience = carrier.terms.response_timeout_s.map(|seconds| Duration::from_secs(seconds.into()));
    let domain = carrier.addresses.first().map(host_of);
    CarrierLine {
        places,
        proxy: proxy.zip(domain).map(|(proxy, domain)| Proxy { route: route_of(proxy, carrier), domain }),
        number_format: carrier.terms.number_format.clone(),
        account: everything.carrier_accounts.get(&carrier.id).map(account),
        redirects: match carrier.terms.redirects {
            store::Redirects::Refuse => None,
            store::Redirects::Follow => Some(carrier.terms.redirect_networks.clone()),
        },
        patience: patience.unwrap_or(rules.calls.carrier_response_timeout),
    }
}

/// A proxy as a value of Route.
fn route_of(proxy: &store::Address, carrier: &store::Carrier) -> Arc<str> {
    let transport = match proxy.via {
        store::carrier::Via::Carrier => Some(carrier.transport),
        store::carrier::Via::Named(transport) => Some(transport),
        store::carrier::Via::Any => None,
    };
    // Over UDP by default (RFC 3261 19.1.2).
    let transport = transport.filter(|transport| *transport != domain::fact::Transport::Udp);
    let transport = transport.map(|transport| format!(";transport={}", transport.as_str())).unwrap_or_default();
    format!("<sip:{}{transport};lr>", host_of(proxy)).into()
}

/// The IP address and port that a value of Route names; none where it is a name.
pub(super) fn address_in(route: &str) -> Option<SocketAddr> {
    let uri = sip::Uri::parse(route.trim_matches(['<', '>']).as_bytes()).ok()?;
    let usual = if uri.scheme() == sip::Scheme::Sips { Transport::Tls } else { Transport::Udp };
    Some(SocketAddr::new(uri.host()?.ip()?, uri.port().unwrap_or(usual.default_port())))
}

#[cfg(test)]
mod tests;
