//! Phase one of what a carrier sends: whose number is called, and where that PBX is (I1, I4, I5, I7, I8, I9).
//!
//! It costs nothing (W9), so prices, credit and emergency numbers are not looked at. Calling the PBX is `hunting`'s.

use super::Opening;
use super::admitting::{Dial, Errand, Owner, Place, offer};
use super::ending::Ending;
use crate::directory::{Directory, IncomingTo, Profile};
use crate::numbering;
use crate::registration::Binding;
use domain::call_control::{CallerId, FlowTag, Invitation, Pbx, Proof};
use domain::fact::Transport;
use domain::refusal::RefusalKind;
use domain::srtp::SrtpPolicy;
use domain::{E164, ProfileId, Refusal};
use std::collections::VecDeque;
use std::sync::Arc;

/// What From says where a caller wants to stay unknown (RFC 3323 4.1.1.3).
const ANONYMOUS: &str = "anonymous";

/// The number that is called. Carriers write it with and without `+`, and never as it is dialled inside a country.
fn called(invitation: &Invitation) -> Result<E164, Refusal> {
    numbering::number(&invitation.dialled, numbering::Plan::default())
}

/// The profile whose number a carrier calls (N9): 404 where there is none (I8).
pub(super) fn called_profile(directory: &Directory, invitation: &Invitation) -> Result<ProfileId, Refusal> {
    let number = called(invitation)?;
    directory
        .number(number)
        .and_then(|entry| entry.profile)
        .ok_or_else(|| Refusal::saying(RefusalKind::NumberUnassigned, format!("{number} is assigned to no profile")))
}

/// Whether the called profile may be called, and where.
pub(super) fn admit(opening: &Opening, owner: &Owner) -> Result<Errand, Ending> {
    let invitation = &opening.invitation;
    let callee = called(invitation).map_err(Ending::refused)?;
    if owner.company.suspended {
        return Err(Ending::refused(RefusalKind::OrgSuspended));
    }
    if !owner.profile.active {
        return Err(Ending::refused_to_carrier(RefusalKind::ProfileInactive));
    }
    if let Some(refusal) = &opening.gate {
        return Err(Ending::refused(refusal.clone()));
    }
    let pbx = pbx(&owner.profile, opening.binding.as_deref())
        .ok_or_else(|| Ending::refused(RefusalKind::PbxNotRegistered))?;
    let offer = offer(&opening.directory, invitation, carrier_srtp(opening)).map_err(Ending::refused)?;
    let places = VecDeque::from([Place::Pbx(pbx)]);
    Ok(Errand::Dial(Box::new(Dial {
        callee,
        caller_id: shown(invitation),
        rate: None,
        places,
        losses: Vec::new(),
        offer,
    })))
}

/// How much the carrier wants its sound secured.
fn carrier_srtp(opening: &Opening) -> SrtpPolicy {
    match opening.invitation.proof {
        Proof::Carrier(id) => opening.directory.carrier(id).map(|carrier| carrier.srtp).unwrap_or_default(),
        Proof::Credentials(_) | Proof::Source(_) => SrtpPolicy::default(),
    }
}

/// Where the PBX is: where it registered (I1), or else at the first address that it may call from (I7).
fn pbx(profile: &Profile, binding: Option<&Binding>) -> Option<Pbx> {
    let to_user: Option<Arc<str>> = match profile.incoming_to {
        IncomingTo::CalledNumber => None,
        IncomingTo::SipUsername => Some(profile.sip_user.clone()),
    };
    if let Some(binding) = binding {
        return Some(Pbx {
            contact: binding.contact.clone(),
            to_user,
            peer: binding.source,
            local: Some(binding.local),
            transport: binding.transport,
            flow: binding.flow,
            path: binding.path.clone(),
        });
    }
    let peer = *profile.sources.first()?;
    let contact = format!("sip:{peer}").into();
    Some(Pbx {
        contact,
        to_user,
        peer,
        local: None,
        transport: Transport::Udp,
        flow: FlowTag::default(),
        path: Arc::default(),
    })
}

/// Whom the called side sees (I5): what From says, else what the carrier asserts; nobody where the caller asked for that, or where
/// neither is a full international number.
fn shown(invitation: &Invitation) -> CallerId {
    if invitation.anonymous || invitation.from_user.eq_ignore_ascii_case(ANONYMOUS) {
        return CallerId::Anonymous;
    }
    let said = [Some(invitation.from_user.as_str()), invitation.asserted_identity.as_deref()];
    let number = said.into_iter().flatten().find_map(|user| numbering::plain(user).parse::<E164>().ok());
    number.map_or(CallerId::Anonymous, CallerId::Number)
}
