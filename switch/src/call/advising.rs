//! What the PBX that pays is told of the charge when the call is answered, while it runs, and at its end (3GPP TS 24.647).
//!
//! How it is told is the leg's; what is charged, the profile's.

use super::{Call, Effect, Phase};
use domain::advice::{Advice, AdviceOfCharge, Quote};
use domain::call_control::{LegId, LegOrder};
use domain::call_record::CallDirection;
use domain::{Micros, Now};

impl Call {
    /// Whether its caller is told what it costs: who calls out pays, nobody else does.
    pub fn caller_advice(&self) -> AdviceOfCharge {
        match self.record.direction {
            CallDirection::Outbound => {
                self.directory.profile(self.record.profile).map(|profile| profile.advice).unwrap_or_default()
            }
            CallDirection::Inbound => AdviceOfCharge::Off,
        }
    }

    fn advise(&self, total: Micros, is_final: bool, effects: &mut Vec<Effect>) {
        let advice = Advice { total, currency: self.record.currency, is_final };
        effects.push(Effect::Leg(LegId::CALLER, LegOrder::Advise(advice)));
    }

    /// The call is answered: by these terms it is charged from now on.
    pub(super) fn advise_of_rates(&self, effects: &mut Vec<Effect>) {
        if let Phase::Talking(talking) = &self.phase
            && talking.advice.tells_rates()
        {
            let rated = talking.meter.as_ref().map(|meter| meter.rates());
            let quote = rated.map_or(Quote::Free, Quote::Rates);
            effects.push(Effect::Leg(LegId::CALLER, LegOrder::Quote(quote)));
        }
    }

    /// An increment is paid. The sum is the books' own: no PBX is told one that the ledger has not heard of.
    pub(super) fn advise_of_tick(&self, captured: Micros, effects: &mut Vec<Effect>) {
        if let Phase::Talking(talking) = &self.phase
            && talking.advice.tells_sums()
        {
            self.advise(captured, false, effects);
        }
    }

    /// The call is over: nothing is added to what it owes now.
    pub(super) fn advise_of_end(&self, at: Now, effects: &mut Vec<Effect>) {
        if let Phase::Talking(talking) = &self.phase
            && talking.advice != AdviceOfCharge::Off
        {
            let talked = at.monotonic.since(talking.answered);
            let total = talking.meter.as_ref().map_or(Micros::ZERO, |meter| meter.amount_owed(talked));
            self.advise(total, true, effects);
        }
    }
}
