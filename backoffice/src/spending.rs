//! How fast credit is being spent: what is held, what calls that are up have cost so far, when it is all spoken, and what a process that
//! died now would lose of it.
//!
//! Moving credit is [`crate::credit`]'s; the whole house is in [`house`].

pub mod house;

use crate::caller::Caller;
use crate::credit::Credit;
use crate::error::Result;
use crate::office::Office;
use crate::posting::profile_money;
use domain::credit::{Account, Balance, Holder, Unit};
use domain::{CompanyId, Currency, Micros, ProfileId};
use ledger::Unjournalled;
use serde::Serialize;
use switch::call::{Live, PhaseName};
use switch::profile::seconds_left;
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
    /// Seconds that were spoken at this node and would not be billed if it died now: begun and not granted, or captured and not on the disk
    /// yet. One increment for each call at most, while the disk keeps up.
    #[schema(example = 6)]
    pub seconds_at_risk: u64,
    /// What they cost.
    #[schema(example = "0.01")]
    pub at_risk: String,
    /// What is available below zero, summed over accounts; anything but 0 is a bug.
    #[schema(example = "0.00")]
    pub overdraft: String,
    /// Debits less credits over all accounts of the company; anything but 0 is a bug. Null of a profile, which is one account of many.
    #[schema(example = "0.00")]
    pub imbalance: Option<String>,
}

/// Whose spending is asked for, and what he has: what [`Office::spending`] is given.
#[derive(Clone, Debug)]
pub struct Purse {
    company: CompanyId,
    profile: Option<ProfileId>,
    currency: Currency,
    /// His accounts, and of a company those of its other side.
    accounts: Vec<(Account, Balance)>,
}

impl Purse {
    /// What he has himself, added up.
    fn balance(&self) -> Balance {
        self.customers().fold(Balance::default(), |sum, balance| Balance {
            posted: sum.posted + balance.posted,
            held: sum.held + balance.held,
        })
    }

    fn customers(&self) -> impl Iterator<Item = Balance> {
        self.accounts.iter().filter(|(account, _)| account.holder.is_customer()).map(|(_, balance)| *balance)
    }

    /// What is missing on accounts with less than zero available.
    fn overdraft(&self) -> i128 {
        self.customers().map(|balance| -i128::from(balance.available().min(0))).sum()
    }

    fn imbalance(&self) -> Option<i128> {
        let all = || self.accounts.iter().map(|(_, balance)| i128::from(balance.posted)).sum();
        self.profile.is_none().then(all)
    }
}

impl Office {
    /// What a profile has.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn purse_of_profile(&self, caller: &Caller, id: ProfileId) -> Result<Purse> {
        let row = self.profile_row(caller, id)?;
        let account = profile_money(row.company, id, row.currency);
        let accounts = vec![(account, self.balance(account))];
        Ok(Purse { company: row.company, profile: Some(id), currency: row.currency, accounts })
    }

    /// What a company has, with all of its profiles.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn purse_of_company(&self, caller: &Caller, id: CompanyId) -> Result<Purse> {
        let currency = self.company_row(caller, id)?.currency;
        let mut accounts = self.inner.ledger.balances(id);
        accounts.retain(|(account, _)| account.unit == Unit::Money(currency));
        Ok(Purse { company: id, profile: None, currency, accounts })
    }

    /// The same with the calls that are up.
    pub async fn spending(&self, purse: Purse) -> Spending {
        let mut live = self.inner.switchboard.live_calls().await;
        live.retain(|call| {
            call.company == purse.company && purse.profile.is_none_or(|profile| profile == call.profile)
        });
        let mut captures = self.inner.ledger.unjournalled();
        captures.retain(|capture| {
            let is_his = purse.profile.is_none_or(|profile| capture.debit.holder == Holder::Profile(profile));
            capture.debit.company == purse.company && is_his
        });
        spending_of(&purse, &live, &captures)
    }
}

/// What calls spend, and what of it is at risk.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    paid_calls: usize,
    spent: Micros,
    per_minute: Micros,
    seconds_at_risk: u64,
    at_risk: Micros,
}

impl Pace {
    fn add_call(&mut self, call: &Live) {
        if call.phase == PhaseName::Talking && call.rate_per_minute.is_positive() {
            self.paid_calls += 1;
            self.spent += call.amount;
            self.per_minute += call.rate_per_minute;
        }
        self.seconds_at_risk += u64::from(call.ungranted_s);
        self.at_risk += call.ungranted;
    }

    fn add_capture(&mut self, capture: &Unjournalled) {
        self.seconds_at_risk += u64::from(capture.seconds);
        if let Unit::Money(_) = capture.debit.unit {
            self.at_risk += Micros::new(capture.amount);
        }
    }
}

fn spending_of(purse: &Purse, live: &[Live], captures: &[Unjournalled]) -> Spending {
    let mut pace = Pace::default();
    live.iter().for_each(|call| pace.add_call(call));
    captures.iter().for_each(|capture| pace.add_capture(capture));
    let balance = purse.balance();
    Spending {
        credit: Credit::of(balance, purse.currency),
        paid_calls: pace.paid_calls,
        spent: pace.spent.to_string(),
        per_minute: pace.per_minute.to_string(),
        time_to_empty_s: seconds_left(Micros::new(balance.posted), pace.per_minute),
        seconds_at_risk: pace.seconds_at_risk,
        at_risk: pace.at_risk.to_string(),
        overdraft: text(purse.overdraft()),
        imbalance: purse.imbalance().map(text),
    }
}

/// A sum of amounts; what no amount can be is as large as one can.
fn text(micros: i128) -> String {
    Micros::new(i64::try_from(micros).unwrap_or(i64::MAX)).to_string()
}
