//! The actor of a profile: [`switch::Profile`] in a shell. Its batches go to the ledger, its answers to calls.
//!
//! Which batches, and what their outcomes mean, is the machine's to decide.

use crate::core::Core;
use crate::mailbox::tell;
use crate::shell::{Enduring, Outlet, Shell, Tell};
use crate::ways::papers::batch_of;
use actix::{Addr, Handler, Message};
use domain::credit::{Batch, Kind, Outcome, Unit};
use domain::{Currency, Fact, Micros, ProfileId};
use std::sync::Arc;
use switch::profile::{Effect, Event, Posting};
use telemetry::Telemetry;
use telemetry::labels::Actor;
use tokio::sync::oneshot::Sender;

/// A profile as an actor. It stays once it was opened.
pub(crate) type ProfileShell = Shell<Enduring<switch::Profile>, ProfileOutlet>;

/// Asks for a copy of the machine, for a rehearsal: new work, as the call would be.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Lend(pub(crate) Sender<switch::Profile>);

impl Handler<Lend> for ProfileShell {
    type Result = ();

    fn handle(&mut self, lend: Lend, _: &mut Self::Context) {
        // Nobody waits for it any more.
        let _ = lend.0.send(self.machine().0.clone());
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
        let moved = self.currency(&batch).and_then(|currency| Moved::by(&batch, currency));
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

impl ProfileOutlet {
    /// The currency of the company whose batch it is.
    fn currency(&self, batch: &Batch) -> Option<Currency> {
        Some(self.core.desk.load().directory().company(batch.company)?.currency)
    }
}

impl Outlet<Enduring<switch::Profile>> for ProfileOutlet {
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
                    tell(&address, Tell(crate::call::Event::CallOf(call, event)));
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
    currency: Currency,
}

impl Moved {
    fn by(batch: &Batch, currency: Currency) -> Option<Moved> {
        let code = batch.transfers.first()?.code;
        let mut amount = Micros::ZERO;
        for transfer in &batch.transfers {
            let (account, moved) = match transfer.kind {
                Kind::Post { debit, amount, .. } | Kind::PostIfAvailableAtMost { debit, amount, .. } => {
                    (Some(debit), amount)
                }
                Kind::Hold { debit, .. } => (Some(debit), 0),
                Kind::Capture { hold, amount } if !hold.is_channel() => (None, amount),
                Kind::Capture { .. } | Kind::Release { .. } | Kind::Extend { .. } => (None, 0),
            };
            if account.is_none_or(|account| matches!(account.unit, Unit::Money(_))) {
                amount += Micros::new(moved);
            }
        }
        Some(Moved { code, amount, currency })
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
