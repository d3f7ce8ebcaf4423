//! The actor of a profile: [`switch::Profile`] in a shell. Its batches go to the ledger, its answers to calls.
//!
//! Which batches, and what their outcomes mean, is the machine's to decide.

use crate::core::Core;
use crate::mailbox::tell;
use crate::shell::{Outlet, Shell, Tell};
use crate::ways::papers::batch_of;
use actix::Addr;
use domain::credit::{Batch, Kind, Outcome, Unit};
use domain::{Fact, Machine, Micros, Monotonic, Now, ProfileId};
use std::sync::Arc;
use switch::profile::{Effect, Event, Posting};
use telemetry::Telemetry;
use telemetry::labels::Actor;

/// A profile as an actor. It stays once it was opened.
pub(crate) type ProfileShell = Shell<Enduring, ProfileOutlet>;

/// The machine of a profile, whose actor stays when the last call is over: an address that others hold must not go stale.
pub struct Enduring(pub switch::Profile);

impl Machine for Enduring {
    type Event = Event;
    type Effect = Effect;
    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        self.0.handle(event, now, effects);
    }
    fn deadline(&self) -> Option<Monotonic> {
        self.0.deadline()
    }
    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.0.expire(now, effects);
    }
    fn is_finished(&self) -> bool {
        false
    }
}

/// Performs the effects of a profile.
pub struct ProfileOutlet {
    id: ProfileId,
    itself: Addr<ProfileShell>,
    core: Arc<Core>,
}

impl ProfileOutlet {
    /// An outlet of this profile, whose actor is `itself`.
    pub fn new(id: ProfileId, itself: Addr<ProfileShell>, core: Arc<Core>) -> Self {
        Self { id, itself, core }
    }

    fn submit(&self, posting: Posting) {
        let (batch, durability) = batch_of(posting);
        let id = batch.id;
        let moved = Moved::by(&batch);
        let code = batch.transfers.first().map(|transfer| transfer.code);
        let itself = self.itself.clone();
        let core = Arc::clone(&self.core);
        let reply = Box::new(move |outcome: Outcome| {
            if let (Outcome::Unavailable, Some(code)) = (&outcome, code) {
                core.telemetry.count_ledger_failure(code);
            }
            if let Some(fact) = moved.and_then(|moved| moved.told(&outcome)) {
                core.tell(&fact);
            }
            tell(&itself, Tell(Event::LedgerAnswered { batch: id, outcome }));
        });
        self.core.ledger.submit(batch, durability, reply);
    }
}

impl Outlet<Enduring> for ProfileOutlet {
    const KIND: Actor = Actor::Profile;

    fn telemetry(&self) -> &Telemetry {
        &self.core.telemetry
    }

    fn mailbox_max(&self) -> usize {
        self.core.limits.mailbox_profile_max
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Submit(posting) => self.submit(posting),
            Effect::TellCall(call, event) => {
                // A call whose actor is gone has lost its bill to a panic; its holds are closed by its own settlement.
                if let Some(address) = self.core.registry.call(call) {
                    tell(&address, Tell(crate::call::Event::Call(event)));
                }
            }
            Effect::Tell(fact) => self.core.tell(&fact),
        }
    }

    fn finished(&mut self) {
        self.core.registry.forget_profile(self.id);
    }
}

/// What a batch would move, for the metrics.
#[derive(Clone, Copy)]
struct Moved {
    code: domain::credit::Code,
    amount: Micros,
    currency: domain::Currency,
}

impl Moved {
    fn by(batch: &Batch) -> Option<Moved> {
        let code = batch.transfers.first()?.code;
        let mut amount = Micros::ZERO;
        let mut currency = None;
        for transfer in &batch.transfers {
            let (account, moved) = match transfer.kind {
                Kind::Post { debit, amount, .. } | Kind::PostIfAvailableAtMost { debit, amount, .. } => {
                    (Some(debit), amount)
                }
                Kind::Hold { debit, .. } => (Some(debit), 0),
                // The channel's hold is number 0; every other is money.
                Kind::Capture { hold, amount } if hold.number != 0 => (None, amount),
                Kind::Capture { .. } | Kind::Release { .. } | Kind::Extend { .. } => (None, 0),
            };
            if let Some(Unit::Money(of)) = account.map(|account| account.unit) {
                currency = Some(of);
            }
            if account.is_none_or(|account| matches!(account.unit, Unit::Money(_))) {
                amount += Micros::new(moved);
            }
        }
        Some(Moved { code, amount, currency: currency? })
    }

    fn told(self, outcome: &Outcome) -> Option<Fact> {
        let applied = match outcome {
            Outcome::Applied(_) => true,
            Outcome::Refused(_) => false,
            Outcome::Replayed(_) | Outcome::Unavailable => return None,
        };
        Some(Fact::LedgerPosted { code: self.code, applied, amount: self.amount, currency: self.currency })
    }
}
