//! Everything that routing needs, read at one instant.
//!
//! Tables for look-ups do not live here: `switch` and `rating` build them from this.

use crate::account::{self, Account};
use crate::carrier::{self, Carrier};
use crate::company::{self, Company};
use crate::deck::{self, Deck, DeckRow};
use crate::landline::{self, Landline, LandlineState, Verification};
use crate::manners::{self, CarrierManners, ProfileManners};
use crate::number::{self, Number};
use crate::profile::{self, Profile};
use crate::{CarrierAccount, Ha1, Password, Result, Store, write};
use domain::{CarrierId, CompanyId, ProfileId};
use std::collections::BTreeMap;

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
    /// The companies about which something was said.
    pub verifications: Vec<(CompanyId, Verification)>,
    /// How PBXs are spoken to that want it otherwise than usual.
    pub profile_manners: BTreeMap<ProfileId, ProfileManners>,
    /// How carriers are spoken to that want it otherwise than usual.
    pub carrier_manners: BTreeMap<CarrierId, CarrierManners>,
    /// Who we are to carriers that ask, with the passwords that prove it.
    pub carrier_accounts: BTreeMap<CarrierId, (CarrierAccount, Password)>,
    /// The decks in force, by name, with their rows in order of prefix.
    pub decks: Vec<(Deck, Vec<DeckRow>)>,
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

    /// The deck that a company's calls are charged by: the one that it names, else the first in force in its currency
    /// that is no carrier's buy deck. None where there is no such deck in force; every paid call is then refused with `no_route`.
    pub fn deck_of(&self, company: &Company) -> Option<&(Deck, Vec<DeckRow>)> {
        self.decks.iter().find(|(deck, _)| match &company.deck {
            Some(name) => deck.name == *name,
            None => deck.currency == company.currency && !self.is_bought_by(&deck.name),
        })
    }
}

impl Everything {
    /// Whether a deck is what a carrier asks for its calls.
    fn is_bought_by(&self, deck: &str) -> bool {
        self.carriers.iter().any(|carrier| carrier.terms.buy_deck.as_deref() == Some(deck))
    }
}

impl Store {
    /// Reads the whole configuration in one transaction.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn snapshot(&self) -> Result<Everything> {
        self.read(|connection| {
            let with_rows = |deck: Deck| deck::rows(connection, deck.id).map(|rows| (deck, rows));
            Ok(Everything {
                config_version: write::config_version(connection)?,
                companies: company::all(connection)?,
                profiles: profile::all_with_ha1(connection)?,
                carriers: carrier::all(connection)?,
                numbers: number::all(connection, None)?,
                accounts: account::all(connection, None)?,
                landlines: landline::all(connection, None)?,
                verifications: landline::verifications(connection)?,
                profile_manners: manners::of_profiles(connection)?,
                carrier_manners: manners::of_carriers(connection)?,
                carrier_accounts: carrier::account::all(self, connection)?,
                decks: deck::active(connection)?.into_iter().map(with_rows).collect::<Result<_>>()?,
            })
        })
    }
}
