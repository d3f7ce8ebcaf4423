//! The BYEs of one call that wait for their final response: how long it took (RFC 6076 4.4, SDD).
//!
//! When to hang up is decided by the legs; a BYE that is never answered has no delay.

use domain::Monotonic;
use leg::{Event, Sent};
use sip::endpoint::{ClientTransactionId, TransactionId};
use std::time::Duration;

/// BYEs under way: one for each leg that we hang up, a second answer of a forked INVITE included.
#[derive(Debug, Default)]
pub(super) struct Byes(Vec<(ClientTransactionId, Monotonic)>);

impl Byes {
    /// Hears what a leg hears; gives the delay where it is the final response to a BYE of ours.
    pub(super) fn hear(&mut self, event: &Event, now: Monotonic) -> Option<Duration> {
        match event {
            Event::RequestSent(Sent::Bye, transaction) => {
                self.0.push((*transaction, now));
                None
            }
            Event::ResponseArrived { transaction, message, .. } if message.status().is_some_and(|it| it >= 200) => {
                self.take(*transaction).map(|sent| now.since(sent))
            }
            Event::TransactionFailed { transaction: TransactionId::Client(transaction), .. } => {
                self.take(*transaction);
                None
            }
            Event::Ordered(_)
            | Event::AnsweredWithEcho(_)
            | Event::KeyHeard(_)
            | Event::RequestSent(Sent::Invite | Sent::Change | Sent::Keys | Sent::Advice | Sent::Prack, _)
            | Event::RequestRefused(_)
            | Event::RequestArrived { .. }
            | Event::RequestTurnedAway { .. }
            | Event::AckArrived { .. }
            | Event::AckMissed(_)
            | Event::Cancelled(_)
            | Event::ResponseArrived { .. }
            | Event::TransactionFailed { transaction: TransactionId::Server(_), .. } => None,
        }
    }

    fn take(&mut self, transaction: ClientTransactionId) -> Option<Monotonic> {
        let index = self.0.iter().position(|(known, _)| *known == transaction)?;
        Some(self.0.swap_remove(index).1)
    }
}
