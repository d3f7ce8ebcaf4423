//! How a leg towards the called side ends: told to, found dead, without the ACK that it waits for, or for good.
//!
//! A call that is not answered ends in `called`, with what is said of its INVITE.

use super::{CalledLeg, Phase};
use crate::replies::{Why, reason_lines};
use crate::talk::{Heard, Talk};
use crate::words::Effect;
use domain::ReleaseCause;
use domain::call_control::LegEvent;

impl CalledLeg {
    pub(super) fn on_release(&mut self, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Calling => {
                self.phase = Phase::Cancelling(cause);
                if let Some(transaction) = self.invite {
                    effects.push(Effect::Cancel { transaction, lines: reason_lines(&self.why(cause)) });
                }
            }
            Phase::Talking(talk) => self.leave(talk, cause, effects),
            phase => self.phase = phase,
        }
    }

    pub(super) fn leave(&mut self, mut talk: Talk, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        talk.bye(self.why(cause), &self.identity, effects);
        self.phase = Phase::Leaving(talk);
    }

    pub(super) fn why(&self, cause: ReleaseCause) -> Why {
        Why { cause, given: self.given.clone() }
    }

    /// What was heard inside the dialog may end the call.
    pub(super) fn obey(&mut self, heard: Heard, effects: &mut Vec<Effect>) {
        match heard {
            Heard::Nothing => {}
            Heard::HungUp(parting) => {
                self.end(effects);
                parting.tell(effects);
            }
            Heard::Dead(cause) => match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Talking(talk) => {
                    self.leave(talk, cause, effects);
                    effects.push(Effect::Tell(LegEvent::Released(cause)));
                }
                // Who has hung up waits for the answer to that.
                phase => self.phase = phase,
            },
        }
    }

    pub(super) fn on_ack_missed(&mut self, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Talking(talk) => {
                self.leave(talk, ReleaseCause::SessionExpired, effects);
                effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::SessionExpired)));
            }
            // The ACK to a re-INVITE, after our BYE: its answer is waited for, and then the dialog is let go.
            phase => self.phase = phase,
        }
    }

    pub(super) fn end(&mut self, effects: &mut Vec<Effect>) {
        self.phase = Phase::Over;
        let (call_id, local_tag) = (self.calling.call_id.as_str().into(), self.calling.local_tag.as_str().into());
        effects.push(Effect::UnbindDialog { call_id, local_tag });
    }
}
