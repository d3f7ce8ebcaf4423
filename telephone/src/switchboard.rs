//! The calls that an agent takes, by the number that owns each one's dialog.
//!
//! Which numbers are answered, when, and with what sound, is the agent's.

use crate::{Called, Line};
use sip::endpoint::{Effect, Owner, Pending, Reply, ServerTransactionId, TransactionId};
use sip::{Message, Method, Name};
use std::collections::BTreeMap;

/// Calls that are rung or talking; with each call, what the agent knows of it.
pub struct Switchboard<M> {
    calls: BTreeMap<u64, (Called, M)>,
    calls_max: usize,
    /// Of the next call; never used again, as it names its stream too.
    next: u64,
}

/// What an effect of the line came to.
pub enum Happening<M> {
    /// A request opens something: [`Switchboard::accept`] it.
    Arrived(Pending),
    /// A call is over.
    Ended(u64, M),
    /// The ACK of a call never came, and it was hung up; over at once where no BYE could be sent.
    AckMissed(Option<(u64, M)>),
    /// Nothing that the agent need know.
    Nothing,
}

impl<M> Switchboard<M> {
    /// Without calls; one above `calls_max` is answered 503.
    pub fn new(calls_max: usize) -> Switchboard<M> {
        Switchboard { calls: BTreeMap::new(), calls_max, next: 1 }
    }

    /// Takes an INVITE in (RFC 3261 17.2.1): the number of its call, and its transaction. Anything else is refused (501), and a call too
    /// many (503).
    pub fn accept(&mut self, pending: &Pending, line: &mut Line) -> Option<(u64, ServerTransactionId)> {
        if pending.message().method() != Some(&Method::Invite) {
            line.refuse(pending, Reply::new(501, "Not Implemented"));
            return None;
        }
        if self.calls.len() >= self.calls_max {
            line.refuse(pending, Reply::new(503, "Service Unavailable").header(Name::RetryAfter, "5"));
            return None;
        }
        let id = self.next;
        let invite = line.accept(pending, Owner(id))?;
        self.next += 1;
        Some((id, invite))
    }

    /// Rings, or refuses what has no sound that we could speak; whether it rings.
    pub fn ring(&mut self, id: u64, invite: ServerTransactionId, request: &Message, with: M, line: &mut Line) -> bool {
        let called = Called::ring(invite, request, Owner(id), line);
        called.map(|called| self.calls.insert(id, (called, with))).is_some()
    }

    /// The call, while it is up.
    pub fn get(&mut self, id: u64) -> Option<(&mut Called, &mut M)> {
        self.calls.get_mut(&id).map(|(called, with)| (called, with))
    }

    /// Every call that is up, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &M)> {
        self.calls.iter().map(|(id, (_, with))| (*id, with))
    }

    /// Forgets the call.
    pub fn end(&mut self, id: u64, line: &mut Line) -> Option<M> {
        let (called, with) = self.calls.remove(&id)?;
        called.leave(line);
        Some(with)
    }

    /// Sees to what came from the line.
    pub fn on_effect(&mut self, effect: Effect, line: &mut Line) -> Happening<M> {
        match effect {
            Effect::RequestArrived { pending } => Happening::Arrived(pending),
            Effect::DialogRequestArrived { owner, transaction, message, .. } => {
                self.on_request(owner.0, transaction, &message, line)
            }
            Effect::Cancelled { owner, .. } => {
                if let Some((called, _)) = self.get(owner.0) {
                    called.on_cancelled(line);
                }
                self.over(owner.0, line)
            }
            Effect::AckMissed { owner, .. } => {
                let is_over = self.get(owner.0).is_some_and(|(called, _)| called.on_ack_missed(line));
                let ended = if is_over { self.end(owner.0, line) } else { None };
                Happening::AckMissed(ended.map(|with| (owner.0, with)))
            }
            // The only request of ours is BYE, and whatever becomes of it ends the call.
            Effect::ResponseArrived { owner, message, .. } if message.status() >= Some(200) => self.over(owner.0, line),
            Effect::TransactionFailed { owner, transaction: TransactionId::Client(_), .. } => self.over(owner.0, line),
            // A refusal without ACK is over all the same; sending was done by the line.
            Effect::TransactionFailed { .. }
            | Effect::ResponseArrived { .. }
            | Effect::AckArrived { .. }
            | Effect::DialogRequestRefused { .. }
            | Effect::Transmit { .. } => Happening::Nothing,
        }
    }

    fn on_request(
        &mut self,
        id: u64,
        transaction: ServerTransactionId,
        request: &Message,
        line: &mut Line,
    ) -> Happening<M> {
        let Some((called, _)) = self.get(id) else {
            line.respond(transaction, Reply::new(481, "Call/Transaction Does Not Exist"));
            return Happening::Nothing;
        };
        if called.on_request(transaction, request, line) { self.over(id, line) } else { Happening::Nothing }
    }

    fn over(&mut self, id: u64, line: &mut Line) -> Happening<M> {
        self.end(id, line).map_or(Happening::Nothing, |with| Happening::Ended(id, with))
    }
}
