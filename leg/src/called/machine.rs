//! What a leg towards the called side hears, one line for each, and when something is due for it.
//!
//! What it does about them is its phases'.

use super::{CalledLeg, Phase};
use crate::noting;
use crate::proving;
use crate::words::{Effect, Event};
use domain::call_control::LegOrder;
use domain::header::HeaderLine;
use domain::{Machine, Monotonic, Now};

impl Machine for CalledLeg {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        proving::handle(self, event, now, effects);
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
        proving::sign(self, first, effects);
    }

    fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Over) && !self.hops.is_open()
    }
}

impl CalledLeg {
    /// Does what is ordered, and says with it what the caller's side said.
    fn on_accompanied(&mut self, lines: Vec<HeaderLine>, order: LegOrder, now: Now, effects: &mut Vec<Effect>) {
        self.bring(lines);
        self.on_event(Event::Ordered(order), now, effects);
        self.bring(Vec::new());
    }

    fn bring(&mut self, lines: Vec<HeaderLine>) {
        if let Phase::Talking(talk) = &mut self.phase {
            talk.bring(lines);
        }
    }

    pub(super) fn on_event(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Ordered(LegOrder::Release(cause)) => self.on_release(cause, effects),
            Event::Ordered(LegOrder::GiveReason(q850)) => self.given.q850 = Some(q850),
            Event::Ordered(LegOrder::GiveSipReason(reason)) => self.given.sip = Some(reason),
            Event::Ordered(LegOrder::Accompany { lines, order }) => self.on_accompanied(lines, *order, now, effects),
            Event::Ordered(LegOrder::Session(word)) => self.on_word(word, now, effects),
            Event::RequestSent(sent, transaction) => self.on_request_sent(sent, transaction, now, effects),
            Event::RequestRefused(sent) => self.on_request_refused(sent, effects),
            Event::RequestArrived { transaction, message, source } => {
                let (peer, first) = (self.destination.addr.ip(), effects.len());
                self.on_request(transaction, &message, source, now, effects);
                noting::note_refused((transaction, &message, &source), peer, first, effects);
            }
            Event::RequestTurnedAway { message, source, because } => {
                effects.push(noting::note(&message, &source, because, self.destination.addr.ip()));
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
