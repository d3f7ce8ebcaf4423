//! What one call may cost at most (`max_rate`, `max_call_cost`; field lesson 21): who would cost more at once is refused.
//!
//! Where a call that talks comes to its bound is `metering`'s.

use crate::directory::Profile;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Trace, Value};
use domain::{Micros, Refusal};
use rating::Rate;

/// Looks at the price of a call before anything is held for it. A free call has none.
pub(super) fn check(profile: &Profile, rate: Option<&Rate>, trace: &mut Trace) -> Result<(), Refusal> {
    let Some(rate) = rate else { return Ok(()) };
    let currency = rate.tariff.currency();
    let money = |amount: Micros| Value::Money(amount, currency);
    let (per_minute, first) = (rate.tariff.rate_per_minute(), rate.tariff.first_block().amount);
    if let Some(most) = profile.caps.max_rate {
        if per_minute > most {
            trace.failed(RefusalKind::MaxRate, money(per_minute), money(most));
            let what = &rate.destination;
            let sentence =
                format!("{what} costs {per_minute} {currency} a minute; this profile permits {most} at most");
            return Err(Refusal::saying(RefusalKind::MaxRate, sentence));
        }
        trace.passed(Rule::Price, money(per_minute), money(most));
    }
    if let Some(most) = profile.caps.max_call_cost.filter(|most| first > *most) {
        trace.failed(RefusalKind::MaxCallCost, money(first), money(most));
        let seconds = rate.tariff.first_block().until_s;
        let sentence = format!(
            "The first {seconds} s of this call cost {first} {currency}; this profile permits calls of {most} at most"
        );
        return Err(Refusal::saying(RefusalKind::MaxCallCost, sentence));
    }
    Ok(())
}
