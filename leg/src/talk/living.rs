//! What becomes due in a dialog: the refresh of its session, its death where nobody refreshed it, and what waited for a pause.
//!
//! Which interval holds is `session_timer`'s.

use super::{Heard, Talk};
use crate::words::{Effect, Identity};
use domain::{Now, ReleaseCause};

/// What a dialog waits for. Of timers due at one instant, the one armed first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// We are to refresh the session.
    Refresh,
    /// Nobody refreshed the session.
    Expiry,
    /// The pause after a glare is over.
    Again,
    /// The other side takes too long to decide about an offer.
    Partner,
    /// The pause between two pieces of advice is over.
    Advice,
}

impl Talk {
    /// The session was refreshed: its time begins anew.
    pub(super) fn refreshed(&mut self, now: Now) {
        self.timers.disarm(Timer::Refresh);
        self.timers.disarm(Timer::Expiry);
        if let Some(after) = self.timer.refresh_after() {
            self.timers.arm(Timer::Refresh, now.monotonic + after);
        }
        if let Some(after) = self.timer.expires_after() {
            self.timers.arm(Timer::Expiry, now.monotonic + after);
        }
    }

    /// Does what is due.
    pub(crate) fn expire(&mut self, now: Now, identity: &Identity, effects: &mut Vec<Effect>) -> Heard {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::Refresh => self.owed.refresh = true,
                Timer::Expiry => return Heard::Dead(ReleaseCause::SessionExpired),
                Timer::Again => {}
                Timer::Advice => self.send_advice(now, identity, effects),
                Timer::Partner => self.on_partner_overdue(now, identity, effects),
            }
            self.send_owed(now, identity, effects);
        }
        Heard::Nothing
    }
}
