//! A carrier that has called us may ask who we are, when we change the session or hang up.
//!
//! How a challenge is answered is in the crate's `proving`.

use super::{CallerLeg, Phase};
use crate::proving::{Account, Asked, Challenged, Proving};
use crate::words::{Effect, Event};
use domain::{Entropy, Now};
use std::sync::Arc;

impl CallerLeg {
    /// The caller is a carrier that knows us by this account, and may ask for it. Client nonces come from `chance`.
    pub fn known_as(&mut self, account: Arc<Account>, chance: Entropy) {
        self.proving = Some(Proving::new(account, chance));
    }
}

impl Asked for CallerLeg {
    fn proving(&mut self) -> Option<&mut Proving> {
        self.proving.as_deref_mut()
    }

    fn send_again(&mut self, challenged: &Challenged, effects: &mut Vec<Effect>) -> bool {
        let (Phase::Answered { talk, .. } | Phase::Talking(talk) | Phase::Leaving(talk)) = &mut self.phase else {
            return false;
        };
        talk.send_again(challenged.sent, &challenged.former, effects);
        true
    }

    fn hear(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        self.on_event(event, now, effects);
    }
}
