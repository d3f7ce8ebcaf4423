//! Orders of legs to the endpoint, and the endpoint's news to them.

use super::Shard;
use super::places::{leg_of, owner_of};
use crate::call;
use crate::mailbox::tell;
use crate::shell::Tell;
use actix::{Context, Handler, Message};
use domain::call_control::LegId;
use leg::Effect as Order;
use leg::Event as News;
use media::{BySide, Side};
use sip::endpoint::{Effect, Owner};
use sip::transaction::Failure;

/// A session of this shard heard nothing for too long.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SoundSilent {
    /// Whose.
    pub place: u64,
    /// Which sides were silent.
    pub sides: BySide<bool>,
}

impl Shard {
    pub(super) fn on_leg_order(&mut self, place: u64, leg: LegId, order: Order) {
        let now = self.core.clock.now();
        let effects = &mut self.effects;
        let owner = owner_of(place, leg);
        match order {
            // Refused only where the transaction has ended: then nobody waits for a response.
            Order::Respond { transaction, reply } => {
                let _ = self.endpoint.respond(transaction, reply, now, effects);
            }
            Order::Request { sent, request, destination } => {
                let outcome = self.endpoint.request(owner, &request, destination, now, effects);
                let news = match outcome {
                    Ok(transaction) => News::RequestSent(sent, transaction),
                    Err(_) => News::RequestRefused(sent),
                };
                self.tell(owner, news);
            }
            Order::Acknowledge { transaction, ack, destination } => {
                let _ = self.endpoint.acknowledge(transaction, &ack, destination, effects);
            }
            // Refused where the final response came already: the leg will hear it.
            Order::Cancel { transaction, lines } => {
                let _ = self.endpoint.cancel(transaction, lines, now, effects);
            }
            // Where the table is full the dialog's requests get 481, and its call ends by BYE from our side.
            Order::BindDialog { call_id, local_tag } => {
                let _ = self.endpoint.bind_dialog(&call_id, &local_tag, owner);
            }
            Order::UnbindDialog { call_id, local_tag } => self.endpoint.unbind_dialog(&call_id, &local_tag),
            // These stay in the house.
            Order::Sound(_) | Order::Tell(_) => {}
        }
    }

    pub(super) fn tell_leg(&mut self, news: Effect) {
        match news {
            Effect::DialogRequestArrived { owner, transaction, message, source } => {
                self.tell(owner, News::RequestArrived { transaction, message, source });
            }
            Effect::AckArrived { owner, transaction, .. } => self.tell(owner, News::AckArrived(transaction)),
            Effect::AckMissed { owner, transaction } => self.tell(owner, News::AckMissed(transaction)),
            Effect::ResponseArrived { owner, transaction, message, source } => {
                self.tell(owner, News::ResponseArrived { transaction, message, source });
            }
            Effect::Cancelled { owner, .. } => self.tell(owner, News::Cancelled),
            Effect::TransactionFailed { owner, transaction, because } => {
                let timed_out = matches!(because, Failure::Timeout(_));
                self.tell(owner, News::TransactionFailed { transaction, timed_out });
            }
            Effect::Transmit { .. } | Effect::RequestArrived { .. } => {}
        }
    }

    /// What finishes a call always passes; a leg whose call is over is told nothing.
    fn tell(&self, owner: Owner, news: News) {
        let (place, leg) = leg_of(owner);
        if let Some(call) = self.places.get(place) {
            tell(call, Tell(call::Event::Leg(leg, news)));
        }
    }
}

impl Handler<SoundSilent> for Shard {
    type Result = ();
    fn handle(&mut self, SoundSilent { place, sides }: SoundSilent, _: &mut Context<Self>) {
        let Some(call) = self.places.get(place) else { return };
        // The legs towards carriers are all one side to the relay; which of them was silent does not matter to the call.
        let leg = if sides[Side::A] { LegId::CALLER } else { LegId(1) };
        let event = switch::call::Event::MediaSilent { leg };
        tell(call, Tell(call::Event::Call(event)));
    }
}
