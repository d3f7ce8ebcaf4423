//! When an answered call counts as dead: neither RTP nor RTCP from a side for the silence timeout, while nobody is on hold.
//!
//! Ending the call is the decision of whoever hears of it.

use crate::words::{BySide, Side};
use domain::Monotonic;
use std::time::Duration;

/// The silence timer of one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    timeout: Duration,
    /// Which sides there are to hear.
    watched: BySide<bool>,
    heard_at: BySide<Monotonic>,
    is_answered: bool,
    is_held: bool,
    is_told: bool,
}

impl Silence {
    /// At rest until the call is answered; a timeout of zero never ends.
    pub(crate) fn new(timeout: Duration, watched: BySide<bool>) -> Self {
        Self { timeout, watched, heard_at: BySide::default(), is_answered: false, is_held: false, is_told: false }
    }

    /// The call is answered: the time runs for both sides. Again: no effect.
    pub(crate) fn on_answered(&mut self, now: Monotonic) {
        if !self.is_answered {
            self.is_answered = true;
            self.heard_at = BySide { a: now, b: now };
        }
    }

    /// Whether the call is answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// A side gave a sign of life.
    pub(crate) fn on_heard(&mut self, side: Side, now: Monotonic) {
        self.heard_at[side] = now;
    }

    /// Somebody is on hold, or nobody any more: then the time runs from now.
    pub(crate) fn on_held(&mut self, is_held: bool, now: Monotonic) {
        if self.is_held && !is_held {
            self.heard_at = BySide { a: now, b: now };
        }
        self.is_held = is_held;
    }

    /// A side has a new far end: its time runs from now.
    pub(crate) fn on_negotiated(&mut self, side: Side, now: Monotonic) {
        self.heard_at[side] = now;
    }

    /// The sides that have been silent for too long; told once.
    pub(crate) fn expire(&mut self, now: Monotonic) -> Option<BySide<bool>> {
        if self.timeout.is_zero() || !self.is_answered || self.is_held || self.is_told {
            return None;
        }
        let is_silent = |side: Side| self.watched[side] && now.since(self.heard_at[side]) >= self.timeout;
        let sides = BySide { a: is_silent(Side::A), b: is_silent(Side::B) };
        self.is_told = sides.a || sides.b;
        self.is_told.then_some(sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    fn silence(timeout_s: u64) -> Silence {
        Silence::new(Duration::from_secs(timeout_s), BySide { a: true, b: true })
    }

    #[test]
    fn a_side_that_is_silent_for_the_timeout_is_told_once() {
        let mut silence = silence(60);
        assert_eq!(silence.expire(at(1_000)), None, "not answered");
        silence.on_answered(at(1_000));
        silence.on_heard(Side::A, at(1_030));
        assert_eq!(silence.expire(at(1_059)), None);
        assert_eq!(silence.expire(at(1_060)), Some(BySide { a: false, b: true }));
        assert_eq!(silence.expire(at(2_000)), None);
    }

    #[test]
    fn the_timer_rests_while_somebody_is_on_hold_and_starts_anew_after() {
        let mut silence = silence(60);
        silence.on_answered(at(0));
        silence.on_held(true, at(10));
        assert_eq!(silence.expire(at(1_000)), None);
        silence.on_held(false, at(1_000));
        assert_eq!(silence.expire(at(1_059)), None);
        assert_eq!(silence.expire(at(1_060)), Some(BySide { a: true, b: true }));
    }

    #[test]
    fn a_timeout_of_zero_never_ends_and_an_absent_side_is_never_silent() {
        let mut never = silence(0);
        never.on_answered(at(0));
        assert_eq!(never.expire(at(1_000_000)), None);
        let mut echo = Silence::new(Duration::from_secs(5), BySide { a: true, b: false });
        echo.on_answered(at(0));
        assert_eq!(echo.expire(at(5)), Some(BySide { a: true, b: false }));
    }
}
