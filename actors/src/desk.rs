//! The desk: the immutable snapshot that the front door and the calls read, built from the store and swapped whole.
//!
//! Decisions read [`switch::Directory`]; beside it lie what only the front door may know: secrets and SIP addresses.

use crate::manners;
use crate::ways::register::{flow_of, transport_of};
use domain::call_control::Whereto;
use domain::network::Network;
use domain::{CarrierId, ProfileId};
use leg::{CarrierTarget, PbxTarget, Target};
use rating::{Deck, Rate, Rounding, Tariff, Terms};
use sip::digest::Ha1;
use sip::endpoint::Destination;
use siphasher::sip::SipHasher24;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use store::Everything;
use switch::Directory;
use switch::directory::{
    AutoRecharge, CallSettings, CallerIdPolicy, Carrier, CarrierManners, CarrierSource, Company, Country, CountryPlan,
    EnrolmentTerms, IncomingTo, Manners, Profile,
};

/// Everything that is looked up while calls are handled.
#[derive(Debug, Default)]
pub struct Desk {
    directory: Arc<Directory>,
    secrets: BTreeMap<Arc<str>, (ProfileId, Ha1)>,
    carriers: BTreeMap<CarrierId, CarrierTarget>,
    /// Whom a certificate must name that is shown at an address.
    server_names: BTreeMap<SocketAddr, String>,
    /// From which address of ours PBXs are called that need not register (I7), by their IP address.
    locals: BTreeMap<IpAddr, SocketAddr>,
    /// The only networks that a carrier's sound may come from, where it has named any.
    media_networks: BTreeMap<CarrierId, Arc<[Network]>>,
}

/// What the store does not hold: settings of the node.
#[derive(Clone, Debug)]
pub struct NodeRules {
    /// Time limits of calls.
    pub calls: CallSettings,
    /// Echo codes and numbers (O2b).
    pub echo_codes: Vec<String>,
    /// How each country dials, emergency numbers included (O3).
    pub countries: Vec<(Country, CountryPlan)>,
    /// Where we listen for UDP and TCP: carriers are called from the first that can reach them.
    pub listeners: Vec<SocketAddr>,
    /// How often carriers are asked by OPTIONS that do not say otherwise; none for never.
    pub options_every: Option<Duration>,
    /// The same for TLS.
    pub tls_listeners: Vec<SocketAddr>,
}

impl Desk {
    /// The directory.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The H(A1) of a SIP user, and whose it is.
    pub fn secret(&self, sip_user: &str) -> Option<(ProfileId, Ha1)> {
        self.secrets.get(sip_user).copied()
    }

    /// Every SIP user with its profile and H(A1), in order.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&str, ProfileId, Ha1)> {
        self.secrets.iter().map(|(sip_user, (profile, ha1))| (&**sip_user, *profile, *ha1))
    }

    /// Where a carrier listens; none where it is not known or its name could not be resolved.
    pub fn carrier(&self, id: CarrierId) -> Option<&CarrierTarget> {
        self.carriers.get(&id)
    }

    /// By which name a carrier knows us, where it asks or wants us to register.
    pub fn account(&self, id: CarrierId) -> Option<&Arc<leg::Account>> {
        self.carriers.get(&id)?.account.as_ref()
    }

    /// The name that the certificate of whoever listens there must bear (RFC 5922 7.3): the host by which it was configured, or else the
    /// address itself.
    pub fn server_name(&self, address: SocketAddr) -> String {
        self.server_names.get(&address).cloned().unwrap_or_else(|| address.ip().to_string())
    }

    /// The only networks that a carrier's sound may come from; none where it has named none.
    pub fn media_networks(&self, id: CarrierId) -> Option<Arc<[Network]>> {
        self.media_networks.get(&id).cloned()
    }

    /// Where an invitation is to be sent; none where that is not known.
    pub fn target(&self, whereto: &Whereto) -> Option<Target> {
        match whereto {
            Whereto::Carrier(id) => self.carrier(*id).cloned().map(Target::Carrier),
            // No address: it is another call of ours.
            Whereto::Inside => None,
            Whereto::Pbx(pbx) => {
                let local = pbx.local.or_else(|| self.locals.get(&pbx.peer.ip()).copied())?;
                let flow = flow_of(pbx.flow);
                let destination = Destination { transport: transport_of(pbx.transport), addr: pbx.peer, flow, local };
                Some(Target::Pbx(PbxTarget {
                    destination,
                    contact: Arc::clone(&pbx.contact),
                    user: pbx.user.clone(),
                    to_user: pbx.to_user.clone(),
                    path: Arc::clone(&pbx.path),
                }))
            }
        }
    }

    /// Builds a desk from the store. Resolves carriers' names, so it blocks: not for threads that carry calls.
    ///
    /// The second value says what was left out and why: one bad row does not stop the others.
    pub fn build(everything: Everything, rules: &NodeRules) -> (Desk, Vec<String>) {
        let mut faults = Vec::new();
        let mut builder = Directory::builder().settings(rules.calls);
        for (country, plan) in &rules.countries {
            builder = builder.country(*country, plan.clone());
        }
        for code in &rules.echo_codes {
            builder = builder.echo_code(code);
        }
        let decks = decks(&everything, &mut faults);
        for company in &everything.companies {
            let charged_by = everything.deck_of(company).map(|(deck, _)| deck.id);
            let deck = decks.iter().find(|(id, _)| Some(*id) == charged_by).map(|(_, deck)| Arc::clone(deck));
            builder = builder.company(Company {
                id: company.id,
                country: company.country,
                currency: company.currency,
                suspended: company.suspended,
                deck,
            });
        }
        let (mut secrets, mut locals) = (BTreeMap::new(), BTreeMap::new());
        for (profile, ha1) in &everything.profiles {
            let sip_user: Arc<str> = profile.sip_user.as_str().into();
            if profile.auth.registration && profile.state == store::ProfileState::Active {
                let ha1 = Ha1 { md5: ha1.md5, sha256: ha1.sha256 };
                secrets.insert(Arc::clone(&sip_user), (profile.id, ha1));
            }
            if let Some(pbx) = profile.auth.sources.first() {
                let listener = rules.listeners.iter().find(|listener| listener.is_ipv4() == pbx.is_ipv4());
                if let Some(listener) = listener {
                    locals.entry(pbx.ip()).or_insert_with(|| local_towards(*pbx, *listener));
                }
            }
            let manners = manners::of_profile(&everything, profile, &rules.countries, &mut faults);
            builder = builder.profile(profile_entry(profile, sip_user, manners));
        }
        builder = manners::with_numbers(builder, &everything);
        let (mut targets, mut server_names) = (BTreeMap::new(), BTreeMap::new());
        for carrier in &everything.carriers {
            let addresses = resolved(carrier, &mut faults);
            for (named, found) in carrier.addresses.iter().zip(&addresses) {
                found.iter().for_each(|address| drop(server_names.insert(*address, named.host.clone())));
            }
            let buy_deck = carrier.terms.buy_deck.as_ref().and_then(|name| {
                let (deck, _) = everything.decks.iter().find(|(deck, _)| deck.name == *name)?;
                decks.iter().find(|(id, _)| *id == deck.id).map(|(_, deck)| Arc::clone(deck))
            });
            let manners = manners::of_carrier(&everything, carrier);
            let enrolment =
                everything.carrier_accounts.get(&carrier.id).and_then(|(account, _)| enrolment(carrier, account));
            let entry = carrier_entry(carrier, &addresses, rules, buy_deck);
            builder = builder.carrier(Carrier { manners, enrolment, ..entry });
            let account = everything.carrier_accounts.get(&carrier.id).map(account);
            match addresses.first().map(|first| target(carrier, first, account, rules)) {
                Some(Ok(target)) => drop(targets.insert(carrier.id, target)),
                Some(Err(fault)) => faults.push(fault),
                None => faults.push(format!("carrier {}: it has no address; it was left out", carrier.name)),
            }
        }
        let named = everything.carriers.iter().filter(|carrier| !carrier.media_networks.is_empty());
        let media_networks = named.map(|carrier| (carrier.id, carrier.media_networks.clone().into())).collect();
        let (directory, left_out) = builder.build();
        faults.extend(left_out.iter().map(ToString::to_string));
        (
            Desk { directory: Arc::new(directory), secrets, carriers: targets, server_names, locals, media_networks },
            faults,
        )
    }
}

fn profile_entry(profile: &store::Profile, sip_user: Arc<str>, manners: Manners) -> Profile {
    Profile {
        id: profile.id,
        company: profile.company,
        sip_user,
        channels: u32::from(profile.channels),
        active: profile.state == store::ProfileState::Active && profile.channels > 0,
        caller_id: profile.caller_id.map_or(CallerIdPolicy::None, CallerIdPolicy::Number),
        auto_recharge: profile
            .auto_recharge
            .map(|recharge| AutoRecharge { amount: recharge.amount, threshold: recharge.threshold }),
        require_plus: profile.require_plus,
        sources: profile.auth.sources.clone(),
        incoming_to: match profile.incoming_to {
            store::IncomingTo::CalledNumber => IncomingTo::CalledNumber,
            store::IncomingTo::SipUsername => IncomingTo::SipUsername,
        },
        manners,
        srtp: profile.srtp,
        credentials: 0,
    }
}

fn carrier_entry(
    carrier: &store::Carrier,
    addresses: &[Vec<SocketAddr>],
    rules: &NodeRules,
    buy_deck: Option<Arc<Deck>>,
) -> Carrier {
    let (settings, terms) = (&rules.calls, &carrier.terms);
    let seconds = |seconds: u16| Duration::from_secs(seconds.into());
    let failover = (!carrier.failover.is_empty()).then(|| {
        carrier.failover.iter().fold(settings.failover, |set, (status, order)| match order {
            store::Failover::Next => set.with(*status),
            store::Failover::Stop => set.without(*status),
        })
    });
    let others = carrier.inbound_sources.iter().map(|source| match source {
        store::InboundSource::Exact(address) => CarrierSource::Exact(*address),
        store::InboundSource::Address(ip) => CarrierSource::Address(*ip),
    });
    Carrier {
        id: carrier.id,
        name: carrier.name.as_str().into(),
        prefixes: carrier.prefixes.clone(),
        priority: u32::from(carrier.priority),
        weight: terms.weight,
        channels: terms.channels,
        calls_per_second: terms.calls_per_second,
        buy_deck,
        probe_every: match terms.options_interval_s {
            Some(0) => None,
            Some(interval_s) => Some(seconds(interval_s)),
            None => rules.options_every,
        },
        response_timeout: terms.response_timeout_s.map(seconds),
        progress_timeout: carrier.progress_timeout_s.map(seconds),
        failover,
        sources: addresses.iter().flatten().map(|address| CarrierSource::Exact(*address)).chain(others).collect(),
        srtp: carrier.srtp,
        enabled: carrier.enabled,
        manners: CarrierManners::default(),
        enrolment: None,
    }
}

/// Who we are to a carrier that asks.
fn account((account, password): &(store::CarrierAccount, store::Password)) -> Arc<leg::Account> {
    Arc::new(leg::Account { user: account.user.as_str().into(), password: password.reveal().into() })
}

/// By what we register towards a carrier, where it wants that. Its version is another one wherever it is registered otherwise.
fn enrolment(carrier: &store::Carrier, account: &store::CarrierAccount) -> Option<EnrolmentTerms> {
    let mut hasher = SipHasher24::new();
    hasher.write_u32(account.version);
    hasher.write(carrier.transport.as_str().as_bytes());
    carrier.addresses.iter().for_each(|address| hasher.write(address.to_string().as_bytes()));
    account.register.then(|| EnrolmentTerms { expires_s: account.expires_s, version: hasher.finish() })
}

/// The decks in force.
fn decks(everything: &Everything, faults: &mut Vec<String>) -> Vec<(store::DeckId, Arc<Deck>)> {
    let mut decks = Vec::new();
    for (deck, rows) in &everything.decks {
        let rates = rows.iter().map(|row| rate(row, deck.currency));
        match rates.collect::<Result<Vec<_>, _>>() {
            Ok(rates) => {
                let version = format!("{} {}", deck.name, deck.version);
                decks.push((deck.id, Arc::new(Deck::from_rates(rates, deck.currency, version))));
            }
            Err(fault) => faults.push(format!("deck {}: {fault}; it was left out", deck.name)),
        }
    }
    decks
}

/// A row as it was kept; the import has checked it.
fn rate(row: &store::DeckRow, currency: domain::Currency) -> Result<Rate, String> {
    let rounding = row.rounding.parse::<Rounding>().map_err(|fault| format!("prefix {}: {fault}", row.prefix))?;
    let terms = Terms {
        rate_per_minute: row.rate,
        connection_fee: row.fee,
        minimum_s: row.minimum_s,
        increment_s: row.increment_s,
        rounding,
        ..Terms::per_minute(row.rate, currency)
    };
    let tariff = Tariff::new(terms).map_err(|fault| format!("prefix {}: {fault}", row.prefix))?;
    Ok(Rate { prefix: row.prefix, destination: row.destination.as_str().into(), tariff })
}

/// The port that an address without one means (RFC 3261 19.1.2).
const SIP_PORT: u16 = 5060;

/// What each of a carrier's addresses means, in their order; nothing where its name cannot be resolved.
fn resolved(carrier: &store::Carrier, faults: &mut Vec<String>) -> Vec<Vec<SocketAddr>> {
    let resolve =
        |address: &store::Address| match (address.host.as_str(), address.port.unwrap_or(SIP_PORT)).to_socket_addrs() {
            Ok(addresses) => addresses.collect(),
            Err(error) => {
                let fault = format!("carrier {}: {} cannot be resolved: {error}", carrier.name, address.host);
                faults.push(format!("{fault}; it is skipped"));
                Vec::new()
            }
        };
    carrier.addresses.iter().map(resolve).collect()
}

/// Where a carrier listens, and the listener of ours that reaches it.
fn target(
    carrier: &store::Carrier,
    first: &[SocketAddr],
    account: Option<Arc<leg::Account>>,
    rules: &NodeRules,
) -> Result<CarrierTarget, String> {
    let is_tls = transport_of(carrier.transport).is_secure();
    if is_tls && rules.tls_listeners.is_empty() {
        return Err(format!(
            "carrier {}: it wants TLS, and this node has none: set tls.listen; it is skipped",
            carrier.name
        ));
    }
    let listeners = if is_tls { &rules.tls_listeners } else { &rules.listeners };
    let reachable = first.iter().find_map(|addr| {
        let listener = listeners.iter().find(|listener| listener.is_ipv4() == addr.is_ipv4())?;
        Some((*addr, local_towards(*addr, *listener)))
    });
    let (addr, local) = reachable.ok_or_else(|| {
        format!("carrier {}: no listener of ours reaches its first address; it is skipped", carrier.name)
    })?;
    let destination = Destination { transport: transport_of(carrier.transport), addr, flow: None, local };
    let number_format = carrier.terms.number_format.clone();
    Ok(CarrierTarget { destination, host: addr.to_string().into(), number_format, account })
}

/// The address of ours that the routing table chooses towards `peer`, where the listener is on every address.
fn local_towards(peer: SocketAddr, listener: SocketAddr) -> SocketAddr {
    if !listener.ip().is_unspecified() {
        return listener;
    }
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    // Connecting a datagram socket sends nothing; it only asks the routing table.
    let chosen = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(peer).and_then(|()| socket.local_addr()));
    chosen.map_or(listener, |local| SocketAddr::new(local.ip(), listener.port()))
}
