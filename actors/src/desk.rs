//! The desk: the immutable snapshot that the front door and the calls read, built from the store and swapped whole.
//!
//! Decisions read [`switch::Directory`]; beside it lie what only the front door may know: secrets and SIP addresses.

use domain::{CarrierId, ProfileId};
use leg::CarrierTarget;
use rating::{Deck, Rate, Rounding, Tariff, Terms};
use sip::digest::Ha1;
use sip::endpoint::{Destination, Transport};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use store::Everything;
use switch::Directory;
use switch::directory::{
    AutoRecharge, CallSettings, CallerIdPolicy, Carrier, Company, Country, CountryPlan, Number, Profile,
};

/// Everything that is looked up while calls are handled.
#[derive(Debug, Default)]
pub struct Desk {
    directory: Arc<Directory>,
    secrets: BTreeMap<Arc<str>, (ProfileId, Ha1)>,
    carriers: BTreeMap<CarrierId, CarrierTarget>,
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
    /// Where we listen: carriers are called from the first that can reach them.
    pub listeners: Vec<SocketAddr>,
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
        let mut secrets = BTreeMap::new();
        for (profile, ha1) in &everything.profiles {
            let sip_user: Arc<str> = profile.sip_user.as_str().into();
            if profile.auth.registration && profile.state == store::ProfileState::Active {
                let ha1 = Ha1 { md5: ha1.md5, sha256: ha1.sha256 };
                secrets.insert(Arc::clone(&sip_user), (profile.id, ha1));
            }
            builder = builder.profile(profile_entry(profile, sip_user));
        }
        for number in &everything.numbers {
            builder = builder.number(Number {
                number: number.number,
                company: number.company,
                profile: number.profile,
                caller_id_allowed: true,
            });
        }
        let mut targets = BTreeMap::new();
        for carrier in &everything.carriers {
            builder = builder.carrier(carrier_entry(carrier, &rules.calls));
            match target(carrier, &rules.listeners) {
                Ok(target) => drop(targets.insert(carrier.id, target)),
                Err(fault) => faults.push(fault),
            }
        }
        let (directory, left_out) = builder.build();
        faults.extend(left_out.iter().map(ToString::to_string));
        (Desk { directory: Arc::new(directory), secrets, carriers: targets }, faults)
    }
}

fn profile_entry(profile: &store::Profile, sip_user: Arc<str>) -> Profile {
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
        credentials: 0,
    }
}

fn carrier_entry(carrier: &store::Carrier, settings: &CallSettings) -> Carrier {
    let failover = (!carrier.failover.is_empty()).then(|| {
        carrier.failover.iter().fold(settings.failover, |set, (status, order)| match order {
            store::Failover::Next => set.with(*status),
            store::Failover::Stop => set.without(*status),
        })
    });
    Carrier {
        id: carrier.id,
        name: carrier.name.as_str().into(),
        prefixes: carrier.prefixes.clone(),
        priority: u32::from(carrier.priority),
        progress_timeout: carrier.progress_timeout_s.map(|seconds| std::time::Duration::from_secs(seconds.into())),
        failover,
        enabled: carrier.enabled,
    }
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

/// Where a carrier listens, and the listener of ours that reaches it.
fn target(carrier: &store::Carrier, listeners: &[SocketAddr]) -> Result<CarrierTarget, String> {
    let Some(address) = carrier.addresses.first() else {
        return Err(format!("carrier {}: it has no address; it was left out", carrier.name));
    };
    let mut resolved = (address.host.as_str(), address.port).to_socket_addrs().map_err(|error| {
        format!("carrier {}: {} cannot be resolved: {error}; it is skipped", carrier.name, address.host)
    })?;
    let reachable = resolved.find_map(|addr| {
        let listener = listeners.iter().find(|listener| listener.is_ipv4() == addr.is_ipv4())?;
        Some((addr, local_towards(addr, *listener)))
    });
    let (addr, local) = reachable.ok_or_else(|| {
        format!(
            "carrier {}: no listener of ours has the address family of {}; it is skipped",
            carrier.name, address.host
        )
    })?;
    let transport = match carrier.transport {
        domain::fact::Transport::Udp => Transport::Udp,
        domain::fact::Transport::Tcp => Transport::Tcp,
    };
    let destination = Destination { transport, addr, flow: None, local };
    Ok(CarrierTarget { destination, host: addr.to_string().into() })
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
