//! Money that came by the API, told to the profiles that wait for it.
//!
//! Moving it is the back office's and the ledger's; what a profile does then, its machine's.

use super::Exchange;
use crate::mailbox::tell;
use crate::profile::Profile;
use crate::shell::Tell;
use domain::{CompanyId, ProfileId};

impl Exchange {
    /// A company has more credit than before: recharges that failed are tried again (K6), also those that failed before a restart.
    pub fn company_topped_up(&self, company: CompanyId) {
        let core = &self.inner.core;
        for profile in self.directory().profiles().filter(|profile| profile.company == company) {
            if let Some(address) = core.resident::<Profile>(profile.id) {
                tell(&address, Tell(switch::profile::Event::CompanyToppedUp));
            }
        }
    }

    /// A profile has more credit than before: its calls that are on their final unit are prolonged (K4).
    pub fn profile_credited(&self, profile: ProfileId) {
        if let Some(address) = self.inner.core.registry.profiles.get(&profile) {
            tell(&address, Tell(switch::profile::Event::CreditAdded));
        }
    }
}
