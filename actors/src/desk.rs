//! The desk: the immutable snapshot that the front door and the calls read, built from the store and swapped whole.
//!
//! Decisions read [`switch::Directory`]; beside it lie what only the front door may know: secrets and SIP addresses.

mod lines;
pub(crate) mod places;
mod pricing;
mod zones;

pub(crate) use self::places::local_towards;

use self::lines::{CarrierLine, Proxy, address_in, enrolment, line};
use self::places::{Place, contact_uri, place};
use self::pricing::Decks;
use crate::manners;
use crate::ways::register::{flow_of, transport_of};
use crate::whereabouts::Whereabouts;
use domain::call_control::{LegFailure, OutgoingInvitation, Pbx, Whereto};
use domain::media::Family;
use domain::network::Network;
use domain::srtp::SrtpPolicy;
use domain::{CarrierId, Entropy, Monotonic, ProfileId, Zone};
use leg::{CarrierTarget, Hop, PbxTarget, Redirects, Target};
use rating::Schedule;
use sip::digest::Ha1;
use sip::endpoint::Destination;
use sip::locating::Wanted;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use store::Everything;
use switch::Directory;
use switch::directory::{
    AutoRecharge, CallSettings, CallerIdPolicy, Carrier, CarrierManners, CarrierSource, Company, Country, CountryPlan,
    IncomingTo, Manners, Profile,
};

/// Everything that is looked up while calls are handled.
#[derive(Debug, Default)]
pub struct Desk {
    directory: Arc<Directory>,
    secrets: BTreeMap<Arc<str>, (ProfileId, Ha1)>,
    carriers: BTreeMap<CarrierId, CarrierLine>,
    /// Whose names are looked up by DNS, in the order in which carriers are tried.
    named: BTreeMap<Wanted, Vec<CarrierId>>,
    /// Where names are.
    whereabouts: Arc<Whereabouts>,
    /// From which address of ours PBXs are called that need not register (I7), by their IP address.
    locals: BTreeMap<IpAddr, SocketAddr>,
    /// Where PBXs are that have a fixed contact, by its URI.
    contacts: BTreeMap<Arc<str>, Place>,
    /// The only networks that a carrier's sound may come from, where it has named any.
    media_networks: BTreeMap<CarrierId, Arc<[Network]>>,
}

/// Places of a carrier that one attempt goes to at most.
const HOPS_MAX: usize = 8;
/// How long a place may be silent before the next one is tried, at least: two INVITEs were lost on the way (RFC 3261 17.1.1.2).
const HOP_PATIENCE_MIN: Duration = Duration::from_secs(1);
/// And at most: two places must fit into what a caller bears.
const HOP_PATIENCE_MAX: Duration = Duration::from_secs(2);

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
    /// The same for TLS.
    pub tls_listeners: Vec<SocketAddr>,
    /// Whether who connects over TLS is asked for a certificate.
    pub asks_for_certificates: bool,
    /// Where carriers are that are known by name.
    pub whereabouts: Arc<Whereabouts>,
    /// How often carriers are asked by OPTIONS that do not say otherwise; none for never.
    pub options_every: Option<Duration>,
    /// Calls that a PBX may place in any second where its profile does not say; none for no limit.
    pub profile_calls_per_second: Option<u32>,
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

    /// The addresses of carriers and of PBXs with IP authentication: whoever sends from there is no stranger.
    pub(crate) fn acquainted(&self) -> BTreeSet<IpAddr> {
        let pbxs = self.directory.profiles().flat_map(|profile| profile.sources.iter().map(SocketAddr::ip));
        let sources = self.directory.carriers().flat_map(|carrier| carrier.sources.iter());
        let carriers = sources.map(|source| match source {
            CarrierSource::Exact(address) => address.ip(),
            CarrierSource::Address(ip) => *ip,
        });
        pbxs.chain(carriers).map(|ip| ip.to_canonical()).collect()
    }

    /// Every SIP user with its profile and H(A1), in order.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&str, ProfileId, Ha1)> {
        self.secrets.iter().map(|(sip_user, (profile, ha1))| (&**sip_user, *profile, *ha1))
    }

    /// Where a carrier is called now: its places in the order of one attempt, those that do not answer behind the others. None where it
    /// is not known, or nothing is known of its name.
    pub fn carrier(&self, id: CarrierId, chance: &mut Entropy, now: Monotonic) -> Option<CarrierTarget> {
        let line = self.carriers.get(&id)?;
        let mut hops: Vec<Hop> = Vec::new();
        for place in &line.places {
            match place {
                Place::Fixed(hop) => hops.push(hop.clone()),
                Place::Named { wanted, host } => hops.extend(self.whereabouts.hops(wanted, host, chance)),
            }
        }
        let service_route = self.whereabouts.service_route(id);
        // The first proxy of a Service-Route is called first, where it is a place of the carrier: it sends our calls nowhere else.
        let first = service_route.first().and_then(|hop| address_in(hop)).filter(|_| line.proxy.is_none());
        let is_other = |hop: &Hop| first.is_some_and(|first| hop.destination.addr != first);
        // Stable, and without effect where all do answer.
        hops.sort_by_key(|hop| (self.whereabouts.is_avoided(hop.destination.addr, now), is_other(hop)));
        hops.truncate(HOPS_MAX);
        if let Some(Proxy { domain, .. }) = &line.proxy {
            hops.iter_mut().for_each(|hop| hop.host = Arc::clone(domain));
        }
        let redirects = line
            .redirects
            .as_ref()
            .map(|networks| Arc::new(Redirects { own: hops.clone(), networks: networks.clone() }));
        let count = u32::try_from(hops.len()).unwrap_or(u32::MAX).max(1);
        let mut hops = hops.into_iter();
        let first = hops.next()?;
        let is_alike = |hop: &Hop| {
            let (one, other) = (hop.destination, first.destination);
            (one.transport, one.local) == (other.transport, other.local)
        };
        Some(CarrierTarget {
            others: hops.filter(is_alike).collect(),
            destination: first.destination,
            host: first.host,
            number_format: line.number_format.clone(),
            account: line.account.clone(),
            patience: (line.patience / count).clamp(HOP_PATIENCE_MIN, HOP_PATIENCE_MAX),
            redirects,
            proxy: line.proxy.as_ref().map(|proxy| Arc::clone(&proxy.route)),
            service_route,
        })
    }

    /// Whose calls come from this source: the carrier that has it for an address, or one whose name is there.
    pub fn carrier_at(&self, source: SocketAddr) -> Option<CarrierId> {
        self.directory.carrier_at(source).or_else(|| {
            let names = self.whereabouts.names_at(source);
            let is_enabled = |id: &&CarrierId| self.directory.carrier(**id).is_some_and(|carrier| carrier.enabled);
            names.iter().filter_map(|name| self.named.get(name)).flatten().find(is_enabled).copied()
        })
    }

    /// The names that are to be looked up.
    pub(crate) fn names(&self) -> BTreeSet<Wanted> {
        let of_contacts = self.contacts.values().filter_map(|place| match place {
            Place::Fixed(_) => None,
            Place::Named { wanted, .. } => Some(wanted),
        });
        self.named.keys().chain(of_contacts).cloned().collect()
    }

    /// Where names are.
    pub(crate) fn whereabouts(&self) -> &Whereabouts {
        &self.whereabouts
    }

    /// By which name a carrier knows us, where it asks or wants us to register.
    pub fn account(&self, id: CarrierId) -> Option<&Arc<leg::Account>> {
        self.carriers.get(&id)?.account.as_ref()
    }

    /// The name that the certificate of whoever listens there must bear: the domain by which it was configured, whatever host DNS named for it
    /// (RFC 5922 4), or else the address itself.
    pub fn server_name(&self, address: SocketAddr) -> String {
        let name = self.whereabouts.names_at(address).into_iter().find(|name| self.named.contains_key(name));
        name.map_or_else(|| address.ip().to_string(), |name| name.host.to_string())
    }

    /// The only networks that a carrier's sound may come from; none where it has named none.
    pub fn media_networks(&self, id: CarrierId) -> Option<Arc<[Network]>> {
        self.media_networks.get(&id).cloned()
    }

    /// Where an invitation is to be sent; none where that is not known.
    pub fn target(&self, whereto: &Whereto, chance: &mut Entropy, now: Monotonic) -> Option<Target> {
        match whereto {
            Whereto::Carrier(id) => self.carrier(*id, chance, now).map(Target::Carrier),
            // No address: it is another call of ours.
            Whereto::Inside => None,
            Whereto::Pbx(pbx) => {
                let fixed = self.contacts.get(&pbx.contact).filter(|_| pbx.local.is_none());
                let destination = match fixed {
                    Some(place) => self.destination(place, chance, now)?,
                    None => {
                        let local = pbx.local.or_else(|| self.locals.get(&pbx.peer.ip()).copied())?;
                        let flow = flow_of(pbx.flow);
                        Destination { transport: transport_of(pbx.transport), addr: pbx.peer, flow, local }
                    }
                };
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

    /// The place of a PBX that does not register; one that answers before one that does not.
    fn destination(&self, place: &Place, chance: &mut Entropy, now: Monotonic) -> Option<Destination> {
        let mut hops = match place {
            Place::Fixed(hop) => vec![hop.clone()],
            Place::Named { wanted, host } => self.whereabouts.hops(wanted, host, chance),
        };
        hops.sort_by_key(|hop| self.whereabouts.is_avoided(hop.destination.addr, now));
        hops.first().map(|hop| hop.destination)
    }

    /// Where an invitation is to be sent, if it may be sent there.
    ///
    /// # Errors
    /// The carrier's name could not be resolved, or it was taken out between the choice and the call; no listener reaches the PBX; or
    /// keys would travel in the clear that must not; or there is no sound by the version of IP that it is reached by.
    pub fn reach(
        &self,
        order: &OutgoingInvitation,
        chance: &mut Entropy,
        now: Monotonic,
    ) -> Result<Target, LegFailure> {
        let target = self.target(&order.whereto, chance, now).ok_or(match order.whereto {
            Whereto::Carrier(_) => LegFailure::Unresolved,
            Whereto::Pbx(_) | Whereto::Inside => LegFailure::Transport,
        })?;
        let needs_secrecy = order.srtp == SrtpPolicy::Required && self.directory.settings().srtp_needs_tls;
        if needs_secrecy && !transport_towards(&order.whereto, &target).is_secure() {
            return Err(LegFailure::Insecure);
        }
        // Who is called is spoken to by the version of IP that it is reached by (RFC 6157 3.1).
        let family = Family::of(target.destination().addr.ip());
        if !self.directory.settings().media_families.has(family) {
            return Err(LegFailure::NoMediaAddress);
        }
        Ok(target)
    }

    /// Builds a desk from the store. Names of carriers are looked up by others.
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
        let decks = Decks::read(&everything, &mut faults);
        for company in &everything.companies {
            builder = builder.company(Company {
                id: company.id,
                country: company.country,
                currency: company.currency,
                suspended: company.suspended,
                deck: decks.schedule(&everything.decks_of(company)),
                zone: zones::zone(&company.timezone).unwrap_or_else(|| {
                    faults.push(format!(
                        "company {}: nobody knows the time zone {}; its days begin in UTC",
                        company.name, company.timezone
                    ));
                    Zone::utc()
                }),
            });
        }
        let (mut secrets, mut locals, mut contacts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
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
            if let Some(contact) = &profile.contact {
                match place(domain::fact::Transport::Udp, contact, rules) {
                    Ok(place) => _ = contacts.insert(contact_uri(contact), place),
                    Err(fault) => faults.push(format!("profile {}: {contact}: {fault}; it is skipped", profile.name)),
                }
            }
            let manners = manners::of_profile(&everything, profile, &rules.countries, &mut faults);
            builder = builder.profile(profile_entry(profile, sip_user, manners, rules));
        }
        builder = manners::with_numbers(builder, &everything);
        let (mut lines, mut named) = (BTreeMap::new(), BTreeMap::<Wanted, Vec<CarrierId>>::new());
        for carrier in &everything.carriers {
            let line = line(&everything, carrier, rules, &mut faults);
            let bought_by = carrier.terms.buy_deck.as_ref().map(|name| everything.versions_of(name));
            let buy_deck = decks.schedule(&bought_by.unwrap_or_default());
            let manners = manners::of_carrier(&everything, carrier);
            let account = everything.carrier_accounts.get(&carrier.id);
            let enrolment = account.and_then(|(account, _)| enrolment(carrier, account));
            let entry = carrier_entry(carrier, &line.places, rules, buy_deck);
            builder = builder.carrier(Carrier { manners, enrolment, ..entry });
            for place in &line.places {
                if let Place::Named { wanted, .. } = place {
                    named.entry(wanted.clone()).or_default().push(carrier.id);
                }
            }
            lines.insert(carrier.id, line);
        }
        let careful = everything.carriers.iter().filter(|carrier| !carrier.media_networks.is_empty());
        let media_networks = careful.map(|carrier| (carrier.id, carrier.media_networks.clone().into())).collect();
        let (directory, left_out) = builder.build();
        faults.extend(left_out.iter().map(ToString::to_string));
        faults.extend(never_certified(&everything).filter(|_| !rules.asks_for_certificates));
        let whereabouts = Arc::clone(&rules.whereabouts);
        let (directory, carriers) = (Arc::new(directory), lines);
        (Desk { directory, secrets, carriers, named, whereabouts, locals, contacts, media_networks }, faults)
    }
}

/// Over what the called side itself is reached: nodes of a house are on one host, what passes between them leaves it not.
pub(crate) fn transport_towards(whereto: &Whereto, target: &Target) -> sip::endpoint::Transport {
    match whereto {
        Whereto::Pbx(Pbx { beyond: Some((_, transport)), .. }) => transport_of(*transport),
        _ => target.destination().transport,
    }
}

/// Who is to be known by a certificate, where nobody is asked for one.
fn never_certified(everything: &Everything) -> Option<String> {
    let profiles = everything.profiles.iter().filter(|(profile, _)| !profile.auth.certificates.is_empty());
    let carriers = everything.carriers.iter().filter(|carrier| !carrier.certificates.is_empty());
    let first = profiles
        .clone()
        .map(|(profile, _)| &profile.name)
        .chain(carriers.clone().map(|carrier| &carrier.name))
        .next()?;
    let many = profiles.count() + carriers.count();
    Some(format!(
        "{many} of the profiles and carriers are to be known by a certificate ({first} first), and nobody is asked for one: set \
         tls.client_certificates to \"optional\""
    ))
}

fn profile_entry(profile: &store::Profile, sip_user: Arc<str>, manners: Manners, rules: &NodeRules) -> Profile {
    Profile {
        id: profile.id,
        company: profile.company,
        sip_user,
        channels: u32::from(profile.channels),
        calls_per_second: profile.calls_per_second.or(rules.profile_calls_per_second),
        active: profile.state == store::ProfileState::Active && profile.channels > 0,
        caller_id: profile.caller_id.map_or(CallerIdPolicy::None, CallerIdPolicy::Number),
        auto_recharge: profile
            .auto_recharge
            .map(|recharge| AutoRecharge { amount: recharge.amount, threshold: recharge.threshold }),
        require_plus: profile.require_plus,
        sources: profile.auth.sources.clone(),
        certificates: profile.auth.certificates.clone(),
        contact: profile.contact.as_ref().map(contact_uri),
        incoming_to: match profile.incoming_to {
            store::IncomingTo::CalledNumber => IncomingTo::CalledNumber,
            store::IncomingTo::SipUsername => IncomingTo::SipUsername,
        },
        manners,
        srtp: profile.srtp,
        t38: profile.t38,
        dtmf: profile.dtmf,
        advice: profile.advice,
        credit_failure: profile.credit_failure,
        caps: profile.caps,
        fraud: profile.fraud.clone(),
        warn_before: profile.warn_before,
        credentials: 0,
    }
}

fn carrier_entry(carrier: &store::Carrier, places: &[Place], rules: &NodeRules, buy_deck: Schedule) -> Carrier {
    let (settings, terms) = (&rules.calls, &carrier.terms);
    let seconds = |seconds: u16| Duration::from_secs(seconds.into());
    let failover = (!carrier.failover.is_empty()).then(|| {
        carrier.failover.iter().fold(settings.failover, |set, (status, order)| match order {
            store::Failover::Next => set.with(*status),
            store::Failover::Stop => set.without(*status),
        })
    });
    let addresses = places.iter().filter_map(|place| match place {
        Place::Fixed(hop) => Some(hop.destination.addr),
        Place::Named { .. } => None,
    });
    // Behind a proxy its own addresses are no places that we call, but it may call from there.
    let is_behind = carrier.terms.outbound_proxy.is_some();
    let own = carrier.addresses.iter().filter(|_| is_behind).filter_map(store::Address::exact);
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
        sources: addresses.chain(own).map(CarrierSource::Exact).chain(others).collect(),
        certificates: carrier.certificates.clone(),
        srtp: carrier.srtp,
        t38: carrier.t38,
        dtmf: carrier.dtmf,
        enabled: carrier.enabled,
        manners: CarrierManners::default(),
        enrolment: None,
    }
}
