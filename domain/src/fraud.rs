//! Rules that tell a thief's calls from a customer's: what each looks at, what follows when it is broken, and what was stopped by one.
//!
//! Whether a rule is broken is decided in `switch::fraud`; what one call may cost is [`crate::caps`]'.

use crate::money::Micros;
use crate::time::Wall;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $error:ident; $($(#[$of:meta])* $word:ident, $label:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$of])* $word,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$word,)*];

            /// The word: settings, API, metric label.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$word => $label,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = NotFraudRules;
            fn from_str(text: &str) -> Result<Self, NotFraudRules> {
                match text {
                    $($label => Ok($name::$word),)*
                    _ => Err(NotFraudRules(text.chars().take(64).collect(), $what)),
                }
            }
        }
    };
}

/// Why a text names no rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not {1}")]
pub struct NotFraudRules(pub String, pub &'static str);

words! {
    /// A rule.
    FraudRule, "a fraud rule: expected daily_cap, velocity, high_cost, new_destination or ip_change", NotFraudRules;
    /// Spent in one day of the company.
    DailyCap, "daily_cap";
    /// Spent in the last minute.
    Velocity, "velocity";
    /// A dear destination, or a dear call.
    HighCost, "high_cost";
    /// A country that was not called for so many days.
    NewDestination, "new_destination";
    /// A network that nobody came from for so many days.
    IpChange, "ip_change";
}

words! {
    /// What follows when a rule is broken. Calls that are up go on, whatever it is.
    FraudAction, "what follows: expected alert, refuse or suspend", NotFraudRules;
    /// Somebody is told.
    Alert, "alert";
    /// And calls that break it are refused.
    Refuse, "refuse";
    /// And the profile places no calls until somebody releases it.
    Suspend, "suspend";
}

/// So much at most, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendLimit {
    /// In the company's currency; more than zero.
    pub amount: Micros,
    /// What follows.
    pub action: FraudAction,
}

/// What is dear, and what follows; one of both is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HighCost {
    /// A destination that costs more a minute.
    pub rate: Option<Micros>,
    /// A call that costs more in all.
    pub call: Option<Micros>,
    /// What follows.
    pub action: FraudAction,
}

/// When a breaker opens; none for what is not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakerLimits {
    /// More than this in the last minute.
    pub per_minute: Option<Micros>,
    /// More than this in the last hour.
    pub per_hour: Option<Micros>,
    /// More in the last hour than so many times the dearest hour of the last seven days; only where a day of them is known.
    pub times_usual: Option<u16>,
    /// ... and more than this: a house that spends cents may spend ten times as many.
    pub usual_from: Micros,
}

/// For the audit: `20.00 a minute, 200.00 an hour, 10 times the usual from 100.00`; `none` where nothing is looked at.
impl fmt::Display for BreakerLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |amount: Option<Micros>, of: &str| amount.map(|amount| format!("{amount} {of}"));
        let usual = self.times_usual.map(|times| format!("{times} times the usual from {}", self.usual_from));
        let parts = [amount(self.per_minute, "a minute"), amount(self.per_hour, "an hour"), usual];
        let said: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(if said.is_empty() { "none".to_owned() } else { said.join(", ") }.as_str())
    }
}

/// What is new, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newness {
    /// Not seen for so many days, 1 to [`Newness::DAYS_MAX`].
    pub days: u16,
    /// What follows.
    pub action: FraudAction,
}

impl Newness {
    /// A year.
    pub const DAYS_MAX: u16 = 366;
}

/// The rules of one profile; none for a rule that is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FraudRules {
    /// Money spent in a day of the company's time zone, what calls hold included.
    pub daily_cap: Option<SpendLimit>,
    /// Money spent in the last minute, what calls hold included.
    pub spend_per_minute: Option<SpendLimit>,
    /// Dear destinations and calls.
    pub high_cost: Option<HighCost>,
    /// A country that is called for the first time in so many days.
    pub new_destination: Option<Newness>,
    /// A call or a registration from a network that none came from in so many days.
    pub ip_change: Option<Newness>,
}

impl fmt::Display for FraudRules {
    /// As the store keeps it: `daily_cap:20000000:refuse new_destination:90:alert`; amounts in micros, empty for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let limit = |limit: &SpendLimit| format!("{}:{}", limit.amount.get(), limit.action);
        let newness = |rule: &Newness| format!("{}:{}", rule.days, rule.action);
        let amount = |amount: Option<Micros>| amount.map_or(String::new(), |amount| amount.get().to_string());
        parts.extend(self.daily_cap.as_ref().map(|rule| format!("daily_cap:{}", limit(rule))));
        parts.extend(self.spend_per_minute.as_ref().map(|rule| format!("velocity:{}", limit(rule))));
        let high_cost = self.high_cost.as_ref();
        parts.extend(high_cost.map(|it| format!("high_cost:{}/{}:{}", amount(it.rate), amount(it.call), it.action)));
        parts.extend(self.new_destination.as_ref().map(|rule| format!("new_destination:{}", newness(rule))));
        parts.extend(self.ip_change.as_ref().map(|rule| format!("ip_change:{}", newness(rule))));
        f.write_str(&parts.join(" "))
    }
}

impl FromStr for FraudRules {
    type Err = NotFraudRules;

    fn from_str(text: &str) -> Result<Self, NotFraudRules> {
        let mut rules = FraudRules::default();
        for part in text.split_whitespace() {
            let fault =
                || NotFraudRules(part.chars().take(64).collect(), "a fraud rule with its limit and what follows");
            let mut fields = part.splitn(3, ':');
            let (Some(rule), Some(limit), Some(action)) = (fields.next(), fields.next(), fields.next()) else {
                return Err(fault());
            };
            let action: FraudAction = action.parse()?;
            let micros = |text: &str| text.parse().map(Micros::new).map_err(|_| fault());
            let newness = || Ok(Some(Newness { days: limit.parse().map_err(|_| fault())?, action }));
            match rule.parse()? {
                FraudRule::DailyCap => rules.daily_cap = Some(SpendLimit { amount: micros(limit)?, action }),
                FraudRule::Velocity => rules.spend_per_minute = Some(SpendLimit { amount: micros(limit)?, action }),
                FraudRule::HighCost => {
                    let (rate, call) = limit.split_once('/').ok_or_else(fault)?;
                    let optional = |text: &str| if text.is_empty() { Ok(None) } else { micros(text).map(Some) };
                    rules.high_cost = Some(HighCost { rate: optional(rate)?, call: optional(call)?, action });
                }
                FraudRule::NewDestination => rules.new_destination = newness()?,
                FraudRule::IpChange => rules.ip_change = newness()?,
            }
        }
        Ok(rules)
    }
}

/// Why a profile places no calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub at: Wall,
    /// Which rule.
    pub rule: FraudRule,
    /// What it saw and what it permits, for a person.
    pub because: Arc<str>,
}

/// What stands about one profile, beside its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FraudTerms {
    /// Its rules.
    pub rules: FraudRules,
    /// That it is stopped, where it is.
    pub suspension: Option<Suspension>,
    /// When it was released last: what was seen before is forgiven, and not new any more.
    pub released_at: Option<Wall>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_and_read_alike() {
        let rules = FraudRules {
            daily_cap: Some(SpendLimit { amount: Micros::from_cents(2_000), action: FraudAction::Refuse }),
            spend_per_minute: Some(SpendLimit { amount: Micros::new(1), action: FraudAction::Suspend }),
            high_cost: Some(HighCost { rate: None, call: Some(Micros::ONE), action: FraudAction::Alert }),
            new_destination: Some(Newness { days: 90, action: FraudAction::Alert }),
            ip_change: Some(Newness { days: 30, action: FraudAction::Suspend }),
        };
        let text = rules.to_string();
        assert_eq!(
            text,
            "daily_cap:20000000:refuse velocity:1:suspend high_cost:/1000000:alert new_destination:90:alert ip_change:30:suspend"
        );
        assert_eq!(text.parse(), Ok(rules));
        assert_eq!("".parse(), Ok(FraudRules::default()));
        assert_eq!(FraudRules::default().to_string(), "");
        for wrong in ["daily_cap", "daily_cap:x:refuse", "daily_cap:1:shout", "weather:1:alert", "high_cost:1:alert"] {
            assert!(wrong.parse::<FraudRules>().is_err(), "{wrong}");
        }
    }
}
