//! REGISTERs of one shard on their way to their registration's actor and back.
//!
//! Their words are `ways::register`'s; how long a binding is granted is decided in `switch::registration`.

use super::Shard;
use crate::mailbox::offer;
use crate::registrar::mark;
use crate::shell::Tell;
use crate::ways::register::{agreed, own_address, read, reply_of};
use domain::refusal::RefusalKind;
use domain::{Fact, Monotonic, ProfileId, Refusal};
use leg::refusal;
use sip::endpoint::{HeaderLines, Owner, Pending, Reply, ServerTransactionId};
use slab::Slab;
use switch::registration::{Answer, Event};
use telemetry::labels::{Actor, ActorOutcome, OverloadReason};

/// REGISTERs at most that wait for their registration's answer on one shard.
const WAITING_MAX: usize = 16_384;

/// REGISTERs that were accepted and wait for the answer of their registration.
#[derive(Default)]
pub(super) struct Registers {
    /// The transaction, when it was accepted, and what a 200 says besides its bindings.
    waiting: Slab<(ServerTransactionId, Monotonic, HeaderLines)>,
}

/// The owner of REGISTER transactions: no leg.
pub(super) const NOBODY: Owner = Owner(u64::MAX);

impl Shard {
    pub(super) fn on_register(&mut self, pending: &Pending) {
        let desk = self.core.desk.load_full();
        let (outcome, proven) = self.door(&desk).prove_registrant(pending);
        self.core.tell(&Fact::Authenticated(outcome));
        self.heed(pending, outcome, proven.is_ok());
        let (profile, user) = match proven {
            Ok(proven) => proven,
            Err(reply) => return self.answer(pending, *reply),
        };
        // Whoever registers with the password of today needs no other any more (S10).
        self.core.pinned.remove(&profile);
        if let Err(refused) = own_address(pending.message(), &user) {
            return self.answer(pending, refusal(&refused, &self.naming.identity.host));
        }
        let agreed = match agreed(pending.message()) {
            Ok(agreed) => agreed,
            Err(reply) => return self.answer(pending, *reply),
        };
        if self.registers.waiting.len() >= WAITING_MAX || self.is_registrar_full(profile) {
            self.core.telemetry.count_overload_rejection(OverloadReason::Load);
            let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
            return self.answer(pending, refusal(&full, &self.naming.identity.host));
        }
        let now = self.core.clock.now();
        let Ok(transaction) = self.endpoint.accept(pending, NOBODY, now, &mut self.effects) else { return };
        let place = self.registers.waiting.insert((transaction, now.monotonic, agreed)) as u32;
        let register = read(pending.message(), pending.source(), mark(self.naming.shard, place));
        let taken = register.map(|register| {
            let event = Tell(Event::RegisterReceived(Box::new(register)));
            self.core.registration(profile).is_some_and(|address| offer(&address, event))
        });
        match taken {
            Ok(true) => {}
            Ok(false) => {
                let telemetry = &self.core.telemetry;
                telemetry.count_actor_messages(Actor::Registration, ActorOutcome::Dropped, 1);
                telemetry.count_overload_rejection(OverloadReason::Mailbox);
                let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
                self.finish_register(place, refusal(&full, &self.naming.identity.host));
            }
            Err(sentence) => {
                let reply = Reply::new(400, "Bad Request").warning(&self.naming.identity.host, &sentence);
                self.finish_register(place, reply);
            }
        }
    }

    /// Who is registered may always refresh.
    fn is_registrar_full(&self, profile: ProfileId) -> bool {
        let registry = &self.core.registry;
        registry.bindings() >= self.core.limits.bindings_max && registry.binding(profile).is_none()
    }

    pub(super) fn on_register_answered(&mut self, place: u32, answer: Answer) {
        let is_ok = matches!(answer, Answer::Ok(_));
        let mut reply = reply_of(answer, &self.naming.identity.host);
        if let (true, Some((_, accepted, agreed))) = (is_ok, self.registers.waiting.get(place as usize)) {
            self.core.telemetry.observe_registration(self.core.clock.monotonic().since(*accepted));
            reply = reply.lines(agreed.as_bytes());
        }
        self.finish_register(place, reply);
    }

    fn finish_register(&mut self, place: u32, reply: Reply) {
        let Some((transaction, ..)) = self.registers.waiting.try_remove(place as usize) else { return };
        // The time lets a PBX with a wrong clock notice it (RFC 3261 10.3, step 8).
        let now = self.core.clock.now();
        let _ = self.endpoint.respond(transaction, reply, now, &mut self.effects);
    }
}
