//! Auto-recharge of a profile from its company: set, reset, switched off (K6, K7, K8), and what all of a company's may take (K10).
//!
//! When a profile is recharged the switch decides. How the company itself is recharged is in [`crate::payments`].

use crate::caller::Caller;
use crate::credit::AMOUNT_MAX;
use crate::error::{Error, FieldFault, Result};
use crate::office::Office;
use crate::posting::{company_money, profile_money};
use crate::text::Text;
use domain::{CompanyId, Micros, ProfileId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::AutoRecharge;
use switch::company::Liabilities;
use utoipa::ToSchema;

/// The lowest threshold that is recommended (K7): five units of the currency.
const THRESHOLD_MIN: Micros = Micros::new(5_000_000);
/// Minutes that a quarter of the channels shall be able to talk at the dearest rate that was used (K7).
const MINUTES: i64 = 30;
/// How long back calls are looked at (K7).
const LOOKED_BACK: Duration = Duration::from_hours(30 * 24);
/// Micros of a cent: recommendations are whole cents.
const CENT: i64 = 10_000;

fn yes() -> bool {
    true
}

/// How a profile is to be recharged.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProfileRecharge {
    /// Whether at all (K8); yes where nothing is said.
    #[serde(default = "yes")]
    #[schema(required = false)]
    pub enabled: bool,
    /// How much at once, more than 0; the recommended amount where none is given.
    #[schema(value_type = Option<String>, example = "10.00")]
    pub amount: Option<Text<Micros>>,
    /// When this much or less is available, 0 or more; the recommended one where none is given.
    #[schema(value_type = Option<String>, example = "5.00")]
    pub threshold: Option<Text<Micros>>,
    /// That less than what is recommended is meant so (K7).
    #[serde(default)]
    #[schema(required = false)]
    pub acknowledge: bool,
}

/// How a profile is recharged from its company's balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileRecharge {
    /// Of which profile.
    pub profile: String,
    /// Whether at all.
    pub enabled: bool,
    /// How much at once; null where it is off.
    #[schema(example = "10.00")]
    pub amount: Option<String>,
    /// When this much or less is available; null where it is off.
    #[schema(example = "5.00")]
    pub threshold: Option<String>,
    /// Of all amounts.
    pub currency: String,
    /// Whether it is on with less than what is recommended now.
    pub below_recommended: bool,
    /// What is recommended now.
    pub recommended: RecommendedRecharge,
}

/// What is recommended (K7): a threshold that a quarter of the channels can talk half an hour for, at the dearest rate that the profile
/// has used in 30 days, 5.00 at least; and twice that as amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecommendedRecharge {
    /// How much at once.
    #[schema(example = "10.00")]
    pub amount: String,
    /// When this much or less is available.
    #[schema(example = "5.00")]
    pub threshold: String,
    /// The dearest rate a minute of its answered calls of the last 30 days; null where there was none.
    pub dearest_rate_per_minute: Option<String>,
}

/// What recharges of its profiles may take from a company at their next crossings, beside what it has (K10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RechargeLiabilities {
    /// Whose.
    pub company: String,
    /// Profiles that are recharged by themselves.
    pub profiles: u32,
    /// What they may take at their next crossings: one recharge each; of those that are low already, as many as lift them above.
    #[schema(example = "120.00")]
    pub liabilities: String,
    /// What the company has available.
    #[schema(example = "95.05")]
    pub available: String,
    /// Whether it could pay all of them now. Where not: add credit, or have the company itself recharged.
    pub covered: bool,
    /// Of all amounts.
    pub currency: String,
}

/// What is recommended for so many channels and this dearest rate a minute (K7).
fn recommended(channels: u16, dearest: Micros) -> AutoRecharge {
    let needed = dearest.get().saturating_mul(MINUTES).saturating_mul(channels.into());
    let cents = needed.saturating_add(4 * CENT - 1) / (4 * CENT);
    let threshold = THRESHOLD_MIN.max(Micros::new(cents.saturating_mul(CENT)));
    let threshold = threshold.min(Micros::new(AMOUNT_MAX.get() / 2));
    AutoRecharge { amount: Micros::new(threshold.get() * 2), threshold }
}

/// Amounts that make sense at all, at this place of the body.
pub(crate) fn checked(place: &str, amount: Micros, threshold: Micros) -> Result<AutoRecharge> {
    if !amount.is_positive() || amount > AMOUNT_MAX {
        let problem =
            format!("{amount} is not an amount to recharge with: expected more than 0 and at most {AMOUNT_MAX}");
        return Err(Error::field(format!("{place}/amount"), problem));
    }
    if threshold < Micros::ZERO || threshold > AMOUNT_MAX {
        let problem = format!("{threshold} is not a balance to recharge at: expected 0 to {AMOUNT_MAX}");
        return Err(Error::field(format!("{place}/threshold"), problem));
    }
    Ok(AutoRecharge { amount, threshold })
}

/// Which fields are below what is recommended.
fn shortfalls(wanted: AutoRecharge, recommended: AutoRecharge) -> Vec<FieldFault> {
    let fields =
        [("/amount", wanted.amount, recommended.amount), ("/threshold", wanted.threshold, recommended.threshold)];
    let below = fields.into_iter().filter(|(_, wanted, recommended)| wanted < recommended);
    below
        .map(|(field, wanted, recommended)| FieldFault::new(field, format!("{wanted}: {recommended} is recommended")))
        .collect()
}

impl Office {
    /// How a profile is recharged, and what is recommended.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn profile_recharge(&self, caller: &Caller, id: ProfileId) -> Result<ProfileRecharge> {
        let row = self.profile_row(caller, id)?;
        self.show_recharge(&row)
    }

    /// Says how a profile is recharged (K6), or that it is not (K8). Less than what is recommended must be acknowledged (K7).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::BelowRecommended`].
    pub fn set_profile_recharge(
        &self,
        caller: &Caller,
        id: ProfileId,
        wanted: &NewProfileRecharge,
    ) -> Result<ProfileRecharge> {
        let row = self.profile_row(caller, id)?;
        let (recommended, _) = self.recommended_for(&row)?;
        let amount = wanted.amount.map_or(recommended.amount, |amount| amount.0);
        let threshold = wanted.threshold.map_or(recommended.threshold, |threshold| threshold.0);
        let auto = checked("", amount, threshold)?;
        let below = shortfalls(auto, recommended);
        if wanted.enabled && !wanted.acknowledge && !below.is_empty() {
            return Err(Error::BelowRecommended(below));
        }
        self.put_recharge(caller, id, wanted.enabled.then_some(auto))
    }

    /// Puts a profile's auto-recharge back to the recommended amounts (K7). One that is off stays off.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn reset_profile_recharge(&self, caller: &Caller, id: ProfileId) -> Result<ProfileRecharge> {
        let row = self.profile_row(caller, id)?;
        let (recommended, _) = self.recommended_for(&row)?;
        self.put_recharge(caller, id, row.auto_recharge.map(|_| recommended))
    }

    /// What recharges of a company's profiles may take from it soon (K10).
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn recharge_liabilities(&self, caller: &Caller, id: CompanyId) -> Result<RechargeLiabilities> {
        let company = self.company_row(caller, id)?;
        let available = |account| Micros::new(self.balance(account).available());
        let profiles = self.store().profiles(Some(id))?;
        let recharged = profiles.iter().filter_map(|profile| {
            let AutoRecharge { amount, threshold } = profile.auto_recharge?;
            let left = available(profile_money(id, profile.id, company.currency));
            Some((switch::directory::AutoRecharge { amount, threshold }, left))
        });
        let found = Liabilities::of(available(company_money(id, company.currency)), recharged);
        Ok(RechargeLiabilities {
            company: id.to_string(),
            profiles: found.profiles,
            liabilities: found.amount.to_string(),
            available: found.available.to_string(),
            covered: found.are_covered(),
            currency: company.currency.to_string(),
        })
    }

    fn put_recharge(&self, caller: &Caller, id: ProfileId, auto: Option<AutoRecharge>) -> Result<ProfileRecharge> {
        let patch = store::ProfilePatch { auto_recharge: Some(auto), ..store::ProfilePatch::default() };
        self.store().update_profile(id, &patch, self.signed(caller))?;
        self.reload()?;
        self.profile_recharge(caller, id)
    }

    /// What is recommended for a profile, and the dearest rate that it has used.
    fn recommended_for(&self, row: &store::Profile) -> Result<(AutoRecharge, Option<Micros>)> {
        let dearest = self.store().dearest_rate(row.id, self.wall() - LOOKED_BACK)?;
        Ok((recommended(row.channels, dearest.unwrap_or_default()), dearest))
    }

    fn show_recharge(&self, row: &store::Profile) -> Result<ProfileRecharge> {
        let (recommended, dearest) = self.recommended_for(row)?;
        Ok(ProfileRecharge {
            profile: row.id.to_string(),
            enabled: row.auto_recharge.is_some(),
            amount: row.auto_recharge.map(|auto| auto.amount.to_string()),
            threshold: row.auto_recharge.map(|auto| auto.threshold.to_string()),
            currency: row.currency.to_string(),
            below_recommended: row.auto_recharge.is_some_and(|auto| !shortfalls(auto, recommended).is_empty()),
            recommended: RecommendedRecharge {
                amount: recommended.amount.to_string(),
                threshold: recommended.threshold.to_string(),
                dearest_rate_per_minute: dearest.map(|rate| rate.to_string()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(channels: u16, rate: &str) -> (String, String) {
        let found = recommended(channels, rate.parse().unwrap());
        (found.threshold.to_string(), found.amount.to_string())
    }

    fn amounts(threshold: &str, amount: &str) -> (String, String) {
        (threshold.to_owned(), amount.to_owned())
    }

    /// K7.
    #[test]
    fn recommended_is_half_an_hour_of_a_quarter_of_the_channels_and_five_at_least() {
        assert_eq!(of(10, "0.00"), amounts("5.00", "10.00"));
        assert_eq!(of(10, "0.02"), amounts("5.00", "10.00"), "1.50 is less than 5.00");
        assert_eq!(of(300, "0.02"), amounts("45.00", "90.00"));
        assert_eq!(of(1, "1.20"), amounts("9.00", "18.00"));
        assert_eq!(of(3, "0.333333"), amounts("7.50", "15.00"), "a part of a cent is a cent");
    }

    #[test]
    fn a_rate_without_end_recommends_an_amount_that_can_be_moved() {
        let found = recommended(u16::MAX, Micros::new(i64::MAX));
        assert!(found.amount <= AMOUNT_MAX && found.threshold < found.amount);
    }
}
