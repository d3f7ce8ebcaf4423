//! What was tried lately at this node: a ring for each profile, and one for strangers.
//!
//! How a ring forgets is `switch::attempts`'; what an attempt says, `ways::attempt`'s.

use dashmap::DashMap;
use domain::ProfileId;
use parking_lot::Mutex;
use switch::attempts::{Attempt, OfProfile, Ring};

/// The attempts of one node. As many rings as there are profiles that tried something.
pub(crate) struct Attempts {
    profiles: DashMap<ProfileId, OfProfile>,
    strangers: Mutex<Ring>,
    per_profile: usize,
    of_strangers: usize,
}

impl Attempts {
    /// None yet.
    pub(crate) fn new(per_profile: usize, of_strangers: usize) -> Attempts {
        Attempts { profiles: DashMap::new(), strangers: Mutex::default(), per_profile, of_strangers }
    }

    /// One of a proven PBX, or to it.
    pub(crate) fn note(&self, profile: ProfileId, attempt: Attempt) {
        self.profiles.entry(profile).or_default().note(attempt, true, self.per_profile);
    }

    /// One that proved nothing, and names this profile, or nobody.
    pub(crate) fn note_unproven(&self, named: Option<ProfileId>, attempt: Attempt) {
        match named {
            Some(profile) => self.profiles.entry(profile).or_default().note(attempt, false, self.per_profile),
            None => self.strangers.lock().note(attempt, self.of_strangers),
        }
    }

    /// Those of a profile, newest first.
    pub(crate) fn of(&self, profile: ProfileId) -> Vec<Attempt> {
        self.profiles.get(&profile).map(|ring| ring.newest_first()).unwrap_or_default()
    }

    /// Those of strangers, newest first.
    pub(crate) fn of_strangers(&self) -> Vec<Attempt> {
        self.strangers.lock().iter().rev().cloned().collect()
    }
}
