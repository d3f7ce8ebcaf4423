//! Phase one of what a carrier sends: whose number is called, and where that PBX is (I1, I4, I5, I7, I8, I9).
//!
//! It costs nothing (W9), so prices, credit and emergency numbers are not looked at. Calling the PBX is `hunting`'s.

use super::Opening;
use super::admitting::{Dial, Errand, Owner, Place, check_company, check_subscription, pass_gate};
use super::ending::Ending;
use super::offering::{offer, places_for};
use super::{caller_id, manners};
use crate::directory::{Directory, IncomingTo, Profile};
use crate::numbering;
use crate::registration::Binding;
use domain::call_control::{CalledUser, FlowTag, Invitation, Pbx, Proof};
use domain::fact::Transport;
use domain::fax::FaxPolicy;
use domain::refusal::RefusalKind;
use domain::srtp::SrtpPolicy;
use domain::trace::{Rule, Trace, Value};
use domain::{E164, ProfileId, Refusal};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The number that is called. Carriers write it with and without `+`, and never as it is dialled inside a country.
fn called(invitation: &Invitation) -> Result<E164, Refusal> {
    numbering::number(&invitation.dialled, numbering::Plan::default())
}

/// The profile that an invitation's number is assigned to, without a word where there is none.
pub(super) fn assigned(directory: &Directory, invitation: &Invitation) -> Option<ProfileId> {
    let plain = numbering::plain(&invitation.dialled);
    let number = E164::from_digits(plain.strip_prefix('+').unwrap_or(&plain).as_bytes())?;
    directory.number(number)?.profile
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
pub(super) fn admit(opening: &Opening, owner: &Owner, trace: &mut Trace) -> Result<Errand, Ending> {
    let invitation = &opening.invitation;
    let callee = called(invitation).map_err(Ending::refused)?;
    trace.passed(Rule::CalledNumber, callee, Arc::clone(&owner.profile.sip_user));
    check_company(owner, trace).map_err(Ending::refused)?;
    check_subscription(owner, trace).map_err(Ending::refused_to_carrier)?;
    pass_gate(opening, trace)?;
    let directory = &*opening.directory;
    let user = directory.called_as(callee);
    let lost = opening.binding.as_deref().and_then(Binding::lost_with);
    let Some(pbx) = pbx(&owner.profile, user, opening.binding.as_deref().filter(|_| lost.is_none())) else {
        return Err(Ending::refused(not_there(lost, trace)));
    };
    trace.passed(
        Rule::Registered,
        place_of(&pbx),
        if pbx.local.is_some() { "its registration" } else { "its fixed address" },
    );
    let (srtp, t38) = (caller_srtp(opening), caller_t38(opening));
    let offer = offer(&opening.directory, invitation, srtp, t38, trace).map_err(Ending::refused)?;
    let taken = manners::taken(directory, owner, invitation);
    let places = VecDeque::from([Place::Pbx { pbx, manner: manners::towards_pbx(owner, &taken) }]);
    let is_secret = owner.profile.srtp == SrtpPolicy::Required;
    let places = if is_secret && offer.fax().is_some() { VecDeque::new() } else { places };
    let places = places_for(&offer, places, trace).map_err(Ending::refused)?;
    let caller_id = caller_id::incoming(directory, invitation);
    let losses = Vec::new();
    let dial = Dial { callee, caller_id, known: None, change: None, taken, rate: None, places, losses, offer };
    Ok(Errand::Dial(Box::new(dial)))
}

/// Why the PBX is nowhere.
fn not_there(lost: Option<&Arc<str>>, trace: &mut Trace) -> Refusal {
    let Some(node) = lost else {
        trace.failed(RefusalKind::PbxNotRegistered, "neither registered nor at a fixed address", "a registration");
        return Refusal::new(RefusalKind::PbxNotRegistered);
    };
    let seen = format!("registered at node {node}, which is lost");
    let sentence =
        format!("the PBX is registered at node {node}, of which nothing is heard; let it register at one that lives");
    trace.failed(RefusalKind::PbxNotRegistered, seen, "a registration at a node that lives");
    Refusal::saying(RefusalKind::PbxNotRegistered, sentence)
}

/// How much who calls wants its sound secured. Inside, the calling profile's policy was applied before.
fn caller_srtp(opening: &Opening) -> SrtpPolicy {
    match opening.invitation.proof {
        Proof::Carrier(id) => opening.directory.carrier(id).map(|carrier| carrier.srtp).unwrap_or_default(),
        Proof::Inside(_) => SrtpPolicy::Preferred,
        Proof::Credentials(_) | Proof::Source(_) => SrtpPolicy::default(),
    }
}

/// What the caller's side does about fax over T.38; inside likewise.
fn caller_t38(opening: &Opening) -> FaxPolicy {
    match opening.invitation.proof {
        Proof::Carrier(id) => opening.directory.carrier(id).map(|carrier| carrier.t38).unwrap_or_default(),
        Proof::Inside(_) | Proof::Credentials(_) | Proof::Source(_) => FaxPolicy::Relay,
    }
}

/// Where a PBX is, for the trace: its contact, where the address behind that is others' to find.
pub(super) fn place_of(pbx: &Pbx) -> Value {
    if pbx.peer == ELSEWHERE { Value::Text(Arc::clone(&pbx.contact)) } else { Value::Address(pbx.peer) }
}

/// The address of a PBX that is known by its contact alone.
const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Where the PBX is: where it registered (I1), or else at its fixed contact, or at the first address that it may call from (I7).
fn pbx(profile: &Profile, user: CalledUser, binding: Option<&Binding>) -> Option<Pbx> {
    let to_user: Option<Arc<str>> = match profile.incoming_to {
        IncomingTo::CalledNumber => None,
        IncomingTo::SipUsername => Some(profile.sip_user.clone()),
    };
    if let Some(binding) = binding {
        return Some(Pbx {
            contact: binding.contact.clone(),
            user,
            to_user,
            peer: binding.source,
            local: Some(binding.local),
            transport: binding.transport,
            flow: binding.flow,
            path: binding.path.clone(),
            beyond: binding.elsewhere.as_ref().map(|elsewhere| (elsewhere.source, elsewhere.transport)),
        });
    }
    let (peer, contact) = match (&profile.contact, profile.sources.first()) {
        (Some(contact), _) => (ELSEWHERE, Arc::clone(contact)),
        (None, Some(peer)) => (*peer, format!("sip:{peer}").into()),
        (None, None) => return None,
    };
    Some(Pbx {
        contact,
        user,
        to_user,
        peer,
        local: None,
        transport: Transport::Udp,
        flow: FlowTag::default(),
        path: Arc::default(),
        beyond: None,
    })
}
