//! One profile as a machine: its channels and its credit, asked for by calls and kept by the ledger.
//!
//! Prices are `rating`'s and the calls' own; balances are the ledger's: nothing here is counted twice.

mod request;

pub use request::{Ask, Effect, Event, Held, Papers, Posting, Request};

use crate::directory::Directory;
use domain::{Machine, Monotonic, Now, ProfileId};
use std::sync::Arc;

/// Channels and credit of one profile.
#[derive(Debug)]
pub struct Profile {
    id: ProfileId,
    directory: Arc<Directory>,
}

impl Profile {
    /// The machine of this profile, with no call known. It reads the profile from `directory`, also after it is swapped.
    pub fn new(id: ProfileId, directory: Arc<Directory>) -> Profile {
        Profile { id, directory }
    }

    /// Which profile.
    pub fn id(&self) -> ProfileId {
        self.id
    }

    /// Calls that it knows: live ones and those whose books are still open.
    pub fn calls(&self) -> usize {
        0
    }

    /// Channels that its calls hold here.
    pub fn channels_in_use(&self) -> usize {
        0
    }
}

impl Machine for Profile {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        let _ = (event, now, effects, &self.directory);
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
