//! What operators and customers do with the switch and its money: hang calls up, top up, take back, change subscriptions.
//!
//! What PBXs and carriers do is in `story`.

use super::Simulation;
use crate::company;
use crate::world::Customer;
use domain::ReleaseCause;
use domain::credit::{Account, Batch, BatchId, Code, Holder, Kind, Outcome, Transfer};
use switch::profile::Event as ProfileEvent;

/// Channels by which a subscription grows or shrinks.
const CHANNELS: [i64; 6] = [-4, -2, -1, 1, 2, 4];
/// Sequences of orders that are no top-ups: each kind has its own.
const ORDERS: u64 = 1 << 32;

impl Simulation {
    /// An operator hangs up a call.
    pub(super) fn operate(&mut self) {
        let now = self.world.now;
        let calls = if self.world.is_down { Vec::new() } else { self.world.node.calls(now) };
        if !calls.is_empty() {
            let call = self.pick(&calls).id;
            self.say(&format!("an operator hangs up {call}"));
            let order = switch::call::Event::HangUpOrdered(ReleaseCause::HungUpByOperator);
            self.world.node.tell_call(call, order, now);
        }
    }

    fn some_customer(&mut self) -> Customer {
        let which = self.chance.below(self.world.customers.len() as u64) as usize;
        self.world.customers[which].clone()
    }

    /// Money comes in, for a company or for one of its profiles.
    pub(super) fn top_up(&mut self) {
        if self.world.is_down {
            return;
        }
        let customer = self.some_customer();
        let is_company = self.chance.below(2) == 0;
        let holder = if is_company { Holder::Company } else { Holder::Profile(customer.profile) };
        let account = company::money(customer.company, holder);
        self.top_ups += 1;
        self.say(&format!("50000 micros for {holder:?}"));
        let now = self.world.now;
        let batch = company::top_up(customer.company, self.top_ups, now.wall, &[(account, 50_000)]);
        let outcome = company::post(&**self.world.node.ledger(), batch);
        self.audit.on_ordered(&outcome);
        let told = if is_company { ProfileEvent::CompanyToppedUp } else { ProfileEvent::CreditAdded };
        self.world.node.tell_profile(customer.profile, told, now);
    }

    /// Credit goes back from a profile to its company (K5): some of it or all that is available, and sometimes more than that.
    pub(super) fn take_back(&mut self) {
        if self.world.is_down {
            return;
        }
        let customer = self.some_customer();
        let debit = company::money(customer.company, Holder::Profile(customer.profile));
        let credit = company::money(customer.company, Holder::Company);
        let available = self.world.node.ledger().balance(debit).available();
        let amount = available.max(0) * self.chance.below(5) as i64 / 3;
        let outcome = self.order(&customer, Kind::Post { debit, credit, amount }, Code::TakeBack);
        if outcome != Outcome::Unavailable {
            assert_eq!(
                matches!(outcome, Outcome::Applied(_)),
                amount <= available,
                "take-back of {amount}: {outcome:?}"
            );
        }
        self.say(&format!("{amount} of {available} micros are taken back from {}: {outcome:?}", customer.user));
    }

    /// A subscription grows or shrinks; whoever talks goes on (C11).
    pub(super) fn change_subscription(&mut self) {
        if self.world.is_down {
            return;
        }
        let customer = self.some_customer();
        let profile = company::channels(customer.company, customer.profile);
        let world = Account { holder: Holder::World, ..profile };
        let has = self.world.node.ledger().balance(profile).posted;
        let change = (*self.pick(&CHANNELS)).max(-has);
        let (debit, credit) = if change < 0 { (profile, world) } else { (world, profile) };
        let outcome = self.order(&customer, Kind::Post { debit, credit, amount: change.abs() }, Code::Subscription);
        assert!(matches!(outcome, Outcome::Applied(_) | Outcome::Unavailable), "{change} channels: {outcome:?}");
        self.say(&format!("{} has {change:+} channels, of {has}", customer.user));
    }

    fn order(&mut self, customer: &Customer, kind: Kind, code: Code) -> Outcome {
        self.top_ups += 1;
        let batch = Batch {
            id: BatchId { subject: customer.company.bits(), sequence: ORDERS + self.top_ups },
            company: customer.company,
            at: self.world.now.wall,
            transfers: vec![Transfer { kind, code }],
            memo: None,
        };
        let outcome = company::post(&**self.world.node.ledger(), batch);
        self.audit.on_ordered(&outcome);
        outcome
    }
}
