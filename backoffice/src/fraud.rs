//! Rules against fraud: read and set, what stopped a profile, its release; and breakers, which are released or kept.
//!
//! What is suspicious is decided in `switch`; what one call may cost is [`crate::profile`]'s.

mod brief;

pub use brief::FraudInBrief;

use crate::caller::Caller;
use crate::credit::AMOUNT_MAX;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::text::Text;
use domain::fraud::{FraudAction, FraudRules, HighCost, Newness, SpendLimit};
use domain::{Micros, ProfileId};
use serde::{Deserialize, Serialize};
use switch::fraud::Standing;
use utoipa::ToSchema;

pub use switch::fraud::Circuit;

/// What follows when a rule is broken; calls that are up go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionName {
    /// Somebody is told.
    Alert,
    /// And calls that break it are refused.
    #[default]
    Refuse,
    /// And the profile places no calls until it is released.
    Suspend,
}

impl From<ActionName> for FraudAction {
    fn from(name: ActionName) -> Self {
        match name {
            ActionName::Alert => FraudAction::Alert,
            ActionName::Refuse => FraudAction::Refuse,
            ActionName::Suspend => FraudAction::Suspend,
        }
    }
}

impl From<FraudAction> for ActionName {
    fn from(action: FraudAction) -> Self {
        match action {
            FraudAction::Alert => ActionName::Alert,
            FraudAction::Refuse => ActionName::Refuse,
            FraudAction::Suspend => ActionName::Suspend,
        }
    }
}

/// So much at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitRule {
    /// In the company's currency.
    #[schema(value_type = String, example = "20.00")]
    pub amount: Text<Micros>,
    /// What follows.
    #[serde(default)]
    #[schema(required = false)]
    pub action: ActionName,
}

/// What is dear; one of `rate` and `call` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HighCostRule {
    /// A destination that costs more a minute.
    #[schema(value_type = Option<String>, example = "1.00")]
    pub rate: Option<Text<Micros>>,
    /// A call that costs more: refused where it begins so, told of where it becomes so.
    #[schema(value_type = Option<String>, example = "5.00")]
    pub call: Option<Text<Micros>>,
    /// What follows.
    #[serde(default)]
    #[schema(required = false)]
    pub action: ActionName,
}

/// What was not seen for so many days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewnessRule {
    /// 1 to 366.
    pub days: u16,
    /// What follows.
    #[serde(default)]
    #[schema(required = false)]
    pub action: ActionName,
}

/// The rules of a profile; null, or left out, for a rule that is off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Spent in a day of the company's time zone, what calls hold included. A call that comes to it ends with its last paid second, unless
    /// the action is `alert`.
    pub daily_cap: Option<LimitRule>,
    /// Spent in the last minute, what calls hold included.
    pub spend_per_minute: Option<LimitRule>,
    /// Dear destinations and calls.
    pub high_cost: Option<HighCostRule>,
    /// A country that was not called for so many days; the company's own is never new.
    pub new_destination: Option<NewnessRule>,
    /// A network that the PBX did not call or register from for so many days; the first one is never new.
    pub ip_change: Option<NewnessRule>,
}

/// Why a profile places no calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suspended {
    /// Since when; RFC 3339.
    pub at: String,
    /// `daily_cap`, `velocity`, `high_cost`, `new_destination` or `ip_change`.
    pub rule: String,
    /// What it saw.
    pub because: String,
}

/// How a profile stands with its rules against fraud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileFraud {
    /// Which.
    pub profile: String,
    /// Its rules.
    pub rules: Rules,
    /// Of all amounts.
    pub currency: String,
    /// Spent since the company's day began; null where the profile is too busy to say, as everything down to `waiting_networks`.
    #[schema(example = "1.24")]
    pub spent_today: Option<String>,
    /// Held by its calls now.
    pub held: Option<String>,
    /// Spent in the last minute.
    pub last_minute: Option<String>,
    /// When the next day of the company begins; RFC 3339.
    pub day_ends_at: Option<String>,
    /// Countries that were refused and are permitted by a release.
    pub waiting_destinations: Option<Vec<String>>,
    /// Networks that were refused and are permitted by a release.
    pub waiting_networks: Option<Vec<String>>,
    /// Why it places no calls; null where it does.
    pub suspension: Option<Suspended>,
    /// When it was released last; RFC 3339.
    pub released_at: Option<String>,
    /// By whom.
    pub released_by: Option<String>,
}

/// A breaker that is open: new paid calls are refused, those that are up go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Breaker {
    /// Whose: a company's identity, or a currency for all companies together.
    #[schema(example = "USD")]
    pub circuit: String,
    /// The company's name; null for all together.
    pub company: Option<String>,
    /// Since when; RFC 3339.
    pub opened_at: String,
    /// What was spent, and what is permitted or usual.
    pub because: String,
    /// Who has seen it and wants it so; null where nobody has answered.
    pub kept_by: Option<String>,
}

/// The breakers that are open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Breakers {
    /// In order of whose they are.
    pub items: Vec<Breaker>,
}

fn amount(field: &'static str, amount: &Text<Micros>) -> Result<Micros> {
    let amount = amount.0;
    match amount.is_positive() && amount <= AMOUNT_MAX {
        true => Ok(amount),
        false => {
            Err(Error::field(field, format!("{amount} is no limit: expected more than 0 and at most {AMOUNT_MAX}")))
        }
    }
}

fn newness(field: &'static str, rule: NewnessRule) -> Result<Newness> {
    match (1..=Newness::DAYS_MAX).contains(&rule.days) {
        true => Ok(Newness { days: rule.days, action: rule.action.into() }),
        false => {
            Err(Error::field(field, format!("{} is out of range: expected 1 to {} days", rule.days, Newness::DAYS_MAX)))
        }
    }
}

impl Rules {
    /// As the switch has them.
    pub(crate) fn checked(&self) -> Result<FraudRules> {
        let limit = |field, rule: &Option<LimitRule>| -> Result<Option<SpendLimit>> {
            rule.as_ref()
                .map(|rule| Ok(SpendLimit { amount: amount(field, &rule.amount)?, action: rule.action.into() }))
                .transpose()
        };
        let high_cost = match &self.high_cost {
            None => None,
            Some(HighCostRule { rate: None, call: None, .. }) => {
                return Err(Error::field(
                    "/high_cost",
                    "it names neither rate nor call: expected at least one".to_owned(),
                ));
            }
            Some(rule) => Some(HighCost {
                rate: rule.rate.as_ref().map(|rate| amount("/high_cost/rate", rate)).transpose()?,
                call: rule.call.as_ref().map(|call| amount("/high_cost/call", call)).transpose()?,
                action: rule.action.into(),
            }),
        };
        Ok(FraudRules {
            daily_cap: limit("/daily_cap/amount", &self.daily_cap)?,
            spend_per_minute: limit("/spend_per_minute/amount", &self.spend_per_minute)?,
            high_cost,
            new_destination: self.new_destination.map(|rule| newness("/new_destination/days", rule)).transpose()?,
            ip_change: self.ip_change.map(|rule| newness("/ip_change/days", rule)).transpose()?,
        })
    }

    fn of(rules: &FraudRules) -> Rules {
        let limit = |rule: SpendLimit| LimitRule { amount: Text(rule.amount), action: rule.action.into() };
        let newness = |rule: Newness| NewnessRule { days: rule.days, action: rule.action.into() };
        Rules {
            daily_cap: rules.daily_cap.map(limit),
            spend_per_minute: rules.spend_per_minute.map(limit),
            high_cost: rules.high_cost.map(|rule| HighCostRule {
                rate: rule.rate.map(Text),
                call: rule.call.map(Text),
                action: rule.action.into(),
            }),
            new_destination: rules.new_destination.map(newness),
            ip_change: rules.ip_change.map(newness),
        }
    }
}

fn show(row: &store::Profile) -> ProfileFraud {
    ProfileFraud {
        profile: row.id.to_string(),
        rules: Rules::of(&row.fraud.rules),
        currency: row.currency.to_string(),
        spent_today: None,
        held: None,
        last_minute: None,
        day_ends_at: None,
        waiting_destinations: None,
        waiting_networks: None,
        suspension: row.fraud.suspension.as_ref().map(suspended),
        released_at: row.fraud.released_at.map(|at| at.to_string()),
        released_by: row.released_by.clone(),
    }
}

fn suspended(suspension: &domain::fraud::Suspension) -> Suspended {
    Suspended {
        at: suspension.at.to_string(),
        rule: suspension.rule.to_string(),
        because: suspension.because.to_string(),
    }
}

fn texts<T: ToString>(things: &[T]) -> Vec<String> {
    things.iter().map(ToString::to_string).collect()
}

impl ProfileFraud {
    fn standing(self, standing: &Standing) -> ProfileFraud {
        ProfileFraud {
            spent_today: Some(standing.spent.to_string()),
            held: Some(standing.held.to_string()),
            last_minute: Some(standing.last_minute.to_string()),
            day_ends_at: Some(standing.day.until.to_string()),
            waiting_destinations: Some(texts(&standing.waiting_destinations)),
            waiting_networks: Some(texts(&standing.waiting_networks)),
            // The switch knows it a moment before the store does.
            suspension: standing.suspension.as_ref().map(suspended),
            ..self
        }
    }
}

impl Office {
    /// The rules of a profile, and what the store knows of how it stands.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn profile_fraud(&self, caller: &Caller, id: ProfileId) -> Result<ProfileFraud> {
        Ok(show(&self.profile_row(caller, id)?))
    }

    /// The same with what the switch knows.
    pub async fn standing_of(&self, id: ProfileId, kept: ProfileFraud) -> ProfileFraud {
        match self.inner.switchboard.fraud_standing(id).await {
            Some(standing) => kept.standing(&standing),
            None => kept,
        }
    }

    /// Gives a profile other rules, all of them. They bind new calls, and the cap also those that are up.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub fn set_profile_fraud(&self, caller: &Caller, id: ProfileId, rules: &Rules) -> Result<ProfileFraud> {
        self.profile_row(caller, id)?;
        let row = self.store().set_fraud_rules(id, &rules.checked()?, self.signed(caller))?;
        self.reload()?;
        Ok(show(&row))
    }

    /// Lets a profile call again, and permits what was refused since the last time.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn release_profile(&self, caller: &Caller, id: ProfileId) -> Result<ProfileFraud> {
        self.profile_row(caller, id)?;
        let row = self.store().release_profile(id, self.signed(caller))?;
        self.reload()?;
        Ok(show(&row))
    }

    /// The breakers that are open.
    ///
    /// # Errors
    /// Operators only.
    pub fn breakers(&self, caller: &Caller) -> Result<Breakers> {
        caller.operator("see breakers")?;
        let items = self.store().breakers()?.into_iter().map(|row| self.show_breaker(row)).collect();
        Ok(Breakers { items })
    }

    /// Closes a breaker: new calls are placed again, and what was spent is forgiven.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`] where it is not open.
    pub fn release_breaker(&self, caller: &Caller, circuit: Circuit) -> Result<()> {
        caller.operator("release breakers")?;
        self.store().release_breaker(&circuit.to_string(), self.signed(caller))?;
        self.reload()
    }

    /// Keeps a breaker open, and asks no more.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`] where it is not open.
    pub fn keep_breaker(&self, caller: &Caller, circuit: Circuit) -> Result<()> {
        caller.operator("keep breakers")?;
        self.store().keep_breaker(&circuit.to_string(), self.signed(caller))?;
        self.reload()
    }

    pub(crate) fn show_breaker(&self, row: store::Breaker) -> Breaker {
        let company = row.circuit.parse().ok().and_then(|id| self.store().company(id).ok());
        Breaker {
            company: company.map(|company| company.name),
            circuit: row.circuit,
            opened_at: row.opened_at.to_string(),
            because: row.because,
            kept_by: row.kept_by,
        }
    }
}
