//! How the leg of who called ends: told to, without the ACK that it waits for, or with the answer to its BYE.
//!
//! What the far end says of its own end is heard with everything else that it says.

use super::{CallerLeg, Phase};
use crate::replies::{Why, passed_on};
use crate::talk::Talk;
use crate::words::Effect;
use domain::ReleaseCause;
use domain::call_control::LegEvent;
use domain::refusal::RefusalKind;

impl CallerLeg {
    pub(super) fn on_release(&mut self, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Inviting(dialog) => {
                self.phase = Phase::Inviting(dialog);
                self.refuse(
                    passed_on(480, self.why(cause), RefusalKind::EndedByOperator, None, &self.identity),
                    effects,
                );
            }
            Phase::Answered { talk, release } => {
                self.phase = Phase::Answered { talk, release: release.or(Some(cause)) };
            }
            Phase::Talking(talk) => self.leave(talk, cause, effects),
            Phase::Parting(parted) => parted.answer(None, effects),
            phase @ (Phase::Leaving(_) | Phase::Over) => self.phase = phase,
        }
    }

    pub(super) fn leave(&mut self, mut talk: Talk, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        talk.bye(self.why(cause), &self.identity, effects);
        self.phase = Phase::Leaving(talk);
    }

    pub(super) fn why(&self, cause: ReleaseCause) -> Why {
        Why { cause, given: self.given.clone() }
    }

    pub(super) fn on_ack_missed(&mut self, effects: &mut Vec<Effect>) {
        let (talk, told) = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Answered { talk, release } => (talk, release),
            // A re-INVITE whose ACK is missing: its session is as unconfirmed as a first one's.
            Phase::Talking(talk) => (talk, None),
            phase => {
                self.phase = phase;
                return;
            }
        };
        self.leave(talk, told.unwrap_or(ReleaseCause::SessionExpired), effects);
        if told.is_none() {
            effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::SessionExpired)));
        }
    }

    /// Our BYE was answered, or never will be: either way nothing more is owed.
    pub(super) fn on_bye_ended(&mut self, effects: &mut Vec<Effect>) {
        if let Phase::Leaving(talk) = &self.phase {
            effects.push(talk.unbind());
            self.phase = Phase::Over;
        }
    }
}
