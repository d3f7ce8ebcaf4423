//! What the caller is told of the charge: with the answer, while it talks, and with its end.
//!
//! How it is said is `talk::advising`'s.

use super::{CallerLeg, Phase};
use crate::words::Effect;
use domain::Now;
use domain::advice::{Advice, AdviceOfCharge, Quote};

impl CallerLeg {
    /// How much the caller is told of the charge, once it is known whose call it is. Before anything is answered.
    pub fn take_advice(&mut self, policy: AdviceOfCharge) {
        self.advice = policy;
    }

    pub(super) fn on_quote(&mut self, quote: Quote, now: Now, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            // No request before the ACK.
            Phase::Answered { talk, .. } => talk.note_quote(quote),
            Phase::Talking(talk) => {
                talk.note_quote(quote);
                talk.send_advice(now, &self.identity, effects);
            }
            Phase::Inviting(_) | Phase::Leaving(_) | Phase::Parting(_) | Phase::Over => {}
        }
    }

    pub(super) fn on_advise(&mut self, advice: Advice, now: Now, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            // No request before the ACK.
            Phase::Answered { talk, .. } => talk.note_advice(advice),
            Phase::Talking(talk) => {
                talk.note_advice(advice);
                talk.send_advice(now, &self.identity, effects);
            }
            Phase::Parting(_) if advice.is_final => self.part(Some(advice), effects),
            Phase::Inviting(_) | Phase::Leaving(_) | Phase::Parting(_) | Phase::Over => {}
        }
    }

    /// Answers the BYE of who has hung up.
    pub(super) fn part(&mut self, advice: Option<Advice>, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Parting(parted) => parted.answer(advice, effects),
            phase => self.phase = phase,
        }
    }
}
