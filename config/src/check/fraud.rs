//! The checks of `[fraud]`.
//!
//! What its keys mean is in [`crate::fraud`].

use super::Checks;
use crate::fraud::Fraud;

/// Units of any amount at most: what the ledger moves at once.
const UNITS_MAX: u32 = 1_000_000_000;

impl Checks {
    pub(super) fn fraud(&mut self, fraud: &Fraud) {
        let amounts = [
            ("new_profile_daily_cap", fraud.new_profile_daily_cap),
            ("new_profile_max_rate_cents", fraud.new_profile_max_rate_cents),
            ("house_per_minute", fraud.house_per_minute),
            ("house_per_hour", fraud.house_per_hour),
            ("company_per_minute", fraud.company_per_minute),
            ("company_per_hour", fraud.company_per_hour),
            ("usual_from", fraud.usual_from),
        ];
        for (key, amount) in amounts {
            self.range(("fraud", key), amount, 0, UNITS_MAX, "");
        }
        if fraud.times_usual != 0 {
            self.range(("fraud", "times_usual"), u32::from(fraud.times_usual), 2, 1_000, "");
        }
    }
}
