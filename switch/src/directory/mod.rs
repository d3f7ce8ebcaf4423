//! The [`Directory`]: one immutable snapshot of everything that decisions read, swapped whole when anything changes.
//!
//! Where it is read from (`store`) and who swaps it (`actors`) is not known here. No secret and no SIP address lives in it.

mod builder;
mod country;
mod entries;
mod manners;
mod settings;
mod statuses;

pub use builder::{Builder, Fault};
pub use country::CountryPlan;
pub use domain::Country;
pub use entries::{
    AutoRecharge, CallerIdPolicy, Carrier, CarrierSource, Company, EnrolmentTerms, IncomingTo, Number, Profile,
};
pub use manners::{CallerIds, CarrierManners, Manners, Spoofed};
pub use settings::{CallSettings, RouteOrder};
pub use statuses::Statuses;

use crate::emergency;
use domain::call_control::{CalledUser, Proof};
use domain::{CarrierId, CertificateName, CompanyId, E164, Prefix, ProfileId, WarnBefore};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

/// Whose a name in a client certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// A profile's.
    Profile(ProfileId),
    /// A carrier's.
    Carrier(CarrierId),
}

/// Whom a client certificate proves, and by which of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// Who it is.
    pub proof: Proof,
    /// The names that say so, joined by commas.
    pub by: Arc<str>,
}

/// Everything that decisions read, at one moment. Made by [`Directory::builder`].
#[derive(Clone, Debug, Default)]
pub struct Directory {
    settings: CallSettings,
    companies: BTreeMap<CompanyId, Arc<Company>>,
    profiles: BTreeMap<ProfileId, Arc<Profile>>,
    by_sip_user: BTreeMap<Arc<str>, ProfileId>,
    by_source: BTreeMap<SocketAddr, Vec<ProfileId>>,
    carriers: BTreeMap<CarrierId, Arc<Carrier>>,
    /// For each prefix the enabled carriers that serve it, by priority, then id.
    routes: BTreeMap<Prefix, Vec<Arc<Carrier>>>,
    /// The enabled carriers that serve every number, by priority, then id.
    default_routes: Vec<Arc<Carrier>>,
    /// The enabled carriers whose calls come from there, by priority, then id.
    by_carrier_source: BTreeMap<CarrierSource, Vec<Arc<Carrier>>>,
    /// Whose a name in a client certificate is: one profile's, or one enabled carrier's.
    by_certificate: BTreeMap<CertificateName, Bearer>,
    numbers: BTreeMap<E164, Number>,
    /// Numbers that ring at business accounts, and how those are called.
    called_as: BTreeMap<E164, CalledUser>,
    /// Verified landlines, each perhaps of several companies.
    landlines: BTreeSet<(E164, CompanyId)>,
    countries: BTreeMap<Country, CountryPlan>,
    echo_codes: BTreeSet<String>,
}

impl Directory {
    /// An empty directory to be filled.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Time limits and leases of calls.
    pub fn settings(&self) -> &CallSettings {
        &self.settings
    }

    /// The company with this id.
    pub fn company(&self, id: CompanyId) -> Option<&Arc<Company>> {
        self.companies.get(&id)
    }

    /// The profile with this id.
    pub fn profile(&self, id: ProfileId) -> Option<&Arc<Profile>> {
        self.profiles.get(&id)
    }

    /// When callers of this profile are warned before their credit ends.
    pub fn warn_before(&self, id: ProfileId) -> WarnBefore {
        let own = self.profile(id).and_then(|profile| profile.warn_before);
        own.unwrap_or(self.settings.warn_before)
    }

    /// The profile with this SIP user (P3); exact, case included.
    pub fn profile_by_sip_user(&self, sip_user: &str) -> Option<&Arc<Profile>> {
        self.profiles.get(self.by_sip_user.get(sip_user)?)
    }

    /// The profiles that IP authentication names for this source (S3, S5), in order of id; empty where there is none.
    pub fn profiles_at(&self, source: SocketAddr) -> &[ProfileId] {
        self.by_source.get(&source).map_or(&[], Vec::as_slice)
    }

    /// Whom the names of a verified client certificate prove (RFC 5922 7.1): the profiles among them, From selecting where there are
    /// several (S5), or else the first carrier. None where they are nobody's.
    pub fn certified(&self, names: &[CertificateName]) -> Option<Certified> {
        let known = || names.iter().filter_map(|name| Some((name, *self.by_certificate.get(name)?)));
        let mut profiles = Vec::new();
        let mut by = Vec::new();
        for (name, bearer) in known() {
            if let Bearer::Profile(profile) = bearer {
                by.push(name.as_str());
                if !profiles.contains(&profile) {
                    profiles.push(profile);
                }
            }
        }
        if !profiles.is_empty() {
            return Some(Certified { proof: Proof::Source(profiles), by: by.join(", ").into() });
        }
        known().find_map(|(name, bearer)| match bearer {
            Bearer::Carrier(carrier) => Some(Certified { proof: Proof::Carrier(carrier), by: name.as_str().into() }),
            Bearer::Profile(_) => None,
        })
    }

    /// Every profile, in order of id.
    pub fn profiles(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.profiles.values()
    }

    /// The carrier with this id, enabled or not.
    pub fn carrier(&self, id: CarrierId) -> Option<&Arc<Carrier>> {
        self.carriers.get(&id)
    }

    /// The carrier whose calls come from this source: the one that names exactly it, or else its IP address. Of several
    /// the first by priority, then id.
    pub fn carrier_at(&self, source: SocketAddr) -> Option<CarrierId> {
        let at = |source| self.by_carrier_source.get(&source)?.first();
        at(CarrierSource::Exact(source)).or_else(|| at(CarrierSource::Address(source.ip()))).map(|carrier| carrier.id)
    }

    /// Every carrier, in order of id.
    pub fn carriers(&self) -> impl Iterator<Item = &Arc<Carrier>> {
        self.carriers.values()
    }

    /// The number of ours, where it is one.
    pub fn number(&self, number: E164) -> Option<&Number> {
        self.numbers.get(&number)
    }

    /// By which user part a PBX is called where this number of ours is (I1, I2, I3).
    pub fn called_as(&self, number: E164) -> CalledUser {
        self.called_as.get(&number).cloned().unwrap_or_default()
    }

    /// Whether a number is a landline that this company has proven to have (L4).
    pub fn landline(&self, number: E164, company: CompanyId) -> bool {
        self.landlines.contains(&(number, company))
    }

    /// How a country dials, where that is known.
    pub fn country(&self, country: Country) -> Option<&CountryPlan> {
        self.countries.get(&country)
    }

    /// Whether this is answered with the caller's own sound (O2): `dialled` without visual separators.
    pub fn is_echo_code(&self, dialled: &str) -> bool {
        self.echo_codes.contains(dialled.strip_prefix('+').unwrap_or(dialled))
    }

    /// Whether the PBX of this profile means an emergency service by `dialled` (O3).
    pub fn is_emergency(&self, profile: ProfileId, dialled: &str) -> bool {
        let company = self.profile(profile).and_then(|profile| self.company(profile.company));
        emergency::is_emergency(dialled, company.and_then(|company| self.country(company.country)))
    }

    /// The enabled carriers that serve exactly this prefix, by priority, then id.
    pub(crate) fn carriers_for(&self, prefix: Prefix) -> &[Arc<Carrier>] {
        self.routes.get(&prefix).map_or(&[], Vec::as_slice)
    }

    /// The enabled carriers that serve every number, by priority, then id.
    pub(crate) fn carriers_for_everything(&self) -> &[Arc<Carrier>] {
        &self.default_routes
    }
}
