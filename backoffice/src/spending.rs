//! How fast credit is being spent: what is held, what calls that are up have cost so far, and when it is all spoken.
//!
//! Moving credit is [`crate::credit`]'s.

use crate::caller::Caller;
use crate::credit::Credit;
use crate::error::Result;
use crate::office::Office;
use crate::posting::{company_money, profile_money};
use domain::credit::{Balance, Holder, Unit};
use domain::{CompanyId, Currency, Micros, ProfileId};
use serde::Serialize;
use switch::call::{Live, PhaseName};
use utoipa::ToSchema;

/// What somebody has, and how fast it is being spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Spending {
    /// Balance, held and available; of a company with all that its profiles have.
    #[serde(flatten)]
    pub credit: Credit,
    /// Answered calls that cost.
    pub paid_calls: usize,
    /// What they have been charged so far.
    #[schema(example = "1.24")]
    pub spent: String,
    /// What they cost a minute, together.
    #[schema(example = "0.40")]
    pub per_minute: String,
    /// Seconds until the balance is spoken, if they all go on; null where nothing is being spent.
    #[schema(example = 1800)]
    pub time_to_empty_s: Option<u64>,
}

/// Whose spending is asked for, and what he has: what [`Office::spending`] is given.
#[derive(Clone, Copy, Debug)]
pub struct Purse {
    company: CompanyId,
    profile: Option<ProfileId>,
    balance: Balance,
    currency: Currency,
}

impl Office {
    /// What a profile has.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn purse_of_profile(&self, caller: &Caller, id: ProfileId) -> Result<Purse> {
        let row = self.profile_row(caller, id)?;
        let balance = self.balance(profile_money(row.company, id, row.currency));
        Ok(Purse { company: row.company, profile: Some(id), balance, currency: row.currency })
    }

    /// What a company has, with all of its profiles.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn purse_of_company(&self, caller: &Caller, id: CompanyId) -> Result<Purse> {
        let currency = self.company_row(caller, id)?.currency;
        let mut balance = self.balance(company_money(id, currency));
        for (account, of_account) in self.inner.ledger.balances(id) {
            if matches!(account.holder, Holder::Profile(_) | Holder::BusinessAccount(_))
                && account.unit == Unit::Money(currency)
            {
                balance.posted += of_account.posted;
                balance.held += of_account.held;
            }
        }
        Ok(Purse { company: id, profile: None, balance, currency })
    }

    /// The same with the calls that are up.
    pub async fn spending(&self, purse: Purse) -> Spending {
        let mut live = self.inner.switchboard.live_calls().await;
        live.retain(|call| {
            call.company == purse.company && purse.profile.is_none_or(|profile| profile == call.profile)
        });
        spending_of(purse.balance, purse.currency, &live)
    }
}

fn spending_of(balance: Balance, currency: Currency, live: &[Live]) -> Spending {
    let paid = || live.iter().filter(|call| call.phase == PhaseName::Talking && call.rate_per_minute.is_positive());
    let per_minute: Micros = paid().map(|call| call.rate_per_minute).sum();
    let time_to_empty_s = per_minute.is_positive().then(|| {
        let left = i128::from(balance.posted.max(0)) * 60 / i128::from(per_minute.get());
        u64::try_from(left).unwrap_or(u64::MAX)
    });
    Spending {
        credit: Credit::of(balance, currency),
        paid_calls: paid().count(),
        spent: paid().map(|call| call.amount).sum::<Micros>().to_string(),
        per_minute: per_minute.to_string(),
        time_to_empty_s,
    }
}
