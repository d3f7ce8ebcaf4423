//! Why something was refused, or would be: traces of calls, attempts, and calls that are rehearsed.
//!
//! Rehearsing is `switch::rehearsal`'s; here it is lent copies of the machines, and of the balances that it would draw on.

use super::Exchange;
use crate::call::{LookTrace, no_sound};
use crate::chance;
use crate::core::Core;
use crate::mailbox::offer;
use crate::profile::Profile;
use crate::resident::Lend;
use crate::ways::papers::batch_of;
use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message};
use domain::credit::{Account, Batch, BatchId, Code, Durability, Holder, Kind, Outcome, Transfer};
use domain::{CallId, Entropy, ProfileId};
use ledger::Ledger;
use ledger::memory::MemoryLedger;
use media::Mode;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use switch::attempts::Attempt;
use switch::call::{LiveTrace, Opening, called_profile};
use switch::fraud::Standing;
use switch::profile::Posting;
use switch::rehearsal::{Hypothesis, Rehearsal, Sound, Want, Whom};
use tokio::sync::oneshot::{Sender, channel};

impl Exchange {
    /// The trace of a call, while it lives.
    pub async fn live_trace(&self, id: CallId) -> Option<LiveTrace> {
        let call = self.inner.core.registry.call(id)?;
        call.send(LookTrace(id)).await.ok().flatten()
    }

    /// What was tried lately by a profile's PBX, to it, or in its name; newest first.
    pub fn attempts(&self, profile: ProfileId) -> Vec<Attempt> {
        self.inner.core.attempts.of(profile)
    }

    /// What strangers tried lately; newest first.
    pub fn attempts_of_strangers(&self) -> Vec<Attempt> {
        self.inner.core.attempts.of_strangers()
    }

    /// How a profile stands with its rules against fraud; none where it is too busy to say.
    pub async fn fraud_standing(&self, profile: ProfileId) -> Option<Standing> {
        let core = &self.inner.core;
        let mut machine = borrowed(core.resident::<Profile>(profile), Lend).await?;
        if let Some((day, amount)) = core.fraud.counted(profile, core) {
            machine.0.counted(day, amount);
        }
        machine.0.standing(core.clock.now())
    }

    /// Admits a hypothetical call dry: nothing is held, nobody is dialled, nothing is counted.
    pub async fn rehearse(&self, hypothesis: Hypothesis) -> Rehearsal {
        let core = &self.inner.core;
        let desk = core.desk.load_full();
        let own = self.listeners().first().copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let now = core.clock.now();
        let invitation = match hypothesis.invitation(desk.directory()) {
            Ok(mut invitation) => {
                // A PBX calls from where it is registered.
                if let Whom::Profile(profile) = hypothesis.whom
                    && let Some(binding) = core.registry.binding(profile)
                {
                    invitation.source = binding.seen_from();
                }
                invitation
            }
            Err(stranger) => {
                let (status, stranger) = *stranger;
                return Rehearsal::of_stranger(status, stranger, own, now);
            }
        };
        // Without chance of the system's own the order of equal carriers is always the same.
        let mut entropy = chance::entropy().unwrap_or_else(|_| Entropy::from_seed([0; 16]));
        let mut ways = entropy.fork();
        let directory = Arc::clone(desk.directory());
        let binding = called_profile(&directory, &invitation).and_then(|profile| core.binding_now(profile));
        let id = CallId::mint(now.wall, &mut entropy);
        let gate = core.would_enter(now).err();
        let breaker = core.fraud.check(&directory, &invitation.proof);
        let opening = Opening { id, invitation, directory, binding, partner: None, gate, breaker };
        let mut rehearsal = Rehearsal::open(opening, own, entropy, now);
        let mut books = Books::default();
        while let Some(want) = rehearsal.wants() {
            match want {
                Want::Profile(id) => match borrowed(core.resident::<Profile>(id), Lend).await {
                    Some(profile) => rehearsal.lend_profile(profile.0),
                    None => rehearsal.too_busy(),
                },
                Want::Carrier(id) => match borrowed(core.resident::<switch::Carrier>(id), Lend).await {
                    Some(carrier) => rehearsal.lend_carrier(carrier),
                    None => rehearsal.too_busy(),
                },
                Want::Post(posting) => rehearsal.ledger_says(books.answer(core, *posting)),
                Want::Sound(sound) => {
                    let mode = match sound {
                        Sound::Relay => Mode::Relay,
                        Sound::Echo => Mode::Echo,
                    };
                    rehearsal.sound_opens(core.media.would_open(mode).map_err(|refused| no_sound(&refused)));
                }
                Want::Reach(order) => {
                    rehearsal.reaches(desk.reach(&order, &mut ways, now.monotonic).map(drop));
                }
            }
        }
        rehearsal
    }
}

/// A copy of an actor's machine; none where its mailbox is full, by the very rule that a call meets, or it is gone.
async fn borrowed<A, M, L>(actor: Option<Addr<A>>, lend: impl FnOnce(Sender<M>) -> L) -> Option<M>
where
    A: Actor + Handler<L>,
    A::Context: ToEnvelope<A, L>,
    L: Message<Result = ()> + Send + 'static,
{
    let (lender, borrower) = channel();
    if !offer(&actor?, lend(lender)) {
        return None;
    }
    borrower.await.ok()
}

/// A copy of the balances that a rehearsal draws on, under the ledger's own laws.
#[derive(Default)]
struct Books {
    ledger: MemoryLedger,
    copied: BTreeSet<Account>,
}

impl Books {
    /// What the ledger would say to this.
    fn answer(&mut self, core: &Core, posting: Posting) -> Outcome {
        let (batch, _) = batch_of(posting);
        for transfer in &batch.transfers {
            if let Kind::Hold { debit, .. } | Kind::PostIfAvailableAtMost { debit, .. } = transfer.kind {
                self.copy(core, debit);
            }
            if let Kind::PostIfAvailableAtMost { watched, .. } = transfer.kind {
                self.copy(core, watched);
            }
        }
        self.post(batch)
    }

    /// What is available there now.
    fn copy(&mut self, core: &Core, account: Account) {
        if !self.copied.insert(account) {
            return;
        }
        let amount = core.ledger.balance(account).available().max(0);
        let kind = Kind::Post { debit: Account { holder: Holder::World, ..account }, credit: account, amount };
        self.post(Batch {
            id: BatchId { subject: u128::MAX, sequence: self.copied.len() as u64 },
            company: account.company,
            at: core.clock.now().wall,
            transfers: vec![Transfer { kind, code: Code::Adjustment }],
            memo: None,
        });
    }

    /// The ledger in memory answers before it returns.
    fn post(&self, batch: Batch) -> Outcome {
        let (told, heard) = sync_channel(1);
        let reply = Box::new(move |outcome| drop(told.send(outcome)));
        self.ledger.submit(batch, Durability::WithNextGroup, reply);
        heard.try_recv().unwrap_or(Outcome::Unavailable)
    }
}
