//! How each place is spoken to: what it is trusted with, which headers pass to it and which are added.
//!
//! The rules themselves are the directory's; printing is `leg`'s.

use super::admitting::{Dial, Owner, Place};
use crate::directory::Directory;
use domain::call_control::{Invitation, Manner, Proof};
use domain::header::HeaderLine;

/// The lines that are taken from who calls: what its trunk does not strip.
pub(super) fn taken(directory: &Directory, owner: &Owner, invitation: &Invitation) -> Vec<HeaderLine> {
    let carrier = match invitation.proof {
        Proof::Carrier(id) => directory.carrier(id),
        Proof::Credentials(_) | Proof::Source(_) | Proof::Inside(_) => None,
    };
    let takes = |line: &&HeaderLine| match (&invitation.proof, carrier) {
        (Proof::Carrier(_), Some(carrier)) => carrier.manners.headers.takes(&line.name),
        (Proof::Carrier(_), None) => false,
        // Inside, the calling profile's policy was applied before.
        (Proof::Inside(_), _) => true,
        (Proof::Credentials(_) | Proof::Source(_), _) => owner.profile.manners.headers.takes(&line.name),
    };
    invitation.headers.iter().filter(takes).cloned().collect()
}

/// How a PBX of ours is called.
pub(super) fn towards_pbx(owner: &Owner, taken: &[HeaderLine]) -> Manner {
    let manners = &owner.profile.manners;
    Manner {
        compat: manners.compat,
        asserted: None,
        headers: manners.headers.towards(taken),
        t38: owner.profile.t38,
        dtmf: owner.profile.dtmf,
    }
}

impl Dial {
    /// How a place is called.
    pub(super) fn manner_towards(&self, place: &Place) -> Manner {
        match place {
            Place::Carrier(carrier) => Manner {
                asserted: self.known.filter(|_| carrier.manners.trusted),
                headers: carrier.manners.headers.towards(&self.taken),
                t38: carrier.t38,
                dtmf: carrier.dtmf,
                ..Manner::default()
            },
            Place::Pbx { manner, .. } => manner.clone(),
            Place::Inside => Manner { headers: self.taken.clone(), ..Manner::default() },
        }
    }
}
