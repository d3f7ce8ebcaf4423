//! Channels: how many may be bought (C2, C3), and the ledger's count brought to what the store says.
//!
//! Intent order: the row in the store first, then a ledger batch with an identity derived from it; [`Office::reconcile`] finishes
//! at start what a crash left between the two. Prices of channels do not live here yet.

use crate::error::{Error, Result};
use crate::office::Office;
use crate::posting::{post, profile_channels, subject, world_channels};
use domain::credit::{Batch, BatchId, Code, Memo};
use domain::{Fact, ProfileId};
use store::Profile;

/// Channels of a profile at most, where the settings say nothing else (C2).
pub const CHANNELS_MAX: u16 = 300;
/// Above this, channels come in tens (C3).
const SINGLE_MAX: i64 = 100;

/// How many channels are bought where so many are asked for: 1 to `most`, or 0 for none (P7); above 100 rounded half up to tens, after
/// the range check (C2, C3, D-02).
///
/// # Errors
/// [`Error::Invalid`] at `/channels`.
pub fn rounded_channels(asked: i64, most: u16) -> Result<u16> {
    if !(0..=i64::from(most)).contains(&asked) {
        let problem = format!("{asked} is out of range: expected 1 to {most}, or 0 for no subscription");
        return Err(Error::field("/channels", problem));
    }
    let rounded = if asked > SINGLE_MAX { ((asked + 5) / 10 * 10).min(most.into()) } else { asked };
    u16::try_from(rounded).map_err(|error| Error::Internal(error.to_string()))
}

/// What [`Office::reconcile`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Profiles looked at.
    pub profiles: u64,
    /// Profiles whose channels the ledger had otherwise than the store, and has no longer.
    pub corrected: u64,
}

impl Office {
    /// Brings the ledger's channels of every profile to what the store says. To be called at every start, before calls are taken;
    /// a second time changes nothing.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::LedgerUnavailable`].
    pub fn reconcile(&self) -> Result<Reconciled> {
        let mut reconciled = Reconciled::default();
        for profile in self.store().profiles(None)? {
            reconciled.profiles += 1;
            reconciled.corrected += u64::from(self.settle_channels(profile.id)?);
        }
        Ok(reconciled)
    }

    /// Posts the difference between the store's and the ledger's channels of a profile; false where there is none.
    pub(crate) fn settle_channels(&self, id: ProfileId) -> Result<bool> {
        let _one_at_a_time = self.inner.channels.lock();
        // Read under the lock: of two changes that race, the one that comes second here posts what both come to.
        let version = self.store().config_version()?;
        let Profile { company, channels, .. } = self.store().profile(id)?;
        let (account, world) = (profile_channels(company, id), world_channels(company));
        let posted = self.balance(account).posted;
        let difference = i64::from(channels) - posted;
        let (debit, credit) = match difference {
            0 => return Ok(false),
            more if more > 0 => (world, account),
            _ => (account, world),
        };
        // Every change of the configuration has a version of its own; what the ledger had before tells apart what is put right
        // without a change.
        let batch = Batch {
            id: BatchId { subject: subject(&["channels", &id.to_string(), &posted.to_string()]), sequence: version },
            company,
            at: self.wall(),
            transfers: vec![post(debit, credit, difference.abs(), Code::Subscription)],
            memo: Some(Memo::Note(format!("{channels} channels").into())),
        };
        self.applied(batch)?;
        let before = u32::try_from(posted).unwrap_or_default();
        self.tell(&Fact::SubscriptionChanged { profile: id, company, before, channels: channels.into() });
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c3_quantities_above_100_are_rounded_half_up_to_tens_after_the_range_check() {
        let table = [
            (0, 0),
            (1, 1),
            (99, 99),
            (100, 100),
            (101, 100),
            (104, 100),
            (105, 110),
            (114, 110),
            (115, 120),
            (294, 290),
            (295, 300),
            (299, 300),
            (300, 300),
        ];
        for (asked, bought) in table {
            assert_eq!(rounded_channels(asked, CHANNELS_MAX).unwrap(), bought, "{asked}");
        }
    }

    #[test]
    fn c2_what_is_out_of_range_is_refused_before_it_is_rounded() {
        for asked in [-1, 301, 304, i64::MAX, i64::MIN] {
            let refused = rounded_channels(asked, CHANNELS_MAX).unwrap_err().to_string();
            assert!(refused.contains("expected 1 to 300"), "{refused}");
        }
    }
}
