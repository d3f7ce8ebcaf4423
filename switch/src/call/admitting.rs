//! Phase one, at birth: who calls, what they may, and where to. Emergency first (O3), money last.
//!
//! Whether a channel and credit are free is asked in `reserving`.

use super::Opening;
use super::ending::Ending;
use crate::directory::{CallerIdPolicy, Carrier, Company, Directory, Profile};
use crate::{numbering, routing};
use domain::call_control::{CallerId, Invitation, Proof};
use domain::media::MediaDescription;
use domain::refusal::RefusalKind;
use domain::{E164, Refusal};
use rating::Rate;
use std::collections::VecDeque;
use std::sync::Arc;

/// Characters of a From user that a refusal repeats at most.
const REPEATED_MAX: usize = 32;

/// Who calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) company: Arc<Company>,
    pub(super) profile: Arc<Profile>,
}

/// What a call that is welcome wants.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// Its own sound back (O2): free, answered by us.
    Echo,
    /// Somebody else.
    Dial(Box<Dial>),
}

/// A call to somebody else.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) callee: E164,
    pub(super) caller_id: CallerId,
    pub(super) rate: Rate,
    /// Those that have not been tried, in order.
    pub(super) carriers: VecDeque<Arc<Carrier>>,
    pub(super) offer: MediaDescription,
}

/// Who a proof names: of several profiles at one source, the one whose SIP user From carries (S5), otherwise the first. None
/// where the directory knows nobody of them (any more): such a call has no owner and leaves no record.
pub(super) fn identify(directory: &Directory, invitation: &Invitation) -> Result<Caller, Refusal> {
    let known = |id| {
        let profile = directory.profile(id)?;
        Some(Caller { company: directory.company(profile.company)?.clone(), profile: profile.clone() })
    };
    match &invitation.proof {
        Proof::Credentials(id) => known(*id).ok_or_else(|| Refusal::new(RefusalKind::BadCredentials)),
        Proof::Source(candidates) => {
            let candidates: Vec<Caller> = candidates.iter().filter_map(|id| known(*id)).collect();
            let named = candidates.iter().position(|caller| *caller.profile.sip_user == *invitation.from_user);
            let chosen = candidates.into_iter().nth(named.unwrap_or(0));
            chosen.ok_or_else(|| Refusal::new(RefusalKind::IpNotAllowed))
        }
    }
}

/// Whether any profile that the proof names means an emergency service (O3): before From is looked at, they may differ in country.
pub(super) fn is_emergency(directory: &Directory, invitation: &Invitation) -> bool {
    let means = |id: &domain::ProfileId| directory.is_emergency(*id, &invitation.dialled);
    match &invitation.proof {
        Proof::Credentials(id) => means(id),
        Proof::Source(candidates) => candidates.iter().any(means),
    }
}

/// What the caller may do, in the order of design 7: emergency, caller, dialled number, the node's own limits, route, sound.
pub(super) fn admit(opening: &Opening, caller: &Caller) -> Result<Errand, Ending> {
    let (directory, invitation) = (&*opening.directory, &opening.invitation);
    if is_emergency(directory, invitation) {
        return Err(Ending::emergency(directory.settings().emergency_status));
    }
    check_caller(caller, invitation).map_err(Ending::refused)?;
    let errand = destination(directory, caller, invitation).map_err(Ending::refused)?;
    if let Some(refusal) = &opening.gate {
        return Err(Ending::refused(refusal.clone()));
    }
    let Some(callee) = errand else {
        offer(invitation).map_err(Ending::refused)?;
        return Ok(Errand::Echo);
    };
    dial(directory, caller, invitation, callee).map(|dial| Errand::Dial(Box::new(dial))).map_err(Ending::refused)
}

fn check_caller(caller: &Caller, invitation: &Invitation) -> Result<(), Refusal> {
    if caller.company.suspended {
        return Err(RefusalKind::OrgSuspended.into());
    }
    let sip_user = &*caller.profile.sip_user;
    if invitation.from_user != sip_user {
        let said: String = invitation.from_user.chars().take(REPEATED_MAX).collect();
        let said = if said.is_empty() { "nothing".to_owned() } else { said };
        let sentence = format!("From says {said}; this profile must send {sip_user}");
        return Err(Refusal::saying(RefusalKind::FromMismatch, sentence));
    }
    if !caller.profile.active {
        return Err(RefusalKind::ProfileInactive.into());
    }
    Ok(())
}

/// The number that is meant; none for the echo test.
fn destination(directory: &Directory, caller: &Caller, invitation: &Invitation) -> Result<Option<E164>, Refusal> {
    if directory.is_echo_code(&numbering::plain(&invitation.dialled)) {
        return Ok(None);
    }
    let country = directory.country(caller.company.country);
    let plan = numbering::Plan {
        north_american: country.is_some_and(|plan| plan.is_north_american()),
        require_plus: caller.profile.require_plus,
    };
    numbering::number(&invitation.dialled, plan).map(Some)
}

fn dial(directory: &Directory, caller: &Caller, invitation: &Invitation, callee: E164) -> Result<Dial, Refusal> {
    let carriers: VecDeque<_> = routing::carriers(directory, callee).into();
    let rate = routing::rate(&caller.company, callee);
    let (Some(rate), false) = (rate, carriers.is_empty()) else {
        let missing = if rate.is_none() { "No price" } else { "No carrier" };
        let sentence = format!("{missing} is configured for {callee}");
        return Err(Refusal::saying(RefusalKind::NoRoute, sentence));
    };
    Ok(Dial {
        callee,
        caller_id: caller_id(directory, caller, invitation),
        rate: rate.clone(),
        carriers,
        offer: offer(invitation)?.clone(),
    })
}

/// What the caller offers. An INVITE without an offer cannot be carried: there would be nothing to offer the carrier.
fn offer(invitation: &Invitation) -> Result<&MediaDescription, Refusal> {
    let Some(offer) = &invitation.offer else {
        let sentence = "The INVITE has no session description; send the offer in the INVITE";
        return Err(Refusal::saying(RefusalKind::NoCommonCodec, sentence));
    };
    offer.audio().map(|_| offer).ok_or_else(|| Refusal::new(RefusalKind::NoCommonCodec))
}

/// Who is shown (O5). The PBX may ask for another number of its own profile, and for anonymity; for anything else it gets what
/// the profile says, and its SIP user never (L5, L6).
fn caller_id(directory: &Directory, caller: &Caller, invitation: &Invitation) -> CallerId {
    let CallerIdPolicy::Number(number) = caller.profile.caller_id else { return CallerId::Anonymous };
    if invitation.anonymous {
        return CallerId::Anonymous;
    }
    let wanted =
        invitation.preferred_identity.as_deref().and_then(|wanted| numbering::plain(wanted).parse::<E164>().ok());
    let owned = wanted.filter(|wanted| {
        directory
            .number(*wanted)
            .is_some_and(|entry| entry.profile == Some(caller.profile.id) && entry.caller_id_allowed)
    });
    CallerId::Number(owned.unwrap_or(number))
}
