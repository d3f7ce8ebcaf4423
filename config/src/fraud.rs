//! `[fraud]`: what new profiles may spend (D-16), and when a breaker stops new calls.
//!
//! The rules of a profile are data and live in `store`; what follows from them is decided in `switch`.

use serde::{Deserialize, Serialize};

/// `[fraud]`. Amounts are whole units of a company's currency; 0 for no limit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fraud {
    /// What a new profile may spend in a day, or as much as its first credit, where that is more.
    pub new_profile_daily_cap: u32,
    /// Cents a minute of the dearest destinations that a new profile may call.
    pub new_profile_max_rate_cents: u32,
    /// Units that all companies of one currency together may spend in a minute before the breaker of the house opens.
    pub house_per_minute: u32,
    /// The same in an hour.
    pub house_per_hour: u32,
    /// Units that one company may spend in a minute before its breaker opens.
    pub company_per_minute: u32,
    /// The same in an hour.
    pub company_per_hour: u32,
    /// A breaker opens too when the last hour cost more than so many times the dearest hour of the last seven days, 2 to 1000; 0 for never.
    pub times_usual: u16,
    /// ... and more than so many units.
    pub usual_from: u32,
}

impl Default for Fraud {
    fn default() -> Self {
        Fraud {
            new_profile_daily_cap: 20,
            new_profile_max_rate_cents: 50,
            house_per_minute: 0,
            house_per_hour: 0,
            company_per_minute: 0,
            company_per_hour: 0,
            times_usual: 10,
            usual_from: 100,
        }
    }
}
