//! How a profile stands with its rules against fraud, in brief: what a list or a page of it shows.
//!
//! The whole of it is [`super::ProfileFraud`].

use super::{LimitRule, Suspended, suspended};
use crate::office::Office;
use crate::text::Text;
use domain::Micros;
use domain::credit::{Account, Holder, Unit};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a profile was stopped, and how full its cap is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FraudInBrief {
    /// Why it places no calls: since when, by which rule, and what that saw; null where it does.
    pub suspension: Option<Suspended>,
    /// What it may spend in a day of its company; null for no cap.
    pub daily_cap: Option<LimitRule>,
    /// What counts against it today, of all nodes: spent, and held by calls; null without a cap.
    #[schema(example = "1.24")]
    pub counted_today: Option<String>,
}

impl Office {
    pub(crate) fn fraud_in_brief(&self, row: &store::Profile) -> FraudInBrief {
        let cap = row.fraud.rules.daily_cap;
        FraudInBrief {
            suspension: row.fraud.suspension.as_ref().map(suspended),
            daily_cap: cap.map(|cap| LimitRule { amount: Text(cap.amount), action: cap.action.into() }),
            counted_today: cap.and_then(|_| self.counted_today(row)).map(|counted| counted.to_string()),
        }
    }

    /// None of a company that is not in force.
    fn counted_today(&self, row: &store::Profile) -> Option<Micros> {
        let directory = self.inner.switchboard.directory();
        let day = directory.company(row.company)?.zone.day_number(self.now().wall);
        let account = Account { company: row.company, holder: Holder::Profile(row.id), unit: Unit::Day(day) };
        Some(Micros::new(self.balance(account).posted))
    }
}
