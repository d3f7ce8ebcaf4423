//! What the profiles of a seed may spend and speak unpaid: caps so small that calls come to them, and a ledger that is gone for longer than
//! an increment lasts.
//!
//! What must be true of it is in `audit::terms`.

use super::Simulation;
use super::story::LEDGER_IS_BACK;
use crate::reckoning::price;
use crate::world::{BEGINS_AT, Beginning, Terms};
use domain::credit_failure::CreditFailure;
use domain::fraud::{FraudAction, SpendLimit};
use domain::{Caps, Entropy, Micros, Wall};
use std::time::Duration;
use switch::call::PhaseName;

/// Profiles of a seed.
const PROFILES: usize = 4;
/// From the beginning of a world to the next midnight of its companies.
const UNTIL_MIDNIGHT: Duration = Duration::from_hours(6);

/// At one of so many acts the ledger goes away, if people talk.
const GONE_ONE_IN: u64 = 25;
/// For so long at most.
const GONE_FOR_MS: u64 = 60_000;

/// When the ledger is gone has a chance of its own too.
pub(super) fn outages(seed: u64) -> Entropy {
    Entropy::from_seed((u128::from(seed) | 0x54_u128 << 64).to_le_bytes())
}

impl Simulation {
    /// Now and then the ledger answers nobody for up to a minute.
    pub(super) fn lose_the_ledger_sometimes(&mut self) {
        if self.world.is_down || self.world.node.mood.is_gone || self.outages.below(GONE_ONE_IN) > 0 {
            return;
        }
        let calls = self.world.node.calls(self.world.now);
        if calls.iter().any(|call| call.phase == PhaseName::Talking) {
            let gone = Duration::from_millis(self.outages.below(GONE_FOR_MS));
            self.say(&format!("the ledger is gone for {gone:?}"));
            self.world.node.mood.is_gone = true;
            self.world.cue(gone, LEDGER_IS_BACK);
        }
    }

    pub(super) fn have_the_ledger_back(&mut self) {
        self.say("the ledger is back");
        self.world.node.mood.is_gone = false;
    }
}

/// With a chance of their own, so that the rest of the story is what it would be without them.
pub(super) fn drawn(seed: u64, rate: i64, beginning: Beginning) -> Beginning {
    let mut chance = Entropy::from_seed((u128::from(seed) | 0x53_u128 << 64).to_le_bytes());
    let terms: Vec<Terms> = (0..PROFILES).map(|_| of_profile(rate, &mut chance)).collect();
    let at = match terms.iter().any(|terms| terms.daily_cap.is_some()) && chance.below(2) == 0 {
        true => before_midnight(&mut chance),
        false => BEGINS_AT,
    };
    Beginning { terms, at, ..beginning }
}

/// So that midnight comes while people talk.
fn before_midnight(chance: &mut Entropy) -> Wall {
    BEGINS_AT + (UNTIL_MIDNIGHT - Duration::from_secs(chance.below(300)))
}

fn of_profile(rate: i64, chance: &mut Entropy) -> Terms {
    let (first, increment) = (price(30, rate), price(36, rate) - price(30, rate));
    let credit_failure = match chance.below(4) {
        0 => CreditFailure::Terminate,
        1 => CreditFailure::Continue {
            for_s: [6, 20, 60, 300][chance.below(4) as usize],
            risk: Micros::new([increment.max(1), 3 * increment + 1, 10_000_000][chance.below(3) as usize]),
        },
        _ => CreditFailure::Retry,
    };
    let day = [first, 2 * first + increment, 5 * first + 5_000, 20 * first][chance.below(4) as usize];
    let action = if chance.below(5) == 0 { FraudAction::Alert } else { FraudAction::Refuse };
    let daily_cap = (chance.below(4) == 0).then_some(SpendLimit { amount: Micros::new(day), action });
    let call = [first - 1, first, first + 2 * increment, price(90, rate)][chance.below(4) as usize];
    let max_call_cost = (chance.below(6) == 0).then_some(Micros::new(call));
    let max_rate = match chance.below(24) {
        0 => Some(Micros::new(rate - 1)),
        1..3 => Some(Micros::new(rate)),
        _ => None,
    };
    Terms { credit_failure, caps: Caps { max_rate, max_call_cost }, daily_cap }
}
