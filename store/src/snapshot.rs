//! Everything that routing needs, read at one instant.
//!
//! Tables for look-ups do not live here: `switch` and `rating` build them from this.

use crate::account::{self, Account};
use crate::breaker_limits;
use crate::carrier::{self, Carrier};
use crate::company::{self, Company};
use crate::deck::{self, Deck, DeckRow};
use crate::fraud::{self, Breaker};
use crate::landline::{self, Landline, LandlineState, Verification};
use crate::manners::{self, CarrierManners, ProfileManners};
use crate::number::{self, Number};
use crate::profile::{self, Profile};
use crate::{CarrierAccount, Ha1, Password, Result, Store, write};
use domain::fraud::BreakerLimits;
use domain::{CarrierId, CompanyId, ProfileId, Wall};
use std::collections::{BTreeMap, BTreeSet};

/// The whole configuration, as of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Everything {
    /// What [`Store::config_version`] was.
    pub config_version: u64,
    /// In order of identity.
    pub companies: Vec<Company>,
    /// In order of identity, with the hashes of their credentials.
    pub profiles: Vec<(Profile, Ha1)>,
    /// In the order in which they are tried, disabled ones too.
    pub carriers: Vec<Carrier>,
    /// In order of digits.
    pub numbers: Vec<Number>,
    /// In order of identity.
    pub accounts: Vec<Account>,
    /// In order of identity, in every state.
    pub landlines: Vec<Landline>,
    /// Breakers that are open.
    pub breakers: Vec<Breaker>,
    /// Of companies whose breakers have limits of their own.
    pub breaker_limits: BTreeMap<CompanyId, BreakerLimits>,
    /// The companies about which something was said.
    pub verifications: Vec<(CompanyId, Verification)>,
    /// How PBXs are spoken to that want it otherwise than usual.
    pub profile_manners: BTreeMap<ProfileId, ProfileManners>,
    /// How carriers are spoken to that want it otherwise than usual.
    pub carrier_manners: BTreeMap<CarrierId, CarrierManners>,
    /// Who we are to carriers that ask, with the passwords that prove it.
    pub carrier_accounts: BTreeMap<CarrierId, (CarrierAccount, Password)>,
    /// The decks in force and those that are to come, by name and the instant from which each is in force, with their rows in order of
    /// prefix.
    pub decks: Vec<(Wall, Deck, Vec<DeckRow>)>,
}

impl Everything {
    /// The profile at which a number rings: its own, or its account's.
    pub fn rings_at(&self, number: &Number) -> Option<ProfileId> {
        number.profile.or_else(|| self.account_of(number)?.profile)
    }

    /// The business account that a number belongs to.
    pub fn account_of(&self, number: &Number) -> Option<&Account> {
        let id = number.account?;
        let place = self.accounts.binary_search_by_key(&id, |account| account.id).ok()?;
        self.accounts.get(place)
    }

    /// The landlines that may be shown: a verified company's verified ones, and what an operator answers for (L4, A7).
    pub fn landlines_shown(&self) -> impl Iterator<Item = &Landline> {
        let is_verified = |company| self.verifications.contains(&(company, Verification::Verified));
        self.landlines.iter().filter(move |landline| match landline.state {
            LandlineState::Verified => is_verified(landline.company),
            LandlineState::Vouched => true,
            LandlineState::Pending | LandlineState::Locked => false,
        })
    }

    /// The decks that a company's calls are charged by, with the instants from which each is: the versions of the one that it names, else
    /// whatever is the first in force in its currency that is no carrier's buy deck. While there is none, every paid call is refused
    /// with `no_route`.
    pub fn decks_of(&self, company: &Company) -> Vec<(Wall, &Deck)> {
        if let Some(name) = &company.deck {
            return self.versions_of(name);
        }
        let may_charge = |deck: &Deck| deck.currency == company.currency && !self.is_bought_by(&deck.name);
        let candidates: Vec<(Wall, &Deck)> =
            self.decks.iter().map(|(from, deck, _)| (*from, deck)).filter(|(_, deck)| may_charge(deck)).collect();
        // At each instant at which anything changes, the first name that has a version by then, and its last one.
        let instants: BTreeSet<Wall> = candidates.iter().map(|(from, _)| *from).collect();
        let at = |instant: Wall| {
            let mut begun = candidates.iter().filter(|(from, _)| *from <= instant);
            let first = begun.clone().map(|(_, deck)| &deck.name).min()?;
            begun.rfind(|(_, deck)| deck.name == *first).map(|(_, deck)| (instant, *deck))
        };
        instants.into_iter().filter_map(at).collect()
    }

    /// The versions of one name, with the instants from which each is in force.
    pub fn versions_of(&self, name: &str) -> Vec<(Wall, &Deck)> {
        self.decks.iter().filter(|(_, deck, _)| deck.name == *name).map(|(from, deck, _)| (*from, deck)).collect()
    }
}

impl Everything {
    /// Whether a deck is what a carrier asks for its calls.
    fn is_bought_by(&self, deck: &str) -> bool {
        self.carriers.iter().any(|carrier| carrier.terms.buy_deck.as_deref() == Some(deck))
    }
}

impl Store {
    /// Reads the whole configuration in one transaction, as it is at an instant and, as far as it is ordered already, after it.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn snapshot(&self, at: Wall) -> Result<Everything> {
        self.read(|connection| {
            let with_rows = |(from, deck): (Wall, Deck)| deck::rows(connection, deck.id).map(|rows| (from, deck, rows));
            Ok(Everything {
                config_version: write::config_version(connection)?,
                companies: company::all(connection)?,
                profiles: profile::all_with_ha1(connection)?,
                carriers: carrier::all(connection)?,
                numbers: number::all(connection, None)?,
                accounts: account::all(connection, None)?,
                landlines: landline::all(connection, None)?,
                breakers: fraud::breakers(connection)?,
                breaker_limits: breaker_limits::all(connection)?,
                verifications: landline::verifications(connection)?,
                profile_manners: manners::of_profiles(connection)?,
                carrier_manners: manners::of_carriers(connection)?,
                carrier_accounts: carrier::account::all(self, connection)?,
                decks: deck::turns::from(connection, at)?.into_iter().map(with_rows).collect::<Result<_>>()?,
            })
        })
    }
}
