//! Repeating a 2xx to an INVITE until its ACK arrives: T1, doubling up to T2, for 64*T1 (RFC 3261 13.3.1.4).
//!
//! It runs on every transport, since a hop behind the first may be UDP. Matching the ACK is done in [`crate::endpoint`], which
//! embeds this machine in the INVITE's server transaction, so that a leg orders its 2xx once and hears `AckArrived` or
//! `AckMissed`.

use crate::transaction::Timing;
use bytes::Bytes;
use domain::{Machine, Monotonic, Now, TimerTable};
use std::time::Duration;

/// What happened to the 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its ACK arrived.
    Acknowledged,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the 2xx once more.
    Repeat(Bytes),
    /// The ACK did not come: end the dialog.
    GiveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Repeat,
    GiveUp,
}

/// One 2xx that waits for its ACK.
#[derive(Debug)]
pub struct Repeating {
    response: Bytes,
    interval: Duration,
    timing: Timing,
    timers: TimerTable<Timer>,
}

impl Repeating {
    /// `response` was sent at `now`.
    pub fn new(response: Bytes, timing: Timing, now: Now) -> Repeating {
        let mut timers = TimerTable::new();
        // Armed first, so that at one instant it comes first: after 64*T1 nothing is repeated.
        timers.arm(Timer::GiveUp, now.monotonic + timing.patience());
        timers.arm(Timer::Repeat, now.monotonic + timing.t1);
        Repeating { response, interval: timing.t1, timing, timers }
    }

    fn on_acknowledged(&mut self) {
        self.timers.clear();
        self.response = Bytes::new();
    }

    fn on_repeat(&mut self, now: Now, effects: &mut Vec<Effect>) {
        effects.push(Effect::Repeat(self.response.clone()));
        self.interval = self.interval.saturating_mul(2).min(self.timing.t2);
        self.timers.arm(Timer::Repeat, now.monotonic + self.interval);
    }

    fn on_give_up(&mut self, effects: &mut Vec<Effect>) {
        self.on_acknowledged();
        effects.push(Effect::GiveUp);
    }
}

impl Machine for Repeating {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, _now: Now, _effects: &mut Vec<Effect>) {
        match event {
            Event::Acknowledged => self.on_acknowledged(),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::Repeat => self.on_repeat(now, effects),
                Timer::GiveUp => self.on_give_up(effects),
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.timers.deadline().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 13.3.1.4.
    #[test]
    fn a_2xx_is_repeated_at_t1_doubling_to_t2_and_given_up_after_64_t1() {
        let start = Now::default();
        let mut repeating = Repeating::new(Bytes::from_static(b"200"), Timing::default(), start);
        let mut sent = Vec::new();
        loop {
            let at = repeating.deadline().unwrap();
            let mut effects = Vec::new();
            repeating.expire(Now { monotonic: at, ..start }, &mut effects);
            if effects == [Effect::GiveUp] {
                assert_eq!(at.since(start.monotonic), Duration::from_secs(32));
                break;
            }
            assert_eq!(effects, [Effect::Repeat(Bytes::from_static(b"200"))]);
            sent.push(at.since(start.monotonic).as_millis());
        }
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert!(repeating.is_finished());
    }

    #[test]
    fn the_ack_ends_the_repeating() {
        let mut repeating = Repeating::new(Bytes::from_static(b"200"), Timing::default(), Now::default());
        repeating.handle(Event::Acknowledged, Now::default(), &mut Vec::new());
        assert!(repeating.is_finished());
    }
}
