//! A PBX dials a number of ours (R11): it is connected inside, by a second call to that number's profile, and never leaves to a carrier.
//!
//! The second call is a call of its own, with its own channel, books and record; joining the two is their house's.

use super::admitting::{Owner, Sold, no_route};
use super::{Call, Opening};
use crate::directory::Directory;
use crate::numbering;
use crate::registration::Binding;
use domain::call_control::{CallerId, Invitation, OutgoingInvitation, Proof};
use domain::refusal::RefusalKind;
use domain::{CallId, E164, Refusal, Wall};
use std::net::SocketAddr;
use std::sync::Arc;

/// How the second call of a call inside is opened. `own` is an address of ours; the node let the first in, and it stands for both.
pub fn opening_inside(
    first: &Call,
    order: &OutgoingInvitation,
    id: CallId,
    own: SocketAddr,
    binding: Option<Arc<Binding>>,
) -> Opening {
    let record = first.record();
    let (from_user, anonymous) = match order.caller_id {
        CallerId::Number(number) => (number.to_string(), false),
        CallerId::Anonymous => (String::new(), true),
    };
    let invitation = Invitation {
        proof: Proof::Inside(record.profile),
        source: own,
        certificate: None,
        dialled: order.callee.to_string(),
        from_user,
        from_display: String::new(),
        preferred_identity: None,
        asserted_identity: None,
        remote_party: None,
        anonymous,
        diverted_from: Vec::new(),
        headers: order.manner.headers.clone(),
        offer: Some(order.offer.clone()),
        is_signalling_secret: true,
        sip_call_id: record.sip_call_id.clone(),
    };
    let directory = Arc::clone(&first.directory);
    Opening { id, invitation, directory, binding, partner: Some(first.id()), gate: None, breaker: None }
}

/// What a call inside costs its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Price {
    /// Nothing: it stays in the company.
    Free,
    /// What any call to that number costs: it goes to another company.
    Usual,
}

/// Whether the called number is ours, and what the call costs then; none where it is somebody else's.
///
/// # Errors
/// 404 where it rings nowhere: a carrier would only bring the call back. 482 where it would come back to who makes it (RFC 5393).
pub(super) fn called(
    directory: &Directory,
    caller: &Owner,
    invitation: &Invitation,
    callee: E164,
) -> Result<Option<Price>, Refusal> {
    let Some(entry) = directory.number(callee) else { return Ok(None) };
    let Some(called) = entry.profile else {
        return Err(Refusal::saying(RefusalKind::NumberUnassigned, format!("{callee} is assigned to no profile")));
    };
    let has_been_there = |user: &String| numbering::plain(user).parse::<E164>().is_ok_and(|number| number == callee);
    if called == caller.profile.id {
        let sentence = format!("{callee} is a number of this very PBX; let the PBX connect the call inside");
        return Err(Refusal::saying(RefusalKind::LoopDetected, sentence));
    }
    if invitation.diverted_from.iter().any(has_been_there) {
        let sentence = format!("The call was diverted from {callee} and would come back there");
        return Err(Refusal::saying(RefusalKind::LoopDetected, sentence));
    }
    Ok(Some(if entry.company == caller.company.id { Price::Free } else { Price::Usual }))
}

/// The rate of a call inside.
///
/// # Errors
/// 404 where it is to cost something and no price is configured.
pub(super) fn rate(caller: &Owner, callee: E164, price: Price, at: Wall) -> Result<Option<Sold>, Refusal> {
    match price {
        Price::Free => Ok(None),
        Price::Usual => Sold::of(&caller.company, callee, at).map(Some).ok_or_else(|| no_route("price", callee)),
    }
}
