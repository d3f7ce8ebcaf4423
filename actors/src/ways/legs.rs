//! Orders of legs to the endpoint, and the endpoint's news to them.
//!
//! Who carries them from one to the other is not known here.

use domain::Now;
use leg::Effect as Order;
use leg::Event as News;
use sip::endpoint::{Effect, Endpoint, Owner};
use sip::transaction::Failure;

/// Does what a leg orders of the endpoint. Gives what the leg is to hear at once, where there is something.
pub fn obey(endpoint: &mut Endpoint, owner: Owner, order: Order, now: Now, effects: &mut Vec<Effect>) -> Option<News> {
    match order {
        // Refused only where the transaction has ended: then nobody waits for a response.
        Order::Respond { transaction, reply } => {
            let _ = endpoint.respond(transaction, reply, now, effects);
        }
        Order::Request { sent, request, destination } => {
            return Some(match endpoint.request(owner, &request, destination, now, effects) {
                Ok(transaction) => News::RequestSent(sent, transaction),
                Err(_) => News::RequestRefused(sent),
            });
        }
        Order::Acknowledge { transaction, ack, destination } => {
            let _ = endpoint.acknowledge(transaction, &ack, destination, effects);
        }
        // Refused where the final response came already: the leg will hear it.
        Order::Cancel { transaction, lines } => {
            let _ = endpoint.cancel(transaction, lines, now, effects);
        }
        // Where the table is full the dialog's requests get 481, and its call ends by BYE from our side.
        Order::BindDialog { call_id, local_tag } => {
            let _ = endpoint.bind_dialog(&call_id, &local_tag, owner);
        }
        Order::UnbindDialog { call_id, local_tag } => endpoint.unbind_dialog(&call_id, &local_tag),
        // These stay in the house.
        Order::Sound(_) | Order::Press(_) | Order::Avoid(_) | Order::Note(_) | Order::Tell(_) => {}
    }
    None
}

/// What the endpoint reports, in a leg's words, and for which leg. None for what is no leg's: bytes to send, new requests.
pub fn news_of(effect: Effect) -> Option<(Owner, News)> {
    Some(match effect {
        Effect::DialogRequestArrived { owner, transaction, message, source } => {
            (owner, News::RequestArrived { transaction, message, source })
        }
        Effect::DialogRequestRefused { owner, message, source, because } => {
            (owner, News::RequestTurnedAway { message, source, because })
        }
        Effect::AckArrived { owner, transaction, message } => (owner, News::AckArrived { transaction, message }),
        Effect::AckMissed { owner, transaction } => (owner, News::AckMissed(transaction)),
        Effect::ResponseArrived { owner, transaction, message, source } => {
            (owner, News::ResponseArrived { transaction, message, source })
        }
        Effect::Cancelled { owner, message, .. } => (owner, News::Cancelled(leg::reasons_given(&message))),
        Effect::TransactionFailed { owner, transaction, because } => {
            let timed_out = matches!(because, Failure::Timeout(_));
            (owner, News::TransactionFailed { transaction, timed_out })
        }
        Effect::Transmit { .. } | Effect::RequestArrived { .. } => return None,
    })
}
