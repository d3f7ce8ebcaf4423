//! Phase one, at birth: who calls, what they may, and where to. Emergency first (O3), money last.
//!
//! Whether a channel and credit are free is asked in `reserving`; what comes from outside is looked at in `receiving`.

use super::ending::Ending;
use super::{Opening, caller_id, inside, manners, receiving};
use crate::directory::{Carrier, Company, Directory, Profile};
use crate::{numbering, routing};
use domain::call_control::{CallerId, Invitation, Manner, Pbx, Proof, Whereto};
use domain::call_record::CallDirection;
use domain::fact::CallerIdChange;
use domain::header::HeaderLine;
use domain::media::{MediaDescription, Mismatch};
use domain::refusal::RefusalKind;
use domain::srtp::SrtpPolicy;
use domain::{CallId, E164, Entropy, Refusal};
use rating::Rate;
use std::collections::VecDeque;
use std::sync::Arc;

/// Characters of a From user that a refusal repeats at most.
const REPEATED_MAX: usize = 32;

/// Whose call it is: of an outbound call who calls, of an inbound one who is called.
#[derive(Clone, Debug)]
pub(super) struct Owner {
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
    /// Who is shown.
    pub(super) caller_id: CallerId,
    /// The number behind it, for carriers that are trusted.
    pub(super) known: Option<E164>,
    /// Why another number is shown than was asked for or configured, where one is.
    pub(super) change: Option<CallerIdChange>,
    /// The header lines that may pass.
    pub(super) taken: Vec<HeaderLine>,
    /// None for a free call.
    pub(super) rate: Option<Rate>,
    /// Those that have not been tried, in order.
    pub(super) places: VecDeque<Place>,
    /// Those that are not tried because they cost more than the call is sold for.
    pub(super) losses: Vec<Arc<Carrier>>,
    pub(super) offer: MediaDescription,
}

/// Where the called side may be.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Behind a carrier.
    Carrier(Arc<Carrier>),
    /// At the called company's own PBX.
    Pbx { pbx: Pbx, manner: Manner },
    /// At a number of ours: a second call is joined to this one (R11).
    Inside,
}

impl Place {
    /// As a leg is told.
    pub(super) fn whereto(&self) -> Whereto {
        match self {
            Place::Carrier(carrier) => Whereto::Carrier(carrier.id),
            Place::Pbx { pbx, .. } => Whereto::Pbx(pbx.clone()),
            Place::Inside => Whereto::Inside,
        }
    }

    /// The carrier, where it is one.
    pub(super) fn carrier(&self) -> Option<&Arc<Carrier>> {
        match self {
            Place::Carrier(carrier) => Some(carrier),
            Place::Pbx { .. } | Place::Inside => None,
        }
    }
}

/// Who a proof names: of several profiles at one source, the one whose SIP user From carries (S5), otherwise the first; of what
/// a carrier sends, the profile that is called. None where the directory knows nobody of them (any more): such a call has no
/// owner and leaves no record.
pub(super) fn identify(directory: &Directory, invitation: &Invitation) -> Result<Owner, Refusal> {
    let known = |id| {
        let profile = directory.profile(id)?;
        Some(Owner { company: directory.company(profile.company)?.clone(), profile: profile.clone() })
    };
    match &invitation.proof {
        Proof::Credentials(id) => known(*id).ok_or_else(|| Refusal::new(RefusalKind::BadCredentials)),
        Proof::Source(candidates) => {
            let candidates: Vec<Owner> = candidates.iter().filter_map(|id| known(*id)).collect();
            let named = candidates.iter().position(|caller| *caller.profile.sip_user == *invitation.from_user);
            let chosen = candidates.into_iter().nth(named.unwrap_or(0));
            chosen.ok_or_else(|| Refusal::new(RefusalKind::IpNotAllowed))
        }
        Proof::Carrier(_) | Proof::Inside(_) => {
            let profile = receiving::called_profile(directory, invitation)?;
            known(profile).ok_or_else(|| Refusal::new(RefusalKind::NumberUnassigned))
        }
    }
}

/// Whether any profile that the proof names means an emergency service (O3): before From is looked at, they may differ in country.
pub(super) fn is_emergency(directory: &Directory, invitation: &Invitation) -> bool {
    let means = |id: &domain::ProfileId| directory.is_emergency(*id, &invitation.dialled);
    match &invitation.proof {
        Proof::Credentials(id) => means(id),
        Proof::Source(candidates) => candidates.iter().any(means),
        Proof::Carrier(_) | Proof::Inside(_) => false,
    }
}

/// What is wanted, and whether it may be.
pub(super) fn admit(opening: &Opening, owner: &Owner) -> Result<Errand, Ending> {
    match opening.invitation.proof.direction() {
        CallDirection::Outbound => admit_outbound(opening, owner),
        CallDirection::Inbound => receiving::admit(opening, owner),
    }
}

/// What the caller may do, in the order of design 7: emergency, caller, dialled number, the node's own limits, route, sound.
fn admit_outbound(opening: &Opening, caller: &Owner) -> Result<Errand, Ending> {
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
        offer(directory, invitation, caller.profile.srtp).map_err(Ending::refused)?;
        return Ok(Errand::Echo);
    };
    dial(opening.id, directory, caller, invitation, callee)
        .map(|dial| Errand::Dial(Box::new(dial)))
        .map_err(Ending::refused)
}

fn check_caller(caller: &Owner, invitation: &Invitation) -> Result<(), Refusal> {
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
fn destination(directory: &Directory, caller: &Owner, invitation: &Invitation) -> Result<Option<E164>, Refusal> {
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

fn dial(
    call: CallId,
    directory: &Directory,
    caller: &Owner,
    invitation: &Invitation,
    callee: E164,
) -> Result<Dial, Refusal> {
    let presented = caller_id::choose(directory, caller, invitation, callee)?;
    let (rate, places, losses) = match inside::called(directory, caller, invitation, callee)? {
        Some(price) => (inside::rate(caller, callee, price)?, VecDeque::from([Place::Inside]), Vec::new()),
        None => {
            let (rate, places, losses) = outside(call, directory, caller, callee)?;
            (Some(rate), places, losses)
        }
    };
    Ok(Dial {
        losses,
        callee,
        caller_id: presented.shown,
        known: presented.known,
        change: presented.change,
        taken: manners::taken(directory, caller, invitation),
        rate,
        places,
        offer: offer(directory, invitation, caller.profile.srtp)?,
    })
}

/// What a call that leaves us costs, who carries it, and who would at a loss.
type Outside = (Rate, VecDeque<Place>, Vec<Arc<Carrier>>);

fn outside(call: CallId, directory: &Directory, caller: &Owner, callee: E164) -> Result<Outside, Refusal> {
    // Drawn from the call's own name, which is chance enough, and the same wherever the call is told again.
    let mut chance = Entropy::from_seed(call.bits().to_le_bytes());
    let carriers = routing::carriers(directory, callee, caller.company.currency, &mut chance);
    let rate = routing::rate(&caller.company, callee).ok_or_else(|| no_route("price", callee))?;
    if carriers.is_empty() {
        return Err(no_route("carrier", callee));
    }
    let is_loss =
        |carrier: &Arc<Carrier>| !directory.settings().loss_allowed && routing::is_at_a_loss(carrier, callee, rate);
    let (losses, places): (Vec<_>, Vec<_>) = carriers.into_iter().partition(is_loss);
    if places.is_empty() {
        return Err(Refusal::new(RefusalKind::RouteAtLoss));
    }
    Ok((rate.clone(), places.into_iter().map(Place::Carrier).collect(), losses))
}

pub(super) fn no_route(missing: &str, callee: E164) -> Refusal {
    Refusal::saying(RefusalKind::NoRoute, format!("No {missing} is configured for {callee}"))
}

/// What the caller offers, as far as its trunk takes it. An INVITE without an offer cannot be carried: there would be nothing to
/// offer the called side.
pub(super) fn offer(
    directory: &Directory,
    invitation: &Invitation,
    srtp: SrtpPolicy,
) -> Result<MediaDescription, Refusal> {
    let Some(offer) = &invitation.offer else {
        let sentence = "The INVITE has no session description; send the offer in the INVITE";
        return Err(Refusal::saying(RefusalKind::NoCommonCodec, sentence));
    };
    let permitted = offer.permitted(srtp).map_err(mismatched)?;
    if permitted.audio().is_none() {
        return Err(RefusalKind::NoCommonCodec.into());
    }
    if srtp == SrtpPolicy::Required && directory.settings().srtp_needs_tls && !invitation.is_signalling_secret {
        let sentence = "SRTP is required here, and its keys came where others can read them; call over TLS";
        return Err(Refusal::saying(RefusalKind::SrtpRequired, sentence));
    }
    Ok(permitted)
}

fn mismatched(mismatch: Mismatch) -> Refusal {
    match mismatch {
        Mismatch::PlainOnly => RefusalKind::SrtpRequired.into(),
        Mismatch::SecureOnly => RefusalKind::SrtpOff.into(),
        Mismatch::NoKnownSuite => {
            let sentence =
                "The offer has SRTP with no key that can be used; offer a=crypto with AES_CM_128_HMAC_SHA1_80";
            Refusal::saying(RefusalKind::NoCommonCodec, sentence)
        }
    }
}
