//! How each place is spoken to: what it is trusted with, which headers pass to it and which are added.
//!
//! The rules themselves are the directory's; printing is `leg`'s, and so is applying them to what follows the INVITE.

use super::admitting::{Dial, Owner, Place};
use super::{Call, Effect};
use crate::directory::Directory;
use domain::HeaderPolicy;
use domain::call_control::{Invitation, LegId, LegOrder, Manner, Proof};
use domain::header::HeaderLine;
use std::sync::Arc;

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
    let (headers, policy) = (manners.headers.towards(taken), Arc::clone(&manners.headers));
    let (t38, dtmf) = (owner.profile.t38, owner.profile.dtmf);
    Manner { compat: manners.compat, asserted: None, headers, t38, dtmf, policy }
}

/// What a leg said goes along with what the call orders of the others because of it. A refusal that is not passed on as what it was takes
/// nothing along: what a carrier says about our business with it never reaches the caller.
pub(super) fn accompany(from: LegId, lines: &[HeaderLine], effects: &mut [Effect]) {
    for effect in effects {
        let Effect::Leg(to, order) = effect else { continue };
        let carries = match order {
            LegOrder::Ring { .. } | LegOrder::Answer { .. } | LegOrder::Session(_) | LegOrder::Release(_) => true,
            LegOrder::RefuseAs { kind, .. } => kind.is_of_called_person(),
            LegOrder::Refuse(_)
            | LegOrder::Invite(_)
            | LegOrder::GiveReason(_)
            | LegOrder::GiveSipReason(_)
            | LegOrder::Quote(_)
            | LegOrder::Advise(_)
            | LegOrder::Accompany { .. } => false,
        };
        if *to != from && carries {
            let order = Box::new(order.clone());
            *effect = Effect::Leg(*to, LegOrder::Accompany { lines: lines.to_vec(), order });
        }
    }
}

impl Call {
    /// Which headers the caller's trunk gives and gets in everything that follows its INVITE.
    pub fn caller_headers(&self) -> Arc<HeaderPolicy> {
        match &self.came_from {
            Some(carrier) => Arc::clone(&carrier.manners.headers),
            None => {
                let profile = self.directory.profile(self.record.profile);
                profile.map(|profile| Arc::clone(&profile.manners.headers)).unwrap_or_default()
            }
        }
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
                policy: Arc::clone(&carrier.manners.headers),
                ..Manner::default()
            },
            Place::Pbx { manner, .. } => manner.clone(),
            Place::Inside => Manner { headers: self.taken.clone(), ..Manner::default() },
        }
    }
}
