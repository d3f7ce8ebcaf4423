//! One call as a machine, from the invitation to the call record.
//!
//! | Phase | File | What it waits for |
//! |---|---|---|
//! | admitting | `admitting` | nothing: the call is refused or goes on at birth |
//! | reserving | `reserving` | the profile: a channel and the first block |
//! | hunting | `hunting` | a carrier that rings and answers |
//! | talking | `talking`, `metering` | the end; charges as each increment begins |
//! | clearing | `clearing` | the profile: everything returned, the record written |
//!
//! Batches, credit and channels are [`crate::profile`]'s; SIP and SDP are the legs'.

mod event;

pub use event::{Effect, Event, Live, Opening, PhaseName};

use domain::{CallId, Machine, Monotonic, Now};

/// One call. Born by [`Call::open`].
#[derive(Debug)]
pub struct Call {
    id: CallId,
}

impl Call {
    /// Opens the call of a proven caller, and does at once whatever needs no answer from others: an unwelcome call is refused, a
    /// welcome one asks its profile for a channel and the first block.
    pub fn open(opening: Opening, now: Now, effects: &mut Vec<Effect>) -> Call {
        let _ = (now, effects);
        Call { id: opening.id }
    }

    /// Which call.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// What can be said of it now, for lists of live calls (R12).
    pub fn live(&self, now: Now) -> Option<Live> {
        let _ = now;
        None
    }
}

impl Machine for Call {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        let _ = (event, now, effects);
    }

    fn deadline(&self) -> Option<Monotonic> {
        None
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let _ = (now, effects);
    }

    fn is_finished(&self) -> bool {
        true
    }
}
