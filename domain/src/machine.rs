//! The one idea of the house: a decision is a deterministic state machine.
//!
//! Running one (sockets, clocks, mailboxes) is the work of `actors` and of `testkit`, never of a machine.

use crate::time::{Monotonic, Now};

/// A deterministic state machine: the same events at the same times give the same effects.
pub trait Machine {
    /// Something that happened, named as a past participle.
    type Event;
    /// An order to the world, named as an imperative.
    type Effect;

    /// Advances by one event, appending the resulting effects.
    ///
    /// At equal instants events come before timers: the runner calls this before [`Machine::expire`].
    fn handle(&mut self, event: Self::Event, now: Now, effects: &mut Vec<Self::Effect>);

    /// The earliest instant at which [`Machine::expire`] is due, if any.
    fn deadline(&self) -> Option<Monotonic>;

    /// Advances past every timer that is due at `now`. Calling it early does nothing.
    fn expire(&mut self, now: Now, effects: &mut Vec<Self::Effect>);

    /// Whether nothing more can come of this machine, so that its runner may drop it.
    fn is_finished(&self) -> bool;
}
