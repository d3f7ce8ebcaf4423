//! A node that is being stopped: no new calls, a word to the carriers where we are registered, and time for the calls that live.
//!
//! What stops afterwards is the exchange's.

use super::{Exchange, end};
use crate::mailbox::tell;
use crate::shell::Tell;
use domain::ReleaseCause;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long legs may take to be told that their call is over: an answer to BYE comes within T1 or is repeated.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long carriers may take to answer that we are leaving.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often draining looks whether calls still live.
const SILENCE_CHECK: Duration = Duration::from_millis(50);

impl Exchange {
    /// Takes no new calls, waits for those that live, at most `patience`, and hangs up the rest.
    pub async fn drain(&self, patience: Duration) {
        self.inner.core.is_draining.store(true, Ordering::Relaxed);
        self.inner.core.telemetry.set_draining(true);
        self.leave_carriers().await;
        self.wait_for_silence(patience).await;
        for (id, call) in self.inner.core.registry.calls() {
            end(id, &call, ReleaseCause::Shutdown);
        }
        self.wait_for_silence(LAST_WORDS).await;
    }

    /// Carriers where we register shall call another node, or nobody, before this one is gone.
    async fn leave_carriers(&self) {
        let core = &self.inner.core;
        let enrolments = core.registry.every::<switch::Enrolment>();
        if enrolments.is_empty() {
            return;
        }
        for enrolment in enrolments {
            tell(&enrolment, Tell(switch::enrolment::Event::LeaveOrdered));
        }
        let clock = core.clock;
        let until = clock.monotonic() + FAREWELL;
        // The orders are on their way to the shards: a REGISTER is counted as soon as it is ordered.
        actix_rt::time::sleep(SILENCE_CHECK).await;
        while core.registers_open.load(Ordering::Relaxed) > 0 && clock.monotonic() < until {
            actix_rt::time::sleep(SILENCE_CHECK).await;
        }
    }

    async fn wait_for_silence(&self, patience: Duration) {
        let clock = self.inner.core.clock;
        let until = clock.monotonic() + patience;
        while self.live_call_count() > 0 && clock.monotonic() < until {
            actix_rt::time::sleep(SILENCE_CHECK).await;
        }
    }
}
