//! When the breaker of a company opens: limits of its own, or those of the settings.
//!
//! Breakers that are open, and their release, are [`crate::fraud`]'s; whether one opens is decided in `switch`.

use crate::caller::Caller;
use crate::credit::AMOUNT_MAX;
use crate::error::{Error, Result};
use crate::fraud::Breaker;
use crate::office::Office;
use crate::text::Text;
use domain::fraud::BreakerLimits;
use domain::{CompanyId, Micros};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When a breaker opens; null, or left out, for what is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// More than this is spent in a minute.
    #[schema(value_type = Option<String>, example = "20.00")]
    pub per_minute: Option<Text<Micros>>,
    /// More than this in an hour.
    #[schema(value_type = Option<String>, example = "200.00")]
    pub per_hour: Option<Text<Micros>>,
    /// The last hour cost more than so many times the dearest hour of the last seven days, 2 to 1000; where a day of them is known.
    pub times_usual: Option<u16>,
    /// ... and more than this; nothing where it is left out.
    #[schema(value_type = Option<String>, example = "100.00")]
    pub usual_from: Option<Text<Micros>>,
}

/// The breaker of a company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CompanyBreaker {
    /// Whose.
    pub company: String,
    /// Of all amounts.
    pub currency: String,
    /// Whether the limits are the company's own; otherwise they are those of the settings (`[fraud]`).
    pub is_own: bool,
    /// When it opens.
    pub limits: Limits,
    /// That it is open; null where it is not.
    pub open: Option<Breaker>,
}

impl Limits {
    fn of(limits: &BreakerLimits) -> Limits {
        Limits {
            per_minute: limits.per_minute.map(Text),
            per_hour: limits.per_hour.map(Text),
            times_usual: limits.times_usual,
            usual_from: Some(limits.usual_from).filter(|from| from.is_positive()).map(Text),
        }
    }

    fn checked(&self) -> Result<BreakerLimits> {
        let amount = |field, amount: &Option<Text<Micros>>| -> Result<Option<Micros>> {
            let Some(Text(amount)) = *amount else { return Ok(None) };
            match amount.is_positive() && amount <= AMOUNT_MAX {
                true => Ok(Some(amount)),
                false => Err(Error::field(
                    field,
                    format!("{amount} is no limit: expected more than 0 and at most {AMOUNT_MAX}, or null for none"),
                )),
            }
        };
        if let Some(times) = self.times_usual.filter(|times| !(2..=1_000).contains(times)) {
            let said = format!("{times} is out of range: expected 2 to 1000, or null for never");
            return Err(Error::field("/times_usual", said));
        }
        Ok(BreakerLimits {
            per_minute: amount("/per_minute", &self.per_minute)?,
            per_hour: amount("/per_hour", &self.per_hour)?,
            times_usual: self.times_usual,
            usual_from: amount("/usual_from", &self.usual_from)?.unwrap_or_default(),
        })
    }
}

impl Office {
    /// When the breaker of a company opens, and whether it is open. Companies may look at their own.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn company_breaker(&self, caller: &Caller, id: CompanyId) -> Result<CompanyBreaker> {
        let company = self.company_row(caller, id)?;
        let own = self.store().breaker_limits()?.remove(&id);
        let circuit = id.to_string();
        let open = self.store().breakers()?.into_iter().find(|row| row.circuit == circuit);
        Ok(CompanyBreaker {
            company: circuit,
            currency: company.currency.to_string(),
            is_own: own.is_some(),
            limits: Limits::of(&own.unwrap_or(self.inner.settings.company_breaker)),
            open: open.map(|row| self.show_breaker(row)),
        })
    }

    /// Gives a company limits of its own, all of them. One that is open stays so until it is released.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::Invalid`].
    pub fn set_company_breaker(&self, caller: &Caller, id: CompanyId, limits: &Limits) -> Result<CompanyBreaker> {
        caller.operator("set the limits of breakers")?;
        self.store().set_breaker_limits(id, &limits.checked()?, self.signed(caller))?;
        self.reload()?;
        self.company_breaker(caller, id)
    }

    /// The company has the limits of the settings again.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn reset_company_breaker(&self, caller: &Caller, id: CompanyId) -> Result<CompanyBreaker> {
        caller.operator("set the limits of breakers")?;
        self.store().reset_breaker_limits(id, self.signed(caller))?;
        self.reload()?;
        self.company_breaker(caller, id)
    }
}
