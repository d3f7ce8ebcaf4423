//! A carrier that has called us may ask who we are, when we change the session or hang up.
//!
//! How a challenge is answered is in the crate's `proving`.

use super::{CallerLeg, Phase};
use crate::proving::{Account, Proving};
use crate::words::{Effect, Event};
use domain::Entropy;
use std::sync::Arc;

impl CallerLeg {
    /// The caller is a carrier that knows us by this account, and may ask for it. Client nonces come from `chance`.
    pub fn known_as(&mut self, account: Arc<Account>, chance: Entropy) {
        self.proving = Some(Proving::new(account, chance));
    }

    /// Proves what is about to leave, from this effect on, where the caller may ask.
    pub(super) fn sign(&mut self, first: usize, effects: &mut [Effect]) {
        if let (Some(proving), Some(leaving)) = (&mut self.proving, effects.get_mut(first..)) {
            proving.sign(leaving);
        }
    }

    /// Whether it was a challenge that is answered now, each request once: nobody hears of it then.
    pub(super) fn is_answered_with_proof(&mut self, event: &Event, effects: &mut Vec<Effect>) -> bool {
        let Some(proving) = &mut self.proving else { return false };
        let Some((sent, former)) = proving.hear(event) else { return false };
        let (Phase::Answered { talk, .. } | Phase::Talking(talk) | Phase::Leaving(talk)) = &mut self.phase else {
            proving.give_up();
            return false;
        };
        talk.send_again(sent, &former, effects);
        true
    }
}
