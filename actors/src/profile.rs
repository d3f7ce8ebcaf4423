//! The actor of a profile: [`switch::Profile`] in a shell. Its batches go to the ledger, its answers to calls.
//!
//! Which batches, and what their outcomes mean, is the machine's to decide.

use crate::core::Core;
use crate::mailbox::tell;
use crate::registry::{Listed, Registry};
use crate::resident::{Home, Residence, Resident};
use crate::shell::{Enduring, Tell};
use crate::ways::papers::batch_of;
use actix::Addr;
use domain::credit::{Batch, BatchId, Code, Durability, Kind, Outcome, Unit};
use domain::{Currency, Fact, Micros, ProfileId};
use std::sync::Arc;
use switch::profile::{Effect, Event, Posting};
use telemetry::labels::Actor;

/// A profile, whose actor stays when no call is up.
pub(crate) type Profile = Enduring<switch::Profile>;

impl Resident for Profile {
    type Id = ProfileId;

    const KIND: Actor = Actor::Profile;

    fn residents(registry: &Registry) -> &Listed<ProfileId, Addr<Residence<Profile>>> {
        &registry.profiles
    }

    fn born(id: ProfileId, core: &Core) -> Profile {
        Enduring(switch::Profile::new(id, Arc::clone(core.desk.load().directory())))
    }

    fn perform(effect: Effect, home: &Home<Profile>) -> Option<Event> {
        match effect {
            Effect::Submit(posting) => return submit(posting, home),
            Effect::TellCall(call, event) => {
                // A call whose actor is gone has lost its bill to a panic; its holds are closed by its own settlement.
                let _ = home.core.registry.with_call(call, |address| {
                    tell(address, Tell(crate::call::Event::CallOf(call, event)));
                });
            }
            Effect::Tell(fact) => home.core.tell(&fact),
        }
        None
    }
}

/// Asks the ledger, which mostly knows at once; where it does not, its answer comes as a message.
fn submit(posting: Posting, home: &Home<Profile>) -> Option<Event> {
    let (batch, durability) = batch_of(posting);
    let asked = Asked::by(&batch, &home.core);
    let answered = match durability {
        Durability::WithNextGroup => home.core.ledger.answer_now(batch),
        Durability::BeforeAnswer => Err(batch),
    };
    match answered {
        Ok(outcome) => {
            asked.count(&outcome, &home.core);
            Some(Event::LedgerAnswered { batch: asked.id, outcome })
        }
        Err(batch) => {
            let (profile, core) = (home.id, Arc::clone(&home.core));
            let reply = Box::new(move |outcome: Outcome| {
                asked.count(&outcome, &core);
                let _ = core.with_resident::<Profile, _>(profile, |itself| {
                    tell(itself, Tell(Event::LedgerAnswered { batch: asked.id, outcome }));
                });
            });
            home.core.ledger.submit(batch, durability, reply);
            None
        }
    }
}

/// What the ledger was asked, for the metrics.
#[derive(Clone, Copy)]
struct Asked {
    id: BatchId,
    code: Option<Code>,
    moved: Option<Moved>,
}

impl Asked {
    fn by(batch: &Batch, core: &Core) -> Asked {
        let code = batch.transfers.first().map(|transfer| transfer.code);
        let moved = currency(core, batch).and_then(|currency| Moved::by(batch, currency));
        Asked { id: batch.id, code, moved }
    }

    fn count(&self, outcome: &Outcome, core: &Core) {
        if let (Outcome::Unavailable, Some(code)) = (outcome, self.code) {
            core.telemetry.count_ledger_failure(code);
        }
        if let Some(fact) = self.moved.and_then(|moved| moved.told(outcome)) {
            core.tell(&fact);
        }
    }
}

/// The currency of the company whose batch it is.
fn currency(core: &Core, batch: &Batch) -> Option<Currency> {
    Some(core.desk.load().directory().company(batch.company)?.currency)
}

/// What a batch would move, for the metrics.
#[derive(Clone, Copy)]
struct Moved {
    code: Code,
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
