//! What a leg towards the called side hears, one line for each, and when something is due for it.
//!
//! What it does about them is its phases'.

use super::{CalledLeg, Phase};
use crate::words::{Effect, Event};
use domain::call_control::LegOrder;
use domain::{Machine, Monotonic, Now};

impl Machine for CalledLeg {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        let first = effects.len();
        if !self.is_answered_with_proof(&event, effects) {
            self.hear(event, now, effects);
        }
        self.sign(first, effects);
    }

    fn deadline(&self) -> Option<Monotonic> {
        match &self.phase {
            Phase::Talking(talk) => talk.deadline(),
            Phase::Calling => self.hops.deadline(),
            Phase::Cancelling(_) | Phase::Leaving(_) | Phase::Over => None,
        }
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let first = effects.len();
        match &mut self.phase {
            Phase::Talking(talk) => {
                let heard = talk.expire(now, &self.identity, effects);
                self.obey(heard, effects);
            }
            Phase::Calling => self.on_hop_due(now, effects),
            Phase::Cancelling(_) | Phase::Leaving(_) | Phase::Over => {}
        }
        self.sign(first, effects);
    }

    fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Over) && !self.hops.is_open()
    }
}

impl CalledLeg {
    fn hear(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Ordered(LegOrder::Release(cause)) => self.on_release(cause, effects),
            Event::Ordered(LegOrder::GiveReason(q850)) => self.given = Some(q850),
            Event::Ordered(LegOrder::Session(word)) => self.on_word(word, now, effects),
            Event::RequestSent(sent, transaction) => self.on_request_sent(sent, transaction, now, effects),
            Event::RequestRefused(sent) => self.on_request_refused(sent, effects),
            Event::RequestArrived { transaction, message, source } => {
                self.on_request(transaction, &message, source, now, effects);
            }
            Event::ResponseArrived { transaction, message, source } => {
                self.on_response(transaction, &message, source, now, effects);
            }
            Event::TransactionFailed { transaction, timed_out } => self.on_failed(transaction, timed_out, effects),
            Event::AckMissed(_) => self.on_ack_missed(effects),
            Event::AckArrived { transaction, message } => self.on_ack(transaction, &message, now, effects),
            Event::KeyHeard(key) => {
                if let Phase::Talking(talk) = &mut self.phase {
                    talk.on_key_heard(key, &self.identity, effects);
                }
            }
            Event::Cancelled(_) => {
                if let Phase::Talking(talk) = &mut self.phase {
                    talk.on_cancelled(effects);
                }
            }
            // What only the leg of who called is ordered.
            Event::Ordered(_) | Event::AnsweredWithEcho(_) => {}
        }
    }
}
