//! How a directory is made: entries in any order, checked against each other at the end.
//!
//! Reading the entries from anywhere is not done here.

use super::country::CountryPlan;
use super::entries::{Carrier, Company, Number, Profile};
use super::{Bearer, CallSettings, Directory};
use crate::numbering;
use domain::Country;
use domain::call_control::CalledUser;
use domain::{CarrierId, CertificateName, CompanyId, E164, ProfileId};
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// What is wrong with a set of entries. The directory is built nevertheless, without the entry at fault, so that one bad row
/// does not stop every company's calls; the caller logs each fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A profile of a company that is not there.
    #[error("profile {0} belongs to a company that does not exist; it was left out")]
    ProfileWithoutCompany(ProfileId),
    /// Two profiles with one SIP user (P2).
    #[error("profile {profile} has the SIP user {sip_user} of another profile; it was left out")]
    SipUserTaken {
        /// The later one.
        profile: ProfileId,
        /// The SIP user.
        sip_user: Arc<str>,
    },
    /// Two profiles with one id.
    #[error("profile {0} is there twice; the first was kept")]
    ProfileTwice(ProfileId),
    /// Two carriers with one id.
    #[error("carrier {0} is there twice; the first was kept")]
    CarrierTwice(CarrierId),
    /// A name in a certificate that two are known by.
    #[error("the certificate name {0} is another's as well; the first keeps it")]
    CertificateTwice(CertificateName),
    /// One number of two owners.
    #[error("number {0} is there twice; the first was kept")]
    NumberTwice(E164),
}

/// Collects the entries of a [`Directory`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    settings: CallSettings,
    companies: Vec<Company>,
    profiles: Vec<Profile>,
    carriers: Vec<Carrier>,
    numbers: Vec<Number>,
    called_as: Vec<(E164, CalledUser)>,
    landlines: Vec<(E164, CompanyId)>,
    countries: Vec<(Country, CountryPlan)>,
    echo_codes: Vec<String>,
}

impl Builder {
    /// Sets the time limits; without it they are the defaults.
    pub fn settings(mut self, settings: CallSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Adds a company.
    pub fn company(mut self, company: Company) -> Self {
        self.companies.push(company);
        self
    }

    /// Adds a profile; its company may be added later.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profiles.push(profile);
        self
    }

    /// Adds a carrier.
    pub fn carrier(mut self, carrier: Carrier) -> Self {
        self.carriers.push(carrier);
        self
    }

    /// Adds a number of ours.
    pub fn number(mut self, number: Number) -> Self {
        self.numbers.push(number);
        self
    }

    /// Says by which user part a PBX is called where this number is (I2, I3).
    pub fn called_as(mut self, number: E164, user: CalledUser) -> Self {
        self.called_as.push((number, user));
        self
    }

    /// Adds a landline that a company has proven to have (L4).
    pub fn landline(mut self, number: E164, company: CompanyId) -> Self {
        self.landlines.push((number, company));
        self
    }

    /// Adds how a country dials.
    pub fn country(mut self, country: Country, plan: CountryPlan) -> Self {
        self.countries.push((country, plan));
        self
    }

    /// Adds an echo code or number (O2b): `*43`, `+17605550100`. Visual separators do not count.
    pub fn echo_code(mut self, code: &str) -> Self {
        self.echo_codes.push(code.to_string());
        self
    }

    /// The directory, and what was left out of it and why.
    pub fn build(self) -> (Directory, Vec<Fault>) {
        let mut directory = Directory {
            settings: self.settings,
            companies: self.companies.into_iter().map(|company| (company.id, Arc::new(company))).collect(),
            called_as: self.called_as.into_iter().collect(),
            landlines: self.landlines.into_iter().collect(),
            countries: self.countries.into_iter().collect(),
            echo_codes: self.echo_codes.iter().map(|code| echo_key(code)).collect(),
            ..Directory::default()
        };
        let mut faults = Vec::new();
        for profile in self.profiles {
            faults.extend(directory.insert_profile(profile));
        }
        for carrier in self.carriers {
            faults.extend(directory.insert_carrier(carrier));
        }
        for number in self.numbers {
            match directory.numbers.entry(number.number) {
                Entry::Occupied(_) => faults.push(Fault::NumberTwice(number.number)),
                Entry::Vacant(place) => _ = place.insert(number),
            }
        }
        directory.sort();
        (directory, faults)
    }
}

/// As [`Directory::is_echo_code`] looks it up.
fn echo_key(code: &str) -> String {
    let plain = numbering::plain(code);
    plain.strip_prefix('+').unwrap_or(&plain).to_owned()
}

impl Directory {
    fn insert_profile(&mut self, profile: Profile) -> Vec<Fault> {
        if !self.companies.contains_key(&profile.company) {
            return vec![Fault::ProfileWithoutCompany(profile.id)];
        }
        if self.by_sip_user.contains_key(&profile.sip_user) {
            return vec![Fault::SipUserTaken { profile: profile.id, sip_user: profile.sip_user }];
        }
        if self.profiles.contains_key(&profile.id) {
            return vec![Fault::ProfileTwice(profile.id)];
        }
        self.by_sip_user.insert(profile.sip_user.clone(), profile.id);
        for source in &profile.sources {
            let candidates = self.by_source.entry(*source).or_default();
            if !candidates.contains(&profile.id) {
                candidates.push(profile.id);
            }
        }
        let faults = self.insert_certificates(&profile.certificates, Bearer::Profile(profile.id));
        self.profiles.insert(profile.id, Arc::new(profile));
        faults
    }

    /// One name has one bearer: whoever came first.
    fn insert_certificates(&mut self, names: &[CertificateName], bearer: Bearer) -> Vec<Fault> {
        let mut faults = Vec::new();
        for name in names {
            match self.by_certificate.entry(name.clone()) {
                Entry::Occupied(taken) if *taken.get() == bearer => {}
                Entry::Occupied(_) => faults.push(Fault::CertificateTwice(name.clone())),
                Entry::Vacant(place) => _ = place.insert(bearer),
            }
        }
        faults
    }

    fn insert_carrier(&mut self, carrier: Carrier) -> Vec<Fault> {
        if self.carriers.contains_key(&carrier.id) {
            return vec![Fault::CarrierTwice(carrier.id)];
        }
        let carrier = Arc::new(carrier);
        self.carriers.insert(carrier.id, carrier.clone());
        if carrier.enabled && carrier.prefixes.is_empty() {
            self.default_routes.push(carrier.clone());
        }
        for prefix in carrier.prefixes.iter().filter(|_| carrier.enabled) {
            self.routes.entry(*prefix).or_default().push(carrier.clone());
        }
        for source in carrier.sources.iter().filter(|_| carrier.enabled) {
            self.by_carrier_source.entry(*source).or_default().push(carrier.clone());
        }
        if carrier.enabled {
            return self.insert_certificates(&carrier.certificates, Bearer::Carrier(carrier.id));
        }
        Vec::new()
    }

    /// Puts everything that a decision walks through into its order.
    fn sort(&mut self) {
        for candidates in self.by_source.values_mut() {
            candidates.sort_unstable();
        }
        let (routes, sources) = (self.routes.values_mut(), self.by_carrier_source.values_mut());
        for serving in routes.chain(sources).chain([&mut self.default_routes]) {
            serving.sort_by_key(|carrier| (carrier.priority, carrier.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{CallerIdPolicy, CarrierSource, IncomingTo, Manners};
    use domain::Currency;
    use domain::call_control::Proof;
    use std::net::SocketAddr;

    fn company(id: u128) -> Company {
        Company {
            id: CompanyId::from_bits(id),
            country: Country::assigned(*b"GB"),
            currency: Currency::USD,
            suspended: false,
            deck: Default::default(),
            zone: Default::default(),
        }
    }

    fn profile(id: u128, company: u128, sip_user: &str, sources: &[&str]) -> Profile {
        Profile {
            id: ProfileId::from_bits(id),
            company: CompanyId::from_bits(company),
            sip_user: sip_user.into(),
            channels: 1,
            calls_per_second: None,
            active: true,
            caller_id: CallerIdPolicy::None,
            auto_recharge: None,
            require_plus: false,
            sources: sources.iter().map(|source| source.parse().unwrap()).collect(),
            certificates: Vec::new(),
            contact: None,
            incoming_to: IncomingTo::default(),
            manners: Manners::default(),
            srtp: Default::default(),
            t38: Default::default(),
            dtmf: Default::default(),
            advice: Default::default(),
            credit_failure: Default::default(),
            caps: Default::default(),
            fraud: Default::default(),
            warn_before: None,
            credentials: 0,
        }
    }

    /// S3, S5.
    #[test]
    fn profiles_are_found_by_sip_user_and_by_source_address_and_port() {
        let (directory, faults) = Directory::builder()
            .profile(profile(2, 1, "990500002", &["192.0.2.1:5060"]))
            .profile(profile(1, 1, "990500001", &["192.0.2.1:5060", "192.0.2.2:5060"]))
            .company(company(1))
            .build();
        assert!(faults.is_empty());
        let source: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        assert_eq!(directory.profiles_at(source), [ProfileId::from_bits(1), ProfileId::from_bits(2)]);
        assert!(directory.profiles_at("192.0.2.1:5061".parse().unwrap()).is_empty());
        assert_eq!(directory.profile_by_sip_user("990500002").unwrap().id, ProfileId::from_bits(2));
        assert!(directory.profile_by_sip_user("990500003").is_none());
    }

    fn carrier(id: u128, priority: u32, enabled: bool, sources: &[CarrierSource]) -> Carrier {
        let name = format!("carrier{id}");
        Carrier { priority, sources: sources.to_vec(), enabled, ..Carrier::new(CarrierId::from_bits(id), name) }
    }

    #[test]
    fn a_carrier_is_found_by_the_exact_source_before_the_address_alone() {
        let exact = |text: &str| CarrierSource::Exact(text.parse().unwrap());
        let address = |text: &str| CarrierSource::Address(text.parse().unwrap());
        let (directory, faults) = Directory::builder()
            .carrier(carrier(1, 1, true, &[address("203.0.113.1")]))
            .carrier(carrier(2, 9, true, &[exact("203.0.113.1:5080"), exact("203.0.113.2:5060")]))
            .carrier(carrier(3, 2, true, &[exact("203.0.113.2:5060")]))
            .carrier(carrier(4, 0, false, &[exact("203.0.113.2:5060"), address("203.0.113.4")]))
            .build();
        assert!(faults.is_empty());
        let at = |source: &str| directory.carrier_at(source.parse().unwrap()).map(|id| id.bits());
        assert_eq!(at("203.0.113.1:5080"), Some(2));
        assert_eq!(at("203.0.113.1:40000"), Some(1));
        assert_eq!(at("203.0.113.2:5060"), Some(3), "of two the one with the lower priority");
        assert_eq!(at("203.0.113.2:5061"), None);
        assert_eq!(at("203.0.113.4:5060"), None, "a carrier that is not used is nobody");
    }

    /// P2.
    #[test]
    fn a_bad_entry_is_named_and_left_out_and_the_rest_stands() {
        let (directory, faults) = Directory::builder()
            .company(company(1))
            .profile(profile(1, 1, "990500001", &[]))
            .profile(profile(2, 1, "990500001", &[]))
            .profile(profile(3, 9, "990500003", &[]))
            .profile(profile(1, 1, "990500004", &[]))
            .build();
        assert_eq!(
            faults.iter().map(Fault::to_string).collect::<Vec<_>>(),
            [
                format!(
                    "profile {} has the SIP user 990500001 of another profile; it was left out",
                    ProfileId::from_bits(2)
                ),
                format!(
                    "profile {} belongs to a company that does not exist; it was left out",
                    ProfileId::from_bits(3)
                ),
                format!("profile {} is there twice; the first was kept", ProfileId::from_bits(1)),
            ]
        );
        assert_eq!(directory.profiles().count(), 1);
    }

    /// RFC 5922 7.1.
    #[test]
    fn a_name_in_a_certificate_is_one_profiles_or_one_carriers() {
        let name = |text: &str| text.parse::<CertificateName>().unwrap();
        let known_as = |names: &[&str], profile: Profile| Profile {
            certificates: names.iter().map(|text| name(text)).collect(),
            ..profile
        };
        let known_by = |names: &[&str], id, enabled| Carrier {
            certificates: names.iter().map(|text| name(text)).collect(),
            ..carrier(id, 1, enabled, &[])
        };
        let (directory, faults) = Directory::builder()
            .company(company(1))
            .profile(known_as(&["a.example.com", "a2.example.com"], profile(1, 1, "990500001", &[])))
            .profile(known_as(&["b.example.com", "a.example.com"], profile(2, 1, "990500002", &[])))
            .carrier(known_by(&["c.example.net", "b.example.com"], 3, true))
            .carrier(known_by(&["d.example.net"], 4, false))
            .build();
        let twice = |text: &str| Fault::CertificateTwice(name(text));
        assert_eq!(faults, [twice("a.example.com"), twice("b.example.com")]);
        let certified = |names: &[&str]| {
            let names: Vec<CertificateName> = names.iter().map(|text| name(text)).collect();
            directory.certified(&names).map(|known| (known.proof, known.by.to_string()))
        };
        let (one, two) = (ProfileId::from_bits(1), ProfileId::from_bits(2));
        assert_eq!(certified(&["a.example.com"]), Some((Proof::Source(vec![one]), "a.example.com".to_owned())));
        let both = certified(&["x.example.com", "b.example.com", "c.example.net", "a2.example.com"]);
        assert_eq!(both, Some((Proof::Source(vec![two, one]), "b.example.com, a2.example.com".to_owned())));
        let carrier = Some((Proof::Carrier(CarrierId::from_bits(3)), "c.example.net".to_owned()));
        assert_eq!(certified(&["c.example.net"]), carrier);
        assert_eq!(certified(&["d.example.net"]), None, "its carrier is not used");
        assert_eq!(certified(&[]), None);
    }

    /// O2b.
    #[test]
    fn echo_codes_are_known_however_they_are_written() {
        let (directory, _) = Directory::builder().echo_code("*43").echo_code("+1 760-555-0100").build();
        assert!(directory.is_echo_code("*43") && directory.is_echo_code("+17605550100"));
        assert!(directory.is_echo_code("17605550100") && !directory.is_echo_code("176055501001"));
    }
}
