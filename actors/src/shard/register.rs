//! REGISTERs of one shard on their way to their registration's actor and back.
//!
//! Their words are `ways::register`'s; how long a binding is granted is decided in `switch::registration`.

use super::Shard;
use crate::mailbox::offer;
use crate::registrar::{Registration, mark};
use crate::shell::Tell;
use crate::ways::attempt;
use crate::ways::register::{agreed, own_address, read, refusal_of, reply_of};
use domain::call_record::CallDirection;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Value};
use domain::{Fact, Monotonic, ProfileId, Refusal, Trace};
use leg::refusal;
use sip::endpoint::{HeaderLines, Owner, Pending, Reply, ServerTransactionId};
use slab::Slab;
use switch::attempts::Attempt;
use switch::registration::{Answer, Event};
use telemetry::labels::{Actor, ActorOutcome, OverloadReason};

/// REGISTERs at most that wait for their registration's answer on one shard.
const WAITING_MAX: usize = 16_384;

/// REGISTERs that were accepted and wait for the answer of their registration.
#[derive(Default)]
pub(super) struct Registers {
    waiting: Slab<Waiting>,
}

/// A REGISTER that waits.
struct Waiting {
    transaction: ServerTransactionId,
    accepted: Monotonic,
    /// What a 200 says besides its bindings.
    agreed: HeaderLines,
    profile: ProfileId,
    /// As what it is remembered.
    attempt: Box<Attempt>,
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
            Err(reply) => {
                self.note_unproven(pending, outcome, &desk, &reply);
                return self.answer(pending, *reply);
            }
        };
        let now = self.core.clock.now();
        let mut attempt = attempt::of_request(pending, CallDirection::Inbound, now.wall);
        attempt.trace.passed(Rule::Authentication, attempt.source, Value::Text(user.as_str().into()));
        // Whoever registers with the password of today needs no other any more (S10).
        self.core.pinned.remove(&profile);
        if let Err(refused) = own_address(pending.message(), &user) {
            let said = attempt::user_addressed(pending.message());
            attempt.trace.failed_at(Rule::AddressOfRecord, refused.kind, said, user);
            self.note_refused(profile, attempt, &refused);
            return self.answer(pending, refusal(&refused, &self.naming.identity.host));
        }
        let agreed = match agreed(pending.message()) {
            Ok(agreed) => agreed,
            Err(reply) => {
                self.note_refused(
                    profile,
                    attempt,
                    &reply.refusal().unwrap_or(RefusalKind::OutboundUnsupported).into(),
                );
                return self.answer(pending, *reply);
            }
        };
        if self.registers.waiting.len() >= WAITING_MAX || self.is_registrar_full(profile) {
            self.core.telemetry.count_overload_rejection(OverloadReason::Load);
            let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
            self.note_refused(profile, attempt, &full);
            return self.answer(pending, refusal(&full, &self.naming.identity.host));
        }
        let Ok(transaction) = self.endpoint.accept(pending, NOBODY, now, &mut self.effects) else { return };
        let (accepted, attempt) = (now.monotonic, Box::new(attempt));
        let place = self.registers.waiting.insert(Waiting { transaction, accepted, agreed, profile, attempt }) as u32;
        let register = read(pending.message(), pending.source(), mark(self.naming.shard, place));
        let taken = register.map(|register| {
            let event = Tell(Event::RegisterReceived(Box::new(register)));
            self.core.resident::<Registration>(profile).is_some_and(|address| offer(&address, event))
        });
        match taken {
            Ok(true) => {}
            Ok(false) => {
                let telemetry = &self.core.telemetry;
                telemetry.count_actor_messages(Actor::Registration, ActorOutcome::Dropped, 1);
                telemetry.count_overload_rejection(OverloadReason::Mailbox);
                let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
                self.finish_register(place, refusal(&full, &self.naming.identity.host), Some(full));
            }
            Err(sentence) => {
                let refused = Refusal::saying(RefusalKind::MalformedRequest, &sentence);
                self.finish_register(place, refusal(&refused, &self.naming.identity.host), Some(refused));
            }
        }
    }

    /// Who is registered may always refresh.
    fn is_registrar_full(&self, profile: ProfileId) -> bool {
        let registry = &self.core.registry;
        registry.bindings() >= self.core.limits.bindings_max && registry.binding(profile).is_none()
    }

    pub(super) fn on_register_answered(&mut self, place: u32, answer: Answer, trace: Trace) {
        let refused = refusal_of(&answer);
        let mut reply = reply_of(answer, &self.naming.identity.host);
        if let Some(waiting) = self.registers.waiting.get_mut(place as usize) {
            waiting.attempt.trace.extend(trace);
            if refused.is_none() {
                self.core.telemetry.observe_registration(self.core.clock.monotonic().since(waiting.accepted));
                reply = reply.lines(waiting.agreed.as_bytes());
            }
        }
        self.finish_register(place, reply, refused);
    }

    /// Remembers a registration of a proven PBX that was refused.
    fn note_refused(&self, profile: ProfileId, attempt: Attempt, refused: &Refusal) {
        self.core.attempts.note(profile, attempt::refused(attempt, refused, refused.kind.status()));
    }

    fn finish_register(&mut self, place: u32, reply: Reply, refused: Option<Refusal>) {
        let Some(waiting) = self.registers.waiting.try_remove(place as usize) else { return };
        let Waiting { transaction, profile, mut attempt, .. } = waiting;
        match refused {
            Some(refused) => self.note_refused(profile, *attempt, &refused),
            None => {
                attempt.status = reply.status();
                self.core.attempts.note(profile, *attempt);
            }
        }
        // The time lets a PBX with a wrong clock notice it (RFC 3261 10.3, step 8).
        let now = self.core.clock.now();
        let _ = self.endpoint.respond(transaction, reply, now, &mut self.effects);
    }
}
